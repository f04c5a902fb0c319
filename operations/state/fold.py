"""Events into state: ``fold(state, event) -> state``. The same set of events gives the same state, in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.codes import EventType
from operations.state.day import Day
from operations.state.entities import (
    OrderState,
    TenderState,
    VehicleState,
    order_after,
    order_state,
    tender_state,
    vehicle_after,
    vehicle_state,
)
from operations.state.events import CLOSED, EARLIEST_S, OF_STANDING, PEOPLE, PROPOSED, Event, why_refused
from operations.state.persistent import Log, Table
from operations.state.proposals import DeskState, ProposalState, desk_state, proposal_state
from operations.state.standing import StandingState, begun, standing_after
from operations.state.tracks import Track

Key = tuple[str, str]
DESK = ("desk", "desk")
STANDING_KEY = ("standing", "standing")
ROOMS = ("order", "vehicle", "tender", "proposal", "desk", "standing")


@dataclass(frozen=True)
class DayState:
    """All that is known of a day, as of ``clock_s`` (when we came to know the newest of it).

    Attributes:
        logs: the events of each order, vehicle, tender and proposal, in the order they happened; positions apart.
        tracks: vehicle -> its positions, of each minute the newest. What a newer one of that minute has taken the place
            of is in the journal only, so that a day's memory grows with its hours and not with its messages.
        tenders_of: order -> its tenders' names.
        desk: what people had to do.
        standing: what people have said about sorts of matters, and standing answers.
        names: the name of every event that was taken into a log.
        memo: what has been worked out from this very state, by whoever did; never part of what it is.
    """

    day: Day
    clock_s: int = 0
    orders: Table[str, OrderState] = field(default_factory=Table)
    vehicles: Table[str, VehicleState] = field(default_factory=Table)
    tenders: Table[str, TenderState] = field(default_factory=Table)
    tenders_of: Table[str, tuple[str, ...]] = field(default_factory=Table)
    proposals: Table[str, ProposalState] = field(default_factory=Table)
    desk: DeskState = field(default_factory=DeskState)
    standing: StandingState = field(default_factory=StandingState)
    logs: Table[Key, Log] = field(default_factory=Table)
    names: Table[str, bool] = field(default_factory=Table)
    tracks: Table[str, Track] = field(default_factory=Table)
    memo: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def vehicle_of(self, order_id: str) -> str | None:
        """The vehicle that is to serve an order, or None."""
        for one in self.vehicles.values():
            if order_id in one.remaining:
                return one.vehicle_id
        return None

    @property
    def unknown_orders(self) -> list[str]:
        """Orders that events speak of and nothing describes."""
        return sorted(one.order_id for one in self.orders.values() if one.order is None)


def start(day: Day) -> DayState:
    """The day before anything has happened."""
    vehicles = {
        name: vehicle_state(name, day.planned.get(name, ()), day.starts.get(name, vehicle.start_s), ())
        for name, vehicle in day.vehicles.items()
    }
    orders = {name: OrderState(name, order) for name, order in day.orders.items()}
    standing = begun(day.said, day.standing)
    return DayState(day, clock_s=EARLIEST_S, orders=Table(orders), vehicles=Table(vehicles), standing=standing)


def fold(state: DayState, *events: Event) -> DayState:
    """``state`` with more events. One that is there already changes nothing.

    Of two events of one name and other content, the smaller by content holds, whichever came first; of a vehicle's
    positions within a minute, the newest.
    """
    change = _Change(state)
    for event in events:
        change.take(event)
    return change.done() if events else state


class _Change:
    """What some events change of a state. The newest event of an entity costs a step, an older one a replay of it: of a
    vehicle from its last mark on (``Log.mark``)."""

    def __init__(self, state: DayState) -> None:
        self.state, self.clock_s = state, state.clock_s
        self.logs: dict[Key, Log] = {}
        self.tracks: dict[str, Track] = {}
        self.names: dict[str, bool] = {}
        self.entities: dict[Key, OrderState | VehicleState | DeskState | StandingState] = {}
        self.again: dict[Key, None] = {}

    def take(self, event: Event) -> None:
        if why_refused(event):
            return  # whoever took it in keeps it elsewhere: a state must not grow with what is not of its day
        self.clock_s = max(self.clock_s, event.seen_s)
        if event.kind == EventType.POSITION and not event.corrects:
            self._position(event)
            return
        keys = keys_of(event)
        if not keys:
            return  # time has passed, and that is all
        fresh = event.event_id not in self.state.names and event.event_id not in self.names
        for key in keys:
            log = self._log(key)
            if fresh and not event.corrects and not log.corrected and (not log or log[-1].moment < event.moment):
                self.logs[key] = log.appended(event)
                self._step(key, event)
            elif (after := log.placed(event)) is not log:
                self.logs[key] = after
                self.again[key] = None
        self.names[event.event_id] = True

    def _position(self, event: Event) -> None:
        name = event.vehicle_id
        key, before = ("vehicle", name), self.tracks.get(name) or self.state.tracks.get(name) or Track()
        track = before.with_position(event)
        if track is before:
            return
        self.tracks[name] = track
        log = self._log(key)
        if log.corrected:
            # a position may be among what was corrected: all of it is looked at again
            self.again[key] = None
        if key not in self.again:
            self.entities[key] = track.seen(self._vehicle(key))

    def _log(self, key: Key) -> Log:
        return self.logs.get(key) or self.state.logs.get(key) or Log()

    def _vehicle_again(self, name: str) -> VehicleState:
        """A vehicle from its events, from the last of them on that is known to have stayed in its place."""
        log, track = self._log(("vehicle", name)), self.tracks.get(name) or self.state.tracks.get(name) or Track()
        if log.corrected:
            # a position may be among what was corrected, and anything may have become another
            known = sorted([*log, *track.positions()], key=lambda one: one.moment)
            return vehicle_state(name, *self._begin(name), known)
        length, vehicle = log.marked()
        vehicle = vehicle or vehicle_state(name, *self._begin(name), ())
        for number in range(length, len(log)):
            vehicle = vehicle_after(vehicle, log[number])
            log.mark(number + 1, vehicle)
        return track.seen(vehicle)

    def _step(self, key: Key, event: Event) -> None:
        room, name = key
        if key in self.again:
            return
        if room == "order":
            self.entities[key] = order_after(self._order(key), event)
        elif room == "vehicle":
            after = self.entities[key] = vehicle_after(self._vehicle(key), event)
            log = self.logs[key]
            log.mark(len(log), after)
        elif room == "desk":
            self.entities[key] = desk_state(self._desk(), event)
        elif room == "standing":
            known = self.entities.get(key)
            self.entities[key] = standing_after(
                known if isinstance(known, StandingState) else self.state.standing, event
            )
        else:
            self.again[(room, name)] = None

    def _order(self, key: Key) -> OrderState:
        found = self.entities.get(key)
        if isinstance(found, OrderState):
            return found
        return self.state.orders.get(key[1]) or OrderState(key[1], self.state.day.orders.get(key[1]))

    def _vehicle(self, key: Key) -> VehicleState:
        found = self.entities.get(key)
        if isinstance(found, VehicleState):
            return found
        return self.state.vehicles.get(key[1]) or vehicle_state(key[1], *self._begin(key[1]), ())

    def _desk(self) -> DeskState:
        found = self.entities.get(DESK)
        return found if isinstance(found, DeskState) else self.state.desk

    def _begin(self, name: str) -> tuple[tuple[str, ...], int]:
        day = self.state.day
        vehicle = day.vehicles.get(name)
        return day.planned.get(name, ()), day.starts.get(name, vehicle.start_s if vehicle else 0)

    def done(self) -> DayState:
        """The state after the events."""
        state, day = self.state, self.state.day
        rooms: dict[str, dict] = {room: {} for room in ROOMS}
        for (room, name), entity in self.entities.items():
            rooms[room][name] = entity
        for room, name in self.again:
            if room == "vehicle":
                rooms[room][name] = self._vehicle_again(name)
                continue
            own = self.logs[(room, name)]
            if room == "order":
                rooms[room][name] = order_state(name, day.orders.get(name), own)
            elif room == "tender":
                rooms[room][name] = tender_state(name, own)
            elif room == "proposal":
                rooms[room][name] = proposal_state(name, own)
            elif room == "standing":
                standing = begun(day.said, day.standing)
                for event in own:
                    standing = standing_after(standing, event)
                rooms[room][name] = standing
            else:
                desk = DeskState()
                for event in own:
                    desk = desk_state(desk, event)
                rooms[room][name] = desk
        return replace(
            state,
            clock_s=self.clock_s,
            orders=state.orders.changed(rooms["order"]),
            vehicles=state.vehicles.changed(rooms["vehicle"]),
            tenders=state.tenders.changed(rooms["tender"]),
            tenders_of=_tenders_of(state, rooms["tender"]),
            proposals=state.proposals.changed(rooms["proposal"]),
            desk=rooms["desk"].get(DESK[1], state.desk),
            standing=rooms["standing"].get(STANDING_KEY[1], state.standing),
            logs=state.logs.changed(self.logs),
            names=state.names.changed(self.names),
            tracks=state.tracks.changed(self.tracks),
        )


def _tenders_of(state: DayState, changed: Mapping[str, TenderState]) -> Table[str, tuple[str, ...]]:
    """Order -> names of its tenders, after some tenders have changed."""
    if not changed:
        return state.tenders_of
    table = dict(state.tenders_of)
    for name, tender in changed.items():
        before = state.tenders[name].order_id if name in state.tenders else ""
        if before and before != tender.order_id:
            table[before] = tuple(one for one in table[before] if one != name)
            if not table[before]:
                del table[before]
        if tender.order_id and name not in table.get(tender.order_id, ()):
            table[tender.order_id] = tuple(sorted((*table.get(tender.order_id, ()), name)))
    return Table(table)


def keys_of(event: Event) -> list[Key]:
    """Whom an event is about."""
    if event.kind in OF_STANDING:
        return [STANDING_KEY]
    if event.kind in PEOPLE or event.kind in (PROPOSED, CLOSED):
        # what is only proposed, or said by a person, is not yet known of an order or a vehicle
        proposal = event.facts.get("proposal", "")
        desk = [DESK] if event.kind in PEOPLE else []
        return [("proposal", str(proposal)), *desk] if proposal else desk
    named = (("order", event.order_id), ("vehicle", event.vehicle_id), ("tender", event.tender_id))
    return [(room, name) for room, name in named if name]


def digest(state: DayState) -> str:
    """SHA-256 of all that is known: equal digests, equal states."""
    parts: list[str] = [str(state.day.service_date), str(state.clock_s)]
    for name in ("orders", "vehicles", "tenders", "proposals"):
        table: Mapping[str, object] = getattr(state, name)
        parts += [repr(table[key]) for key in sorted(table)]
    parts.append(repr(state.desk))
    known = state.standing
    parts.append(repr((known.said, [known.answers[name] for name in sorted(known.answers)], known.uses)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
