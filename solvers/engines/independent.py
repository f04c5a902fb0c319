"""Days that are several days: orders and vehicles that have nothing to do with each other are planned apart.

Where every order is bound to its station (or a fleet to its customers), nothing that is decided at one changes what is
best at another. Each search then knows all of its own day, and no part, slice or exchange is spent on routes of two
stations whose stops lie side by side but cannot be swapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from solvers.families import REGISTRY
from solvers.problem import PlanningProblem

LEAST_ORDERS = 50
"""Smaller ones are planned together: a search of its own is not worth its start."""
LEAST_S = 2.0
"""Seconds that each is to get on average; else they are planned together."""


class Independent(NamedTuple):
    """Orders and the vehicles that may serve them, by id, in the problem's order."""

    orders: tuple[str, ...]
    vehicles: tuple[str, ...]


def independents(problem: PlanningProblem, seconds: float) -> list[Independent]:
    """What can be planned apart in ``seconds``, the largest first; one where all is tied together.

    Orders that no vehicle may serve are in none. Rules over the whole plan tie everything together.
    """
    if _whole(problem):
        return [Independent(tuple(o.order_id for o in problem.orders), tuple(v.vehicle_id for v in problem.vehicles))]
    found = sorted(_tied(problem), key=lambda one: -len(one.orders))
    most = max(1, int(seconds / LEAST_S))
    while len(found) > 1 and (len(found[-1].orders) < LEAST_ORDERS or len(found) > most):
        last, other = found.pop(), found.pop()
        found.append(Independent(other.orders + last.orders, other.vehicles + last.vehicles))
        found.sort(key=lambda one: -len(one.orders))
    return found


def _whole(problem: PlanningProblem) -> bool:
    """Whether the problem cannot be cut: rules look at the whole plan, or matrices have times of the day."""
    timed = any(travel.timed for travel in (problem.travel, *problem.profiles.values()))
    return timed or any(REGISTRY[rule.type].scope == "plan" for rule in problem.rules)


def _tied(problem: PlanningProblem) -> Iterator[Independent]:
    """Orders and vehicles that are tied by who may serve whom, directly or through others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    def tie(names: list[str]) -> None:
        for name in names[1:]:
            parent[root(name)] = root(names[0])

    drivers: dict[str, str] = {}
    for vehicle in problem.vehicles:
        name = f"v{vehicle.vehicle_id}"
        root(name)
        if vehicle.driver_id is not None:
            tie([drivers.setdefault(vehicle.driver_id, name), name])
    served: dict[tuple[object, ...], list[str]] = {}
    groups: dict[str, str] = {}
    for order in problem.orders:
        key = (order.depot_id, order.banned_vehicles, order.required_certifications)
        if key not in served:
            served[key] = [
                f"v{one.vehicle_id}"
                for one in problem.vehicles
                if order.depot_id in {"", one.depot_id}
                and one.vehicle_id not in order.banned_vehicles
                and order.required_certifications <= one.certifications.keys()
            ]
            tie(served[key])
        name = f"o{order.order_id}"
        tie([name, *served[key][:1]])
        if order.group:
            tie([groups.setdefault(order.group, name), name])
        if order.pickup_of:
            tie([f"o{order.pickup_of}", name])
    orders: dict[str, list[str]] = {}
    vehicles: dict[str, list[str]] = {}
    for vehicle in problem.vehicles:
        vehicles.setdefault(root(f"v{vehicle.vehicle_id}"), []).append(vehicle.vehicle_id)
    for order in problem.orders:
        orders.setdefault(root(f"o{order.order_id}"), []).append(order.order_id)
    for top, ids in orders.items():
        if top in vehicles:
            yield Independent(tuple(ids), tuple(vehicles[top]))
