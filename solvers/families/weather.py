"""Weather: a forecast, as rules with the moment it was issued, slows legs, lengthens service, keeps two-wheelers home.

``latest_forecasts`` picks, of many issues of a forecast, what was known at a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from solvers.clock import driven_s, durations_at
from solvers.families.base import Parameter, RouteView, RuleType, applies_to_vehicle, many, number, over
from solvers.problem import Order, PlanningProblem, Rule, Travel, Vehicle

GRID_S = 900
"""How finely the day is divided where a forecast changes speeds."""


def latest_forecasts(rules: Iterable[Rule], issued_until: str) -> tuple[Rule, ...]:
    """``rules`` without forecasts issued after ``issued_until`` and those that a later issue replaces.

    Forecasts replace each other where type, scope and the hours they speak of are the same; rules that name no
    ``issued_at`` (ISO 8601, UTC) always stay.
    """
    kept: list[Rule] = []
    newest: dict[tuple[object, ...], Rule] = {}
    for rule in rules:
        issued = rule.parameters.get("issued_at", "")
        if not issued:
            kept.append(rule)
            continue
        if str(issued) > issued_until:
            continue
        span = (rule.parameters.get("start_s"), rule.parameters.get("end_s"))
        key = (rule.type, rule.orders, rule.vehicles, rule.fleets, span)
        if key not in newest or str(newest[key].parameters["issued_at"]) < str(issued):
            newest[key] = rule
    return (*kept, *newest.values())


def _slower(rule: Rule, problem: PlanningProblem) -> PlanningProblem:
    """Legs driven between ``start_s`` and ``end_s`` go at ``speed_percent`` of their speed.

    Seconds of a leg are what its normal seconds of driving take at the speeds met on the way (Ichoua, Gendreau,
    Potvin 2003, EJOR 144(2)), so that nobody overtakes.
    """
    profiles = dict(problem.profiles)
    names: dict[str, str] = {}
    vehicles: list[Vehicle] = []
    for vehicle in problem.vehicles:
        if not applies_to_vehicle(rule, vehicle):
            vehicles.append(vehicle)
            continue
        if vehicle.profile not in names:
            name = f"{vehicle.profile}+{rule.rule_id}"
            names[vehicle.profile] = name
            profiles[name] = slowed(
                problem.travel_of(vehicle),
                number(rule, "start_s"),
                number(rule, "end_s"),
                number(rule, "speed_percent"),
            )
        vehicles.append(replace(vehicle, profile=names[vehicle.profile]))
    return replace(problem, vehicles=tuple(vehicles), profiles=profiles)


def slowed(travel: Travel, start_s: int, end_s: int, percent: int) -> Travel:
    """``travel`` with legs at ``percent`` of their speed between two moments."""
    if end_s <= start_s or percent == 100:
        return travel
    longest = int(travel.duration_s.max()) if travel.duration_s.size else 0
    first = max(0, (start_s - longest) // GRID_S * GRID_S)
    starts = sorted({*range(first, end_s, GRID_S), start_s, end_s, *travel.starts_s, 0})
    spans = ((start_s, 100), (end_s, percent), (None, 100))
    tables = [driven_s(durations_at(travel, one), one, spans) for one in starts]
    return replace(travel, starts_s=tuple(starts), by_start_s=np.stack(tables), smooth=True)


def _longer_service(rule: Rule, problem: PlanningProblem) -> PlanningProblem:
    """Service of the orders concerned takes ``percent`` of its time, and ``add_s`` seconds more."""
    percent, more = number(rule, "percent"), number(rule, "add_s")

    def longer(order: Order) -> Order:
        if rule.orders and order.order_id not in rule.orders:
            return order
        return replace(order, service_s=-(-order.service_s * percent // 100) + more)

    return replace(problem, orders=tuple(longer(order) for order in problem.orders))


def _on_the_road(rule: Rule, view: RouteView) -> int:
    """Seconds between ``start_s`` and ``end_s`` that a vehicle of one of ``classes`` is out of its depot."""
    if not set(many(view.vehicle.attributes.get("vehicle_class"))) & set(many(rule.parameters["classes"])):
        return 0
    start, end = number(rule, "start_s"), number(rule, "end_s")
    return over(min(end, view.timing.end_s), max(start, view.timing.start_s))


def _buffer_missing(rule: Rule, view: RouteView) -> int:
    """Seconds by which service in the bad hours starts less than ``buffer_s`` before its window ends."""
    start, end, buffer = number(rule, "start_s"), number(rule, "end_s"), number(rule, "buffer_s")
    missing = 0
    for order, service in zip(view.stops, view.timing.services, strict=True):
        if (rule.orders and order.order_id not in rule.orders) or not start <= service <= end:
            continue
        last = max((w.end_s for w in order.windows if w.start_s <= service <= w.end_s), default=None)
        if last is not None:
            missing += over(service + buffer, last)
    return missing


_HOURS = {
    "start_s": Parameter("integer", "the bad hours begin, seconds after midnight", 0),
    "end_s": Parameter("integer", "the bad hours end, seconds after midnight", 86_400),
    "issued_at": Parameter("text", "when the forecast was issued, ISO 8601", ""),
}

TYPES = (
    RuleType(
        "weather_speed",
        "weather",
        "legs are slower in bad weather",
        "none",
        {"speed_percent": Parameter("integer", "speed in percent of the normal one", least=1), **_HOURS},
        data=_slower,
        hard_only=True,
    ),
    RuleType(
        "weather_service",
        "weather",
        "service takes longer in bad weather",
        "none",
        {
            "percent": Parameter("integer", "service time in percent of the normal one", 100),
            "add_s": Parameter("integer", "seconds more at each stop", 0),
            **{"issued_at": _HOURS["issued_at"]},
        },
        data=_longer_service,
        hard_only=True,
    ),
    RuleType(
        "weather_ban",
        "weather",
        "vehicles of some classes stay home in bad weather (two-wheelers on ice)",
        "s",
        {"classes": Parameter("texts", "vehicle classes that may not be out", ("bike", "moped")), **_HOURS},
        route=_on_the_road,
        monotone=False,
        vehicles_have=("vehicle_class",),
    ),
    RuleType(
        "weather_slack",
        "weather",
        "too little time left before the window ends, in bad weather",
        "s",
        {"buffer_s": Parameter("integer", "seconds that should be left"), **_HOURS},
        route=_buffer_missing,
        relax=("buffer_s", -1),
        prefers_slack=True,
    ),
)
