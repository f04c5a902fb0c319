"""The shape of a route: how many stops, how far, how long, how compact."""

from __future__ import annotations

from dataclasses import replace

from solvers.families.base import Parameter, RouteView, RuleType, concerned, many, number, over, text, whole
from solvers.problem import Order, Rule, Vehicle


def _stops(rule: Rule, view: RouteView) -> int:
    return over(len(concerned(rule, view.stops)), number(rule, "limit"))


def _fewest(rule: Rule, view: RouteView) -> int:
    """A route that is driven at all has at least ``limit`` stops."""
    return over(number(rule, "limit"), len(view.stops))


def _distance(rule: Rule, view: RouteView) -> int:
    return over(view.timing.distance_m, number(rule, "limit_m"))


def _duration(rule: Rule, view: RouteView) -> int:
    return over(view.timing.end_s - view.timing.start_s, number(rule, "limit_s"))


def _trips(rule: Rule, view: RouteView) -> int:
    return over(max(view.trips, default=0) + 1, number(rule, "limit"))


def _leg(rule: Rule, view: RouteView) -> int:
    """Seconds of legs between stops beyond ``limit_s`` each; the way from the depot counts where a trip begins."""
    return sum(over(leg_s, number(rule, "limit_s")) for _, leg_s in view.timing.legs)


def _spread(rule: Rule, view: RouteView) -> int:
    """Span of an integer attribute over the route (a cell of a grid, a floor, a postcode) above ``limit``."""
    name = text(rule, "attribute")
    values = [whole(o.attributes.get(name)) for o in concerned(rule, view.stops) if name in o.attributes]
    return over(max(values) - min(values), number(rule, "limit")) if values else 0


def _radius(rule: Rule, view: RouteView) -> int:
    """Seconds of the way from the depot to orders concerned, above ``limit_s``; the farthest counts."""
    far = max((int(view.drive.duration(view.drive.depot, o.location)) for o in concerned(rule, view.stops)), default=0)
    return over(far, number(rule, "limit_s"))


def _diameter(rule: Rule, view: RouteView) -> int:
    """Metres between the two stops of the route that are farthest apart, above ``limit_m``."""
    places = sorted({order.location for order in concerned(rule, view.stops)})
    distance = view.drive.distance
    far = max((distance(a, b) for a in places for b in places), default=0)
    return over(int(far), number(rule, "limit_m"))


def _unfamiliar(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """One order in zones of which the driver knows none is one unit; who has no ``known_zones`` knows all."""
    zones, known = many(order.attributes.get(text(rule, "attribute"))), many(vehicle.attributes.get("known_zones"))
    return int(bool(zones) and bool(known) and not set(zones) & set(known))


def _little(rule: Rule, view: RouteView) -> int:
    """Units that a route that is driven carries less than ``limit``."""
    carried = sum(getattr(order.load, text(rule, "dimension")) for order in view.stops)
    return over(number(rule, "limit"), carried) if view.stops else 0


def _least(first: int | None, second: int) -> int:
    return second if first is None else min(first, second)


def _max_stops(rule: Rule, vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, max_stops=_least(vehicle.max_stops, number(rule, "limit")))


def _max_distance(rule: Rule, vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, max_distance_m=_least(vehicle.max_distance_m, number(rule, "limit_m")))


def _max_duration(rule: Rule, vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, max_duration_s=_least(vehicle.max_duration_s, number(rule, "limit_s")))


def _max_trips(rule: Rule, vehicle: Vehicle) -> Vehicle | None:
    limit = number(rule, "limit")
    return replace(vehicle, max_trips=min(vehicle.max_trips, limit)) if limit else None


def _limit(unit: str, name: str = "limit") -> dict[str, Parameter]:
    return {name: Parameter("integer", f"limit, {unit}")}


TYPES = (
    RuleType(
        "max_stops",
        "shape",
        "stops on a route",
        "stop",
        _limit("stops"),
        route=_stops,
        relax=("limit", 1),
        native=_max_stops,
    ),
    RuleType(
        "min_stops",
        "shape",
        "a route worth driving",
        "stop",
        _limit("stops"),
        route=_fewest,
        relax=("limit", -1),
        monotone=False,
    ),
    RuleType(
        "max_distance",
        "shape",
        "length of a route",
        "m",
        _limit("metres", "limit_m"),
        route=_distance,
        relax=("limit_m", 1),
        native=_max_distance,
    ),
    RuleType(
        "max_duration",
        "shape",
        "duration of a route",
        "s",
        _limit("seconds", "limit_s"),
        route=_duration,
        relax=("limit_s", 1),
        native=_max_duration,
        monotone=False,
    ),
    RuleType(
        "max_trips",
        "shape",
        "trips of a route",
        "trip",
        _limit("trips"),
        route=_trips,
        relax=("limit", 1),
        native=_max_trips,
    ),
    RuleType("max_leg", "shape", "a long leg", "s", _limit("seconds", "limit_s"), route=_leg, relax=("limit_s", 1)),
    RuleType(
        "compactness",
        "shape",
        "spread of an attribute over a route",
        "unit",
        {"attribute": Parameter("text", "the order's attribute"), **_limit("units")},
        route=_spread,
        relax=("limit", 1),
    ),
    RuleType(
        "max_radius",
        "shape",
        "stops far from the depot",
        "s",
        _limit("seconds of driving from the depot", "limit_s"),
        route=_radius,
        relax=("limit_s", 1),
    ),
    RuleType(
        "max_diameter",
        "shape",
        "stops of one route far from each other",
        "m",
        {"limit_m": Parameter("integer", "limit, metres")},
        route=_diameter,
        relax=("limit_m", 1),
    ),
    RuleType(
        "familiarity",
        "shape",
        "stops in a zone that the driver does not know",
        "stop",
        {"attribute": Parameter("text", "the order's attribute with its zone", "zone")},
        pair=_unfamiliar,
        orders_have=("zone",),
        vehicles_have=("known_zones",),
        authority="preference",
    ),
    RuleType(
        "min_load",
        "shape",
        "a trip that is not worth its van",
        "unit",
        {
            "dimension": Parameter(
                "text", "mass_g, volume_ml or parcels", "parcels", ("mass_g", "volume_ml", "parcels")
            ),
            **_limit("units of a route"),
        },
        route=_little,
        relax=("limit", -1),
        monotone=False,
    ),
)
