"""A given plan judged: its violations, what soft rules charge, the arrival and the chance of each stop.

Everything is measured by the proof's code on what the plan states; no engine is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from solvers.plan import Plan
from solvers.problem import PlanningProblem, Rule
from solvers.proof import excess
from solvers.proof.chance import chances
from solvers.proof.facts import Facts, facts_of
from solvers.verifier import Violation, verify

SPREAD_S = 120
SPREAD_PERMILLE = 50
"""Spread of arrivals where no rule of the problem says it: two minutes, and 5 % of the time since the trip left."""


@dataclass(frozen=True, slots=True)
class RuleCharge:
    """A rule that the plan exceeds: by how many units, and what is charged for it (hard ones: nothing, they forbid)."""

    rule_id: str
    type: str
    hard: bool
    units: int
    charged_minor: int
    authority: str


@dataclass(frozen=True, slots=True)
class StopEta:
    """A stop as the customer sees it. ``slack_s`` is the time until the window ends; None where there is no window."""

    vehicle_id: str
    order_id: str
    arrival_s: int
    service_start_s: int
    departure_s: int
    slack_s: int | None
    p_in_window: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What there is to say about a plan."""

    violations: tuple[Violation, ...]
    charges: tuple[RuleCharge, ...]
    stops: tuple[StopEta, ...]
    cost_minor: int

    @property
    def valid(self) -> bool:
        """Whether every rule is kept and every sum is right."""
        return not self.violations


def judge(
    problem: PlanningProblem, plan: Plan, *, spread_s: int = SPREAD_S, spread_permille: int = SPREAD_PERMILLE
) -> Judgement:
    """Prove ``plan``, price what it exceeds, give arrivals and chances.

    Chances are those of an ``on_time_chance`` or ``expected_lateness`` rule of the problem where there is one over all
    orders, else of ``spread_s`` and ``spread_permille``.
    """
    charges = []
    for rule in problem.rules:
        units = excess(problem, plan, rule)
        if units:
            charged = 0 if rule.hard else units * rule.price_minor
            charges.append(RuleCharge(rule.rule_id, rule.type, rule.hard, units, charged, rule.authority))
    facts = facts_of(problem, plan)
    spread = _spread_rule(problem, spread_s, spread_permille)
    likely = dict(chances(spread, facts))
    return Judgement(tuple(verify(problem, plan)), tuple(charges), tuple(_stops(facts, likely)), plan.cost_minor)


def _spread_rule(problem: PlanningProblem, spread_s: int, spread_permille: int) -> Rule:
    for rule in problem.rules:
        if rule.type in {"on_time_chance", "expected_lateness"} and not (rule.orders or rule.vehicles or rule.fleets):
            return rule
    parameters = {"spread_s": spread_s, "spread_permille": spread_permille}
    return Rule("~spread", "expected_lateness", parameters=parameters, hard=False)


def _stops(facts: Facts, likely: dict[str, int]) -> list[StopEta]:
    found = []
    for route, _, visits in facts.routes:
        for visit, order in visits:
            ends = [w.end_s for w in order.windows if w.start_s <= visit.service_start_s <= w.end_s]
            late = max((w.end_s for w in order.windows), default=None)
            end = max(ends) if ends else late
            chance = likely.get(order.order_id)
            found.append(
                StopEta(
                    route.vehicle_id,
                    order.order_id,
                    visit.arrival_s,
                    visit.service_start_s,
                    visit.departure_s,
                    None if end is None else end - visit.service_start_s,
                    None if chance is None or (end is not None and visit.service_start_s > end) else chance / 1_000,
                )
            )
    return found
