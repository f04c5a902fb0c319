"""A first plan without machine code: routes that grow by the nearest stop in time, a vehicle at a time.

Solomon's time-oriented nearest neighbour (1987, Operations Research 35(2)): the next stop is the one with the least
weighted travel and waiting. A step looks at all open orders at once with NumPy, so that 10,000 orders take
about a second: what stands where the compiled engine has to be compiled first, or does not come back.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import numpy.typing as npt

from solvers.engines import Sequences
from solvers.evaluator import Evaluator
from solvers.problem import LARGEST, PICKUP, Order, Vehicle

TRAVEL, WAIT = 0.7, 0.3
"""Weights of Solomon's criterion; urgency has none: on site-dependent days it left more orders out."""
FEW = 1_500
"""Orders near its first stop that a route chooses from."""


def nearest_plan(evaluator: Evaluator, deadline: float = float("inf")) -> Sequences:
    """Sequences that keep every limit of single orders and vehicles; what fits nowhere stays open.

    Windows are taken as their hull, pairs and locked orders are left out; rules over routes are not asked. Vehicles
    that may serve few orders are filled first, then large and cheap ones. After ``deadline`` (of ``time.monotonic``)
    no further route is begun.
    """
    problem = evaluator.problem
    held = {one for lock in problem.locks for one in lock.orders}
    orders = [
        order
        for order in problem.orders
        if not order.pickup_of
        and not order.group
        and order.order_id not in evaluator.pairs
        and order.order_id not in held
    ]
    table = _Table(evaluator, orders)
    locked = {lock.vehicle_id for lock in problem.locks}
    found: Sequences = {}
    kept_away = Counter(one for order in orders for one in order.banned_vehicles)
    for vehicle in sorted(problem.vehicles, key=lambda one: (-kept_away[one.vehicle_id], _dearness(one))):
        if not table.open.any() or time.monotonic() > deadline:
            break
        if vehicle.vehicle_id in locked:
            continue
        ids = table.grow(vehicle)
        if ids:
            found[vehicle.vehicle_id] = ids
    return found


def _dearness(vehicle: Vehicle) -> tuple[float, str]:
    """What a route's fixed price and a kilometre cost for the room there is."""
    room = max(1, min(vehicle.capacity.mass_g, LARGEST), min(vehicle.capacity.volume_ml, LARGEST))
    return (vehicle.tariff.per_route_minor + 50.0 * vehicle.tariff.per_km_minor) / room, vehicle.vehicle_id


class _Table:
    """Open orders as arrays."""

    def __init__(self, evaluator: Evaluator, orders: list[Order]) -> None:
        self.evaluator = evaluator
        self.orders = orders
        self.at = np.array([order.location for order in orders], dtype=np.int64)
        self.service = np.array([order.service_s for order in orders], dtype=np.int64)
        self.early = np.array([min((w.start_s for w in o.windows), default=0) for o in orders], dtype=np.int64)
        self.late = np.array([max((w.end_s for w in o.windows), default=LARGEST) for o in orders], dtype=np.int64)
        self.release = np.array([order.release_s for order in orders], dtype=np.int64)
        width = max((len(order.load.amounts()) for order in orders), default=3)
        rows = [(*o.load.amounts(), *(0 for _ in range(width - len(o.load.amounts())))) for o in orders]
        self.load = np.array(rows, dtype=np.int64).reshape(len(orders), width)
        self.pickup = np.array([order.kind == PICKUP for order in orders], dtype=bool)
        self.depot = np.array([order.depot_id for order in orders])
        self.choosy = [n for n, o in enumerate(orders) if o.required_certifications or o.banned_vehicles]
        self.failing = bool(evaluator.rules.pair)
        self.open = np.ones(len(orders), dtype=bool)

    def grow(self, vehicle: Vehicle) -> list[str]:
        """The route of one vehicle; its orders are open no more."""
        problem, drive = self.evaluator.problem, self.evaluator.drive(vehicle)
        travel = problem.travel_of(vehicle)
        limits = vehicle.capacity.amounts()
        width = self.load.shape[1]
        room = np.array([limits[d] if d < len(limits) else LARGEST for d in range(width)], dtype=np.int64)
        # what is brought and what is taken each fit the vehicle as a whole: loads on the way are then never above twice
        # that, so both together are held to the limit
        may = self.open & (self.load <= room).all(axis=1) & ((self.depot == "") | (self.depot == vehicle.depot_id))
        self._keep_away(vehicle, may)
        longest = vehicle.end_s if vehicle.max_duration_s is None else vehicle.start_s + vehicle.max_duration_s
        ends = min(vehicle.end_s, longest)
        home = np.zeros(len(self.at), dtype=np.int64)
        home_m = home
        if drive.end is not None:
            home, home_m = travel.duration_s[self.at, drive.end], travel.distance_m[self.at, drive.end]
        most_m = LARGEST if vehicle.max_distance_m is None else vehicle.max_distance_m
        most = len(self.at) if vehicle.max_stops is None else vehicle.max_stops
        here, clock, metres = drive.depot, vehicle.start_s, 0
        stops: list[int] = []
        candidates = np.flatnonzero(may)
        while len(stops) < most and len(candidates):
            at = self.at[candidates]
            leg = travel.duration_s[here, at]
            begins = np.maximum(clock + leg, self.early[candidates])
            done = begins + self.service[candidates]
            fits = (begins <= self.late[candidates]) & (done + home[candidates] <= ends)
            fits &= (self.load[candidates] <= room).all(axis=1)
            fits &= self.release[candidates] <= (clock if not stops else vehicle.start_s)
            fits &= metres + travel.distance_m[here, at] + home_m[candidates] <= most_m
            if not fits.any():
                break
            score = TRAVEL * leg + WAIT * (begins - clock - leg)
            pick = int(np.argmin(np.where(fits, score, np.inf)))
            chosen = int(candidates[pick])
            stops.append(chosen)
            metres += int(travel.distance_m[here, self.at[chosen]])
            room = room - self.load[chosen]
            here, clock = int(self.at[chosen]), int(done[pick])
            # what is too late or too large now stays so
            fits[pick] = False
            candidates = candidates[fits]
            if len(stops) == 1 and len(candidates) > FEW:
                legs = travel.duration_s[here, self.at[candidates]]
                candidates = candidates[np.sort(np.argpartition(legs, FEW)[:FEW])]
        return self._kept(vehicle, stops)

    def _keep_away(self, vehicle: Vehicle, may: npt.NDArray[np.bool_]) -> None:
        """Orders that bans, certifications or rules keep from ``vehicle``."""
        numbers = np.flatnonzero(may).tolist() if self.failing else self.choosy
        for number in numbers:
            if (may[number] and self.evaluator.pair_price(vehicle, self.orders[number]) is None) or any(
                vehicle.certifications.get(one, -1) < vehicle.end_s
                for one in self.orders[number].required_certifications
            ):
                may[number] = False

    def _kept(self, vehicle: Vehicle, stops: list[int]) -> list[str]:
        """The longest head of ``stops`` that the exact evaluator accepts."""
        while stops:
            if self.evaluator.evaluate(vehicle, [self.orders[n] for n in stops]) is not None:
                self.open[stops] = False
                return [self.orders[n].order_id for n in stops]
            stops = stops[: len(stops) // 2]
        return []
