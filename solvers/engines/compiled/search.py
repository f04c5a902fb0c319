"""What engines call: a first plan, and ruin and recreate for so many seconds or iterations."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from solvers.compiled_random import seed_compiled
from solvers.engines import RELOAD, Sequences
from solvers.engines.compiled.arrays import Compiled, compile_arrays
from solvers.engines.compiled.columns import COST, LOAD, ON, PRED, SUCC
from solvers.engines.compiled.routes import follow, link, refresh
from solvers.engines.compiled.ruin import anneal
from solvers.engines.compiled.savings import joined_routes, one_depot
from solvers.evaluator import Evaluator

HOT, COLD = 3.0, 0.02
"""Temperatures at first and at last, in typical legs."""
FIRST_CHUNK = 200
CHUNK_S = 0.05
"""How often the clock is looked at."""
PIECE = 500
"""Orders that a first plan inserts between two looks at the clock."""
SAMPLES, SAMPLED_FROM = 12, 0.6
"""How many plans on the way are kept, over which last share of a search: their routes may serve the master."""
NOBODY = np.zeros(0, dtype=np.int64)


class Search:
    """One problem's tables and routes, to be filled and improved in turns."""

    def __init__(self, evaluator: Evaluator, seed: int) -> None:
        self.compiled: Compiled = compile_arrays(evaluator)
        self.count = len(self.compiled.orders)
        a = self.compiled.arrays
        self.x = a.x
        self.penalty = a.penalty
        self._place: tuple[Any, ...] = (
            a.legs, a.x, a.w, a.q, a.v, a.c, a.room, a.price, a.near, a.idle, a.penalty, a.alike
        )  # fmt: skip
        self._refresh: tuple[Any, ...] = (a.legs, a.x, a.w, a.q, a.v, a.c, a.price, a.idle)
        self.cost = a.c[:, COST]
        self.number = {order.order_id: n for n, order in enumerate(self.compiled.orders)}
        self.totals = np.zeros(2)
        self.rate = 0.0
        self.x[self.count :: 2, SUCC] = np.arange(self.count + 1, len(self.x), 2)
        for one in range(len(self.compiled.vehicles)):
            self._empty(one)
        self.best = self.x[:, SUCC].copy()
        self.samples: list[Any] = []
        seed_compiled(seed % 2**32)

    def _empty(self, one: int) -> None:
        start = self.count + 2 * one
        node = int(self.x[start, SUCC])
        while node < self.count:
            self.x[node, ON] = -1
            node = int(self.x[node, SUCC])
        self.x[start, SUCC], self.x[start + 1, PRED] = start + 1, start
        refresh(*self._refresh, one)

    def take_over(self, initial: Sequences) -> None:
        """Take over the routes that keep every limit; orders of others are open."""
        for one, vehicle in enumerate(self.compiled.vehicles):
            ids = initial.get(vehicle.vehicle_id, ())
            wanted = [self.number[i] for i in ids if i != RELOAD and i in self.number]
            numbers = np.array([n for n in wanted if self.x[n, ON] < 0], dtype=np.int64)
            if len(numbers):
                self._put(one, numbers)

    def _put(self, one: int, numbers: Any) -> bool:
        """Give an unused vehicle a sequence; whether it keeps every limit. If not, it stays unused."""
        a, before = self.compiled.arrays, self.count + 2 * one
        for order in numbers:
            link(self.x, one, before, order)
            before = order
        allowed = np.isfinite(a.price[self.compiled.kind(one), numbers]).all()
        kept = bool(allowed and follow(a.legs, a.x, a.w, a.q, a.v, a.room, one))
        if kept:
            refresh(*self._refresh, one)
        else:
            self._empty(one)
        return kept

    def begin(self) -> None:
        """A first plan: by insertion or, where that is cheaper, by savings."""
        self.fill()
        if self.count < 2 or not one_depot(self.compiled.arrays):
            return
        inserted, money = self.sequences(), self.money
        for one in range(len(self.compiled.vehicles)):
            self._empty(one)
        self._share_out(joined_routes(self.compiled.arrays))
        self.fill()
        if self.money >= money:
            for one in range(len(self.compiled.vehicles)):
                self._empty(one)
            self.take_over(inserted)
            self.keep()

    def _share_out(self, routes: list[Any]) -> None:
        """Give each sequence to the smallest unused vehicle that it fits, as far as there is one."""
        a = self.compiled.arrays
        unused = sorted(range(len(self.compiled.vehicles)), key=lambda one: a.room[one].tolist())
        for numbers in routes:
            load, tried = a.q[numbers, :, LOAD].sum(axis=0), set[int]()
            for one in unused:
                kind = self.compiled.kind(one)
                if kind in tried or (load > a.room[one]).any():
                    continue
                tried.add(kind)
                if self._put(one, numbers):
                    unused.remove(one)
                    break

    @property
    def open(self) -> Any:
        """Numbers of the orders on no route."""
        return np.flatnonzero(self.x[: self.count, ON] < 0)

    def fill(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Insert what is open until ``stop`` says so: what few may serve and narrow windows first."""
        waiting, price = self.open, self.compiled.arrays.price
        if len(waiting) and len(price):
            few = np.isfinite(price[:, waiting]).mean(axis=0) < 0.5
            width = self.compiled.arrays.first[3, waiting]
            waiting = waiting[np.lexsort((width, ~few, -self.penalty[waiting]))]
            for at in range(0, len(waiting), PIECE):
                if stop():
                    break
                self._anneal(waiting[at : at + PIECE], 0, 1.0, 1.0)
        self.keep()

    def keep(self) -> None:
        """The routes of now are the best from here."""
        self.best[:] = self.x[:, SUCC]
        self.totals[:] = self.cost.sum() + self.penalty[self.open].sum()

    def improve(
        self,
        seconds: float,
        *,
        iterations: int | None = None,
        hot: float = HOT,
        cold: float = COLD,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Ruin and recreate for ``seconds`` of ``clock``, or for ``iterations``: then the same on every run."""
        if self.count < 2 or not self.compiled.vehicles:
            return
        leg = max(self.compiled.leg_money, 1e-9)
        hot, cold = hot * leg, cold * leg
        if iterations is not None:
            self._anneal(NOBODY, iterations, hot, cold)
            return
        begun = clock()
        chunk, done = FIRST_CHUNK, 0.0
        while done < 1.0:
            heat = hot * (cold / hot) ** done
            before = clock()
            self._anneal(NOBODY, chunk, heat, heat)
            now = clock()
            self.rate = chunk / max(1e-9, now - before)
            done = (now - begun) / seconds
            if done > SAMPLED_FROM + (1.0 - SAMPLED_FROM) * len(self.samples) / SAMPLES:
                self.samples.append(self.x[:, SUCC].copy())
            chunk = max(20, int(self.rate * min(CHUNK_S, max(0.0, seconds - (now - begun)))))

    def _anneal(self, orders: Any, iterations: int, hot: float, cold: float) -> None:
        a = self.compiled.arrays
        anneal(*self._place, a.around, a.first, orders, self.best, self.totals, iterations, hot, cold)

    @property
    def money(self) -> float:
        """Money of the best plan, penalties of open orders included (required ones: far more than theirs)."""
        return float(self.totals[1])

    def sequences(self) -> Sequences:
        """The best plan."""
        return self.compiled.sequences(self.best)

    def trail(self) -> tuple[Sequences, ...]:
        """Plans that the last part of the search went through."""
        return tuple(self.compiled.sequences(one) for one in self.samples)


def first_plan(evaluator: Evaluator, seed: int, initial: Sequences | None = None) -> Search:
    """A search that has a plan: the routes of ``initial`` that are possible, the rest inserted."""
    search = Search(evaluator, seed)
    if initial:
        search.take_over(initial)
        search.fill()
    else:
        search.begin()
    return search
