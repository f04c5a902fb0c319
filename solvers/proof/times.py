"""Times of visits, returns and departures."""

from __future__ import annotations

from collections.abc import Callable

from solvers.plan import Route, Visit
from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, by_route, parameter, visits_of


def _by_visit(late: Callable[[Visit, Rule], int]) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        return sum(late(visit, rule) for _, _, visit, _ in visits_of(rule, facts))

    return measure


def _outside(visit: Visit, rule: Rule) -> int:
    start, end = parameter(rule, "start_s"), parameter(rule, "end_s")
    return max(0, start - visit.service_start_s) + max(0, visit.service_start_s - end)


def _is_outside(visit: Visit, rule: Rule) -> int:
    return int(visit.service_start_s < parameter(rule, "start_s") or visit.service_start_s > parameter(rule, "end_s"))


def _late(visit: Visit, rule: Rule) -> int:
    return max(0, visit.service_start_s - parameter(rule, "end_s"))


def _done_late(visit: Visit, rule: Rule) -> int:
    return max(0, visit.departure_s - parameter(rule, "end_s"))


def _waited(route: Route, *_: object) -> int:
    return sum(visit.service_start_s - visit.arrival_s for visit in route.visits)


def _ends(route: Route, *_: object) -> int:
    return route.end_s


def _too_early(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "start_s") - route.start_s) for route, _, _ in facts.of(rule))


def _waves(rule: Rule, facts: Facts) -> int:
    slot = parameter(rule, "slot_s", 1_800)
    starts = [route.start_s // slot for route, _, _ in facts.of(rule)]
    return sum(max(0, starts.count(one) - parameter(rule, "limit")) for one in set(starts))


MEASURES: dict[str, Measure] = {
    "window": _by_visit(_outside),
    "window_missed": _by_visit(_is_outside),
    "lateness": _by_visit(_late),
    "done_by": _by_visit(_done_late),
    "max_waiting": by_route(_waited, "limit_s"),
    "latest_return": by_route(_ends, "end_s"),
    "earliest_departure": _too_early,
    "dock_wave": _waves,
}
