"""Decide at each moment of a day: which vehicle carries which piece in which order, and who need not leave yet.

``Greedy`` gives each new piece its cheapest place and never thinks again. ``Searching`` begins there, re-decides all
that is not on board by ruin and recreate, and lets a vehicle wait while waiting costs nothing: a vehicle that is bound
cannot be bound elsewhere, and the next orders may be for the same docks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from domain.errors import PlanningError
from solvers.compiled_random import seed_compiled
from solvers.pickups.moment import Integers, Moment, Prices, Roads
from solvers.pickups.routes import cost_of, stops_of
from solvers.pickups.search import improve, place_all

Visits = list[tuple[int, list[int], list[int]]]
"""Place, numbers of the pieces delivered, numbers of the pieces picked up, each in the order they are handled."""
CHUNK = 20
"""Iterations between two looks at the clock."""


class Dispatcher(Protocol):
    """What a day asks at each moment."""

    def decide(self, moment: Moment) -> list[Visits]:
        """Visits of each vehicle from now on; a vehicle without visits stays where it is until it is asked again."""


@dataclass
class Greedy:
    """Each new piece where it costs least when it appears; nothing is moved afterwards."""

    roads: Roads
    prices: Prices = field(default_factory=Prices)
    _plan: list[list[int]] = field(default_factory=list)

    def decide(self, moment: Moment) -> list[Visits]:
        """Visits of each vehicle from now on."""
        state = _State(self.roads, self.prices, moment, self._plan)
        state.place(state.new())
        self._plan = state.plan()
        return [state.visits(one) for one in range(len(moment.vehicles))]


@dataclass
class Searching:
    """Ruin and recreate over everything that is not on board; vehicles wait while it is free.

    Attributes:
        iterations: of ruin and recreate a moment, as long as ``seconds`` last. Bounded by iterations alone a day is
            decided alike on every machine.
        hot: metres that a step may cost more than the present at first.
        most: pieces taken out at once.
        wait_from_s: a vehicle waits while all it carries and will carry is at least this early when it leaves with the
            next moment; None: it never waits.
    """

    roads: Roads
    prices: Prices = field(default_factory=Prices)
    iterations: int = 200
    seconds: float = 5.0
    hot: float = 3_000.0
    most: int = 12
    wait_from_s: int | None = 3_600
    seed: int = 1
    _plan: list[list[int]] = field(default_factory=list)

    def decide(self, moment: Moment) -> list[Visits]:
        """Visits of each vehicle from now on."""
        begun = time.monotonic()
        state = _State(self.roads, self.prices, moment, self._plan)
        state.place(state.new())
        seed_compiled((1_000_003 * self.seed + moment.now_s) % 2**32)
        done = 0
        while done < self.iterations and time.monotonic() - begun < self.seconds:
            share = 1 - done / self.iterations
            chunk = min(CHUNK, self.iterations - done)
            state.improve(chunk, self.hot * share, self.most)
            done += chunk
        self._plan = state.plan()
        return [[] if self._waits(state, moment, one) else state.visits(one) for one in range(len(moment.vehicles))]

    def _waits(self, state: _State, moment: Moment, one: int) -> bool:
        vehicles = moment.vehicles
        if vehicles.bound[one]:
            return False
        later = moment.now_s + moment.step_s
        if vehicles.ready_s[one] >= later:
            return True  # asked again before it can leave
        if self.wait_from_s is None:
            return False
        return state.earliest_slack_s(one, later - int(vehicles.ready_s[one])) >= self.wait_from_s


class _State:
    """A moment as the tables of the compiled search, with what was planned before taken over."""

    def __init__(self, roads: Roads, prices: Prices, moment: Moment, plan: Sequence[Sequence[int]]) -> None:
        pieces, vehicles = moment.pieces, moment.vehicles
        self.roads, self.moment = roads, moment
        self.x = np.stack(
            [pieces.pick, pieces.drop, pieces.size, pieces.load_s, pieces.unload_s, pieces.due_s], axis=1
        ).astype(np.int64)
        self.w = np.array([prices.late_s, prices.tight_s, prices.tight_from_s, prices.busy_s], dtype=np.float64)
        self.row = {number: n for n, number in enumerate(pieces.number.tolist())}
        aboard = [[self.row[number] for number in own] for own in vehicles.aboard]
        carried = [int(pieces.size[own].sum()) if own else 0 for own in aboard]
        self.v = np.stack(
            [vehicles.place, vehicles.ready_s, vehicles.bound, vehicles.capacity, np.array(carried)], axis=1
        ).astype(np.int64)
        size, many = len(pieces), len(vehicles)
        self.on: Integers = np.full(size, -1, dtype=np.int64)
        self.movable = np.array([n for n in range(size) if n not in {m for own in aboard for m in own}], dtype=np.int64)
        self.routes = np.zeros((many, 2 * size + 2), dtype=np.int64)
        self.counts = np.zeros(many, dtype=np.int64)
        for one in range(many):
            for n, action in enumerate(self._kept(aboard[one], plan[one] if plan else ())):
                self.routes[one, n] = action
                self.counts[one] = n + 1
                self.on[abs(action) - 1] = one
        self.costs = np.array([self._cost(one) for one in range(many)], dtype=np.float64)

    def _kept(self, aboard: list[int], planned: Sequence[int]) -> list[int]:
        """What is left of a vehicle's plan, as actions of this moment's rows; what is on board comes down at least."""
        left, on_board = [], set(aboard)
        for action in planned:
            n = self.row.get(abs(action) - 1)
            if n is not None and (action < 0 or n not in on_board):
                left.append(n + 1 if action > 0 else -(n + 1))
        stack = list(aboard)
        for action in left:
            if action > 0:
                stack.append(action - 1)
            elif not stack or stack.pop() != -action - 1:
                return [-(n + 1) for n in reversed(aboard)]  # the day went another way than planned
        return left + [-(n + 1) for n in reversed(stack)]

    def _cost(self, one: int, delay: int = 0) -> float:
        roads = self.roads
        return cost_of(
            roads.seconds, roads.metres, roads.approach_s, self.x, self.w, self.v[one], self.routes[one],
            self.counts[one], delay,
        )  # fmt: skip

    def _tables(self) -> tuple[object, ...]:
        roads = self.roads
        return (
            roads.seconds, roads.metres, roads.approach_s, self.x, self.w, self.v, self.routes, self.counts,
            self.costs, self.on,
        )  # fmt: skip

    def new(self) -> Integers:
        """Rows of pieces without a vehicle, the most urgent first."""
        rows = np.flatnonzero(self.on < 0)
        return rows[np.argsort(self.x[rows, 5], kind="stable")]

    def place(self, rows: Integers) -> None:
        """Insert each where it costs least, one after the other."""
        if len(rows) and place_all(*self._tables(), rows, 1, 0.0):
            raise PlanningError("a piece found no place on any vehicle")

    def improve(self, iterations: int, hot: float, most: int) -> None:
        """Ruin and recreate."""
        if len(self.movable):
            improve(*self._tables(), self.movable, iterations, hot, most)

    def plan(self) -> list[list[int]]:
        """Actions of each vehicle, in numbers of pieces that hold through the day."""
        number = self.moment.pieces.number
        return [
            [
                int(number[abs(a) - 1]) + 1 if a > 0 else -(int(number[abs(a) - 1]) + 1)
                for a in self.routes[one, : self.counts[one]].tolist()
            ]
            for one in range(len(self.v))
        ]

    def visits(self, one: int) -> Visits:
        """A vehicle's route as visits."""
        number = self.moment.pieces.number
        found = stops_of(self.routes[one, : self.counts[one]], self.x[:, 0], self.x[:, 1])
        return [(place, [int(number[n]) for n in off], [int(number[n]) for n in up]) for place, off, up in found]

    def earliest_slack_s(self, one: int, delay_s: int) -> int:
        """By how much the tightest delivery of a vehicle is early when it leaves ``delay_s`` later; large without."""
        place, clock, open_ = int(self.v[one, 0]), int(self.v[one, 1]) + delay_s, bool(self.v[one, 2])
        work, tightest = 0, 10**9
        for action in self.routes[one, : self.counts[one]].tolist():
            n = abs(action) - 1
            target = int(self.x[n, 0] if action > 0 else self.x[n, 1])
            if target != place or not open_:
                clock += self.roads.approach_s + work if open_ else 0
                clock += int(self.roads.seconds[place, target])
                place, work, open_ = target, 0, True
            work += int(self.x[n, 3] if action > 0 else self.x[n, 4])
            if action < 0:
                tightest = min(tightest, int(self.x[n, 5]) - clock)
        return tightest
