"""One world of the interventions experiment: the same days under no, soft-labelled and naively labelled learning."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from benchmarks.risk_model import HOURS, CustomerMemory, Floats, RiskModel
from domain.codes import FAILURE_REASONS
from domain.codes import InterventionAction as Act
from operations.interventions import CATALOGUE, Candidate, Efficacy, Policy, pick, pooled, soft_labels
from operations.interventions.policy import Spent

FIRST_DAY = date(2026, 3, 2)
BURN_IN_WEEKS = 4
SCORED_DAYS = 14
FAILURE_MINOR = 1_720
"""Loqate, Fixing Failed Deliveries, 2021: 17.20 USD; an input."""
ACTIONS = (
    Act.CONFIRM_AVAILABILITY,
    Act.CALL_CUSTOMER,
    Act.OFFER_RESCHEDULE,
    Act.DIVERT_LOCKER,
    Act.SAFE_PLACE,
    Act.FIX_ADDRESS,
)
DELTAS = dict.fromkeys(ACTIONS, 0)


class Outcomes(NamedTuple):
    """Orders of a day: whether they failed, the risk believed before, what was done (0 nothing, else 1 + its place)."""

    failed: npt.NDArray[np.bool_]
    p: Floats
    action: npt.NDArray[np.int64]


@dataclass
class Arm:
    """A way to learn, with what it believes and what it counted."""

    name: str
    memory: CustomerMemory
    model: RiskModel
    beliefs: dict[Act, Efficacy] = field(default_factory=lambda: {one: Efficacy.believed(one) for one in ACTIONS})
    spent: Spent = field(default_factory=Spent)
    rows: list[Floats] = field(default_factory=list)
    outcomes: list[Outcomes] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)

    def labels(self, outcomes: Outcomes) -> Floats:
        """What would have become of the orders without treatment, by what is known of efficacy now."""
        if self.name == "naive":
            return outcomes.failed.astype(float)
        known = pooled(self.beliefs)
        efficacy = np.array([0.0, *(known[one].mean for one in ACTIONS)])[outcomes.action]
        return soft_labels(outcomes.failed, outcomes.action > 0, outcomes.p, efficacy)

    def refit(self) -> None:
        """Learn again from all that happened; labels of early weeks profit from what later weeks taught."""
        labels = self.labels(Outcomes(*(np.concatenate(part) for part in zip(*self.outcomes, strict=True))))
        self.model.fit(np.concatenate(self.rows), labels)

    def add(self, **more: float) -> None:
        """Count."""
        for name, value in more.items():
            self.counts[name] = self.counts.get(name, 0) + value


def run_world(seed: int, weeks: int, orders_per_day: int, holdout: float, live_days: int) -> dict[str, Any]:
    """Counts of one seed: prevention, calibration and communication. Worlds are paired by the twin's keyed draws."""
    from benchmarks.intervention_messages import MessageCounts, watch_days
    from simulation import City, load_scenario

    scenario = load_scenario("default").model_copy(update={"seed": 1_000 + seed}).scaled(orders_per_day)
    city, zone = City(scenario), ZoneInfo(scenario.timezone)
    arms = [
        Arm(name, CustomerMemory(scenario.customers.count), RiskModel(scenario.customers.failed_share))
        for name in ("soft", "naive")
    ]
    policy = Policy(weekly_budget=round(0.7 * orders_per_day), holdout=holdout, seed=seed)
    days = 7 * (BURN_IN_WEEKS + weeks)
    recent = []
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        if number % 7 == 0 and number:
            for arm in arms:
                arm.refit()
        acting, scored = number >= 7 * BURN_IN_WEEKS, number >= days - SCORED_DAYS
        recent = [*recent[-7:], _play(city, zone, day, arms, policy, acting, scored)]
    told = watch_days(city, recent, days, live_days) if live_days else MessageCounts()
    return {"seed": seed, "arms": {arm.name: arm.counts for arm in arms}, "messages": told.as_dict()}


