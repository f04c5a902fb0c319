"""Sequence: what comes before what, first, last, together, or within how long of each other.

Parameters hold ids of orders; a rule is kept where none of its orders is on the route.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from solvers.families.base import (
    Parameter,
    RouteSummary,
    RouteView,
    RuleType,
    concerned,
    many,
    number,
    over,
    text,
    whole,
)
from solvers.problem import PICKUP, PlanningProblem, Rule


def _positions(rule: Rule, view: RouteView) -> dict[str, int]:
    wanted = set(many(rule.parameters.get("sequence")))
    return {order.order_id: n for n, order in enumerate(view.stops) if order.order_id in wanted}


def _precedence(rule: Rule, view: RouteView) -> int:
    """Pairs of ``sequence`` on the route in the wrong order; each out of order is one unit."""
    at = _positions(rule, view)
    listed = [at[one] for one in many(rule.parameters["sequence"]) if one in at]
    return sum(first > second for n, first in enumerate(listed) for second in listed[n + 1 :])


def _consecutive(rule: Rule, view: RouteView) -> int:
    """Those of ``sequence`` on the route must follow each other directly; each break of it is one unit."""
    at = _positions(rule, view)
    listed = [at[one] for one in many(rule.parameters["sequence"]) if one in at]
    return sum(second != first + 1 for first, second in pairwise(listed))


def _first(rule: Rule, view: RouteView) -> int:
    """Orders concerned come before all others of the route; each other one before them is one unit."""
    seen_other = excess = 0
    for order in view.stops:
        if order.order_id in rule.orders:
            excess += seen_other
        else:
            seen_other += 1
    return excess


def _last(rule: Rule, view: RouteView) -> int:
    """Orders concerned come after all others of the route; each other one after them is one unit."""
    seen = excess = 0
    for order in view.stops:
        if order.order_id in rule.orders:
            seen += 1
        else:
            excess += seen
    return excess


def _early_position(rule: Rule, view: RouteView) -> int:
    """Orders concerned are among the first ``limit`` stops; each place later is one unit."""
    limit = number(rule, "limit")
    return sum(over(n + 1, limit) for n, order in enumerate(view.stops) if order.order_id in rule.orders)


def _attribute_order(rule: Rule, view: RouteView) -> int:
    """Along a trip the attribute never rises (heavy before light, upright before fragile); each rise is one unit."""
    name = text(rule, "attribute")
    excess, last_trip, last = 0, -1, 0
    for trip, order in zip(view.trips, view.stops, strict=True):
        if rule.orders and order.order_id not in rule.orders:
            continue
        value = whole(order.attributes.get(name))
        if trip == last_trip and value > last:
            excess += 1
        last_trip, last = trip, value
    return excess


def _lifo(rule: Rule, view: RouteView) -> int:
    """What was picked up last is delivered first; each delivery from under another load is one unit."""
    stack: list[str] = []
    excess = 0
    stops = concerned(rule, view.stops)
    here = {order.order_id for order in stops}
    for order in stops:
        if order.kind == PICKUP and order.pickup_of in here:
            stack.append(order.pickup_of)
        elif order.order_id in stack:
            excess += len(stack) - 1 - stack.index(order.order_id)
            stack.remove(order.order_id)
    return excess


def _ride_time(rule: Rule, view: RouteView) -> int:
    """Seconds beyond ``limit_s`` between leaving a pickup (or the depot) and reaching its delivery."""
    limit = number(rule, "limit_s")
    taken: dict[str, int] = {}
    left = [view.timing.start_s, *(one.departure_s for one in view.timing.reloads)]
    excess = 0
    for trip, order, arrival, service in zip(
        view.trips, view.stops, view.timing.arrivals, view.timing.services, strict=True
    ):
        if order.kind == PICKUP:
            if order.pickup_of:
                taken[order.pickup_of] = service + order.service_s
        elif not rule.orders or order.order_id in rule.orders:
            excess += over(arrival - taken.get(order.order_id, left[trip]), limit)
    return excess


def _apart_in_time(rule: Rule, view: RouteView) -> int:
    """Service of successive ``sequence`` members on the route is at most ``limit_s`` apart."""
    at = {o.order_id: s for o, s in zip(view.stops, view.timing.services, strict=True)}
    listed = [at[one] for one in many(rule.parameters["sequence"]) if one in at]
    limit = number(rule, "limit_s")
    return sum(over(abs(second - first), limit) for first, second in pairwise(listed))


def _spaced_in_time(rule: Rule, view: RouteView) -> int:
    """Service of successive ``sequence`` members on the route is at least ``limit_s`` apart."""
    at = {o.order_id: s for o, s in zip(view.stops, view.timing.services, strict=True)}
    listed = [at[one] for one in many(rule.parameters["sequence"]) if one in at]
    limit = number(rule, "limit_s")
    return sum(over(limit, abs(second - first)) for first, second in pairwise(listed))


def _same_vehicle(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Served orders concerned are all on one route; each further route is one unit."""
    return over(sum(bool(route.order_ids & rule.orders) for route in routes), 1)


