"""Decisions as they are made: each on the state that the ones before it leave."""

from __future__ import annotations

import json

from operations.dispatch.decisions import Alternative, Decision
from operations.state.events import ROUTE_SET, Event
from operations.state.fold import DayState, fold

OURS = "=>"
"""What the names of events that are decisions begin with; no event from outside may."""


class Draft:
    """What is decided about one event, written down one decision after another."""

    def __init__(self, state: DayState, event: Event, *, asks: bool = True, dear: bool = False) -> None:
        """``asks``: what needs a person waits for one; ``dear``: all that this event calls for does."""
        self.state, self.event, self.asks, self.dear = state, event, asks, dear
        self.weighed_minor = 0
        """What all that a person could be asked about is expected to cost."""
        self.joins = False
        """Whether something of it belongs to a proposal that waits already."""
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

    def _route_set(self, vehicle_id: str, sequence: tuple[str, ...]) -> Event:
        version = self.state.vehicles[vehicle_id].version + 1
        facts = {"orders": json.dumps(sequence), "version": version}
        return self._event(ROUTE_SET, vehicle_id=vehicle_id, facts=facts, suffix=f"/{vehicle_id}")
