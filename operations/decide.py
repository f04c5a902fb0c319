"""``decide(state, event) -> decisions``: pure and the same on every run. The day's loop, the live service and replays
all call it.

It looks at what the event makes material: offers that ran out, orders that no working vehicle will serve, a route that
has become late, a stop that is gone. For each it weighs what can be done in money, and says what else it looked at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from domain.codes import EventType
from operations.dispatch.repair import affected, insertions, resequence, stranded
from operations.dispatch.tenders import expected_minor, next_asks, standing
from operations.state.entities import BROKEN, CANCELLED, ENDED, TenderState
from operations.state.events import ORDER_LEFT, ROUTE_SET, Event
from operations.state.fold import DayState, fold
from solvers.problem import Order

OURS = "=>"
"""What the names of events that are decisions begin with; no event from outside may."""
MOST_ORDERS = 40
"""Orders that one event may move: what is left over is taken up by the next, the most urgent first."""
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


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else could have been done, and its expected cost."""

    what: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that is done, why, and instead of what.

    Attributes:
        kind: assign, tender, leave, resequence, drop, expire or withdraw.
        price_minor: what it is expected to cost (a resequence: less than 0 by what it saves).
        events: what it puts into the state.
    """

    decision_id: str
    kind: str
    order_ids: tuple[str, ...]
    vehicle_id: str
    fleet_id: str
    price_minor: int
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    events: tuple[Event, ...] = ()


def step(state: DayState, event: Event) -> tuple[DayState, tuple[Decision, ...]]:
    """Take an event in, decide, take the decisions in."""
    state = fold(state, event)
    decisions = decide(state, event)
    return fold(state, *(one for decision in decisions for one in decision.events)), decisions


def decide(state: DayState, event: Event) -> tuple[Decision, ...]:
    """What to do about ``event``, which ``state`` holds already. Nothing for an event that was refused."""
    if event.event_id in state.refused:
        return ()
    maker = _Maker(state, event)
    maker.expire()
    if event.kind == EventType.TENDER_ACCEPTED:
        maker.withdraw()
    if event.kind == EventType.CANCELLED:
        maker.drop()
    if event.kind in MOVES and event.vehicle_id:
        maker.resequence()
    elif event.kind != EventType.POSITION:
        maker.place()
    return tuple(maker.decisions)


class _Maker:
    """Decisions one after another, each on the state that the ones before it leave."""

    def __init__(self, state: DayState, event: Event) -> None:
        self.state, self.event = state, event
        self.decisions: list[Decision] = []

    def _event(self, kind: str, **fields: object) -> Event:
        number = len(self.decisions)
        suffix = str(fields.pop("suffix", ""))
        name = f"{OURS}{self.event.event_id}/{number}{suffix}"
        return Event(name, kind, self.state.clock_s, self.state.clock_s, **fields)  # type: ignore[arg-type]

    def _add(
        self,
        kind: str,
        orders: tuple[str, ...],
        reason: str,
        *events: Event,
        vehicle: str = "",
        fleet: str = "",
        price: int = 0,
        alternatives: tuple[Alternative, ...] = (),
    ) -> None:
        name = f"{self.event.event_id}/{len(self.decisions)}"
        self.decisions.append(Decision(name, kind, orders, vehicle, fleet, price, reason, alternatives, events))
        self.state = fold(self.state, *events)

    def expire(self) -> None:
        """Offers that nobody answered in time are over."""
        due = [t for t in self.state.tenders.values() if t.status == "open" and t.sent_s and _over(t, self.state)]
        for tender in sorted(due, key=lambda one: (one.expires_s, one.tender_id)):
            over = self._event(EventType.TENDER_EXPIRED, tender_id=tender.tender_id, order_id=tender.order_id)
            reason = f"no answer by {tender.expires_s}"
            self._add("expire", (tender.order_id,), reason, over, fleet=tender.fleet_id)

    def withdraw(self) -> None:
        """Two fleets said yes to one order: the first holds, the other is told."""
        tender = self.state.tenders.get(self.event.tender_id)
        if tender is None or tender.status != "accepted":
            return
        first = standing(self.state, tender.order_id).accepted
        for name in self.state.tenders_of.get(tender.order_id, ()):
            other = self.state.tenders[name]
            if other.status == "accepted" and other.fleet_id != first:
                self._add("withdraw", (tender.order_id,), f"{first} has accepted it before", fleet=other.fleet_id)

    def drop(self) -> None:
        """A stop that is gone leaves its route, so that the driver sees it."""
        order_id = self.event.order_id
        if self.state.orders[order_id].status != CANCELLED:
            return
        for vehicle_id in sorted(self.state.vehicles):
            vehicle = self.state.vehicles[vehicle_id]
            if order_id in vehicle.remaining and vehicle.status not in (BROKEN, ENDED):
                sequence = tuple(one for one in vehicle.sequence if one != order_id)
                told = self._route_set(vehicle_id, sequence)
                self._add("drop", (order_id,), "cancelled", told, vehicle=vehicle_id)

    def place(self) -> None:
        """Orders that no working vehicle will serve: the cheapest of a van of ours, a tender, and leaving it.

        An order is left only when its last chance to leave the depot has passed: until then a van may become free.
        """
        for order in stranded(self.state)[:MOST_ORDERS]:
            tendered = standing(self.state, order.order_id)
            if not tendered.accepted and not tendered.open_until_s:
                self._place(order)

    def _place(self, order: Order) -> None:
        options = insertions(self.state, order)
        tender = expected_minor(self.state, order)
        considered = [Alternative(f"vehicle {one.vehicle_id}", one.price_minor) for one in options]
        if tender is not None:
            considered.append(Alternative("tender", tender))
        leave = order.penalty_minor
        considered.append(Alternative("leave", leave))
        own = options[0].price_minor if options else None
        if own is not None and own <= min(leave, leave if tender is None else tender):
            best = options[0]
            events = [self._route_set(best.vehicle_id, best.sequence)]
            for name in sorted(self.state.vehicles):
                holder = self.state.vehicles[name]
                if name != best.vehicle_id and order.order_id in holder.remaining:
                    rest = tuple(one for one in holder.sequence if one != order.order_id)
                    events.append(self._route_set(name, rest))
            if best.handover is not None:
                facts = {"location": best.handover.location, "service_s": best.handover.service_s}
                events.append(
                    self._event(
                        EventType.ORDER_CREATED, order_id=best.handover.order_id, facts=facts, suffix="/handover"
                    )
                )
            fleet = self.state.day.vehicles[best.vehicle_id].fleet_id
            others = tuple(one for one in considered if one.what != f"vehicle {best.vehicle_id}")
            reason = "the cheapest place" if not best.late_s else f"the cheapest place, {best.late_s} s late in all"
            self._add(
                "assign",
                (order.order_id,),
                reason,
                *events,
                vehicle=best.vehicle_id,
                fleet=fleet,
                price=best.price_minor,
                alternatives=others,
            )
        elif tender is not None and tender <= leave:
            others = tuple(one for one in considered if one.what != "tender")
            for ask in next_asks(self.state, order):
                sent = self._event(
                    EventType.TENDER_SENT,
                    order_id=order.order_id,
                    fleet_id=ask.fleet_id,
                    tender_id=f"{order.order_id}@{ask.fleet_id}",
                    facts={"price_minor": ask.price_minor, "expires_s": ask.expires_s},
                )
                reason = f"the cheapest that could bring it, open until {ask.expires_s}"
                self._add(
                    "tender",
                    (order.order_id,),
                    reason,
                    sent,
                    fleet=ask.fleet_id,
                    price=ask.price_minor,
                    alternatives=others,
                )
        elif self.state.clock_s >= self.state.day.latest_dispatch_s(order):
            reason = "nobody can bring it in time" if len(considered) == 1 else "serving it costs more than leaving it"
            left = self._event(ORDER_LEFT, order_id=order.order_id)
            others = tuple(one for one in considered if one.what != "leave")
            self._add("leave", (order.order_id,), reason, left, price=leave, alternatives=others)

    def resequence(self) -> None:
        """A route that has become late: a better order of what is left, where it is worth the disruption."""
        vehicle_id = self.event.vehicle_id
        late = affected(self.state, vehicle_id)
        if not late:
            return
        better = resequence(self.state, vehicle_id)
        if better is None:
            return
        self._add(
            "resequence",
            better.moved,
            f"{len(late)} late; saves {better.saved_minor}, the change costs {better.churn_minor}",
            self._route_set(vehicle_id, better.sequence),
            vehicle=vehicle_id,
            fleet=self.state.day.vehicles[vehicle_id].fleet_id,
            price=better.churn_minor - better.saved_minor,
            alternatives=(Alternative("leave as it is", 0),),
        )

    def _route_set(self, vehicle_id: str, sequence: tuple[str, ...]) -> Event:
        version = self.state.vehicles[vehicle_id].version + 1
        facts = {"orders": json.dumps(sequence), "version": version}
        return self._event(ROUTE_SET, vehicle_id=vehicle_id, facts=facts, suffix=f"/{vehicle_id}")


def _over(tender: TenderState, state: DayState) -> bool:
    return tender.expires_s <= state.clock_s
