"""Set partitioning over routes that are known: each row on one of them or left, at the least cost.

Its relaxation to shares of routes (a linear program) bounds what can be reached and prices each row: a route that costs
more than its rows are worth by more than the best plan lies above the bound is in no better plan, and is left out
(reduced cost fixing: Balas and Martin 1980, Mathematical Programming Study 12). Thousands of routes become hundreds,
among which CP-SAT often settles it in a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 600
"""Routes, those with the least reduced cost, among which CP-SAT chooses."""
MANY_ROWS = 300
"""Rows above which the relaxation takes longer than it saves: all routes are offered then."""
SHARE = 0.5
"""Share of the time in which the relaxation must be solved; else all routes are offered."""


@dataclass(frozen=True)
class Routes:
    """Rows that each route serves, its cost, its kind of vehicle; vehicles of each kind; cost of leaving each row."""

    rows: Sequence[Sequence[int]]
    costs: Sequence[int]
    kinds: Sequence[int]
    vehicles: Sequence[int]
    leaving: Sequence[int]

    def cost(self, chosen: Sequence[int]) -> int:
        """Cost of ``chosen`` and of all rows that none of them serves."""
        served = {row for one in chosen for row in self.rows[one]}
        left = sum(price for row, price in enumerate(self.leaving) if row not in served)
        return sum(self.costs[one] for one in chosen) + left


def load() -> None:
    """Import what is needed here, a second's work, once."""
    from ortools.linear_solver import pywraplp  # noqa: F401
    from ortools.sat.python import cp_model  # noqa: F401


def cheapest(routes: Routes, current: Sequence[int], *, seconds: float, workers: int, seed: int) -> list[int]:
    """The cheapest choice found in ``seconds``, ``current`` where none is cheaper."""
    from ortools.sat.python import cp_model

    offered = worth_offering(routes, current, SHARE * seconds)
    model = cp_model.CpModel()
    chosen = {one: model.new_bool_var("") for one in offered}
    covering: list[list[cp_model.IntVar]] = [[] for _ in routes.leaving]
    by_kind: list[list[cp_model.IntVar]] = [[] for _ in routes.vehicles]
    held = set(current)
    for one, variable in chosen.items():
        by_kind[routes.kinds[one]].append(variable)
        for row in routes.rows[one]:
            covering[row].append(variable)
        model.add_hint(variable, one in held)
    for kind, variables in enumerate(by_kind):
        if len(variables) > routes.vehicles[kind]:
            model.add(sum(variables) <= routes.vehicles[kind])
    left = [model.new_bool_var("") for _ in routes.leaving]
    for variables, out in zip(covering, left, strict=True):
        model.add_exactly_one([*variables, out])
    model.minimize(
        cp_model.LinearExpr.weighted_sum(list(chosen.values()), [routes.costs[one] for one in chosen])
        + cp_model.LinearExpr.weighted_sum(left, list(routes.leaving))
    )
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = max(1, workers)
    solver.parameters.random_seed = seed
    status = solver.solve(model)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return list(current)
    found = [one for one, variable in chosen.items() if solver.boolean_value(variable)]
    return found if routes.cost(found) < routes.cost(current) else list(current)


def worth_offering(routes: Routes, current: Sequence[int], seconds: float) -> list[int]:
    """``current`` and the routes that a cheaper choice may hold, by the prices of the relaxation."""
    if len(routes.rows) <= MOST or len(routes.leaving) > MANY_ROWS:
        return list(range(len(routes.rows)))
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("GLOP")
    solver.set_time_limit(max(10, int(1_000 * seconds)))
    before, endless = routes.cost(current), solver.infinity()
    fleet = [solver.Constraint(0, count) for count in routes.vehicles]
    serving = [solver.Constraint(1, 1) for _ in routes.leaving]
    objective = solver.Objective()
    objective.SetMinimization()
    shares = []
    for rows, cost, kind in zip(routes.rows, routes.costs, routes.kinds, strict=True):
        share = solver.NumVar(0, endless, "")
        objective.SetCoefficient(share, cost)
        fleet[kind].SetCoefficient(share, 1)
        for row in rows:
            serving[row].SetCoefficient(share, 1)
        shares.append(share)
    for row, price in zip(serving, routes.leaving, strict=True):
        share = solver.NumVar(0, endless, "")
        # what costs more than all of the plan is not left in a better one: the bound holds, and numbers stay small
        objective.SetCoefficient(share, min(price, before + 1))
        row.SetCoefficient(share, 1)
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return list(range(len(shares)))
    gap = before - objective.Value() + 1e-6 * max(1.0, abs(before))
    above = [share.reduced_cost() for share in shares]
    # what the relaxation uses comes first: many others may cost as little
    unused = [share.solution_value() < 1e-6 for share in shares]
    close = [one for one in range(len(shares)) if above[one] <= gap]
    close.sort(key=lambda one: (unused[one], above[one]))
    return sorted({*current, *close[:MOST]})
