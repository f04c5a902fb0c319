"""A plan of few long routes in slices: every worker has some of the routes, all the time, and rounds are cut anew.

Where routes are long, a part of few of them is a trap, and an iteration on the whole is slow: it takes the longer the
more stops there are, though it changes a few. In slices it is about as many times shorter as there are slices, and
workers work side by side on one plan instead of each on its own. What searches have learnt goes from round to round:
prices, and how far one may stray (``threshold``).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.engines import RELOAD, Sequences
from solvers.engines.crew import Crew
from solvers.engines.ils import MANY_NEIGHBOURS, Prices
from solvers.engines.parts import SPARE
from solvers.engines.state import kind_of
from solvers.engines.task import Task
from solvers.evaluator import Evaluator

SLICES = 2
"""At least so many: one worker takes them in turn."""
LEAST_ROUTES = 4
"""Routes a slice at least."""
ROUNDS = 8
SHORTEST_S = 1.0
"""Seconds of a round, at least."""
SLACK = 0.015
"""Share of the cost that an accepted plan may cost more than the best at first; at last it is nothing."""


@dataclass(frozen=True)
class Slice:
    """Routes, unused vehicles and open orders that one search has for itself."""

    routes: Sequences
    spare: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def orders(self) -> tuple[str, ...]:
        """All orders of the slice, those on routes first."""
        return (*(one for ids in self.routes.values() for one in ids if one != RELOAD), *self.waiting)


def cut(evaluator: Evaluator, plan: Sequences, count: int, chance: random.Random) -> list[Slice]:
    """``count`` slices of about as many stops each.

    Two orders are drawn; routes, and open orders, are sorted by how much nearer they are to the one than to the other.
    Orders that belong together (pairs, alternatives of one order) are in the same slice.
    """
    problem = evaluator.problem
    one, other = (order.location for order in chance.sample(problem.orders, 2))
    metres: Any = problem.travel.distance_m
    lean = metres[one].astype(np.float64) - metres[other]
    leans = {
        vehicle: float(np.mean([lean[evaluator.orders[o].location] for o in ids if o != RELOAD]))
        for vehicle, ids in plan.items()
    }
    routes: list[Sequences] = [{} for _ in range(count)]
    total, passed = sum(map(len, plan.values())), 0.0
    borders = [-np.inf] * count
    home: dict[str, int] = {}
    for vehicle in sorted(plan, key=leans.__getitem__):
        number = min(count - 1, int(count * (passed + 0.5 * len(plan[vehicle])) / max(1, total)))
        passed += len(plan[vehicle])
        routes[number][vehicle] = plan[vehicle]
        borders[number] = max(borders[number], leans[vehicle])
        home |= {evaluator.orders[o].group: number for o in plan[vehicle] if o != RELOAD and evaluator.orders[o].group}
    filled = [n for n in range(count) if routes[n]]
    waiting: list[list[str]] = [[] for _ in range(count)]
    served = {o for ids in plan.values() for o in ids}
    for order in problem.orders:
        if order.order_id in served:
            continue
        lead = evaluator.orders[evaluator.pairs.get(order.order_id, order.order_id)]
        number = next((n for n in filled if lean[lead.location] <= borders[n]), filled[-1])
        if order.group:
            number = home.setdefault(order.group, number)
        waiting[number].append(order.order_id)
    unused: dict[tuple[object, ...], list[str]] = {}
    for each in problem.vehicles:
        if each.vehicle_id not in plan:
            unused.setdefault(kind_of(each), []).append(each.vehicle_id)
    return [
        Slice(routes[n], tuple(v for ids in unused.values() for v in ids[n::count][:SPARE]), tuple(waiting[n]))
        for n in filled
    ]


def improved(crew: Crew, seed: int, best: Sequences, prices: Prices | None, reserve: float) -> Sequences:
    """The best plan of rounds of searches in slices from ``best`` on, until ``reserve`` seconds are left.

    A round goes on from where the last one ended, which may be dearer than the best.
    """
    chance = random.Random(seed)
    begun = crew.left() - reserve
    rounds = max(1, min(ROUNDS, int(begun / SHORTEST_S)))
    plan = {vehicle: ids for vehicle, ids in best.items() if ids}
    for number in range(rounds):
        count = min(max(SLICES, len(crew.team)), len(plan) // LEAST_ROUTES)
        if count < SLICES:
            break
        seconds = (crew.left() - reserve) / (rounds - number)
        if seconds <= 0.0:
            break
        slices = cut(crew.evaluator, plan, count, chance)
        turns = -(-len(slices) // len(crew.team))
        slack = (SLACK * (1.0 - number / rounds) ** 2, SLACK * (1.0 - (number + 1) / rounds) ** 2)
        for at in range(0, len(slices), len(crew.team)):
            some = slices[at : at + len(crew.team)]
            tasks = [
                Task(
                    seconds / turns,
                    chance.randrange(2**30),
                    one.orders,
                    (*one.routes, *one.spare),
                    one.routes,
                    required=not any(crew.evaluator.orders[o].required for o in one.waiting),
                    near=MANY_NEIGHBOURS,
                    prices=prices,
                    slack=slack,
                    cpu=crew.cpu,
                )
                for one in some
            ]
            for one, answer in zip(some, crew.each(tasks), strict=True):
                if answer is None:
                    continue
                prices = answer.prices or prices
                if answer.sequences is not None:
                    plan = {vehicle: ids for vehicle, ids in plan.items() if vehicle not in one.routes}
                    plan |= {vehicle: ids for vehicle, ids in answer.sequences.items() if ids}
        if crew.rank(plan) <= crew.rank(best):
            best = plan
        crew.say(f"slices, round {number + 1} of {rounds}: {len(plan)} routes, cost {crew.rank(plan)[1]:.0f}")
    return best
