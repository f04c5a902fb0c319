"""A very large plan under one long annealing, every worker in a slice of it.

An iteration of the compiled engine takes as long on 10,000 stops as on 100, so that what a search of the whole lacks is
iterations a stop. Slices give each core's iterations to stops of their own, and what is hot at first may still settle
how many routes there are and which vehicle serves where; parts that are improved from a first plan on never ask that
again. Slices are cut anew each round, and the temperature falls over all rounds.
"""

from __future__ import annotations

import random

from solvers.engines import Sequences
from solvers.engines.crew import Crew
from solvers.engines.slices import Slice, cut
from solvers.engines.task import Answer, Task

HOT, COLD = 15.0, 0.05
"""First and last temperature, in typical legs. From 10 to 80 the first makes no difference beyond chance; from 3 it is
too cold (days of 4,000 stops, 8 and 30 s)."""
WARM = 1.0
"""First temperature where savings have settled who serves where: what is hotter undoes it."""
MOST_STOPS = 2_500
"""Stops of a slice at most: each has tables of its own, which grow with the square."""
ROUNDS = 8
ROUND_S = 2.5
"""Seconds of a slice in a round, at least: its tables have to be made first."""


def annealed_in_slices(
    crew: Crew, chance: random.Random, first: Sequences, reserve: float, hot: float = HOT
) -> Sequences:
    """The cheapest plan that a round ended with, ``first`` among them, after rounds until ``reserve`` seconds are left.

    A round goes on from where the last one ended, dearer or not. ``hot``: first temperature, in typical legs.
    """
    size, cores = sum(map(len, first.values())), len(crew.team)
    turns = max(1, -(-size // (MOST_STOPS * cores)))
    rounds = max(1, min(ROUNDS, int((crew.left() - reserve) / (turns * ROUND_S))))
    plan = best = {vehicle: ids for vehicle, ids in first.items() if ids}
    saved = most = 0.0
    for number in range(rounds):
        heat = tuple(hot * (COLD / hot) ** ((number + more) / rounds) for more in (0, 1))
        slices = cut(crew.evaluator, plan, turns * cores, chance)
        for turn in range(turns):
            seconds = (crew.left() - reserve) / (turns * (rounds - number) - turn)
            some = slices[turn * cores : (turn + 1) * cores]
            if seconds <= 0.0 or not some:
                break
            tasks = [_task(one, seconds, chance.randrange(2**30), heat, crew.cpu) for one in some]
            for one, answer in zip(some, crew.each(tasks), strict=True):
                plan, gained = _with(plan, one, answer)
                saved += gained
        if saved > most:
            best, most = plan, saved
        crew.say(f"annealing in slices, round {number + 1} of {rounds}: {len(plan)} routes")
    return best


def _task(one: Slice, seconds: float, seed: int, heat: tuple[float, ...], cpu: bool) -> Task:
    hot, cold = heat
    vehicles = (*one.routes, *one.spare)
    return Task(
        seconds, seed, one.orders, vehicles, one.routes, cpu=cpu, engine="compiled", hot=hot, cold=cold, onward=True
    )


def _with(plan: Sequences, one: Slice, answer: Answer | None) -> tuple[Sequences, float]:
    """``plan`` with the slice as its search ended, and what that saves; as it was where no answer came."""
    if answer is None or answer.sequences is None or answer.before is None:
        return plan, 0.0
    rest = {vehicle: ids for vehicle, ids in plan.items() if vehicle not in one.routes}
    return rest | {vehicle: ids for vehicle, ids in answer.sequences.items() if ids}, answer.before - answer.cost
