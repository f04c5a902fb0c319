"""Chances of service inside the window, from the spread of arrivals; scipy's normal distribution judges."""

from __future__ import annotations

from collections.abc import Iterator

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, in_scope, integer, parameter


def in_window_permille(seconds_left: int, spread_s: int) -> int:
    """Permille of arrivals that come at most ``seconds_left`` after their planned time."""
    from scipy.special import ndtr  # half a second to load, for days that ask for chances

    if spread_s <= 0:
        return 1_000 if seconds_left >= 0 else 0
    return round(1_000 * float(ndtr(seconds_left / spread_s)))


def chances(rule: Rule, facts: Facts) -> Iterator[tuple[str, int]]:
    """Order and permille of each visit to an order with a window."""
    for route, _, visits in facts.of(rule):
        gone = [route.start_s, *(one.departure_s for one in route.reloads)]
        for visit, order in visits:
            if not order.windows or not in_scope(rule, order):
                continue
            ends = [w.end_s for w in order.windows if w.start_s <= visit.service_start_s <= w.end_s]
            spread = parameter(rule, "spread_s", 120) + integer(order.attributes.get("eta_spread_s"))
            spread += (visit.arrival_s - gone[visit.trip]) * parameter(rule, "spread_permille", 50) // 1_000
            left = (max(ends) if ends else visit.service_start_s) - visit.arrival_s
            yield order.order_id, in_window_permille(left, spread)


def _short(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "target_permille", 900) - one) for _, one in chances(rule, facts))


MEASURES: dict[str, Measure] = {
    "on_time_chance": _short,
    "expected_lateness": lambda rule, facts: sum(1_000 - one for _, one in chances(rule, facts)),
}
