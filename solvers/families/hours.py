"""Hours: when a place or a zone may be served, when a certification still holds, what a driver has worked before."""

from __future__ import annotations

from solvers.families.base import Parameter, RouteView, RuleType, many, number, over, whole
from solvers.problem import Rule

HOUR = 3_600


def _while_closed(rule: Rule, view: RouteView) -> int:
    """Seconds of service at orders concerned between ``start_s`` and ``end_s`` (a lunch break, school hours)."""
    start, end = number(rule, "start_s"), number(rule, "end_s")
    return sum(
        over(min(end, service + order.service_s), max(start, service))
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _zone_at_hours(rule: Rule, view: RouteView) -> int:
    """Visits to the zones that are not over before ``start_s`` or begin before ``end_s``: one unit each."""
    start, end = number(rule, "start_s"), number(rule, "end_s")
    closed = set(many(rule.parameters["zones"])) - set(many(view.vehicle.attributes.get("zone_permits")))
    return sum(
        bool(closed & set(many(order.attributes.get("zone")))) and arrival < end and service + order.service_s > start
        for order, arrival, service in zip(view.stops, view.timing.arrivals, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _early(rule: Rule, view: RouteView) -> int:
    """Seconds that service begins before ``start_s``."""
    return sum(
        over(number(rule, "start_s"), service)
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _off_target(rule: Rule, view: RouteView) -> int:
    """Seconds between the begin of service and ``target_s``, either way, beyond ``tolerance_s``."""
    target, tolerance = number(rule, "target_s"), number(rule, "tolerance_s")
    return sum(
        over(abs(service - target), tolerance)
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _not_held(rule: Rule, view: RouteView) -> int:
    """Codes of ``codes`` that the driver does not hold when service of an order concerned is over; one unit each."""
    held = view.vehicle.certifications
    return sum(
        held.get(code, -1) < service + order.service_s
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
        for code in many(rule.parameters["codes"])
    )


def _weekly(rule: Rule, view: RouteView) -> int:
    """Driving above the week's and the fortnight's limit, with what was driven before (vehicle attributes)."""
    has, driving = view.vehicle.attributes, view.timing.driving_s
    week = over(whole(has.get("driven_week_s")) + driving, number(rule, "week_s"))
    return week + over(whole(has.get("driven_fortnight_s")) + driving, number(rule, "fortnight_s"))


def _cycle(rule: Rule, view: RouteView) -> int:
    """Time on duty above the cycle's limit, with what was worked in the cycle's days before."""
    rested = sum(one.end_s - one.start_s for one in view.timing.breaks)
    duty = view.timing.end_s - view.timing.start_s - rested
    return over(whole(view.vehicle.attributes.get("duty_in_cycle_s")) + duty, number(rule, "cycle_s"))


def _at_night(rule: Rule, view: RouteView) -> int:
    """Work above ``limit_s`` of a route that touches the night."""
    start, end = view.timing.start_s, view.timing.end_s
    night, morning = number(rule, "night_from_s"), number(rule, "night_until_s")
    touched = any(start < morning + day and end > night + day for day in (-86_400, 0, 86_400))
    rested = sum(one.end_s - one.start_s for one in view.timing.breaks)
    return over(end - start - rested, number(rule, "limit_s")) if touched and view.stops else 0


def _latest_start(rule: Rule, view: RouteView) -> int:
    return over(view.timing.start_s, number(rule, "start_s"))


def _least_duration(rule: Rule, view: RouteView) -> int:
    """Seconds that a route that is driven lasts less than ``limit_s`` (guaranteed hours)."""
    return over(number(rule, "limit_s"), view.timing.end_s - view.timing.start_s) if view.stops else 0


def _s(words: str, default: int | None = None) -> Parameter:
    return Parameter("integer", f"{words}, seconds", default)


_CLOSED = {"start_s": _s("closed from"), "end_s": _s("closed until")}

TYPES = (
    RuleType(
        "closed_hours",
        "hours",
        "service while the place is closed",
        "s",
        _CLOSED,
        route=_while_closed,
        prefers_slack=True,
    ),
    RuleType(
        "zone_hours",
        "hours",
        "visits to a zone in the hours in which it is closed to traffic",
        "visit",
        {"zones": Parameter("texts", "codes of the zones"), **_CLOSED},
        route=_zone_at_hours,
        prefers_slack=True,
        orders_have=("zone",),
        vehicles_have=("zone_permits",),
        authority="law",
    ),
    RuleType(
        "earliness", "hours", "service before a moment", "s", {"start_s": _s("from")}, route=_early, monotone=False
    ),
    RuleType(
        "target_time",
        "hours",
        "service away from the moment that was asked for",
        "s",
        {"target_s": _s("the moment"), "tolerance_s": _s("what does not count", 0)},
        route=_off_target,
        relax=("tolerance_s", 1),
        prefers_slack=True,
    ),
    RuleType(
        "certified",
        "hours",
        "the driver's certification has expired or is missing when service ends",
        "code",
        {"codes": Parameter("texts", "codes of the certifications")},
        route=_not_held,
        prefers_slack=True,
        authority="law",
    ),
    RuleType(
        "weekly_driving",
        "hours",
        "EU regulation 561/2006: 56 hours of driving a week, 90 in two",
        "s",
        {"week_s": _s("driving in a week", 56 * HOUR), "fortnight_s": _s("driving in two weeks", 90 * HOUR)},
        route=_weekly,
        vehicles_have=("driven_week_s", "driven_fortnight_s"),
        authority="law",
    ),
    RuleType(
        "duty_cycle",
        "hours",
        "49 CFR 395.3: time on duty in 7 or 8 days (60 or 70 hours)",
        "s",
        {"cycle_s": _s("on duty in the cycle", 70 * HOUR)},
        route=_cycle,
        monotone=False,
        vehicles_have=("duty_in_cycle_s",),
        authority="law",
    ),
    RuleType(
        "night_work",
        "hours",
        "directive 2002/15/EC: work of a day that touches the night",
        "s",
        {
            "limit_s": _s("work of such a day", 10 * HOUR),
            "night_from_s": _s("night begins", 0),
            "night_until_s": _s("night ends", 4 * HOUR),
        },
        route=_at_night,
        relax=("limit_s", 1),
        monotone=False,
        authority="law",
    ),
    RuleType(
        "latest_departure",
        "hours",
        "departure after a moment",
        "s",
        {"start_s": _s("until")},
        route=_latest_start,
        relax=("start_s", 1),
        monotone=False,
        prefers_slack=True,
    ),
    RuleType(
        "min_duration",
        "hours",
        "a route shorter than the hours that are paid anyway",
        "s",
        {"limit_s": _s("guaranteed time")},
        route=_least_duration,
        relax=("limit_s", -1),
        monotone=False,
    ),
)
