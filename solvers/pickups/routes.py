"""One route of stacked goods, compiled: its times, its cost, and the cheapest place of one more piece.

A route is a row of actions, ``n + 1`` for picking piece ``n`` up and ``-(n + 1)`` for delivering it. Actions one after
the other at one place are one visit: one approach, then all goods. A piece may be inserted around any part of a route
that unloads nothing loaded before it and leaves nothing on board: then the stack is kept by construction.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PICK, DROP, SIZE, LOAD_S, UNLOAD_S, DUE_S = range(6)
"""Columns of a piece."""
PLACE, READY_S, BOUND, CAPACITY, ABOARD = range(5)
"""Columns of a vehicle; ``ABOARD`` is the size of what it carries."""
LATE, TIGHT, TIGHT_FROM, BUSY = range(4)
"""Entries of the prices, in metres a second."""
INFINITE = 1e18


@numba.njit(cache=True, nogil=True)
def step(
    seconds: Integers, metres: Integers, approach: int, x: Integers, w: Floats,
    action: int, place: int, clock: int, work: int, open_: int,
) -> tuple[float, int, int, int, int]:  # fmt: skip
    """One action: what it adds to the cost, and place, clock, work at the open visit, whether a visit is open.

    ``clock`` is the arrival at the open visit, else when the vehicle can leave; ``work`` is what is handled there.
    """
    n = abs(action) - 1
    target = x[n, PICK] if action > 0 else x[n, DROP]
    cost = 0.0
    if target != place or open_ == 0:
        if open_ == 1:
            clock += approach + work
        clock += seconds[place, target]
        cost = float(metres[place, target])
        place, work, open_ = target, 0, 1
    if action > 0:
        work += x[n, LOAD_S]
    else:
        work += x[n, UNLOAD_S]
        slack = x[n, DUE_S] - clock
        if slack < 0:
            cost -= w[LATE] * slack
        if slack < w[TIGHT_FROM]:
            cost += w[TIGHT] * (w[TIGHT_FROM] - max(slack, 0))
    return cost, place, clock, work, open_


@numba.njit(cache=True, nogil=True)
def cost_of(
    seconds: Integers, metres: Integers, approach: int, x: Integers, w: Floats, vehicle: Integers, route: Integers,
    count: int, delay: int,
) -> float:  # fmt: skip
    """What a route costs when its vehicle leaves ``delay`` seconds later than it could."""
    place, clock, open_ = vehicle[PLACE], vehicle[READY_S] + delay, vehicle[BOUND]
    work, total = 0, 0.0
    for k in range(count):
        added, place, clock, work, open_ = step(seconds, metres, approach, x, w, route[k], place, clock, work, open_)
        total += added
    if count > 0:
        total += w[BUSY] * (clock + approach + work - vehicle[READY_S])
    return total


@numba.njit(cache=True, nogil=True)
def cheapest(
    seconds: Integers, metres: Integers, approach: int, x: Integers, w: Floats, vehicle: Integers, route: Integers,
    count: int, piece: int, limit: float,
) -> tuple[float, int, int]:  # fmt: skip
    """The cheapest route with one more piece: its cost, and before which actions its pickup and delivery come.

    ``(INFINITE, -1, -1)`` where none is cheaper than ``limit`` or none has room. The pickup's place counts in the
    route as it is, so ``second >= first``.
    """
    best, first, second = limit, -1, -1
    up, down = piece + 1, -(piece + 1)
    room = vehicle[CAPACITY] - vehicle[ABOARD] - x[piece, SIZE]
    place, clock, work, open_ = vehicle[PLACE], vehicle[READY_S], 0, vehicle[BOUND]
    before = 0.0
    for i in range(count + 1):
        if room >= 0:
            added, p, t, s, o = step(seconds, metres, approach, x, w, up, place, clock, work, open_)
            middle = before + added
            depth, left = 0, room
            for j in range(i, count + 1):
                if middle >= best:
                    break
                if depth == 0:
                    added, p2, t2, s2, o2 = step(seconds, metres, approach, x, w, down, p, t, s, o)
                    total = middle + added
                    for k in range(j, count):
                        if total >= best:
                            break
                        added, p2, t2, s2, o2 = step(seconds, metres, approach, x, w, route[k], p2, t2, s2, o2)
                        total += added
                    total += w[BUSY] * (t2 + approach + s2 - vehicle[READY_S])
                    if total < best:
                        best, first, second = total, i, j
                if j == count:
                    break
                action = route[j]
                size = x[abs(action) - 1, SIZE]
                if action > 0:
                    depth, left = depth + 1, left - size
                    if left < 0:
                        break
                else:
                    depth, left = depth - 1, left + size
                    if depth < 0:
                        break
                added, p, t, s, o = step(seconds, metres, approach, x, w, action, p, t, s, o)
                middle += added
        if i < count:
            action = route[i]
            added, place, clock, work, open_ = step(seconds, metres, approach, x, w, action, place, clock, work, open_)
            before += added
            size = x[abs(action) - 1, SIZE]
            room += -size if action > 0 else size
    if first < 0:
        return INFINITE, -1, -1
    return best, first, second


@numba.njit(cache=True, nogil=True)
def insert(route: Integers, count: int, piece: int, first: int, second: int) -> int:
    """Insert a piece where ``cheapest`` said; the new number of actions."""
    for k in range(count - 1, second - 1, -1):
        route[k + 2] = route[k]
    route[second + 1] = -(piece + 1)
    for k in range(second - 1, first - 1, -1):
        route[k + 1] = route[k]
    route[first] = piece + 1
    return count + 2


@numba.njit(cache=True, nogil=True)
def take_out(route: Integers, count: int, piece: int) -> int:
    """Take both actions of a piece out; the new number of actions."""
    kept = 0
    for k in range(count):
        if abs(route[k]) - 1 != piece:
            route[kept] = route[k]
            kept += 1
    for k in range(kept, count):
        route[k] = 0
    return kept


def stops_of(route: npt.ArrayLike, pick: Integers, drop: Integers) -> list[tuple[int, list[int], list[int]]]:
    """Actions as visits: place, pieces delivered in their order, pieces picked up in theirs."""
    stops: list[tuple[int, list[int], list[int]]] = []
    for action in np.asarray(route, dtype=np.int64).tolist():
        n = abs(action) - 1
        place = int(pick[n] if action > 0 else drop[n])
        if not stops or stops[-1][0] != place:
            stops.append((place, [], []))
        _, off, up = stops[-1]
        (up if action > 0 else off).append(n)
    return stops
