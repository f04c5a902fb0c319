"""The core: PyVRP and the compiled engine on every core, over parts that change.

Small problems: one search of PyVRP (Wouda, Lan, Kool 2024, INFORMS J. on Computing 36) a core, with different seeds and
penalties; the best is kept. Large ones: a first plan within seconds (compiled insertion, which serves what can be
served, beside PyVRP), then each idle core takes a neighbourhood of routes (``parts``) and improves it from where it is.
Which engine, and how large a part, is learned from what each gains a second.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial

from solvers.engines import Sequences
from solvers.engines.annealing import WARM, annealed_in_slices
from solvers.engines.crew import LARGE, SHORT_S, Crew, Progress
from solvers.engines.independent import Independent, independents
from solvers.engines.nearest import nearest_plan
from solvers.engines.part_search import PartSearch
from solvers.engines.parts import PART
from solvers.engines.task import Task, part_of
from solvers.engines.wholes import annealed, first_plan, portfolio, side_by_side
from solvers.engines.worker import SharedProblem, Worker
from solvers.evaluator import Evaluator
from solvers.problem import PlanningProblem

FEW_ROUTES = 10
"""Parts with fewer routes are traps: how many routes there are is settled over the whole, which is then searched."""
GLANCE_S = 0.05
"""Seconds of the compiled engine that show whether routes are few."""
LOOK_SHARE, LOOK_S, PERHAPS = 0.03, 1.0, 4
"""Share of the time, and seconds at most, in which it tells better where insertion leaves up to so many times as many
routes as would be few."""
WHOLE, WHOLE_A_SECOND, WHOLE_MOST = 250, 80, 500
"""Problems up to this size are searched whole; with more time larger ones, by so many stops a second up to the last."""
PARTS_SHARE = 0.05
"""Share of the time in which a very large plan is improved part by part after it was annealed."""
SWIFT_S = 0.008
"""Seconds a stop below which few long routes are annealed too: searches of the whole have hardly begun by then."""
ANNEAL_S = 0.01
"""Seconds a stop that annealing the whole takes at least."""


def search(
    problem: PlanningProblem,
    *,
    seconds: float,
    seed: int,
    workers: int | None = None,
    iterations: int | None = None,
    initial: Sequences | None = None,
    progress: Progress | None = None,
    cpu: bool = False,
    cancel: Callable[[], bool] | None = None,
) -> Sequences | None:
    """Sequences of the best plan found, or None where no engine gave anything feasible.

    ``iterations`` instead of ``seconds``: one search, the same on every run. ``cpu``: ``seconds`` are processor
    seconds a worker, so that measurements on a busy machine mean something.
    """
    if not problem.orders or not problem.vehicles:
        return {}
    begun = time.monotonic()
    if iterations is None:
        apart = independents(problem, seconds)
        if len(apart) > 1:
            again = partial(search, seed=seed, workers=workers, progress=progress, cpu=cpu, cancel=cancel)
            deadline = None if cpu else begun + seconds
            return _apart(problem, apart, again, seconds, deadline, initial, progress, cancel)
    count = 1 if iterations is not None else max(1, workers or os.cpu_count() or 1)
    shared = SharedProblem(problem)
    team = [Worker(shared) for _ in range(count)]
    try:
        crew = Crew(problem, team, seconds, progress or (lambda _: None), cpu, cancel)
        crew.begun = begun
        if iterations is not None:
            engine = "compiled" if len(problem.orders) > LARGE and crew.covered else "pyvrp"
            return crew.whole([Task(seconds, seed, initial=initial, iterations=iterations, engine=engine)])
        return _run(crew, random.Random(seed), seed, initial)
    finally:
        for worker in team:
            worker.stop()
        shared.close()


def _apart(
    problem: PlanningProblem,
    days: list[Independent],
    search_day: Callable[..., Sequences | None],
    seconds: float,
    deadline: float | None,
    initial: Sequences | None,
    progress: Progress | None,
    cancel: Callable[[], bool] | None,
) -> Sequences | None:
    """Plans of independent days, one after the other on all cores, each with its share of the time.

    ``deadline`` (of ``time.monotonic``): None where ``seconds`` are the processor's. Days that were not begun when
    it was called off, and those whose search found nothing in its time, keep their initial plan or have a plain one.
    """
    by_order = {order.order_id: order for order in problem.orders}
    by_vehicle = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    plans: Sequences = {}
    waiting = sum(len(one.orders) for one in days)
    left = seconds
    for number, one in enumerate(days):
        part = part_of(problem, by_order, by_vehicle, one.orders, one.vehicles)
        own = {vehicle: initial[vehicle] for vehicle in one.vehicles if vehicle in initial} if initial else None
        if cancel is not None and cancel():
            plans |= own or nearest_plan(Evaluator(part))
            waiting -= len(one.orders)
            continue
        if progress is not None:
            progress(f"independent day {number + 1} of {len(days)}: {len(one.orders)} orders")
        if deadline is not None:
            left = deadline - time.monotonic()
        share = left * len(one.orders) / waiting
        plans |= search_day(part, seconds=share, initial=own) or own or nearest_plan(Evaluator(part))
        left -= share
        waiting -= len(one.orders)
    return plans or None


def _run(crew: Crew, chance: random.Random, seed: int, initial: Sequences | None) -> Sequences | None:
    """Search until the deadline."""
    size = len(crew.problem.orders)
    if size <= _largest_whole(crew.seconds):
        return portfolio(crew, seed, initial)
    if size <= LARGE and _few_routes(initial):
        return portfolio(crew, seed, initial)
    if not initial and size <= LARGE and crew.startable and crew.seconds >= SHORT_S:
        inserted = crew.whole([Task(GLANCE_S, seed, cpu=crew.cpu, engine="compiled")])
        if not _few_routes(inserted) and _few_routes(inserted, PERHAPS):
            look = min(LOOK_S, LOOK_SHARE * crew.seconds)
            inserted = crew.whole([Task(look, seed, initial=inserted, cpu=crew.cpu, engine="compiled")]) or inserted
        if _few_routes(inserted):
            if not inserted or not crew.covered or crew.seconds >= SWIFT_S * size:
                return side_by_side(crew, seed, inserted)
            swift = PartSearch(crew, chance)
            swift.parts.routes = annealed_in_slices(crew, chance, inserted, PARTS_SHARE * crew.left(), WARM)
            swift.improve(0.0)
            return swift.parts.routes
    search = PartSearch(crew, chance)
    parts = search.parts
    if initial:
        parts.routes = dict(initial)
    elif size <= LARGE or crew.startable:
        anneal = crew.choosy and size <= LARGE and crew.seconds >= max(SHORT_S, ANNEAL_S * size)
        first = annealed(crew, seed) if anneal else None
        first = first or first_plan(crew, seed)
        if first is None:
            return None
        parts.routes = first
        crew.say(f"first plan: {len(first)} routes, {size - sum(map(len, first.values()))} orders open")
    else:
        search.begin(seed)
    if size <= LARGE and _few_routes(parts.routes):
        return portfolio(crew, seed, parts.routes) if initial else side_by_side(crew, seed, parts.routes)
    if crew.pool is None:
        if not initial and crew.covered:
            parts.routes = annealed_in_slices(crew, chance, parts.routes, PARTS_SHARE * crew.left())
        search.improve(0.0)
        return parts.routes
    search.improve(0.5 * crew.left())
    parts.routes = crew.recombined(parts.routes) or parts.routes
    search.improve(crew.for_the_master())
    parts.routes = crew.recombined(parts.routes) or parts.routes
    search.improve(0.0)
    return parts.routes


def _largest_whole(seconds: float) -> float:
    """Up to how many orders one search is let alone with all of them."""
    return max(WHOLE, min(WHOLE_MOST, WHOLE_A_SECOND * seconds))


def _few_routes(routes: Sequences | None, times: int = 1) -> bool:
    """Whether a part of ``routes`` would hold too few of them, or up to so many ``times`` as many."""
    return routes is not None and len(routes) * PART < times * FEW_ROUTES * sum(len(ids) for ids in routes.values())
