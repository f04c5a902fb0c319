"""What a vehicle still does, laid out once for a state, so that many insertions are priced from their place on.

The numbers are those of ``ahead.drive`` to the unit. A state is a value, so what was laid out for it stays true; it is
kept with the state (``DayState.memo``) and goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from operations.dispatch.ahead import drive, drive_cost_minor, goes_on, to_do
from operations.dispatch.breaks import arrive
from operations.dispatch.done import service
from operations.state.day import Day
from operations.state.fold import DayState
from solvers.problem import Order, Vehicle
from solvers.rests import Rests


@dataclass(frozen=True)
class Priced:
    """A way that was driven: what it costs from here on, how late it is in all, when it ends."""

    cost_minor: int
    late_s: int
    end_s: int


@dataclass(frozen=True)
class Line:
    """``orders`` of a vehicle in their sequence, from ``place`` (a row of the matrices) and ``clock_s`` on.

    ``rests``: what it has driven and rested until then, where rules ask it for breaks.
    """

    day: Day
    vehicle: Vehicle
    place: int
    clock_s: int
    orders: tuple[Order, ...]
    rests: Rests | None = None

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """Rows of the places it goes through, from where it is to where it ends."""
        end = self.day.problem.end_location(self.vehicle)
        places = [self.place, *(one.location for one in self.orders)]
        return np.array(places if end is None else [*places, end])

    @cached_property
    def used(self) -> list[int]:
        """What all orders take of each dimension of the vehicle's capacity."""
        loads = [one.load.amounts() for one in self.orders]
        return [sum(own[n] for own in loads if n < len(own)) for n in range(len(self.vehicle.capacity.amounts()))]

    @cached_property
    def _legs(self) -> tuple[list[int], list[int]]:
        """Seconds and metres of each leg, the last one home included where there is one."""
        travel, rows = self.day.problem.travel_of(self.vehicle), self.rows
        return travel.duration_s[rows[:-1], rows[1:]].tolist(), travel.distance_m[rows[:-1], rows[1:]].tolist()

    @cached_property
    def _before(self) -> list[tuple[int, int, int]]:
        """Clock, lateness and metres when the vehicle is done with the first n orders."""
        clock, late_s, metres = self.clock_s, 0, 0
        found = [(clock, late_s, metres)]
        for order, seconds, length in zip(self.orders, *self._legs, strict=False):
            begin, late = service(order, clock + seconds)
            clock, late_s, metres = begin + order.service_s, late_s + late, metres + length
            found.append((clock, late_s, metres))
        return found

    @cached_property
    def _rested(self) -> list[tuple[int, int, int, Rests]]:
        """The same with breaks, and what it has driven and rested by then."""
        rests = self.rests or Rests((), self.clock_s)
        clock, late_s, metres = self.clock_s, 0, 0
        found = [(clock, late_s, metres, rests)]
        for number, (order, seconds, length) in enumerate(zip(self.orders, *self._legs, strict=False)):
            rests = rests.copy()
            arrival = arrive(rests, clock, seconds, number, order.service_s)
            begin, late = service(order, arrival)
            if begin > arrival:
                rests.wait(arrival, begin, number)
            clock, late_s, metres = begin + order.service_s, late_s + late, metres + length
            found.append((clock, late_s, metres, rests))
        return found

    @cached_property
    def priced(self) -> Priced:
        """The line as it is."""
        if self.rests is not None:
            clock, late_s, metres, rests = self._rested[-1]
            if self.orders and len(self.rows) > len(self.orders) + 1:
                seconds, length = (one[-1] for one in self._legs)
                clock, metres = arrive(rests.copy(), clock, seconds, len(self.orders), 0), metres + length
            return self._cost(clock, late_s, metres, bool(self.orders))
        return self._home(len(self.orders), *self._before[-1])

    def with_order(self, position: int, order: Order) -> Priced:
        """The line with one order more, before the one at ``position``."""
        if self.rests is not None:
            clock, late_s, metres, rests = self._rested[position]
            place, orders = int(self.rows[position]), (order, *self.orders[position:])
            way = drive(self.day, self.vehicle, place, clock, orders, rests)
            return self._cost(way.end_s, late_s + way.late_s, metres + way.distance_m)
        return self.at_least(position, order)

    def at_least(self, position: int, order: Order) -> Priced:
        """The same without breaks: it costs no more, and is what it costs where there are none."""
        travel = self.day.problem.travel_of(self.vehicle)
        clock, late_s, metres = self._before[position]
        place = int(self.rows[position])
        begin, late = service(order, clock + int(travel.duration_s[place, order.location]))
        clock, late_s = begin + order.service_s, late_s + late
        metres += int(travel.distance_m[place, order.location])
        if position == len(self.rows) - 1:  # nothing comes after it, not even the way home
            return self._cost(clock, late_s, metres)
        to = int(self.rows[position + 1])
        seconds, length = int(travel.duration_s[order.location, to]), int(travel.distance_m[order.location, to])
        legs_s, legs_m = self._legs
        for n in range(position, len(self.orders)):
            one = self.orders[n]
            begin, late = service(one, clock + seconds)
            clock, late_s, metres = begin + one.service_s, late_s + late, metres + length
            if n + 1 < len(legs_s):
                seconds, length = legs_s[n + 1], legs_m[n + 1]
        if len(self.rows) == len(self.orders) + 2:
            clock, metres = clock + seconds, metres + length
        return self._cost(clock, late_s, metres)

    def detours_s(self, order: Order) -> npt.NDArray[np.int64]:
        """Seconds by way of ``order`` that each place from the vehicle's own to the last order adds, windows apart.

        After the last order only the way there counts, whether or not the vehicle goes home from it.
        """
        travel, rows = self.day.problem.travel_of(self.vehicle), self.rows[: len(self.orders) + 1]
        there = travel.duration_s[rows, order.location].astype(np.int64)
        there[:-1] += travel.duration_s[order.location, rows[1:]]
        there[:-1] -= travel.duration_s[rows[:-1], rows[1:]]
        return there

    def _home(self, stops: int, clock: int, late_s: int, metres: int) -> Priced:
        legs_s, legs_m = self._legs
        if stops and len(legs_s) > stops:
            clock, metres = clock + legs_s[stops], metres + legs_m[stops]
        return self._cost(clock, late_s, metres, stops > 0)

    def _cost(self, clock: int, late_s: int, metres: int, driven: bool = True) -> Priced:
        over_s = max(0, clock - self.vehicle.end_s) if driven else 0
        cost = drive_cost_minor(self.day, self.vehicle, metres, clock - self.clock_s, late_s + over_s)
        return Priced(cost, late_s, clock)


def line_of(state: DayState, vehicle_id: str) -> Line:
    """What a vehicle that has not ended its route has left to do, in ``state``."""
    key = ("line", vehicle_id)
    found = state.memo.get(key)
    if found is None:
        vehicle = state.vehicles[vehicle_id]
        found = line(state, vehicle_id, to_do(state, vehicle))
        state.memo[key] = found
    return found


def line(state: DayState, vehicle_id: str, orders: Sequence[Order]) -> Line:
    """``orders`` driven by a vehicle from where it is in ``state``."""
    place, clock_s, rests = goes_on(state, state.vehicles[vehicle_id])
    return Line(state.day, state.day.vehicles[vehicle_id], place, clock_s, tuple(orders), rests)
