"""Events into state: ``fold(state, event) -> state``. The same set of events gives the same state, in any order."""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from operations.state.day import Day
from operations.state.entities import (
    OrderState,
    TenderState,
    VehicleState,
    order_state,
    tender_state,
    vehicle_state,
)
from operations.state.events import EARLIEST_S, Event, Refusal, why_refused

Key = tuple[str, str]


@dataclass(frozen=True)
class DayState:
    """All that is known of a day, as of ``clock_s`` (when we came to know the newest of it).

    Attributes:
        logs: the events of each order, vehicle and tender, in the order they happened.
        refused: events that cannot be of this day, by event.
        tenders_of: order -> its tenders' names.
    """

    day: Day
    clock_s: int = 0
    orders: Mapping[str, OrderState] = field(default_factory=dict)
    vehicles: Mapping[str, VehicleState] = field(default_factory=dict)
    tenders: Mapping[str, TenderState] = field(default_factory=dict)
    tenders_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    logs: Mapping[Key, tuple[Event, ...]] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

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
    return DayState(
        day,
        clock_s=EARLIEST_S,
        orders={name: OrderState(name, order) for name, order in day.orders.items()},
        vehicles={
            name: vehicle_state(name, day.planned.get(name, ()), day.starts.get(name, vehicle.start_s), ())
            for name, vehicle in day.vehicles.items()
        },
    )


def fold(state: DayState, *events: Event) -> DayState:
    """``state`` with more events. One that is there already changes nothing.

    Of two events of one name and other content, the smaller by content holds, whichever came first.
    """
    orders, vehicles, tenders = dict(state.orders), dict(state.vehicles), dict(state.tenders)
    tenders_of, logs, refused = dict(state.tenders_of), dict(state.logs), dict(state.refused)
    clock_s = state.clock_s
    touched: dict[Key, None] = {}
    for event in events:
        if reason := why_refused(event):
            known = refused.get(event.event_id)
            if known is None or repr(event) < repr(known.event):
                refused[event.event_id] = Refusal(event, reason)
            continue
        clock_s = max(clock_s, event.seen_s)
        for key in keys_of(event):
            before = logs.get(key, ())
            after = _with(before, event)
            if after is not before:
                logs[key] = after
                touched[key] = None
    day = state.day
    for room, name in touched:
        own = logs[(room, name)]
        if room == "order":
            orders[name] = order_state(name, day.orders.get(name), own)
        elif room == "vehicle":
            vehicle = day.vehicles.get(name)
            begin = day.starts.get(name, vehicle.start_s if vehicle else 0)
            vehicles[name] = vehicle_state(name, day.planned.get(name, ()), begin, own)
        else:
            before_id = tenders[name].order_id if name in tenders else ""
            tenders[name] = tender_state(name, own)
            order_id = tenders[name].order_id
            if before_id and before_id != order_id:
                rest = tuple(one for one in tenders_of[before_id] if one != name)
                tenders_of = {**tenders_of, before_id: rest} if rest else _without(tenders_of, before_id)
            if order_id and name not in tenders_of.get(order_id, ()):
                tenders_of[order_id] = tuple(sorted((*tenders_of.get(order_id, ()), name)))
    return replace(
        state,
        clock_s=clock_s,
        orders=orders,
        vehicles=vehicles,
        tenders=tenders,
        tenders_of=tenders_of,
        logs=logs,
        refused=refused,
    )


def _without(table: Mapping[str, tuple[str, ...]], name: str) -> dict[str, tuple[str, ...]]:
    return {key: value for key, value in table.items() if key != name}


def _with(log: tuple[Event, ...], event: Event) -> tuple[Event, ...]:
    """``log`` with ``event`` in its place; the same object where it is there already."""
    if log and log[-1].moment < event.moment and all(one.event_id != event.event_id for one in log):
        return (*log, event)
    same = next((one for one in log if one.event_id == event.event_id), None)
    if same is not None and repr(same) <= repr(event):
        return log
    changed = [one for one in log if one is not same]
    insort(changed, event, key=lambda one: one.moment)
    return tuple(changed)


def keys_of(event: Event) -> list[Key]:
    """Whom an event is about."""
    named = (("order", event.order_id), ("vehicle", event.vehicle_id), ("tender", event.tender_id))
    return [(room, name) for room, name in named if name]


def digest(state: DayState) -> str:
    """SHA-256 of all that is known: equal digests, equal states."""
    parts: list[str] = [str(state.day.service_date), str(state.clock_s)]
    for name in ("orders", "vehicles", "tenders"):
        table: Mapping[str, object] = getattr(state, name)
        parts += [repr(table[key]) for key in sorted(table)]
    parts += [f"{key}: {state.refused[key].reason}" for key in sorted(state.refused)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def refusals(state: DayState) -> Iterable[Refusal]:
    """Events that were not taken in, by name."""
    return [state.refused[name] for name in sorted(state.refused)]
