"""What may happen in a day: events with two clocks, and those that cannot be of this day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.codes import EventType

Fact = int | str
ROUTE_SET, ORDER_LEFT, ORDER_HELD, TICK = "route_set", "order_left", "order_held", "tick"
"""Our own: the sequence of a vehicle was decided; an order was left for another day; one waits for what may come (until
``until_s``, 0: no more); time has passed."""
APPROVED, REJECTED, OVERRIDE = "approved", "rejected", "override"
"""What people say: yes or no to a proposal, or what to do with an order instead, with a reason."""
PROPOSED, CLOSED = "proposed", "proposal_closed"
"""Our own: something waits for a person; it waits no more."""
STANDING_ACCEPTED, STANDING_DECLINED, STANDING_WITHDRAWN = (
    "standing_accepted",
    "standing_declined",
    "standing_withdrawn",
)
"""What people say about a standing answer: yes, no, no more."""
SAID, STANDING, STANDING_USED = "said", "standing", "standing_used"
"""Our own: what a person said about a sort of matter; what became of a standing answer; one has answered."""
ABOUT_STANDING = frozenset({STANDING_ACCEPTED, STANDING_DECLINED, STANDING_WITHDRAWN})
PEOPLE = frozenset({APPROVED, REJECTED, OVERRIDE}) | ABOUT_STANDING
OF_STANDING = frozenset({SAID, STANDING, STANDING_USED})
INTERNAL = frozenset({ROUTE_SET, ORDER_LEFT, ORDER_HELD, PROPOSED, CLOSED}) | OF_STANDING
KINDS = frozenset(EventType) | {TICK} | PEOPLE | INTERNAL
DAY_S = 86_400
EARLIEST_S, LATEST_S = -DAY_S, 2 * DAY_S
AHEAD_S = 300
"""How far a clock may run ahead of ours."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        kind: one of ``domain.codes.EventType``, or ``route_set``, ``order_left``, ``order_held``, ``tick``.
        at_s: when it happened, seconds after local midnight of the service date.
        seen_s: when we came to know it, on the same clock.
        corrects: the event that this one takes the place of.
        facts: what else it says, by kind (docs/dispatch.md).
    """

    event_id: str
    kind: str
    at_s: int
    seen_s: int
    order_id: str = ""
    vehicle_id: str = ""
    fleet_id: str = ""
    tender_id: str = ""
    corrects: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def moment(self) -> tuple[int, str]:
        """What events are put in order by: when they happened, then their name."""
        return self.at_s, self.event_id

    def number(self, name: str, default: int = 0) -> int:
        """A fact that is a whole number; ``default`` where it is absent or is none."""
        value = self.facts.get(name, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


def why_refused(event: Event) -> str:
    """Why an event cannot be of this day; empty where it can. Looks at the event alone, so that order plays no role."""
    if not event.event_id:
        return "it has no event_id"
    if event.kind not in KINDS:
        return f"there is no event {event.kind[:40]!r}"
    if not EARLIEST_S <= event.at_s <= LATEST_S:
        days = abs(event.at_s // DAY_S)
        when = f"{days} days {'before' if event.at_s < 0 else 'after'} it"
        return f"it happened {event.at_s} s after midnight of the service date: on another day, {when}"
    if event.at_s > event.seen_s + AHEAD_S:
        return f"it happens {event.at_s - event.seen_s} s after it was reported: in the future"
    if event.kind in PEOPLE:
        return _why_no_answer(event)
    nobodys = event.kind in (TICK, CLOSED) or event.kind in OF_STANDING
    if not (event.order_id or event.vehicle_id or event.tender_id) and not nobodys:
        return "it names no order, vehicle or tender"
    return _why_no_position(event) if event.kind == EventType.POSITION else ""


def _why_no_position(event: Event) -> str:
    """Why a position is none."""
    if not event.vehicle_id:
        return "a position names its vehicle"
    for name, most in (("lat_e6", 90), ("lon_e6", 180)):
        value = event.facts.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > most * 1_000_000:
            return f"a position has {name}, millionths of a degree from -{most} to {most} degrees"
    return ""


def _why_no_answer(event: Event) -> str:
    """Why an answer of a person is none."""
    if event.kind == OVERRIDE and not event.order_id:
        return "an override names the order it is about"
    if event.kind == OVERRIDE and not (event.vehicle_id or event.fleet_id or event.facts.get("leave")):
        return "an override names a vehicle, a fleet, or says leave"
    if event.kind in ABOUT_STANDING:
        if not event.facts.get("standing"):
            return "it names no standing answer"
    elif event.kind != OVERRIDE and not event.facts.get("proposal"):
        return "an answer names its proposal"
    if event.kind not in (APPROVED, STANDING_ACCEPTED) and not str(event.facts.get("reason", "")).strip():
        return "it gives no reason"
    return ""
