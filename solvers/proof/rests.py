"""Whether a driver rests as the rule asks, judged on a route's stated breaks and legs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from solvers.plan import Route
from solvers.problem import Rule, Vehicle
from solvers.proof.facts import Facts

Found = Iterator[tuple[str, str]]


def _events(route: Route, vehicle: Vehicle, visits: Any, facts: Facts) -> list[tuple[str, int, int]]:
    """The route as spans (``drive``, ``work`` or ``rest``, from, until); driving is what a leg's breaks leave of it."""
    seconds, place = facts.roads.seconds, facts.roads.place
    depot = place[vehicle.depot_id]
    spans: list[tuple[str, int, int]] = []

    def leg(clock: int, seconds: int, position: int, until: int) -> int:
        left = seconds
        for one in sorted((b for b in route.breaks if b.position == position), key=lambda b: b.start_s):
            if one.start_s < clock or one.end_s > until:
                continue
            step = min(left, one.start_s - clock)
            spans.append(("drive", clock, clock + step))
            left -= step
            if clock + step < one.start_s:
                spans.append(("work", clock + step, one.start_s))
            spans.append(("rest", one.start_s, one.end_s))
            clock = one.end_s
        spans.append(("drive", clock, clock + left))
        return clock + left

    clock, here, trip = route.start_s, depot, 0
    for number, (visit, order) in enumerate(visits):
        if visit.trip != trip and trip < len(route.reloads):
            reload = route.reloads[trip]
            clock = leg(clock, seconds(vehicle, here, depot, clock), number, reload.arrival_s)
            spans.append(("work", clock, reload.departure_s))
            clock, here, trip = reload.departure_s, depot, visit.trip
        clock = leg(clock, seconds(vehicle, here, order.location, clock), number, visit.arrival_s)
        spans.append(("work", clock, visit.departure_s))
        clock, here = visit.departure_s, order.location
    if not vehicle.open_end:
        end = place[vehicle.end_depot_id or vehicle.depot_id]
        leg(clock, seconds(vehicle, here, end, clock), len(visits), route.end_s)
    return spans


def _after_driving(driving_s: int, break_s: int) -> Callable[[Rule, Facts], Found]:
    def check(rule: Rule, facts: Facts) -> Found:
        limit = rule.parameters.get("driving_s", driving_s)
        rest = rule.parameters.get("break_s", break_s)
        assert isinstance(limit, int) and isinstance(rest, int)  # noqa: S101 - refused when the problem was made
        for route, vehicle, visits in facts.of(rule):
            driven = 0
            for kind, start, end in _events(route, vehicle, visits, facts):
                if kind == "drive":
                    driven += end - start
                    if driven > limit:
                        yield vehicle.vehicle_id, f"drives {driven} s without a break of {rest} s, may drive {limit}"
                        break
                elif kind == "rest" and end - start >= rest:
                    driven = 0

    return check


def _after_work(rule: Rule, facts: Facts) -> Found:
    limit, rest = rule.parameters.get("work_s", 21_600), rule.parameters.get("break_s", 1_800)
    assert isinstance(limit, int) and isinstance(rest, int)  # noqa: S101 - refused when the problem was made
    for route, vehicle, visits in facts.of(rule):
        since = route.start_s
        for kind, start, end in _events(route, vehicle, visits, facts):
            if kind == "rest" and end - start >= rest:
                since = end
            elif end - since > limit and kind != "rest":
                yield vehicle.vehicle_id, f"works {end - since} s without a rest of {rest} s, may work {limit}"
                break


def _meal(rule: Rule, facts: Facts) -> Found:
    earliest, latest = rule.parameters["earliest_s"], rule.parameters["latest_s"]
    rest = rule.parameters.get("break_s", 1_800)
    assert isinstance(earliest, int) and isinstance(latest, int) and isinstance(rest, int)  # noqa: S101
    for route, vehicle, _ in facts.of(rule):
        taken = any(earliest <= one.start_s <= latest and one.end_s - one.start_s >= rest for one in route.breaks)
        if route.end_s > latest and not taken:
            yield vehicle.vehicle_id, f"no break of {rest} s begins between {earliest} and {latest}"


REST_CHECKS: dict[str, Callable[[Rule, Facts], Found]] = {
    "eu561": _after_driving(16_200, 2_700),
    "fmcsa": _after_driving(28_800, 1_800),
    "working_time_break": _after_work,
    "meal_break": _meal,
}
"""Types that ask for rests -> the check."""
