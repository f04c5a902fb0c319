"""Routes of one wave by slack induction with string removals, compiled.

Christiaens and Vanden Berghe, *Slack induction by string removals for vehicle routing problems*, Transportation Science
54(2) (2020): strings of routes near a request are taken out, put back where they cost least (a place is overlooked now
and then), accepted by simulated annealing. Half a second on some hundred requests is enough for thousands of steps, so
that a future is judged by short routes and not by how far its search came.

A route leaves when the last of its requests is released, which must not be after any of them has to have left. Whether
an insertion is in time follows from the earliest departures before it and the latest arrivals after it; where the
request is released later than the route, departures are those of the later start.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

NEVER = 2**40
COUNT, LOAD, RELEASED, BY = range(4)
"""Columns of a route: requests, load, when it leaves, and when it has to have left."""
DEMAND, EARLY, LATE, SERVICE, RELEASE, LEAVE_BY = range(6)
"""Columns of a request; row 0 is the depot. ``LATE`` lets the vehicle be back in time; ``LEAVE_BY`` is the latest
departure of its route."""
BLINK = 0.01
REMOVED = 10
LONGEST = 10
"""Requests taken out on average, and the longest string (the authors' values)."""


@numba.njit(cache=True, nogil=True)
def refresh(
    travel: Integers, x: Integers, routes: Integers, r: Integers, leave: Integers, latest: Integers, spot: Integers,
    one: int,
) -> None:  # fmt: skip
    """Load, start, departures and latest arrivals of one route from its sequence."""
    count, load, released, leave_by = r[one, COUNT], 0, 0, NEVER
    by, after = NEVER, 0
    for k in range(count - 1, -1, -1):
        n = routes[one, k]
        by = min(x[n, LATE], by - travel[n, after] - x[n, SERVICE]) if after else x[n, LATE]
        latest[one, k], after = by, n
        load += x[n, DEMAND]
        released, leave_by = max(released, x[n, RELEASE]), min(leave_by, x[n, LEAVE_BY])
        spot[n, 0], spot[n, 1] = one, k
    r[one, LOAD], r[one, RELEASED], r[one, BY] = load, released, leave_by
    clock, place = released, 0
    for k in range(count):
        n = routes[one, k]
        clock = max(clock + travel[place, n], x[n, EARLY])
        clock = NEVER if clock > x[n, LATE] else clock + x[n, SERVICE]
        leave[one, k], place = clock, n


@numba.njit(cache=True, nogil=True)
def recreate(
    travel: Integers, x: Integers, capacity: int, routes: Integers, r: Integers, leave: Integers, latest: Integers,
    spot: Integers, used: int, out: Integers, blink: float,
) -> tuple[int, int]:  # fmt: skip
    """Put requests back one by one where each adds least; the seconds of driving added, and rows in use."""
    total = 0
    for n in out:
        # a vehicle of its own is always possible, and nothing that adds more is looked at
        best, route, place, empty = travel[0, n] + travel[n, 0], -1, 0, used
        demand, early, late, service = x[n, DEMAND], x[n, EARLY], x[n, LATE], x[n, SERVICE]
        release, leave_by = x[n, RELEASE], x[n, LEAVE_BY]
        for one in range(used):
            count = r[one, COUNT]
            if count == 0:
                empty = min(empty, one)
                continue
            if r[one, LOAD] + demand > capacity or count == routes.shape[1]:
                continue
            shifted = release > r[one, RELEASED]
            clock = max(release, r[one, RELEASED])
            if clock > min(leave_by, r[one, BY]):
                continue
            before = 0
            for k in range(count + 1):
                arrival = clock + travel[before, n]
                if arrival > late:
                    break  # later on the route it is later still
                after = routes[one, k] if k < count else 0
                more = travel[before, n] + travel[n, after] - travel[before, after]
                if more < best and (
                    k == count or max(arrival, early) + service + travel[n, after] <= latest[one, k]
                ) and not (blink > 0 and np.random.random() < blink):  # fmt: skip
                    best, route, place = more, one, k
                if k == count:
                    break
                if shifted:
                    clock = max(clock + travel[before, after], x[after, EARLY]) + x[after, SERVICE]
                    if clock - x[after, SERVICE] > x[after, LATE]:
                        break
                else:
                    clock = leave[one, k]
                before = after
        if route < 0:
            route, place = empty, 0
            used = max(used, empty + 1)
        for k in range(r[route, COUNT], place, -1):
            routes[route, k] = routes[route, k - 1]
        routes[route, place] = n
        r[route, COUNT] += 1
        refresh(travel, x, routes, r, leave, latest, spot, route)
        total += best
    return total, used


@numba.njit(cache=True, nogil=True)
def _ruin(
    near: Integers, routes: Integers, r: Integers, spot: Integers, used: int, touched: npt.NDArray[np.bool_],
    which: Integers, out: Integers,
) -> tuple[int, int]:  # fmt: skip
    """Take strings near a random request out of their routes; how many requests, and of how many routes (``which``)."""
    size = len(near) - 1
    driving = max(1, int((r[:used, COUNT] > 0).sum()))
    longest = min(float(LONGEST), size / driving)
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
        which[cut] = one
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
    return taken, cut


@numba.njit(cache=True, nogil=True)
def _sort(travel: Integers, x: Integers, out: Integers, keys: Integers) -> None:
    """The order of putting back: at random, by demand, from far, from near, by window."""
    np.random.shuffle(out)
    draw = np.random.random() * 11
    if draw < 4:
        return
    for k, n in enumerate(out):
        if draw < 6:
            keys[k] = -x[n, DEMAND]
        elif draw < 8:
            keys[k] = -travel[0, n]
        elif draw < 9:
            keys[k] = travel[0, n]
        else:
            keys[k] = x[n, LATE] - x[n, EARLY]
    for k in range(1, len(out)):  # few: by insertion, without an array of its own
        n, key, at = out[k], keys[k], k
        while at > 0 and keys[at - 1] > key:
            keys[at], out[at] = keys[at - 1], out[at - 1]
            at -= 1
        keys[at], out[at] = key, n


@numba.njit(cache=True, nogil=True)
def in_time(r: Integers, leave: Integers) -> bool:
    """Whether every route keeps its windows: only a request that no vehicle could serve alone breaks one."""
    for one in range(len(r)):
        count = r[one, COUNT]
        if count > 0 and leave[one, count - 1] >= NEVER:
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
    travel: Integers, x: Integers, capacity: int, near: Integers, routes: Integers, r: Integers,
    leave: Integers, latest: Integers, spot: Integers, used: int, best_routes: Integers, best_r: Integers, best: int,
    steps: int, heat: float,
) -> tuple[int, int]:  # fmt: skip
    """``steps`` of ruin and recreate at one temperature; the cost of the best, left in ``best_routes``; rows used."""
    now = driven(travel, routes, r)
    touched, which = np.zeros(len(r), dtype=np.bool_), np.zeros(len(r), dtype=np.int64)
    kept_routes, kept_r = routes.copy(), r.copy()
    out, keys = np.zeros(len(x), dtype=np.int64), np.zeros(len(x), dtype=np.int64)
    for _ in range(steps):
        taken, changed = _ruin(near, routes, r, spot, used, touched, which, out)
        before = now
        for one in which[:changed]:
            before -= _driven_by(travel, kept_routes, kept_r, one) - _driven_by(travel, routes, r, one)
            refresh(travel, x, routes, r, leave, latest, spot, one)
        back = out[:taken]
        _sort(travel, x, back, keys)
        added, rows = recreate(
            travel, x, capacity, routes, r, leave, latest, spot, used, back, BLINK
        )  # fmt: skip
        total = before + added
        for n in back:
            one = spot[n, 0]
            if not touched[one]:
                touched[one] = True
                which[changed] = one
                changed += 1
        accepted = total < now - heat * math.log(np.random.random())
        for one in which[:changed]:
            touched[one] = False
            if accepted:
                _copy(routes, r, kept_routes, kept_r, one)
            else:
                _copy(kept_routes, kept_r, routes, r, one)
                refresh(travel, x, routes, r, leave, latest, spot, one)
        if accepted:
            now, used = total, rows
            if total < best:
                best = total
                for one in range(used):  # rows in use never become fewer
                    _copy(routes, r, best_routes, best_r, one)
    return best, used


@numba.njit(cache=True, nogil=True)
def _copy(routes: Integers, r: Integers, to_routes: Integers, to_r: Integers, one: int) -> None:
    """One route with its numbers: what lies beyond its end is not read."""
    for column in range(r.shape[1]):
        to_r[one, column] = r[one, column]
    for k in range(r[one, COUNT]):
        to_routes[one, k] = routes[one, k]


@numba.njit(cache=True, nogil=True)
def _driven_by(travel: Integers, routes: Integers, r: Integers, one: int) -> int:
    total, place = 0, 0
    for k in range(r[one, COUNT]):
        total += travel[place, routes[one, k]]
        place = routes[one, k]
    return total + travel[place, 0]
