"""Plan a day and publish it: verified first, all its rows in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain import tables
from domain.errors import InputError, PlanningError
from models.route_day import RouteDay
from orchestration.lake import Lake
from orchestration.planning.arrivals import route_day, with_arrivals
from orchestration.planning.build import build_problem, plannable
from orchestration.planning.inputs import DayInputs, day_inputs
from orchestration.planning.risk import risk_of_failure
from solvers import Plan, PlanningProblem, Route, SolveSettings, Unserved, Violation, plan, verify
from solvers.conflicts import with_conflicts
from solvers.planner import assemble

PUBLISHED = (tables.PLANS, tables.ROUTES, tables.PLAN_STOPS, tables.UNSERVED_ORDERS, tables.PARAMETER_USES)
STARVED_ENGINE, MORE_TIME = "insertion", 3
"""The engine that is left when the search did not come to a plan in its time, and how much more time it then gets."""
CSV_COLUMNS = [
    "route_id",
    "vehicle_id",
    "sequence",
    "order_id",
    "arrival",
    "service_start",
    "departure",
    "leg_m",
    "leg_s",
]


@dataclass(frozen=True)
class PlannedDay:
    """A plan with what it was made from and the rows it is published as."""

    inputs: DayInputs
    problem: PlanningProblem
    plan: Plan
    violations: list[Violation]
    frames: dict[str, pd.DataFrame]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        return not self.violations

    def write_csv(self, path: Path) -> Path:
        """The plan as a file that anyone can check; local times."""
        stops = self.frames[tables.PLAN_STOPS.qualified_name]
        routes = self.frames[tables.ROUTES.qualified_name][["route_id", "vehicle_id"]]
        frame = stops.merge(routes, on="route_id", how="left")
        for name in ("arrival", "service_start", "departure"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(self.inputs.timezone)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        frame.reindex(columns=CSV_COLUMNS).to_csv(draft, index=False, date_format="%Y-%m-%dT%H:%M:%S%z")
        draft.replace(path)
        return path


EXPLAIN_S = 10.0
"""For the conflicts and relaxations of what is unserved."""


def _in_words(one: Unserved) -> str:
    """Why an order is unserved, what keeps it out, and the cheapest way to let it in."""
    parts = [one.explanation]
    if one.conflict:
        parts.append("kept out by: " + "; ".join(one.conflict))
    if one.relaxations:
        way = one.relaxations[0]
        parts.append(f"cheapest way ({way.authority}, {way.price_minor} minor units more): {way.what}")
    return ". ".join(parts)


def plan_day(
    lake: Lake,
    source: str,
    service_date: date,
    *,
    seconds: float = 10.0,
    seed: int = 0,
    iterations: int | None = None,
    as_of: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> PlannedDay:
    """Plan one service date for all depots and fleets of a source, and verify it.

    A day without orders or drivers gives a plan without routes; what is unserved says why. Orders that no route can be
    made for (no position, no known depot) are unserved too; they count with the first depot.
    """
    inputs, left = plannable(day_inputs(lake, source, service_date, as_of))
    problem = build_problem(inputs)
    outcome = _search(problem, SolveSettings(seconds=seconds, seed=seed, iterations=iterations), progress)
    violations = verify(problem, outcome)
    if outcome.unserved and iterations is None and not violations:  # with an iteration budget all runs are the same
        outcome = with_conflicts(problem, outcome, seconds=min(EXPLAIN_S, seconds))
    outcome = replace(
        outcome,
        unserved=(*outcome.unserved, *left),
        penalty_minor=outcome.penalty_minor + sum(one.penalty_minor for one in left),
    )
    frames = _frames(inputs, problem, outcome, not violations, route_day(lake, inputs))
    plans = frames[tables.PLANS.qualified_name]
    metadata = {
        "date": service_date.isoformat(),
        "served": outcome.served,
        "unserved": len(outcome.unserved),
        "cost_minor": outcome.cost_minor,
        "currency": problem.currency,
        "km": round(sum(route.distance_m for route in outcome.routes) / 1_000, 3),
        "vehicles": len(outcome.routes),
        "verified": not violations,
        "solver_s": round(outcome.solver_s, 3),
        "as_of": inputs.as_of.isoformat(),
        "depots": len(plans),
    }
    return PlannedDay(inputs, problem, outcome, violations, frames, metadata)


def replanned(
    lake: Lake,
    source: str,
    service_date: date,
    sequences: Mapping[str, Sequence[str]],
    as_of: datetime,
    *,
    widened: Mapping[str, datetime] | None = None,
    without: Collection[str] = (),
) -> PlannedDay:
    """The date with routes that somebody decided (vehicle -> orders): timed, priced and verified, not searched.

    ``widened``: promises that end later than the lake says yet; ``without``: orders that leave the date. Orders that
    are not of the date any more are left out.

    Raises:
        InputError: a route cannot be driven as it is told.
    """
    inputs, left = plannable(day_inputs(lake, source, service_date, as_of))
    if widened or without:
        orders = inputs.orders[~inputs.orders["order_id"].isin(list(without))].reset_index(drop=True)
        ends = orders["order_id"].map(dict(widened or {}))
        orders["window_end"] = pd.to_datetime(ends, utc=True).fillna(pd.to_datetime(orders["window_end"], utc=True))
        inputs = replace(inputs, orders=orders)
    problem = build_problem(inputs)
    known = {order.order_id for order in problem.orders}
    kept = {name: [one for one in ids if one in known] for name, ids in sequences.items()}
    try:
        outcome = assemble(problem, kept, engine="decided", seed=0, solver_s=0.0, deadline=time.monotonic() + 1.0)
    except AssertionError as error:
        raise InputError(f"the plan of {service_date} cannot be changed so: {error}") from None
    violations = verify(problem, outcome)
    outcome = replace(
        outcome,
        unserved=(*outcome.unserved, *left),
        penalty_minor=outcome.penalty_minor + sum(one.penalty_minor for one in left),
    )
    frames = _frames(inputs, problem, outcome, not violations, route_day(lake, inputs))
    return PlannedDay(inputs, problem, outcome, violations, frames)


def _search(problem: PlanningProblem, settings: SolveSettings, progress: Callable[[str], None] | None) -> Plan:
    """The plan; once more with more time where a busy machine gave the search no turn and orders are left."""
    first = plan(problem, settings, progress)
    if settings.iterations is not None or first.engine != STARVED_ENGINE or not first.unserved:
        return first
    longer = replace(settings, seconds=settings.seconds * MORE_TIME)
    if progress:
        progress(f"the search had no turn in {settings.seconds:g} s; once more with {longer.seconds:g} s")
    return min(first, plan(problem, longer, progress), key=lambda one: one.cost_minor)


def publish(lake: Lake, planned: PlannedDay) -> int:
    """Replace the source's plan of the date; returns the lake snapshot that holds it.

    Raises:
        PlanningError: the verifier found a violation; such a plan is never published.
    """
    if planned.violations:
        raise PlanningError(
            f"the plan of {planned.inputs.service_date} breaks {len(planned.violations)} rules, "
            f"the first: {planned.violations[0]}"
        )
    where = {"source": [planned.inputs.source], "service_date": [planned.inputs.service_date]}

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        for table in PUBLISHED:
            Lake.replace_in(connection, table, where, planned.frames[table.qualified_name])

    lake.write(write)
    return lake.snapshot_id()


def _frames(
    day: DayInputs, problem: PlanningProblem, outcome: Plan, verified: bool, learned: RouteDay | None
) -> dict[str, pd.DataFrame]:
    midnight = pd.Timestamp(datetime.combine(day.service_date, clock_time(), day.timezone))
    basis = {
        "service_date": day.service_date,
        "source": day.source,
        "as_of": pd.Timestamp(day.as_of),
        "lake_snapshot": day.lake_snapshot,
    }
    kinds = day.fleets.set_index("fleet_id")["kind"].to_dict()
    drivers = {vehicle.vehicle_id: vehicle.driver_id for vehicle in problem.vehicles}
    orders = {order.order_id: order for order in problem.orders}
    depots = _depots_of(problem, outcome)

    def plan_id(depot_id: str) -> str:
        return f"{day.source}-{day.service_date}-{depot_id}"

    def at(seconds: int) -> pd.Timestamp:
        return (midnight + pd.Timedelta(seconds=seconds)).tz_convert("UTC")

    routes, stops = [], []
    starts: dict[str, pd.Timestamp] = {}
    for route in outcome.routes:
        route_id = f"{plan_id(route.depot_id)}-{route.vehicle_id}"
        starts[route_id] = at(route.start_s)
        visited = [orders[visit.order_id] for visit in route.visits]
        routes.append(
            {
                **basis,
                "plan_id": plan_id(route.depot_id),
                "route_id": route_id,
                "depot_id": route.depot_id,
                "fleet_id": route.fleet_id,
                "fleet_kind": str(kinds.get(route.fleet_id, route.fleet_id)),
                "vehicle_id": route.vehicle_id,
                "driver_id": drivers[route.vehicle_id],
                "starts_at": at(route.start_s),
                "ends_at": at(route.end_s),
                "stops": len(visited),
                "distance_m": route.distance_m,
                "duration_s": route.duration_s,
                "mass_g": sum(o.load.mass_g for o in visited),
                "volume_ml": sum(o.load.volume_ml for o in visited),
                "parcels": sum(o.load.parcels for o in visited),
                "cost_minor": route.cost_minor,
            }
        )
        for number, visit in enumerate(route.visits, start=1):
            stops.append(
                {
                    **basis,
                    "plan_id": plan_id(route.depot_id),
                    "route_id": route_id,
                    "sequence": number,
                    "order_id": visit.order_id,
                    "arrival": at(visit.arrival_s),
                    "service_start": at(visit.service_start_s),
                    "departure": at(visit.departure_s),
                    "leg_m": visit.leg_m,
                    "leg_s": visit.leg_s,
                }
            )
    unserved = [
        {
            **basis,
            "plan_id": plan_id(depots[one.order_id]),
            "order_id": one.order_id,
            "reason": one.reason,
            "explanation": _in_words(one),
            "penalty_minor": one.penalty_minor,
        }
        for one in outcome.unserved
    ]
    return {
        tables.PLANS.qualified_name: _of(
            tables.PLANS,
            [
                _plan_row(basis, plan_id(depot.depot_id), depot.depot_id, problem, outcome, verified)
                for depot in problem.depots
            ],
        ),
        tables.ROUTES.qualified_name: _of(tables.ROUTES, routes),
        tables.PLAN_STOPS.qualified_name: _with_beliefs(_of(tables.PLAN_STOPS, stops), starts, day, learned),
        tables.UNSERVED_ORDERS.qualified_name: _of(tables.UNSERVED_ORDERS, unserved),
        tables.PARAMETER_USES.qualified_name: _uses(
            day, stops, [plan_id(one.depot_id) for one in problem.depots], basis
        ),
    }


def _uses(day: DayInputs, stops: list[dict[str, Any]], plan_ids: list[str], basis: dict[str, Any]) -> pd.DataFrame:
    """Learned parameters that the plans were made with: those read for the whole day, and those of the driven legs."""
    beliefs, rows = day.beliefs, []
    if not beliefs:
        return _of(tables.PARAMETER_USES, [])
    whole = dict(beliefs.used)
    zones = day.orders.set_index("order_id")["zone_id"]
    for plan_id in plan_ids:
        beliefs.used.clear()
        own = [one for one in stops if one["plan_id"] == plan_id]
        before: dict[str, str] = {}
        legs = []
        for one in own:
            here = str(zones[one["order_id"]])
            start = before.get(one["route_id"], f"depot:{plan_id.removeprefix(f'{day.source}-{day.service_date}-')}")
            hour = one["arrival"].tz_convert(day.timezone).hour
            legs.append((start, here, hour, hour in day.wet_hours))
            before[one["route_id"]] = here
        beliefs.note_legs(legs)
        for (kind, subject), times in sorted({**whole, **beliefs.used}.items()):
            rows.append(
                {
                    **basis,
                    "plan_id": plan_id,
                    "kind": kind,
                    "subject": subject,
                    "value": beliefs.values[kind, subject],
                    "times": times,
                    "parameter_as_of": beliefs.as_of,
                }
            )
    beliefs.used.clear()
    beliefs.used.update(whole)
    return _of(tables.PARAMETER_USES, rows)


def _depots_of(problem: PlanningProblem, outcome: Plan) -> dict[str, str]:
    """The depot of each order; of one that is not in the problem, the first."""
    own = {order.order_id: order.depot_id for order in problem.orders}
    return {one.order_id: problem.depots[0].depot_id for one in outcome.unserved} | own


def _of(table: tables.Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=list(table.column_names))


def _plan_row(
    basis: dict[str, Any], plan_id: str, depot_id: str, problem: PlanningProblem, outcome: Plan, verified: bool
) -> dict[str, Any]:
    routes: list[Route] = [route for route in outcome.routes if route.depot_id == depot_id]
    orders = {order.order_id: order for order in problem.orders}
    depots = _depots_of(problem, outcome)
    left = [one for one in outcome.unserved if depots[one.order_id] == depot_id]
    transport = sum(route.cost_minor for route in routes)
    risk = sum(
        orders[visit.order_id].expected_failure_minor(route.fleet_id) for route in routes for visit in route.visits
    )
    penalty = sum(one.penalty_minor for one in left)
    first = problem.depots[0].depot_id
    return {
        **basis,
        "plan_id": plan_id,
        "depot_id": depot_id,
        # prices of soft rules belong to the whole plan: they count with the first depot, so that plans add up
        "cost_minor": transport + risk + penalty + (outcome.rule_minor if depot_id == first else 0),
        "currency": problem.currency,
        "transport_minor": transport,
        "risk_minor": risk,
        "penalty_minor": penalty,
        "served": sum(len(route.visits) for route in routes),
        "unserved": len(left),
        "routes": len(routes),
        "distance_m": sum(route.distance_m for route in routes),
        "duration_s": sum(route.duration_s for route in routes),
        "solver_s": outcome.solver_s,
        "engine": outcome.engine,
        "verified": verified,
        "seed": outcome.seed,
    }


def _with_beliefs(
    stops: pd.DataFrame, starts: dict[str, pd.Timestamp], day: DayInputs, learned: RouteDay | None
) -> pd.DataFrame:
    """Positions, promises and predictions of each stop.

    An ETA is cumulated along its route as past routes went; without such a history, the planned arrival plus its
    predicted error.
    """
    if stops.empty:
        return stops
    orders = day.orders.set_index("order_id")
    for name in ("lat", "lon", "window_start", "window_end"):
        stops[name] = stops["order_id"].map(orders[name])
    beliefs = day.predictions
    stops["p_failed"] = stops["order_id"].map(risk_of_failure(day)).astype(float)
    late = beliefs[beliefs["task"] == "late"].set_index("order_id")["probability"]
    stops["p_late"] = stops["order_id"].map(late).astype(float)
    if learned is not None:
        return with_arrivals(stops, starts, learned)
    eta = beliefs[beliefs["task"] == "eta"].set_index("order_id")
    for quantile in ("p10", "p50", "p90"):
        error_s = pd.to_numeric(stops["order_id"].map(eta[f"{quantile}_s"]), errors="coerce")
        stops[f"eta_{quantile}"] = stops["arrival"] + pd.to_timedelta(error_s.round(), unit="s")
    return stops
