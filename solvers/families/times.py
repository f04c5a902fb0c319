"""Time: preferred windows, waiting, lateness, latest returns, dock waves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from solvers.families.base import (
    Parameter,
    RouteSummary,
    RouteView,
    RuleType,
    applies_to_vehicle,
    number,
    over,
)
from solvers.problem import Order, PlanningProblem, Rule, Vehicle


def _outside(rule: Rule, view: RouteView) -> int:
    """Seconds that service starts before ``start_s`` or after ``end_s``, over the orders concerned."""
    start, end = number(rule, "start_s"), number(rule, "end_s")
    return sum(
        over(start, service) + over(service, end)
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _late(rule: Rule, view: RouteView) -> int:
    """Seconds that service starts after ``end_s``, over the orders concerned."""
    end = number(rule, "end_s")
    return sum(
        over(service, end)
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _missed(rule: Rule, view: RouteView) -> int:
    """Orders concerned whose service starts outside ``start_s`` to ``end_s``: a fixed price for each."""
    start, end = number(rule, "start_s"), number(rule, "end_s")
    return sum(
        not start <= service <= end
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _done_by(rule: Rule, view: RouteView) -> int:
    """Seconds that service of orders concerned ends after ``end_s``."""
    end = number(rule, "end_s")
    return sum(
        over(service + order.service_s, end)
        for order, service in zip(view.stops, view.timing.services, strict=True)
        if not rule.orders or order.order_id in rule.orders
    )


def _waiting(rule: Rule, view: RouteView) -> int:
    """Seconds of waiting at stops above ``limit_s`` in all."""
    waited = sum(s - a for a, s in zip(view.timing.arrivals, view.timing.services, strict=True))
    return over(waited, number(rule, "limit_s"))


def _back_by(rule: Rule, view: RouteView) -> int:
    return over(view.timing.end_s, number(rule, "end_s"))


def _not_before(rule: Rule, view: RouteView) -> int:
    return over(number(rule, "start_s"), view.timing.start_s)


def _back_in_time(rule: Rule, vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, end_s=max(vehicle.start_s, min(vehicle.end_s, number(rule, "end_s"))))


def _out_later(rule: Rule, vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, start_s=min(vehicle.end_s, max(vehicle.start_s, number(rule, "start_s"))))


def _end(rule: Rule, order: Order) -> int:
    return number(rule, "end_s")


def _end_of_service(rule: Rule, order: Order) -> int:
    return number(rule, "end_s") - order.service_s


def _dock_wave(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Departures above ``limit`` in each slot of ``slot_s`` seconds (docks, loaders)."""
    slots = Counter(r.start_s // number(rule, "slot_s") for r in routes if applies_to_vehicle(rule, r.vehicle))
    return sum(over(count, number(rule, "limit")) for count in slots.values())


_WINDOW = {
    "start_s": Parameter("integer", "from, seconds after midnight"),
    "end_s": Parameter("integer", "until, seconds after midnight"),
}
_END = {"end_s": Parameter("integer", "until, seconds after midnight")}

TYPES = (
    RuleType(
        "window",
        "times",
        "service outside a window",
        "s",
        _WINDOW,
        route=_outside,
        relax=("end_s", 1),
        ends=_end,
        authority="promise",
    ),
    RuleType(
        "window_missed", "times", "service outside a window, a fixed price", "order", _WINDOW, route=_missed, ends=_end
    ),
    RuleType("lateness", "times", "service after a moment", "s", _END, route=_late, relax=("end_s", 1), ends=_end),
    RuleType(
        "done_by",
        "times",
        "service not over by a moment",
        "s",
        _END,
        route=_done_by,
        relax=("end_s", 1),
        ends=_end_of_service,
    ),
    RuleType(
        "max_waiting",
        "times",
        "waiting on a route",
        "s",
        {"limit_s": Parameter("integer", "limit, seconds")},
        route=_waiting,
        relax=("limit_s", 1),
        monotone=False,
    ),
    RuleType(
        "latest_return",
        "times",
        "return after a moment",
        "s",
        _END,
        route=_back_by,
        relax=("end_s", 1),
        native=_back_in_time,
    ),
    RuleType(
        "earliest_departure",
        "times",
        "departure before a moment",
        "s",
        {"start_s": Parameter("integer", "from, seconds after midnight")},
        route=_not_before,
        relax=("start_s", -1),
        native=_out_later,
        monotone=False,
    ),
    RuleType(
        "dock_wave",
        "times",
        "departures in one slot of time",
        "departure",
        {
            "slot_s": Parameter("integer", "length of a slot, seconds", 1_800, least=1),
            "limit": Parameter("integer", "departures in a slot"),
        },
        plan=_dock_wave,
        relax=("limit", 1),
    ),
)
