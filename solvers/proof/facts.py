"""A plan with its problem, indexed, and what every measure asks of it. Shares nothing with ``solvers.families``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from solvers.plan import Plan, Route, Visit
from solvers.problem import Order, PlanningProblem, Rule, Vehicle
from solvers.proof.roads import Roads

Visits = tuple[tuple[Visit, Order], ...]


@dataclass(frozen=True)
class Facts:
    """A plan with its problem, indexed."""

    problem: PlanningProblem
    roads: Roads
    routes: tuple[tuple[Route, Vehicle, tuple[tuple[Visit, Order], ...]], ...]

    def of(self, rule: Rule) -> Iterator[tuple[Route, Vehicle, tuple[tuple[Visit, Order], ...]]]:
        """Routes of the vehicles that ``rule`` concerns."""
        for route, vehicle, visits in self.routes:
            named = not rule.vehicles or vehicle.vehicle_id in rule.vehicles
            if named and (not rule.fleets or vehicle.fleet_id in rule.fleets):
                yield route, vehicle, visits

    @property
    def served(self) -> set[str]:
        return {visit.order_id for _, _, visits in self.routes for visit, _ in visits}


def facts_of(problem: PlanningProblem, plan: Plan) -> Facts:
    """Index ``plan``; visits of unknown orders and vehicles are left out (the verifier reports them)."""
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    return Facts(
        problem,
        Roads(problem),
        tuple(
            (
                route,
                vehicles[route.vehicle_id],
                tuple((visit, orders[visit.order_id]) for visit in route.visits if visit.order_id in orders),
            )
            for route in plan.routes
            if route.vehicle_id in vehicles
        ),
    )


Measure = Callable[[Rule, Facts], int]


def parameter(rule: Rule, name: str, default: Any = None) -> Any:
    return rule.parameters.get(name, default)


def codes(value: Any) -> set[Any]:
    if value is None:
        return set()
    return set(value) if isinstance(value, tuple | list | set | frozenset) else {value}


def listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple | list) else [value]


def integer(value: Any, default: int = 0) -> int:
    return value if type(value) is int else default


def in_scope(rule: Rule, order: Order) -> bool:
    return len(rule.orders) == 0 or order.order_id in rule.orders


def visits_of(rule: Rule, facts: Facts) -> Iterator[tuple[Route, Vehicle, Visit, Order]]:
    for route, vehicle, visits in facts.of(rule):
        for visit, order in visits:
            if in_scope(rule, order):
                yield route, vehicle, visit, order


def by_trip(visits: tuple[tuple[Visit, Order], ...]) -> list[list[tuple[Visit, Order]]]:
    numbers = sorted({visit.trip for visit, _ in visits})
    return [[one for one in visits if one[0].trip == number] for number in numbers]


def driving(route: Route, vehicle: Vehicle, visits: Visits, facts: Facts) -> int:
    """Seconds of all legs of a route."""
    return sum(seconds for _, seconds in facts.roads.way(route, vehicle, visits))


def by_route(amount: Callable[..., int], name: str, default: int | None = None) -> Measure:
    """``amount`` of each route above the limit in ``name``."""

    def measure(rule: Rule, facts: Facts) -> int:
        limit = parameter(rule, name, default)
        return sum(max(0, amount(route, vehicle, visits, facts) - limit) for route, vehicle, visits in facts.of(rule))

    return measure


def span(route: Route, *_: object) -> int:
    return route.end_s - route.start_s


def ids_of(visits: tuple[tuple[Visit, Order], ...]) -> list[str]:
    return [order.order_id for _, order in visits]
