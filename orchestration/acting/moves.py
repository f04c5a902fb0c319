"""Interventions that change the plan or a promise: what the published plan allows, weighed and decided.

A change of the plan is a change of the sequences that are published; ``acting.force`` makes it so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from domain.codes import ControlMode
from domain.codes import InterventionAction as Action
from domain.tables import INTERVENTIONS
from operations.accrual import CostRates
from operations.interventions import CATALOGUE, Candidate, Choice, Efficacy, Permission, Policy, pick
from operations.interventions.policy import Spent, audit_row
from operations.interventions.reroute import Move, Rerouter
from orchestration.lake import Lake
from orchestration.messaging.store import DecisionRow
from orchestration.planning.build import build_problem, plannable
from orchestration.planning.inputs import DayInputs, day_inputs
from orchestration.planning.risk import LATE_COST_MINOR, RISKY, spread_s
from solvers import PlanningProblem

MOST_LATE = 20
"""Orders looked at in an evening, the riskiest of each route: every one costs a tenth of a second."""
Sequences = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Standing:
    """The published plan of a date as sequences of its problem."""

    inputs: DayInputs
    problem: PlanningProblem
    sequences: Sequences


def standing(lake: Lake, source: str, day: date, as_of: datetime) -> Standing:
    """Read the plan that stands, with its problem as known at ``as_of``."""
    inputs, _ = plannable(day_inputs(lake, source, day, as_of))
    return Standing(inputs, build_problem(inputs), sequences(lake, source, day))


def sequences(lake: Lake, source: str, day: date) -> Sequences:
    """Vehicle -> orders, as published."""
    rows = lake.query(
        """
        select routes.vehicle_id, list(stops.order_id order by stops.sequence) as orders
        from plan.plan_stops as stops join plan.routes as routes using (plan_id, route_id)
        where stops.source = ? and stops.service_date = ? group by 1 order by 1
        """,
        [source, day],
    )
    return {str(one.vehicle_id): tuple(map(str, one.orders)) for one in rows.itertuples()}


@dataclass(frozen=True)
class Deciding:
    """What all decisions of an evening are made with; ``spent`` is the week's alert budget before it."""

    source: str
    day: date
    policy: Policy
    beliefs: Mapping[Action, Efficacy]
    spent: Spent
    decided: datetime
    basis: Mapping[str, Any]

    def choose(self, candidates: Sequence[Candidate]) -> list[Choice]:
        """By expected net value, with a holdout."""
        return pick(candidates, self.beliefs, self.policy, self.spent, self.decided, self.day)[0]

    def audited(self, choice: Choice) -> dict[str, Any]:
        """The choice as a row, with where it stands."""
        return {**audit_row(choice, self.decided, self.day, **self.basis), "state": state_of(choice)}


def late_rows(lake: Lake, by: Deciding) -> list[DecisionRow]:
    """Decisions about orders that the plan is likely to bring late; none where they were decided before."""
    risky = lake.query(
        """
        select stops.order_id, stops.route_id, stops.p_late, stops.service_start from plan.plan_stops as stops
        where source = ? and service_date = ? and p_late >= ? and window_end is not null and not exists (
            select 1 from operation.interventions as before where before.source = stops.source
            and before.service_date = stops.service_date and before.task = 'late' and before.decided_at = ?)
        qualify row_number() over (partition by route_id order by p_late desc, order_id) = 1
        order by p_late desc, order_id limit ?
        """,
        [by.source, by.day, RISKY, by.decided, MOST_LATE],
    )
    if risky.empty:
        return []
    now = standing(lake, by.source, by.day, by.decided)
    router = _router(now)
    found = {
        str(one.order_id): {move.action: move for move in router.moves(str(one.order_id))} for one in risky.itertuples()
    }
    candidates = [
        Candidate(
            by.source,
            str(one.order_id),
            "late",
            float(one.p_late),
            LATE_COST_MINOR,
            {action: move.plan_delta_minor for action, move in found[str(one.order_id)].items()},
            one.service_start.to_pydatetime(),
            {action: move.efficacy for action, move in found[str(one.order_id)].items()},
        )
        for one in risky.itertuples()
    ]
    return [_decision(one, found[one.candidate.order_id], now, by) for one in by.choose(candidates)]


