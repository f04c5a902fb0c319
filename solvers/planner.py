"""The planner: engines propose sequences, exact times and prices decide, the best plan wins."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.errors import PlanningError
from solvers.contradictions import contradictions
from solvers.engines import RELOAD, Sequences, core, insertion
from solvers.engines.compile import needs_mending
from solvers.engines.nearest import nearest_plan
from solvers.evaluator import Evaluation, Evaluator, route_of
from solvers.explainer import explain
from solvers.families import native
from solvers.plan import Plan, Unserved
from solvers.problem import Order, PlanningProblem

AFTER_S = 0.0002
"""Seconds an order that the time after the search takes."""
CLOSE_S, CLOSE_SHARE = 0.25, 0.03
"""Seconds before the limit at which the search ends besides, and the most of the limit that this may be."""
REASONS_S = 0.7
"""How long after the search reasons are looked for."""
FEW = 60
"""Orders up to which insertion alone is quick."""
ENOUGH = 20
"""Changes of routes for each open order after which the search is said to have looked for a place."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How long and how to search.

    Attributes:
        seconds: wall time of the search; the plan is back within two seconds more.
        seed: of every random choice.
        iterations: iteration budget instead of time: the plan is then the same on every run.
        workers: processes that search at once; None: one a core.
        clock: ``wall``; ``cpu``: ``seconds`` are processor seconds of each worker, for measurements on a busy machine.
    """

    seconds: float = 10.0
    seed: int = 0
    iterations: int | None = None
    workers: int | None = 2
    clock: str = "wall"


def plan(
    problem: PlanningProblem,
    settings: SolveSettings | None = None,
    progress: Progress | None = None,
    initial: Sequences | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Plan:
    """Plan all orders of all depots as one decision; ``initial`` is where the search starts.

    ``cancel`` is asked several times a second: once it says yes, the best plan so far comes back within a second.

    Orders that cannot be served, or only for more than their penalty, come back unserved with their reason.

    Raises:
        PlanningError: hard instances that no plan keeps, named (``solvers.contradictions``).
    """
    settings = settings or SolveSettings()
    started = time.monotonic()
    say = progress or (lambda _: None)
    found = contradictions(problem)
    if impossible := [str(one) for one in found if one.severity == "error"]:
        raise PlanningError("no plan keeps these instances: " + "; ".join(impossible[:5]))
    for one in found:
        say(f"{one.severity}: {one}")
    evaluator = Evaluator(problem)
    effort = insertion.Effort(all_tried=True, iterations=ENOUGH * len(problem.orders))
    sequences, engine = _search(evaluator, settings, started, say, initial, cancel, effort)
    say(f"{len(problem.orders)} orders, {len(sequences)} routes by {engine}")
    return assemble(
        problem,
        sequences,
        engine=engine,
        seed=settings.seed,
        solver_s=time.monotonic() - started,
        evaluator=evaluator,
        deadline=started + settings.seconds + REASONS_S if settings.iterations is None else float("inf"),
        effort=effort,
    )


def _search(
    evaluator: Evaluator,
    settings: SolveSettings,
    started: float,
    say: Progress,
    initial: Sequences | None,
    cancel: Callable[[], bool] | None,
    effort: insertion.Effort,
) -> tuple[Sequences, str]:
    """PyVRP most of the time, then mending and polishing by exact rules; insertion alone where PyVRP fails."""
    problem = evaluator.problem
    rich = needs_mending(problem, evaluator)
    close_s = min(CLOSE_S, CLOSE_SHARE * settings.seconds)
    share = 0.5 if evaluator.rules.beyond_pairs else 0.8 if rich else 1.0 - close_s / max(settings.seconds, 1e-9)
    found: Sequences | None = initial
    if not problem.locks:
        found = core.search(
            native(problem),
            # what comes after the search (exact times, reasons) grows with the number of orders
            seconds=max(
                0.5 * settings.seconds,
                share * settings.seconds - AFTER_S * len(problem.orders) - (time.monotonic() - started),
            ),
            seed=settings.seed,
            workers=settings.workers,
            iterations=settings.iterations,
            initial=initial,
            progress=say,
            cpu=settings.clock == "cpu",
            cancel=cancel,
        )
    engine = "insertion" if found is None or problem.locks else "pyvrp"
    sequences = found or {}
    if found is None and not problem.locks and len(problem.orders) > FEW:
        sequences = nearest_plan(evaluator, started + settings.seconds)
    if not rich and found is not None and _complete(evaluator, sequences):
        return sequences, engine
    deadline = max(started + settings.seconds, time.monotonic() + min(0.5, 0.05 * settings.seconds))
    if settings.iterations is not None:
        deadline = float("inf")
    if cancel is not None and cancel():
        deadline = time.monotonic()
    iterations = 1_000_000 if settings.iterations is None else max(10, settings.iterations // 10)
    effort.iterations = 0
    mended = insertion.improve(
        problem,
        sequences,
        seed=settings.seed,
        iterations=iterations,
        deadline=deadline,
        evaluator=evaluator,
        effort=effort,
    )
    return mended, engine


def _complete(evaluator: Evaluator, sequences: Sequences) -> bool:
    """Whether ``sequences`` can be driven as they are and leave out nothing that is required."""
    served = {one for ids in sequences.values() for one in ids}
    if any(order.required and order.order_id not in served and not order.group for order in evaluator.problem.orders):
        return False
    return all(
        evaluator.evaluate(evaluator.vehicles[key], stops_of(evaluator, ids)) is not None
        for key, ids in sequences.items()
    )


def stops_of(evaluator: Evaluator, ids: list[str]) -> list[Order | None]:
    """Orders of a sequence of ids; ``RELOAD`` becomes None."""
    return [None if one == RELOAD else evaluator.orders[one] for one in ids]


def assemble(
    problem: PlanningProblem,
    sequences: Sequences,
    *,
    engine: str,
    seed: int,
    solver_s: float,
    evaluator: Evaluator | None = None,
    reasons: bool = True,
    deadline: float = float("inf"),
    effort: insertion.Effort | None = None,
) -> Plan:
    """Exact times, prices and reasons for sequences; a sequence that breaks a rule is not accepted.

    Raises:
        AssertionError: an engine handed over a sequence that misses a window, the shift or a rule.
    """
    evaluator = evaluator or Evaluator(problem)
    routes, summaries = [], []
    found_all: list[Evaluation] = []
    served: set[str] = set()
    for vehicle in problem.vehicles:
        ids = sequences.get(vehicle.vehicle_id)
        if not ids:
            continue
        stops = stops_of(evaluator, ids)
        found = evaluator.evaluate(vehicle, stops)
        if found is None:
            raise AssertionError(f"engine {engine} gave {vehicle.vehicle_id} a sequence that breaks a rule")
        found_all.append(found)
        routes.append(route_of(vehicle, stops, found))
        summaries.append(evaluator.summary(vehicle, stops, found.timing))
        served.update(ids)
    _, plan_rules = evaluator.rules.plan_price(summaries)
    left = tuple(Unserved(o.order_id, "", "", o.penalty_minor) for o in problem.orders if o.order_id not in served)
    draft = Plan(
        routes=tuple(routes),
        unserved=left,
        transport_minor=sum(route.cost_minor for route in routes),
        failure_minor=sum(found.failure_minor for found in found_all),
        penalty_minor=_penalty(problem, served),
        engine=engine,
        seed=seed,
        solver_s=solver_s,
        rule_minor=plan_rules + sum(found.rule_minor for found in found_all),
    )
    if not reasons or not left:
        return draft
    starved = effort is not None and (not effort.all_tried or effort.iterations < ENOUGH * len(left))
    return replace(draft, unserved=explain(problem, draft, evaluator, deadline, starved=starved))


def _penalty(problem: PlanningProblem, served: set[str]) -> int:
    """Penalties of what is left out; a group of alternatives counts once, and only where none is served."""
    total = 0
    groups: dict[str, int] = {}
    taken = {order.group for order in problem.orders if order.group and order.order_id in served}
    for order in problem.orders:
        if order.order_id in served:
            continue
        if not order.group:
            total += order.penalty_minor
        elif order.group not in taken:
            groups[order.group] = max(groups.get(order.group, 0), order.penalty_minor)
    return total + sum(groups.values())
