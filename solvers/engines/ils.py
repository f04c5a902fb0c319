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
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from solvers.engines.neighbours import neighbours
from solvers.engines.threshold import improve

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
FACTORS = (5.0, 20.0)
"""First prices of lateness and overload, in turns (``first_penalties``)."""
MANY_NEIGHBOURS = 50
"""PyVRP's own number: where routes are few and long, fewer leave too many routes."""

Prices = tuple[list[float], float, float]
"""What a unit of load (one price a dimension), of lateness and of distance beyond the limit costs the search."""


class Found(NamedTuple):
    """The best solution, its cost, and the prices that the search has learnt."""

    best: Any
    cost: int
    prices: Prices


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
    usual: bool = False,
    near: int = NEIGHBOURS,
    prices: Prices | None = None,
    slack: tuple[float, float] | None = None,
    rough: bool = False,
    on_turn: Callable[[Any], object] | None = None,
) -> Found:
    """Search as the parameters say.

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
    usual
        Whether all parameters are PyVRP's own (``factor``, ``shake`` and ``near`` then say nothing).
    near
        Neighbours of each order.
    prices
        First prices, from a search that has learnt them; else ``factor`` says.
    slack
        With it the search goes on from ``initial`` and accepts what lies within a share of the best cost, which falls
        from the first to the last number (``threshold``), instead of late acceptance.
    rough
        Whether ``initial`` is only sketched, and may leave orders open: it is searched through first.
    on_turn
        Told every solution that the search comes to.
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
    close = neighbours(data, barred, MANY_NEIGHBOURS if usual else near)
    perturbation = PerturbationManager(params.perturbation if usual else PerturbationParams(max_perturbations=shake))
    search = LocalSearch(data, generator, close, perturbation)
    for operator in params.operators:
        if operator.supports(data):
            search.add_operator(operator(data))
    if usual:
        manager = strict = PenaltyManager(params.penalty.midpoint_penalties(data), params.penalty)
        settings = IteratedLocalSearchParams()
    else:
        penalties = PenaltyParams(solutions_between_updates=BETWEEN_UPDATES, min_penalty=LOWEST, max_penalty=HIGHEST)
        if prices is None or len(prices[0]) != data.num_load_dimensions:
            prices = first_penalties(data, factor)
        loads, lateness, distance = prices
        manager = PenaltyManager((loads, lateness, distance), penalties)
        strict = PenaltyManager(([20 * one for one in loads], 20 * lateness, 20 * distance), penalties)
        length = history_length(seconds, data.num_clients + 2 * data.num_shipments, iterations)
        settings = IteratedLocalSearchParams(history_length=length)
    if initial is None or rough:
        first = strict.max_cost_evaluator() if usual else strict.cost_evaluator()
        start = Solution.make_random(data, generator) if initial is None else initial
        initial = search(start, manager.cost_evaluator() if rough else first, exhaustive=True)
    if on_best is not None:
        settings.callbacks.on_best = on_best
    if on_turn is not None:
        settings.callbacks.on_iteration = lambda current, candidate, best, costs: on_turn(candidate)
    if slack is not None:
        begun = clock()

        def done(turn: int) -> float:
            """Share of the search that is over."""
            return turn / iterations if iterations is not None else (clock() - begun) / max(1e-9, deadline - begun)

        best = improve(manager, search, initial, slack, done, on_best, on_turn)
    else:
        algorithm = IteratedLocalSearch(data, manager, search, initial, settings)
        stop: Any = MaxIterations(iterations) if iterations is not None else lambda _: clock() >= deadline
        best = algorithm.run(stop, False, False).best
    loads, lateness, distance = manager.penalties()
    return Found(best, money(best), (loads, float(lateness), float(distance)))


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
