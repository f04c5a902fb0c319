"""Goods that ride together, compartments, sums over a trip."""

from __future__ import annotations

import math
from fractions import Fraction

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, by_trip, codes, in_scope, integer, listed, parameter


def _segregation(rule: Rule, facts: Facts) -> int:
    name, total = parameter(rule, "attribute", "goods"), 0
    for _, _, visits in facts.of(rule):
        for trip in by_trip(tuple(one for one in visits if in_scope(rule, one[1]))):
            aboard = set().union(*(codes(order.attributes.get(name)) for _, order in trip))
            total += sum(set(pair.split("|", 1)) <= aboard for pair in listed(parameter(rule, "pairs")))
    return total


def _alone(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(order.order_id in rule.orders for _, order in trip)
        for _, _, visits in facts.of(rule)
        for trip in by_trip(visits)
        if len(trip) > 1
    )


def _apart(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        count = sum(in_scope(rule, order) for _, order in visits)
        total += count * (count - 1) // 2
    return total


def _compartments(rule: Rule, facts: Facts) -> int:
    name, prefix = parameter(rule, "attribute", "goods"), parameter(rule, "prefix", "compartment_")
    measure, total = parameter(rule, "amount", "amount"), 0
    for _, vehicle, visits in facts.of(rule):
        for trip in by_trip(tuple(one for one in visits if in_scope(rule, one[1]))):
            for code in set().union(*(codes(order.attributes.get(name)) for _, order in trip)):
                used = sum(
                    integer(order.attributes.get(measure), 1) * listed(order.attributes.get(name)).count(code)
                    for _, order in trip
                )
                total += max(0, used - integer(vehicle.attributes.get(f"{prefix}{code}")))
    return total


def _trip_sum(default: str | None, by_vehicle: bool = False) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name, total = parameter(rule, "attribute", default), 0
        for _, vehicle, visits in facts.of(rule):
            limit = integer(vehicle.attributes.get(name)) if by_vehicle else parameter(rule, "limit")
            for trip in by_trip(visits):
                amount = sum(integer(order.attributes.get(name)) for _, order in trip if in_scope(rule, order))
                total += max(0, amount - limit)
        return total

    return measure


def _trip_count(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, sum(in_scope(rule, order) for _, order in trip) - parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
        for trip in by_trip(visits)
    )


def _distinct(rule: Rule, facts: Facts) -> int:
    name, total = parameter(rule, "attribute"), 0
    for _, _, visits in facts.of(rule):
        values = set().union(*(codes(o.attributes.get(name)) for _, o in visits if in_scope(rule, o)))
        total += max(0, len(values) - parameter(rule, "limit"))
    return total


def _axles(rule: Rule, facts: Facts) -> int:
    """Kilograms above the axles' limits, each leg of each trip reckoned from the goods still aboard."""
    total = 0
    for _, vehicle, visits in facts.of(rule):
        has = vehicle.attributes
        base, bed = integer(has.get("wheelbase_mm")), integer(has.get("bed_start_mm"))
        if base == 0:
            continue
        worst = 0
        for trip in by_trip(tuple(one for one in visits if in_scope(rule, one[1]))):
            goods = [order for _, order in trip if order.kind != "pickup"]
            for first in range(len(goods)):
                aboard = goods[first:]
                rear = Fraction(0)
                for n, order in enumerate(aboard):
                    ahead = sum(integer(later.attributes.get("length_mm")) for later in aboard[n + 1 :])
                    middle = bed + ahead + Fraction(integer(order.attributes.get("length_mm")), 2)
                    rear += order.load.mass_g * middle / base
                front = sum(order.load.mass_g for order in aboard) - rear
                over = 0
                for name, load in (("front", front), ("rear", rear)):
                    limit = integer(has.get(f"axle_{name}_max_kg")) - integer(has.get(f"axle_{name}_empty_kg"))
                    over += max(0, math.ceil(load / 1_000 - limit))
                worst = max(worst, over)
        total += worst
    return total


MEASURES: dict[str, Measure] = {
    "goods_segregation": _segregation,
    "rides_alone": _alone,
    "orders_apart": _apart,
    "compartments": _compartments,
    "axle_load": _axles,
    "cash_limit": _trip_sum("cash_minor"),
    "value_limit": _trip_sum("value_minor"),
    "hazard_points": _trip_sum("hazard_points"),
    "attribute_limit": _trip_sum(None),
    "attribute_capacity": _trip_sum(None, by_vehicle=True),
    "count_limit": _trip_count,
    "distinct_limit": _distinct,
}
