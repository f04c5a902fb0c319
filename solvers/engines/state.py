"""Routes under construction: insert at the cheapest place, remove, go back. Every candidate is evaluated exactly."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from solvers.engines import RELOAD, Sequences
from solvers.evaluator import Evaluation, Evaluator
from solvers.families import RouteSummary
from solvers.problem import PICKUP, Order, Vehicle
from solvers.schedule import Stops

NEIGHBOURS = 24
"""Places next to how many near stops are tried first; all of them only where none of those is feasible."""
CHARGERS, CHARGED_PLACES = 3, 12
"""Charging stops and places of an order that are tried together."""
CANDIDATES = 12
"""How many feasible places of the shortest detours are priced exactly."""
HARD = 10**12
"""What one unit of excess over a hard rule of the whole plan counts: such a plan is left as soon as one can."""


@dataclass
class Tour:
    """A vehicle's route: a list that is replaced, never changed, so that it can be kept."""

    vehicle: Vehicle
    stops: list[Order | None] = field(default_factory=list)
    cost: int = 0
    summary: RouteSummary | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an order (and its pickup) goes, and what the whole plan costs more for it."""

    delta: int
    tour: Tour
    stops: list[Order | None]
    found: Evaluation


Kept = tuple[list[Order | None], int, RouteSummary | None]


class State:
    """Routes and the orders on none of them."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.problem = evaluator.problem
        self.tours = {vehicle.vehicle_id: Tour(vehicle) for vehicle in self.problem.vehicles}
        self.place: dict[str, str] = {}
        self.open: dict[str, Order] = dict(evaluator.orders)
        self.pinned: frozenset[str] = frozenset()
        self._undo: dict[str, Kept] | None = None
        self._open_before: dict[str, Order] = {}
        self._near: dict[int, list[str]] = {}
        self._at = np.array([order.location for order in self.problem.orders], dtype=np.int64)
        self._ids = [order.order_id for order in self.problem.orders]
        self._groups: dict[str, list[Order]] = {}
        for order in self.problem.orders:
            if order.group:
                self._groups.setdefault(order.group, []).append(order)
        self._chargers = [one for one in self.problem.orders if one.attributes.get("charge_w") and not one.pickup_of]
        heads = [lock for lock in self.problem.locks if lock.level != "vehicle"]
        self._locked = {lock.vehicle_id: lock for lock in heads}
        self.pinned = frozenset(one for lock in heads for one in lock.orders)
        self.home = {one: lock.vehicle_id for lock in self.problem.locks for one in lock.orders}

    # --- what there is

    def cost(self) -> int:
        """Cost of the plan; excess over hard rules of the whole plan counts ``HARD`` a unit."""
        hard, priced = self._plan_price({})
        if self.home:
            hard += sum(one in self.home for one in self.open)
        return sum(tour.cost for tour in self.tours.values()) + self.penalty() + hard * HARD + priced

    def penalty(self) -> int:
        """Penalties of what is open; of a group of alternatives the dearest, and only where none is served."""
        total = sum(order.penalty_minor for order in self.open.values() if not order.group)
        for members in self._groups.values():
            if all(order.order_id in self.open for order in members):
                total += max(order.penalty_minor for order in members)
        return total

    def _plan_price(self, instead: dict[str, RouteSummary | None]) -> tuple[int, int]:
        rules = self.evaluator.rules
        if not rules.plan:
            return 0, 0
        summaries = [one for key, tour in self.tours.items() if (one := instead.get(key, tour.summary)) is not None]
        return rules.plan_price(summaries)

    def waiting(self) -> list[Order]:
        """Open orders that may be inserted: pickups come with their deliveries."""
        return [order for order in self.open.values() if not order.pickup_of]

    def sequences(self) -> Sequences:
        """Ids of all routes that have stops."""
        return {
            key: [RELOAD if order is None else order.order_id for order in tour.stops]
            for key, tour in self.tours.items()
            if tour.stops
        }

    def placed(self, chance: random.Random) -> tuple[str, Order] | None:
        """A random order that may be moved, with its vehicle."""
        if not self.place:
            return None
        for _ in range(8):
            order = self.evaluator.orders[self._ids[chance.randrange(len(self._ids))]]
            if order.order_id in self.place and order.order_id not in self.pinned:
                return self.place[order.order_id], order
        return None

    def near(self, order: Order, count: int) -> list[Order]:
        """The placed orders nearest to ``order``."""
        found = [
            self.evaluator.orders[one]
            for one in self._neighbours(order.location)
            if one in self.place and one not in self.pinned and one != order.order_id
        ]
        return found[:count]

    def _neighbours(self, location: int) -> list[str]:
        found = self._near.get(location)
        if found is None:
            row = self.problem.travel.duration_s[location][self._at]
            count = min(len(row), NEIGHBOURS + 1)
            best = np.argpartition(row, count - 1)[:count]
            best = best[np.lexsort((best, row[best]))]
            found = [self._ids[one] for one in best.tolist()]
            self._near[location] = found
        return found

    # --- changes that can be taken back

    def begin(self) -> None:
        """Remember everything that is changed from here."""
        self._undo, self._open_before = {}, dict(self.open)

    def commit(self) -> None:
        """Keep what was changed."""
        self._undo = None

    def rollback(self) -> None:
        """Take back what was changed since ``begin``."""
        for key, (stops, cost, summary) in (self._undo or {}).items():
            tour = self.tours[key]
            tour.stops, tour.cost, tour.summary = stops, cost, summary
        for key in self._undo or {}:
            for order in self.tours[key].stops:
                if order is not None:
                    self.place[order.order_id] = key
        self.open = self._open_before
        for order_id in self.open:
            self.place.pop(order_id, None)
        self._undo = None

    def set_tour(self, tour: Tour, stops: list[Order | None], found: Evaluation) -> None:
        """Give ``tour`` other stops; the caller keeps ``open`` right."""
        key = tour.vehicle.vehicle_id
        if self._undo is not None and key not in self._undo:
            self._undo[key] = (tour.stops, tour.cost, tour.summary)
        tour.stops, tour.cost = stops, found.cost
        needed = bool(self.evaluator.rules.plan) and bool(stops)
        tour.summary = self.evaluator.summary(tour.vehicle, stops, found.timing) if needed else None
        for order in stops:
            if order is not None:
                self.place[order.order_id] = key
                self.open.pop(order.order_id, None)

    def _release(self, order: Order) -> None:
        self.place.pop(order.order_id, None)
        self.open[order.order_id] = order

    def remove(self, orders: Sequence[Order]) -> None:
        """Take ``orders`` off their routes, pickups with their deliveries; pinned ones stay."""
        gone: dict[str, set[str]] = {}
        for order in orders:
            both = [order.order_id]
            if order.pickup_of:
                both.append(order.pickup_of)
            elif order.order_id in self.evaluator.pairs:
                both.append(self.evaluator.pairs[order.order_id])
            for one in both:
                if one in self.place and one not in self.pinned:
                    gone.setdefault(self.place[one], set()).add(one)
        for key, ids in gone.items():
            tour = self.tours[key]
            stops = tidy([one for one in tour.stops if one is None or one.order_id not in ids])
            found = self.evaluator.evaluate(tour.vehicle, stops)
            if found is None:  # fewer stops can only break a rule that wants several, or where triangles are violated
                stops = [one for one in stops if one is not None and one.order_id in self.pinned]
                found = self.evaluator.evaluate(tour.vehicle, stops)
                if found is None:
                    continue
            kept = {one.order_id for one in stops if one is not None}
            for stop in tour.stops:
                if stop is not None and stop.order_id not in kept:
                    self._release(stop)
            self.set_tour(tour, stops, found)

    def take_over(self, initial: Sequences) -> None:
        """Take what is feasible of ``initial``; leave out, stop by stop, what is not."""
        for vehicle_id, ids in self._with_locks(initial).items():
            tour = self.tours[vehicle_id]
            wanted = tidy(
                [None if one == RELOAD else self.open[one] for one in ids if one == RELOAD or one in self.open]
            )
            found = self.evaluator.evaluate(tour.vehicle, wanted) if self._one_of_each_group(wanted) else None
            if found is None:
                wanted, found = self._thinned(tour.vehicle, wanted)
            if found is not None and wanted:
                self.set_tour(tour, wanted, found)

    def _with_locks(self, initial: Sequences) -> Sequences:
        """``initial`` with locked orders where locks hold them."""
        if not self.home:
            return initial
        kept = {
            key: [one for one in ids if self.home.get(one, key) == key and one not in self.pinned]
            for key, ids in initial.items()
        }
        for lock in self.problem.locks:
            now = kept.setdefault(lock.vehicle_id, [])
            if lock.level == "vehicle":
                now.extend(one for one in lock.orders if one not in now)
                continue
            before = initial.get(lock.vehicle_id, [])
            if tuple(one for one in before if one != RELOAD)[: len(lock.orders)] == lock.orders:
                kept[lock.vehicle_id] = [
                    one for one in before if self.home.get(one, lock.vehicle_id) == lock.vehicle_id
                ]
            else:
                kept[lock.vehicle_id] = [*lock.orders, *now]
        return kept

    def _one_of_each_group(self, stops: Stops) -> bool:
        groups = [order.group for order in stops if order is not None and order.group]
        served = {self.evaluator.orders[one].group for one in self.place}
        return len(groups) == len(set(groups)) and not served & set(groups)

    def _thinned(self, vehicle: Vehicle, wanted: Stops) -> tuple[list[Order | None], Evaluation | None]:
        """The feasible route that results from adding ``wanted`` stop by stop, pairs as one."""
        stops: list[Order | None] = []
        best: Evaluation | None = None
        ids = {order.order_id for order in wanted if order is not None}
        for order in wanted:
            if order is None:
                if stops and stops[-1] is not None:
                    stops.append(None)
                continue
            if order.pickup_of:
                continue
            pickup_id = self.evaluator.pairs.get(order.order_id)
            added: list[Order | None] = [order]
            if pickup_id is not None:
                if pickup_id not in ids:
                    continue
                added = [self.evaluator.orders[pickup_id], order]
            candidate = [*stops, *added]
            if not self._one_of_each_group(candidate):
                continue
            found = self.evaluator.evaluate(vehicle, candidate)
            if found is not None:
                stops, best = candidate, found
        stops = tidy(stops)
        return (stops, self.evaluator.evaluate(vehicle, stops)) if best is not None else ([], None)

    def drop_hard_excess(self, deadline: float = float("inf")) -> None:
        """Take off routes until no hard rule over the whole plan is exceeded, the cheapest loss first.

        After ``deadline`` (of ``time.monotonic``) the first loss that helps is taken instead: the plan must keep the
        rule, however little time there was.
        """
        while self._plan_price({})[0] > 0:
            before = self._plan_price({})[0]
            best: tuple[int, int, Order] | None = None
            for order_id in list(self.place):
                if best is not None and time.monotonic() > deadline:
                    break
                order = self.evaluator.orders[order_id]
                if order_id in self.home or order.pickup_of:
                    continue
                self.begin()
                self.remove([order])
                hard = self._plan_price({})[0]
                self.rollback()
                if hard < before and (best is None or (hard, order.penalty_minor) < best[:2]):
                    best = (hard, order.penalty_minor, order)
            if best is None:
                return
            self.remove([best[2]])

    # --- insertion

    def insert_open(self, sequence: Sequence[Order], deadline: float = float("inf")) -> bool:
        """Insert each order of ``sequence`` at its cheapest place, unless leaving it costs less; were all tried?

        What ``deadline`` (of ``time.monotonic``) comes before stays open; False is given then.
        """
        for order in sequence:
            if time.monotonic() > deadline:
                return False
            best = self.best_insertion(order)
            if best is not None and best.delta <= self._worth(order):
                self.set_tour(best.tour, best.stops, best.found)
        return True

    def _worth(self, order: Order) -> int:
        return HARD if order.order_id in self.home else order.penalty_minor

    def best_insertion(self, order: Order) -> Placement | None:
        """The cheapest feasible place for an open order, its pickup included; None where there is none."""
        if order.group and any(one.order_id in self.place for one in self._groups[order.group]):
            return None
        near = set(self._neighbours(order.location)) if len(self.place) > NEIGHBOURS else None
        best = self._best_among(order, near)
        if best is None and near is not None:
            best = self._best_among(order, None)
        if best is None and self._chargers and order.order_id not in self.evaluator.pairs:
            best = self._with_charger(order)
        return best

    def _with_charger(self, order: Order) -> Placement | None:
        """The cheapest route found that takes ``order`` and charges on its way: where range alone keeps it out.

        Tried are the shortest detours, with the open charging stops nearest to the order at every place of the route.
        """
        row = self.problem.travel.duration_s[order.location]
        open_ones = [one for one in self._chargers if one.order_id in self.open and one.order_id != order.order_id]
        open_ones.sort(key=lambda one: (int(row[one.location]), one.order_id))
        best: Placement | None = None
        for _, tour, position, reload in sorted(self._candidates(order, None), key=lambda one: one[0])[:CHARGED_PLACES]:
            if reload:
                continue
            stops = self._with(order, tour, position, 0)[0]
            for charger in open_ones[:CHARGERS]:
                if self.evaluator.pair_price(tour.vehicle, charger) is None:
                    continue
                for at in range(self._first_free(tour), len(stops) + 1):
                    charged = [*stops[:at], charger, *stops[at:]]
                    found = self.evaluator.evaluate(tour.vehicle, charged)
                    if found is None:
                        continue
                    delta = found.cost - tour.cost - charger.penalty_minor
                    if self.evaluator.rules.plan:
                        hard, priced = self._plan_price(
                            {tour.vehicle.vehicle_id: self.evaluator.summary(tour.vehicle, charged, found.timing)}
                        )
                        before = self._plan_price({})
                        delta += (hard - before[0]) * HARD + priced - before[1]
                    if best is None or delta < best.delta:
                        best = Placement(delta, tour, charged, found)
        return best

    def _best_among(self, order: Order, near: set[str] | None) -> Placement | None:
        candidates = self._candidates(order, near)
        candidates.sort(key=lambda one: one[0])
        plan_before = self._plan_price({}) if self.evaluator.rules.plan else (0, 0)
        best: Placement | None = None
        feasible = 0
        for detour, tour, position, reload in candidates:
            if best is not None and (feasible >= CANDIDATES or detour > max(best.delta, 0) * 4 + 1_000):
                break
            for stops in self._with(order, tour, position, reload):
                found = self.evaluator.evaluate(tour.vehicle, stops)
                if found is None:
                    continue
                feasible += 1
                delta = found.cost - tour.cost
                if self.evaluator.rules.plan:
                    summary = self.evaluator.summary(tour.vehicle, stops, found.timing)
                    hard, priced = self._plan_price({tour.vehicle.vehicle_id: summary})
                    delta += (hard - plan_before[0]) * HARD + priced - plan_before[1]
                if best is None or delta < best.delta:
                    best = Placement(delta, tour, stops, found)
        return best

    def _with(self, order: Order, tour: Tour, position: int, reload: int) -> list[list[Order | None]]:
        """Routes with ``order`` at ``position``; for a pair, with its pickup at each place before on the trip."""
        stops = tour.stops
        head, tail = stops[:position], stops[position:]
        if reload:
            return [[*head, None, order, *tail] if reload > 0 else [*head, order, None, *tail]]
        pickup_id = self.evaluator.pairs.get(order.order_id)
        if pickup_id is None:
            return [[*head, order, *tail]]
        pickup = self.evaluator.orders[pickup_id]
        first = max((n + 1 for n, one in enumerate(head) if one is None), default=0)
        return [[*head[:n], pickup, *head[n:], order, *tail] for n in range(first, len(head) + 1)]

    def _candidates(self, order: Order, near: set[str] | None) -> list[tuple[int, Tour, int, int]]:
        """Places with the money of their detour: (price, tour, position, reload before or after)."""
        found: list[tuple[int, Tour, int, int]] = []
        empty_seen: set[tuple[object, ...]] = set()
        for tour in self.tours.values():
            vehicle = tour.vehicle
            if self.evaluator.pair_price(vehicle, order) is None:
                continue
            if self.home and self.home.get(order.order_id, vehicle.vehicle_id) != vehicle.vehicle_id:
                continue
            drive = self.evaluator.drive(vehicle)
            tariff = vehicle.tariff
            if not tour.stops:
                kind = (*kind_of(vehicle), *(rule.rule_id for rule, _ in self.evaluator.rules.of_route(vehicle)))
                if kind in empty_seen:
                    continue
                empty_seen.add(kind)
            first = self._first_free(tour)
            near_prev = True
            places = [drive.depot, *(drive.depot if s is None else s.location for s in tour.stops)]
            at = order.location
            size = len(tour.stops)
            for position in range(first, size + 1):
                stop = tour.stops[position] if position < size else None
                near_next = near is None or stop is None or stop.order_id in near
                if not (near_prev or near_next):
                    near_prev = near_next
                    continue
                before = places[position]
                after = places[position + 1] if position < size else drive.end
                metres, seconds = drive.distance(before, at), drive.duration(before, at)
                if after is not None:
                    metres += drive.distance(at, after) - drive.distance(before, after)
                    seconds += drive.duration(at, after) - drive.duration(before, after)
                price = (tariff.per_km_minor * metres) // 1_000
                price += ((tariff.per_hour_minor + tariff.per_driving_hour_minor) * seconds) // 3_600
                if not tour.stops:
                    price += tariff.per_route_minor
                found.append((price, tour, position, 0))
                near_prev = near is None or stop is None or stop.order_id in near
            if vehicle.max_trips > 1 and tour.stops and order.kind != PICKUP:
                trips = 1 + sum(one is None for one in tour.stops)
                if trips < vehicle.max_trips:
                    extra = drive.distance(drive.depot, order.location) + drive.distance(order.location, drive.depot)
                    price = (tariff.per_km_minor * extra) // 1_000
                    found.append((price, tour, size, 1))
                    if first == 0:
                        found.append((price, tour, 0, -1))
        return found

    def _first_free(self, tour: Tour) -> int:
        """The first position that a lock leaves free."""
        lock = self._locked.get(tour.vehicle.vehicle_id)
        if lock is None:
            return 0
        held = set(lock.orders)
        return max((n + 1 for n, one in enumerate(tour.stops) if one is not None and one.order_id in held), default=0)


def tidy(stops: Sequence[Order | None]) -> list[Order | None]:
    """``stops`` without reloads at the ends or beside each other."""
    clean: list[Order | None] = []
    for one in stops:
        if one is not None or (clean and clean[-1] is not None):
            clean.append(one)
    while clean and clean[-1] is None:
        clean.pop()
    return clean


def kind_of(vehicle: Vehicle) -> tuple[object, ...]:
    """Vehicles of one kind give identical answers while they are unused."""
    return (
        vehicle.fleet_id,
        vehicle.depot_id,
        vehicle.end_depot_id,
        vehicle.open_end,
        vehicle.start_s,
        vehicle.end_s,
        vehicle.capacity,
        vehicle.tariff,
        vehicle.max_stops,
        vehicle.max_distance_m,
        vehicle.max_duration_s,
        vehicle.max_trips,
        vehicle.profile,
        tuple(sorted(vehicle.certifications.items())),
        tuple(sorted((name, str(value)) for name, value in vehicle.attributes.items())),
        vehicle.driver_id if vehicle.attributes else None,
    )
