"""Proof of the registered rules, from published plans only, with code that the search does not use.

A plan states visits, reloads and breaks; every rule's excess is measured again from them, hard ones must have none,
and what soft ones charge must add up to the plan's ``rule_minor``.
"""

from __future__ import annotations

from collections.abc import Iterator

from solvers.plan import Plan
from solvers.problem import PlanningProblem, Rule
from solvers.proof.facts import Facts, facts_of
from solvers.proof.measures import MEASURES
from solvers.proof.rests import REST_CHECKS
from solvers.proof.violation import Violation

__all__ = ["MEASURES", "excess", "rule_violations"]


def excess(problem: PlanningProblem, plan: Plan, rule: Rule) -> int:
    """How far ``plan`` exceeds ``rule``, in the rule's unit."""
    return _excess(rule, facts_of(problem, plan))


def _excess(rule: Rule, facts: Facts) -> int:
    return MEASURES[rule.type](rule, facts)


def rule_violations(problem: PlanningProblem, plan: Plan) -> Iterator[Violation]:
    """Hard rules that are exceeded, rests that are missing, and a wrong sum of what soft rules charge."""
    if not problem.rules:
        if plan.rule_minor:
            yield Violation("cost", "plan", f"rule_minor is {plan.rule_minor}, there are no rules")
        return
    facts = facts_of(problem, plan)
    charged = 0
    for rule in problem.rules:
        found = _excess(rule, facts)
        if rule.hard and found:
            yield Violation(rule.type, f"rule {rule.rule_id}", f"is exceeded by {found}")
        if not rule.hard:
            charged += found * rule.price_minor
        check = REST_CHECKS.get(rule.type)
        if check is not None:
            for route, words in check(rule, facts):
                yield Violation(rule.type, f"route of {route}", words)
    if charged != plan.rule_minor:
        yield Violation("cost", "plan", f"rule_minor is {plan.rule_minor}, adds up to {charged}")
