"""Where the day goes if nothing is done: predicted times of what each vehicle still has to do, and what is late.

Breaks that a vehicle's rules ask for are part of what comes (``breaks``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operations.dispatch.breaks import arrive, so_far
from operations.dispatch.done import service
from operations.state.day import Day
from operations.state.entities import ENDED, FINAL, MOVING, VehicleState
from operations.state.fold import DayState
from solvers.plan import Break
from solvers.problem import Order, Vehicle
from solvers.rests import Rests
from solvers.tariffs import divide_half_up


@dataclass(frozen=True, slots=True)
class Ahead:
    """One stop to come. ``late_s``: by how much service begins after its last window's end."""

    order_id: str
    arrival_s: int
    service_start_s: int
    late_s: int


@dataclass(frozen=True, slots=True)
class RouteAhead:
    """What a vehicle still does, and what that costs from here on: driving, hours, lateness.

    ``breaks``: those that are still to come.
    """

    stops: tuple[Ahead, ...]
    distance_m: int
    end_s: int
    cost_minor: int
    breaks: tuple[Break, ...] = ()

    @property
    def late_s(self) -> int:
        return sum(stop.late_s for stop in self.stops)


def here(state: DayState, vehicle: VehicleState) -> tuple[int, int]:
    """Row of the place a vehicle is at, and when it can leave it."""
    base = state.day.vehicles[vehicle.vehicle_id]
    at = state.orders.get(vehicle.at_order)
    if at is None or at.order is None:
        idle_s = vehicle.ready_s if vehicle.status == MOVING else max(vehicle.ready_s, min(state.clock_s, base.end_s))
        return state.day.problem.depot(base.depot_id).location, idle_s
    ready_s = vehicle.ready_s + at.order.service_s if vehicle.in_service else vehicle.ready_s
    # a service that lasts longer than planned is over at the earliest now
    return at.order.location, max(ready_s, state.clock_s) if vehicle.in_service else ready_s


def to_do(state: DayState, vehicle: VehicleState) -> list[Order]:
    """Orders a vehicle has still to serve: cancelled ones and those of unknown place left out."""
    found = []
    for order_id in vehicle.remaining:
        one = state.orders.get(order_id)
        if one is not None and one.order is not None and one.status not in FINAL:
            found.append(one.order)
    return found


def ahead(state: DayState, vehicle: VehicleState, sequence: Sequence[Order] | None = None) -> RouteAhead:
    """Predicted times of ``sequence`` (else of what is left of the vehicle's own), windows waited for."""
    if vehicle.status == ENDED:
        return RouteAhead((), 0, vehicle.ready_s, 0)
    orders = to_do(state, vehicle) if sequence is None else list(sequence)
    place, clock, rests = goes_on(state, vehicle)
    return drive(state.day, state.day.vehicles[vehicle.vehicle_id], place, clock, orders, rests)


def goes_on(state: DayState, vehicle: VehicleState) -> tuple[int, int, Rests | None]:
    """Where a vehicle goes on from, when, and how it has rested until then."""
    place, clock = here(state, vehicle)
    rests, clock = so_far(state, vehicle.vehicle_id, clock)
    return place, clock, rests


def drive(
    day: Day, vehicle: Vehicle, place: int, clock: int, orders: Sequence[Order], rests: Rests | None = None
) -> RouteAhead:
    """Drive ``orders`` from a place and a moment on, and back where the vehicle must; ``rests``: until then."""
    travel, begun, metres = day.problem.travel_of(vehicle), clock, 0
    duration, distance = travel.duration_s.item, travel.distance_m.item
    stops, late_s, taken = [], 0, 0
    if rests is not None:
        rests, taken = rests.copy(), len(rests.taken)
    for number, order in enumerate(orders):
        seconds = int(duration(place, order.location))
        arrival = clock + seconds if rests is None else arrive(rests, clock, seconds, number, order.service_s)
        metres += int(distance(place, order.location))
        begin, late = service(order, arrival)
        if rests is not None and begin > arrival:
            arrival = rests.wait(arrival, begin, number)
        stops.append(Ahead(order.order_id, arrival, begin, late))
        clock, place, late_s = begin + order.service_s, order.location, late_s + late
    end = day.problem.end_location(vehicle)
    if orders and end is not None:
        seconds = int(duration(place, end))
        clock = clock + seconds if rests is None else arrive(rests, clock, seconds, len(stops), 0)
        metres += int(distance(place, end))
    over_s = max(0, clock - vehicle.end_s) if orders else 0
    cost = drive_cost_minor(day, vehicle, metres, clock - begun, late_s + over_s)
    return RouteAhead(tuple(stops), metres, clock, cost, () if rests is None else tuple(rests.taken[taken:]))


def drive_cost_minor(day: Day, vehicle: Vehicle, metres: int, seconds: int, late_s: int) -> int:
    """What driving, hours and lateness (beyond windows and the shift) cost."""
    return (
        divide_half_up(vehicle.tariff.per_km_minor * metres, 1_000)
        + divide_half_up(vehicle.tariff.per_hour_minor * seconds, 3_600)
        + divide_half_up(day.prices.late_minor_per_min * late_s, 60)
    )
