"""What a planning problem must be before anything is searched: every refusal names the field."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from domain.errors import PlanningError
from solvers.problem import (
    AUTHORITIES,
    DELIVERY,
    LARGEST,
    PICKUP,
    Load,
    Lock,
    Order,
    PlanningProblem,
    Tariff,
    Travel,
    Vehicle,
)

LOCK_LEVELS = ("all", "sequence", "vehicle")


def validate(problem: PlanningProblem) -> None:
    """Refuse a problem that cannot be meant.

    Raises:
        PlanningError: names the field that cannot be right.
    """
    _validate_travel("travel", problem.travel)
    for name, travel in problem.profiles.items():
        _validate_travel(f"profiles[{name!r}]", travel)
        if travel.size != problem.travel.size:
            raise PlanningError(f"profiles[{name!r}]: has {travel.size} places, travel has {problem.travel.size}")
    _unique("depots", [depot.depot_id for depot in problem.depots])
    _unique("orders", [order.order_id for order in problem.orders])
    _unique("vehicles", [vehicle.vehicle_id for vehicle in problem.vehicles])
    _unique("rules", [rule.rule_id for rule in problem.rules])
    depots = {depot.depot_id for depot in problem.depots}
    for depot in problem.depots:
        _location(f"depot {depot.depot_id!r}", depot.location, problem.travel)
    for order in problem.orders:
        _validate_order(order, depots, problem.travel)
    for vehicle in problem.vehicles:
        _validate_vehicle(vehicle, depots)
        if vehicle.profile and vehicle.profile not in problem.profiles:
            raise PlanningError(f"vehicle {vehicle.vehicle_id!r}: unknown profile {_shown(vehicle.profile)}")
    _validate_pairs(problem)
    _validate_rules(problem)
    _validate_locks(problem)


def _validate_pairs(problem: PlanningProblem) -> None:
    by_id = {order.order_id: order for order in problem.orders}
    taken: set[str] = set()
    for order in problem.orders:
        if not order.pickup_of:
            continue
        owner = f"order {order.order_id[:80]!r}"
        other = by_id.get(order.pickup_of)
        if other is None:
            raise PlanningError(f"{owner}: pickup_of names the unknown order {order.pickup_of[:80]!r}")
        if order.kind != PICKUP or other.kind != DELIVERY:
            raise PlanningError(f"{owner}: pickup_of must lead from a pickup to a delivery")
        if order.pickup_of in taken:
            raise PlanningError(f"{owner}: the delivery {order.pickup_of[:80]!r} has another pickup already")
        if order.load != other.load:
            raise PlanningError(f"{owner}: its load is not that of its delivery {order.pickup_of[:80]!r}")
        taken.add(order.pickup_of)


def _validate_rules(problem: PlanningProblem) -> None:
    if not problem.rules:
        return
    from solvers.families import refuse_malformed

    orders = {order.order_id for order in problem.orders}
    vehicles = {vehicle.vehicle_id for vehicle in problem.vehicles}
    for rule in problem.rules:
        owner = f"rule {rule.rule_id[:80]!r}"
        for name, ids, known in (("orders", rule.orders, orders), ("vehicles", rule.vehicles, vehicles)):
            if strange := sorted(ids - known):
                raise PlanningError(f"{owner}: {name} names the unknown {strange[0][:80]!r}")
        if rule.authority not in AUTHORITIES:
            raise PlanningError(
                f"{owner}: authority must be one of {', '.join(AUTHORITIES)}, is {_shown(rule.authority)}"
            )
        _amount(owner, "price_minor", rule.price_minor)
        refuse_malformed(rule)


def _validate_locks(problem: PlanningProblem) -> None:
    orders = {order.order_id for order in problem.orders}
    vehicles = {vehicle.vehicle_id for vehicle in problem.vehicles}
    held: dict[str, str] = {}
    locked: set[tuple[str, bool]] = set()
    for lock in problem.locks:
        owner = f"lock of vehicle {lock.vehicle_id[:80]!r}"
        if lock.vehicle_id not in vehicles:
            raise PlanningError(f"{owner}: there is no such vehicle")
        if lock.level not in LOCK_LEVELS:
            raise PlanningError(f"{owner}: level must be one of {', '.join(LOCK_LEVELS)}, is {_shown(lock.level)}")
        kind = (lock.vehicle_id, lock.level == "vehicle")
        if kind in locked:
            raise PlanningError(
                f"{owner}: the vehicle has another lock; one for its head and one of level 'vehicle' may be"
            )
        locked.add(kind)
        for order_id in lock.orders:
            if order_id not in orders:
                raise PlanningError(f"{owner}: there is no order {order_id[:80]!r}")
            if order_id in held:
                raise PlanningError(f"{owner}: order {order_id[:80]!r} is locked to {held[order_id]!r} as well")
            held[order_id] = lock.vehicle_id
        if lock.start_s is not None:
            _amount(owner, "start_s", lock.start_s)
        elif lock.level == "all" and lock.orders:
            raise PlanningError(f"{owner}: level 'all' keeps times, so start_s must say when the route leaves")
        _validate_locked(problem, lock, owner)


def _validate_locked(problem: PlanningProblem, lock: Lock, owner: str) -> None:
    """Refuse a lock that asks for what the order or the vehicle rules out."""
    by_id = {order.order_id: order for order in problem.orders}
    vehicle = next(v for v in problem.vehicles if v.vehicle_id == lock.vehicle_id)
    groups: dict[str, str] = {}
    for order_id in lock.orders:
        order = by_id[order_id]
        if vehicle.vehicle_id in order.banned_vehicles:
            raise PlanningError(f"{owner}: order {order_id[:80]!r} is banned from this vehicle")
        if order.depot_id not in {"", vehicle.depot_id}:
            raise PlanningError(f"{owner}: order {order_id[:80]!r} is loaded at {order.depot_id[:80]!r}")
        if order.group and groups.setdefault(order.group, order_id) != order_id:
            raise PlanningError(f"{owner}: two alternatives of {order.group[:80]!r} are locked")


def _validate_clock(owner: str, travel: Travel) -> None:
    if travel.by_start_s is None:
        if travel.starts_s:
            raise PlanningError(f"{owner}: starts_s is given, by_start_s is missing")
        return
    table, size = travel.by_start_s, travel.size
    if table.shape != (len(travel.starts_s), size, size):
        raise PlanningError(
            f"{owner}.by_start_s: must be {len(travel.starts_s)} x {size} x {size} (starts_s, places), is {table.shape}"
        )
    if table.dtype.kind not in "iu":
        raise PlanningError(f"{owner}.by_start_s: must hold integers, holds {table.dtype}")
    if not travel.starts_s or any(b <= a for a, b in pairwise(travel.starts_s)):
        raise PlanningError(f"{owner}.starts_s: must rise, is {travel.starts_s[:9]}")
    if table.size and not 0 <= int(table.min()) <= int(table.max()) <= LARGEST:
        raise PlanningError(f"{owner}.by_start_s: must be from 0 to {LARGEST}")


def _validate_travel(owner: str, travel: Travel) -> None:
    for name, matrix in (("distance_m", travel.distance_m), ("duration_s", travel.duration_s)):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise PlanningError(f"{owner}.{name}: must be square, is {matrix.shape}")
        if matrix.dtype.kind not in "iu":
            raise PlanningError(f"{owner}.{name}: must hold integers, holds {matrix.dtype}")
        if matrix.size and int(matrix.min()) < 0:
            row, column = np.argwhere(matrix < 0)[0]
            raise PlanningError(f"{owner}.{name}[{row}, {column}]: is negative ({matrix[row, column]})")
        if matrix.size and int(matrix.max()) > LARGEST:
            raise PlanningError(f"{owner}.{name}: holds a value above {LARGEST}")
    if travel.distance_m.shape != travel.duration_s.shape:
        raise PlanningError(
            f"{owner}: distance_m is {travel.distance_m.shape} but duration_s is {travel.duration_s.shape}"
        )
    _validate_clock(owner, travel)


def _unique(name: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if not isinstance(one, str):
            raise PlanningError(f"{name}: an id must be a text, is {_shown(one)}")
        if not one:
            raise PlanningError(f"{name}: an id is empty")
        if one in seen:
            raise PlanningError(f"{name}: {one[:80]!r} is there twice")
        seen.add(one)


def _location(owner: str, location: int, travel: Travel) -> None:
    if isinstance(location, bool) or not isinstance(location, int | np.integer):
        raise PlanningError(f"{owner}: location must be an integer, is {_shown(location)}")
    if not 0 <= location < travel.size:
        raise PlanningError(
            f"{owner}: location {_shown(location)} is not in the travel matrices (0 to {travel.size - 1})"
        )


def _shown(value: object) -> str:
    """A value in a message, cut: a text of a megabyte is not repeated."""
    text = repr(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 90 else f"{text[:80]}..."


def _amount(owner: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise PlanningError(f"{owner}: {name} must be an integer, is {_shown(value)}")
    if not 0 <= int(value) <= LARGEST:
        raise PlanningError(f"{owner}: {name} must be from 0 to {LARGEST}, is {_shown(int(value))}")


def _texts(owner: str, **fields: object) -> None:
    """Refuse what is no text in fields that name things."""
    for name, value in fields.items():
        if not isinstance(value, str):
            raise PlanningError(f"{owner}: {name} must be a text, is {_shown(value)}")


def _validate_load(owner: str, load: Load) -> None:
    for name in ("mass_g", "volume_ml", "parcels"):
        _amount(owner, name, getattr(load, name))
    for number, value in enumerate(load.more):
        _amount(owner, f"more[{number}]", value)


def _validate_order(order: Order, depots: set[str], travel: Travel) -> None:
    owner = f"order {order.order_id[:80]!r}"
    _location(owner, order.location, travel)
    _texts(owner, depot_id=order.depot_id, pickup_of=order.pickup_of, kind=order.kind, group=order.group)
    if order.depot_id and order.depot_id not in depots:
        raise PlanningError(f"{owner}: unknown depot {_shown(order.depot_id)}")
    _amount(owner, "service_s", order.service_s)
    _amount(owner, "penalty_minor", order.penalty_minor)
    _amount(owner, "release_s", order.release_s)
    _validate_load(owner, order.load)
    if order.kind not in {DELIVERY, PICKUP}:
        raise PlanningError(f"{owner}: kind must be {DELIVERY!r} or {PICKUP!r}, is {_shown(order.kind)}")
    for fleet_id, cost in order.failure_cost_minor.items():
        _amount(owner, f"failure_cost_minor[{_shown(fleet_id)}]", cost)
    for window in order.windows:
        _amount(owner, "window.start_s", window.start_s)
        _amount(owner, "window.end_s", window.end_s)
        if window.end_s < window.start_s:
            raise PlanningError(f"{owner}: a window ends ({window.end_s}) before it starts ({window.start_s})")


def _validate_vehicle(vehicle: Vehicle, depots: set[str]) -> None:
    owner = f"vehicle {vehicle.vehicle_id[:80]!r}"
    _texts(owner, fleet_id=vehicle.fleet_id, depot_id=vehicle.depot_id, profile=vehicle.profile)
    if vehicle.depot_id not in depots:
        raise PlanningError(f"{owner}: unknown depot {_shown(vehicle.depot_id)}")
    _amount(owner, "start_s", vehicle.start_s)
    _amount(owner, "end_s", vehicle.end_s)
    if vehicle.end_s < vehicle.start_s:
        raise PlanningError(f"{owner}: the shift ends ({vehicle.end_s}) before it starts ({vehicle.start_s})")
    _validate_load(owner, vehicle.capacity)
    tariff = vehicle.tariff
    for name in (
        "per_route_minor",
        "per_stop_minor",
        "per_parcel_minor",
        "per_km_minor",
        "per_hour_minor",
        "overtime_per_hour_minor",
        "per_driving_hour_minor",
        "minimum_minor",
    ):
        _amount(owner, f"tariff.{name}", getattr(tariff, name))
    _validate_steps(owner, tariff)
    if vehicle.end_depot_id is not None:
        _texts(owner, end_depot_id=vehicle.end_depot_id)
        if vehicle.end_depot_id not in depots:
            raise PlanningError(f"{owner}: unknown end depot {_shown(vehicle.end_depot_id)}")
    _amount(owner, "reload_s", vehicle.reload_s)
    _amount(owner, "max_trips", vehicle.max_trips)
    if vehicle.max_trips < 1:
        raise PlanningError(f"{owner}: max_trips must be at least 1, is {vehicle.max_trips}")
    for name, value in (
        ("tariff.overtime_after_s", tariff.overtime_after_s),
        ("max_stops", vehicle.max_stops),
        ("max_distance_m", vehicle.max_distance_m),
        ("max_duration_s", vehicle.max_duration_s),
    ):
        if value is not None:
            _amount(owner, name, value)


def _validate_steps(owner: str, tariff: Tariff) -> None:
    for name in ("km_steps", "hour_steps", "stop_steps", "parcel_steps"):
        steps = getattr(tariff, name)
        if not isinstance(steps, tuple) or not all(isinstance(one, tuple) and len(one) == 2 for one in steps):
            raise PlanningError(f"{owner}: tariff.{name} must be pairs of start and price, is {_shown(steps)}")
        for number, (start, price) in enumerate(steps):
            _amount(owner, f"tariff.{name}[{number}] start", start)
            _amount(owner, f"tariff.{name}[{number}] price", price)
        if any(second[0] <= first[0] for first, second in pairwise(steps)):
            raise PlanningError(f"{owner}: tariff.{name} must rise, is {_shown(steps[:9])}")
