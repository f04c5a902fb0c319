"""The core: PyVRP and the compiled engine on every core, over parts that change.

Small problems: one search of PyVRP (Wouda, Lan, Kool 2024, INFORMS J. on Computing 36) a core, with different seeds and
penalties; the best is kept. Large ones: a first plan within seconds (compiled insertion, which serves what can be
served, beside PyVRP), then each idle core takes a neighbourhood of routes (``parts``) and improves it from where it is.
Which engine, and how large a part, is learned from what each gains a second.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for

from solvers.engines import RELOAD, Sequences
from solvers.engines.compiled.arrays import covers, startable
from solvers.engines.ils import MANY_NEIGHBOURS, SHAKES
from solvers.engines.master import Pool, recombine
from solvers.engines.nearest import nearest_plan
from solvers.engines.parts import PART, Parts
from solvers.engines.task import Answer, Task, left_required
from solvers.engines.worker import SharedProblem, Worker
from solvers.evaluator import Evaluator
from solvers.problem import LARGEST, PlanningProblem

FEW_ROUTES = 10
"""Parts with fewer routes are traps: how many routes there are is settled over the whole, which is then searched."""
GLANCE_S = 0.05
"""Seconds of the compiled engine that show whether routes are few."""
CLOSING_SHARE = 0.03
"""Share of the time in which the best of long searches is improved further."""
MASTER_FEW_S = 1.0
"""Seconds kept for the master where routes are few: they hardly go together."""
CLOSING_S = 0.7
"""With less time left nothing is begun any more."""
CLOSING_HOT = 0.3
"""First temperature of the compiled engine on a plan that is nearly done, in typical legs."""
WHOLE, WHOLE_A_SECOND, WHOLE_MOST = 250, 80, 500
"""Problems up to this size are searched whole; with more time larger ones, by so many stops a second up to the last."""
LARGE = 2_500
"""Above, PyVRP sees parts only, and there is no master: what it takes cannot be bounded."""
ROUNDS = (0.75, 1.0)
"""Share of the time left that each round of a search of the whole takes: long ones, since each begins anew to learn
its prices and what it accepts."""
LONG_S = 0.1
"""Seconds a stop: with less time there is one round."""
SHORT_S = 6.0
"""With less time there is no master: loading it alone would take a good part."""
MASTER_S, MASTER_SHARE = 3.0, 0.05
"""Seconds of the master, at most, and their share of the whole time."""
CANCELLED = -10.0
"""Seconds left once the search is called off."""
PATIENCE_S = 0.4
"""How long after its deadline an answer is waited for before its process is killed."""
FACTORS = (5.0, 20.0)
"""First prices of lateness and overload, in turns (``ils.first_penalties``)."""
FIRST_OVERTIME = 1.5
"""How long first plans are waited for once there is one, in their seconds."""
RESCUE_S = 0.4
"""Seconds of the compiled engine where PyVRP found nothing."""
COLD_SHARE = 0.5
"""Share of the time after which a first plan of the compiled engine is waited for no longer."""
EXPLORE, EXPLORE_LARGE = 0.06, 0.15
"""How often any way is tried instead of the one that gains most."""
FORGET = 0.4
"""Weight of the latest gain in a way's average."""
CHOOSY = 0.2
"""Share of orders that not every vehicle may serve, from which the compiled engine searches the whole at length."""
MIXED = 100
"""Orders from which, where vehicles are of several kinds, both engines search the whole."""
ANNEAL_S = 0.01
"""Seconds a stop that annealing the whole takes at least."""
LONG_SHARE = 0.8
"""Share of the time left that it then gets before parts are improved."""
LONG_HOT, LONG_COLD = 10.0, 0.2
"""Its temperatures then, in typical legs: hot enough to settle who drives where, and never so cold that it stands."""
TEMPERATURES = (0.1, 0.5, 2.0)
"""First temperatures of the compiled engine on parts, in typical legs."""
Progress = Callable[[str], None]


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


