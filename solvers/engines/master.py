"""The master: the best plan that can be put together from routes already found (set partitioning by CP-SAT).

Every search leaves routes behind: of its best plans, of parts, of other seeds. Each is priced exactly once; which of
them to drive, so that every order is on one route at most, is a set partitioning problem (Balinski and Quandt 1964,
Operations Research 12(2)). The plan that is best so far is a solution of it, so the answer is never worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from solvers.engines import RELOAD, Sequences
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator

MOST_ROUTES = 6_000
"""Routes of the pool that are offered to the master, the latest first."""

Key = tuple[int, tuple[str, ...]]


@dataclass
class Pool:
    """Routes by kind of vehicle and sequence, with their exact cost; those that break a rule are left out."""

    evaluator: Evaluator
    routes: dict[Key, int] = field(default_factory=dict)

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
            if key in self.routes:
                self.routes[key] = self.routes.pop(key)  # the latest come last
                continue
            vehicle = self.evaluator.vehicles[vehicle_id]
            stops = [None if one == RELOAD else self.evaluator.orders[one] for one in ids]
            found = self.evaluator.evaluate(vehicle, stops)
            if found is not None:
                self.routes[key] = found.cost

    def cost(self, sequences: Sequences) -> int | None:
        """Cost of ``sequences`` with the penalties of what they leave; None where a route breaks a rule."""
        total = 0
        for vehicle_id, ids in sequences.items():
            cost = self.routes.get((self.kind[vehicle_id], tuple(ids)))
            if cost is None:
                return None
            total += cost
        served = {one for ids in sequences.values() for one in ids}
        return total + self._penalty(served)

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
    from ortools.sat.python import cp_model

    before = pool.cost(best)
    if before is None or seconds <= 0 or len(pool.routes) <= len(best):
        return best
    current = {(pool.kind[vehicle_id], tuple(ids)) for vehicle_id, ids in best.items()}
    keys = [*current, *[key for key in reversed(pool.routes) if key not in current][: MOST_ROUTES - len(current)]]
    model = cp_model.CpModel()
    chosen = {key: model.new_bool_var("") for key in keys}
    covering: dict[str, list[cp_model.IntVar]] = {}
    by_kind: dict[int, list[cp_model.IntVar]] = {}
    for (kind, ids), variable in chosen.items():
        by_kind.setdefault(kind, []).append(variable)
        for one in ids:
            if one != RELOAD:
                covering.setdefault(one, []).append(variable)
        model.add_hint(variable, (kind, ids) in current)
    for kind, variables in by_kind.items():
        model.add(sum(variables) <= len(pool.vehicles[kind]))
    left: list[tuple[int, cp_model.IntVar]] = []
    groups: dict[str, list[cp_model.IntVar]] = {}
    prices: dict[str, int] = {}
    for order in pool.evaluator.problem.orders:
        variables = covering.get(order.order_id, [])
        if order.group:
            groups.setdefault(order.group, []).extend(variables)
            prices[order.group] = max(prices.get(order.group, 0), order.penalty_minor)
            continue
        out = model.new_bool_var("")
        model.add_exactly_one([*variables, out])
        left.append((order.penalty_minor, out))
    for group, variables in groups.items():
        out = model.new_bool_var("")
        model.add_exactly_one([*variables, out])
        left.append((prices[group], out))
    costs = [pool.routes[key] for key in keys]
    model.minimize(
        cp_model.LinearExpr.weighted_sum(list(chosen.values()), costs)
        + cp_model.LinearExpr.weighted_sum([one for _, one in left], [price for price, _ in left])
    )
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = max(1, workers)
    solver.parameters.random_seed = seed
    status = solver.solve(model)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return best
    free = {kind: list(ids) for kind, ids in enumerate(pool.vehicles)}
    found: Sequences = {}
    picked = [key for key, variable in chosen.items() if solver.boolean_value(variable)]
    # routes that stay keep their vehicle: nothing moves without need
    holders = {(pool.kind[vehicle_id], tuple(ids)): vehicle_id for vehicle_id, ids in best.items()}
    for key in [one for one in picked if one in holders]:
        found[holders[key]] = list(key[1])
        free[key[0]].remove(holders[key])
    for kind, ids in (one for one in picked if one not in holders):
        found[free[kind].pop(0)] = list(ids)
    after = pool.cost(found)
    return found if after is not None and after < before else best
