"""Which requests leave with this wave: everything, only what must, or what sampled futures agree on.

``Conditional`` is iterative conditional dispatch: Lan, van Doorn, Wouda, Rijal and Bhulai, *An iterative sample
scenario approach for the dynamic dispatch waves problem*, Transportation Science 2024 (arXiv:2308.14476). Futures are
drawn and routed together with the open requests; what leaves now in most of them is fixed to go, what waits in most is
fixed to wait, and the next round draws again around what is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.waves.pool import Pool
from solvers.waves.search import Answer, Task
from solvers.waves.wave import Booleans, Integers, Requests, Sampler, Wave

Routes = list[list[int]]
MARGIN_S = 0.08
"""Kept back from each wave for what happens between searches."""
OVERHEAD_S = 0.02
"""What one future costs beyond its search."""


def everything(wave: Wave, pool: Pool, seconds: float, seed: int = 0) -> Routes:
    """Greedy: all open requests leave."""
    return routed(wave, np.ones(len(wave.requests), dtype=bool), pool, pool.clock() + seconds, seed)


def only_must_go(wave: Wave, pool: Pool, seconds: float, seed: int = 0) -> Routes:
    """Lazy: nothing leaves that could wait."""
    return routed(wave, wave.must_go, pool, pool.clock() + seconds, seed)


def routed(wave: Wave, chosen: Booleans, pool: Pool, deadline: float, seed: int) -> Routes:
    """The cheapest routes found of the ``chosen`` requests: one search a process, each with its own seed."""
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return []
    requests = wave.requests.take(rows)
    free = np.zeros(len(rows), dtype=bool)
    seconds = max(0.05, deadline - pool.clock() - MARGIN_S)
    history = 20 if seconds < 5 else 50 if seconds < 20 else 150
    tasks = [
        Task(
            requests,
            now=free,
            later=free,
            capacity=wave.capacity,
            close_s=wave.close_s,
            step_s=wave.step_s,
            seconds=seconds,
            seed=1_000 * seed + n,
            history=history,
        )
        for n in range(pool.size)
    ]
    found = pool.run(tasks, pool.clock() + seconds)
    answers = [one for one in found if one is not None and one.routes is not None]
    # each request alone is always possible: what a pool that died leaves us with
    best = min(answers, key=lambda one: one.cost_s).routes if answers else None
    return [[int(rows[n]) for n in one] for one in best or [[n] for n in range(len(rows))]]


@dataclass(frozen=True)
class Conditional:
    """Iterative conditional dispatch.

    Attributes:
        rounds: how often futures are drawn around what is already fixed.
        lookahead: waves ahead that a future reaches.
        scenario_s: what one future is worth in seconds of search; the number of futures follows from the time.
        go_from: share of the futures in which a request leaves now that fixes it to go.
        hold_from: share in which it waits that fixes it to wait.
        share: of the wave's time that is given to futures; the rest routes what goes.
        history: of late acceptance in the search of a future.
        unsure_goes: what no round has fixed goes (else it waits).
        idle_goes: a route that could do either counts as leaving (else only where it cannot wait).
        chained: a future's search begins where the last one left the known requests.
    """

    rounds: int = 3
    lookahead: int = 1
    scenario_s: float = 0.4
    fewest: int = 8
    most: int = 40
    go_from: float = 0.5
    hold_from: float = 0.8
    share: float = 0.8
    history: int = 10
    unsure_goes: bool = True
    idle_goes: bool = True
    chained: bool = False

    def __call__(self, wave: Wave, sampler: Sampler, pool: Pool, seconds: float, seed: int = 0) -> Routes:
        """Routes of what leaves now."""
        begun = pool.clock()
        goes = self.choose(wave, sampler, pool, self.share * seconds, seed)
        return routed(wave, goes, pool, begun + seconds, seed)

    def choose(self, wave: Wave, sampler: Sampler, pool: Pool, seconds: float, seed: int) -> Booleans:
        """Mask of the requests that leave now."""
        size = len(wave.requests)
        if wave.left == 0 or wave.must_go.all():
            return np.ones(size, dtype=bool)
        generator = np.random.default_rng([seed, wave.left])
        begun = pool.clock()
        work = seconds * pool.size / self.rounds
        futures = int(np.clip(round(work / self.scenario_s), self.fewest, self.most))
        futures += -futures % pool.size
        each = max(0.05, work / futures - OVERHEAD_S)
        go, hold = wave.must_go.copy(), np.zeros(size, dtype=bool)
        for number in range(self.rounds):
            ends = begun + seconds * (number + 1) / self.rounds
            tasks = [self._future(wave, go, hold, sampler, generator, each, seed) for _ in range(futures)]
            votes = [
                leaves(one, tasks[n], pool.travel_s, size, self.idle_goes)
                for n, one in enumerate(pool.run(tasks, ends + each))
                if one is not None and one.routes is not None
            ]
            if not votes:
                continue
            share = np.mean(votes, axis=0)
            go, hold = (
                go | ((share >= self.go_from) & ~hold),
                hold | ((1 - share >= self.hold_from) & ~go),
            )
            if (go | hold).all():
                break
        return ~hold if self.unsure_goes else go

    def _future(
        self,
        wave: Wave,
        go: Booleans,
        hold: Booleans,
        sampler: Sampler,
        generator: np.random.Generator,
        seconds: float,
        seed: int,
    ) -> Task:
        drawn = [sampler(generator, k) for k in range(1, min(self.lookahead, wave.left) + 1)]
        requests = wave.requests
        for one in drawn:
            requests = requests.join(one)
        more = len(requests) - len(go)
        release = requests.release_s.copy()
        release[: len(hold)][hold] = wave.step_s
        return Task(
            Requests(requests.place, requests.early_s, requests.late_s, requests.service_s, requests.demand, release),
            now=np.concatenate([go, np.zeros(more, dtype=bool)]),
            later=np.concatenate([hold, np.ones(more, dtype=bool)]),
            capacity=wave.capacity,
            close_s=wave.close_s,
            step_s=wave.step_s,
            seconds=seconds,
            seed=int(generator.integers(2**31)),
            history=self.history,
            chain=f"{seed}/{wave.left}" if self.chained else "",
            known=len(go),
        )


def leaves(answer: Answer, task: Task, travel_s: Integers, known: int, idle_goes: bool) -> Booleans:
    """Which of the first ``known`` requests leave now in a routed future.

    A route leaves now with something that must; it waits with something that has yet to come. A route that could do
    either leaves now only where ``idle_goes`` or where it would be late a wave later.
    """
    votes = np.zeros(known, dtype=bool)
    for visits in answer.routes or []:
        if task.now[visits].any():
            goes = True
        elif task.later[visits].any():
            goes = False
        else:
            goes = idle_goes or not can_wait(visits, task, travel_s)
        if goes:
            votes[visits] = True
    return votes


def can_wait(visits: Sequence[int], task: Task, travel_s: Integers) -> bool:
    """Whether a route is still in time when it leaves one wave later."""
    requests, clock, place = task.requests, task.step_s, 0
    for n in visits:
        clock = max(clock + int(travel_s[place, requests.place[n]]), int(requests.early_s[n]))
        if clock > requests.late_s[n]:
            return False
        clock += int(requests.service_s[n])
        place = int(requests.place[n])
    return clock + int(travel_s[place, 0]) <= task.close_s
