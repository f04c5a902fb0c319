"""Which action, if any, for an order at risk: expected net value, a floating weekly budget, a randomised holdout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from domain.codes import InterventionAction as Action
from domain.errors import InputError
from operations.interventions.catalogue import CATALOGUE
from operations.interventions.efficacy import Efficacy, pooled
from operations.outbox import fraction

WEEK = 7
MEMORY = 28
"""Days whose candidates say what to expect of the rest of the week."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order at risk.

    Attributes:
        probability: of ``task`` (failed or late) if nothing is done.
        failure_minor: what it costs if it happens.
        actions: what could be done, with what each adds to the plan's cost (negative: saves), minor units.
        visit_at: when the order is expected to be served.
        prevents: share of the risk that an action would prevent by the plan's own times, where that can be computed;
            what the holdout shows of the action scales it.
    """

    source: str
    order_id: str
    task: str
    probability: float
    failure_minor: int
    actions: Mapping[Action, int]
    visit_at: datetime | None = None
    prevents: Mapping[Action, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"order {self.order_id}: a probability is between 0 and 1, is {self.probability}")


@dataclass(frozen=True, slots=True)
class Option:
    """An action with its expected net value, minor units."""

    action: Action
    efficacy: float
    cost_minor: int
    plan_delta_minor: int
    net_minor: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided for a candidate, with all that a trail needs. ``assigned``: treated, holdout or none."""

    candidate: Candidate
    assigned: str
    option: Option | None
    alternatives: tuple[Option, ...]
    propensity: float
    threshold_minor: float
    why: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Declared settings.

    Attributes:
        weekly_budget: most orders to treat (or hold out) in a week that begins on Monday.
        holdout: share of what would be treated that is not, by action.
        seed: of the holdout and of Thompson sampling.
        explore: draw efficacies from their posterior (Thompson) instead of taking the mean.
    """

    weekly_budget: int = 280
    holdout: float = 0.1
    seed: int = 0
    explore: bool = True

    def __post_init__(self) -> None:
        if self.weekly_budget < 0 or not 0 <= self.holdout < 1:
            raise InputError("intervention policy: weekly_budget >= 0 and 0 <= holdout < 1 are needed")


@dataclass(frozen=True, slots=True)
class Spent:
    """What the budget knows: by date, orders taken and the net values of all that asked, newest last."""

    taken: Mapping[date, int] = field(default_factory=dict)
    asked: Mapping[date, tuple[float, ...]] = field(default_factory=dict)

    def after(self, day: date, taken: int, asked: Sequence[float]) -> Spent:
        """With one more day; what is older than four weeks is forgotten."""
        keep = [one for one in {**self.asked, day: ()} if (day - one).days < MEMORY]
        return Spent(
            {one: {**self.taken, day: taken}.get(one, 0) for one in keep},
            {one: {**self.asked, day: tuple(asked)}[one] for one in keep},
        )


def efficacies(beliefs: Mapping[Action, Efficacy], policy: Policy, decided_at: datetime) -> dict[Action, float]:
    """What each action is taken to prevent in one batch: drawn from its posterior by a seeded number, or its mean."""
    found, known = {}, pooled(beliefs)
    for action in Action:
        belief = known.get(action) or Efficacy.believed(action)
        u = fraction(policy.seed, "thompson", decided_at.isoformat(), action)
        found[action] = belief.draw(u) if policy.explore else belief.mean
    return found


def options(candidate: Candidate, efficacy: Mapping[Action, float], decided_at: datetime) -> tuple[Option, ...]:
    """All actions that can still work, best first: p x efficacy x failure cost - action cost - plan delta."""
    found = []
    for action, delta in candidate.actions.items():
        spec = CATALOGUE[action]
        if candidate.task not in spec.against:
            continue
        if candidate.visit_at is not None and (candidate.visit_at - decided_at).total_seconds() < spec.lead_s:
            continue
        share = efficacy[action]
        if action in candidate.prevents:
            declared = spec.prior[0] / sum(spec.prior)
            share = min(1.0, candidate.prevents[action] * share / declared)
        net = candidate.probability * share * candidate.failure_minor - spec.cost_minor - delta
        found.append(Option(action, share, spec.cost_minor, delta, net))
    return tuple(sorted(found, key=lambda one: (-one.net_minor, one.action)))


def threshold(policy: Policy, spent: Spent, day: date, today: Sequence[float]) -> float:
    """The least net value worth one of the week's places (never below 0).

    The budget floats: a quiet day leaves its places to a stormy one. What is left of the week is shared over the
    candidates that four weeks' history (today included) lets expect until Sunday; the threshold is the matching
    quantile of their net values. Nothing is spent beyond the week's budget.
    """
    left = left_of_week(policy, spent, day)
    if left <= 0:
        return float("inf")
    values = np.array([*today, *(value for one in spent.asked.values() for value in one)])
    values = values[values > 0]
    if values.size == 0:
        return 0.0
    a_day = values.size / (1 + len(spent.asked))
    wanted = min(1.0, left / max(1.0, a_day * (WEEK - day.weekday())))
    return max(0.0, float(np.quantile(values, 1 - wanted)))


def left_of_week(policy: Policy, spent: Spent, day: date) -> int:
    """Places that the days before left of the week of ``day``."""
    monday = day - timedelta(days=day.weekday())
    return max(0, policy.weekly_budget - sum(count for one, count in spent.taken.items() if monday <= one < day))


def pick(
    candidates: Sequence[Candidate],
    beliefs: Mapping[Action, Efficacy],
    policy: Policy,
    spent: Spent,
    decided_at: datetime,
    day: date,
) -> tuple[list[Choice], Spent]:
    """Decide a batch of candidates (each order once), best first; and what the budget knows after it."""
    ranked, efficacy = [], efficacies(beliefs, policy, decided_at)
    for one in candidates:
        found = options(one, efficacy, decided_at)
        ranked.append((found[0].net_minor if found else float("-inf"), one, found))
    ranked.sort(key=lambda row: (-row[0], row[1].order_id))
    values = [value for value, _, _ in ranked if value > 0]
    least = threshold(policy, spent, day, values)
    left = left_of_week(policy, spent, day)
    choices, taken = [], 0
    for value, one, found in ranked:
        if not found or value <= 0:
            why = "no action is worth its cost" if found else "no action can work in time"
            choices.append(Choice(one, "none", None, found, 0.0, least, why))
        elif value < least or taken >= left:
            choices.append(Choice(one, "none", None, found, 0.0, least, "the week's budget goes to greater risks"))
        else:
            taken += 1
            best = found[0]
            draw = fraction(policy.seed, "holdout", one.source, one.order_id, best.action)
            held = draw < policy.holdout
            why = "held out at random" if held else "best expected net value"
            assigned = "holdout" if held else "treated"
            choices.append(Choice(one, assigned, best, found, 1 - policy.holdout, least, why))
    return choices, spent.after(day, taken, values)


def audit_row(choice: Choice, decided_at: datetime, service_date: date, **more: Any) -> dict[str, Any]:
    """The row of ``operation.interventions`` of a choice, without its basis."""
    one, best = choice.candidate, choice.option
    action = str(best.action) if best else "none"
    parts = (one.source, service_date.isoformat(), one.order_id, one.task, decided_at.isoformat())
    return {
        "intervention_id": hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32],
        "source": one.source,
        "service_date": service_date,
        "order_id": one.order_id,
        "task": one.task,
        "action": action,
        "assigned": choice.assigned,
        "decided_at": decided_at,
        "permission": str(CATALOGUE[best.action].permission) if best else None,
        "probability": one.probability,
        "efficacy": best.efficacy if best else None,
        "failure_minor": one.failure_minor,
        "cost_minor": best.cost_minor if best and choice.assigned == "treated" else 0,
        "plan_delta_minor": best.plan_delta_minor if best and choice.assigned == "treated" else 0,
        "net_value_minor": round(best.net_minor) if best else None,
        "propensity": choice.propensity,
        "threshold_minor": None if choice.threshold_minor == float("inf") else round(choice.threshold_minor),
        "why": choice.why,
        "alternatives": json.dumps(
            [
                {"action": str(o.action), "net_minor": round(o.net_minor), "efficacy": round(o.efficacy, 4)}
                for o in choice.alternatives
            ]
        ),
        **more,
    }
