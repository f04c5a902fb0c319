"""Docks: departures in waves, what a dock can load in a slot of time, when it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from solvers.families.base import (
    Parameter,
    RouteSummary,
    RouteView,
    RuleType,
    applies_to_vehicle,
    number,
    numbers,
    over,
)
from solvers.problem import PlanningProblem, Rule


def _departures(rule: Rule, routes: Sequence[RouteSummary]) -> Iterator[tuple[str, int, int]]:
    """Depot, moment and parcels of every departure of the vehicles concerned."""
    for route in routes:
        if applies_to_vehicle(rule, route.vehicle):
            for moment, parcels in route.departures:
                yield route.vehicle.depot_id, moment, parcels


def _rate(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Parcels above ``limit`` that leave one depot within a slot of ``slot_s`` seconds."""
    slots: Counter[tuple[str, int]] = Counter()
    for depot, moment, parcels in _departures(rule, routes):
        slots[depot, moment // number(rule, "slot_s")] += parcels
    return sum(over(count, number(rule, "limit")) for count in slots.values())


def _doors(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Vehicles above ``limit`` that load at one depot at once: each holds a door ``loading_s`` before it leaves."""
    loading = number(rule, "loading_s")
    by_depot: dict[str, list[int]] = {}
    for depot, moment, _ in _departures(rule, routes):
        by_depot.setdefault(depot, []).append(moment)
    excess = 0
    for moments in by_depot.values():
        # at each beginning of a loading: how many are loading then
        for begin in sorted({moment - loading for moment in moments}):
            here = sum(moment - loading <= begin < moment for moment in moments)
            excess = max(excess, over(here, number(rule, "limit")))
    return excess


def _off_wave(rule: Rule, view: RouteView) -> int:
    """Seconds between each departure and the wave before it that it may still join (``tolerance_s``)."""
    waves, tolerance = numbers(rule, "waves"), number(rule, "tolerance_s")
    left = [view.timing.start_s, *(one.departure_s for one in view.timing.reloads)]
    return sum(over(min((abs(moment - wave) for wave in waves), default=0), tolerance) for moment in left)


def _closed(rule: Rule, view: RouteView) -> int:
    """Seconds that departures lie before ``start_s`` or after ``end_s``."""
    left = [view.timing.start_s, *(one.departure_s for one in view.timing.reloads)]
    return sum(over(number(rule, "start_s"), one) + over(one, number(rule, "end_s")) for one in left)


def _waves(rule: Rule) -> tuple[int, ...]:
    return tuple(wave + late for wave in numbers(rule, "waves") for late in (0, number(rule, "tolerance_s")))


def _closing(rule: Rule) -> tuple[int, ...]:
    return (number(rule, "end_s"),)


_SLOT = {"slot_s": Parameter("integer", "length of a slot, seconds", 1_800, least=1)}

TYPES = (
    RuleType(
        "dock_rate",
        "docks",
        "parcels that one depot can load in a slot of time",
        "parcel",
        {**_SLOT, "limit": Parameter("integer", "parcels in a slot")},
        plan=_rate,
        relax=("limit", 1),
    ),
    RuleType(
        "dock_doors",
        "docks",
        "vehicles that load at one depot at once",
        "vehicle",
        {
            "loading_s": Parameter("integer", "a door is held for, seconds", 1_800, least=1),
            "limit": Parameter("integer", "doors"),
        },
        plan=_doors,
        relax=("limit", 1),
    ),
    RuleType(
        "departure_waves",
        "docks",
        "departures in waves",
        "s",
        {
            "waves": Parameter("integers", "moments of the waves, seconds after midnight"),
            "tolerance_s": Parameter("integer", "a departure may be off its wave by, seconds", 300),
        },
        route=_off_wave,
        relax=("tolerance_s", 1),
        monotone=False,
        departures=_waves,
    ),
    RuleType(
        "dock_hours",
        "docks",
        "departures outside the hours of the dock",
        "s",
        {
            "start_s": Parameter("integer", "from, seconds after midnight", 0),
            "end_s": Parameter("integer", "until, seconds after midnight"),
        },
        route=_closed,
        relax=("end_s", 1),
        monotone=False,
        departures=_closing,
    ),
)
