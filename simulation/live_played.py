"""A live day when it is over: its routes as they became and its log; records and truth are made as for any day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulation.actions import DoorActions
from simulation.batch import NOT_BEGUN, DayLog
from simulation.doors import NEVER
from simulation.live_parts import Route, Visit
from simulation.plans import DayPlan
from simulation.setup import DaySetup


def final_setup(
    setup: DaySetup, door: DoorActions, routes: Sequence[Route], visits: Sequence[Visit], planned_start: Sequence[int]
) -> DaySetup:
    """The setup with the routes as they became."""
    by_route: list[list[Visit]] = [[] for _ in routes]
    for visit in in_order(setup, visits):
        by_route[visit.route].append(visit)
    lengths = [len(one) for one in by_route]
    started = [planned_start[one.number] if one.number < len(planned_start) else one.begin for one in routes]
    plan = DayPlan(
        route_ids=tuple(one.route_id for one in routes),
        vehicle=np.array([one.vehicle for one in routes], dtype=np.int64),
        driver=np.array([one.driver for one in routes], dtype=np.int64),
        driver_ids=tuple(one.driver_id for one in routes),
        depot=np.array([one.depot for one in routes], dtype=np.int64),
        starts_s=np.array([one.begin for one in routes], dtype=np.int64),
        stops=np.array([one.order for part in by_route for one in part], dtype=np.int64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        told_s=np.array([one.told_s for part in by_route for one in part], dtype=np.int64),
    )
    return replace(setup, plan=plan, actions=door, start_s=np.array(started, dtype=np.int64), told_s=plan.told_s)


def in_order(setup: DaySetup, visits: Sequence[Visit]) -> list[Visit]:
    """Visits by route, in the order of the plan where nothing was changed."""
    place = {int(order): number for number, order in enumerate(setup.plan.stops.tolist())}
    moved = {int(o): int(r) for o, r in zip(setup.plan.stops, setup.plan.route_of_stop, strict=True)}

    def key(visit: Visit) -> tuple[int, int, int]:
        planned = visit.attempt == 1 and moved.get(visit.order) == visit.route
        return (visit.route, 0 if planned else 1, place[visit.order] if planned else visit.end_s)

    return sorted(visits, key=key)


def day_log(setup: DaySetup, routes: Sequence[Route], visits: Sequence[Visit]) -> DayLog:
    """The day as arrays, for records, invoices and truth."""
    ordered = in_order(setup, visits)

    def column(name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in ordered], dtype=np.int64)

    return DayLog(
        order=column("order"),
        route=column("route"),
        attempt=column("attempt"),
        told_s=column("told_s"),
        arrive_s=column("arrive_s"),
        start_s=column("start_s"),
        end_s=column("end_s"),
        code=column("code"),
        leg_m=column("leg_m"),
        went=np.array([one.went for one in ordered], dtype=bool),
        route_start_s=np.array([one.begin if one.begun else NOT_BEGUN for one in routes], dtype=np.int64),
        route_end_s=np.array([one.ended_s if one.begun else NEVER for one in routes], dtype=np.int64),
        route_m=np.array([one.metres for one in routes], dtype=np.int64),
        notes=[],
    )
