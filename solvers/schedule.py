"""Exact times of a sequence: as early as windows allow, departing as late as costs no delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solvers.plan import Route, Visit
from solvers.problem import LARGEST, Order, PlanningProblem, Vehicle
from solvers.tariffs import route_cost_minor


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a feasible sequence; lists run along its orders."""

    start_s: int
    end_s: int
    distance_m: int
    arrivals: list[int]
    services: list[int]


def may_serve(vehicle: Vehicle, order: Order) -> bool:
    """Whether rules that do not depend on the sequence let ``vehicle`` serve ``order``."""
    return (
        vehicle.depot_id == order.depot_id
        and vehicle.vehicle_id not in order.banned_vehicles
        and all(code in vehicle.certifications for code in order.required_certifications)
        and order.load.mass_g <= vehicle.capacity.mass_g
        and order.load.volume_ml <= vehicle.capacity.volume_ml
        and order.load.parcels <= vehicle.capacity.parcels
    )


def _service_window(order: Order, arrival: int) -> tuple[int, int] | None:
    """Start of service and latest start of the window it falls in; None where every window has passed."""
    if not order.windows:
        return arrival, LARGEST
    for window in sorted(order.windows, key=lambda one: one.end_s):
        if arrival <= window.end_s:
            return max(arrival, window.start_s), window.end_s
    return None


def timing(problem: PlanningProblem, vehicle: Vehicle, orders: Sequence[Order], depot: int) -> Timing | None:
    """Times of ``orders`` in this sequence, or None where a window, the shift or a certification's end is missed.

    The departure is moved later by the forward time slack (Savelsbergh 1992, ORSA Journal on Computing 4(2)), so that
    no paid minute is spent waiting that could be spent at the depot.
    """
    duration, distance = problem.travel.duration_s, problem.travel.distance_m
    clock, here, metres = vehicle.start_s, depot, 0
    waited, slack = 0, LARGEST
    arrivals: list[int] = []
    services: list[int] = []
    for order in orders:
        clock += int(duration[here, order.location])
        metres += int(distance[here, order.location])
        found = _service_window(order, clock)
        if found is None:
            return None
        start, latest = found
        arrivals.append(clock)
        services.append(start)
        waited += start - clock
        slack = min(slack, waited + latest - start)
        clock = start + order.service_s
        for code in order.required_certifications:
            expiry = vehicle.certifications[code]
            if clock > expiry:
                return None
            slack = min(slack, waited + expiry - clock)
        here = order.location
    clock += int(duration[here, depot])
    metres += int(distance[here, depot])
    if clock > vehicle.end_s:
        return None
    later = min(slack, waited)
    if later > 0:
        return _shifted(problem, vehicle.start_s + later, orders, depot, services, clock, metres)
    return Timing(vehicle.start_s, clock, metres, arrivals, services)


def _shifted(
    problem: PlanningProblem,
    start_s: int,
    orders: Sequence[Order],
    depot: int,
    services: list[int],
    end_s: int,
    metres: int,
) -> Timing:
    clock, here = start_s, depot
    arrivals: list[int] = []
    moved: list[int] = []
    for order, earliest in zip(orders, services, strict=True):
        clock += int(problem.travel.duration_s[here, order.location])
        arrivals.append(clock)
        clock = max(clock, earliest)
        moved.append(clock)
        clock += order.service_s
        here = order.location
    clock += int(problem.travel.duration_s[here, depot])
    return Timing(start_s, max(clock, end_s), metres, arrivals, moved)


def fits(vehicle: Vehicle, orders: Sequence[Order]) -> bool:
    """Whether loads and the number of stops are within the vehicle's limits."""
    return (
        sum(order.load.mass_g for order in orders) <= vehicle.capacity.mass_g
        and sum(order.load.volume_ml for order in orders) <= vehicle.capacity.volume_ml
        and sum(order.load.parcels for order in orders) <= vehicle.capacity.parcels
        and (vehicle.max_stops is None or len(orders) <= vehicle.max_stops)
    )


def cost_of(vehicle: Vehicle, orders: Sequence[Order], times: Timing) -> int:
    """Transport by tariff plus the expected cost of failed attempts, minor units."""
    if not orders:
        return 0
    return transport_minor(vehicle, orders, times) + sum(o.expected_failure_minor(vehicle.fleet_id) for o in orders)


def transport_minor(vehicle: Vehicle, orders: Sequence[Order], times: Timing) -> int:
    """What the route costs by its tariff."""
    return route_cost_minor(
        vehicle.tariff,
        stops=len(orders),
        parcels=sum(order.load.parcels for order in orders),
        distance_m=times.distance_m,
        duration_s=times.end_s - times.start_s,
    )


def route_of(problem: PlanningProblem, vehicle: Vehicle, orders: Sequence[Order], times: Timing, depot: int) -> Route:
    """The route as it is published."""
    visits = []
    here = depot
    for order, arrival, service in zip(orders, times.arrivals, times.services, strict=True):
        visits.append(
            Visit(
                order_id=order.order_id,
                arrival_s=arrival,
                service_start_s=service,
                departure_s=service + order.service_s,
                leg_m=int(problem.travel.distance_m[here, order.location]),
                leg_s=int(problem.travel.duration_s[here, order.location]),
            )
        )
        here = order.location
    return Route(
        vehicle_id=vehicle.vehicle_id,
        fleet_id=vehicle.fleet_id,
        depot_id=vehicle.depot_id,
        start_s=times.start_s,
        end_s=times.end_s,
        visits=tuple(visits),
        distance_m=times.distance_m,
        cost_minor=transport_minor(vehicle, orders, times),
    )
