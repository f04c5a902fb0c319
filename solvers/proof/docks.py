"""Docks: parcels in a slot, vehicles at the doors, departures in waves and inside hours."""

from __future__ import annotations

from collections import defaultdict

from solvers.plan import Route
from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, integer, listed, parameter


def _moments(route: Route) -> list[int]:
    """When each trip of a route leaves."""
    return [route.start_s, *(one.departure_s for one in route.reloads)]


def _rate(rule: Rule, facts: Facts) -> int:
    slot = parameter(rule, "slot_s", 1_800)
    loaded: dict[tuple[str, int], int] = defaultdict(int)
    paired = {order.pickup_of for order in facts.problem.orders if order.pickup_of}
    for route, vehicle, visits in facts.of(rule):
        for visit, order in visits:
            if order.kind == "delivery" and order.order_id not in paired:
                loaded[vehicle.depot_id, _moments(route)[visit.trip] // slot] += order.load.parcels
    return sum(max(0, parcels - parameter(rule, "limit")) for parcels in loaded.values())


def _doors(rule: Rule, facts: Facts) -> int:
    held = parameter(rule, "loading_s", 1_800)
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for route, vehicle, _ in facts.of(rule):
        for moment in _moments(route):
            changes[vehicle.depot_id] += [(moment - held, 1), (moment, -1)]
    worst = 0
    for events in changes.values():
        loading = 0
        for _, change in sorted(events):  # who leaves makes room for who begins at the same moment
            loading += change
            worst = max(worst, loading - parameter(rule, "limit"))
    return worst


def _waves(rule: Rule, facts: Facts) -> int:
    waves = [integer(one) for one in listed(parameter(rule, "waves"))]
    off = [
        min(abs(moment - wave) for wave in waves)
        for route, _, _ in facts.of(rule)
        for moment in _moments(route)
        if waves
    ]
    return sum(max(0, one - parameter(rule, "tolerance_s", 300)) for one in off)


def _hours(rule: Rule, facts: Facts) -> int:
    begin, end = parameter(rule, "start_s", 0), parameter(rule, "end_s")
    return sum(max(begin - one, one - end, 0) for route, _, _ in facts.of(rule) for one in _moments(route))


MEASURES: dict[str, Measure] = {
    "dock_rate": _rate,
    "dock_doors": _doors,
    "departure_waves": _waves,
    "dock_hours": _hours,
}
