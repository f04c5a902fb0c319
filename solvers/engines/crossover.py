"""One solution of two: some routes of the one give way to routes of the other that serve much the same stops.

Selective route exchange (Nagata and Kobayashi 2010, Parallel Problem Solving from Nature XI). Routes that go are near
to one another, those that come serve most of what went. What neither brings is left open: PyVRP's local search
inserts it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np


class Crossover:
    """For one problem: its stops, who is near to whom, and how many vehicles there are of each type."""

    def __init__(self, data: Any) -> None:
        import pyvrp

        self._data, self._route, self._solution = data, pyvrp.Route, pyvrp.Solution
        clients, shipments = list(data.clients()), list(data.shipments())
        singles = [f"C{n}" for n in range(len(clients))]
        pickups = [f"L{n}" for n in range(len(shipments))]
        stops = [*singles, *pickups, *(f"U{n}" for n in range(len(shipments)))]
        # what may be on one route only has one owner: a client, the clients of a group, both ends of a shipment
        owner = list(range(len(clients)))
        for group in data.groups():
            for one in group.clients:
                owner[one] = group.clients[0]
        pairs = [len(clients) + n for n in range(len(shipments))]
        self._owner = dict(zip(stops, [*owner, *pairs, *pairs], strict=True))
        self._activity = {word: pyvrp.Activity(word) for word in (*stops, *(f"D{n}" for n in range(data.num_depots)))}
        self._vehicles = [kind.num_available for kind in data.vehicle_types()]
        at = [*(one.location for one in clients), *(one.pickup.location for one in shipments)]
        prices: Any = np.asarray(data.distance_matrix(0))[np.ix_(at, at)]
        owners = [self._owner[word] for word in (*singles, *pickups)]
        nearest = np.argsort(np.minimum(prices, prices.T), axis=1, kind="stable")
        self._near = [[owners[other] for other in row] for row in nearest]

    def __call__(self, one: Any, other: Any, chance: random.Random) -> Any:
        """A solution with most routes of ``one`` and some of ``other``; it may leave stops open."""
        mine, theirs = self._read(one), self._read(other)
        if not mine or not theirs:
            return one
        count = chance.randint(1, max(1, min(len(mine), len(theirs)) - 1))
        on = {stop: number for number, (_, _, stops) in enumerate(mine) for stop in stops}
        going: set[int] = set()
        for stop in chance.choice(self._near):
            if stop in on:
                going.add(on[stop])
            if len(going) == count:
                break
        gone = {stop for number in going for stop in mine[number][2]}
        shared = [len(gone & stops) for _, _, stops in theirs]
        order = sorted(range(len(theirs)), key=lambda number: (-shared[number], chance.random()))
        coming = order[: len(going)]
        extra = {stop for number in coming for stop in theirs[number][2]} - gone
        # what comes though it did not go stays either where it was or where it comes
        stays = chance.random() < 0.5
        used = [0] * len(self._vehicles)
        kept = (route for number, route in enumerate(mine) if number not in going)
        routes = self._made(kept, set() if stays else extra, used)
        routes += self._made((theirs[number] for number in coming), extra if stays else set(), used)
        return self._solution(self._data, routes)

    def _read(self, solution: Any) -> list[tuple[int, list[str], set[int]]]:
        """Vehicle type, activities in words (``C7``: client 7) and owners of each route."""
        found = []
        for route in solution.routes():
            words = str(route).split()
            found.append((route.vehicle_type(), words, {self._owner[word] for word in words if word in self._owner}))
        return found

    def _made(self, routes: Iterable[tuple[int, list[str], set[int]]], without: set[int], used: list[int]) -> list[Any]:
        """Routes without some stops, as far as there are vehicles of their types."""
        made = []
        for kind, words, stops in routes:
            rest = words if stops.isdisjoint(without) else [w for w in words if self._owner.get(w) not in without]
            if used[kind] >= self._vehicles[kind] or not any(word in self._owner for word in rest):
                continue
            used[kind] += 1
            made.append(self._route(self._data, [self._activity[word] for word in rest], kind))
        return made
