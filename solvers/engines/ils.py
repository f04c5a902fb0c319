"""PyVRP's iterated local search with parameters fit to the problem and the time there is.

PyVRP 0.14 begins with one price for every unit of overload and lateness (50,000), which is far too high for most
problems and too low where money is in small units, and lets it fall by a tenth every 500 iterations; on 1,000 stops
that takes minutes. It compares with the plan of 300 iterations ago, whatever the time. Here the first prices come from
what a leg costs, they move every 100 iterations, and the history is as long as the expected number of iterations allows
(late acceptance: Burke and Bykov 2017, European Journal of Operational Research 258(1)).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.engines.neighbours import neighbours

SAMPLE = 200
NEAREST = 5
ITERATIONS_A_SECOND = 300_000
"""Iterations a second times stops, roughly, on one core of 2020s."""
HISTORY_SHARE = 120
SHORTEST_HISTORY, LONGEST_HISTORY = 20, 300
HIGHEST = 1e9
LOWEST = 0.01
BETWEEN_UPDATES = 100
NEIGHBOURS = 30
"""Fewer than PyVRP's 50: more iterations in the same time."""
SHAKES = (25, 15)
"""Most perturbations an iteration begins with: PyVRP's own, which real roads and long routes need, and fewer, which
leave more iterations. Neither is better everywhere, so that searches take them in turns."""
DEAR_ROUTE, DEAR_SHARE, DEAR_FACTOR, DEAR_SHAKE = 4.0, 0.4, 0.3, 50
"""A frugal search: what a route costs more at first (``dear_routes``), for which share of the time, and how freely it
moves then (low prices of lateness and overload, many perturbations)."""


def run(
    data: Any,
    seconds: float,
    seed: int,
    initial: Any,
    *,
    barred: npt.NDArray[np.bool_],
    factor: float = 5.0,
    shake: int = SHAKES[0],
    iterations: int | None = None,
    cpu: bool = False,
    on_best: Callable[[Any], object] | None = None,
) -> tuple[Any, int]:
    """Search; the best solution and its cost.

    Parameters
    ----------
    barred
        Shape (profiles, places): whom vehicles of a profile may not serve.
    factor
        How many times a leg's price one typical overload or lateness costs at first.
    shake
        Most perturbations that an iteration begins with.
    cpu
        Whether ``seconds`` are this process's processor seconds.
    on_best
        Told every new best solution.
    """
    from pyvrp import (
        IteratedLocalSearch,
        IteratedLocalSearchParams,
        PenaltyManager,
        PenaltyParams,
        RandomNumberGenerator,
        Solution,
        SolveParams,
    )
    from pyvrp.search import LocalSearch, PerturbationManager, PerturbationParams
    from pyvrp.stop import MaxIterations

    clock = time.process_time if cpu else time.perf_counter
    deadline = clock() + seconds
    params = SolveParams()
    generator = RandomNumberGenerator(seed=seed)
    near = neighbours(data, barred, NEIGHBOURS)
    perturbation = PerturbationManager(PerturbationParams(max_perturbations=shake))
    search = LocalSearch(data, generator, near, perturbation)
    for operator in params.operators:
        if operator.supports(data):
            search.add_operator(operator(data))
    penalties = PenaltyParams(solutions_between_updates=BETWEEN_UPDATES, min_penalty=LOWEST, max_penalty=HIGHEST)
    loads, lateness, distance = first_penalties(data, factor)
    manager = PenaltyManager((loads, lateness, distance), penalties)
    if initial is None:
        strict = PenaltyManager(([20 * one for one in loads], 20 * lateness, 20 * distance), penalties)
        initial = search(Solution.make_random(data, generator), strict.cost_evaluator(), exhaustive=True)
    length = history_length(seconds, data.num_clients + 2 * data.num_shipments, iterations)
    settings = IteratedLocalSearchParams(history_length=length)
    if on_best is not None:
        settings.callbacks.on_best = on_best
    algorithm = IteratedLocalSearch(data, manager, search, initial, settings)
    stop: Any = MaxIterations(iterations) if iterations is not None else lambda _: clock() >= deadline
    result = algorithm.run(stop, False, False)
    return result.best, money(result.best)


def dear_routes(data: Any) -> Any:
    """The same data where each route costs ``DEAR_ROUTE`` typical ways out of its depot more.

    A plan of few long routes that has one too many hardly loses it once it is settled: there are too many stops to move
    at a time. A search that begins under this price ends with fewer, and goes on from there without it.
    """
    kinds = data.vehicle_types()
    metres, seconds = np.asarray(data.distance_matrix(0)), np.asarray(data.duration_matrix(0))
    ways = [
        float(np.median(metres[kind.start_depot])) * kind.unit_distance_cost
        + float(np.median(seconds[kind.start_depot])) * kind.unit_duration_cost
        for kind in kinds
    ]
    more = int(DEAR_ROUTE * np.median(ways))
    return data.replace(vehicle_types=[kind.replace(fixed_cost=kind.fixed_cost + more) for kind in kinds])


def money(solution: Any) -> int:
    """PyVRP's objective of a feasible solution."""
    return int(
        solution.distance_cost()
        + solution.duration_cost()
        + solution.fixed_vehicle_cost()
        + solution.uncollected_prizes()
    )


def history_length(seconds: float, stops: int, iterations: int | None) -> int:
    """Length of the late-acceptance history: a small share of the iterations there will be."""
    expected = iterations if iterations is not None else seconds * ITERATIONS_A_SECOND / max(1, stops)
    return int(min(max(expected / HISTORY_SHARE, SHORTEST_HISTORY), LONGEST_HISTORY))


def first_penalties(data: Any, factor: float) -> tuple[list[float], float, float]:
    """First prices of a unit of load, lateness and distance: ``factor`` times what a typical leg costs a unit."""
    kinds = data.vehicle_types()
    unit = float(np.median([kind.unit_distance_cost for kind in kinds] or [1]))
    price, seconds = _typical(data.distance_matrix(0)) * max(unit, 1e-6), _typical(data.duration_matrix(0))
    paid = float(np.median([kind.unit_duration_cost for kind in kinds] or [0]))
    leg = max(price + paid * seconds, 1.0)
    loads = []
    for dimension in range(data.num_load_dimensions):
        amounts = [client.delivery[dimension] + client.pickup[dimension] for client in data.clients()]
        amounts += [shipment.amount[dimension] for shipment in data.shipments()]
        amount = max(float(np.mean(amounts)) if amounts else 1.0, 1e-6)
        fixed = [kind.fixed_cost / max(1, kind.capacity[dimension]) for kind in kinds]
        loads.append(factor * (leg / amount) + (float(np.median(fixed)) if fixed else 0.0))
    lateness = factor * leg / max(seconds, 1.0)
    return loads, lateness, factor * max(unit, 1e-6)


def _typical(matrix: Any) -> float:
    """The median of legs to the nearest places, on a sample of rows."""
    size = len(matrix)
    rows = np.asarray(matrix)[:: max(1, size // SAMPLE)].astype(np.float64)
    count = min(NEAREST + 1, size)
    near = np.partition(rows, count - 1, axis=1)[:, :count]
    legs = near[near > 0]
    return float(np.median(legs)) if legs.size else 1.0
