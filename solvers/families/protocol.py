"""Protocol: how a delivery is made: attempts, age, codes, parking, lift, the side of the street, how goods stand."""

from __future__ import annotations

from solvers.families.access import _at_least, _at_most, _compared, _holds_all, _is_one_of
from solvers.families.base import Parameter, RuleType, number, over, text, whole
from solvers.problem import Order, Rule, Vehicle


def _attempts(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """Attempts at the order above ``limit``, this one counted."""
    return over(whole(order.attributes.get(text(rule, "attribute"))) + 1, number(rule, "limit"))


def _temperature(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """Degrees by which the hold is warmer or colder than the goods may get (tenths of a degree, from -100 degrees).

    Attributes ``temperature_min`` and ``temperature_max`` of both; an order that names none is not concerned.
    """
    needs, has = order.attributes, vehicle.attributes
    warm, cold = needs.get("temperature_max"), needs.get("temperature_min")
    excess = 0
    if warm is not None:
        excess += over(whole(has.get("temperature_max"), 2**20), whole(warm))
    if cold is not None:
        excess += over(whole(cold), whole(has.get("temperature_min")))
    return excess


def _dearest(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """Value of one order above what the vehicle may carry of it (attribute ``max_value_minor``)."""
    limit = vehicle.attributes.get("max_value_minor")
    return 0 if limit is None else over(whole(order.attributes.get("value_minor")), whole(limit))


TYPES = (
    RuleType(
        "max_attempts",
        "protocol",
        "the order was attempted too often for this vehicle",
        "attempt",
        {
            "attribute": Parameter("text", "the order's attribute with the attempts made", "attempts"),
            "limit": Parameter("integer", "attempts that may be made"),
        },
        pair=_attempts,
        relax=("limit", 1),
        orders_have=("attempts",),
    ),
    RuleType(
        "temperature_range",
        "protocol",
        "the hold is too warm or too cold",
        "0.1 K",
        pair=_temperature,
        orders_have=("temperature_min", "temperature_max"),
        vehicles_have=("temperature_min", "temperature_max"),
        authority="law",
    ),
    RuleType(
        "insured_value",
        "protocol",
        "the order is worth more than this vehicle is insured for",
        "minor",
        pair=_dearest,
        orders_have=("value_minor",),
        vehicles_have=("max_value_minor",),
        authority="contract",
    ),
    _compared("age_check", "age_check", _at_least, "the driver may not check this age", "class", "protocol", "law"),
    _compared("access_code", "access_codes", _holds_all, "a code or key is missing", "code", "protocol"),
    _compared("tail_lift", "lift_kg", _at_least, "the tail lift is too weak or missing", "kg", "protocol"),
    _compared("parking", "parking_mm", _at_most, "the vehicle is longer than the place to park", "mm", "protocol"),
    _compared(
        "side_of_street", "unload_side", _is_one_of, "the vehicle unloads on the wrong side", "order", "protocol"
    ),
    _compared("handling", "handling", _holds_all, "the vehicle cannot carry it as it must stand", "kind", "protocol"),
    _compared(
        "tunnel_code",
        "tunnel_class",
        _at_most,
        "the vehicle's goods may not pass the tunnel",
        "class",
        "protocol",
        "law",
    ),
)
