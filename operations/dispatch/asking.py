"""Who is asked before something is done: a person, a standing answer, or nobody."""

from __future__ import annotations

import json

from domain.codes import EventType
from operations.dispatch.approval import agreed_minor, cause_of, joins, still_agreed, waits_until
from operations.dispatch.decisions import Alternative, minutes
from operations.dispatch.decisions import clock as clock_of
from operations.dispatch.draft import Draft
from operations.dispatch.rules import beyond_a_dispatcher
from operations.dispatch.standing import Matter, late_limit_s, limit_minor
from operations.dispatch.whole_routes import NOTHING, Weighed
from operations.state.events import PROPOSED, Event, Fact
from operations.state.fold import DayState
from solvers.problem import Order

SERVED_LATE = "which no standing answer allows"


class Asking(Draft):
    """What waits for a person is proposed; what does not is put onto a route."""

    def _waits(
        self,
        kind: str,
        order: Order,
        reason: str,
        price: int,
        others: tuple[Alternative, ...],
        doing: tuple[Event, ...],
        *,
        late_s: int = 0,
        rules: Weighed = NOTHING,
        **who: str,
    ) -> bool:
        """Whether a person is asked first; then it is proposed.

        ``doing``: what a yes would put into the state; ``late_s``: by how much it serves somebody late;
        ``rules``: what rules of the whole route say of it.
        """
        if self.granted:
            return False
        source = cause_of(self.state, self.event, order.order_id)
        cause = source.event_id
        agreed = agreed_minor(self.state, order.order_id, cause)
        if agreed is not None and still_agreed(agreed, price):
            return False
        matter = self.matters.setdefault((cause, kind, late_s > 0), Matter(source, kind))
        matter.late_s = max(matter.late_s, late_s)
        matter.orders.append(order.order_id)
        matter.price_minor += price
        beyond = beyond_a_dispatcher(self.state.day, order, who.get("vehicle", ""), who.get("fleet", ""))
        beyond = beyond or rules.beyond
        matter.beyond = matter.beyond or beyond
        if not beyond and self._stands(matter, order, price, late_s):
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
            "reason": "; ".join([reason, *self._kept_back(beyond, late_s)]),
            "alternatives": json.dumps([(one.what, one.price_minor) for one in others]),
        }
        if late_s:
            facts["late_s"] = late_s
        if kind == "assign":
            facts["route"] = doing[0].facts["orders"]
        if self.state.day.approvals.standing_after is not None:
            facts |= {"cause": source.kind, "fleet": source.fleet_id}
        vehicle, fleet = who.get("vehicle", ""), who.get("fleet", "")
        proposed = self._event(PROPOSED, order_id=order.order_id, vehicle_id=vehicle, fleet_id=fleet, facts=facts)
        text = f"{kind}: {facts['reason']}; waits for a person until {clock_of(until_s)}"
        names, whom = (order.order_id,), {"vehicle": vehicle, "fleet": fleet}
        self._add(
            "propose", names, text, proposed, price=price, alternatives=others, supposing=(proposed, *doing), **whom
        )
        return True

    def _kept_back(self, beyond: str, late: int) -> list[str]:
        """Why no standing answer covers it, where one could."""
        if not self.state.day.approvals.standing_after:
            return []
        too_late = f"somebody is served {minutes(late)} min later than promised, {SERVED_LATE}"
        return [beyond] * bool(beyond) + [too_late] * bool(late)

    def _stands(self, matter: Matter, order: Order, price: int, late: int) -> bool:
        """Whether a standing answer says yes to one thing more of its cause."""
        cause, sort = matter.cause.event_id, matter.sort
        answer = self.covered.by.get((cause, matter.kind, late > 0))
        if answer is None or late > late_limit_s(self.state, answer):
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

    def _onto(
        self, state: DayState, vehicle_id: str, route: tuple[str, ...], names: tuple[str, ...], handover: Order | None
    ) -> tuple[Event, ...]:
        """``names`` taken off the routes that have them in ``state``, and a vehicle told its ``route`` with them."""
        events = [self._route_set(vehicle_id, route, state)]
        for holder_id in sorted(state.vehicles):
            holder = state.vehicles[holder_id]
            if holder_id != vehicle_id and set(names) & set(holder.remaining):
                rest = tuple(one for one in holder.sequence if one not in names)
                events.append(self._route_set(holder_id, rest, state))
        return (*events, *self._handover(state, handover))

    def _handover(self, state: DayState, stop: Order | None) -> tuple[Event, ...]:
        """The stop at which goods are taken over, where there is one and ``state`` does not know it yet."""
        if stop is None or stop.order_id in state.orders:
            return ()
        facts: dict[str, Fact] = {"location": stop.location, "service_s": stop.service_s}
        return (self._event(EventType.ORDER_CREATED, order_id=stop.order_id, facts=facts, suffix="/handover"),)
