"""Cheapest insertion with ruin and recreate: every rule exact. The fallback, and the mender of other engines' plans."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from solvers.engines import Sequences
from solvers.problem import Order, PlanningProblem, Vehicle
from solvers.schedule import Timing, cost_of, fits, may_serve, timing


@dataclass
class _Tour:
    vehicle: Vehicle
    depot: int
    orders: list[Order] = field(default_factory=list)
    cost: int = 0


class _State:
    """Routes under construction and the orders on none of them."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        location = {depot.depot_id: depot.location for depot in problem.depots}
        self.tours = {v.vehicle_id: _Tour(v, location[v.depot_id]) for v in problem.vehicles}
        self.open: dict[str, Order] = {order.order_id: order for order in problem.orders}

    def try_tour(self, tour: _Tour, orders: list[Order]) -> Timing | None:
        return timing(self.problem, tour.vehicle, orders, tour.depot) if fits(tour.vehicle, orders) else None

    def set_tour(self, tour: _Tour, orders: list[Order], times: Timing) -> None:
        tour.orders = orders
        tour.cost = cost_of(tour.vehicle, orders, times)

    def best_insertion(self, order: Order) -> tuple[int, _Tour, list[Order], Timing] | None:
        best: tuple[int, _Tour, list[Order], Timing] | None = None
        empty_seen: set[tuple[object, ...]] = set()
        for tour in self.tours.values():
            if not may_serve(tour.vehicle, order):
                continue
            if not tour.orders:
                # identical unused vehicles give identical answers: try one of each kind
                v = tour.vehicle
                kind = (v.fleet_id, v.start_s, v.end_s, v.capacity, v.tariff, tuple(sorted(v.certifications.items())))
                if kind in empty_seen:
                    continue
                empty_seen.add(kind)
            for position in range(len(tour.orders) + 1):
                orders = [*tour.orders[:position], order, *tour.orders[position:]]
                times = self.try_tour(tour, orders)
                if times is None:
                    continue
                delta = cost_of(tour.vehicle, orders, times) - tour.cost
                if best is None or delta < best[0]:
                    best = (delta, tour, orders, times)
        return best

    def insert_open(self, sequence: list[Order]) -> None:
        for order in sequence:
            best = self.best_insertion(order)
            if best is not None and best[0] <= order.penalty_minor:
                _, tour, orders, times = best
                self.set_tour(tour, orders, times)
                del self.open[order.order_id]

    def remove(self, tour: _Tour, position: int) -> None:
        order = tour.orders[position]
        orders = tour.orders[:position] + tour.orders[position + 1 :]
        times = self.try_tour(tour, orders)
        if times is None:  # a shorter sequence can only be late where triangles are violated: empty it instead
            for one in tour.orders:
                self.open[one.order_id] = one
            tour.orders, tour.cost = [], 0
            return
        self.open[order.order_id] = order
        self.set_tour(tour, orders, times)

    def cost(self) -> int:
        return sum(t.cost for t in self.tours.values()) + sum(o.penalty_minor for o in self.open.values())

    def copy(self) -> tuple[dict[str, tuple[list[Order], int]], dict[str, Order]]:
        return {key: (list(tour.orders), tour.cost) for key, tour in self.tours.items()}, dict(self.open)

    def restore(self, saved: tuple[dict[str, tuple[list[Order], int]], dict[str, Order]]) -> None:
        for key, (orders, cost) in saved[0].items():
            self.tours[key].orders, self.tours[key].cost = list(orders), cost
        self.open = dict(saved[1])

    def sequences(self) -> Sequences:
        return {key: [o.order_id for o in tour.orders] for key, tour in self.tours.items() if tour.orders}


def _start(state: _State, initial: Sequences) -> None:
    """Take over what is feasible of ``initial``; leave out, stop by stop, what is not."""
    for vehicle_id, ids in initial.items():
        tour = state.tours[vehicle_id]
        orders: list[Order] = []
        for order_id in ids:
            order = state.open.get(order_id)
            if order is None or not may_serve(tour.vehicle, order):
                continue
            times = state.try_tour(tour, [*orders, order])
            if times is not None:
                orders.append(order)
                state.set_tour(tour, list(orders), times)
                del state.open[order_id]


def _hardest_first(orders: list[Order]) -> list[Order]:
    def tightness(order: Order) -> tuple[int, int, str]:
        width = sum(window.end_s - window.start_s for window in order.windows) or 10**9
        return (-len(order.required_certifications) - len(order.banned_vehicles), width, order.order_id)

    return sorted(orders, key=tightness)


def improve(problem: PlanningProblem, initial: Sequences, *, seed: int, iterations: int, deadline: float) -> Sequences:
    """Mend ``initial``, insert what is open, then ruin and recreate (Schrimpf et al. 2000, J. Comput. Phys. 159).

    Deterministic for ``seed`` and ``iterations`` while ``deadline`` (of ``time.monotonic``) is not reached. An order
    stays out where serving it costs more than its penalty.
    """
    state = _State(problem)
    _start(state, initial)
    state.insert_open(_hardest_first(list(state.open.values())))
    chance = random.Random(seed)
    best_cost = state.cost()
    for _ in range(iterations):
        if time.monotonic() > deadline:
            break
        saved = state.copy()
        _ruin(state, chance)
        waiting = list(state.open.values())
        if chance.random() < 0.5:
            chance.shuffle(waiting)
        else:
            waiting = _hardest_first(waiting)
        state.insert_open(waiting)
        cost = state.cost()
        if cost < best_cost:
            best_cost = cost
        else:
            state.restore(saved)
    return state.sequences()


def _ruin(state: _State, chance: random.Random) -> None:
    """Remove the stops nearest to a random one, or a whole short route."""
    placed = [(tour, i) for tour in state.tours.values() for i in range(len(tour.orders))]
    if not placed:
        return
    tour, position = placed[chance.randrange(len(placed))]
    if chance.random() < 0.2 and len(tour.orders) <= 12:
        for _ in range(len(tour.orders)):
            if tour.orders:
                state.remove(tour, len(tour.orders) - 1)
        return
    row = state.problem.travel.duration_s[tour.orders[position].location]
    count = min(len(placed), chance.randint(2, 12))
    near = sorted(placed, key=lambda one: int(row[one[0].orders[one[1]].location]))[:count]
    # from the back of each route, so that positions stay right while stops are removed
    for one, index in sorted(near, key=lambda pair: (pair[0].vehicle.vehicle_id, -pair[1])):
        if index < len(one.orders):
            state.remove(one, index)
