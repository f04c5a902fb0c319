"""Departures by the time of day, compiled: when to leave so that a route whose legs vary is shortest.

The same arrivals as ``solvers.clock`` has them for steps that hold until the next start (not ``smooth``): whoever
leaves later never arrives earlier.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
EARLIEST = -(2**50)


@numba.njit(cache=True, nogil=True)
def arrive(starts: Integers, tau: Integers, a: int, b: int, t: int) -> int:
    """Arrival at ``b`` when ready to leave ``a`` at ``t``."""
    step: int = max(np.searchsorted(starts, t, side="right") - 1, 0)  # type: ignore[assignment]
    best: int = t + tau[step, a, b]
    for later in range(step + 1, len(starts)):
        if starts[later] >= best:
            break
        best = min(best, max(t, starts[later]) + tau[later, a, b])
    return best


@numba.njit(cache=True, nogil=True)
def depart(starts: Integers, tau: Integers, a: int, b: int, by: int) -> int:
    """The latest departure from ``a`` that arrives at ``b`` by ``by``; ``EARLIEST`` where none does."""
    last = len(starts) - 1
    first: int = max(np.searchsorted(starts, by, side="right") - 1, 0)  # type: ignore[assignment]
    for step in range(first, -1, -1):
        latest = by - tau[step, a, b]
        if step < last:
            latest = min(latest, starts[step + 1] - 1)
        if step == 0 or latest >= starts[step]:
            return latest
    return EARLIEST


@numba.njit(cache=True, nogil=True)
def run(
    starts: Integers, tau: Integers, places: Integers, early: Integers, late: Integers, service: Integers, start: int
) -> int:
    """When the last of ``places`` is reached when leaving the first at ``start``; -1 where a window is missed."""
    clock = start
    for k in range(1, len(places)):
        clock = max(arrive(starts, tau, places[k - 1], places[k], clock), early[k])
        if clock > late[k]:
            return -1
        clock += service[k]
    return clock


@numba.njit(cache=True, nogil=True)
def best_start(
    starts: Integers, tau: Integers, places: Integers, early: Integers, late: Integers, service: Integers
) -> tuple[int, int]:
    """The departure with the shortest duration (the earliest end among equals) and the end; -1, -1 where none is.

    The end as a function of the departure has slopes 0 and 1 and jumps up, so that the shortest duration lies where a
    flat piece ends: where the start of a step, or the opening of a window, is pulled back to the departure.
    """
    size = len(places)
    best_at = early[0]
    best_end = run(starts, tau, places, early, late, service, best_at)
    if best_end < 0:
        return -1, -1
    # the latest departure from each place that keeps every window from there on
    latest = np.empty(size, dtype=np.int64)
    bound = late[size - 1]
    for k in range(size - 2, -1, -1):
        latest[k] = depart(starts, tau, places[k], places[k + 1], bound)
        bound = min(latest[k] - service[k], late[k])
    final = min(latest[0], late[0])
    clock = early[0]
    for k in range(size - 1):
        # departures from place k that are possible at all lie from its earliest clock to its latest
        low, high = clock, latest[k]
        step = np.searchsorted(starts, low, side="right")
        opening, finished = False, False
        while not finished:
            if step < len(starts) and starts[step] <= high:
                t = starts[step]
                step += 1
            elif not opening:
                t = min(depart(starts, tau, places[k], places[k + 1], early[k + 1]), high)
                opening = True
            else:
                t = high
                finished = True
            if t < low:
                continue
            for back in range(k, 0, -1):
                t = min(t - service[back], late[back])
                if t < early[back]:
                    t = EARLIEST
                    break
                t = depart(starts, tau, places[back - 1], places[back], t)
            if t <= early[0] or t > final:
                continue
            end = run(starts, tau, places, early, late, service, t)
            if end >= 0 and (end - t < best_end - best_at or (end - t == best_end - best_at and end < best_end)):
                best_at, best_end = t, end
        clock = max(arrive(starts, tau, places[k], places[k + 1], clock), early[k + 1]) + service[k + 1]
    return best_at, best_end
