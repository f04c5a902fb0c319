"""Places of an order, compiled: what a route costs more with it there, and where that is least.

A place is judged in constant time, from what ``routes`` keeps about the nodes before and after it. Tables are those of
``Arrays``.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from solvers.engines.compiled.columns import (
    AFTER,
    BEFORE,
    CALLS,
    DEPART,
    EARLY,
    GONE,
    HEAD,
    KIND,
    LASTS,
    LATE,
    LATEST,
    LEG_METRES,
    LEG_SECONDS,
    LOAD,
    METRES,
    MOST_METRES,
    MOST_SECONDS,
    MOST_STOPS,
    ON,
    PAID,
    PER_DRIVEN,
    PER_METRE,
    PER_ROUTE,
    PICKUP,
    PLACE,
    PRED,
    PROFILE,
    RELEASE,
    SEEN,
    SERVICE,
    SHIFT_END,
    SHIFT_START,
    STOPS,
    SUCC,
    TAIL,
)
from solvers.engines.compiled.routes import begins, joined, time_money

Legs = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def head_released(
    legs: Legs, x: Integers, w: Integers, v: Integers, one: int, upto: int, release: int
) -> tuple[int, int, int, int]:
    """Departure from ``upto`` and its segment where the route leaves at ``release`` only; -1: too late."""
    p, last, node = v[one, PROFILE], legs.shape[3] - 1, len(w) + 2 * one
    clock = max(v[one, SHIFT_START], release)
    d1, e1, l1 = 0, clock, v[one, SHIFT_END]
    while node != upto:
        following = x[node, SUCC]
        leg = legs[p, x[node, PLACE], x[following, PLACE], last]
        clock = begins(x, w, following, clock + leg)
        if clock < 0:
            return -1, 0, 0, 0
        clock += x[following, SERVICE]
        d1, e1, l1 = joined(d1, e1, l1, x[following, SERVICE], x[following, EARLY], x[following, LATE], leg)
        node = following
    return clock, d1, e1, l1


@numba.njit(cache=True, nogil=True)
def detour(  # noqa: PLR0911, PLR0912 - one return a limit
    legs: Legs,
    x: Integers,
    w: Integers,
    q: Integers,
    v: Integers,
    c: Floats,
    room: Integers,
    alike: bool,
    one: int,
    before: int,
    order: int,
    limit: float,
) -> float:
    """What the route of ``one`` costs more with ``order`` after ``before``; infinite where a limit is broken.

    The order's own price, and whether the vehicle may serve it at all, are the caller's. A place whose way alone costs
    ``limit`` or more is not looked at further. ``alike``: every leg is as long as the leg back.
    """
    following = x[before, SUCC]
    if x[before, DEPART] > x[order, LATE] or x[order, EARLY] + x[order, SERVICE] > x[following, LATEST]:
        return np.inf  # most places end here, before a leg is looked up
    if v[one, STOPS] >= v[one, MOST_STOPS]:
        return np.inf
    p, last = v[one, PROFILE], legs.shape[3] - 1
    here, at, then = x[before, PLACE], x[order, PLACE], x[following, PLACE]
    if alike:  # of many places one after the other this is in one row, and near in memory
        there, metres = legs[p, at, here, last], legs[p, at, here, 0]
    else:
        there, metres = legs[p, here, at, last], legs[p, here, at, 0]
    on = 0
    if then >= 0:
        on = legs[p, at, then, last]
        metres += legs[p, at, then, 0]
    driven, money = there + on, 0.0
    if v[one, STOPS] == 0:
        money = c[one, PER_ROUTE]
    else:
        metres -= x[before, LEG_METRES]
        driven -= x[before, LEG_SECONDS]
    money += c[one, PER_METRE] * metres + c[one, PER_DRIVEN] * driven
    if money >= limit or v[one, METRES] + metres > v[one, MOST_METRES]:
        return np.inf
    for d in range(q.shape[1]):
        most = q[before, d, AFTER] if x[order, PICKUP] else q[before, d, BEFORE]
        if most + q[order, d, LOAD] > room[one, d]:
            return np.inf
    clock = x[before, DEPART]
    late_start = x[order, RELEASE] > v[one, GONE]
    d1, e1, l1 = x[before, HEAD], x[before, HEAD + 1], x[before, HEAD + 2]
    if late_start:
        clock, d1, e1, l1 = head_released(legs, x, w, v, one, before, x[order, RELEASE])
        if clock < 0:
            return np.inf
    service = begins(x, w, order, clock + there)
    if service < 0:
        return np.inf
    if service + x[order, SERVICE] + on > x[following, LATEST]:
        return np.inf
    if v[one, PAID]:
        d1, e1, l1 = joined(d1, e1, l1, x[order, SERVICE], x[order, EARLY], x[order, LATE], there)
        lasts, _, _ = joined(d1, e1, l1, x[following, TAIL], x[following, TAIL + 1], x[following, TAIL + 2], on)
        if lasts > v[one, MOST_SECONDS]:
            return np.inf
        money += time_money(v, c, one, lasts) - time_money(v, c, one, v[one, LASTS])
    return money


@numba.njit(cache=True, nogil=True)
def best_place(  # noqa: PLR0912 - near places, unused vehicles, all places
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
    alike: bool,
    order: int,
    blink: float,
    everywhere: bool,
) -> tuple[float, int, int]:
    """The cheapest place of ``order``: its cost, vehicle, node before; infinite where there is none.

    Looked at are the places beside near orders and an unused vehicle of each kind; with ``everywhere``, where none of
    these is possible, every place. Each place is passed over with probability ``blink``.
    """
    count = len(w)
    best, best_one, best_before = np.inf, -1, -1
    x[order, CALLS] += 1
    stamp = x[order, CALLS] * len(x) + order  # no other search has it
    for k in range(near.shape[1]):
        other = near[order, k]
        if other < 0:
            break
        one = x[other, ON]
        if one < 0:
            continue
        own = price[v[one, KIND], order]
        if own >= best:
            continue
        for side in range(2):
            before = other if side else x[other, PRED]
            if x[before, SEEN] == stamp:
                continue
            x[before, SEEN] = stamp
            if blink > 0.0 and np.random.random() < blink:
                continue
            found = own + detour(legs, x, w, q, v, c, room, alike, one, before, order, best - own)
            if found < best:
                best, best_one, best_before = found, one, before
    for kind in range(price.shape[0]):
        if idle[kind, 0] and price[kind, order] < np.inf:
            one = idle[kind, idle[kind, 0]]
            own = price[kind, order]
            found = own + detour(legs, x, w, q, v, c, room, alike, one, count + 2 * one, order, best - own)
            if found < best:
                best, best_one, best_before = found, one, count + 2 * one
    if best < np.inf or not everywhere:
        return best, best_one, best_before
    for one in range(len(v)):
        own = price[v[one, KIND], order]
        if v[one, STOPS] == 0 or own == np.inf:
            continue
        node, end = count + 2 * one, count + 2 * one + 1
        while node != end:
            found = own + detour(legs, x, w, q, v, c, room, alike, one, node, order, best - own)
            if found < best:
                best, best_one, best_before = found, one, node
            node = x[node, SUCC]
    return best, best_one, best_before
