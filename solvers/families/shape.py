"""The shape of a route: how many stops, how far, how long, how compact."""

from __future__ import annotations

from solvers.families.base import Parameter, RouteView, RuleType, concerned, number, over, text, whole
from solvers.problem import Rule


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


def _limit(unit: str, name: str = "limit") -> dict[str, Parameter]:
    return {name: Parameter("integer", f"limit, {unit}")}


TYPES = (
    RuleType("max_stops", "shape", "stops on a route", "stop", _limit("stops"), route=_stops, relax=("limit", 1)),
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
    ),
    RuleType(
        "max_duration",
        "shape",
        "duration of a route",
        "s",
        _limit("seconds", "limit_s"),
        route=_duration,
        relax=("limit_s", 1),
        monotone=False,
    ),
    RuleType("max_trips", "shape", "trips of a route", "trip", _limit("trips"), route=_trips, relax=("limit", 1)),
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
)
