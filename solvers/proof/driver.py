"""The driver's hours as amounts; rests are judged by ``proof.rests``."""

from __future__ import annotations

from solvers.plan import Route
from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, by_route, driving, parameter, span


def _on_duty(route: Route, *_: object) -> int:
    return route.end_s - route.start_s - sum(one.end_s - one.start_s for one in route.breaks)


def _fmcsa(rule: Rule, facts: Facts) -> int:
    return by_route(driving, "daily_driving_s", 39_600)(rule, facts) + by_route(span, "window_s", 50_400)(rule, facts)


def _nothing(rule: Rule, facts: Facts) -> int:
    """Rests are judged by ``proof.rests``; there is no amount of them."""
    return 0


def _daily_rest(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, vehicle, _ in facts.of(rule):
        ended = vehicle.attributes.get("last_shift_end_s")
        if type(ended) is int:
            rested = route.start_s + parameter(rule, "day_s", 86_400) - ended
            total += max(0, parameter(rule, "rest_s", 39_600) - rested)
    return total


MEASURES: dict[str, Measure] = {
    "eu561": by_route(driving, "daily_driving_s", 32_400),
    "fmcsa": _fmcsa,
    "working_time_break": _nothing,
    "meal_break": _nothing,
    "max_driving": by_route(driving, "limit_s"),
    "max_working": by_route(_on_duty, "limit_s"),
    "daily_rest": _daily_rest,
}
