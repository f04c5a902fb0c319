"""A plan that says only who serves what in which sequence: timed and priced as it would be driven, rules kept or not.

What a dispatcher writes down need not keep every rule; ``solvers.judgement`` then says which it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.errors import PlanningError
from solvers.engines import RELOAD
from solvers.evaluator import Evaluator, route_of
from solvers.families import REGISTRY
from solvers.plan import Plan, Route, Unserved
from solvers.planner import stops_of
from solvers.problem import LARGEST, Load, PlanningProblem
from solvers.proof import excess
from solvers.softened import Prices, build, items_of

UNBOUND = Load(LARGEST, LARGEST, LARGEST)


def drive(problem: PlanningProblem, sequences: Mapping[str, Sequence[str]]) -> Plan:
    """Times and prices of ``sequences`` (vehicle id -> order ids, ``""`` parts trips), limits and rules left aside.

    Raises:
        PlanningError: a vehicle or an order is unknown, or an order is there twice.
    """
    vehicles = {vehicle.vehicle_id for vehicle in problem.vehicles}
    orders = {order.order_id for order in problem.orders}
    seen: set[str] = set()
    for vehicle_id, ids in sequences.items():
        if vehicle_id not in vehicles:
            raise PlanningError(f"plan: the problem has no vehicle {vehicle_id[:80]!r}")
        for one in ids:
            if one == RELOAD:
                continue
            if one not in orders:
                raise PlanningError(
                    f"plan: vehicle {vehicle_id[:80]!r} visits {one[:80]!r}, the problem has no such order"
                )
            if one in seen:
                raise PlanningError(f"plan: order {one[:80]!r} is visited twice")
            seen.add(one)
    strict, free = Evaluator(replace(problem, locks=())), Evaluator(_freed(problem))
    routes: list[Route] = []
    failure = 0
    for vehicle in problem.vehicles:
        ids = list(sequences.get(vehicle.vehicle_id, []))
        if not ids:
            continue
        found = strict.evaluate(vehicle, stops_of(strict, ids))
        judge = strict if found is not None else free
        own = judge.vehicles[vehicle.vehicle_id]
        found = found or free.evaluate(own, stops_of(free, ids))
        if found is None:
            raise PlanningError(f"plan: the route of {vehicle.vehicle_id[:80]!r} cannot be driven at all")
        routes.append(replace(route_of(vehicle, stops_of(judge, ids), found), depot_id=vehicle.depot_id))
        failure += found.failure_minor
    plan = Plan(
        routes=tuple(routes),
        unserved=tuple(Unserved(o.order_id, "", "", o.penalty_minor) for o in problem.orders if o.order_id not in seen),
        transport_minor=sum(route.cost_minor for route in routes),
        failure_minor=failure,
        penalty_minor=_penalty(problem, seen),
        engine="given",
        seed=0,
        solver_s=0.0,
    )
    charged = sum(excess(problem, plan, rule) * rule.price_minor for rule in problem.rules if not rule.hard)
    return replace(plan, rule_minor=charged)


def _freed(problem: PlanningProblem) -> PlanningProblem:
    """The problem without its limits and rules; ends of windows are priced, so that nobody is late without need."""
    data = tuple(rule for rule in problem.rules if REGISTRY[rule.type].data is not None)
    bare = replace(problem, rules=data, locks=())
    items = items_of(bare, Prices(late_second_minor=10_000))
    free = build(bare, items, (), [key for key, item in items.items() if item.code == "time_window"])
    return replace(
        free,
        orders=tuple(replace(one, depot_id="", pickup_of="", group="") for one in free.orders),
        vehicles=tuple(replace(one, capacity=UNBOUND, max_trips=max(99, one.max_trips)) for one in free.vehicles),
    )


def _penalty(problem: PlanningProblem, served: set[str]) -> int:
    """Penalties of what is left out; of alternatives the dearest, where none is served."""
    taken = {one.group for one in problem.orders if one.group and one.order_id in served}
    groups: dict[str, int] = {}
    total = 0
    for one in problem.orders:
        if one.order_id in served or (one.group and one.group in taken):
            continue
        if one.group:
            groups[one.group] = max(groups.get(one.group, 0), one.penalty_minor)
        else:
            total += one.penalty_minor
    return total + sum(groups.values())
