"""Chance: how likely service begins in its window, from the spread of the predicted arrival; slack that pays is bought.

The arrival at a stop is taken as normal about its planned time. Its spread grows with the time since the trip left:
``spread_s`` + ``spread_permille`` of it, and what the order itself adds (attribute ``eta_spread_s``, the standard
deviation that the ETA model's quantiles give: (p90 - p10) / 2.563).
"""

from __future__ import annotations

import math
from functools import lru_cache

from solvers.families.base import Parameter, RouteView, RuleType, number, over, whole
from solvers.problem import Order, Rule


@lru_cache(maxsize=200_000)
def permille_before(seconds_left: int, spread_s: int) -> int:
    """Probability in permille that a normal arrival is at most ``seconds_left`` later than planned."""
    if spread_s <= 0:
        return 1_000 if seconds_left >= 0 else 0
    return round(500 * math.erfc(-seconds_left / (spread_s * math.sqrt(2))))


def spread_s(rule: Rule, order: Order, elapsed_s: int) -> int:
    """Standard deviation of the arrival at ``order`` after ``elapsed_s`` seconds of its trip."""
    grown = elapsed_s * number(rule, "spread_permille") // 1_000
    return number(rule, "spread_s") + grown + whole(order.attributes.get("eta_spread_s"))


def _chances(rule: Rule, view: RouteView) -> list[int]:
    """Permille in the window, for each order concerned that has one."""
    left = [view.timing.start_s, *(one.departure_s for one in view.timing.reloads)]
    found = []
    for trip, order, arrival, service in zip(
        view.trips, view.stops, view.timing.arrivals, view.timing.services, strict=True
    ):
        if (rule.orders and order.order_id not in rule.orders) or not order.windows:
            continue
        last = max((w.end_s for w in order.windows if w.start_s <= service <= w.end_s), default=service)
        found.append(permille_before(last - arrival, spread_s(rule, order, arrival - left[trip])))
    return found


def _unlikely(rule: Rule, view: RouteView) -> int:
    """Permille by which the orders concerned fall short of ``target_permille``, added up."""
    target = number(rule, "target_permille")
    return sum(over(target, one) for one in _chances(rule, view))


def _expected_late(rule: Rule, view: RouteView) -> int:
    """Permille of being late, added up: a price per permille is a thousandth of the price of one late order."""
    return sum(1_000 - one for one in _chances(rule, view))


_SPREAD = {
    "spread_s": Parameter("integer", "standard deviation of an arrival at the beginning of a trip, seconds", 120),
    "spread_permille": Parameter("integer", "what it grows by, permille of the time since the trip left", 50),
}

TYPES = (
    RuleType(
        "on_time_chance",
        "chance",
        "the chance of service inside its window is below a target",
        "permille",
        {"target_permille": Parameter("integer", "the chance asked for, permille", 900), **_SPREAD},
        route=_unlikely,
        relax=("target_permille", -1),
        orders_have=("eta_spread_s",),
        authority="promise",
        prefers_slack=True,
    ),
    RuleType(
        "expected_lateness",
        "chance",
        "the expected number of late orders, each at a price",
        "permille",
        _SPREAD,
        route=_expected_late,
        orders_have=("eta_spread_s",),
        authority="promise",
        prefers_slack=True,
    ),
)
