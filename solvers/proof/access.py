"""Vehicle and order: access, permits, zones, items, drivers."""

from __future__ import annotations

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, codes, integer, listed, parameter, visits_of


def numeric(default: str, sign: int) -> Measure:
    """``sign`` 1: the vehicle's number is above the order's; -1: it is below."""

    def measure(rule: Rule, facts: Facts) -> int:
        name = parameter(rule, "attribute", default)
        total = 0
        for _, vehicle, _, order in visits_of(rule, facts):
            if order.attributes.get(name) is not None:
                gap = sign * (integer(vehicle.attributes.get(name)) - integer(order.attributes[name]))
                total += max(0, gap)
        return total

    return measure


def codes_held(default: str) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name = parameter(rule, "attribute", default)
        return sum(
            sum(1 for code in listed(order.attributes.get(name)) if code not in codes(vehicle.attributes.get(name)))
            for _, vehicle, _, order in visits_of(rule, facts)
        )

    return measure


def code_allowed(default: str) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name = parameter(rule, "attribute", default)
        total = 0
        for _, vehicle, _, order in visits_of(rule, facts):
            allowed = codes(order.attributes.get(name))
            if allowed and allowed.isdisjoint(codes(vehicle.attributes.get(name))):
                total += 1
        return total

    return measure


def _zone_closed(rule: Rule, facts: Facts) -> int:
    closed = codes(parameter(rule, "zones"))
    return sum(
        len((codes(order.attributes.get("zone")) & closed) - codes(vehicle.attributes.get("zone_permits")))
        for _, vehicle, _, order in visits_of(rule, facts)
    )


def _territory(rule: Rule, facts: Facts) -> int:
    strangers = 0
    for _, vehicle, _, order in visits_of(rule, facts):
        own, zones = codes(vehicle.attributes.get("territory")), codes(order.attributes.get("zone"))
        strangers += bool(own and zones and own.isdisjoint(zones))
    return strangers


def _forbidden(rule: Rule, facts: Facts) -> int:
    return len(list(visits_of(rule, facts)))


def _only(rule: Rule, facts: Facts) -> int:
    allowed = codes(parameter(rule, "allowed"))
    return sum(1 for _, v, _, _ in visits_of(rule, facts) if not {v.vehicle_id, v.fleet_id} & allowed)


def _item(rule: Rule, facts: Facts) -> int:
    name, limit = parameter(rule, "attribute"), parameter(rule, "limit")
    return sum(max(0, integer(order.attributes.get(name)) - limit) for _, _, _, order in visits_of(rule, facts))


def _goods(rule: Rule, facts: Facts) -> int:
    name = parameter(rule, "attribute", "goods")
    return sum(
        len(codes(order.attributes.get(name)) - codes(vehicle.attributes.get(name)))
        for _, vehicle, _, order in visits_of(rule, facts)
    )


def _usual(rule: Rule, facts: Facts) -> int:
    name = parameter(rule, "attribute", "usual_driver")
    return sum(
        1
        for _, vehicle, _, order in visits_of(rule, facts)
        if order.attributes.get(name) is not None and order.attributes[name] != vehicle.driver_id
    )


MEASURES: dict[str, Measure] = {
    "access_height": numeric("height_mm", 1),
    "access_width": numeric("width_mm", 1),
    "access_length": numeric("length_mm", 1),
    "access_mass": numeric("gross_mass_kg", 1),
    "access_axle_load": numeric("axle_load_kg", 1),
    "emission_class": numeric("emission_class", -1),
    "crew_size": numeric("crew", -1),
    "equipment": codes_held("equipment"),
    "permit": codes_held("permits"),
    "proof_of_delivery": codes_held("proof"),
    "driver_skill": codes_held("skills"),
    "vehicle_class": code_allowed("vehicle_class"),
    "powertrain": code_allowed("powertrain"),
    "zone_closed": _zone_closed,
    "territory": _territory,
    "vehicle_forbidden": _forbidden,
    "vehicle_only": _only,
    "item_limit": _item,
    "goods_allowed": _goods,
    "usual_driver": _usual,
}
