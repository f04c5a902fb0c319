"""A process that can be killed, and PyVRP in it: solves whole problems or parts of them, one task after another.

PyVRP 0.14.1 searches in one thread and can hang before its stopping rule is asked; a process for each core, watched
from outside, answers both. Matrices reach it as files mapped into memory, so that 10,000 places are held once.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from solvers.engines.task import Answer, Task, solve
from solvers.problem import PlanningProblem, Rule, Travel

COMPILED_FROM = 250
"""Orders from which the compiled engine is surely asked."""
GRACE_S = 1.5
"""How much longer than its time a task may take before its process is killed."""


class SharedProblem:
    """A problem whose matrices lie in files of a temporary folder, for processes to map."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.forks = can_fork()
        self.own = replace(problem, rules=pair_rules(problem.rules), locks=())
        if self.forks:
            import pyvrp  # noqa: F401 - so that no child has to import it

            if len(problem.orders) > COMPILED_FROM:
                import numba  # noqa: F401

            self.fields: dict[str, Any] = {"orders": problem.orders}
            return
        self.folder = tempfile.TemporaryDirectory(prefix="fivefold-")
        files: dict[int, str] = {}

        def stored(matrix: Any) -> str:
            if id(matrix) not in files:
                name = str(Path(self.folder.name) / f"matrix-{len(files)}.npy")
                np.save(name, matrix)
                files[id(matrix)] = name
            return files[id(matrix)]

        def files_of(travel: Travel) -> tuple[str, str]:
            return stored(travel.distance_m), stored(travel.duration_s)

        self.travel = files_of(problem.travel)
        self.profiles = {name: files_of(travel) for name, travel in problem.profiles.items()}
        # the rows and columns are in the files: the rest is sent as it is
        self.fields = {
            "depots": problem.depots,
            "orders": problem.orders,
            "vehicles": problem.vehicles,
            "currency": problem.currency,
            "rules": pair_rules(problem.rules),
        }

    def message(self) -> dict[str, Any]:
        """What a process needs to build the problem."""
        if self.forks:
            return {"problem": self.own}
        return {"travel": self.travel, "profiles": self.profiles, **self.fields}

    def close(self) -> None:
        """Remove the files."""
        if not self.forks:
            self.folder.cleanup()


def can_fork() -> bool:
    """Whether a child may be forked: instantly there and sharing all memory, but safe only beside no other thread."""
    return sys.platform == "linux" and threading.active_count() == 1


def pair_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that PyVRP's price matrices can say."""
    from solvers.families import REGISTRY

    return tuple(rule for rule in rules if REGISTRY[rule.type].scope == "pair")


def _load(message: Mapping[str, Any]) -> PlanningProblem:
    if "problem" in message:
        return message["problem"]
    files: dict[str, Any] = {}

    def mapped(name: str) -> Any:
        if name not in files:
            files[name] = np.load(name, mmap_mode="r")
        return files[name]

    def travel(names: tuple[str, str]) -> Travel:
        return Travel(mapped(names[0]), mapped(names[1]))

    return PlanningProblem(
        depots=message["depots"],
        orders=message["orders"],
        vehicles=message["vehicles"],
        travel=travel(message["travel"]),
        currency=message["currency"],
        rules=message["rules"],
        profiles={name: travel(names) for name, names in message["profiles"].items()},
    )


class Worker:
    """The parent's end: give one task at a time, ask for its answer, kill what does not come back."""

    def __init__(self, shared: SharedProblem) -> None:
        self.shared = shared
        self.task: Task | None = None
        self.payload: Any = None
        self.due = 0.0
        self._start()

    def _start(self) -> None:
        forks = self.shared.forks
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.connection, child = context.Pipe()
        self.process = context.Process(target=_serve, args=(child, self.shared.message()), daemon=True)
        self.process.start()
        child.close()
        self.fresh, self.retired = True, False

    def give(self, task: Task, payload: Any = None) -> None:
        """Start ``task``; ``payload`` is the caller's own note on it."""
        if self.retired:
            self._start()
        self.task, self.payload = task, payload
        size = len(self.shared.fields["orders"]) if task.orders is None else len(task.orders)
        # a process that has just been started imports and reads first; large problems take seconds to compile
        slow = (8.0 if self.fresh and not self.shared.forks else 0.0) + 0.003 * size
        self.fresh = False
        endless = task.iterations is not None or task.cpu
        self.due = float("inf") if endless else time.monotonic() + task.seconds + GRACE_S + slow
        self.connection.send(task)

    def cpu_s(self) -> float:
        """Processor seconds that the process has used."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def answer(self) -> Answer:
        """The answer that is waiting; an empty one where the process died."""
        self.task = None
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.restart()
            return Answer(None, float("inf"))

    def restart(self) -> None:
        """Kill the process and start another."""
        self.retire()
        self._start()

    def retire(self) -> None:
        """Kill the process; another is started when there is a task again."""
        self.stop()
        self.task = None
        self.retired = True

    def stop(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, message: Mapping[str, Any]) -> None:
    problem = _load(message)
    by_order = {order.order_id: order for order in problem.orders}
    by_vehicle = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    whole: dict[bool, Any] = {}
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        began, used = time.perf_counter(), time.process_time()
        try:
            answer = solve(problem, by_order, by_vehicle, whole, task, used if task.cpu else began)
        except Exception as error:
            # whatever PyVRP raises ends this task, not the plan: others go on and the fallback stands ready
            answer = Answer(None, float("inf"), f"{type(error).__name__}: {error}")
        share = (time.process_time() - used) / max(1e-9, time.perf_counter() - began)
        connection.send(replace(answer, processor_share=share))
