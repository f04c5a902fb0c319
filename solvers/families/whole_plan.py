"""The whole plan: contracts' volumes and shares, balance, numbers of vehicles, budgets, priorities."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.families.base import (
    Parameter,
    RouteSummary,
    RuleType,
    applies_to_vehicle,
    many,
    number,
    over,
    text,
)
from solvers.problem import PlanningProblem, Rule

MEASURES = ("orders", "parcels", "distance_m", "duration_s")


def _of(rule: Rule, routes: Sequence[RouteSummary]) -> list[RouteSummary]:
    return [route for route in routes if applies_to_vehicle(rule, route.vehicle)]


def _amount(rule: Rule, route: RouteSummary) -> int:
    measure = text(rule, "measure", "orders")
    if measure == "orders":
        return len(route.order_ids & rule.orders) if rule.orders else route.stops
    return {"parcels": route.parcels, "distance_m": route.distance_m, "duration_s": route.duration_s}.get(measure, 0)


def _at_most(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    used = number(rule, "already") + sum(_amount(rule, route) for route in _of(rule, routes))
    return over(used, number(rule, "limit"))


def _at_least(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    used = number(rule, "already") + sum(_amount(rule, route) for route in _of(rule, routes))
    return over(number(rule, "limit"), used)


def _share_most(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Amount above ``percent`` of everybody's."""
    own, total = sum(_amount(rule, r) for r in _of(rule, routes)), sum(_amount(rule, r) for r in routes)
    return over(own, total * number(rule, "percent") // 100)


def _share_least(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Amount below ``percent`` of everybody's."""
    own, total = sum(_amount(rule, r) for r in _of(rule, routes)), sum(_amount(rule, r) for r in routes)
    return over(total * number(rule, "percent") // 100, own)


def _balance(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Span between the largest and the smallest route driven, above ``limit``."""
    amounts = [_amount(rule, route) for route in _of(rule, routes)]
    return over(max(amounts) - min(amounts), number(rule, "limit")) if amounts else 0


def _vehicles_most(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    return over(len(_of(rule, routes)), number(rule, "limit"))


def _vehicles_least(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    return over(number(rule, "limit"), len(_of(rule, routes)))


def _priority(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Orders concerned that are left out; one unit each."""
    served = frozenset().union(*(route.order_ids for route in routes)) if routes else frozenset()
    return len(rule.orders - served)


def _served_by(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Orders concerned on one of ``fallback``'s fleets while they are served at all; one unit each."""
    return sum(
        len(r.order_ids & rule.orders) for r in routes if r.vehicle.fleet_id in many(rule.parameters["fallback"])
    )


_MEASURE = {"measure": Parameter("text", f"one of {', '.join(MEASURES)}", "orders", MEASURES)}
_ALREADY = {"already": Parameter("integer", "used of the contract's period before this plan", 0)}
_LIMIT = {"limit": Parameter("integer", "limit, in the measure's unit")}
_PERCENT = {"percent": Parameter("integer", "percent of everybody's amount")}

TYPES = (
    RuleType(
        "max_volume",
        "whole_plan",
        "a contract's largest volume",
        "unit",
        {**_MEASURE, **_LIMIT, **_ALREADY},
        plan=_at_most,
        relax=("limit", 1),
        authority="contract",
    ),
    RuleType(
        "min_volume",
        "whole_plan",
        "a contract's committed volume",
        "unit",
        {**_MEASURE, **_LIMIT, **_ALREADY},
        plan=_at_least,
        relax=("limit", -1),
        authority="contract",
        monotone=False,
    ),
    RuleType("max_share", "whole_plan", "a fleet's largest share", "unit", {**_MEASURE, **_PERCENT}, plan=_share_most),
    RuleType(
        "min_share",
        "whole_plan",
        "a fleet's smallest share",
        "unit",
        {**_MEASURE, **_PERCENT},
        plan=_share_least,
        monotone=False,
    ),
    RuleType(
        "balance",
        "whole_plan",
        "span between the largest and the smallest route",
        "unit",
        {**_MEASURE, **_LIMIT},
        plan=_balance,
        relax=("limit", 1),
        monotone=False,
    ),
    RuleType(
        "max_vehicles", "whole_plan", "vehicles in use", "vehicle", _LIMIT, plan=_vehicles_most, relax=("limit", 1)
    ),
    RuleType(
        "min_vehicles",
        "whole_plan",
        "vehicles that must be used",
        "vehicle",
        _LIMIT,
        plan=_vehicles_least,
        monotone=False,
    ),
    RuleType("priority", "whole_plan", "orders that come before all others", "order", plan=_priority, monotone=False),
    RuleType(
        "fallback_fleet",
        "whole_plan",
        "orders given to a fallback fleet",
        "order",
        {"fallback": Parameter("texts", "ids of the fallback fleets")},
        plan=_served_by,
    ),
)
