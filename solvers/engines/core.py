"""The core: PyVRP (Wouda, Lan, Kool 2024, INFORMS J. on Computing 36) on every core, over parts that change.

Small problems: one search a core, with different seeds and penalties; the best is kept. Large ones: a first plan, then
each idle core takes a neighbourhood of routes (all routes near one stop, 200 to 300 stops) and improves it from where
it is, as in POPMUSIC (Taillard and Voss 2002), while the other cores work on other routes. PyVRP's time for an
iteration grows with the problem, so that parts are searched several times deeper in the same time.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for
from typing import Any

import numpy as np

from solvers.engines import RELOAD, Sequences
from solvers.engines.master import Pool, recombine
from solvers.engines.state import kind_of
from solvers.engines.worker import Answer, SharedProblem, Task, Worker
from solvers.evaluator import Evaluator
from solvers.problem import PlanningProblem

PART = 250
"""Stops of a part."""
LONG = 125
"""Stops a route above which parts of few routes are too few."""
WHOLE = 250
"""Problems up to this size are searched whole."""
LARGE = 2_500
"""Above, even the first plan is made in parts."""
ROUNDS = (0.45, 0.6, 1.0)
"""Share of the time left that each round of a search of the whole takes."""
SHORT_S = 6.0
"""With less time there is one round, and no master: loading it alone would take a good part."""
MASTER_S, MASTER_SHARE = 3.0, 0.05
"""Seconds of the master, at most, and their share of the whole time."""
CANCELLED = -10.0
"""Seconds left once the search is called off."""
SPARE = 2
"""Unused vehicles of each kind that a part may use besides its own."""
FACTORS = (5.0, 20.0)
"""First prices of lateness and overload, in turns (``ils.first_penalties``)."""
Progress = Callable[[str], None]


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
    """Sequences of the best plan found, or None where PyVRP gave nothing feasible.

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
            return one.whole([Task(seconds, seed, initial=initial, iterations=iterations)])
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
        self.begun = time.monotonic()
        self.chance = chance
        self.say = say
        self.routes: Sequences = {}
        self.ids = [order.order_id for order in problem.orders]
        self.at = np.array([order.location for order in problem.orders])
        self.busy: set[str] = set()
        self.visited: dict[str, int] = {}
        # the master knows no rules over the whole plan
        self.pool = Pool(self.evaluator) if not self.evaluator.rules.plan else None
        self.kinds: dict[tuple[object, ...], list[str]] = {}
        for vehicle in problem.vehicles:
            self.kinds.setdefault(kind_of(vehicle), []).append(vehicle.vehicle_id)
        self.time_rows = problem.travel.duration_s

    def left(self) -> float:
        """Seconds until the deadline."""
        if self.cpu:
            return self.seconds - sum(worker.cpu_s() for worker in self.team) / len(self.team)
        if self.cancel is not None and self.cancel():
            return CANCELLED
        return self.begun + self.seconds - time.monotonic()

    # --- whole problems

    def whole(self, tasks: list[Task]) -> Sequences | None:
        """Run one task a worker; the cheapest answer."""
        for worker, task in zip(self.team, tasks, strict=False):
            worker.give(task)
            # a search of the whole is waited for longer than one of a part: without its plan there is none
            worker.due = max(worker.due, time.monotonic() + 0.6 * self.left())
        best: Sequences | None = None
        cost = float("inf")
        while any(worker.task for worker in self.team):
            for worker in self._answering():
                answer = worker.answer()
                if answer.error:
                    self.say(f"PyVRP: {answer.error}")
                self._remember(answer)
                if answer.sequences is not None and answer.cost < cost:
                    best, cost = answer.sequences, answer.cost
        return best

    def _answering(self, patience: float = 0.25) -> list[Worker]:
        """Workers whose answers are there; those that are overdue are killed."""
        given = {worker.connection: worker for worker in self.team if worker.task is not None}
        ready = wait_for(list(given), timeout=patience)
        now = time.monotonic()
        for worker in given.values():
            late = now > worker.due or self.left() < -0.6
            if worker.connection not in ready and worker.task is not None and late:
                if worker.task.iterations is not None and now <= worker.due:
                    continue
                self.busy -= set(worker.payload or ())
                # at the end nobody needs another
                worker.restart() if self.left() > 0 else worker.retire()
        return [given[one] for one in ready]

    def run(self, seed: int, initial: Sequences | None) -> Sequences | None:
        """Search until the deadline."""
        size = len(self.problem.orders)
        if size <= WHOLE or self._stops_a_route(initial) > LONG:
            return self._portfolio(seed, initial)
        if initial:
            self.routes = dict(initial)
        elif size <= LARGE:
            first = self._first(seed)
            if first is None:
                return None
            self.routes = first
        else:
            self._first_in_parts(seed)
        if self._stops_a_route(self.routes) > LONG:
            return self._portfolio(seed, self.routes)
        self._improve_parts(0.5 * self.left())
        self.routes = self._recombined(self.routes) or self.routes
        self._improve_parts(min(MASTER_S, MASTER_SHARE * self.seconds))
        return self._recombined(self.routes)

    def _stops_a_route(self, routes: Sequences | None) -> float:
        return sum(map(len, routes.values())) / len(routes) if routes else 0.0

    def _remember(self, answer: Answer) -> None:
        if self.pool is not None:
            for one in (*answer.trail, answer.sequences):
                self.pool.add(one or {})

    def _recombined(self, best: Sequences | None) -> Sequences | None:
        """The best plan of all routes found so far, by the master."""
        if self.pool is None or best is None or self.seconds < SHORT_S:
            return best
        self.pool.add(best)
        before = self.pool.cost(best)
        seconds = min(MASTER_S, MASTER_SHARE * self.seconds, self.left() - 0.1)
        found = recombine(self.pool, best, seconds=seconds, workers=len(self.team), seed=0)
        if found is not best and before is not None:
            self.say(f"master: {before} to {self.pool.cost(found)} from {len(self.pool.routes)} routes")
        return found

    def _portfolio(self, seed: int, initial: Sequences | None) -> Sequences | None:
        """Searches of the whole in rounds, each from the best of the last and what the master makes of all routes."""
        rounds = ROUNDS if self.seconds >= SHORT_S else ROUNDS[-1:]
        best = initial
        for number, share in enumerate(rounds):
            reserve = 0.05 + min(MASTER_S, MASTER_SHARE * self.seconds)
            seconds = max(0.1, share * (self.left() - reserve))
            found = self.whole(
                [
                    Task(seconds, seed + 100 * number + n, initial=best, factor=FACTORS[n % 2], cpu=self.cpu)
                    for n in range(len(self.team))
                ]
            )
            if found is None and best is None:
                break
            best = self._recombined(found or best)
            self.say(f"round {number + 1} of {len(rounds)} over")
        if best is None and self.left() > -0.5:
            # some required order cannot be served: now it may be left, for its penalty
            again = max(0.5, self.left())
            best = self.whole([Task(again, seed + n, required=False, cpu=self.cpu) for n in range(len(self.team))])
        return best

    def _first(self, seed: int) -> Sequences | None:
        seconds = max(0.6, min(0.15 * self.left(), 0.004 * len(self.problem.orders)))
        tasks = [Task(seconds, seed + n, factor=FACTORS[n % 2], cpu=self.cpu) for n in range(len(self.team))]
        best = self.whole(tasks)
        if best is None:
            best = self.whole([Task(seconds, seed + n, required=False, cpu=self.cpu) for n in range(len(self.team))])
        return best

    # --- parts

    def _first_in_parts(self, seed: int) -> None:
        """A first plan of a very large problem: orders by nearest depot, then cut in halves until parts are small."""
        parts = self._cut(list(range(len(self.ids))))
        self.say(f"{len(parts)} parts of about {len(self.ids) // len(parts)} orders")
        fleets = self._share_vehicles(parts)
        share = max(0.3, min(0.25 * self.left() * len(self.team) / len(parts), 3.0))
        queue = [
            Task(share, seed + n, tuple(self.ids[i] for i in part), tuple(fleet), cpu=self.cpu)
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
                    self.routes.update(answer.sequences)
                elif task is not None and task.required and self.left() > share:
                    queue.append(Task(share, task.seed, task.orders, task.vehicles, required=False, cpu=self.cpu))

    def _cut(self, members: list[int]) -> list[list[int]]:
        """Cut in halves between the two orders that are farthest apart, until parts have at most ``2 PART`` orders."""
        if len(members) <= 2 * PART:
            return [members]
        places = self.at[members]
        first = int(np.argmax(self.time_rows[places[0]][places]))
        one = self.time_rows[places[first]][places]
        other = self.time_rows[places[int(np.argmax(one))]][places]
        order = np.argsort(one - other, kind="stable")
        half = len(members) // 2
        return self._cut([members[i] for i in order[:half]]) + self._cut([members[i] for i in order[half:]])

    def _share_vehicles(self, parts: list[list[int]]) -> list[list[str]]:
        """Vehicles to parts: by depot and kind, each part in proportion to its orders, nearest depots first."""
        fleets: list[list[str]] = [[] for _ in parts]
        sizes = np.array([len(part) for part in parts], dtype=float)
        for ids in self.kinds.values():
            depot = self.evaluator.drive(self.evaluator.vehicles[ids[0]]).depot
            reach = np.array([float(self.time_rows[depot][self.at[part]].mean()) for part in parts])
            weight = sizes / (1.0 + reach / max(1.0, float(reach.min()))) ** 3
            ends = np.rint(np.cumsum(weight / weight.sum()) * len(ids)).astype(int)
            start = 0
            for fleet, end in zip(fleets, ends.tolist(), strict=True):
                fleet.extend(ids[start:end])
                start = end
        return fleets

    def _improve_parts(self, reserve: float) -> None:
        """Parts until ``reserve`` seconds are left."""
        share = self._share_s()
        while self.left() > 0.15 + reserve or any(worker.task for worker in self.team):
            for number, worker in enumerate(self.team):
                if worker.task is None and self.left() > 0.15 + reserve:
                    self._give_part(worker, min(share, self.left() - reserve - 0.05), number)
            if not any(worker.task for worker in self.team):
                return
            for worker in self._answering():
                self._take(worker)

    def _share_s(self) -> float:
        """Seconds for a part: every part about six times within the limit, at least 0.35 s, at most 6."""
        parts = max(1.0, len(self.ids) / PART)
        return min(6.0, max(0.35, self.left() * len(self.team) / (parts * 6)))

    def _give_part(self, worker: Worker, seconds: float, number: int) -> None:
        part = self._neighbourhood()
        if part is None:
            return
        vehicles, placed, waiting = part
        spare = self._spare()
        self.busy |= set(vehicles) | set(spare)
        for vehicle_id in vehicles:
            self.visited[vehicle_id] = self.visited.get(vehicle_id, 0) + 1
        task = Task(
            seconds,
            self.chance.randrange(2**30),
            (*placed, *waiting),
            (*vehicles, *spare),
            {one: self.routes[one] for one in vehicles},
            # whether all that waits has room here is not known: it may wait on, for its penalty
            required=not waiting,
            factor=self.chance.choice(FACTORS),
            cpu=self.cpu,
        )
        worker.give(task, (*vehicles, *spare))

    def _spare(self) -> list[str]:
        spare: list[str] = []
        for ids in self.kinds.values():
            free = (one for one in ids if one not in self.routes and one not in self.busy)
            spare.extend(one for _, one in zip(range(SPARE), free, strict=False))
        return spare

    def _take(self, worker: Worker) -> None:
        vehicles = worker.payload
        task = worker.task
        answer = worker.answer()
        self.busy -= set(vehicles)
        self._remember(answer)
        if answer.sequences is None or task is None:
            return
        for one in vehicles:
            self.routes.pop(one, None)
        for one, ids in answer.sequences.items():
            self.routes[one] = ids
            self.visited.setdefault(one, 0)

    def _neighbourhood(self) -> tuple[list[str], list[str], list[str]] | None:
        """Routes near a stop of the least visited free route, up to ``PART`` stops; their orders; open ones near."""
        free = [one for one in self.routes if one not in self.busy]
        if not free:
            return None
        fewest = min(self.visited.get(one, 0) for one in free)
        seed_route = self.chance.choice([one for one in free if self.visited.get(one, 0) == fewest])
        stops = [one for one in self.routes[seed_route] if one != RELOAD]
        centre = self.evaluator.orders[self.chance.choice(stops)].location
        row = self.time_rows[centre][self.at]
        near = np.argsort(row, kind="stable")[: 4 * PART].tolist()
        rank = {self.ids[index]: n for n, index in enumerate(near)}
        score: list[tuple[float, str]] = []
        for vehicle_id in free:
            ids = self.routes[vehicle_id]
            found = [rank[one] for one in ids if one in rank]
            if found:
                score.append((-sum(math.exp(-2.0 * n / PART) for n in found) / math.sqrt(len(ids)), vehicle_id))
        score.sort()
        limit = PART * self.chance.uniform(0.6, 1.2)
        chosen, orders = [seed_route], list(stops)
        for _, vehicle_id in score:
            if vehicle_id == seed_route:
                continue
            members = [one for one in self.routes[vehicle_id] if one != RELOAD]
            if len(orders) + len(members) > limit and len(chosen) >= 2:
                continue
            chosen.append(vehicle_id)
            orders.extend(members)
        return chosen, orders, self._open_near(near, set(orders))

    def _open_near(self, near: list[int], inside: set[str]) -> list[str]:
        """Open orders near the part that it may take up; no alternative of an order served elsewhere."""
        served = {one for ids in self.routes.values() for one in ids}
        groups = {self.evaluator.orders[one].group for one in served - inside if one != RELOAD} - {""}
        found: list[str] = []
        for index in near[: 2 * PART]:
            one = self.ids[index]
            order: Any = self.evaluator.orders[one]
            if one in served or one in self._in_flight() or order.group in groups:
                continue
            if order.pickup_of or one in self.evaluator.pairs:
                continue
            found.append(one)
            if len(found) >= PART // 2:
                break
        return found

    def _in_flight(self) -> set[str]:
        return {one for worker in self.team if worker.task is not None for one in worker.task.orders or ()}
