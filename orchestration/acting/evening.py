"""The evening before: what is done about each planned stop at risk, and what every customer is told."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from domain.codes import InterventionAction as Action
from domain.errors import InputError
from operations.accrual import CostRates
from operations.answers import Locker, Tracked, remaining
from operations.communication import Held, Notice, Preferences, Rules, Sighting, Told, compose, decide
from operations.communication.triggers import PLAN_PUBLISHED
from operations.interventions import Candidate, Choice, Efficacy, Policy, pick
from operations.interventions.book import HANDED_OVER
from operations.interventions.policy import MEMORY, Spent, audit_row
from operations.outbox import Message, message_key
from orchestration.acting.force import put_into_force
from orchestration.acting.lockers import nearest_lockers
from orchestration.acting.moves import Deciding, again_rows, late_rows, less, state_of
from orchestration.acting.relay import relay
from orchestration.lake import Lake
from orchestration.messaging.people import Person
from orchestration.messaging.store import DecisionRow, OutboxStore
from orchestration.planning.inputs import depot_timezone, planning_cut_off

ASKED = (
    Action.CONFIRM_AVAILABILITY,
    Action.OFFER_RESCHEDULE,
    Action.DIVERT_LOCKER,
    Action.SAFE_PLACE,
    Action.FIX_ADDRESS,
)
"""Actions that the evening's message offers; the customer's answer puts them into effect."""
OFFERED = (*ASKED, Action.CALL_CUSTOMER)
"""What is weighed against a failure; a call is a task for a person (fivefold interventions list --state to_do)."""
INTERVENTIONS, NOTIFICATIONS = "operation.interventions", "operation.notifications"


@dataclass(frozen=True)
class Evening:
    """What was decided for a date: ``new_messages`` were not recorded before."""

    service_date: date
    decided_at: datetime
    choices: list[Choice]
    messages: list[Message]
    held: list[Held]
    new_messages: int
    tracked: list[Tracked]
    other: list[dict[str, Any]] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Counts for people and checks."""
        assigned = pd.Series([one.assigned for one in self.choices], dtype=str).value_counts().to_dict()
        why = pd.Series([one.why for one in self.held], dtype=str).value_counts().to_dict()
        return {
            "date": self.service_date.isoformat(),
            "decided_at": self.decided_at,
            "orders": len(self.choices),
            "treated": int(assigned.get("treated", 0)),
            "holdout": int(assigned.get("holdout", 0)),
            "left": int(assigned.get("none", 0)),
            "plan_and_promise": pd.Series([f"{one['action']} {one['state']}" for one in self.other], dtype=str)
            .value_counts()
            .to_dict(),
            "messages": len(self.messages),
            "new_messages": self.new_messages,
            "held_back": {str(reason): int(count) for reason, count in why.items()},
        }


def act_on_day(
    lake: Lake,
    store: OutboxStore,
    people: list[Person],
    source: str,
    day: date,
    policy: Policy | None = None,
    rules: Rules | None = None,
) -> Evening:
    """Decide interventions and messages of a planned date, record both in one transaction, bring them to the lake.

    Doing it again decides the same and records nothing new: the moment of the decision is the plan's ``as_of``.

    Raises:
        InputError: the date has no plan.
    """
    zone = depot_timezone(lake, source)
    policy, rules = policy or Policy(), rules or Rules(depot_timezone=zone.key)
    stops = _stops(lake, source, day)
    if stops.empty:
        raise InputError(f"{source} has no plan of {day}; make one: fivefold plan {source} {day}")
    decided = _decided(lake, source, day, stops, zone)
    basis = {"as_of": decided, "lake_snapshot": lake.snapshot_id()}
    beliefs, spent = beliefs_at(lake, source, decided), _spent(lake, source, day)
    # first what changes the plan, so that customers are told what will be
    by = Deciding(source, day, policy, beliefs, spent, decided, basis)
    store.record([], [*late_rows(lake, by), *again_rows(lake, by)])
    relay(lake, store)
    moved = put_into_force(lake, source, day, decided)
    stops = _stops(lake, source, day)
    lockers = nearest_lockers(lake, source, day, stops)
    troubled = _troubled(lake, source, decided)
    choices, _ = pick(
        [_candidate(one, source, one.order_id in lockers, one.customer_id in troubled) for one in stops.itertuples()],
        beliefs,
        less(policy, _taken(lake, source, day)),
        spent,
        decided,
        day,
    )
    assigned = {one.candidate.order_id: one for one in choices}
    known = {one.customer_id: one for one in people}
    messages, held = [], []
    decisions = []
    for one in choices:
        row = {**audit_row(one, decided, day, **basis), "state": state_of(one)}
        if row["state"] == "to_do" and one.option is not None and one.option.action in ASKED:
            row["state"] = "asked"
        if one.option is not None and one.option.action in ASKED:
            row["cost_minor"] = 0  # asking is a message, and the ledger has messages at their own price
        decisions.append(DecisionRow(INTERVENTIONS, row["intervention_id"], row))
    for stop in stops.itertuples():
        choice = assigned[stop.order_id]
        ask = choice.assigned == "treated" and choice.option is not None and choice.option.action in ASKED
        seen, who = _sighting(stop, source, decided, ask), preferences(known.get(str(stop.customer_id)))
        # who is treated is the policy's decision, not the template's threshold
        _, notice, back = decide(Told(), seen, who, rules)
        held += back
        if notice is not None:
            messages.append(compose(notice, who, rules))
            decisions.append(_decision(notification_row(notice, who, rules, day, basis)))
        decisions += [_decision(held_row(one, day, basis)) for one in back]
    new = store.record(messages, decisions)
    relay(lake, store)
    tracked = [_tracked(one, source, decided, zone.key, lockers.get(one.order_id)) for one in stops.itertuples()]
    return Evening(day, decided, choices, messages, held, new, tracked, _other(lake, source, day), moved)


