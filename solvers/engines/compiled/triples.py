"""Triples of orders that shares of routes serve as no plan of whole routes could, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

MOST = 20_000
"""Triples found at most."""


@numba.njit(cache=True, nogil=True)
def violated(
    serves: npt.NDArray[np.int8], shares: npt.NDArray[np.float64], least: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Triples of which routes with shares of more than 1 serve two or more, and by how much it is more.

    ``serves``: shape (routes, orders), 1 where a route serves an order.
    """
    count = serves.shape[1]
    both = np.zeros((count, count))
    for r in range(len(shares)):
        for i in range(count):
            if serves[r, i]:
                for j in range(i + 1, count):
                    if serves[r, j]:
                        both[i, j] += shares[r]
                        both[j, i] += shares[r]
    triples = np.empty((MOST, 3), np.int64)
    excess = np.empty(MOST)
    size = 0
    for i in range(count):
        for j in range(i + 1, count):
            for k in range(j + 1, count):
                total = both[i, j] + both[i, k] + both[j, k]
                if total <= 1.0 + least or size == MOST:
                    continue
                for r in range(len(shares)):
                    if serves[r, i] and serves[r, j] and serves[r, k]:
                        total -= 2.0 * shares[r]
                if total > 1.0 + least:
                    triples[size, 0], triples[size, 1], triples[size, 2] = i, j, k
                    excess[size] = total - 1.0
                    size += 1
    return triples[:size], excess[:size]


@numba.njit(cache=True, nogil=True)
def above_worth(
    serves: npt.NDArray[np.int8],
    costs: npt.NDArray[np.float64],
    worth: npt.NDArray[np.float64],
    triples: npt.NDArray[np.int64],
    tolls: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """What each route costs above what its orders are worth; it pays a toll for each triple of which it serves two."""
    found = costs.copy()
    for r in range(len(costs)):
        for i in range(len(worth)):
            if serves[r, i]:
                found[r] -= worth[i]
        for t in range(len(tolls)):
            if serves[r, triples[t, 0]] + serves[r, triples[t, 1]] + serves[r, triples[t, 2]] >= 2:
                found[r] += tolls[t]
    return found
