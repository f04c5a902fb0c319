"""Goods: what may ride with what, in which compartment, at which temperature, how much of it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from solvers.families.base import Parameter, RouteView, RuleType, concerned, many, number, over, text, whole
from solvers.problem import PICKUP, Order, Rule, Vehicle


def _carried(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The order's goods must be among those the vehicle can carry (temperature class, hazard class)."""
    name = text(rule, "attribute", "goods")
    return len(set(many(order.attributes.get(name))) - set(many(vehicle.attributes.get(name))))


def _on_each_trip(rule: Rule, view: RouteView) -> list[list[Order]]:
    trips: dict[int, list[Order]] = {}
    for trip, order in zip(view.trips, view.stops, strict=True):
        if not rule.orders or order.order_id in rule.orders:
            trips.setdefault(trip, []).append(order)
    return list(trips.values())


def _segregated(rule: Rule, view: RouteView) -> int:
    """Pairs of incompatible goods (``a|b``) that ride on one trip: one unit a pair."""
    name = text(rule, "attribute", "goods")
    excess = 0
    for trip in _on_each_trip(rule, view):
        aboard = {code for order in trip for code in many(order.attributes.get(name))}
        for pair in many(rule.parameters["pairs"]):
            first, _, second = pair.partition("|")
            excess += first in aboard and second in aboard
    return excess


def _alone(rule: Rule, view: RouteView) -> int:
    """Orders concerned that ride together with any other order on a trip."""
    excess = 0
    numbers = Counter(view.trips)
    for trip, order in zip(view.trips, view.stops, strict=True):
        if order.order_id in rule.orders:
            excess += numbers[trip] > 1
    return excess


def _orders_apart(rule: Rule, view: RouteView) -> int:
    """Pairs of the orders concerned on one route."""
    return len(list(combinations(concerned(rule, view.stops), 2)))


def _compartments(rule: Rule, view: RouteView) -> int:
    """Load of each class above its compartment: vehicle attribute ``<prefix><class>`` holds each limit."""
    name, prefix = text(rule, "attribute", "goods"), text(rule, "prefix", "compartment_")
    measure = text(rule, "amount", "amount")
    excess = 0
    for trip in _on_each_trip(rule, view):
        used: Counter[str] = Counter()
        for order in trip:
            for code in many(order.attributes.get(name)):
                used[code] += whole(order.attributes.get(measure), 1)
        for code, amount in used.items():
            excess += over(amount, whole(view.vehicle.attributes.get(f"{prefix}{code}")))
    return excess


def _sum_limited(rule: Rule, view: RouteView) -> int:
    """Sum of an attribute over a trip above ``limit`` (cash to collect, value, hazard points, pallets)."""
    name = text(rule, "attribute")
    limit = number(rule, "limit")
    return sum(
        over(sum(whole(order.attributes.get(name)) for order in trip), limit) for trip in _on_each_trip(rule, view)
    )


def _sum_by_vehicle(rule: Rule, view: RouteView) -> int:
    """Sum of an attribute over a trip above what the vehicle's attribute of the same name allows."""
    name = text(rule, "attribute")
    limit = whole(view.vehicle.attributes.get(name))
    return sum(
        over(sum(whole(order.attributes.get(name)) for order in trip), limit) for trip in _on_each_trip(rule, view)
    )


def _count_limited(rule: Rule, view: RouteView) -> int:
    """Orders concerned on one trip above ``limit``."""
    return sum(over(len(trip), number(rule, "limit")) for trip in _on_each_trip(rule, view))


def _distinct_limited(rule: Rule, view: RouteView) -> int:
    """Different values of an attribute on one route above ``limit`` (zones, customers, shippers)."""
    name = text(rule, "attribute")
    seen = {code for order in concerned(rule, view.stops) for code in many(order.attributes.get(name))}
    return over(len(seen), number(rule, "limit"))


