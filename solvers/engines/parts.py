"""Parts of a large plan: neighbourhoods of routes that one process improves while others work elsewhere.

All routes near one stop, as in POPMUSIC (Taillard and Voss 2002, Essays and Surveys in Metaheuristics).
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from solvers.engines import RELOAD, Sequences
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator

PART = 250
"""Stops of a part, where nothing else is said."""
SPARE = 2
"""Unused vehicles of each kind that a part may use besides its own."""


class Parts:
    """The routes of a plan, and which of them are being worked on."""

    def __init__(self, evaluator: Evaluator, chance: random.Random) -> None:
        problem = evaluator.problem
        self.evaluator = evaluator
        self.chance = chance
        self.routes: Sequences = {}
        self.busy: set[str] = set()
        self.taken: set[str] = set()
        self.visited: dict[str, int] = {}
        self.ids = [order.order_id for order in problem.orders]
        self.at = np.array([order.location for order in problem.orders])
        self.time_rows = problem.travel.duration_s
        self.kinds: dict[tuple[object, ...], list[str]] = {}
        for vehicle in problem.vehicles:
            self.kinds.setdefault(kind_of(vehicle), []).append(vehicle.vehicle_id)

    def replace(self, vehicles: tuple[str, ...], found: Sequences) -> None:
        """``found`` instead of the routes of ``vehicles``."""
        for one in vehicles:
            self.routes.pop(one, None)
        for one, ids in found.items():
            self.routes[one] = ids
            self.visited.setdefault(one, 0)

    def spare(self) -> list[str]:
        """A few unused vehicles of each kind."""
        spare: list[str] = []
        for ids in self.kinds.values():
            free = (one for one in ids if one not in self.routes and one not in self.busy)
            spare.extend(one for _, one in zip(range(SPARE), free, strict=False))
        return spare

    def neighbourhood(self, part: int = PART) -> tuple[list[str], list[str], list[str]] | None:
        """Routes near a stop of the least visited free route, up to ``part`` stops; their orders; open ones near."""
        free = [one for one in self.routes if one not in self.busy]
        if not free:
            return None
        fewest = min(self.visited.get(one, 0) for one in free)
        seed_route = self.chance.choice([one for one in free if self.visited.get(one, 0) == fewest])
        stops = [one for one in self.routes[seed_route] if one != RELOAD]
        centre = self.evaluator.orders[self.chance.choice(stops)].location
        row = self.time_rows[centre][self.at]
        near = np.argsort(row, kind="stable")[: 4 * part].tolist()
        rank = {self.ids[index]: n for n, index in enumerate(near)}
        score: list[tuple[float, str]] = []
        for vehicle_id in free:
            ids = self.routes[vehicle_id]
            found = [rank[one] for one in ids if one in rank]
            if found:
                score.append((-sum(math.exp(-2.0 * n / part) for n in found) / math.sqrt(len(ids)), vehicle_id))
        score.sort()
        limit = part * self.chance.uniform(0.6, 1.2)
        chosen, orders = [seed_route], list(stops)
        for _, vehicle_id in score:
            if vehicle_id == seed_route:
                continue
            members = [one for one in self.routes[vehicle_id] if one != RELOAD]
            if len(orders) + len(members) > limit and len(chosen) >= 2:
                continue
            chosen.append(vehicle_id)
            orders.extend(members)
        for vehicle_id in chosen:
            self.visited[vehicle_id] = self.visited.get(vehicle_id, 0) + 1
        return chosen, orders, self._open_near(near[: 2 * part], set(orders), part // 2)

    def _open_near(self, near: list[int], inside: set[str], most: int) -> list[str]:
        """Open orders near the part that it may take up; no alternative of an order served elsewhere."""
        served = {one for ids in self.routes.values() for one in ids}
        groups = {self.evaluator.orders[one].group for one in served - inside if one != RELOAD} - {""}
        found: list[str] = []
        for index in near:
            one = self.ids[index]
            order: Any = self.evaluator.orders[one]
            if one in served or one in self.taken or order.group in groups:
                continue
            if order.pickup_of or one in self.evaluator.pairs:
                continue
            found.append(one)
            if len(found) >= most:
                break
        return found

    # --- a first plan

    def cut(self, members: list[int]) -> list[list[int]]:
        """Cut in halves between the two orders that are farthest apart, until parts have at most ``2 PART`` orders."""
        if len(members) <= 2 * PART:
            return [members]
        places = self.at[members]
        first = int(np.argmax(self.time_rows[places[0]][places]))
        one = self.time_rows[places[first]][places]
        other = self.time_rows[places[int(np.argmax(one))]][places]
        order = np.argsort(one - other, kind="stable")
        half = len(members) // 2
        return self.cut([members[i] for i in order[:half]]) + self.cut([members[i] for i in order[half:]])

    def share_vehicles(self, parts: list[list[int]]) -> list[list[str]]:
        """Vehicles to parts: by depot and kind, each part in proportion to its orders, nearest depots first."""
        fleets: list[list[str]] = [[] for _ in parts]
        sizes = np.array([len(part) for part in parts], dtype=float)
        for ids in self.kinds.values():
            depot = self.evaluator.drive(self.evaluator.vehicles[ids[0]]).depot
            reach = np.array([float(self.time_rows[depot][self.at[part]].mean()) for part in parts])
            weight = sizes / (1.0 + reach / max(1.0, float(reach.min()))) ** 3
            ends = np.rint(np.cumsum(weight / weight.sum()) * len(ids)).astype(int)
            start = 0
            for fleet, end in zip(fleets, ends.tolist(), strict=True):
                fleet.extend(ids[start:end])
                start = end
        return fleets