def _decided(lake: Lake, source: str, day: date, stops: pd.DataFrame, zone: ZoneInfo) -> datetime:
    """The evening's moment: the plan's, and the one before where the plan was changed since by what was decided."""
    before = lake.query(
        "select min(decided_at) as at from operation.interventions where source = ? and service_date = ?", [source, day]
    )["at"].iloc[0]
    if not pd.isna(before):
        return pd.Timestamp(before).to_pydatetime()
    return min(stops["as_of"].max().to_pydatetime(), planning_cut_off(day, zone).astimezone(stops["as_of"].dt.tz))


def _taken(lake: Lake, source: str, day: date) -> int:
    """Places of the week's budget that the decisions about plan and promises took today."""
    rows = lake.query(
        "select count(*) as n from operation.interventions where source = ? and service_date = ? "
        "and assigned != 'none' and (task = 'late' or action = 'extra_attempt')",
        [source, day],
    )
    return int(rows["n"].iloc[0])


def _other(lake: Lake, source: str, day: date) -> list[dict[str, Any]]:
    """What was decided about plan and promises, and where it stands."""
    rows = lake.query(
        "select intervention_id, order_id, task, action, assigned, state, why from operation.interventions "
        "where source = ? and service_date = ? and (task = 'late' or action = 'extra_attempt') order by order_id, task",
        [source, day],
    )
    return [{str(name): value for name, value in one.items()} for one in rows.to_dict("records")]


def _troubled(lake: Lake, source: str, decided: datetime) -> set[str]:
    """Customers at whose door an attempt failed for the address or the way in, as far as known."""
    rows = lake.query(
        """
        select distinct orders.customer_id from raw.delivery_events as events
        join raw.orders as orders using (source, order_id)
        where events.source = ? and events.ingest_time <= ? and not events.retracted
            and events.failure_reason in ('address_wrong', 'access_denied')
        """,
        [source, decided],
    )
    return set(rows["customer_id"].dropna())


def _stops(lake: Lake, source: str, day: date) -> pd.DataFrame:
    return lake.query(
        """
        with versions as (
            select * from raw.orders where source = ?
                and order_id in (select order_id from plan.plan_stops where source = ? and service_date = ?)
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ), newest as (
            select * from versions where service_date = ? and not retracted
        )
        select stops.order_id, newest.customer_id, stops.service_start, stops.window_start, stops.window_end,
            coalesce(stops.eta_p10, stops.arrival) as low, coalesce(stops.eta_p90, stops.departure) as high,
            stops.p_failed, stops.as_of, coalesce(newest.required_certifications, '') as needs,
            newest.lat, newest.lon, newest.ingest_time > stops.as_of as answered_since,
            coalesce(cast(newest.attributes as varchar), '{}') as attributes
        from plan.plan_stops as stops join newest using (order_id)
        where stops.source = ? and stops.service_date = ? order by stops.order_id
        """,
        [source, source, day, day, source, day],
    )


def _candidate(stop: Any, source: str, locker: bool, troubled: bool) -> Candidate:
    barred = set() if locker else {Action.DIVERT_LOCKER}
    if not troubled:
        barred.add(Action.FIX_ADDRESS)
    if HANDED_OVER & set(stop.needs.split("+")):
        barred |= {Action.DIVERT_LOCKER, Action.SAFE_PLACE}
    allowed = {one: 0 for one in OFFERED if one not in barred}
    risk = 0.0 if pd.isna(stop.p_failed) else float(stop.p_failed)
    if stop.answered_since:  # the plan does not know of it yet
        risk *= remaining(json.loads(stop.attributes))
    rates = CostRates()
    return Candidate(
        source, stop.order_id, "failed", risk, rates.failed_delivery_minor, allowed, stop.service_start.to_pydatetime()
    )


def _sighting(stop: Any, source: str, decided: datetime, ask: bool) -> Sighting:
    promise = None
    if not pd.isna(stop.window_start) and not pd.isna(stop.window_end):
        promise = (stop.window_start.to_pydatetime(), stop.window_end.to_pydatetime())
    low, high = stop.low.to_pydatetime(), max(stop.low, stop.high).to_pydatetime()
    return Sighting(
        source,
        stop.order_id,
        str(stop.customer_id),
        decided,
        event=PLAN_PUBLISHED,
        promise=promise,
        interval=(low, high),
        p_failed=1.0 if ask else 0.0,
    )


