"""The linear relaxation of choosing routes: shares of routes in place of routes, and what each order is worth by it.

Three orders can share their routes so that three half routes serve each twice; a plan of whole routes has at most one
route that serves two or more of them. Such rows (subset-row inequalities: Jepsen, Petersen, Spoorendonk and Pisinger
2008, Operations Research 56(2)) are added where the relaxation breaks them, and bring its bound close to the cost of
the best plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

CUTS, CUTS_A_ROW = 30, 5
"""Rows added at a time, and those of them in which an order is."""
VIOLATED = 0.05
"""By how much at least."""
SHARE = 1e-6
"""Smaller shares are none."""
PRIMAL = "use_preprocessing: false use_dual_simplex: false"
"""GLOP goes on from where it was as routes come."""

Floats = npt.NDArray[np.float64]
Route = tuple[int, ...]


@dataclass
class Known:
    """Routes by number, each once: its stops, what it costs, whom it serves."""

    orders: int
    routes: list[Route] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    numbers: dict[Route, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._serves = np.zeros((1024, self.orders), dtype=np.int8)

    def add(self, route: Route, cost: float) -> int:
        """Its number."""
        number = self.numbers.setdefault(route, len(self.routes))
        if number == len(self.routes):
            self.routes.append(route)
            self.costs.append(cost)
            if number == len(self._serves):
                self._serves = np.concatenate([self._serves, np.zeros_like(self._serves)])
            self._serves[number, list(route)] = 1
        return number

    @property
    def serves(self) -> npt.NDArray[np.int8]:
        """Shape (routes, orders): 1 where the route serves the order."""
        return self._serves[: len(self.routes)]


class Relaxation:
    """Shares of some of the known routes that serve every order at the least cost, or leave it for its price.

    ``worth``: what each order is worth; ``vehicle``: what one vehicle more is (zero or less); ``tolls``: what a route
    pays for each of ``cuts`` of which it serves two orders or more.
    """

    def __init__(self, known: Known, leaving: Sequence[float], vehicles: int) -> None:
        self.known, self.leaving, self.vehicles = known, leaving, vehicles
        self.cuts: list[tuple[int, ...]] = []
        self.tolls: Floats = np.zeros(0)
        self.bound, self.worth, self.vehicle, self.solved = 0.0, np.zeros(known.orders), 0.0, False

    def offer(self, numbers: Iterable[int]) -> None:
        """Begin anew with these routes, and the cuts that bind."""
        from ortools.linear_solver import pywraplp

        self.cuts = [cut for cut, toll in zip(self.cuts, self.tolls, strict=True) if toll > SHARE]
        self.tolls = self.tolls[self.tolls > SHARE]
        self._params = pywraplp.MPSolverParameters()
        self._params.SetIntegerParam(
            pywraplp.MPSolverParameters.INCREMENTALITY, pywraplp.MPSolverParameters.INCREMENTALITY_ON
        )
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._solver.SetSolverSpecificParametersAsString(PRIMAL)
        self._endless = self._solver.infinity()
        self._serving = [self._solver.Constraint(1, 1) for _ in self.leaving]
        self._fleet = self._solver.Constraint(0, self.vehicles)
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self._rows = [self._solver.Constraint(-self._endless, 1) for _ in self.cuts]
        for row, price in zip(self._serving, self.leaving, strict=True):
            left = self._solver.NumVar(0, self._endless, "")
            self._objective.SetCoefficient(left, price)
            row.SetCoefficient(left, 1)
        self._shares: list[Any] = []
        self.offered: list[int] = []
        self._held: set[int] = set()
        self.more(numbers)

    def more(self, numbers: Iterable[int]) -> int:
        """Offer these routes too; how many are new."""
        fresh = [number for number in dict.fromkeys(numbers) if number not in self._held]
        shares = []
        for number in fresh:
            share = self._solver.NumVar(0, self._endless, "")
            self._objective.SetCoefficient(share, self.known.costs[number])
            self._fleet.SetCoefficient(share, 1)
            for order in self.known.routes[number]:
                self._serving[order].SetCoefficient(share, 1)
            shares.append(share)
        serves = self.known.serves[fresh]
        for cut, row in zip(self.cuts, self._rows, strict=True):
            for one in np.flatnonzero(serves[:, cut].sum(axis=1) >= 2).tolist():
                row.SetCoefficient(shares[one], 1)
        self._shares += shares
        self.offered += fresh
        self._held.update(fresh)
        return len(fresh)

    def solve(self) -> bool:
        """Whether it could be solved; then bound, prices and shares are those of now."""
        from ortools.linear_solver import pywraplp

        self.solved = self._solver.Solve(self._params) == pywraplp.Solver.OPTIMAL
        if not self.solved:
            return False
        self.bound = self._objective.Value()
        self.worth = np.array([row.dual_value() for row in self._serving])
        self.vehicle = self._fleet.dual_value()
        self.tolls = np.array([max(0.0, -row.dual_value()) for row in self._rows])
        return True

    def shares(self) -> Floats:
        """Shares of the routes that are offered; of none where it could not be solved."""
        if not self.solved:
            return np.zeros(len(self._shares))
        return np.array([share.solution_value() for share in self._shares])

    def settle(self, number: int, settled: bool) -> None:
        """Say that one offered route is driven, or that it may be."""
        self._shares[self.offered.index(number)].SetLb(1.0 if settled else 0.0)

    def reduced(self) -> Floats:
        """What each known route costs above what its orders are worth."""
        from solvers.engines.compiled.triples import above_worth

        binding = self.tolls > SHARE
        triples = np.array(self.cuts, dtype=np.int64).reshape(len(self.cuts), 3)[binding]
        costs = np.array(self.known.costs) - self.vehicle
        return above_worth(self.known.serves, costs, self.worth, triples, self.tolls[binding])

    def cut(self) -> int:
        """Add rows that the shares of now break; how many."""
        from solvers.engines.compiled.triples import violated

        shares = self.shares()
        some = np.flatnonzero(shares > SHARE)
        numbers = [self.offered[one] for one in some]
        triples, excess = violated(self.known.serves[numbers], shares[some], VIOLATED)
        used = np.zeros(self.known.orders, dtype=np.int64)
        known = set(self.cuts)
        found = []
        for one in np.argsort(-excess, kind="stable"):
            triple = tuple(triples[one].tolist())
            if triple in known or (used[triples[one]] >= CUTS_A_ROW).any():
                continue
            used[triples[one]] += 1
            found.append(triple)
            if len(found) == CUTS:
                break
        self.cuts += found
        self.tolls = np.concatenate([self.tolls, np.ones(len(found))])
        return len(found)
