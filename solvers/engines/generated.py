"""Column generation for small days of short routes: routes that the prices of orders call for, not those met by chance.

The relaxation over the routes that searches came to (``relaxation``) says what each order is worth; labels find routes
that cost less than their orders are worth (``compiled.labels``), and in turns with cuts bring its bound close to the
cost of the best plan. Then few routes can be in a better plan, those whose cost above worth is less than the gap: they
are all asked for, as far as labels find them, and an integer program chooses among them (CP-SAT).
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from solvers.engines.compiled import columns
from solvers.engines.compiled.arrays import compile_arrays, covers
from solvers.engines.relaxation import Known, Relaxation, Route
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator

MOST_ORDERS = 300
LAYERS = 14
"""Stops of a partial route at most."""
SLOTS = 64
"""Slots of time by which what is to come is bounded."""
WIDTH, PER_ORDER = 8, 4
"""Partial routes of one length that end at one order, and routes found for each order in the middle."""
DEEP_WIDTH, DEEP_PER_ORDER = 80, 200
"""The same where all routes within the gap are asked for."""
CLOSE = 5e-4
"""Share of the bound: routes that are cheaper than their orders' worth by less are not worth another turn."""
NEAR = 4e-3
"""Share of the bound: routes further above worth are not asked for, even where the gap is wider."""
FIRST, KEPT = 1_500, 1_000
"""Routes in the first relaxation, and in each later one."""
OFFERED, SETTLED = (1_000, 2_000, 3_000, 4_000), 12
"""Routes in each integer program; how many there are at most in which one route is settled."""
ANSWERED = 2_000
"""Routes that are told."""
RECALLED = 200
"""Known routes that are offered again at a time."""
CUT_SHARES = (0.25, 0.5, 0.72)
"""Shares of the time up to which there are cuts; in between all routes near enough are asked for."""
CHOOSE_S = 0.25
"""Least seconds that an integer program is begun with."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def generates(evaluator: Evaluator) -> bool:
    """Whether labels know what a route costs and may do: one kind of vehicle, paid by the way and not by the hour."""
    problem = evaluator.problem
    orders = problem.orders
    if not orders or not problem.vehicles:
        return False
    first = problem.vehicles[0]
    return (
        len(orders) <= MOST_ORDERS
        and covers(problem)
        and not evaluator.rules.pair
        and len({kind_of(one) for one in problem.vehicles}) == 1
        and not first.tariff.per_hour_minor
        and not first.tariff.overtime_per_hour_minor
        and first.max_duration_s is None
        and first.max_distance_m is None
        and first.max_stops is None
        and len({one.kind for one in orders}) == 1
        and all(one.required for one in orders)
        and not any(
            one.banned_vehicles or one.required_certifications or one.release_s or len(one.windows) > 1
            for one in orders
        )
    )


@dataclass(frozen=True)
class Tables:
    """What labels know. The last two rows and columns of ``cost`` and ``seconds`` are where routes start and end."""

    cost: Floats
    seconds: Integers
    service: Integers
    early: Integers
    late: Integers
    load: Integers
    room: Integers
    opens: int
    closes: int
    per_route: float
    after: Integers
    """Who may follow an order, -1 where there are no more."""
    before: Integers

    @property
    def count(self) -> int:
        """How many orders there are."""
        return len(self.service)

    def prices(self, routes: Sequence[Route]) -> list[float]:
        """What routes cost."""
        start, end = self.count, self.count + 1
        stops = np.array([stop for route in routes for stop in (start, *route, end)])
        legs = self.cost[stops[:-1], stops[1:]] if len(stops) else np.zeros(0)
        legs[stops[:-1] == end] = 0.0
        at = np.cumsum([0, *(len(route) + 2 for route in routes[:-1])])
        return (self.per_route + np.add.reduceat(legs, at)).tolist() if len(stops) else []

    def cheap(
        self,
        relaxation: Relaxation,
        *,
        width: int,
        per_order: int,
        below: float,
        strict: bool = False,
    ) -> tuple[list[Route], Floats]:
        """Routes that cost less than ``below`` above worth, as far as labels find them, and how much above."""
        from solvers.engines.compiled.meeting import cheap_routes

        binding = np.flatnonzero(relaxation.tolls > 1e-6)
        members: list[list[int]] = [[] for _ in range(self.count)]
        for number, cut in enumerate(binding):
            for order in relaxation.cuts[cut]:
                members[order].append(number)
        found, above = cheap_routes(
            self.cost,
            self.seconds,
            self.service,
            self.early,
            self.late,
            self.load,
            self.room,
            self.opens,
            self.closes,
            LAYERS,
            self.after,
            self.before,
            relaxation.worth,
            self.per_route - relaxation.vehicle,
            np.cumsum([0, *map(len, members)]),
            np.array([number for row in members for number in row], dtype=np.int64),
            relaxation.tolls[binding],
            width,
            per_order,
            below,
            strict,
            SLOTS,
        )
        return [
            tuple(row[:size]) for row, size in zip(found.tolist(), (found >= 0).sum(axis=1).tolist(), strict=True)
        ], above


def tables_of(evaluator: Evaluator) -> Tables:
    """The tables of a problem that ``generates``."""
    arrays = compile_arrays(evaluator).arrays
    count = len(evaluator.problem.orders)
    at = arrays.x[: count + 2, columns.PLACE]
    legs = arrays.legs[0][np.ix_(at, at)].astype(np.int64)
    if at[count + 1] < 0:
        legs[:, count + 1] = 0  # an open end: no way leads there
    cost = legs[:, :, 0] * arrays.c[0, columns.PER_METRE] + legs[:, :, -1] * arrays.c[0, columns.PER_DRIVEN]
    cost[:, :count] += arrays.price[0]
    seconds = np.ascontiguousarray(legs[:, :, -1])
    service, early, late = (arrays.x[:count, one].copy() for one in (columns.SERVICE, columns.EARLY, columns.LATE))
    opens, closes = int(arrays.v[0, columns.SHIFT_START]), int(arrays.v[0, columns.SHIFT_END])
    early = np.maximum(early, opens)
    late = np.minimum(late, closes)
    load, room = np.ascontiguousarray(arrays.q[:count, :, columns.LOAD]), arrays.room[0].copy()
    leaves = np.maximum(opens + seconds[count, :count], early) + service
    follows = leaves[:, None] + seconds[:count, :count] <= late[None, :]
    follows &= (load[:, None] + load[None] <= room).all(axis=2)
    follows &= np.isfinite(cost[:count, :count])
    np.fill_diagonal(follows, False)
    return Tables(
        cost, seconds, service, early, late, load, room, opens, closes,
        float(arrays.c[0, columns.PER_ROUTE]), _lists(follows), _lists(follows.T),
    )  # fmt: skip


def _lists(follows: npt.NDArray[np.bool_]) -> Integers:
    """Numbers of the columns that hold, row by row; -1 where there are no more."""
    found = np.full((len(follows), max(1, int(follows.sum(axis=1).max(initial=0)))), -1, dtype=np.int64)
    for row, one in zip(found, follows, strict=True):
        numbers = np.flatnonzero(one)
        row[: len(numbers)] = numbers
    return found


class Found(NamedTuple):
    """``plan``: None where none cheaper was found; ``close``: routes that a cheaper plan may hold, with their costs."""

    plan: list[Route] | None
    cost: float
    close: list[tuple[Route, float]]


def generate(
    evaluator: Evaluator,
    plan: Sequence[Route],
    routes: Iterable[Route],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Found:
    """A cheaper plan than ``plan``, from its routes, ``routes`` and those that are found; orders by their numbers."""
    begun = clock()

    def over(share: float) -> bool:
        return clock() - begun >= share * seconds

    search = _Search(evaluator, list(plan), routes)
    before = search.money
    for number, share in enumerate(CUT_SHARES):
        search.tighten(partial(over, share))
        if not over(1.0):
            search.deepen(strict=number % 2 == 0)
    close = search.close()
    for numbers in search.choices(close, lambda: seconds - (clock() - begun) < CHOOSE_S):
        search.choose(numbers, seconds - (clock() - begun))
    some = [(search.known.routes[one], search.known.costs[one]) for one in close[:ANSWERED]]
    better = search.money < before - 1e-6
    return Found([search.known.routes[one] for one in search.own] if better else None, search.money, some)


class _Search:
    """The best plan (``own``, ``money``), the routes known and their relaxation."""

    def __init__(self, evaluator: Evaluator, plan: list[Route], routes: Iterable[Route]) -> None:
        self.tables = tables_of(evaluator)
        self.known = Known(self.tables.count)
        self.own = self._numbers(plan)
        self.money = sum(self.known.costs[one] for one in self.own)
        self._numbers(list(routes))
        leaving = [3.0 * self.money] * self.tables.count
        self.relaxation = Relaxation(self.known, leaving, len(evaluator.problem.vehicles))
        numbers = range(len(self.known.routes))
        some = np.random.default_rng(0).permutation(len(numbers))[:FIRST].tolist()
        self.relaxation.offer([*self.own, *some])
        if self.relaxation.solve():
            self._offer(FIRST)

    def _numbers(self, routes: list[Route]) -> list[int]:
        prices = self.tables.prices(routes)
        return [self.known.add(route, price) for route, price in zip(routes, prices, strict=True)]

    def _offer(self, count: int) -> None:
        """Go on with the routes closest to their worth."""
        above = self.relaxation.reduced()
        close = np.argsort(above, kind="stable")[:count].tolist()
        used = [one for one in self.relaxation.offered if above[one] < 1e-6]
        self.relaxation.offer([*self.own, *used, *close])
        self.relaxation.solve()

    def tighten(self, over: Callable[[], bool]) -> None:
        """Find routes and cuts in turns."""
        while not over():
            self.converge(over)
            if over() or not self.cut():
                return
            self.recall()

    def converge(self, over: Callable[[], bool]) -> None:
        """Find routes until none is much cheaper than its orders are worth."""
        while not over():
            close = CLOSE * abs(self.relaxation.bound)
            found, above = self.tables.cheap(self.relaxation, width=WIDTH, per_order=PER_ORDER, below=-1e-6)
            fresh = self.relaxation.more(self._numbers(found))
            if not fresh or not self.relaxation.solve() or above.min() > -close:
                return

    def recall(self) -> None:
        """Offer known routes that are cheaper than their orders are worth until there are none."""
        while True:
            above = self.relaxation.reduced()
            lowest = np.argsort(above, kind="stable")[:RECALLED]
            fresh = self.relaxation.more(lowest[above[lowest] < -1e-6].tolist())
            if not fresh or not self.relaxation.solve():
                return

    def cut(self) -> bool:
        """Add cuts; whether there were any."""
        above = self.relaxation.reduced()
        if not self.relaxation.cut():
            return False
        close = np.argsort(above, kind="stable")[:KEPT].tolist()
        used = [one for one in self.relaxation.offered if above[one] < 1e-6]
        self.relaxation.offer([*self.own, *used, *close])
        return self.relaxation.solve()

    @property
    def gap(self) -> float:
        """How much a route may cost above worth in a better plan."""
        return self.money - self.relaxation.bound

    def deepen(self, *, strict: bool) -> None:
        """Ask for all routes within the gap, or near enough."""
        below = min(self.gap, NEAR * self.money)
        found, _ = self.tables.cheap(
            self.relaxation, width=DEEP_WIDTH, per_order=DEEP_PER_ORDER, below=below, strict=strict
        )
        self._numbers(found)
        self.recall()

    def close(self) -> list[int]:
        """Routes that a better plan may hold, the closest first."""
        above = self.relaxation.reduced()
        order = np.argsort(above, kind="stable")
        # of those that serve the same orders the cheapest
        found: dict[bytes, int] = {}
        for one in order[above[order] <= self.gap].tolist():
            found.setdefault(self.known.serves[one].tobytes(), one)
        return list(found.values())

    def choices(self, close: list[int], over: Callable[[], bool]) -> Iterator[list[int]]:
        """Routes to choose among: more and more of the closest, then those close to one that is settled.

        It is one of which the relaxation has most; with it settled the relaxation says anew what orders are worth, and
        often that no better plan has it.
        """
        shares = self.relaxation.shares()
        most = [self.relaxation.offered[one] for one in np.argsort(-shares, kind="stable")[:SETTLED]]
        above, before = self.relaxation.reduced(), 0
        for size in OFFERED:
            within = bisect_right(close, self.gap, key=above.__getitem__)
            if over() or before >= within:
                return
            yield close[: min(size, within)]
            before = size
        for number in most:
            if over():
                return
            self.relaxation.settle(number, settled=True)
            if self.relaxation.solve() and self.gap > 0.0 and not over():
                serves = self.known.serves
                apart = serves @ serves[number] == 0
                yield [number, *[one for one in self.close() if apart[one]][: OFFERED[-2]]]
            self.relaxation.settle(number, settled=False)

    def choose(self, close: Sequence[int], seconds: float) -> None:
        """The best plan of the best so far's routes and of ``close``, where it is found in time."""
        from ortools.linear_solver import pywraplp

        numbers = list(dict.fromkeys([*self.own, *close]))
        solver: Any = pywraplp.Solver.CreateSolver("SAT")
        solver.SetTimeLimit(int(1_000 * seconds))
        solver.SetNumThreads(1)
        serving = [solver.Constraint(1, 1) for _ in range(self.tables.count)]
        fleet = solver.Constraint(0, self.relaxation.vehicles)
        objective = solver.Objective()
        objective.SetMinimization()
        chosen = []
        for number in numbers:
            one = solver.BoolVar("")
            objective.SetCoefficient(one, self.known.costs[number])
            fleet.SetCoefficient(one, 1)
            for order in self.known.routes[number]:
                serving[order].SetCoefficient(one, 1)
            chosen.append(one)
        solver.SetHint(chosen, [float(n < len(self.own)) for n in range(len(chosen))])
        if solver.Solve() not in {pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE}:
            return
        picked = [number for number, one in zip(numbers, chosen, strict=True) if one.solution_value() > 0.5]
        money = sum(self.known.costs[one] for one in picked)
        if money < self.money - 1e-6:
            self.own, self.money = picked, money
