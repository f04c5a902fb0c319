"""One planning problem: what is to be delivered, by whom, under which rules, at which price.

Times are integer seconds after local midnight of the service date (they may exceed 86,400); loads are integer grams,
millilitres and parcels; money is integer minor units of one currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError

LARGEST = 2**40
"""Largest time, load or price accepted: sums over a day stay far below the limits of 64-bit integers."""

IntegerMatrix = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Service may start from ``start_s`` to ``end_s``, both included."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Load:
    """How much of each dimension an order takes or a vehicle holds."""

    mass_g: int = 0
    volume_ml: int = 0
    parcels: int = 0


UNLIMITED = Load(LARGEST, LARGEST, LARGEST)


@dataclass(frozen=True, slots=True)
class Depot:
    """A place routes start from and return to. ``location`` is its row in the travel matrices."""

    depot_id: str
    location: int


@dataclass(frozen=True, slots=True)
class Order:
    """One visit.

    Attributes:
        location: row in the travel matrices.
        depot_id: depot it is loaded at.
        windows: service may start in any one of them; empty: any time of the shift.
        service_s: time at the door.
        required_certifications: codes that the driver must hold until the visit is over.
        banned_vehicles: vehicles that may not serve it.
        penalty_minor: what leaving it unserved costs.
        failure_cost_minor: what a failed attempt is expected to cost (probability x cost), by fleet; ``""`` is the
            value for fleets not named.
    """

    order_id: str
    location: int
    depot_id: str
    service_s: int = 0
    windows: tuple[Window, ...] = ()
    load: Load = Load()
    required_certifications: frozenset[str] = frozenset()
    banned_vehicles: frozenset[str] = frozenset()
    penalty_minor: int = 0
    failure_cost_minor: dict[str, int] = field(default_factory=dict)

    def expected_failure_minor(self, fleet_id: str) -> int:
        """Expected cost of a failed attempt when ``fleet_id`` serves the order."""
        return self.failure_cost_minor.get(fleet_id, self.failure_cost_minor.get("", 0))


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a route of a vehicle costs; every price in minor units of one unit of work.

    Hours are paid from departure to return; overtime is what exceeds ``overtime_after_s``.
    """

    per_route_minor: int = 0
    per_stop_minor: int = 0
    per_parcel_minor: int = 0
    per_km_minor: int = 0
    per_hour_minor: int = 0
    overtime_per_hour_minor: int = 0
    overtime_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle with its shift. ``fleet_id`` is a label: only its tariff and limits decide.

    Attributes:
        certifications: code -> second of the day until which it holds.
    """

    vehicle_id: str
    fleet_id: str
    depot_id: str
    start_s: int
    end_s: int
    capacity: Load = UNLIMITED
    certifications: dict[str, int] = field(default_factory=dict)
    tariff: Tariff = Tariff()
    driver_id: str | None = None
    max_stops: int | None = None


@dataclass(frozen=True, slots=True)
class Travel:
    """Square matrices between locations: integer metres and seconds."""

    distance_m: IntegerMatrix
    duration_s: IntegerMatrix

    @property
    def size(self) -> int:
        return int(self.distance_m.shape[0])


@dataclass(frozen=True, slots=True)
class PlanningProblem:
    """Everything a plan is made from. Validated when made.

    Raises:
        PlanningError: names the field that cannot be right.
    """

    depots: tuple[Depot, ...]
    orders: tuple[Order, ...]
    vehicles: tuple[Vehicle, ...]
    travel: Travel
    currency: str = "EUR"

    def __post_init__(self) -> None:
        validate(self)

    def depot(self, depot_id: str) -> Depot:
        for depot in self.depots:
            if depot.depot_id == depot_id:
                return depot
        raise PlanningError(f"there is no depot {depot_id!r}")


def validate(problem: PlanningProblem) -> None:
    """Refuse a problem that cannot be meant; see ``PlanningProblem``."""
    _validate_travel(problem.travel)
    _unique("depots", [depot.depot_id for depot in problem.depots])
    _unique("orders", [order.order_id for order in problem.orders])
    _unique("vehicles", [vehicle.vehicle_id for vehicle in problem.vehicles])
    depots = {depot.depot_id for depot in problem.depots}
    for depot in problem.depots:
        _location(f"depot {depot.depot_id!r}", depot.location, problem.travel)
    for order in problem.orders:
        _validate_order(order, depots, problem.travel)
    for vehicle in problem.vehicles:
        _validate_vehicle(vehicle, depots)


def _validate_travel(travel: Travel) -> None:
    for name, matrix in (("distance_m", travel.distance_m), ("duration_s", travel.duration_s)):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise PlanningError(f"travel.{name}: must be square, is {matrix.shape}")
        if matrix.dtype.kind not in "iu":
            raise PlanningError(f"travel.{name}: must hold integers, holds {matrix.dtype}")
        if matrix.size and int(matrix.min()) < 0:
            row, column = np.argwhere(matrix < 0)[0]
            raise PlanningError(f"travel.{name}[{row}, {column}]: is negative ({matrix[row, column]})")
        if matrix.size and int(matrix.max()) > LARGEST:
            raise PlanningError(f"travel.{name}: holds a value above {LARGEST}")
    if travel.distance_m.shape != travel.duration_s.shape:
        raise PlanningError(
            f"travel: distance_m is {travel.distance_m.shape} but duration_s is {travel.duration_s.shape}"
        )


def _unique(name: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if not one:
            raise PlanningError(f"{name}: an id is empty")
        if one in seen:
            raise PlanningError(f"{name}: {one[:80]!r} is there twice")
        seen.add(one)


def _location(owner: str, location: int, travel: Travel) -> None:
    if not 0 <= location < travel.size:
        raise PlanningError(f"{owner}: location {location} is not in the travel matrices (0 to {travel.size - 1})")


def _amount(owner: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise PlanningError(f"{owner}: {name} must be an integer, is {value!r}")
    if not 0 <= int(value) <= LARGEST:
        raise PlanningError(f"{owner}: {name} must be from 0 to {LARGEST}, is {value}")


def _validate_load(owner: str, load: Load) -> None:
    for name in ("mass_g", "volume_ml", "parcels"):
        _amount(owner, name, getattr(load, name))


def _validate_order(order: Order, depots: set[str], travel: Travel) -> None:
    owner = f"order {order.order_id[:80]!r}"
    _location(owner, order.location, travel)
    if order.depot_id not in depots:
        raise PlanningError(f"{owner}: unknown depot {order.depot_id!r}")
    _amount(owner, "service_s", order.service_s)
    _amount(owner, "penalty_minor", order.penalty_minor)
    _validate_load(owner, order.load)
    for fleet_id, cost in order.failure_cost_minor.items():
        _amount(owner, f"failure_cost_minor[{fleet_id!r}]", cost)
    for window in order.windows:
        _amount(owner, "window.start_s", window.start_s)
        _amount(owner, "window.end_s", window.end_s)
        if window.end_s < window.start_s:
            raise PlanningError(f"{owner}: a window ends ({window.end_s}) before it starts ({window.start_s})")


def _validate_vehicle(vehicle: Vehicle, depots: set[str]) -> None:
    owner = f"vehicle {vehicle.vehicle_id[:80]!r}"
    if vehicle.depot_id not in depots:
        raise PlanningError(f"{owner}: unknown depot {vehicle.depot_id!r}")
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
    ):
        _amount(owner, f"tariff.{name}", getattr(tariff, name))
    for name, value in (("tariff.overtime_after_s", tariff.overtime_after_s), ("max_stops", vehicle.max_stops)):
        if value is not None:
            _amount(owner, name, value)
