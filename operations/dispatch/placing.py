"""Orders that are nobody's: a place in a route, a tender, or leaving them; now, later, or when a person agrees."""

from __future__ import annotations

import json
from collections.abc import Sequence

from domain.codes import EventType
from operations.dispatch.approval import (
    agreed_minor,
    cause_of,
    joins,
    promised,
    rejected_choices,
    spoken_for,
    still_agreed,
    waits_until,
)
from operations.dispatch.decisions import Alternative
from operations.dispatch.decisions import clock as clock_of
from operations.dispatch.draft import Draft
from operations.dispatch.later import Choice, hold_until_s, now_or_later
from operations.dispatch.nobodys import nobodys
from operations.dispatch.repair import Insertion, insertions, promised_away
from operations.dispatch.rules import beyond_a_dispatcher
from operations.dispatch.standing import Matter, limit_minor
from operations.dispatch.takeover import FEWEST, Takeover, idle, takeovers
from operations.dispatch.tenders import Ask, expected_minor, next_asks
from operations.dispatch.whole_routes import NOTHING, Weighed
from operations.state.events import ORDER_HELD, ORDER_LEFT, PROPOSED, TICK, Fact
from solvers.problem import Order

MOST_TAKEN_OVER = 60
MOST_ORDERS = 40
"""Orders that one event may move: what is left over is taken up by the next, the most urgent first."""
SERVED_LATE = "somebody is served later than promised: not a dispatcher's to allow in advance"


