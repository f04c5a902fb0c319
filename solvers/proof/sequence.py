"""Sequence, time aboard, orders that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, by_trip, codes, ids_of, in_scope, integer, listed, parameter


def _precedence(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        ids = ids_of(visits)
        for earlier, later in combinations(listed(parameter(rule, "sequence")), 2):
            total += earlier in ids and later in ids and ids.index(earlier) > ids.index(later)
    return total


def _consecutive(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        ids = ids_of(visits)
        present = [one for one in listed(parameter(rule, "sequence")) if one in ids]
        total += sum(ids.index(b) - ids.index(a) != 1 for a, b in pairwise(present))
    return total


def _first(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(one not in rule.orders for one in ids_of(visits)[:n])
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(ids_of(visits))
        if order_id in rule.orders
    )


def _last(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(one in rule.orders for one in ids_of(visits)[:n])
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(ids_of(visits))
        if order_id not in rule.orders
    )


def _early(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, n - parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(ids_of(visits), start=1)
        if order_id in rule.orders
    )


def _falling(rule: Rule, facts: Facts) -> int:
    name = parameter(rule, "attribute")
    return sum(
        integer(b[1].attributes.get(name)) > integer(a[1].attributes.get(name))
        for _, _, visits in facts.of(rule)
        for trip in by_trip(tuple(one for one in visits if in_scope(rule, one[1])))
        for a, b in pairwise(trip)
    )


def _lifo(rule: Rule, facts: Facts) -> int:
    """For each delivery: loads picked up after it that are still aboard."""
    total = 0
    for _, _, visits in facts.of(rule):
        scope = [order for _, order in visits if in_scope(rule, order)]
        at = {order.order_id: n for n, order in enumerate(scope)}
        spans = [(at[o.order_id], at[o.pickup_of]) for o in scope if o.pickup_of and o.pickup_of in at]
        total += sum(a1 < a2 < b1 < b2 for a1, b1 in spans for a2, b2 in spans)
    return total


def _ride(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, _, visits in facts.of(rule):
        gone = [route.start_s] + [one.departure_s for one in route.reloads]
        picked = {order.pickup_of: visit.departure_s for visit, order in visits if order.pickup_of}
        for visit, order in visits:
            if order.kind == "delivery" and in_scope(rule, order):
                aboard = visit.arrival_s - picked.get(order.order_id, gone[visit.trip] if visit.trip < len(gone) else 0)
                total += max(0, aboard - parameter(rule, "limit_s"))
    return total


def _gaps(rule: Rule, facts: Facts) -> Iterator[int]:
    for _, _, visits in facts.of(rule):
        at = {order.order_id: visit.service_start_s for visit, order in visits}
        present = [at[one] for one in listed(parameter(rule, "sequence")) if one in at]
        yield from (abs(b - a) for a, b in pairwise(present))


def _close(rule: Rule, facts: Facts) -> int:
    return sum(max(0, gap - parameter(rule, "limit_s")) for gap in _gaps(rule, facts))


def _spaced(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "limit_s") - gap) for gap in _gaps(rule, facts))


def _groups(rule: Rule, facts: Facts) -> list[int]:
    """How many of the rule's orders each route serves, routes with none left out; of all vehicles."""
    counts = [sum(order.order_id in rule.orders for _, order in visits) for _, _, visits in facts.routes]
    return [one for one in counts if one]


def _same_vehicle(rule: Rule, facts: Facts) -> int:
    return max(0, len(_groups(rule, facts)) - 1)


def _different_vehicles(rule: Rule, facts: Facts) -> int:
    return sum(one - 1 for one in _groups(rule, facts))


def _all_or_none(rule: Rule, facts: Facts) -> int:
    served = len(facts.served & rule.orders)
    return 0 if served == 0 else len(rule.orders) - served


def _requires(rule: Rule, facts: Facts) -> int:
    return len(codes(parameter(rule, "needed")) - facts.served) if facts.served & rule.orders else 0


MEASURES: dict[str, Measure] = {
    "precedence": _precedence,
    "consecutive": _consecutive,
    "served_first": _first,
    "served_last": _last,
    "early_position": _early,
    "attribute_order": _falling,
    "lifo": _lifo,
    "max_ride": _ride,
    "close_in_time": _close,
    "spaced_in_time": _spaced,
    "same_vehicle": _same_vehicle,
    "different_vehicles": _different_vehicles,
    "all_or_none": _all_or_none,
    "requires": _requires,
}