def again_rows(lake: Lake, by: Deciding) -> list[DecisionRow]:
    """Decisions about orders that failed in the three days before and that nobody has taken up since."""
    rows = lake.query(
        """
        with last as (
            select order_id, arg_max(event_type, event_time) as last_event from raw.delivery_events
            where source = ? and ingest_time <= ? and service_date between ? and ? and not retracted
                and event_type in ('attempt_failed', 'delivered', 'partially_delivered', 'diverted', 'cancelled',
                    'rescheduled', 'order_changed')
            group by 1
        ), versions as (
            select order_id, service_date, retracted from raw.orders where source = ? and ingest_time <= ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        )
        select order_id from last join versions using (order_id)
        where last_event = 'attempt_failed' and service_date < ? and not retracted order by order_id
        """,
        [by.source, by.decided, by.day - timedelta(days=3), by.day - timedelta(days=1), by.source, by.decided, by.day],
    )
    rates = CostRates()
    lost = rates.failed_delivery_minor + rates.return_minor + rates.refund_minor
    candidates = [
        Candidate(by.source, str(one.order_id), "failed", 1.0, lost, {Action.EXTRA_ATTEMPT: 0})
        for one in rows.itertuples()
    ]
    to = json.dumps({"service_date": (by.day + timedelta(days=1)).isoformat()})
    found = [{**by.audited(one), "arguments": to} for one in by.choose(candidates)]
    return [DecisionRow(INTERVENTIONS.qualified_name, row["intervention_id"], row) for row in found]


def _router(now: Standing) -> Rerouter:
    beliefs = now.inputs.predictions
    late = beliefs[beliefs["task"] == "late"].dropna(subset=["probability"])
    eta = beliefs[beliefs["task"] == "eta"].set_index("order_id")
    gig = now.inputs.fleets[now.inputs.fleets["control_mode"] == str(ControlMode.TENDERED_ORDER)]
    orders = {one.order_id for one in now.problem.orders}
    kept = {name: tuple(one for one in ids if one in orders) for name, ids in now.sequences.items()}
    return Rerouter(
        now.problem,
        kept,
        dict(zip(late["order_id"].astype(str), late["probability"].astype(float), strict=True)),
        {name: spread_s(eta, name) for name in orders},
        late_minor=LATE_COST_MINOR,
        gig_fleets=frozenset(map(str, gig["fleet_id"])),
        zones=now.inputs.orders.dropna(subset=["zone_id"]).set_index("order_id")["zone_id"].to_dict(),
    )


def state_of(choice: Choice) -> str:
    """Where a decision stands before anybody did anything."""
    if choice.assigned != "treated" or choice.option is None:
        return "held" if choice.assigned == "holdout" else "none"
    return "waiting" if CATALOGUE[choice.option.action].permission is Permission.APPROVE else "to_do"


def _decision(choice: Choice, moves: Mapping[Action, Move], now: Standing, by: Deciding) -> DecisionRow:
    row = by.audited(choice)
    if choice.option is not None:
        move = moves[choice.option.action]
        before = {name: list(now.sequences.get(name, ())) for name in move.sequences}
        after = {name: list(ids) for name, ids in move.sequences.items()}
        row["arguments"] = json.dumps({"before": before, "after": after, **move.arguments})
    return DecisionRow(INTERVENTIONS.qualified_name, row["intervention_id"], row)


def less(policy: Policy, taken: int) -> Policy:
    """The policy for the rest of an evening: what was taken already is off the week's budget."""
    return replace(policy, weekly_budget=max(0, policy.weekly_budget - taken))
