"""Route one set of requests, where some may only leave now and some only later: by string removals, or with PyVRP."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.compiled_random import seed_compiled
from solvers.waves import strings
from solvers.waves.wave import Booleans, Integers, Requests

FORBIDDEN_M = 1_000_000
"""What entering a place costs a vehicle that may not: dearer than any route of a day."""


HOT, COLD = 0.8, 0.04
"""Temperatures of the search by strings at first and at last, in mean legs of the plan it begins with."""
STEPS = 50
"""Between two looks at the clock."""


@dataclass(frozen=True)
class Task:
    """Requests to route: ``now`` must leave with this wave, ``later`` must not; the rest may do either.

    ``chain``: tasks of one chain share their first ``known`` requests; a search begins where the last one of its chain
    in the same process left those. Empty: from nothing.
    ``cpu``: ``seconds`` are processor seconds of this process (by strings only).
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
    cpu: bool = False


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
    """The best routes found within the task's time: by strings, or by PyVRP where a search goes on from another's."""
    return route_strings(travel_s, task) if begin is None else route_pyvrp(travel_s, task, begin)


def warm_up() -> None:
    """Load what is compiled, before the first task's clock runs."""
    one = np.ones(2, dtype=np.int64)
    requests = Requests(np.array([1, 2]), 0 * one, 99 * one, one, one, 0 * one)
    free = np.zeros(2, dtype=bool)
    route_strings(1 - np.eye(3, dtype=np.int64), Task(requests, free, free, 9, 99, 9, 0.02, 1, 10))


def route_pyvrp(travel_s: Integers, task: Task, begin: Begin | None = None) -> Answer:
    """The best routes found within the task's time by PyVRP's iterated local search with late acceptance.

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


def route_strings(travel_s: Integers, task: Task) -> Answer:
    """The best routes found within the task's time by string removals: short routes in little time."""
    if not len(task.requests):
        return Answer([], 0)
    clock = time.process_time if task.cpu else time.perf_counter
    begun = clock()
    search = Strings(travel_s, task)
    cost_s = search.run(begun, clock)
    if not strings.in_time(search.r, search.leave):
        return Answer(None, 0)
    routes = search.routes()
    waits = task.later | (task.requests.release_s > 0)
    return Answer(routes, cost_s, tuple(bool(waits[one].any()) for one in routes))


class Strings:
    """The tables of one task for the compiled search."""

    def __init__(self, travel_s: Integers, task: Task) -> None:
        requests, self.task = task.requests, task
        places = np.concatenate([[0], requests.place])
        self.travel = np.ascontiguousarray(travel_s[np.ix_(places, places)], dtype=np.int64)
        late = np.minimum(requests.late_s, task.close_s - requests.service_s - self.travel[1:, 0])
        release = np.where(task.later, np.maximum(requests.release_s, task.step_s), requests.release_s)
        leave_by = np.where(task.now, 0, strings.NEVER)
        columns = [requests.demand, requests.early_s, late, requests.service_s, release, leave_by]
        self.x = np.zeros((len(places), len(columns)), dtype=np.int64)
        self.x[1:] = np.stack(columns, axis=1)
        self.near = np.argsort(self.travel + self.travel.T, axis=1, kind="stable").astype(np.int64)
        many, longest = len(places), len(places)
        self.sequences = np.zeros((many, longest), dtype=np.int64)
        self.r = np.zeros((many, 4), dtype=np.int64)
        self.leave = np.zeros((many, longest), dtype=np.int64)
        self.latest = np.zeros((many, longest), dtype=np.int64)
        self.spot = np.full((many, 2), -1, dtype=np.int64)

    def run(self, begun: float, clock: Callable[[], float]) -> int:
        """Build and anneal until the task's seconds after ``begun`` are over; seconds of driving."""
        task = self.task
        common = (self.travel, self.x, int(task.capacity))
        state = (self.sequences, self.r, self.leave, self.latest, self.spot)
        seed_compiled(task.seed % 2**32)
        first = 1 + np.argsort(-self.travel[0, 1:], kind="stable")
        best, used = strings.recreate(*common, *state, 0, first, 0.0)
        self.sequences_best, self.r_best = self.sequences.copy(), self.r.copy()
        leg = best / len(task.requests)
        gone = 0.0
        while gone < 1:  # once at least: what is compiled is compiled by the first task
            heat = max(1e-9, leg * HOT * (COLD / HOT) ** gone)
            best, used = strings.anneal(
                *common, self.near, *state, used, self.sequences_best, self.r_best, best, STEPS, heat
            )  # fmt: skip
            gone = (clock() - begun) / task.seconds
        return int(best)

    def routes(self) -> list[list[int]]:
        """The best routes as indices of the requests."""
        counts = self.r_best[:, strings.COUNT]
        return [(self.sequences_best[n, : counts[n]] - 1).tolist() for n in np.flatnonzero(counts)]


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
