"""The proof: checks a plan against its problem with code that no engine uses.

Everything is computed again from the problem: times, loads, rules, distances, prices. Nothing of ``schedule``,
``tariffs`` or ``engines`` is imported (an import contract holds that).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from solvers.plan import Plan, Route
from solvers.problem import Order, PlanningProblem, Vehicle


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a plan breaks: its code, where, and how in words."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.code}]"


def verify(problem: PlanningProblem, plan: Plan) -> list[Violation]:
    """All violations of ``plan``; an empty list is the proof that it keeps every rule and its sums are right."""
    return list(_violations(problem, plan))


def _violations(problem: PlanningProblem, plan: Plan) -> Iterator[Violation]:
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    seen: set[str] = set()
    used: set[str] = set()
    transport = failure = 0
    for route in plan.routes:
        where = f"route of {route.vehicle_id}"
        vehicle = vehicles.get(route.vehicle_id)
        if vehicle is None:
            yield Violation("unknown_vehicle", where, "the problem has no such vehicle")
            continue
        if route.vehicle_id in used:
            yield Violation("vehicle_twice", where, "the vehicle has another route")
        used.add(route.vehicle_id)
        unknown = [visit.order_id for visit in route.visits if visit.order_id not in orders]
        for order_id in unknown:
            yield Violation("unknown_order", where, f"the problem has no order {order_id!r}")
        for visit in route.visits:
            if visit.order_id in seen:
                yield Violation("order_twice", where, f"order {visit.order_id!r} is visited more than once")
            seen.add(visit.order_id)
        if unknown:
            continue
        visited = [orders[visit.order_id] for visit in route.visits]
        yield from _check_route(problem, route, vehicle, visited, where)
        transport += route.cost_minor
        failure += sum(_failure(order, vehicle.fleet_id) for order in visited)
    yield from _check_whole(plan, orders, seen, transport, failure)


def _failure(order: Order, fleet_id: str) -> int:
    return (
        order.failure_cost_minor[fleet_id]
        if fleet_id in order.failure_cost_minor
        else (order.failure_cost_minor.get("", 0))
    )


def _check_whole(
    plan: Plan, orders: dict[str, Order], seen: set[str], transport: int, failure: int
) -> Iterator[Violation]:
    left: set[str] = set()
    for unserved in plan.unserved:
        if unserved.order_id not in orders:
            yield Violation("unknown_order", "unserved", f"the problem has no order {unserved.order_id!r}")
            continue
        if unserved.order_id in seen or unserved.order_id in left:
            yield Violation("order_twice", "unserved", f"order {unserved.order_id!r} is served or listed twice")
        left.add(unserved.order_id)
        if unserved.penalty_minor != orders[unserved.order_id].penalty_minor:
            yield Violation("cost", "unserved", f"the penalty of {unserved.order_id!r} is not the problem's")
    for order_id in sorted(orders.keys() - seen - left):
        yield Violation("missing_order", "plan", f"order {order_id!r} is neither on a route nor unserved")
    penalty = sum(orders[one].penalty_minor for one in left)
    for name, stated, true in (
        ("transport_minor", plan.transport_minor, transport),
        ("failure_minor", plan.failure_minor, failure),
        ("penalty_minor", plan.penalty_minor, penalty),
    ):
        if stated != true:
            yield Violation("cost", "plan", f"{name} is {stated}, adds up to {true}")


def _check_route(
    problem: PlanningProblem, route: Route, vehicle: Vehicle, visited: list[Order], where: str
) -> Iterator[Violation]:
    if not visited:
        yield Violation("empty_route", where, "a route without stops must not be published")
    if route.depot_id != vehicle.depot_id or route.fleet_id != vehicle.fleet_id:
        yield Violation("depot", where, "depot or fleet is not the vehicle's")
    yield from _check_loads(vehicle, visited, where)
    yield from _check_rules(route, vehicle, visited, where)
    yield from _check_times(problem, route, vehicle, visited, where)


def _check_loads(vehicle: Vehicle, visited: list[Order], where: str) -> Iterator[Violation]:
    for code, used, limit in (
        ("capacity_mass", sum(o.load.mass_g for o in visited), vehicle.capacity.mass_g),
        ("capacity_volume", sum(o.load.volume_ml for o in visited), vehicle.capacity.volume_ml),
        ("capacity_parcels", sum(o.load.parcels for o in visited), vehicle.capacity.parcels),
        ("max_stops", len(visited), len(visited) if vehicle.max_stops is None else vehicle.max_stops),
    ):
        if used > limit:
            yield Violation(code, where, f"carries {used}, may carry {limit}")


def _check_rules(route: Route, vehicle: Vehicle, visited: list[Order], where: str) -> Iterator[Violation]:
    for visit, order in zip(route.visits, visited, strict=True):
        if order.depot_id != vehicle.depot_id:
            yield Violation("depot", where, f"order {order.order_id!r} is loaded at {order.depot_id!r}")
        if vehicle.vehicle_id in order.banned_vehicles:
            yield Violation("vehicle_ban", where, f"may not serve order {order.order_id!r}")
        for code in sorted(order.required_certifications):
            expiry = vehicle.certifications.get(code)
            if expiry is None or visit.departure_s > expiry:
                state = "does not hold" if expiry is None else "no longer holds"
                yield Violation("certification", where, f"{state} {code!r} at order {order.order_id!r}")


def _check_times(
    problem: PlanningProblem, route: Route, vehicle: Vehicle, visited: list[Order], where: str
) -> Iterator[Violation]:
    depot = next(one.location for one in problem.depots if one.depot_id == vehicle.depot_id)
    if route.start_s < vehicle.start_s:
        yield Violation("shift", where, f"leaves at {route.start_s}, the shift starts at {vehicle.start_s}")
    if route.end_s > vehicle.end_s:
        yield Violation("shift", where, f"is back at {route.end_s}, the shift ends at {vehicle.end_s}")
    clock, here, metres = route.start_s, depot, 0
    for visit, order in zip(route.visits, visited, strict=True):
        leg_s = int(problem.travel.duration_s[here, order.location])
        leg_m = int(problem.travel.distance_m[here, order.location])
        at = f"{where}, order {order.order_id!r}"
        if (visit.leg_s, visit.leg_m) != (leg_s, leg_m):
            yield Violation("leg", at, f"leg is {visit.leg_m} m and {visit.leg_s} s, must be {leg_m} and {leg_s}")
        if visit.arrival_s != clock + leg_s:
            yield Violation("time", at, f"arrives at {visit.arrival_s}, must be {clock + leg_s}")
        if visit.service_start_s < visit.arrival_s:
            yield Violation("time", at, "service starts before the arrival")
        if visit.departure_s != visit.service_start_s + order.service_s:
            yield Violation(
                "time", at, f"service takes {visit.departure_s - visit.service_start_s} s, must take {order.service_s}"
            )
        if order.windows and not any(w.start_s <= visit.service_start_s <= w.end_s for w in order.windows):
            yield Violation("window", at, f"service starts at {visit.service_start_s}, outside every window")
        clock, here, metres = visit.departure_s, order.location, metres + leg_m
    back = clock + int(problem.travel.duration_s[here, depot])
    metres += int(problem.travel.distance_m[here, depot])
    if route.end_s != back:
        yield Violation("time", where, f"is back at {route.end_s}, must be {back}")
    if route.distance_m != metres:
        yield Violation("distance", where, f"drives {route.distance_m} m, adds up to {metres}")
    price = _price(vehicle, visited, metres, route.end_s - route.start_s)
    if route.cost_minor != price:
        yield Violation("cost", where, f"costs {route.cost_minor}, by its tariff {price}")


def _price(vehicle: Vehicle, visited: list[Order], metres: int, seconds: int) -> int:
    """The tariff's price by exact fractions, each component rounded half up."""
    tariff = vehicle.tariff
    overtime = 0 if tariff.overtime_after_s is None else max(0, seconds - tariff.overtime_after_s)
    components = (
        Fraction(tariff.per_route_minor),
        Fraction(tariff.per_stop_minor * len(visited)),
        Fraction(tariff.per_parcel_minor * sum(order.load.parcels for order in visited)),
        Fraction(tariff.per_km_minor * metres, 1000),
        Fraction(tariff.per_hour_minor * seconds, 3600),
        Fraction(tariff.overtime_per_hour_minor * overtime, 3600),
    )
    return sum(int(component + Fraction(1, 2)) for component in components)
