"""A planning problem as tables for machine code, and routes as sequences of ids again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from solvers.engines import Sequences
from solvers.engines.compiled import columns
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator
from solvers.problem import LARGEST, PICKUP, Order, PlanningProblem, Vehicle, Window

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LARGEST_LEG = 2**31 - 1
"""Legs are kept in 32 bits: half the memory, half the misses of the cache."""
MOST_PRICES = 2_000_000
"""Registered rules between vehicle and order are asked one by one: not more often than this."""
INSERTION_NEAR = 40
LONGEST = 5
"""Where vehicles differ in whom they may serve, lists for insertion are at most so many times as long."""
RUIN_NEAR = 100
BLOCK = 512
"""Places a side of the blocks in which legs are compared with those back: what the cache holds."""
KIND_BITS = 62
WEIGHT_WAIT, WEIGHT_LATE = 0.2, 1.0
"""Nearness counts waiting and lateness besides travel (Vidal et al. 2013, Computers & Operations Research 40(1))."""


class Arrays(NamedTuple):
    """A problem and its routes under construction in few tables: functions in machine code take each as an argument.

    Money is in minor units as floats, times in seconds, distances in metres. The columns are named in ``columns``.
    """

    legs: Any
    """int32 (profiles, places, places, 2): metres and seconds; one number where both are the same."""
    x: Integers
    """(nodes, columns): the order or end of a vehicle that a node is, and what its route is up to there and from there.

    Nodes are numbered: orders first, then for each vehicle where it leaves and where it ends.
    """
    w: Integers
    """(orders, 2 windows): starts and ends in turns, by their ends."""
    q: Integers
    """(nodes, dimensions, 4): load, aboard when leaving, the most on a leg up to then, the most on a leg from then."""
    v: Integers
    """(vehicles, columns)."""
    c: Floats
    """(vehicles, columns): prices, and what the route costs."""
    room: Integers
    """(vehicles, dimensions)."""
    price: Floats
    """(kinds, orders): what serving costs besides the way; infinite where forbidden."""
    near: Integers
    """(orders, INSERTION_NEAR or more): beside whom to insert, nearest first; -1 where there are no more."""
    idle: Integers
    """(kinds, vehicles + 1): how many vehicles of a kind are unused, then which."""
    alike: bool
    """Whether every leg is as long as the leg back."""
    penalty: Floats
    """Of leaving an order; required ones far dearer than all else."""
    around: Integers
    """(orders, RUIN_NEAR): whom to remove together."""
    first: Floats
    """(6, orders): which to insert first, by load, far, close, width, start, end of the window."""


@dataclass(frozen=True)
class Compiled:
    """The arrays with what leads back."""

    arrays: Arrays
    orders: list[Order]
    vehicles: list[Vehicle]
    leg_money: float
    """What a typical leg costs: the scale of temperatures."""

    def kind(self, one: int) -> int:
        """The kind of vehicle number ``one``."""
        return int(self.arrays.v[one, columns.KIND])

    def sequences(self, succ: Integers) -> Sequences:
        """Routes of a successor array as sequences of ids."""
        count = len(self.orders)
        found: Sequences = {}
        for number, vehicle in enumerate(self.vehicles):
            ids: list[str] = []
            node = int(succ[count + 2 * number])
            while node < count:
                ids.append(self.orders[node].order_id)
                node = int(succ[node])
            if ids:
                found[vehicle.vehicle_id] = ids
        return found


def covers(problem: PlanningProblem) -> bool:
    """Whether routes can be improved here as well as by PyVRP: single trips of single orders at steady travel times.

    Rules over routes and the plan are seen by neither.
    """
    return (
        startable(problem)
        and all(vehicle.max_trips == 1 for vehicle in problem.vehicles)
        and not any(vehicle.tariff.piecewise for vehicle in problem.vehicles)
        # durations are reckoned with the hull of an order's windows
        and not (
            any(len(order.windows) > 1 for order in problem.orders)
            and any(vehicle.max_duration_s is not None for vehicle in problem.vehicles)
        )
    )


def startable(problem: PlanningProblem) -> bool:
    """Whether a first plan can be made, of one trip each, that others may go on with (and mend where rules ask)."""
    return (
        not problem.locks
        and not any(order.pickup_of or order.group for order in problem.orders)
        and not any(travel.timed for travel in (problem.travel, *problem.profiles.values()))
        and all(
            int(matrix.max(initial=0)) <= LARGEST_LEG
            for travel in (problem.travel, *problem.profiles.values())
            for matrix in (travel.distance_m, travel.duration_s)
        )
    )


def compile_arrays(evaluator: Evaluator) -> Compiled:
    """The arrays of a problem that is ``startable``; no order is on a route yet."""
    problem = evaluator.problem
    orders, vehicles = list(problem.orders), list(problem.vehicles)
    count = len(orders)
    places = [order.location for order in orders]
    for vehicle in vehicles:
        end = problem.end_location(vehicle)
        places += [problem.depot(vehicle.depot_id).location, -1 if end is None else end]
    names = list(dict.fromkeys(vehicle.profile for vehicle in vehicles)) or [""]
    legs = _legs(problem, names)
    dimensions = _dimensions(problem)
    x = np.zeros((len(places), columns.NODE), dtype=np.int64)
    x[:, columns.PLACE] = places
    x[:count, columns.ON] = -1
    q = np.zeros((len(places), len(dimensions), 4), dtype=np.int64)
    widest = max((len(order.windows) for order in orders), default=1) or 1
    w = np.zeros((count, 2 * widest), dtype=np.int64)
    for n, order in enumerate(orders):
        windows = sorted(order.windows, key=lambda one: one.end_s) or [Window(0, LARGEST)]
        for k, window in enumerate(windows):
            w[n, 2 * k], w[n, 2 * k + 1] = window.start_s, window.end_s
        early, late = min(one.start_s for one in windows), windows[-1].end_s
        x[n, 1:7] = (order.service_s, len(windows), early, late, order.release_s, order.kind == PICKUP)
        q[n, :, 0] = [_amount(order.load.amounts(), d, 0) for d in dimensions]
    kinds, price = _prices(evaluator, orders, vehicles)
    v, c = _vehicles(vehicles, names, kinds, count)
    room = [[_amount(one.capacity.amounts(), d, LARGEST) for d in dimensions] for one in vehicles]
    at = np.array(places[:count], dtype=np.int64)
    leg_money = _leg_money(legs[0], at, [one.tariff for one in vehicles])
    near, around = _neighbours(legs[0, :, :, -1], x[:count], price, np.bincount(kinds, minlength=len(price)))
    return Compiled(
        Arrays(
            legs=legs,
            x=x,
            w=w,
            q=q,
            v=v,
            c=c,
            room=np.array(room, dtype=np.int64).reshape(len(vehicles), len(dimensions)),
            price=price,
            near=near,
            idle=np.zeros((price.shape[0], len(vehicles) + 1), dtype=np.int64),
            alike=_alike(legs),
            penalty=_penalties(orders, vehicles, leg_money),
            around=around,
            first=_first(legs[0, :, :, -1], x[:count], sorted(set(places[count::2])), q[:count, 0, 0]),
        ),
        orders,
        vehicles,
        leg_money,
    )


def _vehicles(vehicles: list[Vehicle], names: list[str], kinds: list[int], count: int) -> tuple[Integers, Floats]:
    v = np.zeros((len(vehicles), columns.VEHICLE), dtype=np.int64)
    c = np.zeros((len(vehicles), columns.PRICES), dtype=np.float64)
    for n, (one, kind) in enumerate(zip(vehicles, kinds, strict=True)):
        tariff = one.tariff
        longest = LARGEST if one.max_duration_s is None else one.max_duration_s
        paid = tariff.per_hour_minor or tariff.overtime_per_hour_minor or one.max_duration_s is not None
        v[n, :9] = (
            one.start_s,
            one.end_s,
            count if one.max_stops is None else one.max_stops,
            LARGEST if one.max_distance_m is None else one.max_distance_m,
            longest,
            LARGEST if tariff.overtime_after_s is None else tariff.overtime_after_s,
            names.index(one.profile),
            kind,
            bool(paid),
        )
        v[n, columns.SPOT] = -1
        c[n, :5] = (
            tariff.per_km_minor / 1_000,
            tariff.per_driving_hour_minor / 3_600,
            tariff.per_hour_minor / 3_600,
            tariff.overtime_per_hour_minor / 3_600,
            tariff.per_route_minor,
        )
    return v, c


def _penalties(orders: list[Order], vehicles: list[Vehicle], leg_money: float) -> Floats:
    """Penalties; leaving out what is required must never pay."""
    money = np.array([order.penalty_minor for order in orders], dtype=np.float64)
    dear = 1_000.0 * max(leg_money, 1.0) + 4.0 * max((one.tariff.per_route_minor for one in vehicles), default=0)
    dear += 2.0 * float(money.max(initial=0.0))
    return money + np.array([dear if order.required else 0.0 for order in orders])


def _amount(amounts: tuple[int, ...], dimension: int, default: int) -> int:
    return amounts[dimension] if dimension < len(amounts) else default


def _dimensions(problem: PlanningProblem) -> list[int]:
    """Load dimensions that can bind; one at least, so that tables have a column."""
    count = max((len(v.capacity.amounts()) for v in problem.vehicles), default=3)
    used = [
        d
        for d in range(count)
        if any(_amount(o.load.amounts(), d, 0) for o in problem.orders)
        and any(_amount(v.capacity.amounts(), d, LARGEST) < LARGEST for v in problem.vehicles)
    ]
    return used or [0]


def _legs(problem: PlanningProblem, names: list[str]) -> Any:
    travels = [problem.profiles[name] if name else problem.travel for name in names]
    same = all(travel.distance_m is travel.duration_s for travel in travels)
    legs = np.empty((len(names), problem.travel.size, problem.travel.size, 1 if same else 2), dtype=np.int32)
    for number, travel in enumerate(travels):
        legs[number, :, :, 0] = travel.distance_m
        if not same:
            legs[number, :, :, 1] = travel.duration_s
    return legs


def _alike(legs: Any) -> bool:
    """Whether every leg is as long as the leg back; block by block, as far as it is so."""
    size = legs.shape[1]
    starts = range(0, size, BLOCK)
    return all(
        np.array_equal(legs[:, i : i + BLOCK, j : j + BLOCK], legs[:, j : j + BLOCK, i : i + BLOCK].swapaxes(1, 2))
        for i in starts
        for j in starts[: i // BLOCK + 1]
    )


def _prices(evaluator: Evaluator, orders: list[Order], vehicles: list[Vehicle]) -> tuple[list[int], Floats]:
    """The kind of each vehicle, and what each kind charges for serving each order (infinite: it may not)."""
    banned: dict[str, set[int]] = {}
    for number, order in enumerate(orders):
        for vehicle_id in order.banned_vehicles:
            banned.setdefault(vehicle_id, set()).add(number)
    numbers: dict[Any, int] = {}
    kinds = []
    first: list[Vehicle] = []
    singly = bool(evaluator.rules.pair)
    for vehicle in vehicles:
        own = vehicle.vehicle_id if singly else frozenset(banned.get(vehicle.vehicle_id, ()))
        kind = numbers.setdefault((*kind_of(vehicle), own), len(numbers))
        if kind == len(first):
            first.append(vehicle)
        kinds.append(kind)
    loads = np.array([order.load.amounts()[:3] for order in orders], dtype=np.int64).reshape(len(orders), 3)
    parcels = np.array([order.load.parcels for order in orders], dtype=np.float64)
    depots = np.array([order.depot_id for order in orders])
    asking = [(n, order) for n, order in enumerate(orders) if order.required_certifications]
    failing = any(order.failure_cost_minor for order in orders)
    price = np.empty((len(first), len(orders)))
    for kind, vehicle in enumerate(first):
        row = vehicle.tariff.per_stop_minor + vehicle.tariff.per_parcel_minor * parcels
        if failing:
            row = row + np.array([float(order.expected_failure_minor(vehicle.fleet_id)) for order in orders])
        allowed = (loads <= np.array(vehicle.capacity.amounts()[:3])).all(axis=1)
        allowed &= (depots == "") | (depots == vehicle.depot_id)
        allowed[list(banned.get(vehicle.vehicle_id, ()))] = False
        for number, order in asking:
            # one that ends within the shift is left to engines that know the hour
            if any(vehicle.certifications.get(one, -1) < vehicle.end_s for one in order.required_certifications):
                allowed[number] = False
        if singly:
            for number in np.flatnonzero(allowed).tolist():
                extra = evaluator.pair_price(vehicle, orders[number])
                allowed[number] = extra is not None
                row[number] += extra or 0
        price[kind] = np.where(allowed, row, np.inf)
    return kinds, price


def _leg_money(legs: Any, at: Integers, tariffs: list[Any]) -> float:
    """What a leg to one of the nearest places costs, on a sample."""
    if len(at) < 2 or not tariffs:
        return 1.0
    rows = at[:: max(1, len(at) // 100)]
    km = float(np.median([t.per_km_minor for t in tariffs])) / 1_000
    hour = float(np.median([t.per_hour_minor + t.per_driving_hour_minor for t in tariffs])) / 3_600
    sample = legs[rows][:, at].astype(np.float64)
    money = sample[:, :, 0] * km + sample[:, :, -1] * hour
    count = min(6, len(at) - 1)
    close = np.partition(money, count, axis=1)[:, 1 : count + 1]
    found = close[close > 0]
    return float(np.median(found)) if found.size else 1.0


def _neighbours(seconds: Any, x: Integers, price: Floats, vehicles: Integers) -> tuple[Integers, Integers]:
    from solvers.engines.compiled.nearness import nearest

    at, service, early, late = (np.ascontiguousarray(x[:, one]) for one in (columns.PLACE, 1, 3, 4))
    others = max(0, len(at) - 1)
    serves, fits = _serving(price), np.isfinite(price)
    reach = INSERTION_NEAR if fits.all() else LONGEST * INSERTION_NEAR
    close = nearest(seconds, at, service, early, late, serves, WEIGHT_WAIT, WEIGHT_LATE, min(reach, others))
    if not fits.all():
        close = _long_enough(close, fits, vehicles)
    return close, nearest(seconds, at, service, early, late, serves, 0.0, 0.0, min(RUIN_NEAR, others))


def _long_enough(near: Integers, fits: npt.NDArray[np.bool_], vehicles: Integers) -> Integers:
    """Rows of ``near`` up to where ``INSERTION_NEAR`` of them are expected on a vehicle that may serve the row's order.

    ``fits``: shape (kinds, orders), who may be served by whom; ``vehicles``: how many there are of each kind.
    """
    fits, alike = np.unique(fits, axis=0, return_inverse=True)
    if len(fits) > KIND_BITS:
        return np.ascontiguousarray(near[:, :INSERTION_NEAR])  # too many classes to weigh each
    serving = fits * np.bincount(alike.ravel(), weights=vehicles, minlength=len(fits))[:, None]
    shares = serving / np.maximum(serving.sum(axis=0), 1.0)
    for order, row in enumerate(near):
        expected = np.cumsum(fits[:, order] @ shares[:, row] * (row >= 0))
        row[int(np.searchsorted(expected, INSERTION_NEAR)) + 1 :] = -1
    longest = int((near >= 0).sum(axis=1).max(initial=0))
    return np.ascontiguousarray(near[:, : max(1, longest)])


def _serving(price: Floats) -> Integers:
    """A bit for each kind that may serve an order; above ``KIND_BITS`` kinds share bits."""
    serves = np.zeros(price.shape[1], dtype=np.int64)
    for kind, row in enumerate(price):
        serves |= np.isfinite(row).astype(np.int64) << (kind % KIND_BITS)
    return serves


def _first(seconds: Any, x: Integers, depots: list[int], load: Integers) -> Floats:
    """Sort keys: the smallest is inserted first."""
    at, early, late = x[:, columns.PLACE], x[:, columns.EARLY], x[:, columns.LATE]
    far = seconds[depots][:, at].min(axis=0) if depots else np.zeros(len(at))
    return np.array([-load, -far, far, late - early, early, late], dtype=np.float64).reshape(6, len(at))