def _together(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """All of the orders concerned are served or none; each left out beside a served one is one unit."""
    served = sum(len(route.order_ids & rule.orders) for route in routes)
    return len(rule.orders) - served if served else 0


def _different_vehicles(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Served orders concerned are on routes of their own; each one too many on a route is one unit."""
    return sum(over(len(route.order_ids & rule.orders), 1) for route in routes)


def _requires(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """The orders concerned are served only where all of ``needed`` are; each missing one is one unit."""
    served = frozenset().union(*(route.order_ids for route in routes)) if routes else frozenset()
    return len(set(many(rule.parameters["needed"])) - served) if served & rule.orders else 0


_SEQUENCE = {"sequence": Parameter("texts", "ids of orders, in the sequence meant")}
_LIMIT_S = {"limit_s": Parameter("integer", "limit, seconds")}

TYPES = (
    RuleType(
        "precedence",
        "sequence",
        "orders in the wrong order",
        "pair",
        _SEQUENCE,
        route=_precedence,
    ),
    RuleType(
        "consecutive",
        "sequence",
        "orders that must follow each other directly",
        "gap",
        _SEQUENCE,
        route=_consecutive,
        monotone=False,
    ),
    RuleType("served_first", "sequence", "orders that come first", "stop", route=_first),
    RuleType("served_last", "sequence", "orders that come last", "stop", route=_last),
    RuleType(
        "early_position",
        "sequence",
        "orders among the first stops of a route",
        "place",
        {"limit": Parameter("integer", "the last place allowed")},
        route=_early_position,
        relax=("limit", 1),
    ),
    RuleType(
        "attribute_order",
        "sequence",
        "along a trip an attribute never rises",
        "rise",
        {"attribute": Parameter("text", "the order's attribute")},
        route=_attribute_order,
    ),
    RuleType("lifo", "sequence", "last in, first out", "load", route=_lifo),
    RuleType("max_ride", "sequence", "time aboard", "s", _LIMIT_S, route=_ride_time, relax=("limit_s", 1)),
    RuleType(
        "close_in_time",
        "sequence",
        "services within a time of each other",
        "s",
        {**_SEQUENCE, **_LIMIT_S},
        route=_apart_in_time,
        relax=("limit_s", 1),
        monotone=False,
    ),
    RuleType(
        "spaced_in_time",
        "sequence",
        "services at least some time apart",
        "s",
        {**_SEQUENCE, **_LIMIT_S},
        route=_spaced_in_time,
        relax=("limit_s", -1),
        monotone=False,
    ),
    RuleType("same_vehicle", "sequence", "orders on one route", "route", plan=_same_vehicle),
    RuleType("different_vehicles", "sequence", "orders on different routes", "order", plan=_different_vehicles),
    RuleType("all_or_none", "sequence", "all of the orders or none", "order", plan=_together),
    RuleType(
        "requires",
        "sequence",
        "served only with other orders",
        "order",
        {"needed": Parameter("texts", "ids of the orders that must be served too")},
        plan=_requires,
    ),
)
