"""The work of ``decide``: what an event makes material is weighed in money, one thing after another."""

from __future__ import annotations

from domain.codes import EventType
from operations.dispatch.ahead import ahead, to_do
from operations.dispatch.decisions import Alternative
from operations.dispatch.decisions import clock as clock_of
from operations.dispatch.placing import MOST_ORDERS, Placing
from operations.dispatch.repair import HANDOVER, affected, insertions, resequence
from operations.dispatch.tenders import standing
from operations.dispatch.whole_routes import weigh
from operations.state.entities import BROKEN, CANCELLED, DELAYED, ENDED, LEFT, TenderState
from operations.state.fold import DayState

SECOND = ((EventType.TENDER_ACCEPTED, "declined"), (EventType.TENDER_DECLINED, "accepted"))
"""An answer, and the one before it that it contradicts."""
PATIENCE_S = 1_800
"""How long after it should have gone on a vehicle is waited for."""


class Maker(Placing):
    """What else follows from an event: offers that are over, stops that are gone, vehicles that are late or lost."""

    def expire(self) -> None:
        """Offers that nobody answered in time are over."""
        due = [t for t in self.state.tenders.values() if t.status == "open" and t.sent_s and _over(t, self.state)]
        for tender in sorted(due, key=lambda one: (one.expires_s, one.tender_id)):
            over = self._event(EventType.TENDER_EXPIRED, tender_id=tender.tender_id, order_id=tender.order_id)
            reason = f"no answer by {clock_of(tender.expires_s)}"
            self._add("expire", (tender.order_id,), reason, over, fleet=tender.fleet_id)

    def answered(self) -> None:
        """A fleet's answer that counts for nothing is told so: a second one, one after the end, one to no offer."""
        event, tender = self.event, self.state.tenders.get(self.event.tender_id)
        if tender is None or not tender.sent_s:
            why = f"no offer {event.tender_id} is known"
        elif event.kind == EventType.TENDER_ACCEPTED and tender.status == "expired":
            why = f"the offer ended at {clock_of(tender.expires_s)}"
        elif (event.kind, tender.status) in SECOND:
            why = f"{tender.fleet_id} had {tender.status} it at {clock_of(tender.answered_s)}: the first answer holds"
        else:
            return
        orders = (tender.order_id,) if tender is not None and tender.order_id else ()
        self._add("refuse", orders, why, fleet=tender.fleet_id if tender is not None else event.fleet_id)

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

    def overdue(self) -> bool:
        """Vehicles that should have gone on and gave no sign of life are out of the day; whether there were any."""
        clock = self.state.clock_s
        late = [
            one for one in self.state.vehicles.values() if one.status == DELAYED and one.back_s + PATIENCE_S < clock
        ]
        for vehicle in sorted(late, key=lambda one: (one.back_s, one.vehicle_id)):
            name = vehicle.vehicle_id
            lost = self._event(EventType.VEHICLE_FAULT, vehicle_id=name, facts={"presumed": 1}, suffix="/lost")
            self._add("lost", vehicle.remaining, f"no sign of it since {clock_of(vehicle.back_s)}", lost, vehicle=name)
        return bool(late)

    def hedge(self) -> None:
        """A vehicle that may or may not go on: orders that are still at the depot leave it where waiting costs more.

        Waiting costs what the order costs on its own route, delayed as that is, and its penalty times the probability
        that the vehicle does not come back.
        """
        vehicle = self.state.vehicles.get(self.event.vehicle_id)
        if vehicle is None or vehicle.status != DELAYED or vehicle.left:
            return
        lost_bp, name = 10_000 - vehicle.back_bp, vehicle.vehicle_id
        candidates = [one for one in to_do(self.supposed, vehicle) if not one.order_id.startswith(HANDOVER)]
        for order in candidates[:MOST_ORDERS]:
            now = self.supposed.vehicles[name]
            orders = to_do(self.supposed, now)
            without = [one for one in orders if one is not order]
            own = ahead(self.supposed, now, orders).cost_minor - ahead(self.supposed, now, without).cost_minor
            own -= weigh(self.supposed, name, without).charged_minor
            waiting = own + order.penalty_minor * lost_bp // 10_000
            options = [one for one in insertions(self.supposed, order) if one.vehicle_id != name]
            if not options or options[0].price_minor + self.state.day.prices.moved_minor >= waiting:
                continue
            considered = [Alternative(f"vehicle {one.vehicle_id}", one.price_minor) for one in options]
            reason = f"{name} should be back by {clock_of(vehicle.back_s)} ({vehicle.back_bp // 100} %)"
            reason = options[0].rules.said(reason, self.currency)
            self._assign(order, options[0], reason, [*considered, Alternative(f"wait for {name}", waiting)])

    def resequence(self) -> None:
        """A route that has become late: a better order of what is left, where it is worth the disruption."""
        vehicle_id = self.event.vehicle_id
        late = affected(self.state, vehicle_id)
        if not late or self.state.vehicles[vehicle_id].status in (BROKEN, ENDED):
            return
        better = resequence(self.state, vehicle_id)
        if better is None:
            return
        saves = self._money(better.saved_minor)
        reason = f"{len(late)} late; saves {saves}, the change costs {self._money(better.churn_minor)}"
        self._add(
            "resequence",
            better.moved,
            better.rules.said(reason, self.currency),
            self._route_set(vehicle_id, better.sequence),
            vehicle=vehicle_id,
            fleet=self.state.day.vehicles[vehicle_id].fleet_id,
            price=better.churn_minor - better.saved_minor,
            alternatives=(Alternative("leave as it is", 0),),
        )


def _over(tender: TenderState, state: DayState) -> bool:
    return tender.expires_s <= state.clock_s
