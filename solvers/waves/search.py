"""Route one set of requests with PyVRP, where some may only leave now and some only later."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.waves.wave import Booleans, Integers, Requests

FORBIDDEN_M = 1_000_000
"""What entering a place costs a vehicle that may not: dearer than any route of a day."""


@dataclass(frozen=True)
class Task:
    """Requests to route: ``now`` must leave with this wave, ``later`` must not; the rest may do either.

    ``chain``: tasks of one chain share their first ``known`` requests; a search begins where the last one of its chain
    in the same process left those. Empty: from nothing.
    """

    requests: Requests
    now: Booleans
    later: Booleans
    capacity: int
    close_s: int
    step_s: int
    seconds: float
    seed: int
    history: int
    chain: str = ""
    known: int = 0


@dataclass(frozen=True)
class Answer:
    """Routes as indices of the task's requests; ``cost_s`` is seconds of driving. ``routes`` is None: none found.

    ``waits``: for each route whether its vehicle is one that leaves with a later wave.
    """

    routes: list[list[int]] | None
    cost_s: int
    waits: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Begin:
    """Routes of some of the requests that a search begins from, and which of them wait for a later wave."""

    routes: Sequence[Sequence[int]] = ()
    waits: Sequence[bool] = ()


def route(travel_s: Integers, task: Task, begin: Begin | None = None) -> Answer:
    """The best routes found within the task's time (PyVRP's iterated local search, late acceptance).

    A short ``history`` makes late acceptance a descent, which is what a second on some hundred requests allows.
    """
    begun = time.perf_counter()
    size = len(task.requests)
    if not size:
        return Answer([], 0)
    data = _compile(travel_s, task)
    best = _search(data, task, begin or Begin(), begun)
    if not best.is_feasible():
        return Answer(None, 0)
    found = best.routes()
    routes = [[activity.idx for activity in one if activity.is_client()] for one in found]
    cost_s = sum(driving_s(travel_s, task.requests.place, one) for one in routes)
    return Answer(routes, cost_s, tuple(one.vehicle_type() == 1 for one in found))


def driving_s(travel_s: Integers, place: Integers, visits: list[int]) -> int:
    """Seconds of driving from the depot (row 0) along ``visits`` and back."""
    stops = np.concatenate([[0], place[visits], [0]])
    return int(travel_s[stops[:-1], stops[1:]].sum())


def _compile(travel_s: Integers, task: Task) -> Any:
    from pyvrp import Client, Depot, Location, ProblemData, VehicleType

    requests = task.requests
    size = len(requests)
    places = np.concatenate([[0], requests.place])
    matrix = np.ascontiguousarray(travel_s[np.ix_(places, places)], dtype=np.int64)
    clients = [
        Client(
            location=n + 1,
            delivery=[int(requests.demand[n])],
            service_duration=int(requests.service_s[n]),
            tw_early=int(requests.early_s[n]),
            tw_late=int(min(requests.late_s[n], task.close_s)),
            release_time=int(requests.release_s[n]),
        )
        for n in range(size)
    ]
    capacity, close = [int(task.capacity)], int(task.close_s)
    vehicles = min(size, 8 + 2 * int(np.ceil(requests.demand.sum() / task.capacity)))
    locations = [Location(0, 0)] * (size + 1)
    depots = [Depot(0, 0, close)]
    if not task.later.any() and not requests.release_s.any():
        one = VehicleType(size, capacity, tw_late=close)
        return ProblemData(locations, clients, depots, [one], [matrix], [matrix])
    # two kinds of vehicle: one leaves with this wave, the other waits for the next at least
    now, later = matrix.copy(), matrix.copy()
    now[:, 1:][:, task.later | (requests.release_s > 0)] = FORBIDDEN_M
    later[:, 1:][:, task.now] = FORBIDDEN_M
    np.fill_diagonal(now, 0)
    np.fill_diagonal(later, 0)
    kinds = [
        VehicleType(vehicles, capacity, tw_early=0, start_late=0, tw_late=close, profile=0),
        VehicleType(size, capacity, tw_early=int(task.step_s), tw_late=close, profile=1),
    ]
    return ProblemData(locations, clients, depots, kinds, [now, later], [matrix, matrix])


def _search(data: Any, task: Task, begin: Begin, begun: float) -> Any:
    from pyvrp import (
        Activity,
        ActivityType,
        IteratedLocalSearch,
        PenaltyManager,
        RandomNumberGenerator,
        Route,
        Solution,
        SolveParams,
    )
    from pyvrp.IteratedLocalSearch import IteratedLocalSearchParams
    from pyvrp.search import LocalSearch, PerturbationManager, compute_neighbours
    from pyvrp.stop import MaxRuntime

    params = SolveParams()
    generator = RandomNumberGenerator(seed=task.seed)
    search = LocalSearch(
        data, generator, compute_neighbours(data, params.neighbourhood), PerturbationManager(params.perturbation)
    )
    for operator in params.operators:
        if operator.supports(data):
            search.add_operator(operator(data))
    # PyVRP begins with prices of 50,000 a second of lateness: a search of one second never comes down from there
    manager = PenaltyManager(([20.0], 20.0, 20.0), params.penalty)
    two = data.num_vehicle_types > 1
    routes = [
        Route(data, [Activity(ActivityType.CLIENT, n) for n in visits], int(two and waits))
        for visits, waits in zip(begin.routes, begin.waits, strict=True)
    ]
    initial = search(Solution(data, routes), manager.max_cost_evaluator(), exhaustive=True)
    left = max(0.0, task.seconds - (time.perf_counter() - begun))
    settings = IteratedLocalSearchParams(history_length=task.history)
    return IteratedLocalSearch(data, manager, search, initial, settings).run(MaxRuntime(left), False, False).best
