"""What is known of one order, vehicle or tender: a function of its own events in the order they happened.

The events of an entity are few. A late one costs a new look at those few, so that nothing depends on when it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import asin, cos, radians, sin, sqrt

from domain.codes import EventType
from operations.state.events import ORDER_HELD, ORDER_LEFT, ROUTE_SET, Event
from solvers.problem import Load, Order, Window

OPEN, ABOARD, SERVED, FAILED, CANCELLED, LEFT = "open", "aboard", "served", "failed", "cancelled", "left"
FINAL = frozenset({SERVED, FAILED, CANCELLED, LEFT})
MOVING, IDLE, BROKEN, ENDED, DELAYED = "moving", "idle", "broken", "ended", "delayed"
DAY_S = 86_400
FASTEST_M_PER_S = 70.0
"""A position that would need more is not believed."""


@dataclass(frozen=True, slots=True)
class OrderState:
    """``order`` None: events speak of it, but nothing has told what it is (yet).

    ``held_until_s``, ``held_why``: it was decided that it waits for what may come, until when at most (0: it does not).
    ``loaded_in``: the vehicle that has told of having it aboard.
    """

    order_id: str
    order: Order | None = None
    status: str = OPEN
    concluded_s: int | None = None
    held_until_s: int = 0
    held_why: str = ""
    loaded_in: str = ""


@dataclass(frozen=True, slots=True)
class VehicleState:
    """``visited``: orders it has been to, in order; ``sequence``: what it was told to do, newest word, all of it.

    ``left``: it has left its depot, and what it is to deliver is aboard. ``back_s``, ``back_bp``: of one that is
    delayed by a fault or a driver who has not come: when it should go on, and how sure that is (10,000: certain).
    ``presumed``: it is only taken to be out of the day, and a sign of life brings it back.
    ``stopped_by``: the event because of which it does not go on (any more): the cause of all that follows from that.
    ``ready_s``: when it is (or will be) done where it is; ``at_order`` is where ("" at its depot). ``impossible``:
    positions that were not believed.
    """

    vehicle_id: str
    sequence: tuple[str, ...] = ()
    version: int = 0
    status: str = IDLE
    visited: tuple[str, ...] = ()
    at_order: str = ""
    ready_s: int = 0
    in_service: bool = False
    left: bool = False
    lat: float | None = None
    lon: float | None = None
    position_s: int = 0
    impossible: int = 0
    back_s: int = 0
    back_bp: int = 0
    presumed: bool = False
    stopped_by: str = ""

    @property
    def remaining(self) -> tuple[str, ...]:
        been = set(self.visited)
        return tuple(one for one in self.sequence if one not in been)


@dataclass(frozen=True, slots=True)
class TenderState:
    """``status``: open, accepted, declined or expired, by the first answer. ``contradictions``: answers after it."""

    tender_id: str
    order_id: str = ""
    fleet_id: str = ""
    price_minor: int = 0
    sent_s: int = 0
    expires_s: int = 0
    status: str = "open"
    answered_s: int = 0
    contradictions: int = 0


def standing(events: Sequence[Event]) -> Iterator[Event]:
    """Events without those that another corrects."""
    gone = {one.corrects for one in events if one.corrects}
    return (one for one in events if one.event_id not in gone)


def order_state(order_id: str, known: Order | None, events: Sequence[Event]) -> OrderState:
    """An order from the plan's own knowledge of it and its events."""
    state = OrderState(order_id, known)
    for event in standing(events):
        state = order_after(state, event)
    return state


