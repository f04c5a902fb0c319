"""Many short searches of the whole in place of a long one, the master on all routes that they come to.

On a small day a search ends after a second or two in the best plan that lies near its start, and going on from there
gives nothing. Each of these begins elsewhere, at random or with what two good plans give together; every other one
accepts under a threshold that falls to nothing within its time (``threshold``), since what is a trap for one way of
accepting is none for another. All of them gather routes, and the master puts them together while others search on.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

from solvers.engines import Sequences
from solvers.engines.compile import needs_mending
from solvers.engines.crew import SHORT_S, Crew
from solvers.engines.generated import generates
from solvers.engines.ils import FACTORS, SHAKES, Prices
from solvers.engines.partition import load
from solvers.engines.task import Answer, Task

START_S, SHORTEST_S = 0.012, 0.3
"""Seconds a stop that each search takes, and seconds at least."""
LEAST = 5
"""Searches a worker at least: with time for fewer, long ones are better."""
FRESH_SHARE = 0.4
"""Share of the time in which all begin at random; then half of them do."""
SLACK, BRED_SLACK = 0.03, 0.015
"""Share of the cost that an accepted plan may cost more than the best at first: begun at random, and with two plans."""
FUTILE = 2
"""After so many searches a worker without any plan, long ones are tried."""
ELITE = 6
"""Plans that others are made of."""
REST, NEWS = 4.0, 50
"""The master rests so many times as long as it took, and until there are so many new routes."""
GENERATED_FROM, GENERATED_S = 0.1, 0.03
"""Share of the time after which one of them is column generation, and seconds a stop that it takes at least."""
AGAIN = 3
"""It begins again once each worker had so many other searches."""
STARVED = 0.6
"""With a smaller share of a processor, in the last search, it would not come to its end: searches make more of that."""
STOPS = 18
"""Routes with more stops are too long for it."""
SHARE = 0.85
"""Share of the time for all of this; then the best plan is gone on with."""
GENERATED_SHARE = 0.93
"""The same where there is column generation."""


def worth_it(crew: Crew) -> bool:
    """Whether there is time enough for many searches, and PyVRP knows what a route costs.

    Vehicles that come back for more have long searches: short ones ended dearer.
    """
    most = LEAST * START_S * len(crew.problem.orders)
    if crew.pool is None or crew.seconds < SHORT_S or SHARE * crew.seconds < most:
        return False
    again = any(vehicle.max_trips > 1 for vehicle in crew.problem.vehicles)
    return not again and not needs_mending(crew.problem, crew.evaluator)


class Starts:
    """Searches that are under way, and the best plans so far."""

    def __init__(self, crew: Crew, seed: int) -> None:
        self.crew, self.reserve = crew, (1.0 - SHARE) * crew.left()
        self.chance = random.Random(seed)
        self.begun = SHARE * crew.left()
        self.length = max(SHORTEST_S, START_S * len(crew.problem.orders))
        self.elite: list[tuple[tuple[int, float], Sequences]] = []
        self.prices: Prices | None = None
        self.given = 0
        self.rested, self.known = 0.0, 0
        self.share = 1.0
        self.generates, self.generated, self.again = generates(crew.evaluator), False, 0

    def run(self) -> Sequences | None:
        """The best plan once the share of the time is over; None where none was found."""
        crew = self.crew
        while True:
            for worker in crew.team:
                left = crew.left() - self.reserve
                futile = not self.elite and self.given >= FUTILE * len(crew.team)
                if worker.task is None and self._generating(left):
                    worker.give(self._columns())
                elif worker.task is None and not futile and left > 0.5 * self.length:
                    worker.give(self._task(left if left < 1.5 * self.length else self.length))
            if not any(worker.task for worker in crew.team):
                break
            load()  # while others search
            for worker in crew.answering():
                self._learn(worker.answer())
            self._recombine()
        crew.say(f"{self.given} searches from starts of their own over")
        return self.elite[0][1] if self.elite else None

    def _generating(self, left: float) -> bool:
        """Whether it is time for column generation: there is a whole plan of short routes, and nobody is at it."""
        orders = self.crew.problem.orders
        return (
            self.generates
            and bool(self.elite)
            and self.given >= self.again
            and sum(map(len, self.elite[0][1].values())) == len(orders)
            and left < (1.0 - GENERATED_FROM) * self.begun
            and left > GENERATED_S * len(orders)
            and max(map(len, self.elite[0][1].values())) <= STOPS
            and not any(worker.task and worker.task.engine == "columns" for worker in self.crew.team)
            and (self.share > STARVED or self.crew.cpu)
        )

    def _columns(self) -> Task:
        if not self.generated:
            more = self.reserve * (1.0 - (1.0 - GENERATED_SHARE) / (1.0 - SHARE))
            self.generated, self.reserve, self.begun = True, self.reserve - more, self.begun + more
        self.again = self.given + AGAIN * len(self.crew.team)
        known = tuple(ids for _, ids in self.crew.pool.routes) if self.crew.pool is not None else ()
        left = self.crew.left() - self.reserve
        return Task(left, 0, initial=self.elite[0][1], engine="columns", known=known, cpu=self.crew.cpu)

    def _task(self, seconds: float) -> Task:
        turn, self.given = self.given, self.given + 1
        threshold = turn % 2 == 1
        fresh = Task(
            seconds,
            self.chance.randrange(2**30),
            factor=FACTORS[turn % 2],
            shake=SHAKES[turn // 2 % 2],
            prices=self.prices,
            slack=(SLACK, 0.0) if threshold else None,
            gather=True,
            cpu=self.crew.cpu,
        )
        over = 1.0 - (self.crew.left() - self.reserve) / max(1e-9, self.begun)
        if over < FRESH_SHARE or len(self.elite) < 2 or turn % 4 in {0, 3}:
            return fresh
        (_, one), (_, other) = self.chance.sample(self.elite, 2)
        return replace(fresh, initial=one, mate=other, slack=(BRED_SLACK, 0.0) if threshold else None)

    def _learn(self, answer: Answer) -> None:
        self.crew.remember(answer)
        self.prices = answer.prices or self.prices
        self.share = answer.processor_share
        if answer.error:
            self.crew.say(answer.error)
        if answer.sequences is not None:
            self._keep(answer.sequences)

    def _keep(self, plan: Sequences) -> None:
        rank = self.crew.rank(plan)
        # plans that cost the same are taken for one
        if all(rank != other for other, _ in self.elite):
            self.elite = sorted([*self.elite, (rank, plan)], key=lambda one: one[0])[:ELITE]

    def _recombine(self) -> None:
        pool = self.crew.pool
        if pool is None or not self.elite or time.monotonic() < self.rested or len(pool.routes) < self.known + NEWS:
            return
        begun = time.monotonic()
        best = self.elite[0][1]
        found = self.crew.recombined(best, workers=1)
        if found is not None and found is not best:
            self._keep(found)
        self.known = len(pool.routes)
        self.rested = time.monotonic() + REST * (time.monotonic() - begun)
