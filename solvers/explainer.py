"""Why an order is on no route: the first rule that no vehicle keeps, in words a dispatcher can act on."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.plan import Plan, Unserved
from solvers.problem import Order, PlanningProblem, Vehicle
from solvers.schedule import cost_of, fits, timing


def explain(problem: PlanningProblem, plan: Plan) -> tuple[Unserved, ...]:
    """The unserved orders of ``plan`` with their binding rule, each rule tried on all vehicles."""
    by_id = {order.order_id: order for order in problem.orders}
    location = {depot.depot_id: depot.location for depot in problem.depots}
    routes = {route.vehicle_id: [by_id[v.order_id] for v in route.visits] for route in plan.routes}
    return tuple(_reason(problem, by_id[one.order_id], location, routes) for one in plan.unserved)


def _reason(
    problem: PlanningProblem, order: Order, location: dict[str, int], routes: dict[str, list[Order]]
) -> Unserved:
    def because(code: str, words: str) -> Unserved:
        return Unserved(order.order_id, code, words, order.penalty_minor)

    vehicles: list[Vehicle] = [v for v in problem.vehicles if v.depot_id == order.depot_id]
    if not vehicles:
        return because("no_capacity", f"no vehicle starts from depot {order.depot_id} on this day")
    certified = [v for v in vehicles if all(c in v.certifications for c in order.required_certifications)]
    if not certified:
        codes = ", ".join(sorted(order.required_certifications))
        return because("certification", f"no driver of the day holds {codes}")
    allowed = [v for v in certified if v.vehicle_id not in order.banned_vehicles]
    if not allowed:
        return because("vehicle_ban", f"all {len(certified)} certified vehicles are banned from this customer")
    large = [v for v in allowed if fits(v, [order])]
    if not large:
        return because("capacity", _capacity_words(order, allowed))
    alone = {v.vehicle_id: timing(problem, v, [order], location[v.depot_id]) for v in large}
    in_time = [v for v in large if alone[v.vehicle_id] is not None]
    if not in_time:
        return because("time_window", "no vehicle can start service inside the window and be back within its shift")
    cheapest = min(
        _cheapest_way(problem, v, order, routes.get(v.vehicle_id, []), location[v.depot_id]) for v in in_time
    )
    if cheapest == _IMPOSSIBLE:
        return because(
            "no_capacity",
            f"the {len(in_time)} vehicles that could serve it are full: "
            "no place on their routes keeps loads, windows and shifts",
        )
    return because(
        "dearer_than_penalty",
        f"the cheapest way to serve it adds {cheapest} minor units, leaving it costs {order.penalty_minor}",
    )


_IMPOSSIBLE = 2**62


def _cheapest_way(problem: PlanningProblem, vehicle: Vehicle, order: Order, route: Sequence[Order], depot: int) -> int:
    before = timing(problem, vehicle, route, depot)
    base = cost_of(vehicle, route, before) if before is not None else 0
    best = _IMPOSSIBLE
    for position in range(len(route) + 1):
        orders = [*route[:position], order, *route[position:]]
        times = timing(problem, vehicle, orders, depot) if fits(vehicle, orders) else None
        if times is not None:
            best = min(best, cost_of(vehicle, orders, times) - base)
    return best


def _capacity_words(order: Order, vehicles: Sequence[Vehicle]) -> str:
    largest = max(vehicles, key=lambda v: v.capacity.mass_g)
    roomiest = max(vehicles, key=lambda v: v.capacity.volume_ml)
    return (
        f"needs {order.load.mass_g} g, {order.load.volume_ml} ml and {order.load.parcels} parcels; the allowed "
        f"vehicles take at most {largest.capacity.mass_g} g and {roomiest.capacity.volume_ml} ml"
    )