def search(
    problem: PlanningProblem,
    *,
    seconds: float,
    seed: int,
    workers: int | None = None,
    iterations: int | None = None,
    initial: Sequences | None = None,
    progress: Progress | None = None,
    cpu: bool = False,
    cancel: Callable[[], bool] | None = None,
) -> Sequences | None:
    """Sequences of the best plan found, or None where no engine gave anything feasible.

    ``iterations`` instead of ``seconds``: one search, the same on every run. ``cpu``: ``seconds`` are processor
    seconds a worker, so that measurements on a busy machine mean something.
    """
    if not problem.orders or not problem.vehicles:
        return {}
    begun = time.monotonic()
    count = 1 if iterations is not None else max(1, workers or os.cpu_count() or 1)
    shared = SharedProblem(problem)
    team = [Worker(shared) for _ in range(count)]
    try:
        one = _Core(problem, team, seconds, random.Random(seed), progress or (lambda _: None), cpu, cancel)
        one.begun = begun
        if iterations is not None:
            engine = "compiled" if len(problem.orders) > LARGE and one.covered else "pyvrp"
            return one.whole([Task(seconds, seed, initial=initial, iterations=iterations, engine=engine)])
        return one.run(seed, initial)
    finally:
        for worker in team:
            worker.stop()
        shared.close()


