"""What waits for a person: proposals, the answers to them, and how much of a person's time that took."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from operations.state.entities import sequence_of
from operations.state.events import APPROVED, CLOSED, OVERRIDE, PROPOSED, REJECTED, Event

OPEN = "open"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is proposed. ``alternatives``: what else could be done, with its price, cheapest first.

    ``late_s``: how much later than promised somebody is served with it. ``route``: the vehicle's, with this and what
    the same event proposed for it before.
    """

    kind: str
    order_id: str
    vehicle_id: str
    fleet_id: str
    price_minor: int
    reason: str
    alternatives: tuple[tuple[str, int], ...] = ()
    late_s: int = 0
    route: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The choice in the words of ``Alternative.what``."""
        return {"assign": f"vehicle {self.vehicle_id}", "tender": "tender", "leave": "leave"}.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True)
class ProposalState:
    """What one cause calls for, to be answered as one: its name is that of the event that began it.

    ``status``: ``open``, ``approved``, ``rejected`` or ``closed`` (done without an answer, or taken back), by the first
    answer; empty: nobody has proposed it. ``answers``: how many it got; ``contradictions``: those that say otherwise
    than the first. ``overridden``: orders that a person decided otherwise. ``cause``, ``fleet_id``: the kind of event
    it comes from, and whose, where it is known.
    """

    proposal_id: str
    items: tuple[Item, ...] = ()
    proposed_s: int = 0
    until_s: int = 0
    status: str = ""
    answered_s: int = 0
    by: str = ""
    reason: str = ""
    answers: int = 0
    contradictions: int = 0
    overridden: tuple[str, ...] = ()
    cause: str = ""
    fleet_id: str = ""

    @property
    def open_items(self) -> tuple[Item, ...]:
        """What of it is not decided otherwise."""
        return tuple(one for one in self.items if one.order_id not in self.overridden)


@dataclass(frozen=True, slots=True)
class DeskState:
    """``touches``: answers and overrides by people; ``handled_ms``: how long they looked at what they answered."""

    touches: int = 0
    handled_ms: int = 0


ANSWERS = {APPROVED: "approved", REJECTED: "rejected", CLOSED: "closed"}


def proposal_state(proposal_id: str, events: Sequence[Event]) -> ProposalState:
    """A proposal from its events: what is proposed first, then answers in the order in which they were given."""
    state = ProposalState(proposal_id)
    for event in sorted(events, key=lambda one: (one.kind != PROPOSED, *one.moment)):
        if event.kind == PROPOSED:
            until_s = event.number("until_s")
            state = replace(
                state,
                items=(*state.items, _item(event)),
                proposed_s=state.proposed_s if state.items else event.at_s,
                until_s=min(until_s, state.until_s) if state.items else until_s,
                status=OPEN,
                cause=state.cause or str(event.facts.get("cause", "")),
                fleet_id=state.fleet_id or str(event.facts.get("fleet", "")),
            )
        elif event.kind == OVERRIDE and event.order_id:
            state = replace(state, overridden=tuple(sorted({*state.overridden, event.order_id})))
        elif event.kind in ANSWERS and state.items:
            state = replace(state, answers=state.answers + 1)
            if state.answers > 1:
                state = replace(state, contradictions=state.contradictions + (ANSWERS[event.kind] != state.status))
                continue
            by, reason = (str(event.facts.get(name, "")) for name in ("by", "reason"))
            state = replace(state, status=ANSWERS[event.kind], answered_s=event.at_s, by=by, reason=reason)
    return state


def _item(event: Event) -> Item:
    try:
        others = json.loads(str(event.facts.get("alternatives", "[]")))
        alternatives = tuple((str(what), int(price)) for what, price in others)
    except (ValueError, TypeError):
        alternatives = ()
    kind, reason = (str(event.facts.get(name, "")) for name in ("what", "reason"))
    price = event.number("price_minor")
    route = sequence_of(event, "route")
    late_s, whose = event.number("late_s"), (event.order_id, event.vehicle_id, event.fleet_id)
    return Item(kind, *whose, price, reason, alternatives, late_s, route)


def desk_state(before: DeskState, event: Event) -> DeskState:
    """The desk with one touch more."""
    return DeskState(before.touches + 1, before.handled_ms + max(0, event.number("handled_ms")))
