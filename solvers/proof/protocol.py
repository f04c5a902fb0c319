"""How a delivery is made: attempts, temperature, insurance, codes, the vehicle at the door."""

from __future__ import annotations

from solvers.problem import Rule
from solvers.proof.access import code_allowed, codes_held, numeric
from solvers.proof.facts import Facts, Measure, integer, parameter, visits_of


def _attempts(rule: Rule, facts: Facts) -> int:
    name, limit = parameter(rule, "attribute", "attempts"), parameter(rule, "limit")
    return sum(max(0, integer(order.attributes.get(name)) + 1 - limit) for _, _, _, order in visits_of(rule, facts))


def _temperature(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, vehicle, _, order in visits_of(rule, facts):
        if order.attributes.get("temperature_max") is not None:
            warmest = integer(vehicle.attributes.get("temperature_max"), 2**20)
            total += max(0, warmest - integer(order.attributes["temperature_max"]))
        if order.attributes.get("temperature_min") is not None:
            coldest = integer(vehicle.attributes.get("temperature_min"))
            total += max(0, integer(order.attributes["temperature_min"]) - coldest)
    return total


def _insured(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, integer(order.attributes.get("value_minor")) - integer(vehicle.attributes["max_value_minor"]))
        for _, vehicle, _, order in visits_of(rule, facts)
        if vehicle.attributes.get("max_value_minor") is not None
    )


MEASURES: dict[str, Measure] = {
    "max_attempts": _attempts,
    "temperature_range": _temperature,
    "insured_value": _insured,
    "age_check": numeric("age_check", -1),
    "access_code": codes_held("access_codes"),
    "tail_lift": numeric("lift_kg", -1),
    "parking": numeric("parking_mm", 1),
    "side_of_street": code_allowed("unload_side"),
    "handling": codes_held("handling"),
    "tunnel_code": numeric("tunnel_class", 1),
}