class _Core:
    def __init__(
        self,
        problem: PlanningProblem,
        team: list[Worker],
        seconds: float,
        chance: random.Random,
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
        self.chance = chance
        self.say = say
        self.parts = Parts(self.evaluator, chance)
        self.startable, self.covered = startable(problem), covers(problem)
        asking = sum(bool(one.banned_vehicles or one.required_certifications) for one in problem.orders)
        self.choosy = self.covered and asking > CHOOSY * len(problem.orders)
        small = len(problem.orders) <= LARGE
        self.ways = [Way("pyvrp", PART)]
        if self.covered:
            # as large as leaves the other cores something to do: its time does not grow with the part
            most = min(4 * PART, max(PART, len(problem.orders) // max(1, len(team))))
            self.ways += [Way("compiled", most), *([] if small else [Way("compiled", PART)])]
        self.pool = Pool(self.evaluator) if small else None

    def left(self) -> float:
        """Seconds until the deadline."""
        if self.cpu:
            own = time.process_time() - self.used
            return self.seconds - (own + sum(worker.cpu_s() for worker in self.team)) / len(self.team)
        if self.cancel is not None and self.cancel():
            return CANCELLED
        return self.begun + self.seconds - time.monotonic()

    # --- whole problems

    def whole(self, tasks: list[Task], overtime: float = float("inf")) -> Sequences | None:
        """Run one task a worker; the answer that leaves the fewest required orders out, then the cheapest.

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
        best: Answer | None = None
        while any(worker.task for worker in self.team):
            for worker in self._answering():
                answer = worker.answer()
                if answer.error:
                    self.say(f"{answer.error}")
                self._remember(answer)
                if answer.sequences is not None and (
                    best is None or (answer.left, answer.cost) < (best.left, best.cost)
                ):
                    best = answer
            late = not self.cpu and time.monotonic() - begun > overtime * longest
            if late and best is not None and best.left == 0:
                for worker in self.team:
                    if worker.task is not None:
                        worker.restart()
        return None if best is None else best.sequences

    def _answering(self, patience: float = 0.25) -> list[Worker]:
        """Workers whose answers are there; those that are overdue are killed."""
        given = {worker.connection: worker for worker in self.team if worker.task is not None}
        ready = wait_for(list(given), timeout=min(patience, max(0.02, self.left() + PATIENCE_S)))
        now = time.monotonic()
        for worker in given.values():
            late = now > worker.due or self.left() < -PATIENCE_S
            if worker.connection not in ready and worker.task is not None and late:
                if worker.task.iterations is not None and now <= worker.due:
                    continue
                self._free(worker)
                if worker.payload is not None:
                    worker.payload[2].learn(0.0, worker.task.seconds)
                # at the end nobody needs another
                worker.restart() if self.left() > 0 else worker.retire()
        return [given[one] for one in ready]

    def _free(self, worker: Worker) -> None:
        """What ``worker`` had is anybody's again."""
        if worker.payload is not None:
            self.parts.busy -= set(worker.payload[0])
            self.parts.taken -= set(worker.payload[1])

    def run(self, seed: int, initial: Sequences | None) -> Sequences | None:
        """Search until the deadline."""
        size = len(self.problem.orders)
        if size <= self._largest_whole():
            return self._portfolio(seed, initial)
        if size <= LARGE and self._few_routes(initial):
            return self._portfolio(seed, initial)
        if not initial and size <= LARGE and self.startable and self.seconds >= SHORT_S:
            inserted = self.whole([Task(GLANCE_S, seed, cpu=self.cpu, engine="compiled")])
            if self._few_routes(inserted):
                return self._side_by_side(seed, inserted)
        if initial:
            self.parts.routes = dict(initial)
        elif size <= LARGE or self.startable:
            anneal = self.choosy and size <= LARGE and self.seconds >= max(SHORT_S, ANNEAL_S * size)
            first = self._annealed(seed) if anneal else None
            first = first or self._first(seed)
            if first is None:
                return None
            self.parts.routes = first
            self.say(f"first plan: {len(first)} routes, {size - sum(map(len, first.values()))} orders open")
        else:
            self._first_in_parts(seed)
        if size <= LARGE and self._few_routes(self.parts.routes):
            return self._portfolio(seed, self.parts.routes) if initial else self._side_by_side(seed, self.parts.routes)
        if self.pool is None:
            self._improve_parts(0.0)
            return self.parts.routes
        self._improve_parts(0.5 * self.left())
        self.parts.routes = self._recombined(self.parts.routes) or self.parts.routes
        self._improve_parts(self._for_the_master())
        self.parts.routes = self._recombined(self.parts.routes) or self.parts.routes
        self._improve_parts(0.0)
        return self.parts.routes

    def _largest_whole(self) -> float:
        """Up to how many orders one search is let alone with all of them."""
        return max(WHOLE, min(WHOLE_MOST, WHOLE_A_SECOND * self.seconds))

    def _few_routes(self, routes: Sequences | None) -> bool:
        """Whether a part of ``routes`` would hold too few of them."""
        return routes is not None and len(routes) * PART < FEW_ROUTES * sum(len(ids) for ids in routes.values())

    def _annealed(self, seed: int) -> Sequences | None:
        """A plan of the compiled engine after a long search of the whole on every core, and of the master.

        Where vehicles differ in whom they may serve, the routes near a stop have little to give each other: parts
        settle early which class serves where.
        """
        seconds = LONG_SHARE * (self.left() - 2.0 * self._for_the_master())
        hot, cold = LONG_HOT, LONG_COLD
        found = self.whole(
            [
                Task(seconds, seed + n, cpu=self.cpu, engine="compiled", hot=hot, cold=cold, trail=True)
                for n in range(len(self.team))
            ],
            overtime=FIRST_OVERTIME,
        )
        return self._recombined(found)

    def _side_by_side(self, seed: int, best: Sequences | None) -> Sequences | None:
        """Searches of the whole that nothing interrupts, every other one PyVRP as it comes; the best is gone on with.

        Where routes are few and long, how a search ends is largely decided by how many routes its first seconds leave,
        and a search begun from a plan hardly changes that number: so each core has one from its own start to the end.
        """
        seconds = (1.0 - CLOSING_SHARE) * self.left() - min(MASTER_FEW_S, self._for_the_master())
        self.say("few long routes: searches of the whole side by side")
        usual = Task(seconds, seed, usual=True, cpu=self.cpu)
        own = Task(seconds, seed, factor=FACTORS[0], near=MANY_NEIGHBOURS, cpu=self.cpu)
        kinds = [own if n % 2 or len(self.team) == 1 else usual for n in range(len(self.team))]
        found = self.whole(
            [replace(one, seed=seed + n, shake=SHAKES[n // 2 % len(SHAKES)]) for n, one in enumerate(kinds)]
        )
        if found is not None and (best is None or self._rank(found) < self._rank(best)):
            best = found
        return self._closed(seed, self._recombined(best))

    def _closed(self, seed: int, best: Sequences | None) -> Sequences | None:
        """``best`` improved in what is left of the time, by both engines."""
        seconds = self.left() - 0.05
        if best is None or seconds < CLOSING_S or len(self.problem.orders) > LARGE:
            return best
        found = self.whole(
            [
                Task(
                    seconds,
                    seed + 500 + n,
                    initial=best,
                    shake=SHAKES[1],
                    cpu=self.cpu,
                    engine="compiled" if self.covered and n % 2 else "pyvrp",
                    hot=CLOSING_HOT,
                )
                for n in range(len(self.team))
            ]
        )
        return found if found is not None and self._rank(found) < self._rank(best) else best

    def _rank(self, sequences: Sequences) -> tuple[int, float]:
        """Required orders left out, then the cost."""
        cost = self.pool.cost(sequences) if self.pool is not None else None
        return left_required(self.problem, sequences), float("inf") if cost is None else cost

    def _remember(self, answer: Answer) -> None:
        if self.pool is not None:
            for one in (*answer.trail, answer.sequences):
                self.pool.add(one or {})

    def _recombined(self, best: Sequences | None) -> Sequences | None:
        """The best plan of all routes found so far, by the master."""
        seconds = min(MASTER_S, MASTER_SHARE * self.seconds, self.left() - 0.1)
        begun = time.monotonic()
        if self.pool is None or best is None or self.seconds < SHORT_S or seconds <= 0:
            return best
        self.pool.add(best)
        before = self.pool.cost(best)
        found = recombine(self.pool, best, seconds=seconds, workers=len(self.team), seed=0)
        self.master_s = time.monotonic() - begun
        if self.evaluator.rules.plan and self._worth(found) >= self._worth(best):
            return best  # rules over the whole plan are not in the master's model
        if found is not best and before is not None:
            self.say(f"master: {before} to {self.pool.cost(found)} from {len(self.pool.routes)} routes")
        return found

    def _for_the_master(self) -> float:
        """Seconds to keep for the master: what is left of them is used by others."""
        if self.pool is None or self.seconds < SHORT_S:
            return 0.0
        most = min(MASTER_S, MASTER_SHARE * self.seconds)
        return most if self.master_s is None else min(most, 1.5 * self.master_s + 0.2)

    def _worth(self, sequences: Sequences) -> tuple[int, int]:
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

    def _portfolio(self, seed: int, initial: Sequences | None) -> Sequences | None:
        """Searches of the whole in rounds, each from the best of the last and what the master makes of all routes."""
        rounds = ROUNDS if self.seconds >= max(SHORT_S, LONG_S * len(self.problem.orders)) else ROUNDS[-1:]
        best = initial
        # vehicles of several kinds: of the first searches every other one is the compiled engine's
        several = self.choosy or (self.covered and len(self.parts.kinds) > 1)
        mixed = initial is None and several and self.seconds >= SHORT_S and len(self.problem.orders) >= MIXED
        # where limits are tight PyVRP may find nothing for long: one of the searches begins with a plan
        seeded = initial is None and self.covered and len(self.problem.orders) > WHOLE
        for number, share in enumerate(rounds):
            reserve = 0.05 + self._for_the_master()
            if best is None and self.startable:
                reserve += RESCUE_S
            seconds = max(0.1, share * (self.left() - reserve))
            found = self.whole(
                [
                    Task(
                        seconds,
                        seed + 100 * number + n,
                        initial=best,
                        seeded=seeded and best is None and n % 2 == 1,
                        factor=FACTORS[n % 2],
                        shake=SHAKES[(n + number) % 2],
                        cpu=self.cpu,
                        engine="compiled" if mixed and best is None and n % 2 else "pyvrp",
                        hot=LONG_HOT,
                        cold=LONG_COLD,
                        trail=True,
                    )
                    for n in range(len(self.team))
                ]
            )
            if found is None and best is None:
                best = self._rescued(seed)
                if best is None:
                    break
            best = self._recombined(found or best)
            self.say(f"round {number + 1} of {len(rounds)} over")
        if best is None and self.left() > -0.5:
            # some required order cannot be served: now it may be left, for its penalty
            again = max(0.5, self.left())
            best = self.whole([Task(again, seed + n, required=False, cpu=self.cpu) for n in range(len(self.team))])
        return self._closed(seed, best)

    def _rescued(self, seed: int) -> Sequences | None:
        """A plan of the compiled engine where PyVRP has none."""
        if not self.startable or self.left() < -PATIENCE_S:
            return None
        return self.whole([Task(RESCUE_S, seed, cpu=self.cpu, engine="compiled")])

    def _first(self, seed: int) -> Sequences | None:
        seconds = max(0.6, min(0.15 * self.left(), 0.004 * len(self.problem.orders)))
        tasks = [
            Task(seconds, seed + n, factor=FACTORS[n % 2], shake=SHAKES[n % 2], cpu=self.cpu)
            for n in range(len(self.team))
        ]
        large = len(self.problem.orders) > LARGE
        if self.startable:
            # insertion serves whatever can be served, however little time there is
            insertion = Task(0.5 if large else seconds, seed, cpu=self.cpu, engine="compiled")
            tasks = [insertion, *([] if large else tasks[1:])]
        best = self.whole(tasks, overtime=FIRST_OVERTIME)
        if best is None and self.startable and not large and self.seconds >= SHORT_S:
            best = self._rescued(seed)
        if best is None and self.startable:
            self.say("the compiled engine is not ready: routes by the nearest stop in time")
            best = nearest_plan(self.evaluator)
        if best is None:
            best = self.whole([Task(seconds, seed + n, required=False, cpu=self.cpu) for n in range(len(self.team))])
        return best

    # --- parts

    def _first_in_parts(self, seed: int) -> None:
        """A first plan of a very large problem: orders by nearest depot, then cut in halves until parts are small."""
        parts = self.parts.cut(list(range(len(self.parts.ids))))
        self.say(f"{len(parts)} parts of about {len(self.parts.ids) // len(parts)} orders")
        fleets = self.parts.share_vehicles(parts)
        share = max(0.3, min(0.25 * self.left() * len(self.team) / len(parts), 3.0))
        queue = [
            Task(share, seed + n, tuple(self.parts.ids[i] for i in part), tuple(fleet), cpu=self.cpu)
            for n, (part, fleet) in enumerate(zip(parts, fleets, strict=True))
            if fleet
        ]
        while queue or any(worker.task for worker in self.team):
            for worker in self.team:
                if worker.task is None and queue:
                    worker.give(queue.pop())
            for worker in self._answering():
                task = worker.task
                answer = worker.answer()
                if answer.sequences is not None:
                    self.parts.routes.update(answer.sequences)
                elif task is not None and task.required and self.left() > share:
                    queue.append(Task(share, task.seed, task.orders, task.vehicles, required=False, cpu=self.cpu))

    def _improve_parts(self, reserve: float) -> None:
        """Parts until ``reserve`` seconds are left."""
        ways = self.ways
        while self.left() > 0.15 + reserve or any(worker.task for worker in self.team):
            for worker in self.team:
                if worker.task is None and self.left() > 0.15 + reserve:
                    self._give_part(worker, self._way(ways), reserve)
            if not any(worker.task for worker in self.team):
                break
            for worker in self._answering():
                self._take(worker)
        rates = ", ".join(f"{w.engine} on {w.part}: {w.rate or 0:.0f}" for w in ways)
        self.say(f"gained a second of late: {rates}")

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
        return min(6.0, max(0.35, self.left() * len(self.team) / (parts * 6)))

    def _give_part(self, worker: Worker, way: Way, reserve: float) -> None:
        part = self.parts.neighbourhood(way.part)
        if part is None:
            return
        vehicles, placed, waiting = part
        spare = self.parts.spare()
        seconds = min(self._share_s(way.part), self.left() - reserve - 0.05)
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
            cpu=self.cpu,
            engine=way.engine,
            hot=self.chance.choice(TEMPERATURES),
        )
        own = (*vehicles, *spare)
        self.parts.busy |= set(own)
        self.parts.taken |= set(waiting)
        worker.give(task, (own, waiting, way))

    def _take(self, worker: Worker) -> None:
        own, _, way = worker.payload
        task = worker.task
        answer = worker.answer()
        self._free(worker)
        self._remember(answer)
        if task is None:
            return
        if answer.error:
            self.say(f"{answer.error}")
        gained = answer.before - answer.cost if answer.sequences is not None and answer.before is not None else 0.0
        way.learn(max(0.0, gained), task.seconds)
        if answer.sequences is not None:
            self.parts.replace(own, answer.sequences)
