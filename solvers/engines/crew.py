"""A crew of worker processes on one problem: tasks out, answers in, until the deadline; the master on all routes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait as wait_for

from solvers.engines import RELOAD, Sequences
from solvers.engines.compiled.arrays import covers, startable
from solvers.engines.master import Pool, recombine
from solvers.engines.state import kind_of
from solvers.engines.task import Answer, Task, left_required
from solvers.engines.worker import Worker
from solvers.evaluator import Evaluator
from solvers.problem import LARGEST, PlanningProblem

LARGE = 2_500
"""Above, PyVRP sees parts only, and there is no master: what it takes cannot be bounded."""
SHORT_S = 6.0
"""With less time there is no master: loading it alone would take a good part."""
MASTER_S, MASTER_SHARE = 3.0, 0.05
"""Seconds of the master, at most, and their share of the whole time."""
CANCELLED = -10.0
"""Seconds left once the search is called off."""
PATIENCE_S = 0.4
"""How long after its deadline an answer is waited for before its process is killed."""
COLD_SHARE = 0.5
"""Share of the time after which a first plan of the compiled engine is waited for no longer."""
CHOOSY = 0.2
"""Share of orders that not every vehicle may serve, from which the compiled engine searches the whole at length."""
Progress = Callable[[str], None]


def fittest(answers: Iterable[Answer | None]) -> Answer | None:
    """The answer with a plan that leaves the fewest required orders out, then the cheapest."""
    found = [one for one in answers if one is not None and one.sequences is not None]
    return min(found, key=lambda one: (one.left, one.cost), default=None)


class Crew:
    """Workers, the time they have, and the pool of routes they found.

    ``cpu``: ``seconds`` are processor seconds a worker. ``freed`` is told of a worker whose task is over, however it
    ended; ``lost`` of one that was stopped without an answer.
    """

    def __init__(
        self,
        problem: PlanningProblem,
        team: list[Worker],
        seconds: float,
        say: Progress,
        cpu: bool,
        cancel: Callable[[], bool] | None = None,
    ) -> None:
        self.problem = problem
        self.evaluator = Evaluator(problem)
        self.team = team
        self.seconds = seconds
        self.cpu = cpu
        self.cancel = cancel
        self.begun, self.used = time.monotonic(), time.process_time()
        self.master_s: float | None = None
        self.say = say
        self.freed: Callable[[Worker], None] = lambda worker: None
        self.lost: Callable[[Worker], None] = lambda worker: None
        self.startable, self.covered = startable(problem), covers(problem)
        asking = sum(bool(one.banned_vehicles or one.required_certifications) for one in problem.orders)
        self.choosy = self.covered and asking > CHOOSY * len(problem.orders)
        self.kinds = len({kind_of(vehicle) for vehicle in problem.vehicles})
        self.small = len(problem.orders) <= LARGE
        self.pool = Pool(self.evaluator) if self.small else None

    def left(self) -> float:
        """Seconds until the deadline."""
        if self.cpu:
            own = time.process_time() - self.used
            return self.seconds - (own + sum(worker.cpu_s() for worker in self.team)) / len(self.team)
        if self.cancel is not None and self.cancel():
            return CANCELLED
        return self.begun + self.seconds - time.monotonic()

    def whole(self, tasks: list[Task], overtime: float = float("inf")) -> Sequences | None:
        """Run one task a worker; the answer that leaves the fewest required orders out, then the cheapest."""
        best = fittest(self.each(tasks, overtime))
        return None if best is None else best.sequences

    def each(self, tasks: list[Task], overtime: float = float("inf")) -> list[Answer | None]:
        """Run one task a worker; the answers in turn, None where a worker was stopped.

        Once an answer leaves nothing required out, others are waited for no longer than ``overtime`` times their
        seconds (PyVRP's first descent on a large problem cannot be told to stop).
        """
        begun, longest = time.monotonic(), max(task.seconds for task in tasks)
        for worker, task in zip(self.team, tasks, strict=False):
            worker.give(task)
            if task.engine == "compiled" and task.iterations is None and not task.cpu:
                # where machine code must be made first, half of the time is left for others
                cold = max(task.seconds + PATIENCE_S, COLD_SHARE * max(0.5, self.left()))
                worker.due = min(worker.due, time.monotonic() + cold)
            elif not self.startable:
                # without the plan of a search of the whole there is none: it is waited for longer
                worker.due = max(worker.due, time.monotonic() + 0.6 * self.left())
        answers: list[Answer | None] = [None] * len(self.team)
        while any(worker.task for worker in self.team):
            for worker in self.answering():
                answer = worker.answer()
                if answer.error:
                    self.say(f"{answer.error}")
                self.remember(answer)
                answers[self.team.index(worker)] = answer
            best = fittest(answers)
            late = not self.cpu and time.monotonic() - begun > overtime * longest
            if late and best is not None and best.left == 0:
                for worker in self.team:
                    if worker.task is not None:
                        worker.restart()
        return answers[: len(tasks)]

    def answering(self, patience: float = 0.25) -> list[Worker]:
        """Workers whose answers are there; those that are overdue are killed."""
        given = {worker.connection: worker for worker in self.team if worker.task is not None}
        ready = wait_for(list(given), timeout=min(patience, max(0.02, self.left() + PATIENCE_S)))
        now = time.monotonic()
        for worker in given.values():
            late = now > worker.due or self.left() < -PATIENCE_S
            if worker.connection not in ready and worker.task is not None and late:
                if worker.task.iterations is not None and now <= worker.due:
                    continue
                self.freed(worker)
                self.lost(worker)
                # at the end nobody needs another
                worker.restart() if self.left() > 0 else worker.retire()
        return [given[one] for one in ready]

    def rank(self, sequences: Sequences) -> tuple[int, float]:
        """Required orders left out, then the cost."""
        cost = self.pool.cost(sequences) if self.pool is not None else None
        return left_required(self.problem, sequences), float("inf") if cost is None else cost

    def remember(self, answer: Answer) -> None:
        """Put the routes of an answer into the pool."""
        if self.pool is not None:
            for one in (*answer.trail, answer.sequences):
                self.pool.add(one or {})
            for vehicle_id, ids, cost in answer.routes:
                self.pool.offer(vehicle_id, ids, cost)

    def recombined(self, best: Sequences | None, workers: int | None = None) -> Sequences | None:
        """The best plan of all routes found so far, by the master; ``workers``: its threads, one a worker usually."""
        seconds = min(MASTER_S, MASTER_SHARE * self.seconds, self.left() - 0.1)
        begun = time.monotonic()
        if self.pool is None or best is None or self.seconds < SHORT_S or seconds <= 0:
            return best
        self.pool.add(best)
        before = self.pool.cost(best)
        found = recombine(self.pool, best, seconds=seconds, workers=workers or len(self.team), seed=0)
        self.master_s = time.monotonic() - begun
        if self.evaluator.rules.plan and self.worth(found) >= self.worth(best):
            return best  # rules over the whole plan are not in the master's model
        if found is not best and before is not None:
            self.say(f"master: {before} to {self.pool.cost(found)} from {len(self.pool.routes)} routes")
        return found

    def for_the_master(self) -> float:
        """Seconds to keep for the master: what is left of them is used by others."""
        if self.pool is None or self.seconds < SHORT_S:
            return 0.0
        most = min(MASTER_S, MASTER_SHARE * self.seconds)
        return most if self.master_s is None else min(most, 1.5 * self.master_s + 0.2)

    def worth(self, sequences: Sequences) -> tuple[int, int]:
        """Excess over hard rules of the whole plan, and the cost with its soft ones, of routes of the pool."""
        summaries, cost = [], self.pool.cost(sequences) if self.pool is not None else None
        for key, ids in sequences.items():
            vehicle = self.evaluator.vehicles[key]
            stops = [None if one == RELOAD else self.evaluator.orders[one] for one in ids]
            found = self.evaluator.evaluate(vehicle, stops)
            if found is None:
                return LARGEST, LARGEST
            summaries.append(self.evaluator.summary(vehicle, stops, found.timing))
        hard, priced = self.evaluator.rules.plan_price(summaries)
        return hard, priced + (LARGEST if cost is None else cost)
