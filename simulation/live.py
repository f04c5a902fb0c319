"""A day event by event: the world tells what became known, an operation answers with decisions, and the day moves on.

The physics is that of ``batch.py`` (a test holds the two equal to the second where nothing is decided). Events come in
the order in which they become known; a decision acts from that moment on, never before.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pandas as pd

from domain.errors import InputError
from simulation.actions import DOOR_ACTIONS, Action, DoorActions, decided_second, order_numbers
from simulation.demand import draw_orders
from simulation.doors import NEVER, OUTCOMES
from simulation.live_motion import MovingDay
from simulation.live_parts import Clock, EventRow
from simulation.live_rules import Refused, RouteDecisions
from simulation.plans import read_plan
from simulation.play import DayResult
from simulation.records import EXCEPTION_CLASSES, KINDS
from simulation.setup import set_up
from simulation.view import DayView
from simulation.world import World


class LiveEvent(NamedTuple):
    """An event as it becomes known: a row of ``raw.delivery_events`` (``attempt`` is None where it has no order)."""

    event_id: str
    event_type: str
    order_id: str | None
    stop_id: str | None
    attempt: int | None
    route_id: str | None
    depot_id: str
    fleet_id: str | None
    vehicle_id: str | None
    driver_id: str | None
    exception_class: str | None
    failure_reason: str | None
    planned_time: datetime | None
    lat: float | None
    lon: float | None
    event_time: datetime
    ingest_time: datetime


Decide = Callable[[DayView, LiveEvent], Iterable[Action] | None]
"""An operation: what it knows and the newest event in, decisions out. It runs between two moments of the day."""


class LiveDay:
    """Iterate over what becomes known; answer with ``decide``. ``result()`` is the played day.

    Attributes:
        view: what the operation knows (``simulation.view.DayView``).
        refusals: decisions that came too late or could not be carried out, with the reason.

    >>> from datetime import date
    >>> from simulation import City
    >>> city = City()
    >>> live = city.live_day(date(2026, 3, 3), city.baseline_plan(date(2026, 3, 3)))
    >>> next(iter(live)).event_type
    'tender_sent'
    """

    def __init__(self, world: World, day: date, plan: pd.DataFrame, decisions: Iterable[Action] = ()) -> None:
        """``decisions`` that are already taken, such as messages of the evening before.

        Raises:
            InputError: the plan or a decision cannot be of this day.
        """
        orders = draw_orders(world, day)
        given = sorted(decisions, key=lambda one: one.decided_at)
        setup = set_up(world, orders, read_plan(world, orders, plan), [])
        self.refusals: list[Refused] = []
        self._orders, self._world = orders, world
        self._door = DoorActions(orders, setup.doors, world.scenario.effects)
        self._clock = Clock()
        self._day = MovingDay(setup, self._door, self._clock)
        for one in given:
            self._clock.push(decided_second(orders, one), "decide", (one, order_numbers(orders, one)))
        self._origin = orders.origin.to_pydatetime()
        self._depots = [f"depot-{number}" for number in range(len(world.places.depot_city))]
        self._depot_of_order = [self._depots[one] for one in orders.depot.tolist()]
        self._order_ids: list[str] = orders.order_ids().to_pylist()
        routes = [(one.route_id, [self._order_id(stop.order) for stop in one.queue]) for one in self._day.routes]
        self.view = DayView(day, routes, self._origin - timedelta(days=1))
        self._routes = RouteDecisions(self._day, self._resequenced)
        self._day.handlers["courier"] = self._routes.courier_answers
        self._ended = False

    def __iter__(self) -> Iterator[LiveEvent]:
        """Events until the day is over. May be left and taken up again."""
        while (event := self._next(None)) is not None:
            yield event

    def until(self, moment: datetime) -> list[LiveEvent]:
        """Play on to ``moment`` (with a time zone): what became known since, for an operation that works in batches.

        Raises:
            InputError: ``moment`` has no time zone.
        """
        if moment.tzinfo is None:
            raise InputError("LiveDay.until: the moment has no time zone")
        second = int((moment - self._origin).total_seconds())
        found = []
        while (event := self._next(second)) is not None:
            found.append(event)
        self._clock.now = max(self._clock.now, second)
        self.view.now = max(self.view.now, moment)
        return found

    def _next(self, limit: int | None) -> LiveEvent | None:
        """The next event known by ``limit``, if there is one; physics in between happens."""
        clock = self._clock
        heap, handlers = clock.heap, self._day.handlers
        while heap and (limit is None or heap[0][0] <= limit):
            second, _, _, kind, payload = heapq.heappop(heap)
            clock.now = second
            if kind == "known":
                event = self._event(payload, second)
                self.view._learn(event)
                return event
            if kind == "decide":
                self._take(*payload)
            else:
                handlers[kind](payload)
        self._ended = not heap
        return None

    def decide(self, decisions: Iterable[Action]) -> list[Refused]:
        """Decisions taken now, or dated later today. What cannot be done is returned and changes nothing.

        Raises:
            InputError: unknown orders, routes or vehicles.
        """
        before = len(self.refusals)
        for one in decisions:
            numbers = order_numbers(self._orders, one)
            second = decided_second(self._orders, one)
            if second > self._clock.now:
                self._clock.push(second, "decide", (one, numbers))
            else:
                self._take(one, numbers)
        return self.refusals[before:]

    def _take(self, action: Action, numbers: list[int]) -> None:
        now = self._clock.now
        if action.action not in DOOR_ACTIONS:
            refused = self._routes.apply(action, numbers)
            if refused:
                self.refusals.append(Refused(action, refused))
            return
        before = len(self._door.notes)
        for number in numbers:
            until = self._door.removed_s[number]
            self._door.apply(action.action, number, now)
            if self._door.removed_s[number] < until:
                self._clock.push(self._door.removed_s[number], "removed", number)
        for kind, number, second in self._door.notes[before:]:
            self._clock.push(second, "note", (kind, number, -1))

    def _resequenced(self, number: int) -> None:
        route = self._day.routes[number]
        self.view._resequenced(route.route_id, [self._order_id(one.order) for one in route.queue if one.order >= 0])

    def _order_id(self, number: int) -> str:
        return self._order_ids[number]

    def _event(self, row: EventRow, second: int) -> LiveEvent:
        number, kind, order, route, attempt, time_s, planned_s, code, lat, lon = row
        day, origin = self._day, self._origin
        own = day.routes[route] if route >= 0 else None
        order_id = self._order_ids[order] if order >= 0 else None
        return LiveEvent(
            f"{day.event_prefix}{number:010d}",
            KINDS[kind],
            order_id,
            f"{order_id}-{attempt}" if order_id else None,
            attempt if order_id else None,
            own.route_id if own else None,
            self._depots[own.depot] if own else self._depot_of_order[order],
            own.fleet_id if own else None,
            own.vehicle_id if own else None,
            own.driver_id if own else None,
            EXCEPTION_CLASSES[code] if code >= 0 else None,
            OUTCOMES[code] if code >= 0 else None,
            origin + timedelta(seconds=planned_s) if planned_s < NEVER else None,
            lat,
            lon,
            origin + timedelta(seconds=time_s),
            origin + timedelta(seconds=second),
        )

    def result(self) -> DayResult:
        """The day as it was played.

        Raises:
            InputError: the day is not over yet.
        """
        if not self._ended:
            raise InputError(f"the day {self._orders.day} is not over: iterate over its events first")
        return DayResult(self._day.final_setup(), self._day.log(), self._day.event_rows())


def drive(live: LiveDay, decide: Decide) -> DayResult:
    """Play the rest of a day with ``decide(view, event)`` at every event that becomes known; the played day."""
    for event in live:
        answer = decide(live.view, event)
        if answer:
            live.decide(answer)
    return live.result()


def live_events(live: LiveDay) -> Generator[LiveEvent, Sequence[Action] | None, DayResult]:
    """The same day as a generator that is sent decisions and returns the result."""
    for event in live:
        answer = yield event
        if answer:
            live.decide(answer)
    return live.result()
