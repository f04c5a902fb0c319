"""What people say, carried out: yes, no, or something else with a reason. What cannot be done is said, and why."""

from __future__ import annotations

from collections.abc import Sequence

from operations.dispatch.approval import still_agreed, waiting_orders
from operations.dispatch.decisions import Alternative, clock
from operations.dispatch.habits import Habits
from operations.dispatch.planned import as_planned
from operations.dispatch.repair import Insertion, insertion_into, insertions
from operations.dispatch.rules import fleet_barred
from operations.dispatch.tenders import Ask, expected_minor, next_asks
from operations.state.entities import ABOARD, BROKEN, OPEN
from operations.state.events import ABOUT_STANDING, APPROVED, CLOSED, OVERRIDE
from operations.state.proposals import Item, ProposalState
from solvers.problem import DELIVERY, Order


class Desk(Habits):
    """Decisions that people take, or leave to the proposal."""

    def unanswered(self) -> None:
        """Proposals that nobody answered in time are done as proposed."""
        due = [
            one for one in self.state.proposals.values() if one.status == "open" and one.until_s <= self.state.clock_s
        ]
        for proposal in sorted(due, key=lambda one: (one.until_s, one.proposal_id)):
            facts = {"proposal": proposal.proposal_id, "reason": "nobody answered"}
            first = proposal.items[0]
            closed = self._event(CLOSED, order_id=first.order_id, facts=facts, suffix="/closed")
            names = tuple(item.order_id for item in proposal.open_items)
            self._add("expire", names, f"nobody answered by {clock(proposal.until_s)}: it is done", closed)
            self._carry_out(proposal, f"nobody answered by {clock(proposal.until_s)}")

    def answer(self) -> None:
        """A person's yes, no or override."""
        event = self.event
        if event.kind == OVERRIDE:
            self._override()
            return
        if event.kind in ABOUT_STANDING:
            self.about_standing()
            return
        proposal = self.state.proposals.get(str(event.facts.get("proposal")), ProposalState(""))
        if not proposal.items:
            self._add("refuse", (), f"there is no proposal {event.facts.get('proposal')}")
        elif proposal.answers > 1:
            by = f" by {proposal.by}" if proposal.by else ""
            known = f"it was {proposal.status}{by} before"
            if proposal.status == "closed":
                known = "nobody answered in time: it is done"
            self._add("refuse", tuple(item.order_id for item in proposal.items), known)
        elif event.kind == APPROVED:
            by, why = proposal.by or "a person", proposal.reason
            self._carry_out(proposal, f"approved by {by}" + (f": {why}" if why else ""))
            self.said(proposal, True)
        else:
            names = tuple(item.order_id for item in proposal.open_items)
            self._add("reject", names, f"rejected by {proposal.by or 'a person'}: {proposal.reason}")
            self.said(proposal, False)

    def _carry_out(self, proposal: ProposalState, granted: str) -> None:
        # a route of its own is dear for its first order: what was agreed to is the sum of its orders
        agreed: dict[str, int] = {}
        spent = dict[str, int]()
        for item in proposal.open_items:
            agreed[item.vehicle_id] = agreed.get(item.vehicle_id, 0) + item.price_minor
        for name in sorted({one.vehicle_id for one in proposal.open_items if one.kind == "assign"}):
            own = [one for one in proposal.open_items if one.vehicle_id == name and one.kind == "assign"]
            self._carry_out_route(name, [one for one in own if self._to_place(one.order_id)], granted)
        for item in proposal.open_items:
            one = self.state.orders.get(item.order_id)
            if one is None or one.order is None or not self._to_place(item.order_id):
                continue
            before = spent.get(item.vehicle_id, 0)
            done = self._carry_out_item(one.order, item, granted, agreed[item.vehicle_id], before)
            spent[item.vehicle_id] = before + done

    def _to_place(self, order_id: str) -> bool:
        """Whether an order is still to be served and on no vehicle that will."""
        one = self.state.orders.get(order_id)
        if one is None or one.order is None or one.status not in (OPEN, ABOARD):
            return False
        return not self.state.vehicle_of(order_id) or self._stranded(order_id)

    def _carry_out_route(self, vehicle_id: str, items: Sequence[Item], granted: str) -> None:
        """All that was agreed to for a vehicle at once, as it was planned, where that still can be at its price."""
        found = as_planned(self.state, vehicle_id, items)
        if found is None or not still_agreed(sum(one.price_minor for one in items), found.price_minor):
            return
        names = tuple(one.order_id for one in items)
        self.granted, fleet = granted, self.state.day.vehicles[vehicle_id].fleet_id
        price, events = found.price_minor, self._onto(self.state, vehicle_id, found.route, names, found.handover)
        self._add("assign", names, self._why(items[0].reason), *events, vehicle=vehicle_id, fleet=fleet, price=price)
        self.granted = ""

    def _stranded(self, order_id: str) -> bool:
        """Whether only vehicles that have broken down hold an order."""
        holders = [one for one in self.state.vehicles.values() if order_id in one.remaining]
        return all(one.status == BROKEN for one in holders)

    def _carry_out_item(self, order: Order, item: Item, granted: str, agreed_minor: int, spent_minor: int) -> int:
        """Do one thing of what was agreed to for a vehicle, of which so much is spent; what it costs."""
        self.granted = granted
        if item.kind == "assign":
            now = insertion_into(self.supposed, item.vehicle_id, order)
            if isinstance(now, Insertion) and still_agreed(agreed_minor, spent_minor + now.price_minor):
                self._assign(order, now, item.reason, ())
                self.granted = ""
                return now.price_minor
        elif item.kind == "tender" and next_asks(self.supposed, order):
            self._tender(order, expected_minor(self.supposed, order) or item.price_minor, ())
            self.granted = ""
            return 0
        elif item.kind == "leave":
            self._leave(order, item.reason, ())
            self.granted = ""
            return 0
        # what was said yes to cannot be done any more: it is looked at anew, and a person is asked again where need be
        self.granted = ""
        if order.order_id not in waiting_orders(self.state):
            self.place_order(order)
        return 0

    def _override(self) -> None:
        event = self.event
        by, said = str(event.facts.get("by", "")) or "a person", str(event.facts.get("reason", ""))
        state = self.state.orders.get(event.order_id)
        if state is None or state.order is None or state.status not in (OPEN, ABOARD):
            known = "unknown" if state is None or state.order is None else state.status
            self._add("refuse", (event.order_id,), f"the order is {known}")
            return
        order, self.granted = state.order, f"override by {by}: {said}"
        refused = self._carry_out_override(order)
        self.granted = ""
        if refused:
            self._add("refuse", (order.order_id,), refused, vehicle=event.vehicle_id, fleet=event.fleet_id)
            return
        self.overridden(order.order_id)
        proposal = self.state.proposals.get(str(event.facts.get("proposal")), ProposalState(""))
        self.said(
            proposal, False, tuple(sorted({one.kind for one in proposal.items if one.order_id == order.order_id}))
        )

    def _carry_out_override(self, order: Order) -> str:
        """Do what was said; why it cannot be done, or nothing."""
        event, state = self.event, self.state
        holders = [state.vehicles[n] for n in sorted(state.vehicles) if order.order_id in state.vehicles[n].remaining]
        for holder in holders:
            if holder.left and holder.status != BROKEN and order.kind == DELIVERY:
                return f"its goods are aboard {holder.vehicle_id}"
            if holder.vehicle_id == event.vehicle_id and holder.status != BROKEN:
                return f"it is on the route of {event.vehicle_id} already"
        considered = self.considered(order, insertions(state, order))
        if event.vehicle_id:
            return self._into(order, event.vehicle_id, considered)
        if event.facts.get("leave"):
            self._off(order.order_id)
            self._leave(order, "left for another day", considered)
            return ""
        return self._to_fleet(order, event.fleet_id, considered)

    def _into(self, order: Order, vehicle_id: str, considered: Sequence[Alternative]) -> str:
        chosen = insertion_into(self.state, vehicle_id, order)
        if isinstance(chosen, str):
            return chosen
        reason = f"{chosen.late_s} s late in all" if chosen.late_s else "nobody late"
        self._assign(order, chosen, chosen.rules.said(reason, self.currency), considered)
        return ""

    def _to_fleet(self, order: Order, fleet_id: str, considered: Sequence[Alternative]) -> str:
        state = self.state
        offer = next((one for one in state.day.offers if one.fleet_id == fleet_id), None)
        if offer is None:
            return f"fleet {fleet_id} takes no single orders"
        if why := fleet_barred(state.day, fleet_id, order):
            return f"{fleet_id} may not serve the order: {why}"
        last = state.day.latest_dispatch_s(order, offer)
        if state.clock_s > last:
            return f"{fleet_id} could not bring it in time any more"
        price = state.day.tender_minor(offer, order, max(state.clock_s, 0))
        until_s = min(state.clock_s + offer.answer_s, max(state.clock_s + 1, last))
        self._off(order.order_id)
        self._ask(order, Ask(fleet_id, price, until_s), self.granted, tuple(considered))
        return ""

    def _off(self, order_id: str) -> None:
        """Take an order off the routes that have it."""
        for name in sorted(self.state.vehicles):
            vehicle = self.state.vehicles[name]
            if order_id in vehicle.remaining:
                rest = tuple(one for one in vehicle.sequence if one != order_id)
                told = self._route_set(name, rest)
                self._add("drop", (order_id,), self.granted, told, vehicle=name)
