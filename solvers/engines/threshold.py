"""PyVRP's local search from a good plan, under a threshold that falls with the time.

Late acceptance compares with costs of its own past, so that a search begun from a good plan has none to compare with
and takes little but improvements. Here whatever costs at most a share more than the best is accepted, a share that
falls to nothing by the end (record-to-record travel: Dueck 1993, Journal of Computational Physics 104(1)): how far a
search may stray is handed from one to the next, whatever part of the plan each of them has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

RECENT = 0.8
"""From which share of a search on its best is taken where another search goes on from it."""


def improve(
    manager: Any,
    search: Any,
    initial: Any,
    slack: tuple[float, float],
    done: Callable[[int], float],
    on_best: Callable[[Any], object] | None = None,
    on_turn: Callable[[Any], object] | None = None,
) -> Any:
    """The best solution found from ``initial`` on, never worse than it, where the threshold falls to nothing.

    Else the search is to be gone on with: then the best that was accepted of late, which may cost more, since whoever
    begins at the best again and again gets nowhere else.

    Parameters
    ----------
    manager, search
        PyVRP's ``PenaltyManager`` and ``LocalSearch``.
    slack
        Share of the best cost that an accepted solution may cost more, at first and at last.
    done
        Share of the search that is over after so many iterations; at 1 it ends.
    on_best, on_turn
        Told every new best solution; every solution that the search comes to.
    """
    best = current = initial
    recent: Any = None
    turn, over = 0, done(0)
    while over < 1.0:
        turn += 1
        prices = manager.cost_evaluator()
        candidate = search(current, prices, exhaustive=False)
        manager.register(candidate)
        if on_turn is not None:
            on_turn(candidate)
        if prices.cost(candidate) < prices.cost(best):
            best = candidate
            candidate = search(candidate, prices, exhaustive=True)
            if prices.cost(candidate) < prices.cost(best):
                best = candidate
            if on_best is not None:
                on_best(best)
        now, cost = prices.penalised_cost(current), prices.penalised_cost(candidate)
        # where nothing feasible is known yet, the current solution is what there is to compare with
        record = prices.penalised_cost(best) if best.is_feasible() else now
        if cost < now or cost <= record * (1.0 + slack[0] + (slack[1] - slack[0]) * over):
            current = candidate
            if over > RECENT and candidate.is_feasible() and (recent is None or cost < prices.penalised_cost(recent)):
                recent = candidate
        over = done(turn)
    return best if recent is None or slack[1] <= 0.0 else recent
