"""The work of ``decide``: what an event makes material is weighed in money, one thing after another."""

from __future__ import annotations

import json
from collections.abc import Sequence

from domain.codes import EventType
from operations.dispatch.approval import rejected_choices, waiting_orders, waits_until
from operations.dispatch.decisions import Alternative, Decision, clock
from operations.dispatch.repair import Insertion, affected, insertions, resequence, stranded
from operations.dispatch.tenders import Ask, expected_minor, next_asks, standing
from operations.state.entities import BROKEN, CANCELLED, ENDED, LEFT, TenderState
from operations.state.events import ORDER_LEFT, PROPOSED, ROUTE_SET, Event
from operations.state.fold import DayState, fold
from solvers.problem import Order

OURS = "=>"
"""What the names of events that are decisions begin with; no event from outside may."""
MOST_ORDERS = 40
"""Orders that one event may move: what is left over is taken up by the next, the most urgent first."""


class Maker:
    """Decisions one after another, each on the state that the ones before it leave."""

    def __init__(self, state: DayState, event: Event) -> None:
        self.state, self.event = state, event
        self.decisions: list[Decision] = []
        self.granted = ""
        """What a person said when what is done now was approved; empty: nobody was asked."""

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
            reason = f"no answer by {clock(tender.expires_s)}"
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
        status = self.state.orders[order_id].status
        if status not in (CANCELLED, LEFT):
            return
        why = "cancelled" if status == CANCELLED else "the customer chose another day"
        for vehicle_id in sorted(self.state.vehicles):
            vehicle = self.state.vehicles[vehicle_id]
            if order_id in vehicle.remaining and vehicle.status not in (BROKEN, ENDED):
                sequence = tuple(one for one in vehicle.sequence if one != order_id)
                told = self._route_set(vehicle_id, sequence)
                self._add("drop", (order_id,), why, told, vehicle=vehicle_id)

    def place(self) -> None:
        """Orders that no working vehicle will serve: the cheapest of a van of ours, a tender, and leaving it.

        An order is left only when its last chance to leave the depot has passed: until then a van may become free.
        """
        waiting = waiting_orders(self.state)
        for order in stranded(self.state)[:MOST_ORDERS]:
            if order.order_id in waiting:
                continue
            tendered = standing(self.state, order.order_id)
            if not tendered.accepted and not tendered.open_until_s:
                self.place_order(order)

    def place_order(self, order: Order) -> None:
        """The cheapest that nobody has said no to; it waits for a person where it is of that kind."""
        banned = rejected_choices(self.state, order.order_id)
        options = insertions(self.state, order)
        tender = expected_minor(self.state, order)
        considered = self.considered(order, options)
        leave = order.penalty_minor
        options = [one for one in options if f"vehicle {one.vehicle_id}" not in banned]
        tender = None if "tender" in banned else tender
        most = 2**62 if "leave" in banned else leave
        own = options[0].price_minor if options else None
        if own is not None and own <= min(most, most if tender is None else tender):
            late_s = options[0].late_s
            reason = "the cheapest place" if not late_s else f"the cheapest place, {late_s} s late in all"
            self._assign(order, options[0], reason, considered)
        elif tender is not None and tender <= most:
            self._tender(order, tender, considered)
        elif "leave" not in banned and self.state.clock_s >= self.state.day.latest_dispatch_s(order):
            reason = "nobody can bring it in time" if len(considered) == 1 else "serving it costs more than leaving it"
            self._leave(order, reason, considered)

    def considered(self, order: Order, options: Sequence[Insertion]) -> tuple[Alternative, ...]:
        """All that could be done with an order, with what each is expected to cost."""
        found = [Alternative(f"vehicle {one.vehicle_id}", one.price_minor) for one in options]
        if (tender := expected_minor(self.state, order)) is not None:
            found.append(Alternative("tender", tender))
        return (*found, Alternative("leave", order.penalty_minor))

    def _waits(
        self, kind: str, order: Order, reason: str, price: int, others: tuple[Alternative, ...], **who: str
    ) -> bool:
        """Whether a person is asked first; then it is proposed."""
        until_s = None if self.granted else waits_until(self.state, kind, price, order)
        if until_s is None:
            return False
        facts = {
            "proposal": self.event.event_id,
            "what": kind,
            "price_minor": price,
            "until_s": until_s,
            "reason": reason,
            "alternatives": json.dumps([(one.what, one.price_minor) for one in others]),
        }
        vehicle, fleet = who.get("vehicle", ""), who.get("fleet", "")
        proposed = self._event(PROPOSED, order_id=order.order_id, vehicle_id=vehicle, fleet_id=fleet, facts=facts)
        text = f"{kind}: {reason}; waits for a person until {clock(until_s)}"
        self._add(
            "propose", (order.order_id,), text, proposed, vehicle=vehicle, fleet=fleet, price=price, alternatives=others
        )
        return True

    def _why(self, reason: str) -> str:
        return f"{self.granted}; {reason}" if self.granted else reason

    def _assign(self, order: Order, best: Insertion, reason: str, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != f"vehicle {best.vehicle_id}")
        fleet = self.state.day.vehicles[best.vehicle_id].fleet_id
        if self._waits("assign", order, reason, best.price_minor, others, vehicle=best.vehicle_id, fleet=fleet):
            return
        events = [self._route_set(best.vehicle_id, best.sequence)]
        for name in sorted(self.state.vehicles):
            holder = self.state.vehicles[name]
            if name != best.vehicle_id and order.order_id in holder.remaining:
                rest = tuple(one for one in holder.sequence if one != order.order_id)
                events.append(self._route_set(name, rest))
        if best.handover is not None:
            facts = {"location": best.handover.location, "service_s": best.handover.service_s}
            events.append(
                self._event(EventType.ORDER_CREATED, order_id=best.handover.order_id, facts=facts, suffix="/handover")
            )
        self._add(
            "assign",
            (order.order_id,),
            self._why(reason),
            *events,
            vehicle=best.vehicle_id,
            fleet=fleet,
            price=best.price_minor,
            alternatives=others,
        )

    def _tender(self, order: Order, expected: int, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != "tender")
        asks = next_asks(self.state, order)
        fleet = asks[0].fleet_id if asks else ""
        if asks and self._waits("tender", order, f"asks {fleet} first", expected, others, fleet=fleet):
            return
        for ask in asks:
            reason = f"the cheapest that could bring it, open until {clock(ask.expires_s)}"
            self._ask(order, ask, self._why(reason), others)

    def _ask(self, order: Order, ask: Ask, reason: str, others: tuple[Alternative, ...] = ()) -> None:
        again = sum(
            self.state.tenders[n].fleet_id == ask.fleet_id for n in self.state.tenders_of.get(order.order_id, ())
        )
        name = f"{order.order_id}@{ask.fleet_id}" + (f"/{again + 1}" if again else "")
        facts = {"price_minor": ask.price_minor, "expires_s": ask.expires_s}
        sent = self._event(
            EventType.TENDER_SENT, order_id=order.order_id, fleet_id=ask.fleet_id, tender_id=name, facts=facts
        )
        price = ask.price_minor
        self._add("tender", (order.order_id,), reason, sent, fleet=ask.fleet_id, price=price, alternatives=others)

    def _leave(self, order: Order, reason: str, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != "leave")
        if self._waits("leave", order, reason, order.penalty_minor, others):
            return
        left = self._event(ORDER_LEFT, order_id=order.order_id)
        price = order.penalty_minor
        self._add("leave", (order.order_id,), self._why(reason), left, price=price, alternatives=others)

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
