"""Routes of one wave by slack induction with string removals, compiled.

Christiaens and Vanden Berghe, *Slack induction by string removals for vehicle routing problems*, Transportation Science
54(2) (2020): strings of routes near a request are taken out, put back where they cost least (a place is overlooked now
and then), accepted by simulated annealing. Half a second on some hundred requests is enough for thousands of steps, so
that a future is judged by short routes and not by how far its search came.

A request may be bound to this wave or to the next. A route with requests of neither kind may still become either, so
its times are kept for both departures; whether an insertion is in time follows in constant time from the earliest
departures before it and the latest arrivals after it.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

NEVER = 2**40
NOW, LATER = 1, 2
"""Kinds of a request; 0 may leave with either wave."""
COUNT, LOAD, NOWS, LATERS = range(4)
"""Columns of a route."""
DEMAND, EARLY, LATE, SERVICE, KIND = range(5)
"""Columns of a request; row 0 is the depot. ``LATE`` lets the vehicle be back in time."""
BLINK = 0.01
REMOVED = 10
LONGEST = 10
"""Requests taken out on average, and the longest string (the authors' values)."""


@numba.njit(cache=True, nogil=True)
def refresh(
    travel: Integers, x: Integers, step_s: int, routes: Integers, r: Integers, leave: Integers, latest: Integers,
    spot: Integers, one: int,
) -> None:  # fmt: skip
    """Loads, kinds, departures for both waves, and latest arrivals of one route from its sequence."""
    count = r[one, COUNT]
    r[one, LOAD:] = 0
    for wave in range(2):
        clock, place = wave * step_s, 0
        for k in range(count):
            n = routes[one, k]
            clock = max(clock + travel[place, n], x[n, EARLY])
            clock = NEVER if clock > x[n, LATE] else clock + x[n, SERVICE]
            leave[one, wave, k], place = clock, n
    by, after = NEVER, 0
    for k in range(count - 1, -1, -1):
        n = routes[one, k]
        by = min(x[n, LATE], by - travel[n, after] - x[n, SERVICE]) if after else x[n, LATE]
        latest[one, k], after = by, n
        r[one, LOAD] += x[n, DEMAND]
        r[one, NOWS] += x[n, KIND] == NOW
        r[one, LATERS] += x[n, KIND] == LATER
        spot[n, 0], spot[n, 1] = one, k


@numba.njit(cache=True, nogil=True)
def _wave_of(x: Integers, r: Integers, one: int, n: int) -> int:
    """The wave a route leaves with once it takes ``n``; -1 where it cannot."""
    nows, laters = r[one, NOWS] + (x[n, KIND] == NOW), r[one, LATERS] + (x[n, KIND] == LATER)
    return -1 if nows and laters else int(laters > 0)


@numba.njit(cache=True, nogil=True)
def recreate(
    travel: Integers, x: Integers, step_s: int, capacity: int, routes: Integers, r: Integers, leave: Integers,
    latest: Integers, spot: Integers, out: Integers, blink: float,
) -> int:  # fmt: skip
    """Put requests back one by one where each adds least; the seconds of driving that were added."""
    total = 0
    for n in out:
        best, route, place, empty = NEVER, -1, 0, -1
        for one in range(len(r)):
            count = r[one, COUNT]
            if count == 0:
                empty = one if empty < 0 else empty
                continue
            wave = _wave_of(x, r, one, n)
            if wave < 0 or r[one, LOAD] + x[n, DEMAND] > capacity or count == routes.shape[1]:
                continue
            for k in range(count + 1):
                before = routes[one, k - 1] if k else 0
                clock = leave[one, wave, k - 1] if k else wave * step_s
                clock = max(clock + travel[before, n], x[n, EARLY])
                if clock > x[n, LATE]:
                    break  # later on the route it is later still
                after = routes[one, k] if k < count else 0
                more = travel[before, n] + travel[n, after] - travel[before, after]
                if more >= best:
                    continue
                if k < count and clock + x[n, SERVICE] + travel[n, after] > latest[one, k]:
                    continue
                if blink > 0 and np.random.random() < blink:
                    continue
                best, route, place = more, one, k
        alone = travel[0, n] + travel[n, 0]
        if alone < best:
            best, route, place = alone, empty, 0
        for k in range(r[route, COUNT], place, -1):
            routes[route, k] = routes[route, k - 1]
        routes[route, place] = n
        r[route, COUNT] += 1
        refresh(travel, x, step_s, routes, r, leave, latest, spot, route)
        total += best
    return total


@numba.njit(cache=True, nogil=True)
def _ruin(
    near: Integers, routes: Integers, r: Integers, spot: Integers, touched: npt.NDArray[np.bool_], out: Integers
) -> int:
    """Take strings near a random request out of their routes; how many requests. ``touched``: of these routes."""
    size = len(near) - 1
    used = max(1, int((r[:, COUNT] > 0).sum()))
    longest = min(float(LONGEST), size / used)
    strings = 4.0 * REMOVED / (1.0 + longest) - 1.0
    count = int(np.random.random() * strings + 1.0)
    seed, taken, cut = np.random.randint(1, size + 1), 0, 0
    for n in near[seed]:
        if cut == count:
            break
        one = spot[n, 0]
        if one < 0 or touched[one]:
            continue
        touched[one] = True
        cut += 1
        length = int(np.random.random() * min(longest, float(r[one, COUNT])) + 1.0)
        # split: a part in the middle of the string stays
        stays = 0
        if length > 1 and np.random.random() < 0.5:
            while length + stays < r[one, COUNT] and np.random.random() > 0.01:
                stays += 1
        whole = length + stays
        low = max(0, spot[n, 1] - whole + 1)
        high = min(spot[n, 1], r[one, COUNT] - whole)
        start = np.random.randint(low, high + 1)
        hole = start + np.random.randint(0, length) if stays else NEVER
        kept = 0
        for k in range(r[one, COUNT]):
            m = routes[one, k]
            inside = start <= k < start + whole and not hole <= k < hole + stays
            if inside:
                out[taken] = m
                spot[m, 0] = -1
                taken += 1
            else:
                routes[one, kept] = m
                kept += 1
        r[one, COUNT] = kept
    return taken


@numba.njit(cache=True, nogil=True)
def _sorted(travel: Integers, x: Integers, out: Integers) -> Integers:
    """The order of putting back: at random, by demand, from far, from near, by window."""
    np.random.shuffle(out)
    draw = np.random.random() * 11
    if draw < 4:
        return out
    if draw < 6:
        return out[np.argsort(-x[out, DEMAND])]
    if draw < 8:
        return out[np.argsort(-travel[0][out])]
    if draw < 9:
        return out[np.argsort(travel[0][out])]
    return out[np.argsort(x[out, LATE] - x[out, EARLY])]


@numba.njit(cache=True, nogil=True)
def in_time(r: Integers, leave: Integers) -> bool:
    """Whether every route keeps its windows: only a request that no vehicle could serve alone breaks one."""
    for one in range(len(r)):
        count = r[one, COUNT]
        if count > 0 and leave[one, int(r[one, LATERS] > 0), count - 1] >= NEVER:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def driven(travel: Integers, routes: Integers, r: Integers) -> int:
    """Seconds of driving of all routes."""
    total = 0
    for one in range(len(r)):
        place = 0
        for k in range(r[one, COUNT]):
            total += travel[place, routes[one, k]]
            place = routes[one, k]
        total += travel[place, 0]
    return total


@numba.njit(cache=True, nogil=True)
def anneal(
    travel: Integers, x: Integers, step_s: int, capacity: int, near: Integers, routes: Integers, r: Integers,
    leave: Integers, latest: Integers, spot: Integers, best_routes: Integers, best_r: Integers, best: int, steps: int,
    heat: float,
) -> int:  # fmt: skip
    """``steps`` of ruin and recreate at one temperature; the cost of the best, left in ``best_routes``."""
    now = driven(travel, routes, r)
    touched = np.zeros(len(r), dtype=np.bool_)
    kept_routes, kept_r = routes.copy(), r.copy()
    out = np.zeros(len(x), dtype=np.int64)
    for _ in range(steps):
        touched[:] = False
        taken = _ruin(near, routes, r, spot, touched, out)
        before = now
        for one in np.flatnonzero(touched):
            before -= _driven_by(travel, kept_routes, kept_r, one) - _driven_by(travel, routes, r, one)
            refresh(travel, x, step_s, routes, r, leave, latest, spot, one)
        back = _sorted(travel, x, out[:taken].copy())
        total = before + recreate(
            travel, x, step_s, capacity, routes, r, leave, latest, spot, back, BLINK
        )  # fmt: skip
        for n in back:
            touched[spot[n, 0]] = True
        accepted = total < now - heat * math.log(np.random.random())
        for one in np.flatnonzero(touched):
            if accepted:
                kept_routes[one], kept_r[one] = routes[one], r[one]
            else:
                routes[one], r[one] = kept_routes[one], kept_r[one]
        if accepted:
            now = total
            if total < best:
                best = total
                best_routes[:], best_r[:] = routes, r
        else:
            for one in np.flatnonzero(touched):
                refresh(travel, x, step_s, routes, r, leave, latest, spot, one)
    return best


@numba.njit(cache=True, nogil=True)
def _driven_by(travel: Integers, routes: Integers, r: Integers, one: int) -> int:
    total, place = 0, 0
    for k in range(r[one, COUNT]):
        total += travel[place, routes[one, k]]
        place = routes[one, k]
    return total + travel[place, 0]
