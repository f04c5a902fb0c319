"""A day event by event: the world tells what became known, an operation answers with decisions, and the day moves on.

The physics is that of ``batch.py`` (a test holds the two equal to the second where nothing is decided). Events come in
the order in which they become known; a decision acts from that moment on, never before.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from domain.errors import InputError
from simulation.actions import DOOR_ACTIONS, Action, DoorActions, decided_second, order_numbers
from simulation.demand import draw_orders
from simulation.doors import NEVER, OUTCOMES
from simulation.live_rules import Refused, RouteDecisions
from simulation.live_state import Clock, Day
from simulation.plans import read_plan
from simulation.play import DayResult
from simulation.records import KINDS
from simulation.setup import set_up
from simulation.world import World


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event as it becomes known: the columns of ``raw.delivery_events`` that matter to a decision."""

    event_id: str
    event_type: str
    event_time: datetime
    ingest_time: datetime
    order_id: str | None
    attempt: int
    route_id: str | None
    vehicle_id: str | None
    driver_id: str | None
    failure_reason: str | None
    planned_time: datetime | None


class LiveDay:
    """Iterate over what becomes known; answer with ``decide``. ``result()`` is the played day.

    >>> from datetime import date
    >>> from simulation import City
    >>> city = City()
    >>> live = LiveDay(city.world, date(2026, 3, 3), city.baseline_plan(date(2026, 3, 3)))
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
        self._day = Day(setup, self._door, self._clock)
        self._routes = RouteDecisions(self._day)
        self._given = {id(one): order_numbers(orders, one) for one in given}
        for one in given:
            self._clock.push(decided_second(orders, one), "decide", one)
        self._origin = orders.origin.to_pydatetime()
        self._ended = False

    def __iter__(self) -> Iterator[LiveEvent]:
        """Events until the day is over."""
        clock, day = self._clock, self._day
        handlers = day.handlers()
        while clock.heap:
            second, _, _, kind, payload = heapq.heappop(clock.heap)
            clock.now = second
            if kind == "known":
                yield self._event(payload, second)
            elif kind == "decide":
                self._take(payload, self._given[id(payload)])
            else:
                handlers[kind](payload)
        self._ended = True

    def decide(self, decisions: Sequence[Action]) -> None:
        """Decisions taken now. What has become impossible is listed in ``refusals``; it changes nothing.

        Raises:
            InputError: unknown orders, routes or vehicles, or a decision dated after what is known.
        """
        for one in decisions:
            numbers = order_numbers(self._orders, one)
            if decided_second(self._orders, one) > self._clock.now:
                self._given[id(one)] = numbers
                self._clock.push(decided_second(self._orders, one), "decide", one)
            else:
                self._take(one, numbers)

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

    def _event(self, row: tuple[int, int, int, int, int, int, int, int], second: int) -> LiveEvent:
        number, kind, order, route, attempt, time_s, planned_s, code = row
        day, origin = self._day, self._origin
        own = day.routes[route] if route >= 0 else None
        return LiveEvent(
            f"{day.event_prefix}{number:010d}",
            KINDS[kind],
            origin + timedelta(seconds=time_s),
            origin + timedelta(seconds=second),
            f"{self._orders.prefix}{order:06d}" if order >= 0 else None,
            attempt,
            own.route_id if own else None,
            own.vehicle_id if own else None,
            own.driver_id if own else None,
            OUTCOMES[code] if code >= 0 else None,
            origin + timedelta(seconds=planned_s) if planned_s < NEVER else None,
        )

    def result(self) -> DayResult:
        """The day as it was played.

        Raises:
            InputError: the day is not over yet.
        """
        if not self._ended:
            raise InputError(f"the day {self._orders.day} is not over: iterate over its events first")
        return DayResult(self._day.final_setup(), self._day.log(), self._day.event_rows())


def live_events(live: LiveDay) -> Generator[LiveEvent, Sequence[Action] | None, DayResult]:
    """The same day as a generator that is sent decisions and returns the result."""
    for event in live:
        answer = yield event
        if answer:
            live.decide(answer)
    return live.result()
