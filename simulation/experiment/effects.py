"""Effects of five switches from the value of every set of them. Pure; arrays may hold any number of draws.

``v`` has a last axis of 32: the value of each set of drivers over none, so that ``v[..., 0] == 0``.

=========================  ==============================================================================
name                       what it is
=========================  ==============================================================================
``alone``                  v({i})
``last``                   v(all) - v(all without i)
``factorial``              mean of v(s + i) - v(s) over all s without i: the main effect of a 2^5 design
``shapley``                mean of the same over all orders in which drivers may be added (Shapley 1953)
``pairs``                  v({i, j}) - v({i}) - v({j})
``factorial_pairs``        the two-factor interaction of the 2^5 design: mean over the other drivers' sets of
                           v(s + i + j) - v(s + i) - v(s + j) + v(s)
``super_additivity``       S = v(all) - sum of v({i})
=========================  ==============================================================================

The Shapley values add up to v(all) (efficiency); S is 0 for any additive v.
"""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulation.experiment.arms import ALL, COUNT, SETS

Floats = npt.NDArray[np.float64]
PAIRS = tuple(combinations(range(COUNT), 2))
Scale = Literal["absolute", "log"]
TINY = 1e-12


def improvement(kpi: Floats, better: Literal["lower", "higher"], scale: Scale) -> Floats:
    """Value of every set over none, positive where it is better.

    ``absolute``: the difference in the KPI's unit. ``log``: the difference of its logarithms, so that improvements
    that multiply (each driver takes a share of what is left) add up; a KPI of 0 is taken as 1e-12.
    """
    values = np.log(np.maximum(kpi, TINY)) if scale == "log" else kpi
    sign = -1.0 if better == "lower" else 1.0
    return np.asarray(sign * (values - values[..., :1]))


def _matrix_alone() -> Floats:
    rows = np.zeros((COUNT, SETS))
    rows[np.arange(COUNT), 1 << np.arange(COUNT)] = 1.0
    return rows


def _matrix_last() -> Floats:
    rows = np.zeros((COUNT, SETS))
    rows[:, ALL] = 1.0
    rows[np.arange(COUNT), ALL ^ (1 << np.arange(COUNT))] -= 1.0
    return rows


def _matrix_marginal(weight: Floats) -> Floats:
    """Weighted mean of v(s + i) - v(s); ``weight`` by the size of s."""
    rows = np.zeros((COUNT, SETS))
    for driver in range(COUNT):
        for mask in range(SETS):
            if not mask >> driver & 1:
                w = weight[mask.bit_count()]
                rows[driver, mask | 1 << driver] += w
                rows[driver, mask] -= w
    return rows


def _matrix_pairs() -> Floats:
    rows = np.zeros((len(PAIRS), SETS))
    for number, (i, j) in enumerate(PAIRS):
        rows[number, 1 << i | 1 << j] = 1.0
        rows[number, 1 << i] = rows[number, 1 << j] = -1.0
        rows[number, 0] = 1.0
    return rows


def _matrix_factorial_pairs() -> Floats:
    rows = np.zeros((len(PAIRS), SETS))
    share = 1 / 2 ** (COUNT - 2)
    for number, (i, j) in enumerate(PAIRS):
        for mask in range(SETS):
            same = (mask >> i & 1) == (mask >> j & 1)
            rows[number, mask] = share if same else -share
    return rows


_SHAPLEY = np.array([factorial(size) * factorial(COUNT - 1 - size) / factorial(COUNT) for size in range(COUNT)])
MATRICES: dict[str, Floats] = {
    "alone": _matrix_alone(),
    "last": _matrix_last(),
    "factorial": _matrix_marginal(np.full(COUNT, 1 / 2 ** (COUNT - 1))),
    "shapley": _matrix_marginal(_SHAPLEY),
    "pairs": _matrix_pairs(),
    "factorial_pairs": _matrix_factorial_pairs(),
}
"""Every effect is linear in v: rows by drivers (or ``PAIRS``), columns by sets."""


def effect(name: str, v: Floats) -> Floats:
    """Effect ``name`` of ``MATRICES`` for values ``v`` (..., 32): (..., 5) or (..., 10)."""
    return np.asarray(v @ MATRICES[name].T)


def super_additivity(v: Floats) -> Floats:
    """S = v(all) - sum of v({i}): (...)."""
    return np.asarray(v[..., ALL] - effect("alone", v).sum(axis=-1))
