"""One planning problem: what is to be delivered, by whom, under which rules, at which price.

Times are integer seconds after local midnight of the service date (they may exceed 86,400); loads are integer grams,
millilitres and parcels; money is integer minor units of one currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError

LARGEST = 2**40
"""Largest time, load or price accepted: sums over a day stay far below the limits of 64-bit integers."""

IntegerMatrix = npt.NDArray[np.int64]
Attribute = int | str | tuple[str, ...] | tuple[int, ...]
"""A property of an order or a vehicle that rules speak of: a number, a code, or several codes."""

DELIVERY, PICKUP = "delivery", "pickup"
AUTHORITIES = ("law", "contract", "promise", "policy", "preference")
"""Who set a rule, strongest first; what ``law`` sets is never relaxed."""


@dataclass(frozen=True, slots=True)
class Window:
    """Service may start from ``start_s`` to ``end_s``, both included."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Load:
    """How much of each dimension an order takes or a vehicle holds.

    ``more`` are further dimensions of the user's own (pallets, cash, seats), by position; a vehicle that names fewer
    of them than an order is unlimited in the rest.
    """

    mass_g: int = 0
    volume_ml: int = 0
    parcels: int = 0
    more: tuple[int, ...] = ()

    def amounts(self) -> tuple[int, ...]:
        """All dimensions in one tuple."""
        return (self.mass_g, self.volume_ml, self.parcels, *self.more)


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
        depot_id: depot it is loaded at; ``""``: any depot.
        windows: service may start in any one of them; empty: any time of the shift.
        service_s: time at the door.
        required_certifications: codes that the driver must hold until the visit is over.
        banned_vehicles: vehicles that may not serve it.
        penalty_minor: what leaving it unserved costs.
        failure_cost_minor: what a failed attempt is expected to cost (probability x cost), by fleet; ``""`` is the
            value for fleets not named.
        kind: ``delivery`` brings something from the depot, ``pickup`` takes something to it.
        pickup_of: for a pickup: the delivery order that receives what is taken here, later on the same trip.
        release_s: it can leave the depot from then on.
        required: engines leave it out only where nothing else is possible (the penalty is charged all the same).
        group: orders of one group are alternatives (places or times of one wish): one of them is served at most, and
            only where none is served, the group's dearest penalty is charged.
        attributes: what rules speak of: ``{"goods": "frozen", "height_mm": 3100, "zone": "centre"}``.
    """

    order_id: str
    location: int
    depot_id: str = ""
    service_s: int = 0
    windows: tuple[Window, ...] = ()
    load: Load = Load()
    required_certifications: frozenset[str] = frozenset()
    banned_vehicles: frozenset[str] = frozenset()
    penalty_minor: int = 0
    failure_cost_minor: dict[str, int] = field(default_factory=dict)
    kind: str = DELIVERY
    pickup_of: str = ""
    release_s: int = 0
    required: bool = False
    group: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def expected_failure_minor(self, fleet_id: str) -> int:
        """Expected cost of a failed attempt when ``fleet_id`` serves the order."""
        return self.failure_cost_minor.get(fleet_id, self.failure_cost_minor.get("", 0))


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a route of a vehicle costs; every price in minor units of one unit of work.

    Hours are paid from departure to return, driving hours for the legs alone; overtime is what exceeds
    ``overtime_after_s``. Steps make a price piecewise: ``(from, price)`` is paid for each unit of the route from there
    on, instead of the price before (``km_steps`` begin at metres, ``hour_steps`` at seconds, ``stop_steps`` and
    ``parcel_steps`` at a count). A route costs ``minimum_minor`` at least.
    """

    per_route_minor: int = 0
    per_stop_minor: int = 0
    per_parcel_minor: int = 0
    per_km_minor: int = 0
    per_hour_minor: int = 0
    overtime_per_hour_minor: int = 0
    overtime_after_s: int | None = None
    km_steps: tuple[tuple[int, int], ...] = ()
    hour_steps: tuple[tuple[int, int], ...] = ()
    stop_steps: tuple[tuple[int, int], ...] = ()
    parcel_steps: tuple[tuple[int, int], ...] = ()
    minimum_minor: int = 0
    per_driving_hour_minor: int = 0

    @property
    def piecewise(self) -> bool:
        """Whether a price depends on how much the route has used already."""
        return bool(self.km_steps or self.hour_steps or self.stop_steps or self.parcel_steps or self.minimum_minor)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle with its shift. ``fleet_id`` is a label: only its tariff and limits decide.

    Attributes:
        certifications: code -> second of the day until which it holds.
        max_distance_m, max_duration_s: of the whole route.
        max_trips: how often it may leave its depot; ``reload_s`` is spent there between two trips.
        end_depot_id: where it ends; ``None``: where it started. ``open_end``: it need not come back at all.
        profile: which travel matrices of the problem it drives by; ``""``: the common ones.
        attributes: what rules speak of: ``{"height_mm": 2900, "goods": ("frozen", "dry")}``.
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
    max_distance_m: int | None = None
    max_duration_s: int | None = None
    max_trips: int = 1
    reload_s: int = 0
    end_depot_id: str | None = None
    open_end: bool = False
    profile: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint instance: a registered type applied to some orders and vehicles (``solvers.families``).

    Every type measures an excess in its own unit. A hard rule allows none; a soft one prices each unit.

    Attributes:
        orders, vehicles, fleets: whom it concerns; empty: everyone.
        parameters: what the type asks for.
        price_minor: of one unit of excess where the rule is soft, and of its relaxation where it is hard.
        authority: one of ``AUTHORITIES``.
    """

    rule_id: str
    type: str
    orders: frozenset[str] = frozenset()
    vehicles: frozenset[str] = frozenset()
    fleets: frozenset[str] = frozenset()
    parameters: Mapping[str, Attribute] = field(default_factory=dict)
    hard: bool = True
    price_minor: int = 0
    authority: str = "policy"


@dataclass(frozen=True, slots=True)
class Lock:
    """What re-planning may not change of a vehicle's route.

    ``level`` says what may give, as in Google's ``ShipmentModel`` (injected solution): ``all`` relaxes nothing of
    ``orders``, the head of the route: sequence and times are kept, the route leaves at ``start_s``; ``sequence``
    relaxes times; ``vehicle`` relaxes times and sequence, the orders stay on the vehicle. No lock relaxes all.
    """

    vehicle_id: str
    orders: tuple[str, ...]
    level: str = "sequence"
    start_s: int | None = None


@dataclass(frozen=True, slots=True)
class Travel:
    """Square matrices between locations: integer metres and seconds.

    Attributes:
        starts_s: when each bucket of the day begins; empty: a leg takes as long all day.
        by_start_s: shape (buckets, n, n), seconds of a leg that is begun at the start of each bucket;
            ``duration_s`` is then what engines without a clock reckon with (the mean, say).
        smooth: seconds change linearly from one start to the next; else they hold until the next start. Before the
            first start and after the last they hold. Who would arrive sooner by leaving later waits on the way, so
            that nobody overtakes (``solvers.clock.arrival_s``).
    """

    distance_m: IntegerMatrix
    duration_s: IntegerMatrix
    starts_s: tuple[int, ...] = ()
    by_start_s: IntegerMatrix | None = None
    smooth: bool = False

    @property
    def timed(self) -> bool:
        """Whether legs depend on the time of day."""
        return self.by_start_s is not None

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
    rules: tuple[Rule, ...] = ()
    locks: tuple[Lock, ...] = ()
    profiles: Mapping[str, Travel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from solvers.validation import validate

        validate(self)

    def depot(self, depot_id: str) -> Depot:
        for depot in self.depots:
            if depot.depot_id == depot_id:
                return depot
        raise PlanningError(f"there is no depot {depot_id!r}")

    def travel_of(self, vehicle: Vehicle) -> Travel:
        """The matrices that ``vehicle`` drives by."""
        return self.profiles[vehicle.profile] if vehicle.profile else self.travel

    def end_location(self, vehicle: Vehicle) -> int | None:
        """Where ``vehicle`` ends its day; None: at its last stop."""
        if vehicle.open_end:
            return None
        return self.depot(vehicle.end_depot_id or vehicle.depot_id).location
