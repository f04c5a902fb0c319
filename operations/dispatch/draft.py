"""Decisions as they are made: each on the state that the ones before it leave."""

from __future__ import annotations

import json

from operations.dispatch.decisions import Alternative, Decision, money
from operations.dispatch.standing import NOTHING, Cover, Key, Matter, in_words
from operations.state.events import ROUTE_SET, STANDING_USED, Event, Fact
from operations.state.fold import DayState, fold
from operations.state.standing import StandingAnswer

OURS = "=>"
"""What the names of events that are decisions begin with; no event from outside may."""


class Draft:
    """What is decided about one event, written down one decision after another."""

    def __init__(
        self, state: DayState, event: Event, *, asks: bool = True, dear: bool = False, covered: Cover = NOTHING
    ) -> None:
        """``asks``: what needs a person waits for one; ``dear``: all that this event calls for does; but for what
        standing answers have ``covered``."""
        self._supposed: DayState | None = None
        self.begun = state
        """The state that the event found."""
        self.state, self.event, self.asks, self.dear, self.covered = state, event, asks, dear, covered
        self.matters: dict[Key, Matter] = {}
        """What a person could be asked about: by cause and kind, with what it is expected to cost."""
        self.uses: list[tuple[StandingAnswer, dict[str, Fact], str]] = []
        """Standing answers that cover what is done next: facts, and the order."""
        self.joins = False
        """Whether something of it belongs to a proposal that waits already."""
        self.decisions: list[Decision] = []
        self.granted = ""
        """What a person said when what is done now was approved; empty: nobody was asked."""

    @property
    def currency(self) -> str:
        """What minor units of this day are of."""
        return self.state.day.problem.currency

    def _money(self, minor: int) -> str:
        return money(minor, self.currency)

    @property
    def supposed(self) -> DayState:
        """The state if a person says yes to all that this event proposes.

        What comes after is looked for in it, so that what is proposed is one plan, and the one that would be carried
        out if nobody were asked.
        """
        return self.state if self._supposed is None else self._supposed

    @property
    def weighed_minor(self) -> int:
        """What all that a person could be asked about is expected to cost."""
        return sum(one.price_minor for one in self.matters.values())

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
        supposing: tuple[Event, ...] | None = None,
    ) -> None:
        """``supposing``: what it puts into the state that is supposed, where that is something else."""
        name = f"{self.event.event_id}/{len(self.decisions)}"
        if self.uses:
            used = self._used()
            events, supposing = (*events, *used), None if supposing is None else (*supposing, *used)
            reason = f"{in_words(self.uses[0][0], self.currency)}; {reason}"
            self.uses = []
        self.decisions.append(Decision(name, kind, orders, vehicle, fleet, price, reason, alternatives, events))
        if supposing is not None or self._supposed is not None:
            self._supposed = fold(self.supposed, *(events if supposing is None else supposing))
        self.state = fold(self.state, *events)

    def _used(self) -> list[Event]:
        return [
            self._event(STANDING_USED, order_id=order, facts=facts, suffix=f"/standing-{n}")
            for n, (_, facts, order) in enumerate(self.uses)
        ]

    def _route_set(self, vehicle_id: str, sequence: tuple[str, ...], state: DayState | None = None) -> Event:
        """``state``: the one it is for, if another than what is so."""
        version = (state or self.state).vehicles[vehicle_id].version + 1
        facts = {"orders": json.dumps(sequence), "version": version}
        return self._event(ROUTE_SET, vehicle_id=vehicle_id, facts=facts, suffix=f"/{vehicle_id}")
