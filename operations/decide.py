"""``decide(state, event) -> decisions``: pure and the same on every run. The day's loop, the live service and replays
all call it.

It looks at what the event makes material: offers that ran out, orders that no working vehicle will serve, a route that
has become late, a stop that is gone. For each it weighs what can be done in money, and says what else it looked at.
"""

from __future__ import annotations

from domain.codes import EventType
from operations.dispatch.decisions import Alternative, Decision
from operations.dispatch.desk import Desk
from operations.dispatch.draft import OURS
from operations.dispatch.standing import cover
from operations.state.events import PEOPLE, Event, why_refused
from operations.state.fold import DayState, fold

__all__ = ["MOVES", "OURS", "Alternative", "Decision", "decide", "step"]

MOVES = frozenset(
    {
        EventType.ARRIVED,
        EventType.SERVICE_STARTED,
        EventType.DELIVERED,
        EventType.ATTEMPT_FAILED,
        EventType.PARTIALLY_DELIVERED,
        EventType.DIVERTED,
        EventType.DEPARTED,
        EventType.ROUTE_STARTED,
        EventType.BREAK_ENDED,
    }
)
"""Events that tell where a vehicle is in its route."""


def step(state: DayState, event: Event) -> tuple[DayState, tuple[Decision, ...]]:
    """Take an event in, decide, take the decisions in."""
    state = fold(state, event)
    decisions = decide(state, event)
    return fold(state, *(one for decision in decisions for one in decision.events)), decisions


def decide(state: DayState, event: Event) -> tuple[Decision, ...]:
    """What to do about ``event``, which ``state`` holds already. Nothing for an event that was refused."""
    if why_refused(event):
        return ()
    limit, rule = state.day.asks_from_minor, state.day.approvals
    if limit is None and rule.standing_after is None:
        return _made(Desk(state, event))
    # what one event calls for is one matter, and its price that of all of it: known when all of it was decided;
    # what a standing answer covers is not weighed, and what belongs to a matter that waits already waits with it
    alone = Desk(state, event, asks=False)
    made = _made(alone)
    dear = limit is not None and alone.weighed_minor >= limit
    covered = cover(state, event, alone.matters, dear=dear)
    dear = covered.over or (limit is not None and alone.weighed_minor - covered.price_minor >= limit)
    if not (dear or alone.joins or rule.kinds or covered.by):
        return made
    return _made(Desk(state, event, dear=dear, covered=covered))


def _made(maker: Desk) -> tuple[Decision, ...]:
    event = maker.event
    maker.expire()
    maker.unanswered()
    if event.kind in PEOPLE:
        maker.answer()
    if event.kind in (EventType.TENDER_ACCEPTED, EventType.TENDER_DECLINED) and event.tender_id:
        maker.answered()
    if event.kind == EventType.TENDER_ACCEPTED:
        maker.withdraw()
    if event.kind in (EventType.CANCELLED, EventType.RESCHEDULED):
        maker.drop()
    if event.kind in (EventType.VEHICLE_FAULT, EventType.DRIVER_NO_SHOW):
        maker.hedge()
    lost = maker.overdue()
    if event.kind in MOVES and event.vehicle_id:
        maker.resequence()
    if lost or (not (event.kind in MOVES and event.vehicle_id) and event.kind != EventType.POSITION):
        maker.place()
    maker.renew()
    return tuple(maker.decisions)
