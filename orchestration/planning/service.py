"""Plan a day and publish it: verified first, all its rows in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain import tables
from domain.errors import InputError, PlanningError
from orchestration.lake import Lake
from orchestration.planning.arrivals import route_day
from orchestration.planning.build import build_problem, plannable
from orchestration.planning.frames import plan_frames
from orchestration.planning.inputs import DayInputs, day_inputs
from solvers import Plan, PlanningProblem, SolveSettings, Violation, plan, verify
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


def plan_file(home: Path, source: str, service_date: date) -> Path:
    """Where the plan of a date lies as a table."""
    return home / "reports" / f"plan-{source}-{service_date}.csv"


EXPLAIN_S = 10.0
"""For the conflicts and relaxations of what is unserved."""


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
    frames = plan_frames(inputs, problem, outcome, not violations, route_day(lake, inputs))
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
    frames = plan_frames(inputs, problem, outcome, not violations, route_day(lake, inputs))
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
