"""What binds a route: which types and instances it is under, and which of its limits have nothing left to give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from solvers.families import REGISTRY, complete
from solvers.families.base import applies_to_vehicle
from solvers.plan import Plan, Route
from solvers.problem import LARGEST, Order, PlanningProblem, Rule, Vehicle
from solvers.proof import excess


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a route. ``slack`` is what is left of it, in ``unit``; a binding limit has next to none left."""

    name: str
    words: str
    slack: int
    unit: str
    binding: bool


@dataclass(frozen=True, slots=True)
class RouteReasons:
    """Why a route is as it is.

    Attributes:
        types: registered types that concern it.
        instances: ids of these rules.
        limits: the problem's own limits and rules with a limit, the tightest first.
        charged_minor: what soft rules charge for it, by rule.
    """

    vehicle_id: str
    types: tuple[str, ...]
    instances: tuple[str, ...]
    limits: tuple[Limit, ...]
    charged_minor: Mapping[str, int]

    @property
    def binding(self) -> tuple[str, ...]:
        """Names of the limits that bind."""
        return tuple(one.name for one in self.limits if one.binding)


def explain_routes(problem: PlanningProblem, plan: Plan) -> tuple[RouteReasons, ...]:
    """Types, instances and binding limits of every route of ``plan``; one of unknown vehicle or orders has none."""
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    orders = {order.order_id: order for order in problem.orders}
    return tuple(
        _reasons(problem, plan, route, vehicles[route.vehicle_id], orders)
        for route in plan.routes
        if route.vehicle_id in vehicles and all(visit.order_id in orders for visit in route.visits)
    )


def _reasons(
    problem: PlanningProblem, plan: Plan, route: Route, vehicle: Vehicle, orders: Mapping[str, Order]
) -> RouteReasons:
    served = {visit.order_id for visit in route.visits}
    rules = [
        complete(rule)
        for rule in problem.rules
        if applies_to_vehicle(rule, vehicle) and (not rule.orders or rule.orders & served)
    ]
    only = replace(plan, routes=(route,))
    limits = [*_own_limits(route, vehicle, orders)]
    limits += [one for rule in rules if rule.hard and (one := _rule_limit(problem, only, plan, rule)) is not None]
    charged = {
        rule.rule_id: units * rule.price_minor
        for rule in rules
        if not rule.hard and REGISTRY[rule.type].scope != "plan" and (units := excess(problem, only, rule))
    }
    limits.sort(key=lambda one: (not one.binding, one.name))
    return RouteReasons(
        route.vehicle_id,
        tuple(sorted({rule.type for rule in rules})),
        tuple(rule.rule_id for rule in rules),
        tuple(limits),
        charged,
    )


def _own_limits(route: Route, vehicle: Vehicle, orders: Mapping[str, Order]) -> list[Limit]:
    visited = [orders[visit.order_id] for visit in route.visits]
    found = [_limit("shift", f"back by {vehicle.end_s}", vehicle.end_s - route.end_s, "s", 300)]
    if vehicle.max_stops is not None:
        found.append(
            _limit("max_stops", f"at most {vehicle.max_stops} stops", vehicle.max_stops - len(visited), "stop", 0)
        )
    if vehicle.max_distance_m is not None:
        left = vehicle.max_distance_m - route.distance_m
        found.append(_limit("max_distance", f"at most {vehicle.max_distance_m} m", left, "m", 500))
    if vehicle.max_duration_s is not None:
        left = vehicle.max_duration_s - route.duration_s
        found.append(_limit("max_duration", f"at most {vehicle.max_duration_s} s", left, "s", 300))
    names = ("mass_g", "volume_ml", "parcels")
    for dimension, most in enumerate(vehicle.capacity.amounts()):
        if most >= LARGEST:
            continue
        loads: dict[int, int] = {}
        smallest = most
        for visit, order in zip(route.visits, visited, strict=True):
            amounts = order.load.amounts()
            amount = amounts[dimension] if dimension < len(amounts) else 0
            loads[visit.trip] = loads.get(visit.trip, 0) + amount
            smallest = min(smallest, amount) if amount else smallest
        name = names[dimension] if dimension < 3 else f"more[{dimension - 3}]"
        left = most - max(loads.values(), default=0)
        # what is left would not take the smallest order of the route again
        found.append(_limit(f"load {name}", f"at most {most}", left, name, smallest - 1))
    for visit, order in zip(route.visits, visited, strict=True):
        ends = [w.end_s for w in order.windows if w.start_s <= visit.service_start_s <= w.end_s]
        if ends and max(ends) - visit.service_start_s <= 300:
            words = f"service of order {order.order_id} by {max(ends)}"
            found.append(_limit(f"window {order.order_id}", words, max(ends) - visit.service_start_s, "s", 300))
    return found


def _limit(name: str, words: str, slack: int, unit: str, near: int) -> Limit:
    return Limit(name, words, slack, unit, slack <= max(0, near))


def _rule_limit(problem: PlanningProblem, only: Plan, plan: Plan, rule: Rule) -> Limit | None:
    """How far a rule's parameter could be tightened before the route (or the plan) exceeds it."""
    kind = REGISTRY[rule.type]
    if kind.relax is None:
        return None
    name, direction = kind.relax
    now = rule.parameters.get(name)
    if not isinstance(now, int):
        return None
    judged = plan if kind.scope == "plan" else only

    def holds(by: int) -> bool:
        value = now - direction * by
        return value >= 0 and not excess(problem, judged, replace(rule, parameters={**rule.parameters, name: value}))

    low, high = 0, 1
    while high <= LARGEST and holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    near = 300 if kind.unit == "s" else 0
    return _limit(f"rule {rule.rule_id}", kind.words, low, kind.unit, near)