def _axles(rule: Rule, view: RouteView) -> int:
    """Kilograms above the axles' limits on the worst leg; goods stand behind each other, the last stop's at the front.

    Each load rests on both axles by the lever of its middle (Pollaris et al. 2016, EURO J. Transp. Logist. 5(2)).
    """
    has = view.vehicle.attributes
    base = whole(has.get("wheelbase_mm"))
    if not base:
        return 0
    limits = [
        1_000 * (whole(has.get(f"axle_{name}_max_kg")) - whole(has.get(f"axle_{name}_empty_kg")))
        for name in ("front", "rear")
    ]
    worst = 0
    for trip in _on_each_trip(rule, view):
        behind, lever, mass = 2 * whole(has.get("bed_start_mm")), 0, 0
        for order in reversed([one for one in trip if one.kind != PICKUP]):
            length = whole(order.attributes.get("length_mm"))
            lever += order.load.mass_g * (behind + length)  # twice the millimetres to the middle of the load
            mass += order.load.mass_g
            behind += 2 * length
            front, rear = 2 * base * mass - lever, lever
            kilograms = [
                -(-over(load, 2 * base * limit) // (2_000 * base))
                for load, limit in zip((front, rear), limits, strict=True)
            ]
            worst = max(worst, sum(kilograms))
    return worst


def _sum(code: str, attribute: str, words: str, unit: str) -> RuleType:
    parameters = {
        "attribute": Parameter("text", "the order's attribute that is added up", attribute),
        "limit": Parameter("integer", "the largest sum on one trip"),
    }

    return RuleType(
        code, "goods", words, unit, parameters, route=_sum_limited, relax=("limit", 1), orders_have=(attribute,)
    )


_GOODS = {"attribute": Parameter("text", "the attribute that holds the goods' classes", "goods")}

TYPES = (
    RuleType(
        "goods_allowed",
        "goods",
        "the vehicle cannot carry these goods",
        "class",
        _GOODS,
        pair=_carried,
        orders_have=("goods",),
        vehicles_have=("goods",),
    ),
    RuleType(
        "goods_segregation",
        "goods",
        "goods that may not ride together",
        "pair",
        {**_GOODS, "pairs": Parameter("texts", "incompatible classes, each written first|second")},
        route=_segregated,
        orders_have=("goods",),
        authority="law",
    ),
    RuleType("rides_alone", "goods", "the order rides alone on its trip", "order", route=_alone),
    RuleType("orders_apart", "goods", "orders that may not be on one route", "pair", route=_orders_apart),
    RuleType(
        "compartments",
        "goods",
        "a compartment is full",
        "unit",
        {
            **_GOODS,
            "prefix": Parameter("text", "vehicle attributes <prefix><class> hold the limits", "compartment_"),
            "amount": Parameter("text", "the order's attribute with its amount (1 where it has none)", "amount"),
        },
        route=_compartments,
        orders_have=("goods", "amount"),
        vehicles_have=("compartment_<class>",),
    ),
    RuleType(
        "axle_load",
        "goods",
        "an axle carries too much on some leg",
        "kg",
        route=_axles,
        monotone=False,
        orders_have=("length_mm",),
        vehicles_have=(
            "wheelbase_mm",
            "bed_start_mm",
            "axle_front_max_kg",
            "axle_rear_max_kg",
            "axle_front_empty_kg",
            "axle_rear_empty_kg",
        ),
        authority="law",
    ),
    _sum("cash_limit", "cash_minor", "cash to collect on one trip", "minor"),
    _sum("value_limit", "value_minor", "insured value on one trip", "minor"),
    _sum("hazard_points", "hazard_points", "hazard points on one trip (ADR 1.1.3.6)", "point"),
    RuleType(
        "attribute_limit",
        "goods",
        "the sum of an attribute on one trip",
        "unit",
        {
            "attribute": Parameter("text", "the order's attribute that is added up"),
            "limit": Parameter("integer", "the largest sum on one trip"),
        },
        route=_sum_limited,
        relax=("limit", 1),
    ),
    RuleType(
        "attribute_capacity",
        "goods",
        "the vehicle's capacity in a dimension of your own (pallets, trolleys, seats)",
        "unit",
        {"attribute": Parameter("text", "the attribute of orders and vehicles")},
        route=_sum_by_vehicle,
    ),
    RuleType(
        "count_limit",
        "goods",
        "how many of certain orders one trip may carry",
        "order",
        {"limit": Parameter("integer", "the largest number on one trip")},
        route=_count_limited,
        relax=("limit", 1),
    ),
    RuleType(
        "distinct_limit",
        "goods",
        "how many different zones, customers or shippers one route may see",
        "value",
        {
            "attribute": Parameter("text", "the order's attribute"),
            "limit": Parameter("integer", "the largest number of values"),
        },
        route=_distinct_limited,
        relax=("limit", 1),
    ),
)
