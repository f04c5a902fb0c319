"""Which message, if any, what was just seen of an order calls for. Pure: memory and sighting in, both out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from domain.codes import EventType, Trigger
from domain.errors import InputError
from operations.communication.policy import URGENT, Preferences, Rules, quiet_end

PLAN_PUBLISHED, FEEDBACK_DUE = "plan_published", "feedback_due"
BY_EVENT: Mapping[str, Trigger] = MappingProxyType(
    {
        EventType.ORDER_CREATED: Trigger.ORDER_CONFIRMED,
        EventType.PROMISE_SET: Trigger.WINDOW_OFFERED,
        PLAN_PUBLISHED: Trigger.PLANNED_INTERVAL,
        EventType.ROUTE_STARTED: Trigger.OUT_FOR_DELIVERY,
        EventType.DELIVERED: Trigger.DELIVERED,
        EventType.PARTIALLY_DELIVERED: Trigger.DELIVERED,
        EventType.ATTEMPT_FAILED: Trigger.FAILED_WITH_OPTIONS,
        EventType.RESCHEDULED: Trigger.RESCHEDULED,
        FEEDBACK_DUE: Trigger.FEEDBACK_REQUEST,
    }
)
ENDS = frozenset(
    {EventType.DELIVERED, EventType.PARTIALLY_DELIVERED, EventType.ATTEMPT_FAILED, EventType.CANCELLED,
     EventType.RESCHEDULED, EventType.DIVERTED}
)  # fmt: skip
CAN_WAIT = frozenset(
    {Trigger.ORDER_CONFIRMED, Trigger.WINDOW_OFFERED, Trigger.PLANNED_INTERVAL, Trigger.DELIVERED,
     Trigger.FAILED_WITH_OPTIONS, Trigger.RESCHEDULED, Trigger.FEEDBACK_REQUEST, Trigger.DAY_BEFORE_CONFIRM}
)  # fmt: skip
"""Triggers that are still true after the quiet hours."""
NEVER_TWICE = frozenset(set(Trigger) - {Trigger.INTERVAL_SHIFT, Trigger.LATE_RISK, Trigger.EARLY_RISK,
                                        Trigger.FAILED_WITH_OPTIONS, Trigger.RESCHEDULED})  # fmt: skip
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of an order at a moment: an event, or an estimate, or both.

    Attributes:
        event: an event of ``EventType``, ``plan_published`` or ``feedback_due``; None for an estimate alone.
        promise: the active promise, where there is one; interval: when the visit is expected (80 %).
        p_late, p_early: probability of a start after, an arrival before the promise.
        reason: failure reason or cause of a delay (a code).
    """

    source: str
    order_id: str
    customer_id: str
    at: datetime
    event: str | None = None
    promise: tuple[datetime, datetime] | None = None
    interval: tuple[datetime, datetime] | None = None
    p_late: float | None = None
    p_early: float | None = None
    p_failed: float | None = None
    stops_before: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        for name in ("promise", "interval"):
            span = getattr(self, name)
            if span is not None and span[0] > span[1]:
                raise InputError(f"order {self.order_id}: the {name} ends before it begins")


@dataclass(frozen=True, slots=True)
class Told:
    """What an order's customer was told: the memory between two sightings. ``versions``: trigger -> times decided."""

    interval: tuple[datetime, datetime] | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    last_at: datetime | None = None
    count: int = 0
    late_armed: bool = True
    early_armed: bool = True
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is decided. ``delay``: it tells of a start after the promise."""

    trigger: Trigger
    version: int
    seen: Sighting
    channels: tuple[str, ...]
    not_before: datetime
    expires_at: datetime
    delay: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A message that a trigger called for and a guard held back; kept in the trail."""

    trigger: Trigger
    seen: Sighting
    why: str


def decide(told: Told, seen: Sighting, who: Preferences, rules: Rules) -> tuple[Told, Notice | None, tuple[Held, ...]]:
    """The new memory, the one message to send now if any, and those held back with the reason."""
    if told.ended and seen.event not in (FEEDBACK_DUE, *ENDS, EventType.PROMISE_SET):
        return told, None, ()
    memory, wanted = _armed(told, seen, rules), _wanted(told, seen, rules)
    if seen.event in ENDS:
        memory = replace(memory, ended=True)
    held: list[Held] = []
    for trigger in wanted:
        why, not_before, expires = _guard(memory, trigger, seen, who, rules)
        if why:
            held.append(Held(trigger, seen, why))
            continue
        version = memory.versions.get(trigger, 0) + 1
        notice = Notice(trigger, version, seen, who.channels, not_before, expires, _delays(trigger, seen))
        held += [Held(one, seen, f"superseded by {trigger}") for one in wanted if one not in {*_names(held), trigger}]
        return _remember(memory, notice), notice, tuple(held)
    return memory, None, tuple(held)


