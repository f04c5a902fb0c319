"""Contracts with a memory: bands of volume and of money over a month, of which a part is used already."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.families.base import Parameter, RouteSummary, RuleType, applies_to_vehicle, number, over
from solvers.families.whole_plan import _MEASURE, _amount
from solvers.problem import PlanningProblem, Rule


def _used(rule: Rule, routes: Sequence[RouteSummary]) -> int:
    return sum(_amount(rule, route) for route in routes if applies_to_vehicle(rule, route.vehicle))


def _in_band(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Units of this plan that fall in the band from ``above`` to ``until``, after ``already`` of the month."""
    low, high, already = number(rule, "above"), number(rule, "until"), number(rule, "already")
    used = _used(rule, routes)
    return over(min(high, already + used), max(low, already))


def _spent(rule: Rule, routes: Sequence[RouteSummary]) -> int:
    return sum(route.transport_minor for route in routes if applies_to_vehicle(rule, route.vehicle))


def _over_budget(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Money of transport above ``limit_minor``, with what the month has spent ``already``."""
    return over(_spent(rule, routes) + number(rule, "already"), number(rule, "limit_minor"))


def _shortfall(rule: Rule, routes: Sequence[RouteSummary], problem: PlanningProblem) -> int:
    """Money of transport below the committed ``limit_minor``: paid all the same where its price is 1."""
    return over(number(rule, "limit_minor"), _spent(rule, routes) + number(rule, "already"))


_ALREADY = {"already": Parameter("integer", "used of the period before this plan", 0)}

TYPES = (
    RuleType(
        "volume_band",
        "contracts",
        "units in a band of a tiered contract (one rule a band, each with its price)",
        "unit",
        {
            **_MEASURE,
            "above": Parameter("integer", "the band begins above"),
            "until": Parameter("integer", "the band ends at", 2**40),
            **_ALREADY,
        },
        plan=_in_band,
        authority="contract",
    ),
    RuleType(
        "max_spend",
        "contracts",
        "transport above a budget",
        "minor",
        {"limit_minor": Parameter("integer", "budget, minor units"), **_ALREADY},
        plan=_over_budget,
        relax=("limit_minor", 1),
    ),
    RuleType(
        "min_spend",
        "contracts",
        "transport below a committed spend",
        "minor",
        {"limit_minor": Parameter("integer", "committed spend, minor units"), **_ALREADY},
        plan=_shortfall,
        relax=("limit_minor", -1),
        monotone=False,
        authority="contract",
    ),
)
