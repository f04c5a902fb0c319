"""The proof: checks a plan against its problem with code that no engine uses.

Everything is computed again from the problem: times, loads, rules, distances, prices. Nothing of ``schedule``,
``tariffs``, ``families`` or ``engines`` is imported (an import contract holds that); ``proof`` has the
registered rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solvers.plan import Plan, Route
from solvers.problem import Order, PlanningProblem, Vehicle
from solvers.proof import rule_violations
from solvers.proof.roads import Roads
from solvers.proof.violation import Violation

__all__ = ["Violation", "verify"]


def verify(problem: PlanningProblem, plan: Plan) -> list[Violation]:
    """All violations of ``plan``; an empty list is the proof that it keeps every rule and its sums are right."""
    return list(_violations(problem, plan))


def _violations(problem: PlanningProblem, plan: Plan) -> Iterator[Violation]:
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    roads = Roads(problem)
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
        yield from _check_route(roads, route, vehicle, visited, where)
        transport += route.cost_minor
        failure += sum(_failure(order, vehicle.fleet_id) for order in visited)
    yield from _check_whole(plan, orders, seen, transport, failure)
    if not any(route.vehicle_id not in vehicles for route in plan.routes):
        yield from rule_violations(problem, plan)
    yield from _check_torn(problem, plan)
    yield from _check_locks(problem, plan)


def _check_locks(problem: PlanningProblem, plan: Plan) -> Iterator[Violation]:
    """What locks hold: orders on their vehicle, their sequence at the head of it, the departure."""
    routes = {route.vehicle_id: route for route in plan.routes}
    for lock in problem.locks:
        where = f"lock of {lock.vehicle_id}"
        route = routes.get(lock.vehicle_id)
        on_board = [visit.order_id for visit in route.visits] if route is not None else []
        gone = [one for one in lock.orders if one not in on_board]
        if gone:
            yield Violation("lock", where, f"order {gone[0]!r} is not on the vehicle")
        elif lock.level != "vehicle" and tuple(on_board[: len(lock.orders)]) != lock.orders:
            yield Violation("lock", where, "the locked orders are not the head of the route in their sequence")
        elif lock.level == "all" and lock.orders and route is not None and route.start_s != lock.start_s:
            yield Violation("lock", where, f"leaves at {route.start_s}, is locked to {lock.start_s}")


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
    penalty = sum(orders[one].penalty_minor for one in left if not orders[one].group)
    for group in {orders[one].group for one in left} - {""}:
        members = [order for order in orders.values() if order.group == group]
        if not any(order.order_id in seen for order in members):
            penalty += max(order.penalty_minor for order in members)
    served_groups = [orders[one].group for one in seen if one in orders and orders[one].group]
    for group in sorted({one for one in served_groups if served_groups.count(one) > 1}):
        yield Violation("alternatives", "plan", f"more than one alternative of {group!r} is served")
    for name, stated, true in (
        ("transport_minor", plan.transport_minor, transport),
        ("failure_minor", plan.failure_minor, failure),
        ("penalty_minor", plan.penalty_minor, penalty),
    ):
        if stated != true:
            yield Violation("cost", "plan", f"{name} is {stated}, adds up to {true}")


def _check_route(roads: Roads, route: Route, vehicle: Vehicle, visited: list[Order], where: str) -> Iterator[Violation]:
    if not visited:
        yield Violation("empty_route", where, "a route without stops must not be published")
    if route.depot_id != vehicle.depot_id or route.fleet_id != vehicle.fleet_id:
        yield Violation("depot", where, "depot or fleet is not the vehicle's")
    yield from _check_loads(route, vehicle, visited, where)
    yield from _check_rules(route, vehicle, visited, where)
    yield from _check_times(roads, route, vehicle, visited, where)


def _check_loads(route: Route, vehicle: Vehicle, visited: list[Order], where: str) -> Iterator[Violation]:
    if vehicle.max_stops is not None and len(visited) > vehicle.max_stops:
        yield Violation("max_stops", where, f"carries {len(visited)}, may carry {vehicle.max_stops}")
    numbers = [visit.trip for visit in route.visits]
    if any(b - a not in {0, 1} for a, b in zip([0, *numbers], numbers, strict=False)):
        yield Violation("trips", where, "trips are not numbered 0, 1, 2 in sequence")
    if len(route.reloads) != max(numbers, default=0) or len(route.reloads) + 1 > vehicle.max_trips:
        yield Violation("trips", where, f"{len(route.reloads)} reloads, may make {vehicle.max_trips} trips")
    names = ["capacity_mass", "capacity_volume", "capacity_parcels"]
    for trip in sorted(set(numbers)):
        carried = [order for number, order in zip(numbers, visited, strict=True) if number == trip]
        yield from _check_pairs(carried, where)
        for dimension, limit in enumerate(vehicle.capacity.amounts()):
            code = names[dimension] if dimension < len(names) else "capacity"
            most = _heaviest(carried, dimension)
            if most > limit:
                yield Violation(code, where, f"carries {most}, may carry {limit}")


def _heaviest(carried: list[Order], dimension: int) -> int:
    """The largest load of one dimension on any leg of a trip."""

    def of(order: Order) -> int:
        amounts = order.load.amounts()
        return amounts[dimension] if dimension < len(amounts) else 0

    met_on_the_way = {order.pickup_of for order in carried if order.kind == "pickup"}
    load = sum(of(o) for o in carried if o.kind == "delivery" and o.order_id not in met_on_the_way)
    most = load
    for order in carried:
        load += of(order) if order.kind == "pickup" else -of(order)
        most = max(most, load)
    return most


def _check_pairs(carried: list[Order], where: str) -> Iterator[Violation]:
    """Pickups and their deliveries of one trip; those torn apart are found by ``_check_torn``."""
    seen: set[str] = set()
    for order in carried:
        if order.pickup_of and order.pickup_of in seen:
            yield Violation("pair", where, f"order {order.pickup_of!r} is delivered before it is picked up")
        seen.add(order.order_id)


def _check_torn(problem: PlanningProblem, plan: Plan) -> Iterator[Violation]:
    where = {v.order_id: (route.vehicle_id, v.trip) for route in plan.routes for v in route.visits}
    for order in problem.orders:
        if order.pickup_of and where.get(order.order_id) != where.get(order.pickup_of):
            yield Violation("pair", "plan", f"{order.order_id!r} and {order.pickup_of!r} are not on one trip")


def _check_rules(route: Route, vehicle: Vehicle, visited: list[Order], where: str) -> Iterator[Violation]:
    for visit, order in zip(route.visits, visited, strict=True):
        if order.depot_id not in {"", vehicle.depot_id}:
            yield Violation("depot", where, f"order {order.order_id!r} is loaded at {order.depot_id!r}")
        if vehicle.vehicle_id in order.banned_vehicles:
            yield Violation("vehicle_ban", where, f"may not serve order {order.order_id!r}")
        for code in sorted(order.required_certifications):
            expiry = vehicle.certifications.get(code)
            if expiry is None or visit.departure_s > expiry:
                state = "does not hold" if expiry is None else "no longer holds"
                yield Violation("certification", where, f"{state} {code!r} at order {order.order_id!r}")


def _check_times(  # noqa: PLR0912 - one pass along the route
    roads: Roads, route: Route, vehicle: Vehicle, visited: list[Order], where: str
) -> Iterator[Violation]:
    place = roads.place
    depot = place[vehicle.depot_id]
    end = None if vehicle.open_end else place[vehicle.end_depot_id or vehicle.depot_id]
    if route.start_s < vehicle.start_s:
        yield Violation("shift", where, f"leaves at {route.start_s}, the shift starts at {vehicle.start_s}")
    if route.end_s > vehicle.end_s:
        yield Violation("shift", where, f"is back at {route.end_s}, the shift ends at {vehicle.end_s}")
    for trip, gone in enumerate([route.start_s, *(one.departure_s for one in route.reloads)]):
        ready = max((o.release_s for v, o in zip(route.visits, visited, strict=True) if v.trip == trip), default=0)
        if gone < ready:
            yield Violation("release", where, f"trip {trip} leaves at {gone}, its last order is there at {ready}")
    clock, here, metres, trip, driving = route.start_s, depot, 0, 0, 0
    for number, (visit, order) in enumerate(zip(route.visits, visited, strict=True)):
        at = f"{where}, order {order.order_id!r}"
        if visit.trip == trip + 1 and trip < len(route.reloads):
            reload = route.reloads[trip]
            leg_s = roads.seconds(vehicle, here, depot, clock)
            expected, driving = clock + leg_s, driving + leg_s
            metres += roads.metres(vehicle, here, depot)
            if reload.arrival_s != expected + _rested(route, number, clock, reload.arrival_s):
                yield Violation("time", at, f"is back to reload at {reload.arrival_s}, must be {expected}")
            if reload.departure_s < reload.arrival_s + vehicle.reload_s:
                yield Violation("time", at, f"reloads for less than {vehicle.reload_s} s")
            clock, here, trip = reload.departure_s, depot, visit.trip
        leg_s = roads.seconds(vehicle, here, order.location, clock)
        driving += leg_s
        leg_m = roads.metres(vehicle, here, order.location)
        if (visit.leg_s, visit.leg_m) != (leg_s, leg_m):
            yield Violation("leg", at, f"leg is {visit.leg_m} m and {visit.leg_s} s, must be {leg_m} and {leg_s}")
        rested = _rested(route, number, clock, visit.arrival_s)
        if visit.arrival_s != clock + leg_s + rested:
            yield Violation("time", at, f"arrives at {visit.arrival_s}, must be {clock + leg_s + rested}")
        if visit.service_start_s < visit.arrival_s:
            yield Violation("time", at, "service starts before the arrival")
        service_s = roads.service_s(order)
        if visit.departure_s != visit.service_start_s + service_s:
            yield Violation(
                "time", at, f"service takes {visit.departure_s - visit.service_start_s} s, must take {service_s}"
            )
        if order.windows and not any(w.start_s <= visit.service_start_s <= w.end_s for w in order.windows):
            yield Violation("window", at, f"service starts at {visit.service_start_s}, outside every window")
        clock, here, metres = visit.departure_s, order.location, metres + leg_m
    back = clock
    if end is not None:
        leg_s = roads.seconds(vehicle, here, end, clock)
        back, driving = back + leg_s, driving + leg_s
        metres += roads.metres(vehicle, here, end)
    back += _rested(route, len(visited), clock, route.end_s)
    if route.end_s != back:
        yield Violation("time", where, f"is back at {route.end_s}, must be {back}")
    if route.distance_m != metres:
        yield Violation("distance", where, f"drives {route.distance_m} m, adds up to {metres}")
    if vehicle.max_distance_m is not None and metres > vehicle.max_distance_m:
        yield Violation("max_distance", where, f"drives {metres} m, may drive {vehicle.max_distance_m}")
    if vehicle.max_duration_s is not None and route.end_s - route.start_s > vehicle.max_duration_s:
        yield Violation("max_duration", where, f"takes {route.end_s - route.start_s} s, may {vehicle.max_duration_s}")
    price = _price(vehicle, visited, metres, route.end_s - route.start_s, driving)
    if route.cost_minor != price:
        yield Violation("cost", where, f"costs {route.cost_minor}, by its tariff {price}")


def _rested(route: Route, position: int, after: int, before: int) -> int:
    """Seconds of stated breaks on the way to ``position`` that lie between two moments and do not overlap."""
    total, clock = 0, after
    for one in sorted((b for b in route.breaks if b.position == position), key=lambda b: b.start_s):
        if one.start_s < clock or one.end_s > before or one.end_s < one.start_s:
            continue
        total += one.end_s - one.start_s
        clock = one.end_s
    return total


def _price(vehicle: Vehicle, visited: list[Order], metres: int, seconds: int, driving_s: int) -> int:
    """The tariff's price by exact fractions, each component rounded half up."""
    tariff = vehicle.tariff
    overtime = 0 if tariff.overtime_after_s is None else max(0, seconds - tariff.overtime_after_s)
    parcels = sum(order.load.parcels for order in visited)
    components = (
        Fraction(tariff.per_route_minor),
        _stepped(tariff.per_stop_minor, tariff.stop_steps, len(visited)),
        _stepped(tariff.per_parcel_minor, tariff.parcel_steps, parcels),
        _stepped(tariff.per_km_minor, tariff.km_steps, metres) / 1000,
        _stepped(tariff.per_hour_minor, tariff.hour_steps, seconds) / 3600,
        Fraction(tariff.overtime_per_hour_minor * overtime, 3600),
        Fraction(tariff.per_driving_hour_minor * driving_s, 3600),
    )
    return max(tariff.minimum_minor, sum(int(component + Fraction(1, 2)) for component in components))


def _stepped(price: int, steps: tuple[tuple[int, int], ...], amount: int) -> Fraction:
    """Each band of a piecewise price on its own: what lies between its bounds, times its price."""
    bounds = [0, *(start for start, _ in steps), max(amount, *(start for start, _ in steps), 0) if steps else amount]
    prices = [price, *(one for _, one in steps)]
    return Fraction(sum(p * max(0, min(amount, b) - a) for p, a, b in zip(prices, bounds, bounds[1:], strict=False)))
