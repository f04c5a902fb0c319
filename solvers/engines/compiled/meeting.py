"""Routes that are cheaper than their orders are worth: partial routes from both ends that meet at an order, compiled.

Half routes are short, so that few of each length tell much of what there is (Righini and Salani 2006, Discrete
Optimization 3(3)): a route of twelve stops is found from two of six or seven.
"""

from __future__ import annotations

import numba
import numpy as np

from solvers.engines.compiled.labels import BITS, NEVER, Floats, Integers, labels, owed


@numba.njit(cache=True, nogil=True)
def _listed(money: Floats, many: Integers, j: int) -> tuple[Integers, Floats]:
    """Length and number of the labels that end at ``j``, and their money: the cheapest first."""
    size = many[:, j].sum()
    at = np.empty((size, 2), np.int64)
    keys = np.empty(size)
    row = 0
    for layer in range(len(many)):
        for k in range(many[layer, j]):
            at[row, 0], at[row, 1] = layer, k
            keys[row] = money[layer, j, k]
            row += 1
    order = np.argsort(keys)
    return at[order], keys[order]


@numba.njit(cache=True, nogil=True)
def cheap_routes(
    cost: Floats,
    seconds: Integers,
    service: Integers,
    early: Integers,
    late: Integers,
    load: Integers,
    room: Integers,
    opens: int,
    closes: int,
    most: int,
    after: Integers,
    ahead: Integers,
    worth: Floats,
    first: float,
    member_at: Integers,
    members: Integers,
    tolls: Floats,
    width: int,
    per_order: int,
    below: float,
    strict: bool,
    slots: int,
) -> tuple[Integers, Floats]:
    """Routes that cost less than ``below`` above worth, by rows with -1 at the end, and how much above it is.

    For each order at most ``per_order`` of those whose halves meet there; ``after`` and ``ahead``: who may follow an
    order and come before it. The other parameters are those of ``labels``.
    """
    n, dims = len(service), load.shape[1]
    middle, total = (opens + closes) // 2, opens + closes
    money, _, ready, loads, served, odd, _, origin, many = labels(
        cost, seconds, service, early, late, load, room, opens, closes, middle, most, after,
        worth, first, member_at, members, tolls, width, below, strict, slots,
    )  # fmt: skip
    # the same day backwards: start and end change places, and so do the first and the last moment
    back_cost, back_seconds = cost.T.copy(), seconds.T.copy()
    for i in range(n):
        back_cost[n, i], back_cost[i, n + 1] = cost[i, n + 1], cost[n, i]
        back_seconds[n, i], back_seconds[i, n + 1] = seconds[i, n + 1], seconds[n, i]
    _, back_money, back_ready, back_loads, back_served, _, back_odd, back_origin, back_many = labels(
        back_cost, back_seconds, service, total - late - service, total - early - service, load, room,
        opens, closes, total - middle, most, ahead,
        worth, first, member_at, members, tolls, width, below, strict, slots,
    )  # fmt: skip
    kept = np.full((n, per_order), NEVER)
    halves = np.zeros((n, per_order, 4), np.int64)
    last = per_order - 1
    for j in range(n):
        there, dear = _listed(money, many, j)
        back, dear_back = _listed(back_money, back_many, j)
        for a in range(len(there)):
            layer, k = there[a, 0], there[a, 1]
            for b in range(len(back)):
                above = dear[a] + dear_back[b] - first
                if above >= below or above >= kept[j, last]:
                    break
                far, m = back[b, 0], back[b, 1]
                fits = ready[layer, j, k] - service[j] <= total - back_ready[far, j, m]
                for d in range(served.shape[3]):
                    both = served[layer, j, k, d] & back_served[far, j, m, d]
                    fits = fits and both == (1 << (j % BITS) if d == j // BITS else 0)
                for d in range(dims):
                    fits = fits and loads[layer, j, k, d] + back_loads[far, j, m, d] - load[j, d] <= room[d]
                if not fits:
                    continue
                above += owed(odd[layer, j, k], back_odd[far, j, m], 0, tolls)
                if above >= below or above >= kept[j, last]:
                    continue
                for p in range(per_order):
                    # halves of other lengths that meet here make the same route
                    fits = fits and abs(kept[j, p] - above) > 1e-9
                if not fits:
                    continue
                p = last
                while p > 0 and kept[j, p - 1] > above:
                    kept[j, p] = kept[j, p - 1]
                    halves[j, p, 0], halves[j, p, 1] = halves[j, p - 1, 0], halves[j, p - 1, 1]
                    halves[j, p, 2], halves[j, p, 3] = halves[j, p - 1, 2], halves[j, p - 1, 3]
                    p -= 1
                kept[j, p] = above
                halves[j, p, 0], halves[j, p, 1], halves[j, p, 2], halves[j, p, 3] = layer, k, far, m
    found = np.argwhere(kept < NEVER)
    routes = np.full((len(found), 2 * most), -1, np.int64)
    by = np.empty(len(found))
    for row in range(len(found)):
        j, p = found[row]
        by[row] = kept[j, p]
        layer, node, k = halves[j, p, 0], j, halves[j, p, 1]
        size = layer + 1
        for at in range(layer, -1, -1):
            routes[row, at] = node
            node, k = origin[at, node, k] // width, origin[at, node, k] % width
        node, k = j, halves[j, p, 3]
        for at in range(halves[j, p, 2], 0, -1):
            node, k = back_origin[at, node, k] // width, back_origin[at, node, k] % width
            routes[row, size] = node
            size += 1
    return routes, by