class Placing(Draft):
    """Where orders go."""

    def place(self) -> None:
        """Orders that no working vehicle will serve: the cheapest of a van of ours, a tender, and leaving it.

        An order is left only when its last chance to leave the depot has passed: until then a van may become free.
        """
        held = self._held()
        ours = [one for one in nobodys(self.state) if one.order_id not in held]
        waited = [one.order_id for one in ours if self.state.orders[one.order_id].held_until_s > 0]
        if len(ours) >= FEWEST and self._take_over(ours):
            ours = [one for one in nobodys(self.state) if one.order_id not in held]
        # who has been said no to may have nowhere else to go, and must not keep others from being looked at
        ours.sort(key=lambda one: bool(rejected_choices(self.state, one.order_id)))
        for order in ours[:MOST_ORDERS]:
            self.place_order(order)
        if waited:
            self._release(waited)

    def _held(self) -> frozenset[str]:
        """Orders that wait for what may come; that one waits is said once, until when and why."""
        event, held = self.event, set[str]()
        for choice in now_or_later(self.state, event.event_id, nobodys(self.state), news=event.kind != TICK):
            held |= choice.held
            self._hold(choice)
        return frozenset(held)

    def _hold(self, choice: Choice) -> None:
        why = "all that may wait does, until one must go"
        if choice.samples:
            why = f"in {choice.samples} futures together waiting saves {self._money(choice.saves_minor)} on average"
        orders = [self.state.orders[name].order for name in sorted(choice.held)]
        new = [one for one in orders if one and self.state.orders[one.order_id].held_until_s <= self.state.clock_s]
        for n, order in enumerate(new):
            order_id, until_s = order.order_id, hold_until_s(self.state.day, order)
            saved = choice.saves_minor if not n else 0  # of all that waits: counted once
            facts: dict[str, Fact] = {"until_s": until_s, "reason": why}
            told = self._event(ORDER_HELD, order_id=order_id, facts=facts)
            others = (Alternative("all that waits now", 0),)
            reason = f"may wait until {clock_of(until_s)}; {why}"
            self._add("hold", (order_id,), reason, told, price=-saved, alternatives=others)

    def _release(self, waited: Sequence[str]) -> None:
        """An order that has waited, should go now and can be taken by nobody is said to wait no more."""
        left = {one.order_id for one in nobodys(self.state)}
        for order_id in [one for one in waited if one in left]:
            told = self._event(ORDER_HELD, order_id=order_id, facts={"until_s": 0, "reason": ""})
            self._add("release", (order_id,), "waits no more: nobody can take it yet", told)

    def _take_over(self, orders: list[Order]) -> bool:
        """New routes of idle vehicles for what is stranded, where that is cheaper than order by order."""
        otherwise = {}
        for order in orders[:MOST_TAKEN_OVER]:
            banned = rejected_choices(self.state, order.order_id)
            prices = [one.price_minor for one in insertions(self.state, order, most=1)]
            tender = expected_minor(self.state, order)
            prices += [tender] if tender is not None else []
            otherwise[order.order_id] = min([*prices, order.penalty_minor]) if not banned else 0
        made = takeovers(self.state, orders[:MOST_TAKEN_OVER], otherwise)
        for one in made:
            self._hand(one, {order.order_id: order for order in orders})
        return bool(made)

    def _hand(self, new: Takeover, orders: dict[str, Order]) -> None:
        otherwise = self._money(new.otherwise_minor)
        reason = f"a route of its own for {len(new.orders)} orders; one by one they would cost {otherwise}"
        reason = new.rules.said(reason, self.currency)
        others = (Alternative("one by one", new.otherwise_minor),)
        fleet = self.state.day.vehicles[new.vehicle_id].fleet_id
        share, rest = divmod(new.price_minor, len(new.orders))
        who, late = {"vehicle": new.vehicle_id, "fleet": fleet}, set(new.late)
        waits = [
            self._waits(
                "assign",
                orders[name],
                reason,
                share + rest * (not n),
                others,
                late=name in late,
                rules=new.rules,
                **who,
            )
            for n, name in enumerate(new.orders)
        ]
        names = tuple(name for name, one in zip(new.orders, waits, strict=True) if not one)
        if not names:
            return
        base = self.state.vehicles[new.vehicle_id]
        first = () if new.handover is None else (new.handover.order_id,)
        events = [self._route_set(new.vehicle_id, (*base.visited, *first, *names))]
        for holder_id in sorted(self.state.vehicles):
            holder = self.state.vehicles[holder_id]
            if holder_id != new.vehicle_id and set(names) & set(holder.remaining):
                events.append(self._route_set(holder_id, tuple(one for one in holder.sequence if one not in names)))
        if new.handover is not None:
            facts = {"location": new.handover.location, "service_s": new.handover.service_s}
            name = new.handover.order_id
            events.append(self._event(EventType.ORDER_CREATED, order_id=name, facts=facts, suffix="/handover"))
        price = new.price_minor
        self._add(
            "assign", names, reason, *events, vehicle=new.vehicle_id, fleet=fleet, price=price, alternatives=others
        )

    def place_order(self, order: Order) -> None:
        """The cheapest that nobody has said no to; it waits for a person where it is of that kind."""
        banned = rejected_choices(self.state, order.order_id)
        # an idle van that another proposal would send out is left to that
        others = spoken_for(self.state, cause_of(self.state, self.event, order.order_id).event_id)
        gone = frozenset(one for one in others if idle(self.state, self.state.vehicles[one]))
        gone |= promised_away(self.state, order, promised(self.state))
        options = insertions(self.state, order, without=gone)
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
            self._assign(order, options[0], options[0].rules.said(reason, self.currency), considered)
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
        self,
        kind: str,
        order: Order,
        reason: str,
        price: int,
        others: tuple[Alternative, ...],
        *,
        late: bool = False,
        rules: Weighed = NOTHING,
        **who: str,
    ) -> bool:
        """Whether a person is asked first; then it is proposed.

        ``late``: it serves somebody later than promised; ``rules``: what rules of the whole route say of it.
        """
        if self.granted:
            return False
        source = cause_of(self.state, self.event, order.order_id)
        cause = source.event_id
        agreed = agreed_minor(self.state, order.order_id, cause)
        if agreed is not None and still_agreed(agreed, price):
            return False
        matter = self.matters.setdefault((cause, kind, late), Matter(source, kind, late))
        matter.orders.append(order.order_id)
        matter.price_minor += price
        beyond = beyond_a_dispatcher(self.state.day, order, who.get("vehicle", ""), who.get("fleet", ""))
        beyond = beyond or rules.beyond
        matter.beyond = matter.beyond or beyond
        if not (beyond or late) and self._stands(matter, order, price):
            return False
        joined = joins(self.state, cause)
        self.joins |= joined
        until_s = waits_until(self.state, kind, self.dear or joined, order, joined=joined) if self.asks else None
        if until_s is None:
            return False
        facts: dict[str, Fact] = {
            # one cause is one matter: what it calls for later joins what waits; what was answered is not opened again
            "proposal": cause if joined or cause not in self.state.proposals else self.event.event_id,
            "what": kind,
            "price_minor": price,
            "until_s": until_s,
            "reason": "; ".join([reason, *self._kept_back(beyond, late)]),
            "alternatives": json.dumps([(one.what, one.price_minor) for one in others]),
        }
        if self.state.day.approvals.standing_after is not None:
            facts |= {"cause": source.kind, "fleet": source.fleet_id}
        vehicle, fleet = who.get("vehicle", ""), who.get("fleet", "")
        proposed = self._event(PROPOSED, order_id=order.order_id, vehicle_id=vehicle, fleet_id=fleet, facts=facts)
        text = f"{kind}: {facts['reason']}; waits for a person until {clock_of(until_s)}"
        self._add(
            "propose", (order.order_id,), text, proposed, vehicle=vehicle, fleet=fleet, price=price, alternatives=others
        )
        return True

    def _kept_back(self, beyond: str, late: bool) -> list[str]:
        """Why no standing answer covers it, where one could."""
        if not self.state.day.approvals.standing_after:
            return []
        return [beyond] * bool(beyond) + [SERVED_LATE] * late

    def _stands(self, matter: Matter, order: Order, price: int) -> bool:
        """Whether a standing answer says yes to one thing more of its cause."""
        cause, sort = matter.cause.event_id, matter.sort
        answer = self.covered.by.get((cause, matter.kind, False))
        if answer is None:
            return False
        next_to_it = sum(int(facts["price_minor"]) for _, facts, _ in self.uses if facts["cause_id"] == cause)
        if self.state.standing.spent_minor(cause, sort) + next_to_it + price > limit_minor(self.state, answer):
            return False
        facts: dict[str, Fact] = {
            "standing": answer.standing_id,
            "cause": sort.cause,
            "fleet": sort.fleet_id,
            "what": sort.kind,
            "cause_id": cause,
            "price_minor": price,
        }
        self.uses.append((answer, facts, order.order_id))
        return True

    def _why(self, reason: str) -> str:
        return f"{self.granted}; {reason}" if self.granted else reason

    def _assign(self, order: Order, best: Insertion, reason: str, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != f"vehicle {best.vehicle_id}")
        fleet = self.state.day.vehicles[best.vehicle_id].fleet_id
        who, late = {"vehicle": best.vehicle_id, "fleet": fleet}, best.late_s > 0
        if self._waits("assign", order, reason, best.price_minor, others, late=late, rules=best.rules, **who):
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
            reason = f"the cheapest that could bring it, open until {clock_of(ask.expires_s)}"
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
