"""Improving a plan part by part: each idle worker takes a neighbourhood of routes.

Which engine, and how large a part, is learned from what each gains a second.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from solvers.engines.crew import LARGE, Crew
from solvers.engines.ils import FACTORS, SHAKES
from solvers.engines.parts import PART, Parts
from solvers.engines.task import Task
from solvers.engines.worker import Worker

EXPLORE, EXPLORE_LARGE = 0.06, 0.15
"""How often any way is tried instead of the one that gains most."""
FORGET = 0.4
"""Weight of the latest gain in a way's average."""
TEMPERATURES = (0.1, 0.5, 2.0)
"""First temperatures of the compiled engine on parts, in typical legs."""


@dataclass
class Way:
    """An engine on parts of some size, and what it has gained a second of late."""

    engine: str
    part: int
    rate: float | None = None
    given: bool = False

    def learn(self, gained: float, seconds: float) -> None:
        """Take the gain of a task into the average."""
        rate = gained / max(seconds, 1e-3)
        self.rate = rate if self.rate is None else (1.0 - FORGET) * self.rate + FORGET * rate


class PartSearch:
    """The parts of a crew's plan, and the ways in which they are searched."""

    def __init__(self, crew: Crew, chance: random.Random) -> None:
        self.crew = crew
        self.chance = chance
        self.parts = Parts(crew.evaluator, chance)
        self.ways = [Way("pyvrp", PART)]
        if crew.covered:
            # as large as leaves the other cores something to do: its time does not grow with the part
            most = min(4 * PART, max(PART, len(crew.problem.orders) // max(1, len(crew.team))))
            self.ways += [Way("compiled", most), *([] if crew.small else [Way("compiled", PART)])]
        crew.freed, crew.lost = self._free, self._nothing

    def begin(self, seed: int) -> None:
        """A first plan of a very large problem: orders by nearest depot, then cut in halves until parts are small."""
        parts = self.parts.cut(list(range(len(self.parts.ids))))
        self.crew.say(f"{len(parts)} parts of about {len(self.parts.ids) // len(parts)} orders")
        fleets = self.parts.share_vehicles(parts)
        share = max(0.3, min(0.25 * self.crew.left() * len(self.crew.team) / len(parts), 3.0))
        queue = [
            Task(share, seed + n, tuple(self.parts.ids[i] for i in part), tuple(fleet), cpu=self.crew.cpu)
            for n, (part, fleet) in enumerate(zip(parts, fleets, strict=True))
            if fleet
        ]
        while queue or any(worker.task for worker in self.crew.team):
            for worker in self.crew.team:
                if worker.task is None and queue:
                    worker.give(queue.pop())
            for worker in self.crew.answering():
                task = worker.task
                answer = worker.answer()
                if answer.sequences is not None:
                    self.parts.routes.update(answer.sequences)
                elif task is not None and task.required and self.crew.left() > share:
                    queue.append(Task(share, task.seed, task.orders, task.vehicles, required=False, cpu=self.crew.cpu))

    def improve(self, reserve: float) -> None:
        """Parts until ``reserve`` seconds are left."""
        ways = self.ways
        while self.crew.left() > 0.15 + reserve or any(worker.task for worker in self.crew.team):
            for worker in self.crew.team:
                if worker.task is None and self.crew.left() > 0.15 + reserve:
                    self._give_part(worker, self._way(ways), reserve)
            if not any(worker.task for worker in self.crew.team):
                break
            for worker in self.crew.answering():
                self._take(worker)
        rates = ", ".join(f"{w.engine} on {w.part}: {w.rate or 0:.0f}" for w in ways)
        self.crew.say(f"gained a second of late: {rates}")

    def _way(self, ways: list[Way]) -> Way:
        """The way that gains most, and now and then another; each is tried first."""
        large = len(self.parts.ids) > LARGE
        untried = [one for one in ways if one.rate is None and not one.given]
        if untried:
            untried[0].given = True
            return untried[0]
        if self.chance.random() < (EXPLORE_LARGE if large else EXPLORE):
            return self.chance.choice(ways)
        return max(ways, key=lambda one: one.rate or 0.0)

    def _share_s(self, part: int) -> float:
        """Seconds for a part: every part about six times within the limit, at least 0.35 s, at most 6."""
        parts = max(1.0, len(self.parts.ids) / part)
        return min(6.0, max(0.35, self.crew.left() * len(self.crew.team) / (parts * 6)))

    def _give_part(self, worker: Worker, way: Way, reserve: float) -> None:
        part = self.parts.neighbourhood(way.part)
        if part is None:
            return
        vehicles, placed, waiting = part
        spare = self.parts.spare()
        seconds = min(self._share_s(way.part), self.crew.left() - reserve - 0.05)
        task = Task(
            seconds,
            self.chance.randrange(2**30),
            (*placed, *waiting),
            (*vehicles, *spare),
            {one: self.parts.routes[one] for one in vehicles},
            # whether all that waits has room here is not known: it may wait on, for its penalty
            required=not waiting,
            factor=self.chance.choice(FACTORS),
            shake=self.chance.choice(SHAKES),
            cpu=self.crew.cpu,
            engine=way.engine,
            hot=self.chance.choice(TEMPERATURES),
        )
        own = (*vehicles, *spare)
        self.parts.busy |= set(own)
        self.parts.taken |= set(waiting)
        worker.give(task, (own, waiting, way))

    def _free(self, worker: Worker) -> None:
        """What ``worker`` had is anybody's again."""
        if worker.payload is not None:
            self.parts.busy -= set(worker.payload[0])
            self.parts.taken -= set(worker.payload[1])

    @staticmethod
    def _nothing(worker: Worker) -> None:
        """A task that was stopped has gained nothing."""
        if worker.payload is not None and worker.task is not None:
            worker.payload[2].learn(0.0, worker.task.seconds)

    def _take(self, worker: Worker) -> None:
        own, _, way = worker.payload
        task = worker.task
        answer = worker.answer()
        self._free(worker)
        self.crew.remember(answer)
        if task is None:
            return
        if answer.error:
            self.crew.say(f"{answer.error}")
        gained = answer.before - answer.cost if answer.sequences is not None and answer.before is not None else 0.0
        way.learn(max(0.0, gained), task.seconds)
        if answer.sequences is not None:
            self.parts.replace(own, answer.sequences)
