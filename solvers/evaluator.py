"""The exact evaluator that every engine of ours asks: may it, does it fit, when, and what does it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solvers.families import CompiledRules, RouteSummary, RouteView
from solvers.plan import Route, Visit
from solvers.problem import PICKUP, Order, PlanningProblem, Vehicle
from solvers.schedule import Drive, Stops, Timing, fits, sooner, timing
from solvers.tariffs import route_cost_minor


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A route that may be driven: its times, its transport cost, what its soft rules and failures cost."""

    timing: Timing
    transport_minor: int
    failure_minor: int
    rule_minor: int

    @property
    def cost(self) -> int:
        return self.transport_minor + self.failure_minor + self.rule_minor


class Evaluator:
    """Rules of one problem, looked up once."""

    def __init__(self, problem: PlanningProblem) -> None:
        rules = CompiledRules(problem)
        problem = rules.problem
        self.problem = problem
        self.orders = {order.order_id: order for order in problem.orders}
        self.vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
        self.rules = rules
        self.pairs = {order.pickup_of: order.order_id for order in problem.orders if order.pickup_of}
        self._drives = {v.vehicle_id: Drive.of(problem, v, self.rules.breaks(v)) for v in problem.vehicles}
        self._pair: dict[tuple[str, str], int | None] = {}

    def drive(self, vehicle: Vehicle) -> Drive:
        """Depot, matrices and rests of ``vehicle``."""
        return self._drives[vehicle.vehicle_id]

    def pair_price(self, vehicle: Vehicle, order: Order) -> int | None:
        """What soft rules charge when ``vehicle`` serves ``order``; None where a rule forbids it."""
        key = (vehicle.vehicle_id, order.order_id)
        if key not in self._pair:
            self._pair[key] = self.rules.pair_price(vehicle, order) if may_serve(vehicle, order) else None
        return self._pair[key]

    def evaluate(self, vehicle: Vehicle, stops: Stops) -> Evaluation | None:
        """Times and costs of a route, or None where it breaks a hard rule."""
        real = [order for order in stops if order is not None]
        if not real:
            return Evaluation(Timing(vehicle.start_s, vehicle.start_s, 0, 0, (), (), ()), 0, 0, 0)
        if not fits(vehicle, stops):
            return None
        rule_minor = 0
        for order in real:
            price = self.pair_price(vehicle, order)
            if price is None:
                return None
            rule_minor += price
        if self.pairs and not self._pairs_kept(stops):
            return None
        drive = self.drive(vehicle)
        times = timing(drive, stops)
        if times is None:
            return None
        failure_minor = sum(order.expected_failure_minor(vehicle.fleet_id) for order in real)
        route_rules = self.rules.of_route(vehicle)
        if not route_rules:
            return Evaluation(times, transport_minor(vehicle, real, times), failure_minor, rule_minor)
        trips = trip_numbers(stops)
        best: Evaluation | None = None
        options = [times]
        moments = self.rules.departures(vehicle)
        if moments is not None and drive.fixed_start_s is None:
            options += sooner(drive, stops, times, moments, self.rules.latest_starts(route_rules, real))
        for option in options:
            priced = self.rules.route_price(route_rules, RouteView(vehicle, real, trips, option, drive))
            if priced is None:
                continue
            found = Evaluation(option, transport_minor(vehicle, real, option), failure_minor, rule_minor + priced)
            if best is None or found.cost < best.cost:
                best = found
        return best

    def _pairs_kept(self, stops: Stops) -> bool:
        """Whether every pickup on the route comes before its delivery on the same trip, both there."""
        taken: set[str] = set()
        for order in stops:
            if order is None:
                if taken:
                    return False
            elif order.pickup_of:
                taken.add(order.pickup_of)
            elif order.order_id in self.pairs:
                if order.order_id not in taken:
                    return False
                taken.remove(order.order_id)
        return not taken

    def summary(self, vehicle: Vehicle, stops: Stops, times: Timing) -> RouteSummary:
        """The route as rules over the whole plan see it."""
        real = [order for order in stops if order is not None]
        left = [times.start_s, *(one.departure_s for one in times.reloads)]
        loads = [0] * len(left)
        for trip, order in zip(trip_numbers(stops), real, strict=True):
            if order.kind != PICKUP and order.order_id not in self.pairs:
                loads[trip] += order.load.parcels
        return RouteSummary(
            vehicle,
            frozenset(order.order_id for order in real),
            len(real),
            sum(order.load.parcels for order in real),
            times.start_s,
            times.end_s - times.start_s,
            times.distance_m,
            transport_minor(vehicle, real, times),
            tuple(zip(left, loads, strict=True)),
        )


def trip_numbers(stops: Stops) -> list[int]:
    """The trip of each order of a sequence."""
    trips, trip = [], 0
    for order in stops:
        if order is None:
            trip += 1
        else:
            trips.append(trip)
    return trips


def may_serve(vehicle: Vehicle, order: Order) -> bool:
    """Whether what does not depend on the sequence lets ``vehicle`` serve ``order``, registered rules left aside."""
    return (
        order.depot_id in {"", vehicle.depot_id}
        and vehicle.vehicle_id not in order.banned_vehicles
        and all(code in vehicle.certifications for code in order.required_certifications)
        and all(used <= limit for used, limit in zip(order.load.amounts(), vehicle.capacity.amounts(), strict=False))
    )


def transport_minor(vehicle: Vehicle, orders: Sequence[Order], times: Timing) -> int:
    """What the route costs by its tariff."""
    return route_cost_minor(
        vehicle.tariff,
        stops=len(orders),
        parcels=sum(order.load.parcels for order in orders),
        distance_m=times.distance_m,
        duration_s=times.end_s - times.start_s,
        driving_s=times.driving_s,
    )


def route_of(vehicle: Vehicle, stops: Stops, found: Evaluation) -> Route:
    """The route as it is published."""
    times = found.timing
    real = [order for order in stops if order is not None]
    visits = tuple(
        Visit(order.order_id, arrival, service, service + order.service_s, leg[0], leg[1], trip)
        for order, arrival, service, leg, trip in zip(
            real, times.arrivals, times.services, times.legs, trip_numbers(stops), strict=True
        )
    )
    return Route(
        vehicle_id=vehicle.vehicle_id,
        fleet_id=vehicle.fleet_id,
        depot_id=vehicle.depot_id,
        start_s=times.start_s,
        end_s=times.end_s,
        visits=visits,
        distance_m=times.distance_m,
        cost_minor=found.transport_minor,
        reloads=times.reloads,
        breaks=times.breaks,
    )
