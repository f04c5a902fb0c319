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
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from solvers.engines import Sequences
from solvers.problem import Order, PlanningProblem, Rule, Travel, Vehicle

LEAST_S = 0.4
"""Seconds of search that a task gets even where compiling took its time."""
TRAIL = 10
"""Earlier best plans that an answer brings along."""
GRACE_S = 1.5
"""How much longer than its time a task may take before its process is killed."""


@dataclass(frozen=True)
class Task:
    """One search: over the orders and vehicles named (``None``: all), from ``initial`` where it has routes.

    ``factor`` sets PyVRP's first prices of lateness and overload (``ils.first_penalties``). ``cpu``: ``seconds`` are
    the process's own processor seconds.
    """

    seconds: float
    seed: int
    orders: tuple[str, ...] | None = None
    vehicles: tuple[str, ...] | None = None
    initial: Sequences | None = None
    factor: float = 5.0
    iterations: int | None = None
    required: bool = True
    cpu: bool = False


@dataclass(frozen=True)
class Answer:
    """``sequences`` is None where nothing feasible, or nothing better than ``initial``, was found.

    ``error``: what went wrong in the process, in one line. ``trail``: earlier best plans, whose routes may serve again.
    """

    sequences: Sequences | None
    cost: float
    error: str = ""
    trail: tuple[Sequences, ...] = ()


class SharedProblem:
    """A problem whose matrices lie in files of a temporary folder, for processes to map."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.forks = can_fork()
        self.own = replace(problem, rules=pair_rules(problem.rules), locks=())
        if self.forks:
            import pyvrp  # noqa: F401 - so that no child has to import it

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
        started = time.process_time() if task.cpu else time.perf_counter()
        try:
            answer = _solve(problem, by_order, by_vehicle, whole, task, started)
        except Exception as error:
            # whatever PyVRP raises ends this task, not the plan: others go on and the fallback stands ready
            answer = Answer(None, float("inf"), f"{type(error).__name__}: {error}")
        connection.send(answer)


def part_of(
    problem: PlanningProblem,
    by_order: Mapping[str, Order],
    by_vehicle: Mapping[str, Vehicle],
    orders: Sequence[str],
    vehicles: Sequence[str],
) -> PlanningProblem:
    """The problem of some orders and vehicles, with matrices of their places only and the rules that concern them."""
    chosen = [by_order[one] for one in orders]
    fleet = tuple(by_vehicle[one] for one in vehicles)
    depots = problem.depots
    places = np.array([*(one.location for one in depots), *(one.location for one in chosen)])
    rows = np.ix_(places, places)

    def cut(travel: Travel) -> Travel:
        distance = np.ascontiguousarray(travel.distance_m[rows])
        same = travel.duration_s is travel.distance_m
        return Travel(distance, distance if same else np.ascontiguousarray(travel.duration_s[rows]))

    inside, own = frozenset(orders), frozenset(vehicles)
    rules = tuple(
        replace(rule, orders=rule.orders & inside, vehicles=rule.vehicles & own)
        for rule in problem.rules
        if (not rule.orders or rule.orders & inside) and (not rule.vehicles or rule.vehicles & own)
    )
    return PlanningProblem(
        depots=tuple(replace(one, location=n) for n, one in enumerate(depots)),
        orders=tuple(replace(one, location=len(depots) + n) for n, one in enumerate(chosen)),
        vehicles=fleet,
        travel=cut(problem.travel),
        currency=problem.currency,
        rules=rules,
        profiles={name: cut(travel) for name, travel in problem.profiles.items()},
    )


def _solve(
    problem: PlanningProblem,
    by_order: Mapping[str, Order],
    by_vehicle: Mapping[str, Vehicle],
    whole: dict[bool, Any],
    task: Task,
    started: float,
) -> Answer:
    from solvers.engines.compile import compile_problem, sequences_of, solution_of
    from solvers.engines.ils import money, run
    from solvers.evaluator import Evaluator

    if task.orders is None or task.vehicles is None:
        if task.required not in whole:
            evaluator = Evaluator(problem)
            whole[task.required] = (evaluator, compile_problem(evaluator, required=task.required))
        evaluator, compiled = whole[task.required]
    else:
        evaluator = Evaluator(part_of(problem, by_order, by_vehicle, task.orders, task.vehicles))
        compiled = compile_problem(evaluator, required=task.required)
    initial = solution_of(compiled, evaluator, task.initial) if task.initial else None
    spent = (time.process_time() if task.cpu else time.perf_counter()) - started
    seconds = max(min(LEAST_S, task.seconds), task.seconds - spent)
    trail: deque[Any] = deque(maxlen=TRAIL)
    best, cost = run(
        compiled.data,
        seconds,
        task.seed,
        initial,
        factor=task.factor,
        iterations=task.iterations,
        cpu=task.cpu,
        on_best=trail.append,
    )
    earlier = tuple(sequences_of(compiled, one) for one in trail if one.is_feasible())
    if not best.is_feasible():
        return Answer(None, float("inf"))
    if initial is not None and initial.is_feasible() and cost >= money(initial):
        return Answer(None, cost / compiled.scale, trail=earlier)
    return Answer(sequences_of(compiled, best), cost / compiled.scale, trail=earlier)