def order_after(state: OrderState, event: Event) -> OrderState:
    """An order after one more event, which happened after all that ``state`` knows."""
    kind = event.kind
    if kind in (EventType.ORDER_CREATED, EventType.ORDER_CHANGED, EventType.PROMISE_SET, EventType.RESCHEDULED):
        state = replace(state, order=_described(state.order_id, state.order, event))
        if kind == EventType.RESCHEDULED and not _of_today(event) and state.status not in (SERVED, FAILED):
            return replace(state, status=LEFT, concluded_s=event.at_s)
        return state
    if kind == ORDER_HELD:
        return replace(state, held_until_s=event.number("until_s"), held_why=str(event.facts.get("reason", "")))
    if kind in (EventType.LOADED, EventType.LOAD_MISSING, EventType.RETURNED_TO_DEPOT):
        before, after = (OPEN, ABOARD) if kind == EventType.LOADED else (ABOARD, OPEN)
        loaded_in = event.vehicle_id if kind == EventType.LOADED else ""
        return replace(state, status=after, loaded_in=loaded_in) if state.status == before else state
    if kind in (EventType.DELIVERED, EventType.DIVERTED, EventType.PARTIALLY_DELIVERED):
        return replace(state, status=SERVED, concluded_s=event.at_s)
    if kind == EventType.ATTEMPT_FAILED and state.status != SERVED:
        return replace(state, status=FAILED, concluded_s=event.at_s)
    if kind in (EventType.CANCELLED, ORDER_LEFT) and state.status not in (SERVED, FAILED):
        return replace(state, status=LEFT if kind == ORDER_LEFT else CANCELLED, concluded_s=event.at_s)
    return state


def _of_today(event: Event) -> bool:
    """Whether a rescheduled order stays on this day: its new window begins before the next."""
    return 0 <= event.number("window_start_s", DAY_S) < DAY_S


def _described(order_id: str, known: Order | None, event: Event) -> Order | None:
    """What an event says an order is; one that has no place yet stays unknown."""
    if known is None and ("location" not in event.facts or event.number("location", -1) < 0):
        return None
    base = known or Order(order_id, event.number("location"))
    windows = base.windows
    if "window_start_s" in event.facts and "window_end_s" in event.facts:
        begin, end = event.number("window_start_s"), event.number("window_end_s")
        windows = (Window(begin, end),) if 0 <= begin <= end else windows
    return replace(
        base,
        windows=windows,
        depot_id=str(event.facts.get("depot_id", base.depot_id)),
        service_s=max(0, event.number("service_s", base.service_s)),
        load=Load(
            max(0, event.number("mass_g", base.load.mass_g)),
            max(0, event.number("volume_ml", base.load.volume_ml)),
            max(0, event.number("parcels", base.load.parcels)),
            base.load.more,
        ),
        penalty_minor=max(0, event.number("penalty_minor", base.penalty_minor)),
    )


ARRIVALS = frozenset({EventType.ARRIVED, EventType.SERVICE_STARTED})
CONCLUSIONS = frozenset(
    {EventType.DELIVERED, EventType.ATTEMPT_FAILED, EventType.PARTIALLY_DELIVERED, EventType.DIVERTED}
)


def vehicle_state(vehicle_id: str, planned: tuple[str, ...], start_s: int, events: Sequence[Event]) -> VehicleState:
    """A vehicle from its planned sequence and its events."""
    state = VehicleState(vehicle_id, planned, ready_s=start_s)
    for event in standing(events):
        state = vehicle_after(state, event)
    return state


def vehicle_after(state: VehicleState, event: Event) -> VehicleState:
    """A vehicle after one more event, which happened after all that ``state`` knows."""
    kind = event.kind
    if kind == EventType.POSITION:
        return placed(state, event)
    if kind == ROUTE_SET:
        # by version, not by clock: two decisions may fall into one second
        version = event.number("version")
        return replace(state, sequence=sequence_of(event), version=version) if version >= state.version else state
    if kind in (EventType.ROUTE_STARTED, EventType.BREAK_ENDED):
        # what has broken down stays so until somebody corrects that: its orders are on their way elsewhere
        ready_s = max(event.at_s, 0)
        return replace(state, status=_going(state), ready_s=ready_s, in_service=False, left=True, presumed=False)
    if (kind in ARRIVALS or kind in CONCLUSIONS) and event.order_id:
        return _visit(state, event)
    if kind == EventType.DEPARTED and state.status == MOVING:
        return replace(state, ready_s=event.at_s, in_service=False)
    if kind in (EventType.VEHICLE_FAULT, EventType.DRIVER_NO_SHOW):
        return _stopped(state, event)
    if kind == EventType.TENDER_DECLINED:
        return _declined(state, event)
    ended = replace(state, status=ENDED, ready_s=event.at_s, stopped_by=_cause(state, event))
    return ended if kind == EventType.ROUTE_ENDED else state


def _cause(state: VehicleState, event: Event) -> str:
    """Why a vehicle that stops does: the first of what has stopped it."""
    return state.stopped_by if state.status in (BROKEN, DELAYED, ENDED) else event.event_id