def _names(held: list[Held]) -> set[Trigger]:
    return {one.trigger for one in held}


def _armed(told: Told, seen: Sighting, rules: Rules) -> Told:
    late = told.late_armed or (seen.p_late is not None and seen.p_late <= rules.late_off)
    early = told.early_armed or (seen.p_early is not None and seen.p_early <= rules.early_off)
    if late == told.late_armed and early == told.early_armed:
        return told
    return replace(told, late_armed=late, early_armed=early)


def _wanted(told: Told, seen: Sighting, rules: Rules) -> list[Trigger]:
    """Triggers that what is seen calls for, the most telling first."""
    found: list[Trigger] = []
    if seen.event is not None and (trigger := BY_EVENT.get(seen.event)):
        risky = seen.p_failed is not None and seen.p_failed >= rules.confirm_at
        asks = trigger is Trigger.PLANNED_INTERVAL and risky
        found.append(Trigger.DAY_BEFORE_CONFIRM if asks else trigger)
    if seen.interval is None or seen.event in ENDS or seen.event == PLAN_PUBLISHED:
        return found
    low, high = seen.interval
    if told.late_armed and seen.p_late is not None and seen.p_late >= _late_on(seen, rules):
        found.append(Trigger.LATE_RISK)
    if told.interval is not None:
        middle = low + (high - low) / 2
        off = max(told.interval[0] - middle, middle - told.interval[1])
        if off >= timedelta(seconds=rules.shift_s):
            found.append(Trigger.INTERVAL_SHIFT)
    if told.early_armed and seen.p_early is not None and seen.p_early >= rules.early_on:
        found.append(Trigger.EARLY_RISK)
    if seen.stops_before is not None and seen.stops_before <= rules.next_stops:
        found.append(Trigger.NEXT_IN_N_STOPS)
    near = low - seen.at <= timedelta(seconds=rules.eta_threshold_s)
    if near and high - low <= timedelta(seconds=2 * rules.widest_point_s):
        found.append(Trigger.ETA_THRESHOLD)
    return [one for one in found if not (one in NEVER_TWICE and told.versions.get(one))]


def _late_on(seen: Sighting, rules: Rules) -> float:
    """Probability from which a delay is told: a lower one where there is no later chance to tell it in time."""
    if seen.promise is None:
        return rules.late_on
    left = (seen.promise[1] - timedelta(seconds=rules.lead_s) - seen.at).total_seconds()
    return rules.late_last_on if left < rules.last_chance_s else rules.late_on


def _guard(
    memory: Told, trigger: Trigger, seen: Sighting, who: Preferences, rules: Rules
) -> tuple[str, datetime, datetime]:
    """Why a message is held back (empty if it is not), the earliest moment it may go and the latest."""
    expires = _expiry(trigger, seen)
    if not who.channels:
        return "the customer agreed to no channel", seen.at, expires
    if trigger in NEVER_TWICE and memory.versions.get(trigger):
        return "told before", seen.at, expires
    if trigger not in URGENT:
        if memory.count >= rules.budget:
            return f"the order's budget of {rules.budget} messages is spent", seen.at, expires
        if memory.last_at is not None and seen.at - memory.last_at < timedelta(seconds=rules.cool_down_s):
            return f"within {rules.cool_down_s // 60} min of the message before", seen.at, expires
    not_before = seen.at
    if quiet := quiet_end(seen.at, who, rules):
        if trigger not in CAN_WAIT or quiet >= expires:
            return f"quiet hours until {quiet:%Y-%m-%d %H:%M} UTC", seen.at, expires
        not_before = quiet
    return "", not_before, expires


def _expiry(trigger: Trigger, seen: Sighting) -> datetime:
    """When a message stops being true."""
    if trigger in CAN_WAIT:
        visit = seen.interval or seen.promise
        ahead = trigger in (Trigger.PLANNED_INTERVAL, Trigger.DAY_BEFORE_CONFIRM)
        return max(visit[0], seen.at + timedelta(minutes=1)) if ahead and visit else seen.at + DAY
    end = seen.interval[1] if seen.interval else seen.promise[1] if seen.promise else seen.at
    return max(end, seen.at + timedelta(minutes=15))


def _delays(trigger: Trigger, seen: Sighting) -> bool:
    if trigger is Trigger.LATE_RISK:
        return True
    return (
        trigger is Trigger.INTERVAL_SHIFT
        and seen.interval is not None
        and seen.promise is not None
        and seen.interval[0] > seen.promise[1]
    )


def _remember(memory: Told, notice: Notice) -> Told:
    trigger = notice.trigger
    return replace(
        memory,
        interval=notice.seen.interval or memory.interval,
        versions={**memory.versions, str(trigger): notice.version},
        last_at=notice.seen.at,
        count=memory.count + 1,
        late_armed=memory.late_armed and not notice.delay,
        early_armed=memory.early_armed and trigger is not Trigger.EARLY_RISK,
    )
