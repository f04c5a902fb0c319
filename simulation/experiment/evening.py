"""The evening before: interventions against predicted failures, and what customers are told.

``exceptions`` on: ``operations.interventions.pick`` with predicted risk, a weekly budget and a randomised holdout.
``communication`` on: ``operations.communication.decide`` with the projected interval of each stop; where exceptions
are on and shared, a risky order is asked to confirm instead. Off: nobody is treated, nobody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from domain.codes import InterventionAction as Act
from domain.codes import Trigger
from operations.communication import Preferences, Rules, Sighting, Told, decide
from operations.interventions import CATALOGUE, Candidate, Choice, Policy, pick
from operations.interventions.policy import Spent
from operations.watch import PRIOR_S, Projection, TimeModel, project
from simulation.actions import Action
from simulation.experiment.arms import Arm
from simulation.experiment.belief import Belief
from simulation.experiment.kernels import LAST_HOUR, PACE, schedule
from simulation.experiment.planning import DayPlan, Known
from simulation.experiment.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
RULES = Rules(late_on=0.6, late_off=0.3, quiet_from=0, quiet_until=0)
WHO = Preferences(channels=("sms",))
LEAST_RISK = 0.03
"""Below it no order is a candidate: nothing would be worth its cost."""
BUDGET_SHARE = 0.7
"""Orders treated a week over mean orders a day: a tenth of all."""
PATHS = 20
"""A third of the paths of a projection."""
PACE_SPREAD = 0.13
"""Log spread of a driver's pace from day to day, as the burn-in shows it."""
PLAIN_S = 3_600
"""Half the interval that is told where nobody projects."""


@dataclass
class Evening:
    """What was decided, and what customers were told, by order number."""

    actions: list[Action] = field(default_factory=list)
    choices: list[tuple[int, Choice]] = field(default_factory=list)
    told: dict[int, Told] = field(default_factory=dict)
    interval: dict[int, tuple[float, float]] = field(default_factory=dict)
    raw: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    """Group and ends of each interval before it was widened, which the next days' width is learned from."""
    risk: Floats = field(default_factory=lambda: np.empty(0))
    confirmed: set[int] = field(default_factory=set)
    messages: int = 0
    intervention_minor: int = 0


def policy_of(settings: Settings, seed: int) -> Policy:
    """The declared policy."""
    return Policy(weekly_budget=round(BUDGET_SHARE * settings.orders), holdout=settings.holdout, seed=seed)


