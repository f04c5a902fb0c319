"""Intervals by resampling worlds and days. One draw serves all arms: they met the same worlds, so they stay paired.

Days of a world hang together (learning carries over), so that the unit is the world: seeds are drawn with replacement
and, inside each, blocks of a week (circular block bootstrap, Politis and Romano 1992). Intervals are percentiles,
spread by sqrt(n / (n - 1)) of n seeds, because the plain bootstrap of few clusters is too narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
WEEK = 7
DRAWS = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval; ``p`` is the two-sided bootstrap probability of 0 or beyond."""

    value: float
    low: float
    high: float
    p: float

    def as_dict(self) -> dict[str, float]:
        """Plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high, "p": self.p}

    @property
    def verdict(self) -> str:
        """``above``, ``below`` or ``not told apart`` from 0."""
        return "above" if self.low > 0 else "below" if self.high < 0 else "not told apart"


def day_weights(seeds: int, days: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each day of each world is in each draw: (draws, seeds x days)."""
    random = np.random.default_rng(seed)
    blocks = -(-days // WEEK)
    weights = np.zeros((draws, seeds, days))
    chosen = random.integers(0, seeds, (draws, seeds))
    rows = np.repeat(np.arange(draws), days)
    for slot in range(seeds):
        starts = random.integers(0, days, (draws, blocks))
        picked = ((starts[:, :, None] + np.arange(WEEK)) % days).reshape(draws, -1)[:, :days]
        np.add.at(weights, (rows, np.repeat(chosen[:, slot], days), picked.ravel()), 1.0)
    return weights.reshape(draws, seeds * days)


def ratios(numerator: Floats, denominator: Floats, weights: Floats | None = None) -> Floats:
    """KPI by arm: weighted sum of numerators over that of denominators (0 where nothing counts).

    Args:
        numerator, denominator: arms x seeds x days.
        weights: draws x (seeds x days); None: every day once.

    Returns:
        (arms,) or (draws, arms).
    """
    top, bottom = (one.reshape(len(one), -1).T for one in (numerator, denominator))
    if weights is None:
        above, below = top.sum(axis=0), bottom.sum(axis=0)
    else:
        above, below = weights @ top, weights @ bottom
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def estimate(value: float, drawn: Floats, seeds: int, level: float = LEVEL) -> Estimate:
    """Percentile interval of ``drawn`` around ``value``, spread for few seeds."""
    spread = np.sqrt(seeds / (seeds - 1)) if seeds > 1 else 1.0
    moved = value + (drawn - value) * spread
    low, high = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2])
    beyond = min(float((moved <= 0).mean()), float((moved >= 0).mean()))
    return Estimate(float(value), float(low), float(high), min(1.0, 2 * max(beyond, 1 / (len(moved) + 1))))


def estimates(statistic: Callable[[Floats], Floats], kpi: Floats, drawn: Floats, seeds: int) -> list[Estimate]:
    """``statistic`` (of the last axis, arms) of the KPI and of its draws: one estimate for each number it gives."""
    value, moved = np.atleast_1d(statistic(kpi)), statistic(drawn)
    moved = moved.reshape(len(drawn), -1)
    return [estimate(float(one), moved[:, number], seeds) for number, one in enumerate(value.ravel())]


def holm(p: list[float]) -> list[float]:
    """Adjusted p-values of a family (Holm 1979, Scandinavian Journal of Statistics 6)."""
    order, adjusted, most = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for rank, number in enumerate(order.tolist()):
        most = max(most, min(1.0, (len(p) - rank) * p[number]))
        adjusted[number] = most
    return adjusted


def as_rows(names: list[str], found: list[Estimate]) -> list[dict[str, Any]]:
    """Estimates with their names."""
    return [{"name": name, **one.as_dict()} for name, one in zip(names, found, strict=True)]
