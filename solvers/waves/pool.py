"""Processes that route requests, one a core; what hangs is killed and started again."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from solvers.waves.search import Answer, Begin, Task, route, warm_up
from solvers.waves.wave import Integers

GRACE_S = 1.0
START_S = 120.0
READY = "ready"


@dataclass
class _Process:
    process: Any
    connection: Connection
    ready: bool = False
    job: int = -1
    due: float = float("inf")


class Pool:
    """``with Pool(travel_s) as pool: pool.run(tasks, deadline)``. Matrices are sent once.

    Args:
        travel_s: square matrix of seconds; row 0 is the depot.
        size: processes; default: one a core.
    """

    def __init__(self, travel_s: Integers, size: int | None = None) -> None:
        self.travel_s = travel_s
        self.size = size or len(os.sched_getaffinity(0))
        self.processes = [self._start() for _ in range(self.size)]
        limit = time.monotonic() + START_S
        while not all(one.ready for one in self.processes) and time.monotonic() < limit:
            self._listen([], limit)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, tasks: Sequence[Task], deadline: float) -> list[Answer | None]:
        """Answers in the order of ``tasks``; None for what was not begun, or not answered, by ``deadline``.

        ``deadline`` is on ``clock``.
        """
        answers: list[Answer | None] = [None] * len(tasks)
        waiting = deque(range(len(tasks)))
        while True:
            for one in self.processes:
                # a task that would end well after the deadline is not begun
                if one.ready and one.job < 0 and waiting:
                    if time.monotonic() + 0.5 * tasks[waiting[0]].seconds > deadline:
                        waiting.clear()
                        break
                    self._give(one, waiting.popleft(), tasks)
            busy = [one for one in self.processes if one.job >= 0]
            if not busy and (not waiting or time.monotonic() > deadline):
                return answers
            self._listen(answers, min([deadline + GRACE_S, *(one.due for one in busy)]))

    def clock(self) -> float:
        """Seconds by which waves are timed."""
        return time.monotonic()

    def close(self) -> None:
        """End the processes."""
        for one in self.processes:
            _kill(one)
        self.processes = []

    def _give(self, one: _Process, job: int, tasks: Sequence[Task]) -> None:
        one.job, one.due = job, time.monotonic() + tasks[job].seconds + GRACE_S
        with suppress(OSError):  # it died idle: its connection reads as closed, and it is replaced
            one.connection.send(tasks[job])

    def _listen(self, answers: list[Answer | None], until: float) -> None:
        """Take what has come by ``until``; replace the process that died or is overdue."""
        wait([one.connection for one in self.processes], max(0.0, until - time.monotonic()))
        for n, one in enumerate(self.processes):
            if one.connection.poll():
                try:
                    message = one.connection.recv()
                except (EOFError, OSError):
                    self._replace(n)
                    continue
                if one.job >= 0:
                    answers[one.job] = message
                one.ready, one.job, one.due = True, -1, float("inf")
            elif one.job >= 0 and time.monotonic() > one.due:
                self._replace(n)

    def _replace(self, n: int) -> None:
        _kill(self.processes[n])
        self.processes[n] = self._start()

    def _start(self) -> _Process:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.travel_s), daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)


class OneByOne(Pool):
    """A pool of ``size`` without processes: searches run here one after the other and are timed by the processor.

    What else runs on the machine changes nothing. A search that hangs is not killed.
    """

    def __init__(self, travel_s: Integers, size: int = 2) -> None:
        self.travel_s, self.size, self.processes = travel_s, size, []
        warm_up()

    def run(self, tasks: Sequence[Task], deadline: float) -> list[Answer | None]:
        answers: list[Answer | None] = []
        for task in tasks:
            begins = self.clock() + 0.5 * task.seconds / self.size <= deadline
            answers.append(route(self.travel_s, replace(task, cpu=True)) if begins else None)
        return answers

    def clock(self) -> float:
        """Processor seconds of this process, as if ``size`` of them ran at once."""
        return time.process_time() / self.size


def _kill(one: _Process) -> None:
    one.process.kill()
    one.process.join()
    one.connection.close()


def _serve(connection: Connection, travel_s: Integers) -> None:
    import pyvrp  # noqa: F401  imported before the first task's clock runs

    warm_up()
    connection.send(READY)
    chain: str = ""
    last = Begin()
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            answer = route(travel_s, task, last if task.chain and task.chain == chain else None)
        except Exception:
            answer = Answer(None, 0)
        chain = task.chain
        last = left_of(answer, task) if chain else Begin()
        connection.send(answer)


def left_of(answer: Answer, task: Task) -> Begin:
    """What an answer leaves to the next task of its chain: its known requests, on vehicles that leave when theirs did.

    A route that waited for requests that are not drawn again still waits: begun as one that leaves now, it would speak
    for leaving.
    """
    pairs = zip(answer.routes or [], answer.waits, strict=True)
    kept = [([n for n in one if n < task.known], waits) for one, waits in pairs]
    kept = [one for one in kept if one[0]]
    return Begin([visits for visits, _ in kept], [waits for _, waits in kept])
