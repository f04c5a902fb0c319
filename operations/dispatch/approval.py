"""Which decisions wait for a person, which orders wait with them, and what people have said no to."""

from __future__ import annotations

from dataclasses import dataclass

from domain.codes import EventType
from operations.state.entities import BROKEN, DELAYED, ENDED, VehicleState
from operations.state.events import TICK, Event
from operations.state.fold import DayState
from operations.state.proposals import OPEN as PROPOSAL_OPEN
from operations.state.standing import ROUTE_DECLINED
from solvers.problem import Order

HOUR_S = 3_600
GRANTED = ("approved", "closed")
"""What became of a proposal that is done: a person said yes, or nobody answered in time."""
DEARER_BP = 11_000
"""What was approved is still done when it has become a tenth dearer; beyond that it is proposed again."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event because of which something is to be decided: its name, its kind, and whose it is, where it is known."""

    event_id: str
    kind: str
    fleet_id: str


def cause_of(state: DayState, event: Event, order_id: str) -> Cause:
    """Because of what an order needs a decision: what stopped the vehicle that has it, else ``event``."""
    for vehicle_id in sorted(state.vehicles):
        vehicle = state.vehicles[vehicle_id]
        if _stopped(vehicle) and order_id in vehicle.remaining:
            return _of_vehicle(state, vehicle)
    tender = state.tenders.get(event.tender_id)
    if event.order_id == order_id or tender is not None:
        fleet = (tender.fleet_id if tender else "") or _fleet(state, event.vehicle_id) or event.fleet_id
        return Cause(event.event_id, str(event.kind), fleet)
    # the event is about something else: the order has waited for an answer, its van is out, or only time has passed
    asked = [state.tenders[name] for name in state.tenders_of.get(order_id, ())]
    if asked:
        newest = max(asked, key=lambda one: (one.sent_s, one.tender_id))
        return Cause(event.event_id, str(EventType.TENDER_EXPIRED), newest.fleet_id)
    planned = state.vehicles.get(state.day.planned_for.get(order_id, ""))
    if planned is not None and _stopped(planned):
        return _of_vehicle(state, planned)
    return Cause(event.event_id, TICK, "")


def _stopped(vehicle: VehicleState) -> bool:
    return vehicle.status in (BROKEN, DELAYED, ENDED) and bool(vehicle.stopped_by)


def _of_vehicle(state: DayState, vehicle: VehicleState) -> Cause:
    log = state.logs.get(("vehicle", vehicle.vehicle_id)) or ()
    kind = next((one.kind for one in log if one.event_id == vehicle.stopped_by), "")
    if kind == EventType.TENDER_DECLINED:
        kind = ROUTE_DECLINED
    return Cause(vehicle.stopped_by, str(kind), _fleet(state, vehicle.vehicle_id))


def _fleet(state: DayState, vehicle_id: str) -> str:
    known = state.day.vehicles.get(vehicle_id)
    return known.fleet_id if known else ""


def joins(state: DayState, cause: str) -> bool:
    """Whether a proposal of that cause waits already: what else the cause calls for is answered with it."""
    found = state.proposals.get(cause)
    return found is not None and found.status == PROPOSAL_OPEN and bool(found.items)


def waits_until(state: DayState, kind: str, asked: bool, order: Order, *, joined: bool = False) -> int | None:
    """Until when a decision waits for a person; None: it does not wait. ``asked``: its cause calls for much money.

    Never beyond the moment the order must leave: an answer that comes too late helps nobody. Once that has passed, only
    what would be given up waits. What has ``joined`` a proposal is no further touch and needs none of an hour's.
    """
    rule = state.day.approvals
    if kind not in rule.kinds and not asked:
        return None
    clock = state.clock_s
    last = state.day.latest_dispatch_s(order)
    until_s = clock + rule.answer_s if kind == "leave" else min(clock + rule.answer_s, last)
    if until_s <= clock:
        return None
    if rule.most_per_hour is not None and not joined:
        recent = sum(one.proposed_s > clock - HOUR_S for one in state.proposals.values() if one.items)
        if recent >= rule.most_per_hour:
            return None
    return until_s


def waiting_orders(state: DayState) -> frozenset[str]:
    """Orders that an open proposal is about."""
    waiting = [one for one in state.proposals.values() if one.status == PROPOSAL_OPEN]
    return frozenset(item.order_id for one in waiting for item in one.open_items)


def spoken_for(state: DayState, cause: str = "") -> frozenset[str]:
    """Vehicles that open proposals of other causes give orders to: who says yes to two would find one of them gone."""
    waiting = [one for one in state.proposals.values() if one.status == PROPOSAL_OPEN and one.proposal_id != cause]
    return frozenset(item.vehicle_id for one in waiting for item in one.open_items if item.vehicle_id)


def promised(state: DayState) -> dict[str, list[Order]]:
    """What open proposals would give to each vehicle."""
    found: dict[str, list[Order]] = {}
    for one in state.proposals.values():
        for item in one.open_items if one.status == PROPOSAL_OPEN else ():
            known = state.orders.get(item.order_id)
            if item.vehicle_id and known is not None and known.order is not None:
                found.setdefault(item.vehicle_id, []).append(known.order)
    return found


def agreed_minor(state: DayState, order_id: str, cause: str) -> int | None:
    """What a person has agreed to spend on an order, or let pass; None: nobody was asked about it, or said otherwise.

    What follows from the same matter (a fleet that declines, a place that is gone) is covered by that answer; so is
    what was left over of its ``cause``, up to the dearest order of it.
    """
    answered = [one for one in state.proposals.values() if one.status in GRANTED]
    prices = [item.price_minor for one in answered for item in one.open_items if item.order_id == order_id]
    of_cause = state.proposals.get(cause)
    if not prices and of_cause is not None and of_cause.status in GRANTED and order_id not in of_cause.overridden:
        prices = [item.price_minor for item in of_cause.open_items]
    return max(prices, default=None)


def still_agreed(agreed_minor: int, price_minor: int) -> bool:
    """Whether a price is within what was agreed to: a tenth more at most, or one unit of money."""
    return price_minor <= max(agreed_minor + 100, agreed_minor * DEARER_BP // 10_000)


def rejected_choices(state: DayState, order_id: str) -> frozenset[str]:
    """What people have said no to for an order, in the words of ``Item.what``."""
    return frozenset(
        item.what
        for one in state.proposals.values()
        if one.status == "rejected"
        for item in one.items
        if item.order_id == order_id
    )
