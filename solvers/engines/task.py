"""What a process does with a task: cut the problem, compile it for the engine asked for, search, answer."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.engines import Sequences
from solvers.engines.gathered import Gathered, Gatherer
from solvers.engines.ils import NEIGHBOURS, SHAKES, Prices
from solvers.problem import Order, PlanningProblem, Travel, Vehicle

SEED_S = 0.4
"""Seconds that the compiled engine improves the plan that PyVRP begins with."""
LEAST_S = 0.4
"""Seconds of search that a task gets even where compiling took its time."""
TRAIL = 10
"""Earlier best plans that an answer brings along."""


@dataclass(frozen=True)
class Task:
    """One search: over the orders and vehicles named (``None``: all), from ``initial`` where it has routes.

    ``factor`` sets PyVRP's first prices of lateness and overload (``ils.first_penalties``), ``shake`` its perturbations
    (``ils.SHAKES``), ``near`` its neighbours; ``usual``: all its parameters are its own instead; ``prices``: first
    prices that another search has learnt, in minor units; ``slack``: it accepts under a threshold (``ils.run``);
    ``mate``: it begins with what ``initial`` and this plan give together (``crossover``); ``gather``: the answer brings
    all routes that PyVRP came to; ``seeded``: it begins with a plan of the compiled engine. ``cpu``: ``seconds`` are
    the process's own processor seconds. ``engine``: ``pyvrp``, ``compiled`` or ``columns`` (column generation from
    ``initial`` and ``known`` routes); ``hot`` and ``cold`` are the second's first and last temperature, in typical
    legs, ``trail`` whether it brings along plans that it went through, ``onward`` whether the answer is the plan that
    it ends with, for another to go on from, and not the best.
    """

    seconds: float
    seed: int
    orders: tuple[str, ...] | None = None
    vehicles: tuple[str, ...] | None = None
    initial: Sequences | None = None
    factor: float = 5.0
    shake: int = SHAKES[0]
    seeded: bool = False
    usual: bool = False
    near: int = NEIGHBOURS
    prices: Prices | None = None
    slack: tuple[float, float] | None = None
    mate: Sequences | None = None
    gather: bool = False
    iterations: int | None = None
    required: bool = True
    cpu: bool = False
    engine: str = "pyvrp"
    hot: float = 3.0
    cold: float = 0.02
    trail: bool = False
    onward: bool = False
    known: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Answer:
    """``sequences`` is None where nothing feasible was found, or nothing better than ``initial`` by a search that does
    not go ``onward`` and has no ``slack``.

    ``cost``, and ``before`` of the initial plan, are in minor units with the penalties of what is left out; ``left``
    counts required orders among that. ``error``: what went wrong in the process, in one line. ``trail``: earlier best
    plans, whose routes may serve again; ``routes``: all that the search came to. ``prices``: what PyVRP has learnt, in
    minor units. ``processor_share``: share of its time in which the process had a processor.
    """

    sequences: Sequences | None
    cost: float
    error: str = ""
    trail: tuple[Sequences, ...] = ()
    left: int = 0
    before: float | None = None
    prices: Prices | None = None
    routes: tuple[Gathered, ...] = ()
    processor_share: float = 1.0


def part_of(
    problem: PlanningProblem,
    by_order: Mapping[str, Order],
    by_vehicle: Mapping[str, Vehicle],
    orders: Sequence[str],
    vehicles: Sequence[str],
) -> PlanningProblem:
    """The problem of some orders and vehicles, with matrices of their places only and the rules that concern them."""
    chosen = [by_order[one] for one in orders]
    fleet = tuple(by_vehicle[one] for one in vehicles)
    depots = problem.depots
    places = np.array([*(one.location for one in depots), *(one.location for one in chosen)])
    rows = np.ix_(places, places)

    def cut(travel: Travel) -> Travel:
        distance = np.ascontiguousarray(travel.distance_m[rows])
        same = travel.duration_s is travel.distance_m
        return Travel(distance, distance if same else np.ascontiguousarray(travel.duration_s[rows]))

    inside, own = frozenset(orders), frozenset(vehicles)
    rules = tuple(
        replace(rule, orders=rule.orders & inside, vehicles=rule.vehicles & own)
        for rule in problem.rules
        if (not rule.orders or rule.orders & inside) and (not rule.vehicles or rule.vehicles & own)
    )
    return PlanningProblem(
        depots=tuple(replace(one, location=n) for n, one in enumerate(depots)),
        orders=tuple(replace(one, location=len(depots) + n) for n, one in enumerate(chosen)),
        vehicles=fleet,
        travel=cut(problem.travel),
        currency=problem.currency,
        rules=rules,
        profiles={name: cut(travel) for name, travel in problem.profiles.items()},
    )


def solve(
    problem: PlanningProblem,
    by_order: Mapping[str, Order],
    by_vehicle: Mapping[str, Vehicle],
    whole: dict[bool, Any],
    task: Task,
    started: float,
) -> Answer:
    """Search as ``task`` says; ``started`` is when it came, by its clock, ``whole`` keeps what is compiled once."""
    from solvers.evaluator import Evaluator

    clock: Callable[[], float] = time.process_time if task.cpu else time.perf_counter
    every = task.orders is None or task.vehicles is None
    if task.engine == "compiled":
        cut = problem if every else part_of(problem, by_order, by_vehicle, task.orders or (), task.vehicles or ())
        return _compiled(Evaluator(cut), task, clock, started)
    if task.engine == "columns":
        return _generated(Evaluator(problem), task, clock, started)
    from solvers.engines.compile import compile_problem

    if every:
        if task.required not in whole:
            evaluator = Evaluator(problem)
            whole[task.required] = (evaluator, compile_problem(evaluator, required=task.required))
        evaluator, compiled = whole[task.required]
    else:
        evaluator = Evaluator(part_of(problem, by_order, by_vehicle, task.orders or (), task.vehicles or ()))
        compiled = compile_problem(evaluator, required=task.required)
    return _pyvrp(evaluator, compiled, task, clock, started)


def _pyvrp(evaluator: Any, compiled: Any, task: Task, clock: Callable[[], float], started: float) -> Answer:
    from solvers.engines.compile import sequences_of, solution_of
    from solvers.engines.ils import money, run

    first = task.initial
    if task.seeded and not first:
        from solvers.engines.compiled.search import first_plan

        search = first_plan(evaluator, task.seed)
        search.improve(min(SEED_S, 0.1 * task.seconds), clock=clock)
        first = search.sequences()
    initial = solution_of(compiled, evaluator, first) if first else None
    if initial is not None and task.mate:
        from solvers.engines.crossover import Crossover

        mate = solution_of(compiled, evaluator, task.mate)
        initial = Crossover(compiled.data)(initial, mate, random.Random(task.seed))
    gatherer = Gatherer() if task.gather else None
    seconds = max(min(LEAST_S, task.seconds), task.seconds - (clock() - started))
    trail: deque[Any] = deque(maxlen=TRAIL)
    best, cost, learnt = run(
        compiled.data,
        seconds,
        task.seed,
        initial,
        barred=compiled.barred,
        factor=task.factor,
        shake=task.shake,
        iterations=task.iterations,
        cpu=task.cpu,
        on_best=trail.append,
        usual=task.usual,
        near=task.near,
        prices=None if task.prices is None else _times(task.prices, compiled.scale),
        slack=task.slack,
        rough=task.mate is not None,
        on_turn=gatherer,
    )
    routes = gatherer.routes(compiled) if gatherer is not None else ()
    prices = _times(learnt, 1.0 / compiled.scale)
    earlier = tuple(sequences_of(compiled, one) for one in trail if one.is_feasible())
    if not best.is_feasible():
        return Answer(None, float("inf"), routes=routes)
    before = money(initial) / compiled.scale if initial is not None and initial.is_feasible() else None
    if before is not None and cost / compiled.scale >= before and not task.seeded and not task.slack and not task.mate:
        return Answer(None, cost / compiled.scale, trail=earlier, before=before, prices=prices, routes=routes)
    found = sequences_of(compiled, best)
    left = left_required(evaluator.problem, found)
    return Answer(found, cost / compiled.scale, "", earlier, left, before, prices, routes)


def _times(prices: Prices, factor: float) -> Prices:
    """Prices in another unit of money."""
    loads, lateness, distance = prices
    return [one * factor for one in loads], lateness * factor, distance * factor


def _compiled(evaluator: Any, task: Task, clock: Callable[[], float], started: float) -> Answer:
    from solvers.engines.compiled.search import Search

    search = Search(evaluator, task.seed)
    before = None
    if task.initial:
        search.take_over(task.initial)
        search.keep()
        before = search.money
        search.fill()
    else:
        search.begin()
    seconds = max(min(LEAST_S, task.seconds), task.seconds - (clock() - started))
    search.improve(seconds, iterations=task.iterations, hot=task.hot, cold=task.cold, clock=clock)
    if task.onward:
        search.keep()
    elif before is not None and search.money > before - 0.5:
        return Answer(None, search.money, before=before)
    found = search.sequences()
    trail = search.trail() if task.trail else ()
    return Answer(found, search.money, trail=trail, left=left_required(evaluator.problem, found), before=before)


def _generated(evaluator: Any, task: Task, clock: Callable[[], float], started: float) -> Answer:
    from solvers.engines.generated import generate

    problem = evaluator.problem
    number = {order.order_id: n for n, order in enumerate(problem.orders)}
    ids = [order.order_id for order in problem.orders]
    vehicles = [vehicle.vehicle_id for vehicle in problem.vehicles]
    plan = [tuple(number[one] for one in route) for route in (task.initial or {}).values()]
    routes = [tuple(number[one] for one in route) for route in task.known]
    found = generate(evaluator, plan, routes, task.seconds - (clock() - started), clock)
    close = tuple((vehicles[0], tuple(ids[one] for one in route), cost) for route, cost in found.close)
    if found.plan is None:
        return Answer(None, float("inf"), routes=close)
    sequences = {vehicle: [ids[one] for one in route] for vehicle, route in zip(vehicles, found.plan, strict=False)}
    return Answer(sequences, found.cost, left=left_required(problem, sequences), routes=close)


def left_required(problem: PlanningProblem, sequences: Sequences) -> int:
    """How many required orders (alternatives apart) are on no route."""
    served = {one for ids in sequences.values() for one in ids}
    return sum(order.required and not order.group and order.order_id not in served for order in problem.orders)
