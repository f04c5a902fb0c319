"""A plan as the rows it is published as."""

from __future__ import annotations

from datetime import datetime
from datetime import time as clock_time
from typing import Any

import pandas as pd

from domain import tables
from models.route_day import RouteDay
from orchestration.planning.arrivals import with_arrivals
from orchestration.planning.inputs import DayInputs
from orchestration.planning.risk import risk_of_failure
from solvers import Plan, PlanningProblem, Route, Unserved


def _in_words(one: Unserved) -> str:
    """Why an order is unserved, what keeps it out, and the cheapest way to let it in."""
    parts = [one.explanation]
    if one.conflict:
        parts.append("kept out by: " + "; ".join(one.conflict))
    if one.relaxations:
        way = one.relaxations[0]
        parts.append(f"cheapest way ({way.authority}, {way.price_minor} minor units more): {way.what}")
    return ". ".join(parts)


def plan_frames(
    day: DayInputs, problem: PlanningProblem, outcome: Plan, verified: bool, learned: RouteDay | None
) -> dict[str, pd.DataFrame]:
    """Rows by qualified table name; times in UTC. ``verified``: the proof found no broken rule; ``learned``: how past

    routes ran, from which each stop's arrival gets its interval (None: nothing is known).
    """
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
