"""Routes that a search of PyVRP goes through, whatever becomes of the solutions they are in.

A solution that is thrown away, because it is dearer or breaks a limit somewhere, has routes that are as good as any:
for the master they are worth as much as those of the best plan.
"""

from __future__ import annotations

from typing import Any

from solvers.engines import RELOAD
from solvers.engines.compile import Compiled

MOST = 20_000
"""Routes after which no more are gathered."""
Gathered = tuple[str, tuple[str, ...], float]
"""A vehicle that drives it, its stops, what PyVRP says it costs in minor units."""


class Gatherer:
    """Collects the routes within all limits of the solutions it is shown, each once."""

    def __init__(self) -> None:
        self._costs: dict[tuple[int, str], int | None] = {}

    def __call__(self, solution: Any) -> None:
        """Take in the routes of ``solution``."""
        if len(self._costs) >= MOST:
            return
        for route in solution.routes():
            key = (route.vehicle_type(), str(route))
            if key not in self._costs:
                cost = route.distance_cost() + route.duration_cost() + route.fixed_vehicle_cost()
                self._costs[key] = int(cost) if route.is_feasible() else None

    def routes(self, compiled: Compiled) -> tuple[Gathered, ...]:
        """What was gathered, in the problem's own words."""
        names = {f"C{n}": order for n, order in enumerate(compiled.clients)}
        names |= {f"L{n}": pair[0] for n, pair in enumerate(compiled.shipments)}
        names |= {f"U{n}": pair[1] for n, pair in enumerate(compiled.shipments)}
        found = []
        for (kind, words), cost in self._costs.items():
            ids: list[str] = []
            for word in words.split() if cost is not None else ():
                name = names.get(word, RELOAD)
                if name != RELOAD or (ids and ids[-1] != RELOAD):
                    ids.append(name)
            while ids and ids[-1] == RELOAD:
                ids.pop()
            if ids and cost is not None:
                found.append((compiled.groups[kind][0], tuple(ids), cost / compiled.scale))
        return tuple(found)