def risk_of(known: Known, plan: DayPlan, belief: Belief, arm: Arm) -> Floats:
    """Predicted risk of each order at its planned hour; where nothing is shared, in the middle of its promise."""
    chance = belief.risk.by_hour(known.customer, known.day.weekday() >= 5, known.building, known.tenant)
    middle = (known.opens + known.closes) / 2
    at = np.where(np.isnan(plan.begin), middle, plan.begin) if arm.shared else middle
    hour = np.clip(at // 3_600, 0, LAST_HOUR).astype(np.int64)
    return np.asarray(chance[np.arange(len(known)), hour])


def intervene(
    evening: Evening,
    known: Known,
    plan: DayPlan,
    belief: Belief,
    arm: Arm,
    settings: Settings,
    policy: Policy,
    spent: Spent,
    decided: datetime,
) -> Spent:
    """Choose interventions; what the budget knows afterwards."""
    planned = np.flatnonzero(~np.isnan(plan.begin) & (evening.risk >= LEAST_RISK))
    candidates = []
    for number in planned.tolist():
        p = float(evening.risk[number])
        deltas: Mapping[Act, int] = {
            one: round(p * settings.rescheduled_minor) if one is Act.OFFER_RESCHEDULE else 0 for one in belief.efficacy
        }
        name = f"{known.prefix}{number:06d}"
        candidates.append(Candidate("twin", name, "failed", p, settings.failure_minor, deltas))
    choices, spent = pick(candidates, belief.efficacy, policy, spent, decided, known.day)
    by_action: dict[Act, list[str]] = {}
    for one in choices:
        if one.assigned == "none" or one.option is None:
            continue
        number = int(one.candidate.order_id[len(known.prefix) :])
        evening.choices.append((number, one))
        if one.assigned == "treated":
            by_action.setdefault(one.option.action, []).append(one.candidate.order_id)
            evening.intervention_minor += CATALOGUE[one.option.action].cost_minor
    evening.actions += [Action(str(act), decided, tuple(names)) for act, names in by_action.items()]
    return spent


def projected(plan: DayPlan, belief: Belief, sequence: Ints, place: int, clock: float, pace: float, seed: int,
              pace_now: float = 1.0, worked_s: float = 0.0) -> Projection:  # fmt: skip
    """Paths of a route (``operations.watch``): believed seconds, strayed from as they strayed before.

    Legs and doors of a day share the driver's pace, which is known better the more was worked (``worked_s``): a third
    of the paths each at the believed pace, slower and quicker.
    """
    arrays = plan.arrays
    arrive, begin = schedule(arrays, sequence, len(sequence), place, clock, pace * pace_now)
    left = np.concatenate([[clock], begin[:-1] + arrays.door_s[sequence[:-1]] * pace * pace_now])
    legs = np.maximum(arrive - left, 1.0) / pace_now
    doors = arrays.door_s[sequence] * pace
    model = TimeModel(0.0, 1.0, 0.0, 1.0, belief.leg_ratios, belief.door_ratios)
    spread = PACE_SPREAD * np.sqrt(PRIOR_S / (PRIOR_S + worked_s))
    shifts = np.repeat([-1.2, 0.0, 1.2], PATHS)[:, None]
    paces = pace_now * (1 + spread * shifts)
    return project(model, clock, legs, doors, arrays.opens[sequence], pace_now=paces, paths=len(paces), seed=seed)


def stops_ahead(place: int) -> int:
    """Group of an interval by how many stops come before: the first, to the fifth, to the fifteenth, beyond."""
    return 0 if place < 1 else 1 if place < 5 else 2 if place < 15 else 3


def tell(evening: Evening, known: Known, plan: DayPlan, belief: Belief, arm: Arm, decided: datetime) -> None:
    """Planned intervals, or requests to confirm, to everybody on a route."""
    depot = len(known)
    treated = {number for number, one in evening.choices if one.assigned == "treated"}
    told_names, asked = [], []
    use_risk = arm.on("exceptions") and arm.shared
    for row in range(len(plan.lengths)):
        sequence = plan.sequence(row)
        if not len(sequence):
            continue
        if arm.shared:
            pace = float(plan.arrays.prices[plan.arrays.fleet[row], PACE])
            paths = projected(plan, belief, sequence, depot, float(plan.starts[row]), pace, seed=row)
            low, high = paths.quantiles([0.1, 0.9])
            wide = [belief.interval.widen(stops_ahead(one), every=50) for one in range(len(sequence))]
            low, high = low - wide, np.maximum(high + wide, low - wide)
        else:
            low, high = plan.begin[sequence] - PLAIN_S, plan.begin[sequence] + PLAIN_S
        for place, number in enumerate(sequence.tolist()):
            span = (float(low[place]), float(high[place]))
            risk = float(evening.risk[number]) if use_risk and number not in treated else None
            seen = _sighting(known, number, decided, span, event="plan_published", p_failed=risk)
            evening.told[number], notice, _ = decide(Told(), seen, WHO, RULES)
            evening.interval[number] = span
            if arm.shared:
                raw = (span[0] + wide[place], span[1] - wide[place])
                evening.raw[number] = (stops_ahead(place), *raw)
            if notice is None:
                continue
            evening.messages += 1
            name = f"{known.prefix}{number:06d}"
            told_names.append(name)
            if notice.trigger is Trigger.DAY_BEFORE_CONFIRM:
                asked.append(name)
                evening.confirmed.add(number)
    if told_names:
        evening.actions.append(Action("message", decided, tuple(told_names)))
    if asked:
        evening.actions.append(Action("confirm_availability", decided, tuple(asked)))


def _sighting(known: Known, number: int, at: datetime, span: tuple[float, float], *, event: str | None = None,
              p_failed: float | None = None, p_late: float | None = None) -> Sighting:  # fmt: skip
    origin = known.origin.to_pydatetime()
    promise = None
    if known.bound[number]:
        opens, closes = float(known.opens[number]), float(known.closes[number])
        promise = (origin + timedelta(seconds=opens), origin + timedelta(seconds=closes))
    interval = (origin + timedelta(seconds=span[0]), origin + timedelta(seconds=max(span)))
    return Sighting(
        "twin", str(number), "c", at, event=event, promise=promise, interval=interval, p_failed=p_failed, p_late=p_late
    )


def late_sighting(known: Known, number: int, at: datetime, span: tuple[float, float], p_late: float) -> Sighting:
    """What is seen of a stop while the day runs."""
    return _sighting(known, number, at, span, p_late=p_late)
