"""Contracts over a period: bands of volume, budgets, committed spend."""

from __future__ import annotations

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, parameter
from solvers.proof.whole_plan import own_volumes


def _band(rule: Rule, facts: Facts) -> int:
    """Units of the plan counted one band at a time: those up to the band's end less those up to its beginning."""
    before = parameter(rule, "already", 0)
    after = before + sum(own_volumes(rule, facts))

    def inside(amount: int) -> int:
        return max(0, min(amount, parameter(rule, "until", 2**40)) - parameter(rule, "above"))

    return max(0, inside(after) - inside(before))


def _spent(rule: Rule, facts: Facts) -> int:
    return parameter(rule, "already", 0) + sum(route.cost_minor for route, _, _ in facts.of(rule))


MEASURES: dict[str, Measure] = {
    "volume_band": _band,
    "max_spend": lambda rule, facts: max(0, _spent(rule, facts) - parameter(rule, "limit_minor")),
    "min_spend": lambda rule, facts: max(0, parameter(rule, "limit_minor") - _spent(rule, facts)),
}
