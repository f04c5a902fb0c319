"""Weather: who is out in bad hours, and how little time is left; slower legs and longer service are in ``roads``."""

from __future__ import annotations

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, codes, parameter, visits_of


def _out(rule: Rule, facts: Facts) -> int:
    begin, end = parameter(rule, "start_s", 0), parameter(rule, "end_s", 86_400)
    return sum(
        max(0, min(end, route.end_s) - max(begin, route.start_s))
        for route, vehicle, _ in facts.of(rule)
        if codes(vehicle.attributes.get("vehicle_class")) & codes(parameter(rule, "classes", ("bike", "moped")))
    )


def _tight(rule: Rule, facts: Facts) -> int:
    begin, end, total = parameter(rule, "start_s", 0), parameter(rule, "end_s", 86_400), 0
    for _, _, visit, order in visits_of(rule, facts):
        start = visit.service_start_s
        ends = [w.end_s for w in order.windows if w.start_s <= start <= w.end_s]
        if begin <= start <= end and ends:
            total += max(0, parameter(rule, "buffer_s") - (max(ends) - start))
    return total


def _changes_the_problem(rule: Rule, facts: Facts) -> int:
    return 0


MEASURES: dict[str, Measure] = {
    "weather_speed": _changes_the_problem,
    "weather_service": _changes_the_problem,
    "weather_ban": _out,
    "weather_slack": _tight,
}
