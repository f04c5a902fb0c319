"""Routes under construction, compiled: what every node must know so that an insertion is judged in constant time.

Earliest departures and latest arrivals (Savelsbergh 1992, ORSA Journal on Computing 4(2)) say whether times are kept;
segments of duration, earliest and latest start (Vidal et al. 2013, Computers & Operations Research 40(1)) give the
shortest duration; the highest loads before and after a node say what still fits. Tables are those of ``Arrays``.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from solvers.engines.compiled.columns import (
    ABOARD,
    AFTER,
    BEFORE,
    COST,
    DEPART,
    DRIVEN,
    EARLY,
    GONE,
    HEAD,
    KIND,
    LASTS,
    LATE,
    LATEST,
    LEG_METRES,
    LEG_SECONDS,
    LEG_TO,
    LOAD,
    METRES,
    MOST_METRES,
    MOST_SECONDS,
    MOST_STOPS,
    ON,
    OVERTIME_AFTER,
    PAID,
    PER_DRIVEN,
    PER_METRE,
    PER_OVERTIME,
    PER_ROUTE,
    PER_SECOND,
    PICKUP,
    PLACE,
    PRED,
    PROFILE,
    RELEASE,
    SERVICE,
    SERVING,
    SHIFT_END,
    SHIFT_START,
    SPOT,
    STOPS,
    SUCC,
    TAIL,
    WINDOWS,
)

Legs = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NEVER = -(2**60)


@numba.njit(cache=True, nogil=True)
def begins(x: Integers, w: Integers, order: int, arrival: int) -> int:
    """Start of service; -1 where every window has passed."""
    if x[order, WINDOWS] == 1:
        return max(arrival, x[order, EARLY]) if arrival <= x[order, LATE] else -1
    for k in range(x[order, WINDOWS]):
        if arrival <= w[order, 2 * k + 1]:
            return max(arrival, w[order, 2 * k])
    return -1


@numba.njit(cache=True, nogil=True)
def last_arrival(x: Integers, w: Integers, order: int, by: int) -> int:
    """The latest arrival after which service begins by ``by``; far below zero where there is none."""
    best = _NEVER
    for k in range(x[order, WINDOWS]):
        if w[order, 2 * k] <= by:
            best = max(best, min(by, w[order, 2 * k + 1]))
    return best


@numba.njit(cache=True, nogil=True)
def joined(d1: int, e1: int, l1: int, d2: int, e2: int, l2: int, leg: int) -> tuple[int, int, int]:
    """Two segments driven one after the other, in time."""
    shift = d1 + leg
    wait = max(0, e2 - shift - l1)
    return shift + d2 + wait, max(e2 - shift, e1) - wait, min(l2 - shift, l1)


@numba.njit(cache=True, nogil=True)
def time_money(v: Integers, c: Floats, vehicle: int, lasts: int) -> float:
    """What the duration of a route costs."""
    money = c[vehicle, PER_SECOND] * lasts
    return money + c[vehicle, PER_OVERTIME] * max(0, lasts - v[vehicle, OVERTIME_AFTER])


@numba.njit(cache=True, nogil=True, inline="always")
def _find_leg(legs: Legs, x: Integers, p: int, node: int, following: int) -> None:
    """Look up the leg between two nodes for profile ``p``, unless it is the one that the first knows."""
    place = x[following, PLACE]
    if place < 0:
        x[node, LEG_METRES], x[node, LEG_SECONDS], x[node, LEG_TO] = 0, 0, 0
        return
    which = 1 + p * legs.shape[1] + place
    if x[node, LEG_TO] != which:
        here = x[node, PLACE]
        x[node, LEG_METRES] = legs[p, here, place, 0]
        x[node, LEG_SECONDS] = legs[p, here, place, legs.shape[3] - 1]
        x[node, LEG_TO] = which


@numba.njit(cache=True, nogil=True)
def refresh(
    legs: Legs, x: Integers, w: Integers, q: Integers, v: Integers, c: Floats, price: Floats, idle: Integers, one: int
) -> None:
    """Compute everything about the route of vehicle ``one`` from its sequence."""
    count = len(w)
    start, end = count + 2 * one, count + 2 * one + 1
    p, dimensions = v[one, PROFILE], q.shape[1]
    stops, gone, money = 0, 0, 0.0
    for d in range(dimensions):
        q[start, d, ABOARD] = 0
    node = x[start, SUCC]
    while node != end:
        stops += 1
        gone = max(gone, x[node, RELEASE])
        money += price[v[one, KIND], node]
        if x[node, PICKUP] == 0:
            for d in range(dimensions):
                q[start, d, ABOARD] += q[node, d, LOAD]
        node = x[node, SUCC]
    clock = max(v[one, SHIFT_START], gone)
    x[start, DEPART] = clock
    for d in range(dimensions):
        q[start, d, BEFORE] = q[start, d, ABOARD]
    d1, e1, l1 = 0, clock, v[one, SHIFT_END]
    x[start, HEAD], x[start, HEAD + 1], x[start, HEAD + 2] = d1, e1, l1
    metres, driven = 0, 0
    before, node = start, x[start, SUCC]
    while True:
        _find_leg(legs, x, p, before, node)
        leg, length = x[before, LEG_SECONDS], x[before, LEG_METRES]
        metres += length
        driven += leg
        clock += leg
        if node == end:
            break
        clock = begins(x, w, node, clock) + x[node, SERVICE]
        for d in range(dimensions):
            load = q[node, d, LOAD]
            q[node, d, ABOARD] = q[before, d, ABOARD] + (load if x[node, PICKUP] else -load)
            q[node, d, BEFORE] = max(q[before, d, BEFORE], q[node, d, ABOARD])
        x[node, DEPART] = clock
        if v[one, PAID]:
            d1, e1, l1 = joined(d1, e1, l1, x[node, SERVICE], x[node, EARLY], x[node, LATE], leg)
            x[node, HEAD], x[node, HEAD + 1], x[node, HEAD + 2] = d1, e1, l1
        before, node = node, x[node, SUCC]
    x[end, DEPART] = clock
    lasts, _, _ = joined(d1, e1, l1, 0, v[one, SHIFT_START], v[one, SHIFT_END], leg)
    x[end, LATEST] = v[one, SHIFT_END]
    x[end, TAIL], x[end, TAIL + 1], x[end, TAIL + 2] = 0, v[one, SHIFT_START], v[one, SHIFT_END]
    following, node = end, x[end, PRED]
    while True:
        for d in range(dimensions):
            here = q[node, d, ABOARD]
            q[node, d, AFTER] = here if following == end else max(here, q[following, d, AFTER])
        if node == start:
            break
        _keep_tail(x, w, node, following, v[one, PAID])
        following, node = node, x[node, PRED]
    v[one, STOPS], v[one, GONE] = stops, gone
    _keep_sums(v, c, one, metres, driven, lasts, money)
    _keep_idle(v, idle, one, stops == 0)


@numba.njit(cache=True, nogil=True)
def _keep_sums(v: Integers, c: Floats, one: int, metres: int, driven: int, lasts: int, serving: float) -> None:
    """Keep the sums of a route, and what it costs; ``serving`` is what the orders themselves do."""
    money = 0.0
    if v[one, STOPS] == 0:
        metres, driven, lasts, serving = 0, 0, 0, 0.0
    else:
        money = serving + c[one, PER_ROUTE] + c[one, PER_METRE] * metres + c[one, PER_DRIVEN] * driven
        if v[one, PAID]:
            money += time_money(v, c, one, lasts)
    v[one, METRES], v[one, DRIVEN], v[one, LASTS] = metres, driven, lasts
    c[one, COST], c[one, SERVING] = money, serving


@numba.njit(cache=True, nogil=True)
def refresh_inserted(
    legs: Legs,
    x: Integers,
    w: Integers,
    q: Integers,
    v: Integers,
    c: Floats,
    price: Floats,
    idle: Integers,
    one: int,
    order: int,
) -> None:
    """What ``refresh`` does, where ``order`` was put on the route of ``one`` since: half of the work, on average.

    What is reckoned from the start on changes behind it only, what is reckoned from the end on before it only.
    """
    if v[one, STOPS] == 0 or x[order, RELEASE] > v[one, GONE]:
        refresh(legs, x, w, q, v, c, price, idle, one)
        return
    start, end = len(w) + 2 * one, len(w) + 2 * one + 1
    p, dimensions, pickup = v[one, PROFILE], q.shape[1], x[order, PICKUP]
    before, following = x[order, PRED], x[order, SUCC]
    metres, driven = v[one, METRES] - x[before, LEG_METRES], v[one, DRIVEN] - x[before, LEG_SECONDS]
    _find_leg(legs, x, p, before, order)
    _find_leg(legs, x, p, order, following)
    metres += x[before, LEG_METRES] + x[order, LEG_METRES]
    driven += x[before, LEG_SECONDS] + x[order, LEG_SECONDS]
    for d in range(dimensions):
        here = q[before, d, ABOARD] + q[order, d, LOAD] if pickup else q[before, d, ABOARD]
        q[order, d, ABOARD] = here
        q[order, d, AFTER] = max(here, q[following, d, AFTER] + (q[order, d, LOAD] if pickup else 0))
    # from the order to the start
    node, then = order, following
    while True:
        if node != order:
            for d in range(dimensions):
                if not pickup:
                    q[node, d, ABOARD] += q[order, d, LOAD]
                    q[node, d, BEFORE] += q[order, d, LOAD]
                q[node, d, AFTER] = max(q[node, d, ABOARD], q[then, d, AFTER])
        if node == start:
            break
        _keep_tail(x, w, node, then, v[one, PAID])
        node, then = x[node, PRED], node
    # from the order to the end
    then, node = before, order
    clock = x[before, DEPART]
    d1, e1, l1 = x[before, HEAD], x[before, HEAD + 1], x[before, HEAD + 2]
    while node != end:
        leg = x[then, LEG_SECONDS]
        clock = begins(x, w, node, clock + leg) + x[node, SERVICE]
        x[node, DEPART] = clock
        for d in range(dimensions):
            if node != order and pickup:
                q[node, d, ABOARD] += q[order, d, LOAD]
                q[node, d, AFTER] += q[order, d, LOAD]
            q[node, d, BEFORE] = max(q[then, d, BEFORE], q[node, d, ABOARD])
        if v[one, PAID]:
            d1, e1, l1 = joined(d1, e1, l1, x[node, SERVICE], x[node, EARLY], x[node, LATE], leg)
            x[node, HEAD], x[node, HEAD + 1], x[node, HEAD + 2] = d1, e1, l1
        then, node = node, x[node, SUCC]
    leg = x[then, LEG_SECONDS]
    x[end, DEPART] = clock + leg
    lasts, _, _ = joined(d1, e1, l1, 0, v[one, SHIFT_START], v[one, SHIFT_END], leg)
    v[one, STOPS] += 1
    _keep_sums(v, c, one, metres, driven, lasts, c[one, SERVING] + price[v[one, KIND], order])


@numba.njit(cache=True, nogil=True, inline="always")
def _keep_tail(x: Integers, w: Integers, node: int, following: int, paid: int) -> None:
    """Latest arrival at ``node`` and the segment from it on, from those of the node after it."""
    leg = x[node, LEG_SECONDS]
    by = x[following, LATEST] - leg - x[node, SERVICE]
    if x[node, WINDOWS] == 1:
        x[node, LATEST] = min(by, x[node, LATE]) if by >= x[node, EARLY] else _NEVER
    else:
        x[node, LATEST] = last_arrival(x, w, node, by)
    if paid:
        x[node, TAIL], x[node, TAIL + 1], x[node, TAIL + 2] = joined(
            x[node, SERVICE],
            x[node, EARLY],
            x[node, LATE],
            x[following, TAIL],
            x[following, TAIL + 1],
            x[following, TAIL + 2],
            leg,
        )


@numba.njit(cache=True, nogil=True)
def _keep_idle(v: Integers, idle: Integers, one: int, unused: bool) -> None:
    """Keep the lists of unused vehicles."""
    kind, spot = v[one, KIND], v[one, SPOT]
    size = idle[kind, 0]
    if unused and spot < 0:
        idle[kind, 0] = size + 1
        idle[kind, size + 1] = one
        v[one, SPOT] = size + 1
    elif not unused and spot >= 0:
        other = idle[kind, size]
        idle[kind, spot] = other
        v[other, SPOT] = spot
        v[one, SPOT] = -1
        idle[kind, 0] = size - 1


@numba.njit(cache=True, nogil=True)
def link(x: Integers, one: int, before: int, order: int) -> None:
    """Put ``order`` after node ``before`` on the route of ``one``; ``refresh`` is the caller's."""
    following = x[before, SUCC]
    x[before, SUCC], x[order, PRED] = order, before
    x[order, SUCC], x[following, PRED] = following, order
    x[order, ON] = one


