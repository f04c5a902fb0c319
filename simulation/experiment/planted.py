"""Worlds whose truth is known: the analysis must find it, or it is not to be believed on any other.

Each order of such a world fails where a draw of its own lies below the arm's probability; all arms meet the same draws
(common random numbers). The cost of an order is a price of transport, shared by the world and the day, and the price of
a failure. So v(s) of the cost per order is exactly ``failure x (p(none) - p(s))`` in expectation.

==================  ===================================================================================
world               p(none) - p(s)
==================  ===================================================================================
``additive``        the sum of the drivers' own shares: S = 0 on the absolute scale
``super_additive``  that, and more for some pairs: S is the sum of the pairs' shares
``null``            0: nothing has an effect
==================  ===================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulation.experiment import effects
from simulation.experiment.analysis import Panel, analyse
from simulation.experiment.arms import ALL, COUNT, SETS

Floats = npt.NDArray[np.float64]
FAILURE_MINOR, TRANSPORT_MINOR, BASE = 1_720.0, 350.0, 0.2
OWN = (0.03, 0.01, 0.025, 0.015, 0.01)
TOGETHER = {(0, 1): 0.015, (2, 3): 0.02, (2, 4): 0.015}


@dataclass(frozen=True)
class PlantedWorld:
    """Shares of orders that each driver, and each pair beyond them, keeps from failing."""

    name: str
    own: tuple[float, ...] = (0.0,) * COUNT
    pairs: tuple[tuple[tuple[int, int], float], ...] = ()

    def true_values(self) -> Floats:
        """v of the cost per order by set."""
        v = np.zeros(SETS)
        for mask in range(SETS):
            on = [bool(mask >> bit & 1) for bit in range(COUNT)]
            v[mask] = sum(share for share, is_on in zip(self.own, on, strict=True) if is_on)
            v[mask] += sum(share for (i, j), share in self.pairs if on[i] and on[j])
        return FAILURE_MINOR * v


WORLDS = (
    PlantedWorld("additive", OWN),
    PlantedWorld("super_additive", OWN, tuple(TOGETHER.items())),
    PlantedWorld("null"),
)


def play(world: PlantedWorld, seeds: int, days: int, orders: int, seed: int = 0) -> Panel:
    """Days of all 32 arms of a planted world: cost (minor units) and orders."""
    top, bottom = np.empty((SETS, seeds, days)), np.empty((SETS, seeds, days))
    saved = world.true_values() / FAILURE_MINOR
    for number in range(seeds):
        random = np.random.default_rng((seed, number))
        level = random.normal(0, 0.02)
        price = TRANSPORT_MINOR * np.exp(random.normal(0, 0.05) + random.normal(0, 0.05, days))
        # what an arm's own decisions add to luck: worlds differ in how well they suit an arm, too
        luck = random.normal(0, 1.5, (SETS, days))
        count = random.poisson(orders, days)
        for day in range(days):
            draws = np.sort(random.random(count[day]))
            chance = np.clip(BASE + level - saved, 0, 1)
            failed = np.searchsorted(draws, chance)
            top[:, number, day] = count[day] * (price[day] + luck[:, day]) + FAILURE_MINOR * failed
            bottom[:, number, day] = count[day]
    return Panel(world.name, "lower", top, bottom)


def recover(world: PlantedWorld, seeds: int = 10, days: int = 30, orders: int = 500, seed: int = 0) -> dict[str, Any]:
    """What the analysis finds beside the truth, and whether it recovered it.

    Recovered: S and v(all) lie in their intervals and are told apart from 0 exactly where they differ from it; of the
    Shapley values and pairs, at most three lie outside (15 intervals at 95 % let expect one; they hang together).
    """
    found = analyse(play(world, seeds, days, orders, seed), draws=2_000, seed=seed)["absolute"]
    truth = world.true_values()
    pairs = [(row, x) for row, x in zip(found["pairs"], effects.effect("pairs", truth), strict=True)]
    shapley = [(row, x) for row, x in zip(found["shapley"], effects.effect("shapley", truth), strict=True)]
    true_s, true_all = float(effects.super_additivity(truth)), float(truth[ALL])
    checked = [(found["S"], true_s), (found["all_minus_none"], true_all), *pairs, *shapley]
    held = [bool(row["low"] <= x <= row["high"]) for row, x in checked]
    missed = held.count(False)
    signs = all(_sign(row) == np.sign(round(x, 9)) for row, x in checked[:2])
    return {
        "world": world.name,
        "recovered": bool(signs and all(held[:2]) and missed <= 3),
        "missed_intervals": missed,
        "intervals": len(checked),
        "true_S": true_s,
        "S": found["S"],
        "true_all_minus_none": true_all,
        "all_minus_none": found["all_minus_none"],
    }


def _sign(row: dict[str, float]) -> int:
    return 1 if row["low"] > 0 else -1 if row["high"] < 0 else 0