def _play(city: Any, zone: ZoneInfo, day: date, arms: list[Arm], policy: Policy, acting: bool, scored: bool) -> Any:
    from simulation import Action
    from simulation.doors import CODE

    failures = np.array([CODE[name] for name in FAILURE_REASONS])
    orders, plan = city.orders_for(day), city.baseline_plan(day)
    table = plan.merge(orders, on="order_id", suffixes=("", "_order"))
    customer = table["customer_id"].str[1:].astype("int64").to_numpy()
    context = _context(table, zone)
    decided = datetime.combine(day - timedelta(days=1), time(18), zone).astimezone(UTC)
    untouched = city.play_day(day, plan)
    would_fail = dict(zip(*_outcomes(untouched, failures), strict=True))
    for arm in arms:
        x = np.column_stack([arm.memory.features(customer, arm.model.mean), context])
        p = arm.model.predict(x)
        names = table["order_id"].tolist()
        choices: dict[str, Any] = {}
        if acting:
            candidates = [
                Candidate("bench", name, "failed", float(risk), FAILURE_MINOR, DELTAS)
                for name, risk in zip(names, p, strict=True)
            ]
            picked, arm.spent = pick(candidates, arm.beliefs, policy, arm.spent, decided, day)
            choices = {one.candidate.order_id: one for one in picked if one.assigned != "none"}
        treated = {name: one for name, one in choices.items() if one.assigned == "treated"}
        played = untouched
        if treated:
            actions = [Action(str(one.option.action), decided, (name,)) for name, one in treated.items()]
            played = city.play_day(day, plan, actions)
        failed_by = dict(zip(*_outcomes(played, failures), strict=True))
        failed = np.array([failed_by.get(name, False) for name in names], dtype=bool)
        is_treated = np.array([name in treated for name in names], dtype=bool)
        action = np.array(
            [1 + ACTIONS.index(treated[name].option.action) if name in treated else 0 for name in names], dtype=np.int64
        )
        outcomes = Outcomes(failed, p, action)
        arm.memory.learn(customer, arm.labels(outcomes))
        arm.rows.append(x)
        arm.outcomes.append(outcomes)
        truth = np.array([would_fail.get(name, False) for name in names], dtype=bool)
        chosen = np.array([name in choices for name in names], dtype=bool)
        for name, one in choices.items():
            action = one.option.action
            arm.beliefs[action] = arm.beliefs[action].learned(
                treated=one.assigned == "treated", failed=bool(failed_by.get(name, False))
            )
        held = chosen & ~is_treated
        cost = sum(CATALOGUE[one.option.action].cost_minor for one in treated.values())
        if acting:
            arm.add(
                orders=len(names), failed=failed.sum(), would_fail=truth.sum(), cost_minor=cost,
                treated=is_treated.sum(), treated_failed=failed[is_treated].sum(),
                treated_would=truth[is_treated].sum(), held=held.sum(), held_failed=failed[held].sum(),
            )  # fmt: skip
            for one in treated.values():
                arm.add(**{f"used_{one.option.action}": 1})
        if scored:
            arm.add(
                predicted=p.sum(), true=truth.sum(),
                predicted_chosen=p[chosen].sum(), true_chosen=truth[chosen].sum(),
            )  # fmt: skip
    return day, table, untouched


def _outcomes(played: Any, failures: Any) -> tuple[list[str], list[bool]]:
    """What the day's events say of first attempts: order id and whether it failed."""
    log = played.log
    first = log.attempt == 1
    ids = played.setup.orders
    names = [f"{ids.prefix}{number:06d}" for number in log.order[first].tolist()]
    return names, np.isin(log.code[first], failures).tolist()


def _context(table: Any, zone: ZoneInfo) -> Floats:
    """Hour of the visit as planned, weekend, tenant, parcels: what is known the evening before."""
    position = table.groupby("route_id")["sequence"].rank(method="first").to_numpy()
    begins = table["starts_at"].dt.tz_convert(zone)
    start_h = (begins.dt.hour + begins.dt.minute / 60).to_numpy()
    opens = table["window_start"].dt.tz_convert(zone)
    opens_h = (opens.dt.hour + opens.dt.minute / 60).fillna(0).to_numpy()
    hour = np.clip(np.maximum(start_h + position * 0.1, opens_h), HOURS[0], HOURS[-1]).astype(int)
    one_hot = (hour[:, None] == np.array(HOURS)[None, :]).astype(float)
    weekend = np.full(len(table), float(begins.dt.weekday.iloc[0] >= 5)) if len(table) else np.zeros(0)
    tenants = (table["tenant_id"].to_numpy()[:, None] == np.array(["t1", "t2", "t3"])[None, :]).astype(float)
    return np.column_stack([one_hot, weekend, tenants, np.log(table["parcels"].to_numpy(dtype=float))])
