"""Cheapest insertion with ruin and recreate: every rule exact. The fallback, and the mender of other engines' plans."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from solvers.engines import Sequences
from solvers.engines.state import State
from solvers.evaluator import Evaluator
from solvers.problem import Order, PlanningProblem


@dataclass
class Effort:
    """How far a search came: whether every open order was tried, and how often routes were changed for them."""

    all_tried: bool = False
    iterations: int = 0


INSERTION_GRACE_S = 0.5
"""How much longer the first insertion may take: an order inserted late is better than one left open."""


def hardest_first(orders: Sequence[Order]) -> list[Order]:
    """Orders that few vehicles may serve, then those with narrow windows, come first."""

    def tightness(order: Order) -> tuple[int, int, int, str]:
        width = sum(window.end_s - window.start_s for window in order.windows) or 10**9
        narrowed = len(order.required_certifications) + len(order.banned_vehicles) + len(order.attributes)
        return (-int(order.required), -narrowed, width, order.order_id)

    return sorted(orders, key=tightness)


def improve(
    problem: PlanningProblem,
    initial: Sequences,
    *,
    seed: int,
    iterations: int,
    deadline: float,
    evaluator: Evaluator | None = None,
    effort: Effort | None = None,
) -> Sequences:
    """Mend ``initial``, insert what is open, then ruin and recreate (Schrimpf et al. 2000, J. Comput. Phys. 159).

    Deterministic for ``seed`` and ``iterations`` while ``deadline`` (of ``time.monotonic``) is not reached. An order
    stays out where serving it costs more than its penalty. ``effort`` is told how far the search came.
    """
    state = State(evaluator or Evaluator(problem))
    state.take_over(initial)
    effort = effort or Effort()
    effort.all_tried = state.insert_open(hardest_first(state.waiting()), deadline + INSERTION_GRACE_S)
    state.drop_hard_excess(deadline + INSERTION_GRACE_S)
    chance = random.Random(seed)
    best_cost = state.cost()
    for _ in range(iterations):
        if time.monotonic() > deadline:
            break
        effort.iterations += 1
        state.begin()
        _ruin(state, chance)
        waiting = state.waiting()
        if chance.random() < 0.5:
            chance.shuffle(waiting)
        else:
            waiting = hardest_first(waiting)
        state.insert_open(waiting, deadline + INSERTION_GRACE_S)
        cost = state.cost()
        if cost < best_cost:
            best_cost = cost
            state.commit()
        else:
            state.rollback()
    return state.sequences()


def _ruin(state: State, chance: random.Random) -> None:
    """Remove the stops nearest to a random one, a string of one route, or a whole short route."""
    placed = state.placed(chance)
    if placed is None:
        return
    vehicle_id, order = placed
    tour = state.tours[vehicle_id]
    kind = chance.random()
    if kind < 0.15 and len(tour.stops) <= 12:
        state.remove([one for one in tour.stops if one is not None])
    elif kind < 0.4:
        real = [one for one in tour.stops if one is not None]
        at = real.index(order)
        length = chance.randint(1, 8)
        state.remove(real[at : at + length])
    else:
        state.remove([order, *state.near(order, chance.randint(1, 11))])
