"""Access: which vehicle can get to, or may drive to, a place. Compared attribute by attribute."""

from __future__ import annotations

from solvers.families.base import PairExcess, Parameter, RuleType, many, number, over, text, whole
from solvers.problem import Order, Rule, Vehicle


def _at_most(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The vehicle's number may not exceed the place's (a bridge, a weight limit); a place without one has none."""
    name = text(rule, "attribute")
    limit = order.attributes.get(name)
    return 0 if limit is None else over(whole(vehicle.attributes.get(name)), whole(limit))


def _at_least(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The vehicle's number must reach the order's (emission class, crew size)."""
    name = text(rule, "attribute")
    needed = order.attributes.get(name)
    return 0 if needed is None else over(whole(needed), whole(vehicle.attributes.get(name)))


def _holds_all(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The vehicle must hold every code that the order names (equipment, permits)."""
    name = text(rule, "attribute")
    held = many(vehicle.attributes.get(name))
    return sum(code not in held for code in many(order.attributes.get(name)))


def _is_one_of(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The vehicle's code must be one of those that the order allows."""
    name = text(rule, "attribute")
    allowed = many(order.attributes.get(name))
    return int(bool(allowed) and not set(many(vehicle.attributes.get(name))) & set(allowed))


def _zone_closed(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """Places of the named zones are closed to the vehicles concerned, unless these hold the zone's permit."""
    zones = set(many(order.attributes.get("zone"))) & set(many(rule.parameters["zones"]))
    return len(zones - set(many(vehicle.attributes.get("zone_permits"))))


def _territory(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """A vehicle with a territory serves its own zones; one order elsewhere is one unit."""
    own = many(vehicle.attributes.get("territory"))
    zones = many(order.attributes.get("zone"))
    return int(bool(own) and bool(zones) and not set(own) & set(zones))


def _not_allowed(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """The vehicles concerned may not serve the orders concerned."""
    return 1


def _only_these(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """Only vehicles (or fleets) named in ``allowed`` may serve the orders concerned."""
    allowed = many(rule.parameters["allowed"])
    return int(vehicle.vehicle_id not in allowed and vehicle.fleet_id not in allowed)


def _item_limit(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """One order may not be larger than ``limit`` in its attribute, on the vehicles concerned (heavy or long items)."""
    return over(whole(order.attributes.get(text(rule, "attribute"))), number(rule, "limit"))


def _attribute(name: str) -> dict[str, Parameter]:
    return {"attribute": Parameter("text", "the attribute of vehicle and order that is compared", name)}


def _compared(
    code: str,
    attribute: str,
    measure: PairExcess,
    words: str,
    unit: str,
    family: str = "access",
    authority: str = "policy",
) -> RuleType:
    """A type that compares the attribute of the same name of order and vehicle."""
    has = (attribute,)
    return RuleType(
        code,
        family,
        words,
        unit,
        _attribute(attribute),
        pair=measure,
        orders_have=has,
        vehicles_have=has,
        authority=authority,
    )


TYPES = (
    _compared("access_height", "height_mm", _at_most, "the vehicle is too high for the place", "mm"),
    _compared("access_width", "width_mm", _at_most, "the vehicle is too wide for the place", "mm"),
    _compared("access_length", "length_mm", _at_most, "the vehicle is too long for the place", "mm"),
    _compared("access_mass", "gross_mass_kg", _at_most, "the vehicle is too heavy for the place", "kg"),
    _compared("access_axle_load", "axle_load_kg", _at_most, "the axle load is too high for the place", "kg"),
    _compared(
        "emission_class",
        "emission_class",
        _at_least,
        "the vehicle's emission class is too low",
        "class",
        "access",
        "law",
    ),
    _compared("crew_size", "crew", _at_least, "the order needs more hands than the vehicle has", "person"),
    _compared("equipment", "equipment", _holds_all, "the vehicle lacks equipment", "piece"),
    _compared("permit", "permits", _holds_all, "a permit is missing", "permit", "access", "law"),
    _compared("proof_of_delivery", "proof", _holds_all, "the vehicle cannot take the proof asked for", "kind"),
    _compared("driver_skill", "skills", _holds_all, "the driver lacks a skill", "skill"),
    _compared("vehicle_class", "vehicle_class", _is_one_of, "the vehicle is of a class not allowed here", "order"),
    _compared("powertrain", "powertrain", _is_one_of, "the vehicle's powertrain is not allowed here", "order"),
    RuleType(
        "zone_closed",
        "access",
        "the zone is closed to this vehicle",
        "zone",
        {"zones": Parameter("texts", "codes of the closed zones")},
        pair=_zone_closed,
        orders_have=("zone",),
        vehicles_have=("zone_permits",),
        authority="law",
    ),
    RuleType(
        "territory",
        "access",
        "the place is outside the vehicle's territory",
        "order",
        pair=_territory,
        orders_have=("zone",),
        vehicles_have=("territory",),
    ),
    RuleType("vehicle_forbidden", "access", "this vehicle may not serve the order", "order", pair=_not_allowed),
    RuleType(
        "vehicle_only",
        "access",
        "only certain vehicles or fleets may serve the order",
        "order",
        {"allowed": Parameter("texts", "ids of vehicles or fleets")},
        pair=_only_these,
    ),
    RuleType(
        "item_limit",
        "access",
        "the item is too large for this kind of vehicle",
        "unit",
        {
            "attribute": Parameter("text", "the order's attribute that is limited"),
            "limit": Parameter("integer", "the largest that may be carried"),
        },
        pair=_item_limit,
        relax=("limit", 1),
    ),
)
