"""Real numbers of benchmark files as integers, by the conventions their results are published in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
FARTHEST = 10**9
"""Coordinates beyond are refused: no place on Earth is so far, and squares of them have to stay numbers."""
BEYOND = 2.0**62
"""What is larger becomes this, which every check of a problem refuses or cuts."""


@dataclass(frozen=True)
class Convention:
    """``integers`` makes numbers whole; ``scale`` of ours make one of the file's."""

    scale: int
    integers: Callable[[Any], Integers]


def scaled(factor: int, rounding: Callable[[Any], Any]) -> Callable[[Any], Integers]:
    """What makes numbers whole after they were multiplied by ``factor``."""

    def integers(values: Any) -> Integers:
        with np.errstate(over="ignore"):
            scaled = np.asarray(values, dtype=np.float64) * factor
        return np.asarray(rounding(np.clip(scaled, -BEYOND, BEYOND))).astype(np.int64)

    return integers


CONVENTIONS = {
    "dimacs": Convention(10, scaled(10, np.trunc)),
    "exact": Convention(1_000, scaled(1_000, np.round)),
    "round": Convention(1, scaled(1, np.round)),
    "trunc": Convention(1, scaled(1, np.trunc)),
    "ceil": Convention(10_000, scaled(10_000, np.ceil)),
}
"""``dimacs``: truncated to one decimal (Solomon, Homberger, PyVRP's VRPTW sets); ``exact``: rounded to three (MDVRPTW,
HFVRP, SDVRPTW); ``round``, ``trunc``: whole (CVRPLIB); ``ceil``: up to four decimals, so that what is feasible here is
feasible in real numbers (Li and Lim)."""

ROWS = 512


def euclidean(places: npt.NDArray[np.float64], convention: Convention) -> Integers:
    """Square matrix of straight distances, 32-bit where they fit; rows in blocks, so 10,000 places stay below 1 GB.

    Raises:
        ValueError: a coordinate is beyond ``FARTHEST``.
    """
    far = np.argwhere(np.abs(places) > FARTHEST)
    if len(far):
        raise ValueError(f"row {int(far[0][0]) + 1}: a coordinate is above {FARTHEST}")
    span = float(np.hypot(*np.ptp(places, axis=0))) * convention.scale if len(places) else 0.0
    kind = np.int32 if span < 2**30 else np.int64
    matrix = np.empty((len(places), len(places)), dtype=kind)
    for start in range(0, len(places), ROWS):
        block = places[start : start + ROWS]
        gap = block[:, None, :] - places[None, :, :]
        matrix[start : start + ROWS] = convention.integers(np.sqrt((gap**2).sum(axis=2)))
    return matrix
