"""How long a leg takes when it is begun at a moment, and service under a forecast: for the proof, leg by leg.

Nothing of ``solvers.clock`` or ``solvers.families.weather`` is used: single legs in exact fractions, where the search
has whole matrices. What both share is the definition: a timed table holds at its starts, forecasts change it in the
sequence of the rules on a grid of quarter hours, and nobody overtakes.
"""

from __future__ import annotations

import math
from fractions import Fraction

from solvers.plan import Route, Visit
from solvers.problem import Order, PlanningProblem, Rule, Vehicle

QUARTER_S = 900
Table = tuple[tuple[int, ...], tuple[int, ...], bool]
"""Starts, seconds of one leg begun at each, whether they change linearly in between."""


class Roads:
    """Legs and service times of one problem."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        self.place = {depot.depot_id: depot.location for depot in problem.depots}
        self._slow = [rule for rule in problem.rules if rule.type == "weather_speed"]
        self._long = [rule for rule in problem.rules if rule.type == "weather_service"]
        self._tables: dict[tuple[str, int, int], Table] = {}
        self._longest: dict[str, int] = {}

    def service_s(self, order: Order) -> int:
        """Time at the door, forecasts included."""
        seconds = order.service_s
        for rule in self._long:
            if len(rule.orders) == 0 or order.order_id in rule.orders:
                percent, more = _whole(rule, "percent", 100), _whole(rule, "add_s", 0)
                seconds = math.ceil(Fraction(seconds * percent, 100)) + more
        return seconds

    def metres(self, vehicle: Vehicle, here: int, there: int) -> int:
        """Metres of a leg."""
        travel = self.problem.profiles[vehicle.profile] if vehicle.profile else self.problem.travel
        return int(travel.distance_m[here, there])

    def seconds(self, vehicle: Vehicle, here: int, there: int, leaving: int) -> int:
        """Seconds of a leg begun at ``leaving``."""
        travel = self.problem.profiles[vehicle.profile] if vehicle.profile else self.problem.travel
        slow = [rule for rule in self._slow if _meant(rule, vehicle)]
        if travel.by_start_s is None and not slow:
            return int(travel.duration_s[here, there])
        key = (vehicle.vehicle_id, here, there)
        if key not in self._tables:
            normal = int(travel.duration_s[here, there])
            table: Table = ((0,), (normal,), False)
            if travel.by_start_s is not None:
                column = tuple(int(one) for one in travel.by_start_s[:, here, there])
                table = (travel.starts_s, column, travel.smooth)
            if vehicle.profile not in self._longest:
                self._longest[vehicle.profile] = int(travel.duration_s.max())
            untimed = travel.by_start_s is None
            for rule in slow:
                table, untimed = _slowed(table, rule, self._longest[vehicle.profile], untimed)
            self._tables[key] = table
        return _at(self._tables[key], leaving)

    def way(self, route: Route, vehicle: Vehicle, visits: tuple[tuple[Visit, Order], ...]) -> list[tuple[int, int]]:
        """Metres and seconds of every leg of a route, returns to the depot included."""
        depot = self.place[vehicle.depot_id]
        legs: list[tuple[int, int]] = []
        here, clock, trip = depot, route.start_s, 0

        def go(there: int) -> None:
            legs.append((self.metres(vehicle, here, there), self.seconds(vehicle, here, there, clock)))

        for visit, order in visits:
            if visit.trip != trip and trip < len(route.reloads):
                go(depot)
                here, clock, trip = depot, route.reloads[trip].departure_s, visit.trip
            go(order.location)
            here, clock = order.location, visit.departure_s
        if not vehicle.open_end and visits:
            go(self.place[vehicle.end_depot_id or vehicle.depot_id])
        return legs


def _whole(rule: Rule, name: str, default: int) -> int:
    value = rule.parameters.get(name, default)
    return value if isinstance(value, int) else default


def _meant(rule: Rule, vehicle: Vehicle) -> bool:
    named = not rule.vehicles or vehicle.vehicle_id in rule.vehicles
    return named and (not rule.fleets or vehicle.fleet_id in rule.fleets)


def _at(table: Table, leaving: int) -> int:
    """Seconds at a moment: the soonest arrival of all who leave then or at a later start."""
    starts, column, smooth = table
    if leaving <= starts[0]:
        own = Fraction(column[0])
    elif leaving >= starts[-1]:
        own = Fraction(column[-1])
    else:
        k = max(n for n, start in enumerate(starts) if start <= leaving)
        own = Fraction(column[k])
        if smooth:
            own += Fraction((column[k + 1] - column[k]) * (leaving - starts[k]), starts[k + 1] - starts[k])
    arrivals = [math.floor(leaving + own), *(s + c for s, c in zip(starts, column, strict=True) if s > leaving)]
    return min(arrivals) - leaving


def _slowed(table: Table, rule: Rule, longest: int, untimed: bool) -> tuple[Table, bool]:
    """One leg's table under a forecast of slower driving."""
    begin, end = _whole(rule, "start_s", 0), _whole(rule, "end_s", 86_400)
    percent = _whole(rule, "speed_percent", 100)
    if end <= begin or percent == 100:
        return table, untimed
    first = max(0, (begin - longest) // QUARTER_S * QUARTER_S)
    moments = {0, begin, end, *range(first, end, QUARTER_S)} | (set() if untimed else set(table[0]))
    starts = tuple(sorted(moments))
    return (starts, tuple(_driven(_at(table, one), one, begin, end, percent) for one in starts), True), False


def _driven(normal: int, leaving: int, begin: int, end: int, percent: int) -> int:
    """Seconds that ``normal`` seconds take from ``leaving`` when driving is slow from ``begin`` to ``end``."""
    left, clock = Fraction(normal), Fraction(leaving)
    for until, speed in ((begin, Fraction(1)), (end, Fraction(percent, 100))):
        if clock < until:
            if clock + left / speed <= until:
                return math.ceil(clock + left / speed) - leaving
            left -= (until - clock) * speed
            clock = Fraction(until)
    return math.ceil(clock + left) - leaving