def _stopped(state: VehicleState, event: Event) -> VehicleState:
    """Out of the day, or out for a while where the event says until when (``back_s``, and how sure: ``back_bp``)."""
    back_s, back_bp = event.number("back_s"), min(10_000, event.number("back_bp", 10_000))
    cause = _cause(state, event)
    # one that is only presumed to be lost may say that it goes on
    lost = state.status in (BROKEN, ENDED) and not state.presumed
    if back_s <= event.at_s or back_bp <= 0 or lost:
        status = state.status if state.status == ENDED else BROKEN
        return replace(state, status=status, presumed=bool(event.number("presumed")), stopped_by=cause)
    ready_s = max(state.ready_s, back_s)
    delayed = replace(state, status=DELAYED, ready_s=ready_s, in_service=False, stopped_by=cause)
    return replace(delayed, back_s=back_s, back_bp=back_bp, presumed=False)


def _declined(state: VehicleState, event: Event) -> VehicleState:
    """Whoever was planned without being asked says no: to one order, or to the whole route before it has begun.

    An answer to an offer of the day is the tender's.
    """
    if event.tender_id:
        return state
    if event.order_id:
        rest = tuple(one for one in state.sequence if one != event.order_id or one in state.visited)
        return replace(state, sequence=rest)
    return state if state.left else _stopped(state, event)


def placed(state: VehicleState, event: Event) -> VehicleState:
    """A vehicle after a position that is newer than all that were known of it."""
    lat, lon = event.number("lat_e6") / 1e6, event.number("lon_e6") / 1e6
    if state.lat is not None and state.lon is not None and not _possible(state, lat, lon, event.at_s):
        return replace(state, impossible=state.impossible + 1)
    return replace(state, lat=lat, lon=lon, position_s=event.at_s)


def _visit(state: VehicleState, event: Event) -> VehicleState:
    visited = state.visited if event.order_id in state.visited else (*state.visited, event.order_id)
    return replace(
        state,
        status=_going(state),
        presumed=False,
        visited=visited,
        at_order=event.order_id,
        ready_s=event.at_s,
        in_service=event.kind in ARRIVALS,
        left=True,
    )


def _going(state: VehicleState) -> str:
    """Its status after a sign of life."""
    return state.status if state.status in (BROKEN, ENDED) and not state.presumed else MOVING


def sequence_of(event: Event, fact: str = "orders") -> tuple[str, ...]:
    """Names of orders in one fact of an event; none where it is not a list of them."""
    try:
        orders = json.loads(str(event.facts.get(fact, "[]")))
    except ValueError:
        return ()
    return tuple(str(one) for one in orders) if isinstance(orders, list) else ()


def _possible(before: VehicleState, lat: float, lon: float, at_s: int) -> bool:
    """Whether nobody need fly: the straight line from where it was against the time since."""
    lat1, lat2 = radians(before.lat or 0.0), radians(lat)
    turn = radians(lon - (before.lon or 0.0))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin(turn / 2) ** 2
    metres = 2 * 6_371_000 * asin(sqrt(min(1.0, half)))
    return metres <= FASTEST_M_PER_S * max(1, at_s - before.position_s) + 200


ANSWERS = {
    EventType.TENDER_ACCEPTED: "accepted",
    EventType.TENDER_DECLINED: "declined",
    EventType.TENDER_EXPIRED: "expired",
}


def tender_state(tender_id: str, events: Iterable[Event]) -> TenderState:
    """A tender from its events: the first answer holds, an acceptance after the offer's end is none."""
    state, answered = TenderState(tender_id), False
    ordered = sorted(standing(list(events)), key=lambda one: (one.kind != EventType.TENDER_SENT, *one.moment))
    for event in ordered:
        if event.kind == EventType.TENDER_SENT:
            state = replace(
                state,
                order_id=event.order_id,
                fleet_id=event.fleet_id,
                price_minor=event.number("price_minor"),
                sent_s=event.at_s,
                expires_s=event.number("expires_s", event.at_s),
            )
        elif event.kind in ANSWERS:
            answer = ANSWERS[EventType(event.kind)]
            if answer == "accepted" and state.expires_s and event.at_s > state.expires_s:
                answer = "expired"
            if answered:
                state = replace(state, contradictions=state.contradictions + (answer != state.status))
            else:
                state, answered = replace(state, status=answer, answered_s=event.at_s), True
    return state