def _tracked(stop: Any, source: str, decided: datetime, timezone: str, locker: Locker | None) -> Tracked:
    seen = _sighting(stop, source, decided, False)
    needs = frozenset(one for one in stop.needs.split("+") if one)
    return Tracked(
        source, stop.order_id, promise=seen.promise, interval=seen.interval, needs=needs, timezone=timezone,
        updated_at=decided, locker=locker,
    )  # fmt: skip


def preferences(person: Person | None) -> Preferences:
    """What a customer chose, without who they are."""
    if person is None:
        return Preferences()
    return Preferences(
        tuple(one for one in person.channels.split(",") if one),
        person.language or "en",
        person.timezone,
        person.quiet_from,
        person.quiet_until,
    )


def _decision(row: dict[str, Any]) -> DecisionRow:
    return DecisionRow(NOTIFICATIONS, row["notification_id"], row)


def notification_row(
    notice: Notice, who: Preferences, rules: Rules, day: date, basis: dict[str, Any]
) -> dict[str, Any]:
    """The row of ``operation.notifications`` of a message that goes."""
    seen, channel = notice.seen, notice.channels[0]
    key = message_key(seen.source, seen.order_id, notice.trigger, notice.version, channel)
    interval = seen.interval or (None, None)
    return {
        "notification_id": key,
        "source": seen.source,
        "service_date": day,
        "order_id": seen.order_id,
        "trigger": str(notice.trigger),
        "version": notice.version,
        "decided_at": seen.at,
        "channel": channel,
        "language": who.language,
        "not_before": notice.not_before,
        "expires_at": notice.expires_at,
        "interval_from": interval[0],
        "interval_until": interval[1],
        "delay": notice.delay,
        "held_because": None,
        "state": "pending",
        "cost_minor": rules.cost_minor.get(channel, 0),
        **basis,
    }


def held_row(one: Held, day: date, basis: dict[str, Any]) -> dict[str, Any]:
    """The row of a message that was held back, with the guard that did."""
    seen = one.seen
    parts = (seen.source, seen.order_id, str(one.trigger), seen.at.isoformat(), "held")
    key = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
    return {
        "notification_id": key,
        "source": seen.source,
        "service_date": day,
        "order_id": seen.order_id,
        "trigger": str(one.trigger),
        "version": 0,
        "decided_at": seen.at,
        "delay": False,
        "held_because": one.why,
        "state": "held",
        "cost_minor": 0,
        **basis,
    }


def beliefs_at(lake: Lake, source: str, decided: datetime) -> dict[Action, Efficacy]:
    """Posteriors from what was assigned before and had become known by ``decided``."""
    rows = lake.query(
        """
        with events as (
            select source, order_id, event_type, event_time from raw.delivery_events
            where coalesce(attempt, 1) = 1 and not retracted and source = ? and ingest_time <= ?
        ), promises as (
            select order_id, window_end from raw.orders where source = ? and ingest_time <= ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ), outcomes as (
            select order_id, 'failed' as task, bool_or(event_type = 'attempt_failed') as failed from events
            where event_type in ('attempt_failed', 'delivered', 'partially_delivered', 'diverted') group by order_id
            union all
            select order_id, 'late' as task, min(event_time) > any_value(window_end) as failed
            from events join promises using (order_id)
            where event_type in ('service_started', 'attempt_failed', 'delivered', 'partially_delivered', 'diverted')
                and window_end is not null group by order_id
        )
        select interventions.action, interventions.assigned, count(*) as n,
            count(*) filter (where failed) as failures
        from operation.interventions as interventions join outcomes using (order_id, task)
        where source = ? and assigned in ('treated', 'holdout') and decided_at < ?
            and action <> 'extra_attempt' and coalesce(state, 'asked') in ('asked', 'to_do', 'in_force', 'held')
        group by all
        """,
        [source, decided, source, decided, source, decided],
    )
    beliefs: dict[Action, Efficacy] = {}
    for one in rows.itertuples():
        action = Action(one.action)
        before = beliefs.get(action, Efficacy.believed(action))
        treated = one.assigned == "treated"
        counts = (one.n, one.failures, before.held, before.held_failed)
        if not treated:
            counts = (before.treated, before.treated_failed, one.n, one.failures)
        beliefs[action] = Efficacy(action, *map(int, counts), prior=before.prior)
    return beliefs


def _spent(lake: Lake, source: str, day: date) -> Spent:
    """What the weeks before took and asked for."""
    rows = lake.query(
        """
        select service_date, count(*) filter (where assigned != 'none') as taken,
            list(net_value_minor) filter (where net_value_minor > 0) as asked
        from operation.interventions where source = ? and service_date < ? and service_date > ?
        group by service_date order by service_date
        """,
        [source, day, day - timedelta(days=MEMORY)],
    )
    spent = Spent()
    for one in rows.itertuples():
        asked = [] if one.asked is None else [float(value) for value in one.asked]
        spent = spent.after(pd.Timestamp(one.service_date).date(), int(one.taken), asked)
    return spent
