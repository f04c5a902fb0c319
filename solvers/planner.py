"""The planner: engines propose sequences, exact times and prices decide, the best plan wins."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from solvers.engines import Sequences, insertion, pyvrp_engine
from solvers.explainer import explain
from solvers.plan import Plan, Unserved
from solvers.problem import PlanningProblem
from solvers.schedule import route_of, timing

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How long and how to search.

    Attributes:
        seconds: wall time of the search; the plan is back within two seconds more.
        seed: of every random choice.
        iterations: iteration budget instead of time: the plan is then the same on every run.
        workers: depots searched at once, each in a process of its own.
    """

    seconds: float = 10.0
    seed: int = 0
    iterations: int | None = None
    workers: int = 2


def plan(problem: PlanningProblem, settings: SolveSettings | None = None, progress: Progress | None = None) -> Plan:
    """Plan all orders of all depots as one decision per depot (an order is loaded at one depot only).

    Orders that cannot be served, or only for more than their penalty, come back unserved with their reason.
    """
    settings = settings or SolveSettings()
    started = time.monotonic()
    say = progress or (lambda _: None)
    parts = [part for depot in problem.depots if (part := _part(problem, depot.depot_id)).orders]
    workers = max(1, min(settings.workers, len(parts)))
    rounds = -(-len(parts) // workers) if parts else 1
    share = replace(settings, seconds=settings.seconds / rounds)
    sequences: Sequences = {}
    engines: set[str] = set()
    with ThreadPoolExecutor(workers) as pool:
        for part, (found, engine) in zip(parts, pool.map(lambda part: _search(part, share), parts), strict=True):
            say(f"depot {part.depots[0].depot_id}: {len(part.orders)} orders, {len(found)} routes by {engine}")
            sequences.update(found)
            engines.add(engine)
    return assemble(
        problem,
        sequences,
        engine="+".join(sorted(engines)) or "none",
        seed=settings.seed,
        solver_s=time.monotonic() - started,
    )


def _part(problem: PlanningProblem, depot_id: str) -> PlanningProblem:
    return replace(
        problem,
        depots=(problem.depot(depot_id),),
        orders=tuple(order for order in problem.orders if order.depot_id == depot_id),
        vehicles=tuple(vehicle for vehicle in problem.vehicles if vehicle.depot_id == depot_id),
    )


def _search(problem: PlanningProblem, settings: SolveSettings) -> tuple[Sequences, str]:
    """PyVRP most of the time, then mending and polishing by exact rules; insertion alone where PyVRP fails."""
    started = time.monotonic()
    found = pyvrp_engine.solve(
        problem, seconds=0.85 * settings.seconds, seed=settings.seed, iterations=settings.iterations
    )
    deadline = max(started + settings.seconds, time.monotonic() + 0.1 * settings.seconds)
    if settings.iterations is not None:
        deadline = float("inf")
    iterations = 100_000 if settings.iterations is None else max(10, settings.iterations // 10)
    mended = insertion.improve(problem, found or {}, seed=settings.seed, iterations=iterations, deadline=deadline)
    return mended, "insertion" if found is None else "pyvrp"


def assemble(problem: PlanningProblem, sequences: Sequences, *, engine: str, seed: int, solver_s: float) -> Plan:
    """Exact times, prices and reasons for sequences; a sequence that breaks a rule is not accepted.

    Raises:
        AssertionError: an engine handed over a sequence that misses a window or the shift.
    """
    orders = {order.order_id: order for order in problem.orders}
    location = {depot.depot_id: depot.location for depot in problem.depots}
    routes, failure = [], 0
    served: set[str] = set()
    for vehicle in problem.vehicles:
        ids = sequences.get(vehicle.vehicle_id)
        if not ids:
            continue
        visited = [orders[one] for one in ids]
        times = timing(problem, vehicle, visited, location[vehicle.depot_id])
        if times is None:
            raise AssertionError(f"engine {engine} gave {vehicle.vehicle_id} a sequence that cannot be driven in time")
        routes.append(route_of(problem, vehicle, visited, times, location[vehicle.depot_id]))
        failure += sum(order.expected_failure_minor(vehicle.fleet_id) for order in visited)
        served.update(ids)
    left = tuple(Unserved(o.order_id, "", "", o.penalty_minor) for o in problem.orders if o.order_id not in served)
    draft = Plan(
        routes=tuple(routes),
        unserved=left,
        transport_minor=sum(route.cost_minor for route in routes),
        failure_minor=failure,
        penalty_minor=sum(one.penalty_minor for one in left),
        engine=engine,
        seed=seed,
        solver_s=solver_s,
    )
    return replace(draft, unserved=explain(problem, draft))
