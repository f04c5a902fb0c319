"""Standing answers: what people have said about sorts of matters, and what they let be done without being asked again.

A sort is the kind of cause, the fleet it comes from and the kind of decision. Answers and standing answers of the days
before are part of what a day begins with; what is said in the day comes by events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from domain.codes import EventType
from operations.state.events import SAID, STANDING, STANDING_USED, Event

OFFERED, ACCEPTED, DECLINED, WITHDRAWN = "offered", "accepted", "declined", "withdrawn"
RANKS = {OFFERED: 0, ACCEPTED: 1, DECLINED: 1, WITHDRAWN: 2}
"""A standing answer goes from lower to higher, whatever the order in which that is heard."""
ANY = "*"
"""As the fleet of a sort: whichever it comes from."""
ROUTE_DECLINED = "route_declined"
"""The cause where a fleet has said no to a whole route, not to an order."""
ALIKE = {
    ROUTE_DECLINED: "vehicle_out",
    str(EventType.DRIVER_NO_SHOW): "vehicle_out",
    str(EventType.VEHICLE_FAULT): "vehicle_out",
    str(EventType.TENDER_DECLINED): "tender_failed",
    str(EventType.TENDER_EXPIRED): "tender_failed",
}
"""Causes that come to the same: a route that nobody drives, an order that nobody has accepted."""


@dataclass(frozen=True, slots=True, order=True)
class Sort:
    """What matters have in common that are answered alike. ``cause``: kind of event; ``kind``: of decision.

    A wider sort names what causes come to (``ALIKE``), or any fleet (``ANY``).
    """

    cause: str
    fleet_id: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.cause}/{self.fleet_id or '-'}/{self.kind}"

    @property
    def widest(self) -> Sort:
        """Whatever the fleet, and all causes that come to the same."""
        return Sort(ALIKE.get(self.cause, self.cause), ANY, self.kind)

    def holds(self, other: Sort) -> bool:
        """Whether a matter of ``other`` is one of this sort."""
        return (
            self.kind == other.kind
            and self.fleet_id in (ANY, other.fleet_id)
            and self.cause in (other.cause, ALIKE.get(other.cause))
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said about one matter of a sort. ``yes`` False: no, something else, or not for good.

    ``late_s``: how much later than promised it served somebody.
    """

    sort: Sort
    yes: bool
    price_minor: int
    late_s: int = 0


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """A yes in advance, or the offer of one.

    Attributes:
        limit_minor: what one cause may come to; what is dearer is asked.
        a_day: causes of a day it answers; further ones are asked.
        until: its last service date.
        by, reason: who said the last word about it, and why.
        after: answers alike that it was offered after; 0: set by hand.
        late_s: how much later than promised it may serve somebody.
    """

    standing_id: str
    sort: Sort
    limit_minor: int
    a_day: int
    until: date
    status: str = ACCEPTED
    by: str = ""
    reason: str = ""
    after: int = 0
    late_s: int = 0

    def facts(self) -> dict[str, int | str]:
        """As facts of an event."""
        return {
            "standing": self.standing_id,
            "cause": self.sort.cause,
            "fleet": self.sort.fleet_id,
            "what": self.sort.kind,
            "limit_minor": self.limit_minor,
            "a_day": self.a_day,
            "until": self.until.isoformat(),
            "status": self.status,
            "by": self.by,
            "reason": self.reason,
            "after": self.after,
            "late_s": self.late_s,
        }


@dataclass(frozen=True, slots=True)
class Use:
    """What was done for one order by a standing answer."""

    standing_id: str
    sort: Sort
    cause_id: str
    order_id: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class StandingState:
    """``said``: oldest first. ``answers``: all standing answers by name, whatever became of them."""

    said: tuple[Said, ...] = ()
    answers: Mapping[str, StandingAnswer] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()

    def in_force(self, sort: Sort, service_date: date) -> StandingAnswer | None:
        """The standing answer of a sort on a date: of several the one that goes furthest."""
        return next((one for one in self.covering(sort, service_date) if one.sort == sort), None)

    def covering(self, sort: Sort, service_date: date) -> list[StandingAnswer]:
        """Standing answers for matters of a sort on a date, wider ones too; the one that goes furthest first."""
        found = [
            one
            for one in self.answers.values()
            if one.status == ACCEPTED and one.until >= service_date and one.sort.holds(sort)
        ]
        return sorted(found, key=lambda one: (one.limit_minor, one.until, one.standing_id), reverse=True)

    def offered(self, sort: Sort) -> StandingAnswer | None:
        """The offer for a sort that nobody has answered yet."""
        found = [one for one in self.answers.values() if one.sort == sort and one.status == OFFERED]
        return max(found, key=lambda one: (one.limit_minor, one.standing_id), default=None)

    def alike(self, sort: Sort) -> list[Said]:
        """The newest answers to matters of a sort that were all yes, oldest first."""
        found: list[Said] = []
        for one in reversed(self.said):
            if not one.yes and (sort.holds(one.sort) or one.sort.holds(sort)):
                break
            if sort.holds(one.sort):
                found.append(one)
        return found[::-1]

    def spent_minor(self, cause_id: str, sort: Sort) -> int:
        """What was done for a cause by standing answers so far."""
        return sum(one.price_minor for one in self.uses if one.cause_id == cause_id and one.sort == sort)

    def causes(self, sort: Sort) -> frozenset[str]:
        """Causes of a sort that standing answers have answered today."""
        return frozenset(one.cause_id for one in self.uses if sort.holds(one.sort))


def begun(said: Iterable[Said], answers: Iterable[StandingAnswer]) -> StandingState:
    """What a day begins with."""
    return StandingState(tuple(said), {one.standing_id: one for one in answers})


def standing_after(state: StandingState, event: Event) -> StandingState:
    """After one more event."""
    sort = Sort(*(str(event.facts.get(name, "")) for name in ("cause", "fleet", "what")))
    price = event.number("price_minor")
    if event.kind == SAID:
        return replace(state, said=(*state.said, Said(sort, bool(event.number("yes")), price, event.number("late_s"))))
    if event.kind == STANDING_USED:
        name, cause_id = (str(event.facts.get(one, "")) for one in ("standing", "cause_id"))
        return replace(state, uses=(*state.uses, Use(name, sort, cause_id, event.order_id, price)))
    if event.kind != STANDING:
        return state
    new = _answer(sort, event)
    before = state.answers.get(new.standing_id) if new else None
    if new is None or (before is not None and RANKS[new.status] <= RANKS[before.status]):
        return state
    said = state.said if new.status in (OFFERED, ACCEPTED) else (*state.said, Said(sort, False, 0))
    return replace(state, said=said, answers={**state.answers, new.standing_id: new})


def _answer(sort: Sort, event: Event) -> StandingAnswer | None:
    name, status, by, reason, until = (
        str(event.facts.get(one, "")) for one in ("standing", "status", "by", "reason", "until")
    )
    try:
        last = date.fromisoformat(until)
    except ValueError:
        return None
    if not name or status not in RANKS:
        return None
    numbers = (event.number("limit_minor"), event.number("a_day"))
    return StandingAnswer(name, sort, *numbers, last, status, by, reason, event.number("after"), event.number("late_s"))
