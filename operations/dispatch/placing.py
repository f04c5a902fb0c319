"""Orders that are nobody's: a place in a route, a tender, or leaving them; now, later, or when a person agrees."""

from __future__ import annotations

from collections.abc import Sequence

from domain.codes import EventType
from operations.dispatch.approval import cause_of, promised, rejected_choices, spoken_for
from operations.dispatch.asking import Asking
from operations.dispatch.decisions import Alternative
from operations.dispatch.decisions import clock as clock_of
from operations.dispatch.later import Choice, hold_until_s, now_or_later
from operations.dispatch.nobodys import nobodys
from operations.dispatch.repair import Insertion, insertion_into, insertions, promised_away, served_late_s
from operations.dispatch.rules import beyond_a_dispatcher
from operations.dispatch.takeover import FEWEST, Takeover, idle, takeovers
from operations.dispatch.tenders import Ask, expected_minor, next_asks
from operations.state.events import ORDER_HELD, ORDER_LEFT, TICK, Event, Fact
from operations.state.fold import DayState
from solvers.problem import Order

MOST_TAKEN_OVER = 60
MOST_ORDERS = 40
"""Orders that one event may move: what is left over is taken up by the next, the most urgent first."""


class Placing(Asking):
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
            prices = [one.price_minor for one in insertions(self.supposed, order, most=1)]
            tender = expected_minor(self.supposed, order)
            prices += [tender] if tender is not None else []
            otherwise[order.order_id] = min([*prices, order.penalty_minor]) if not banned else 0
        made = takeovers(self.supposed, orders[:MOST_TAKEN_OVER], otherwise)
        for one in made:
            self._hand(one, {order.order_id: order for order in orders})
        return bool(made)

    def _hand(self, new: Takeover, orders: dict[str, Order]) -> None:
        otherwise = self._money(new.otherwise_minor)
        reason = f"a route of its own for {len(new.orders)} orders; one by one they would cost {otherwise}"
        reason = new.rules.said(reason, self.currency)
        others = (Alternative("one by one", new.otherwise_minor),)
        apart = divmod(new.otherwise_minor, len(new.orders))
        fleet = self.state.day.vehicles[new.vehicle_id].fleet_id
        share, rest = divmod(new.price_minor, len(new.orders))
        who = {"vehicle": new.vehicle_id, "fleet": fleet}
        waits, asked = list[bool](), list[str]()
        for n, name in enumerate(new.orders):
            # each is proposed on a route that has those proposed before it
            route = self._given(self.supposed, new, (*asked, name))
            price, late = share + rest * (not n), new.late.get(name, 0)
            own = (Alternative("one by one", apart[0] + apart[1] * (not n)),)
            waits.append(
                self._waits("assign", orders[name], reason, price, own, route, late_s=late, rules=new.rules, **who)
            )
            asked += [name] * waits[-1]
        names = tuple(name for name, one in zip(new.orders, waits, strict=True) if not one)
        if not names:
            return
        price, whole = new.price_minor, None
        if self.supposed is not self.state:
            whole = self._given(self.supposed, new, new.orders)
        events = self._given(self.state, new, names)
        self._add("assign", names, reason, *events, price=price, alternatives=others, supposing=whole, **who)

    def _given(self, state: DayState, new: Takeover, names: tuple[str, ...]) -> tuple[Event, ...]:
        """``names`` of a route of their own given to its vehicle."""
        first = () if new.handover is None else (new.handover.order_id,)
        route = (*state.vehicles[new.vehicle_id].visited, *first, *names)
        return self._onto(state, new.vehicle_id, route, names, new.handover)

    def place_order(self, order: Order) -> None:
        """The cheapest that nobody has said no to; it waits for a person where it is of that kind."""
        banned = rejected_choices(self.state, order.order_id)
        # an idle van that another proposal would send out is left to that
        others = spoken_for(self.begun, cause_of(self.state, self.event, order.order_id).event_id)
        gone = frozenset(one for one in others if idle(self.supposed, self.supposed.vehicles[one]))
        gone |= promised_away(self.supposed, order, promised(self.begun))
        options = insertions(self.supposed, order, without=gone)
        tender = expected_minor(self.supposed, order)
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
        if (tender := expected_minor(self.supposed, order)) is not None:
            found.append(Alternative("tender", tender))
        return (*found, Alternative("leave", order.penalty_minor))

    def _why(self, reason: str) -> str:
        return f"{self.granted}; {reason}" if self.granted else reason

    def _assign(self, order: Order, best: Insertion, reason: str, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != f"vehicle {best.vehicle_id}")
        fleet = self.state.day.vehicles[best.vehicle_id].fleet_id
        who = {"vehicle": best.vehicle_id, "fleet": fleet}
        late = served_late_s(self.supposed, best) if best.late_s > 0 else 0
        names, price = (order.order_id,), best.price_minor
        wanted = self._onto(self.supposed, best.vehicle_id, best.sequence, names, best.handover)
        if self._waits("assign", order, reason, price, others, wanted, late_s=late, rules=best.rules, **who):
            return
        events, supposing = wanted, None
        if self.supposed is not self.state:
            # what waits is not done yet: the place in the route as it is
            now = insertion_into(self.state, best.vehicle_id, order)
            if isinstance(now, str):
                return  # looked at again with the next event
            events = self._onto(self.state, now.vehicle_id, now.sequence, names, now.handover)
            supposing = wanted
        why = self._why(reason)
        self._add("assign", names, why, *events, price=price, alternatives=others, supposing=supposing, **who)

    def _tender(self, order: Order, expected: int, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != "tender")
        asks = next_asks(self.supposed, order)
        fleet = asks[0].fleet_id if asks else ""
        sent = tuple(self._sent(order, ask) for ask in asks[:1])
        if asks and self._waits("tender", order, f"asks {fleet} first", expected, others, sent, fleet=fleet):
            return
        for ask in asks:
            reason = f"the cheapest that could bring it, open until {clock_of(ask.expires_s)}"
            self._ask(order, ask, self._why(reason), others)

    def _ask(self, order: Order, ask: Ask, reason: str, others: tuple[Alternative, ...] = ()) -> None:
        sent, price = self._sent(order, ask), ask.price_minor
        self._add("tender", (order.order_id,), reason, sent, fleet=ask.fleet_id, price=price, alternatives=others)

    def _sent(self, order: Order, ask: Ask) -> Event:
        again = sum(
            self.state.tenders[n].fleet_id == ask.fleet_id for n in self.state.tenders_of.get(order.order_id, ())
        )
        name = f"{order.order_id}@{ask.fleet_id}" + (f"/{again + 1}" if again else "")
        facts = {"price_minor": ask.price_minor, "expires_s": ask.expires_s}
        return self._event(
            EventType.TENDER_SENT, order_id=order.order_id, fleet_id=ask.fleet_id, tender_id=name, facts=facts
        )

    def _leave(self, order: Order, reason: str, considered: Sequence[Alternative]) -> None:
        others = tuple(one for one in considered if one.what != "leave")
        left = self._event(ORDER_LEFT, order_id=order.order_id)
        # where there is nothing else to choose there is nothing to ask, unless it is not the dispatcher's to say
        choice = bool(others) or "leave" in self.state.day.approvals.kinds
        choice = choice or bool(beyond_a_dispatcher(self.state.day, order, "", ""))
        if choice and self._waits("leave", order, reason, order.penalty_minor, others, (left,)):
            return
        price = order.penalty_minor
        self._add("leave", (order.order_id,), self._why(reason), left, price=price, alternatives=others)
