"""The master: the best plan that can be put together from routes already found (set partitioning by CP-SAT).

Every search leaves routes behind: of its best plans, of parts, of other seeds. Each is priced exactly once; which of
them to drive, so that every order is on one route at most, is a set partitioning problem (Balinski and Quandt 1964,
Operations Research 12(2)). The plan that is best so far is a solution of it, so the answer is never worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from solvers.engines import RELOAD, Sequences
from solvers.engines.partition import MANY_ROWS, Routes, cheapest
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator

MOST_ROUTES, MOST_LARGE = 12_000, 6_000
"""Routes of the pool that are offered to the master, the latest first; fewer where there are many orders."""

Key = tuple[int, tuple[str, ...]]


@dataclass
class Pool:
    """Routes by kind of vehicle and sequence, with their exact cost; those that break a rule are left out."""

    evaluator: Evaluator
    routes: dict[Key, int] = field(default_factory=dict)
    said: set[Key] = field(default_factory=set)
    """Those whose cost is what an engine says: priced exactly once somebody would drive them."""

    def __post_init__(self) -> None:
        kinds: dict[tuple[object, ...], int] = {}
        self.vehicles: list[list[str]] = []
        self.kind: dict[str, int] = {}
        choosy = [order for order in self.evaluator.problem.orders if order.banned_vehicles]
        for vehicle in self.evaluator.problem.vehicles:
            banned = frozenset(order.order_id for order in choosy if vehicle.vehicle_id in order.banned_vehicles)
            number = kinds.setdefault((*kind_of(vehicle), banned), len(kinds))
            if number == len(self.vehicles):
                self.vehicles.append([])
            self.vehicles[number].append(vehicle.vehicle_id)
            self.kind[vehicle.vehicle_id] = number

    def add(self, sequences: Sequences) -> None:
        """Remember the routes of ``sequences``."""
        for vehicle_id, ids in sequences.items():
            key = (self.kind[vehicle_id], tuple(ids))
            if key in self.routes and key not in self.said:
                self.routes[key] = self.routes.pop(key)  # the latest come last
            else:
                self._price(key)

    def offer(self, vehicle_id: str, ids: tuple[str, ...], cost: float) -> None:
        """Remember a route whose cost an engine says."""
        key = (self.kind[vehicle_id], ids)
        if key not in self.routes:
            self.routes[key] = round(cost)
            self.said.add(key)

    def _price(self, key: Key) -> int | None:
        """The exact cost of a route; None, and it is forgotten, where it breaks a rule."""
        kind, ids = key
        self.said.discard(key)
        self.routes.pop(key, None)
        vehicle = self.evaluator.vehicles[self.vehicles[kind][0]]
        found = self.evaluator.evaluate(vehicle, [None if one == RELOAD else self.evaluator.orders[one] for one in ids])
        if found is None:
            return None
        self.routes[key] = found.cost
        return found.cost

    def cost(self, sequences: Sequences) -> int | None:
        """Cost of ``sequences`` with the penalties of what they leave; None where a route breaks a rule."""
        total = 0
        for vehicle_id, ids in sequences.items():
            key = (self.kind[vehicle_id], tuple(ids))
            cost = self._price(key) if key in self.said else self.routes.get(key)
            if cost is None:
                return None
            total += cost
        served = {one for ids in sequences.values() for one in ids}
        return total + self._penalty(served)

    def shortest(self) -> list[Key]:
        """The latest routes first; of those with one kind and the same stops the cheapest alone."""
        found: dict[tuple[int, frozenset[str]], Key] = {}
        for key in reversed(self.routes):
            stops = (key[0], frozenset(key[1]))
            if stops not in found or self.routes[key] < self.routes[found[stops]]:
                found[stops] = key
        return list(found.values())

    def _penalty(self, served: set[str]) -> int:
        orders = self.evaluator.problem.orders
        taken = {order.group for order in orders if order.group and order.order_id in served}
        total = sum(order.penalty_minor for order in orders if not order.group and order.order_id not in served)
        dearest: dict[str, int] = {}
        for order in orders:
            if order.group and order.group not in taken:
                dearest[order.group] = max(dearest.get(order.group, 0), order.penalty_minor)
        return total + sum(dearest.values())


def recombine(pool: Pool, best: Sequences, *, seconds: float, workers: int, seed: int) -> Sequences:
    """The cheapest plan of the pool's routes; ``best`` where none cheaper is found in ``seconds``.

    ``best`` must be made of routes of the pool.
    """
    before = pool.cost(best)
    if before is None or seconds <= 0 or len(pool.routes) <= len(best):
        return best
    holders = {(pool.kind[vehicle_id], tuple(ids)): vehicle_id for vehicle_id, ids in best.items()}
    most = MOST_ROUTES if len(pool.evaluator.problem.orders) <= MANY_ROWS else MOST_LARGE
    keys = [*holders, *[key for key in pool.shortest() if key not in holders][: most - len(holders)]]
    numbers: dict[tuple[bool, str], int] = {}
    row: dict[str, int] = {}
    leaving: list[int] = []
    for order in pool.evaluator.problem.orders:
        # of alternatives one is served or none: they are one row
        number = numbers.setdefault((bool(order.group), order.group or order.order_id), len(numbers))
        if number == len(leaving):
            leaving.append(0)
        leaving[number] = max(leaving[number], order.penalty_minor)
        row[order.order_id] = number
    routes = Routes(
        rows=[[row[one] for one in ids if one != RELOAD] for _, ids in keys],
        costs=[pool.routes[key] for key in keys],
        kinds=[kind for kind, _ in keys],
        vehicles=[len(ids) for ids in pool.vehicles],
        leaving=leaving,
    )
    picked = cheapest(routes, range(len(holders)), seconds=seconds, workers=workers, seed=seed)
    free = {kind: list(ids) for kind, ids in enumerate(pool.vehicles)}
    found: Sequences = {}
    # routes that stay keep their vehicle: nothing moves without need
    for key in (keys[one] for one in picked if keys[one] in holders):
        found[holders[key]] = list(key[1])
        free[key[0]].remove(holders[key])
    for kind, ids in (keys[one] for one in picked if keys[one] not in holders):
        found[free[kind].pop(0)] = list(ids)
    after = pool.cost(found)
    return found if after is not None and after < before else best
