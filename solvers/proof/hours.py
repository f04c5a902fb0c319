"""Hours of places, zones and drivers."""

from __future__ import annotations

from solvers.plan import Route
from solvers.problem import Rule, Vehicle
from solvers.proof.facts import Facts, Measure, codes, driving, integer, listed, parameter, visits_of


def _common(first: int, last: int, begin: int, end: int) -> int:
    """Seconds that two spans share."""
    return max(0, min(last, end) - max(first, begin))


def _closed(rule: Rule, facts: Facts) -> int:
    begin, end = parameter(rule, "start_s"), parameter(rule, "end_s")
    return sum(
        _common(visit.service_start_s, visit.service_start_s + facts.roads.service_s(order), begin, end)
        for _, _, visit, order in visits_of(rule, facts)
    )


def _zones(rule: Rule, facts: Facts) -> int:
    begin, end, total = parameter(rule, "start_s"), parameter(rule, "end_s"), 0
    for _, vehicle, visit, order in visits_of(rule, facts):
        zones = codes(order.attributes.get("zone")) & codes(parameter(rule, "zones"))
        if zones - codes(vehicle.attributes.get("zone_permits")):
            total += visit.arrival_s < end and visit.departure_s > begin
    return total


def _early(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "start_s") - v.service_start_s) for _, _, v, _ in visits_of(rule, facts))


def _target(rule: Rule, facts: Facts) -> int:
    low = parameter(rule, "target_s") - parameter(rule, "tolerance_s", 0)
    high = parameter(rule, "target_s") + parameter(rule, "tolerance_s", 0)
    return sum(
        max(low - visit.service_start_s, visit.service_start_s - high, 0) for _, _, visit, _ in visits_of(rule, facts)
    )


def _certified(rule: Rule, facts: Facts) -> int:
    missing = 0
    for _, vehicle, visit, _ in visits_of(rule, facts):
        for code in listed(parameter(rule, "codes")):
            missing += code not in vehicle.certifications or vehicle.certifications[code] < visit.departure_s
    return missing


def _duty(route: Route) -> int:
    return route.end_s - route.start_s - sum(one.end_s - one.start_s for one in route.breaks)


def _had(vehicle: Vehicle, name: str) -> int:
    return integer(vehicle.attributes.get(name))


def _weekly(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, vehicle, visits in facts.of(rule):
        driven = driving(route, vehicle, visits, facts)
        total += max(0, driven + _had(vehicle, "driven_week_s") - parameter(rule, "week_s", 201_600))
        total += max(0, driven + _had(vehicle, "driven_fortnight_s") - parameter(rule, "fortnight_s", 324_000))
    return total


def _cycle(rule: Rule, facts: Facts) -> int:
    limit = parameter(rule, "cycle_s", 252_000)
    return sum(max(0, _duty(route) + _had(vehicle, "duty_in_cycle_s") - limit) for route, vehicle, _ in facts.of(rule))


def _night(rule: Rule, facts: Facts) -> int:
    first, last = parameter(rule, "night_from_s", 0), parameter(rule, "night_until_s", 14_400)
    total = 0
    for route, _, visits in facts.of(rule):
        nights = [(first + 86_400 * day, last + 86_400 * day) for day in (-1, 0, 1)]
        if visits and any(route.start_s < end and begin < route.end_s for begin, end in nights):
            total += max(0, _duty(route) - parameter(rule, "limit_s", 36_000))
    return total


def _late_out(rule: Rule, facts: Facts) -> int:
    return sum(max(0, route.start_s - parameter(rule, "start_s")) for route, _, _ in facts.of(rule))


def _too_short(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "limit_s") - route.duration_s) for route, _, visits in facts.of(rule) if visits)


MEASURES: dict[str, Measure] = {
    "closed_hours": _closed,
    "zone_hours": _zones,
    "earliness": _early,
    "target_time": _target,
    "certified": _certified,
    "weekly_driving": _weekly,
    "duty_cycle": _cycle,
    "night_work": _night,
    "latest_departure": _late_out,
    "min_duration": _too_short,
}
