"""Insertion, and ruin and recreate, over all vehicles of a moment, compiled.

Ruin and recreate: Schrimpf, Schneider, Stamm-Wilbrandt and Dueck, *Record breaking optimization results using the ruin
and recreate principle*, Journal of Computational Physics 159 (2000). What is ruined is a vehicle's whole load or pieces
that are near to one another in place and due time (Shaw 1998); accepted is what costs little more than the present.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from solvers.pickups.routes import DROP, DUE_S, INFINITE, PICK, cheapest, cost_of, insert, take_out

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
BLINK = 0.05
"""Chance that a vehicle is overlooked when a piece looks for its place."""
DUE_WEIGHT = 0.3
"""A second of due time beside a second of driving, in how far apart two pieces are."""


@numba.njit(cache=True, nogil=True)
def place_all(
    seconds: Integers, metres: Integers, approach: int, x: Integers, w: Floats, v: Integers, routes: Integers,
    counts: Integers, costs: Floats, on: Integers, pieces: Integers, in_order: int, blink: float,
) -> int:  # fmt: skip
    """Insert ``pieces`` where each adds least; how many found no place.

    ``in_order`` 1: one after the other as given; 0: always the one that costs least next.
    """
    left, many = len(pieces), len(v)
    added = np.full((left, many), INFINITE)
    spots = np.zeros((left, many, 2), dtype=np.int64)
    fresh = np.zeros((left, many), dtype=np.bool_)
    waiting = np.ones(left, dtype=np.bool_)
    for _ in range(left):
        choice, vehicle, least = -1, -1, INFINITE
        for n in range(left):
            if not waiting[n]:
                continue
            for one in range(many):
                if not fresh[n, one]:
                    fresh[n, one] = True
                    added[n, one] = INFINITE
                    if counts[one] + 2 > routes.shape[1] or (blink > 0 and np.random.random() < blink):
                        continue
                    total, first, second = cheapest(
                        seconds, metres, approach, x, w, v[one], routes[one], counts[one], pieces[n], INFINITE
                    )
                    if first >= 0:
                        added[n, one] = total - costs[one]
                        spots[n, one, 0], spots[n, one, 1] = first, second
                if added[n, one] < least:
                    choice, vehicle, least = n, one, added[n, one]
            if in_order == 1:
                break
        if choice < 0:
            if in_order == 1:
                for n in range(left):
                    if waiting[n]:
                        waiting[n] = False
                        break
                continue
            break
        waiting[choice] = False
        piece = pieces[choice]
        counts[vehicle] = insert(
            routes[vehicle], counts[vehicle], piece, spots[choice, vehicle, 0], spots[choice, vehicle, 1]
        )
        costs[vehicle] += least
        on[piece] = vehicle
        fresh[:, vehicle] = False
    unplaced = 0
    for n in range(left):
        unplaced += on[pieces[n]] < 0
    return unplaced


@numba.njit(cache=True, nogil=True)
def _ruined(seconds: Integers, x: Integers, on: Integers, movable: Integers, most: int) -> Integers:
    """Pieces to take out: those on the vehicle of a random piece, or those nearest to it."""
    seed = movable[np.random.randint(len(movable))]
    many = min(len(movable), 1 + np.random.randint(most))
    far = np.empty(len(movable))
    same = np.random.random() < 0.4
    for k in range(len(movable)):
        n = movable[k]
        away = seconds[x[seed, PICK], x[n, PICK]] + seconds[x[seed, DROP], x[n, DROP]]
        far[k] = (away + DUE_WEIGHT * abs(x[seed, DUE_S] - x[n, DUE_S])) * (0.5 + np.random.random())
        if same and on[n] == on[seed]:
            far[k] = -np.random.random()
        if n == seed:
            far[k] = -2.0
    return movable[np.argsort(far)[:many]]


@numba.njit(cache=True, nogil=True)
def _keep(
    routes: Integers, counts: Integers, costs: Floats, on: Integers,
    to_routes: Integers, to_counts: Integers, to_costs: Floats, to_on: Integers,
) -> None:  # fmt: skip
    """Copy everything. Number by number: to assign slices, numba compiles words for shapes that differ, for seconds."""
    for one in range(len(counts)):
        _keep_route(routes, counts, costs, one, to_routes, to_counts, to_costs)
    for n in range(len(on)):
        to_on[n] = on[n]


@numba.njit(cache=True, nogil=True)
def _keep_route(
    routes: Integers, counts: Integers, costs: Floats, one: int, to_routes: Integers, to_counts: Integers,
    to_costs: Floats,
) -> None:  # fmt: skip
    """Copy the route of one vehicle."""
    to_counts[one], to_costs[one] = counts[one], costs[one]
    for k in range(routes.shape[1]):
        to_routes[one, k] = routes[one, k]


@numba.njit(cache=True, nogil=True)
def improve(
    seconds: Integers, metres: Integers, approach: int, x: Integers, w: Floats, v: Integers, routes: Integers,
    counts: Integers, costs: Floats, on: Integers, movable: Integers, iterations: int, hot: float, most: int,
) -> int:  # fmt: skip
    """Ruin and recreate in place; the best found is left. How often a better one was found.

    Args:
        movable: pieces that are not on board.
        hot: what a step may cost more than the present at first, in metres; falls to 0.
        most: pieces taken out at once.
    """
    best_routes, best_counts, best_costs, best_on = routes.copy(), counts.copy(), costs.copy(), on.copy()
    now = best = costs.sum()
    found = 0
    touched = np.zeros(len(v), dtype=np.bool_)
    kept_routes, kept_counts, kept_costs, kept_on = routes.copy(), counts.copy(), costs.copy(), on.copy()
    for turn in range(iterations):
        out = _ruined(seconds, x, on, movable, most)
        touched[:] = False
        for n in out:
            one = on[n]
            if one >= 0:
                counts[one] = take_out(routes[one], counts[one], n)
                on[n] = -1
                touched[one] = True
        for one in np.flatnonzero(touched):
            costs[one] = cost_of(seconds, metres, approach, x, w, v[one], routes[one], counts[one], 0)
        in_order = np.random.randint(2)
        if in_order == 1:
            np.random.shuffle(out)
        unplaced = place_all(
            seconds, metres, approach, x, w, v, routes, counts, costs, on, out, in_order, BLINK
        )  # fmt: skip
        for n in out:
            if on[n] >= 0:
                touched[on[n]] = True
        total = costs.sum()
        accepted = unplaced == 0 and total < now + hot * (1 - turn / iterations) * np.random.random() + 1e-6
        for one in np.flatnonzero(touched):
            if accepted:
                _keep_route(routes, counts, costs, one, kept_routes, kept_counts, kept_costs)
            else:
                _keep_route(kept_routes, kept_counts, kept_costs, one, routes, counts, costs)
        if not accepted:
            for n in range(len(on)):
                on[n] = kept_on[n]
            continue
        now = total
        for n in range(len(on)):
            kept_on[n] = on[n]
        if total < best - 1e-6:
            best, found = total, found + 1
            _keep(routes, counts, costs, on, best_routes, best_counts, best_costs, best_on)
    _keep(best_routes, best_counts, best_costs, best_on, routes, counts, costs, on)
    return found
