"""Slack induction by string removals (Christiaens and Vanden Berghe 2020, Transportation Science 54(2)), compiled.

Strings of neighbouring stops are removed from neighbouring routes and inserted again greedily with blinks; simulated
annealing decides. An iteration touches a few routes only, so that its time does not grow with the problem.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from solvers.engines.compiled.columns import (
    COST,
    EARLY,
    LATE,
    ON,
    PRED,
    SHIFT_END,
    SHIFT_START,
    STOPS,
    SUCC,
)
from solvers.engines.compiled.places import best_place
from solvers.engines.compiled.routes import link, refresh, refresh_inserted, unlink

Legs = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

REMOVED = 10.0
"""Stops that an iteration removes, on average."""
LONGEST = 10.0
BLINK = 0.01
SPLIT = 0.5
KEEP_MORE = 0.01
WEIGHTS = (4, 4, 2, 1, 2, 2, 2)
"""How often the removed are sorted at random, by load, far first, close first, width, start, end of window."""
WAITING = 12
"""At most so many orders that were open before are tried in an iteration."""
EVERYWHERE = 0.05
"""How often all places are tried for an order that was open before."""


@numba.njit(cache=True, nogil=True)
def _sorted(orders: Integers, size: int, keys: Floats) -> None:
    """Sort the first ``size`` orders by their keys (they are few)."""
    for i in range(1, size):
        order, key = orders[i], keys[orders[i]]
        k = i
        while k > 0 and keys[orders[k - 1]] > key:
            orders[k] = orders[k - 1]
            k -= 1
        orders[k] = order


@numba.njit(cache=True, nogil=True)
def _arrange(first: Floats, orders: Integers, size: int, windows: bool) -> None:
    """Bring the removed into the sequence they are inserted in."""
    pick = np.random.randint(0, 17 if windows else 11)
    kind = 0
    while pick >= WEIGHTS[kind]:
        pick -= WEIGHTS[kind]
        kind += 1
    for i in range(size - 1, 0, -1):
        k = np.random.randint(0, i + 1)
        orders[i], orders[k] = orders[k], orders[i]
    if kind:
        _sorted(orders, size, first[kind - 1])


@numba.njit(cache=True, nogil=True)
def _string(x: Integers, count: int, centre: int, length: int, gap: int, out: Integers, size: int) -> int:
    """Remove ``length`` stops around ``centre``, leaving ``gap`` in the middle; how many are out now."""
    first = centre
    for _ in range(np.random.randint(0, length + gap)):
        if x[first, PRED] >= count:
            break
        first = x[first, PRED]
    node, seen = first, 0
    while node < count and seen < length + gap:
        seen += 1
        node = x[node, SUCC]
    while seen < length + gap and x[first, PRED] < count:
        first = x[first, PRED]
        seen += 1
    kept_from = np.random.randint(1, length) if gap and length > 1 else length + gap
    node = first
    for k in range(seen):
        following = x[node, SUCC]
        if not kept_from <= k < kept_from + gap:
            unlink(x, node)
            out[size] = node
            size += 1
        node = following
    return size


@numba.njit(cache=True, nogil=True)
def anneal(  # noqa: PLR0912, PLR0915 - one loop over shared buffers
    legs: Legs,
    x: Integers,
    w: Integers,
    q: Integers,
    v: Integers,
    c: Floats,
    room: Integers,
    price: Floats,
    near: Integers,
    idle: Integers,
    penalty: Floats,
    alike: bool,
    around: Integers,
    first: Floats,
    orders: Integers,
    best_succ: Integers,
    totals: Floats,
    iterations: int,
    hot: float,
    cold: float,
) -> None:
    """Insert ``orders`` in turn, then ruin and recreate ``iterations`` times.

    An order is inserted at its cheapest place where that costs less than leaving it. ``totals`` holds the money of now
    and of the best, whose successors are in ``best_succ``.
    """
    count, fleet = len(w), len(v)
    # of a plain ``True`` or 0, numba would compile what is called with it once more for that value alone
    blink = 0.0
    everywhere: bool | np.bool_ = np.bool_(True)
    for order in orders:
        found, one, before = best_place(legs, x, w, q, v, c, room, price, near, idle, alike, order, blink, everywhere)
        if found < penalty[order]:
            link(x, one, before, order)
            refresh_inserted(legs, x, w, q, v, c, price, idle, one, order)
    if iterations == 0:
        return
    blink = BLINK
    out = np.empty(count, dtype=np.int64)
    waiting = np.empty(count, dtype=np.int64)
    still = np.empty(count, dtype=np.int64)
    is_out = np.zeros(count, dtype=np.int64)
    mark = np.zeros(fleet, dtype=np.int64)
    ruined = np.zeros(fleet, dtype=np.int64)
    dirty = np.ones(fleet, dtype=np.int64)
    saved_v = np.empty(fleet, dtype=np.int64)
    saved_at = np.empty(fleet + 1, dtype=np.int64)
    saved = np.empty(count, dtype=np.int64)
    waits = 0
    for order in range(count):
        if x[order, ON] < 0:
            waiting[waits] = order
            waits += 1
    used = 0
    for one in range(fleet):
        used += v[one, STOPS] > 0
    windows = False
    for order in range(count):
        windows = windows or x[order, LATE] - x[order, EARLY] < v[0, SHIFT_END] - v[0, SHIFT_START]
    cooling = (cold / hot) ** (1.0 / max(1, iterations))
    heat = hot
    saved_at[0] = 0
    for turn in range(1, iterations + 1):
        heat *= cooling
        touched, size, change = 0, np.int64(0), 0.0
        # --- ruin
        centre = np.random.randint(0, count)
        cards = (count - waits) / max(1, used)
        longest = min(LONGEST, cards)
        strings = int(np.random.random() * max(1.0, 4.0 * REMOVED / (1.0 + longest) - 1.0) + 1.0)
        for k in range(-1, around.shape[1]):
            if strings <= 0:
                break
            other = centre if k < 0 else around[centre, k]
            if other < 0:
                break
            one = x[other, ON]
            if one < 0 or ruined[one] == turn:
                continue
            ruined[one] = turn
            strings -= 1
            mark[one] = turn
            touched = _save(x, count, one, touched, saved_v, saved_at, saved)
            change -= c[one, COST]
            stops = v[one, STOPS]
            length = min(stops, int(np.random.random() * max(1.0, min(longest, float(stops))) + 1.0))
            gap = 0
            if length > 1 and np.random.random() < SPLIT:
                gap = 1
                while length + gap < stops and np.random.random() < KEEP_MORE:
                    gap += 1
                gap = min(gap, stops - length)
            size = _string(x, count, other, length, gap, out, size)
            refresh(legs, x, w, q, v, c, price, idle, one)
        removed = size
        for k in range(removed):
            change += penalty[out[k]]
            is_out[out[k]] = turn
        tried = min(waits, WAITING)
        for k in range(tried):
            # a random few of those that were open before
            pick = np.random.randint(k, waits)
            waiting[k], waiting[pick] = waiting[pick], waiting[k]
            out[size] = waiting[k]
            size += 1
        # --- recreate
        _arrange(first, out, size, windows)
        for k in range(size):
            order = out[k]
            everywhere = is_out[order] == turn or np.random.random() < EVERYWHERE
            found, one, before = best_place(
                legs, x, w, q, v, c, room, price, near, idle, alike, order, blink, everywhere
            )
            if found >= penalty[order]:
                continue
            if mark[one] != turn:
                mark[one] = turn
                touched = _save(x, count, one, touched, saved_v, saved_at, saved)
                change -= c[one, COST]
            link(x, one, before, order)
            refresh_inserted(legs, x, w, q, v, c, price, idle, one, order)
            change -= penalty[order]
        for k in range(touched):
            change += c[saved_v[k], COST]
        # --- accept
        if change < -heat * np.log(1.0 - np.random.random()):
            totals[0] += change
            for k in range(touched):
                one = saved_v[k]
                dirty[one] = 1
                used += int(v[one, STOPS] > 0) - int(saved_at[k + 1] > saved_at[k])
            kept = 0
            for k in range(waits):
                if x[waiting[k], ON] < 0:
                    still[kept] = waiting[k]
                    kept += 1
            for k in range(size):
                if is_out[out[k]] == turn and x[out[k], ON] < 0:
                    still[kept] = out[k]
                    kept += 1
            waits = kept
            for k in range(kept):
                waiting[k] = still[k]
            if totals[0] < totals[1] - 1e-6:
                totals[1] = totals[0]
                for one in range(fleet):
                    if dirty[one]:
                        dirty[one] = 0
                        _copy(x, count, one, best_succ)
        else:
            for k in range(size):
                x[out[k], ON] = -1
            for k in range(touched):
                _restore(x, count, saved_v[k], saved_at[k], saved_at[k + 1], saved)
            for k in range(touched):
                refresh(legs, x, w, q, v, c, price, idle, saved_v[k])


@numba.njit(cache=True, nogil=True)
def _save(x: Integers, count: int, one: int, k: int, saved_v: Integers, saved_at: Integers, saved: Integers) -> int:
    """Keep the sequence of vehicle ``one`` as number ``k``; the next number."""
    at, node = saved_at[k], x[count + 2 * one, SUCC]
    while node < count:
        saved[at] = node
        at += 1
        node = x[node, SUCC]
    saved_v[k], saved_at[k + 1] = one, at
    return k + 1


@numba.njit(cache=True, nogil=True)
def _restore(x: Integers, count: int, one: int, at: int, upto: int, saved: Integers) -> None:
    before = count + 2 * one
    for k in range(at, upto):
        node = saved[k]
        x[before, SUCC], x[node, PRED] = node, before
        x[node, ON] = one
        before = node
    end = count + 2 * one + 1
    x[before, SUCC], x[end, PRED] = end, before


@numba.njit(cache=True, nogil=True)
def _copy(x: Integers, count: int, one: int, best_succ: Integers) -> None:
    node, end = count + 2 * one, count + 2 * one + 1
    while node != end:
        best_succ[node] = x[node, SUCC]
        node = x[node, SUCC]