@numba.njit(cache=True, nogil=True)
def unlink(x: Integers, order: int) -> None:
    """Take ``order`` off its route; ``refresh`` is the caller's."""
    before, following = x[order, PRED], x[order, SUCC]
    x[before, SUCC], x[following, PRED] = following, before
    x[order, ON] = -1


@numba.njit(cache=True, nogil=True)
def follow(legs: Legs, x: Integers, w: Integers, q: Integers, v: Integers, room: Integers, one: int) -> bool:
    """Whether the route of ``one``, as it is linked, keeps every limit; prices and bans are the caller's."""
    count = len(w)
    p, last, end = v[one, PROFILE], legs.shape[3] - 1, count + 2 * one + 1
    before, node = end - 1, x[end - 1, SUCC]
    clock, stops = v[one, SHIFT_START], 0
    aboard = np.zeros(q.shape[1], dtype=np.int64)
    while node != end:
        stops += 1
        clock = max(clock, x[node, RELEASE])
        for d in range(q.shape[1]):
            if x[node, PICKUP] == 0:
                aboard[d] += q[node, d, LOAD]
                if aboard[d] > room[one, d]:
                    return False
        node = x[node, SUCC]
    if stops > v[one, MOST_STOPS]:
        return False
    d1, e1, l1, metres = 0, clock, v[one, SHIFT_END], 0
    node = x[end - 1, SUCC]
    while True:
        leg = 0
        if x[node, PLACE] >= 0:
            leg = legs[p, x[before, PLACE], x[node, PLACE], last]
            metres += legs[p, x[before, PLACE], x[node, PLACE], 0]
        clock += leg
        if node == end:
            break
        clock = begins(x, w, node, clock)
        if clock < 0:
            return False
        clock += x[node, SERVICE]
        for d in range(q.shape[1]):
            aboard[d] += q[node, d, LOAD] if x[node, PICKUP] else -q[node, d, LOAD]
            if aboard[d] > room[one, d]:
                return False
        d1, e1, l1 = joined(d1, e1, l1, x[node, SERVICE], x[node, EARLY], x[node, LATE], leg)
        before, node = node, x[node, SUCC]
    lasts, _, _ = joined(d1, e1, l1, 0, v[one, SHIFT_START], v[one, SHIFT_END], leg)
    if v[one, PAID] and lasts > v[one, MOST_SECONDS]:
        return False
    return clock <= v[one, SHIFT_END] and metres <= v[one, MOST_METRES]
