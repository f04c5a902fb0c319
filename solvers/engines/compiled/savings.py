"""A first plan by savings (Clarke and Wright 1964, Operations Research 12(4)), for vehicles of one depot.

Insertion fills vehicles that are there with what is left, and where routes are long they end up crossing each other:
what then takes a search very long to undo. Savings join what lies together, far from the depot first.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from solvers.engines.compiled.arrays import Arrays
from solvers.engines.compiled.columns import (
    COST,
    EARLY,
    LATE,
    LOAD,
    MOST_METRES,
    MOST_SECONDS,
    MOST_STOPS,
    PER_DRIVEN,
    PER_METRE,
    PER_SECOND,
    PLACE,
    PROFILE,
    SERVICE,
    SHIFT_END,
    SHIFT_START,
)
from solvers.engines.compiled.routes import joined

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def one_depot(a: Arrays) -> bool:
    """Whether all vehicles leave from one place, come back to one place, drive and cost alike: else savings differ."""
    count = len(a.w)
    ends = a.x[count:, PLACE].reshape(-1, 2)
    if len(ends) == 0 or ends[0, 1] < 0 or not (ends == ends[0]).all():
        return False
    return bool((a.v[:, PROFILE] == a.v[0, PROFILE]).all() and (a.c[:, :COST] == a.c[0, :COST]).all())


def joined_routes(a: Arrays) -> list[Integers]:
    """Sequences of orders, heaviest first, each within the limits of the largest vehicle; ``one_depot`` must hold."""
    count, p = len(a.w), int(a.v[0, PROFILE])
    at = a.x[:count, PLACE]
    start, end = a.x[count, PLACE], a.x[count + 1, PLACE]
    metre, second = a.c[0, PER_METRE], a.c[0, PER_DRIVEN] + a.c[0, PER_SECOND]
    if metre + second <= 0.0:
        second = 1.0
    one = np.repeat(np.arange(count), a.around.shape[1])
    other = a.around.ravel()
    one, other = one[other >= 0], other[other >= 0]

    def money(here: Any, there: Any) -> Floats:
        legs = a.legs[p, here, there]
        return metre * legs[..., 0] + second * legs[..., -1]

    saved = money(at[one], end) + money(start, at[other]) - money(at[one], at[other])
    turn = np.argsort(-saved, kind="stable")
    turn = turn[saved[turn] > 0.0]
    serves = np.isfinite(a.price)
    following, first = _join(
        a.legs[p],
        a.x[:count],
        np.ascontiguousarray(a.q[:count, :, LOAD]),
        a.room.max(axis=0),
        np.ascontiguousarray(serves.T),
        a.v[:, [SHIFT_START, SHIFT_END, MOST_SECONDS, MOST_METRES, MOST_STOPS]].max(axis=0),
        np.array([0, 0, start, end, a.v[:, SHIFT_START].min()]),
        one[turn],
        other[turn],
    )
    found: list[Integers] = []
    for head in first:
        sequence, node = [], int(head)
        while node >= 0:
            sequence.append(node)
            node = int(following[node])
        found.append(np.array(sequence, dtype=np.int64))
    load = a.q[:count, 0, LOAD]
    return sorted(found, key=lambda ids: -int(load[ids].sum()))


@numba.njit(cache=True, nogil=True)
def _turn_round(following: Integers, preceding: Integers, first: Integers, last: Integers, route: int) -> None:
    node = first[route]
    while node >= 0:
        following[node], preceding[node] = preceding[node], following[node]
        node = preceding[node]
    first[route], last[route] = last[route], first[route]


@numba.njit(cache=True, nogil=True)
def _timed(legs: Any, x: Integers, following: Integers, head: int) -> tuple[int, int, int, int, bool]:
    """Duration, earliest and latest start of a sequence, its metres, and whether it keeps its windows."""
    node, metres = head, 0
    lasts, early, late = x[node, SERVICE], x[node, EARLY], x[node, LATE]
    while following[node] >= 0:
        then = following[node]
        leg = legs[x[node, PLACE], x[then, PLACE], legs.shape[2] - 1]
        metres += legs[x[node, PLACE], x[then, PLACE], 0]
        if early + lasts + leg > x[then, LATE]:
            return lasts, early, late, metres, False
        lasts, early, late = joined(lasts, early, late, x[then, SERVICE], x[then, EARLY], x[then, LATE], leg)
        node = then
    return lasts, early, late, metres, True


@numba.njit(cache=True, nogil=True)
def _together(
    legs: Any, x: Integers, times: Integers, a: int, b: int, i: int, j: int, most: Integers, ends: Integers
) -> bool:
    """Whether route ``b``, which begins with ``j``, can follow route ``a``, which ends with ``i``; then ``a`` has both.

    ``ends``: first and last order of the two together, where vehicles leave and come back, when the first may leave.
    """
    seconds = legs.shape[2] - 1
    leg = legs[x[i, PLACE], x[j, PLACE], seconds]
    if times[a, 1] + times[a, 0] + leg > times[b, 2]:
        return False
    lasts, early, late = joined(times[a, 0], times[a, 1], times[a, 2], times[b, 0], times[b, 1], times[b, 2], leg)
    metres = times[a, 3] + times[b, 3] + legs[x[i, PLACE], x[j, PLACE], 0]
    first, last, start, end, opens = ends
    out, back = legs[start, x[first, PLACE], seconds], legs[x[last, PLACE], end, seconds]
    if opens + out > late or max(early, opens + out) + lasts + back > most[1] or out + lasts + back > most[2]:
        return False
    if metres + legs[start, x[first, PLACE], 0] + legs[x[last, PLACE], end, 0] > most[3]:
        return False
    times[a, 0], times[a, 1], times[a, 2], times[a, 3] = lasts, early, late, metres
    return True


@numba.njit(cache=True, nogil=True)
def _join(
    legs: Any,
    x: Integers,
    loads: Integers,
    room: Integers,
    serves: Any,
    most: Integers,
    ends: Integers,
    one: Integers,
    other: Integers,
) -> tuple[Integers, Integers]:
    """Join the routes of ``one`` and ``other`` in turn, where one may end and the other begin; successors, heads."""
    count = len(x)
    following, preceding = np.full(count, -1), np.full(count, -1)
    first, last, on = np.arange(count), np.arange(count), np.arange(count)
    load, able, stops = loads.copy(), serves.copy(), np.ones(count, dtype=np.int64)
    times = np.zeros((count, 4), dtype=np.int64)
    times[:, 0], times[:, 1], times[:, 2] = x[:, SERVICE], x[:, EARLY], x[:, LATE]
    for k in range(len(one)):
        i, j = one[k], other[k]
        a, b = on[i], on[j]
        if a == b or stops[a] + stops[b] > most[4] or i not in (first[a], last[a]) or j not in (first[b], last[b]):
            continue
        if (load[a] + load[b] > room).any() or not (able[a] & able[b]).any():
            continue
        before_a, before_b, fits = times[a].copy(), times[b].copy(), True
        turned_a, turned_b = i != last[a], j != first[b]
        if turned_a:
            _turn_round(following, preceding, first, last, a)
            times[a, 0], times[a, 1], times[a, 2], times[a, 3], fits = _timed(legs, x, following, first[a])
        if turned_b:
            _turn_round(following, preceding, first, last, b)
            times[b, 0], times[b, 1], times[b, 2], times[b, 3], ok = _timed(legs, x, following, first[b])
            fits = fits and ok
        ends[0], ends[1] = first[a], last[b]
        if not fits or not _together(legs, x, times, a, b, i, j, most, ends):
            for part in range(times.shape[1]):
                times[a, part], times[b, part] = before_a[part], before_b[part]
            if turned_a:
                _turn_round(following, preceding, first, last, a)
            if turned_b:
                _turn_round(following, preceding, first, last, b)
            continue
        following[i], preceding[j] = j, i
        node = j
        while node >= 0:
            on[node] = a
            node = following[node]
        last[a] = last[b]
        first[b] = -1
        load[a] += load[b]
        able[a] &= able[b]
        stops[a] += stops[b]
    return following, first[first >= 0]
