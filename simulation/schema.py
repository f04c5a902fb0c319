"""The scenario as typed sections. Every parameter has a default and a range; what is impossible is refused.

Calibrated figures and their sources are listed in ``docs/simulation.md``; the others are declared assumptions.
"""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.codes import ControlMode, TariffComponent
from simulation.schema_shocks import Shock

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
Weight = Annotated[float, Field(ge=0, strict=True)]
Spread = Annotated[float, Field(ge=0, le=2, strict=True)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=32)]


class Section(BaseModel):
    """A frozen part of a scenario that refuses unknown keys, NaN and infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


HOURLY = (1.25,) * 6 + (1.1, 0.97, 0.85, 0.92, 0.98, 1.0, 1.0, 1.0, 0.98, 0.95, 0.87, 0.82, 0.88, 1.02) + (1.12,) * 4


class Traffic(Section):
    """The law of travel of a city: seconds = access + distance at a speed that the hour, rain and quarter change.

    Attributes:
        access_s: fixed time of a leg (leaving, parking); with 34 km/h it gives Amazon's Austin speeds by leg length.
        speed_kmh: moving speed of the first 5 km; ``fast_kmh`` of what is beyond.
        hourly: factor on speed by local hour, 24 numbers.
        rain_per_mm: share by which a millimetre of rain an hour lengthens a leg.
        centre_share: share by which a leg into the innermost quarter is slower.
        leg_spread, day_spread: log standard deviations of one leg and of a driver's whole day.
    """

    access_s: Natural = 45
    speed_kmh: Positive = 34.0
    fast_kmh: Positive = 52.0
    circuity: Annotated[float, Field(ge=1, le=3, strict=True)] = 1.35
    hourly: Annotated[tuple[Positive, ...], Field(min_length=24, max_length=24)] = HOURLY
    weekend_factor: Positive = 1.07
    rain_per_mm: Share = 0.03
    snow_share: Share = 0.15
    centre_share: Share = 0.15
    leg_spread: Spread = 0.18
    day_spread: Spread = 0.06


class Buildings(Section):
    """Weights of building types among addresses."""

    house: Weight = 0.42
    flat: Weight = 0.36
    gated: Weight = 0.08
    office: Weight = 0.09
    shop: Weight = 0.05


class CityPart(Section):
    """One city: where it is, how large, its depots, quarters, buildings and traffic law."""

    name: Name = "city"
    latitude: Annotated[float, Field(ge=-80, le=80, strict=True)] = 52.37
    longitude: Annotated[float, Field(ge=-180, le=180, strict=True)] = 4.90
    radius_km: Positive = 9.0
    depots: Annotated[int, Field(ge=1, le=99, strict=True)] = 2
    quarters: Annotated[int, Field(ge=1, le=99, strict=True)] = 8
    demand_weight: Positive = 1.0
    buildings: Buildings = Buildings()
    traffic: Traffic = Traffic()


class Slot(Section):
    """A delivery window on offer, local hours."""

    start: Annotated[int, Field(ge=0, le=23, strict=True)]
    end: Annotated[int, Field(ge=1, le=24, strict=True)]
    weight: Weight = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"a window must end after it starts, is {self.start} to {self.end}")
        return self


SLOTS = tuple(Slot(start=a, end=b) for a, b in ((8, 12), (10, 14), (12, 16), (14, 18), (16, 20)))


class Tenant(Section):
    """A shipper with its own mix of orders."""

    name: Name
    weight: Weight = 1.0
    window_share: Share = 0.4
    business_share: Share = 0.1
    parcels_mean: Annotated[float, Field(ge=1, le=20, strict=True)] = 1.6
    parcel_g: Positive = 1_800.0
    parcel_ml: Positive = 5_700.0
    certified_share: Share = 0.03
    slots: Annotated[tuple[Slot, ...], Field(min_length=1)] = SLOTS


TENANTS = (
    Tenant(name="t0", weight=0.4, window_share=0.2, business_share=0.08),
    Tenant(
        name="t1",
        weight=0.25,
        window_share=0.9,
        business_share=0.0,
        parcels_mean=2.4,
        parcel_g=4_000.0,
        slots=tuple(Slot(start=hour, end=hour + 2) for hour in (8, 10, 12, 14, 16)),
    ),
    Tenant(name="t2", weight=0.2, window_share=0.5, business_share=0.05, certified_share=0.12),
    Tenant(name="t3", weight=0.15, window_share=0.6, business_share=0.55, parcels_mean=2.0, parcel_g=6_000.0),
)


class Demand(Section):
    """How many orders a day, by weekday (Monday first) and season."""

    orders_per_day: Count = 400
    weekday: Annotated[tuple[Positive, ...], Field(min_length=7, max_length=7)] = (
        1.08,
        1.04,
        1.0,
        1.02,
        1.1,
        0.86,
        0.6,
    )
    season_share: Share = 0.08
    day_spread: Spread = 0.04
    tenants: Annotated[tuple[Tenant, ...], Field(min_length=1)] = TENANTS


class Customers(Section):
    """Who receives, and what goes wrong at the door.

    Attributes:
        failed_share: mean share of first attempts that fail for a reason of the recipient or address (Changshu 4.2 %).
        never_fail_share: customers who practically never fail (Changshu: half).
        concentration: sum of the Beta parameters of the others' rates; smaller is more unequal (Changshu: persistence
            of a failure 34 %, the top tenth holds 63 % of the failures).
        absent_share: share of those failures that are absence; the rest are address, access, refusal, identity.
        habit_strength: how much the hour and weekday matter to who is at home.
        away_share: customer-weeks away from home.
        late_log_odds: added to the log odds of absence by each hour after the promised window.
        planted_bad_share, planted_bad_rate: instead of the Beta law, a known share of customers (every n-th by number)
            fails at a known rate and the others at what ``failed_share`` leaves: a world for testing analyses.
    """

    count: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 4_000
    failed_share: Share = 0.038
    never_fail_share: Share = 0.5
    concentration: Positive = 2.4
    absent_share: Share = 0.78
    habit_strength: Annotated[float, Field(ge=0, le=5, strict=True)] = 1.0
    away_share: Share = 0.004
    late_log_odds: Annotated[float, Field(ge=0, le=5, strict=True)] = 0.35
    wrong_address_share: Share = 0.012
    cancelled_share: Share = 0.004
    contact_after_failure: Share = 0.27
    contact_when_late: Share = 0.12
    contact_anyway: Share = 0.03
    answer_share: Share = 0.55
    service_spread: Spread = 0.35
    planted_bad_share: Share = 0.0
    planted_bad_rate: Share = 0.0


class Acceptance(Section):
    """Offers to this fleet: ``route_decline_share`` for whole routes; a logistic for single orders.

    Log odds of one courier taking an order = ``slope`` x (price - reservation) per km in currency units, plus the
    effects of rain (per mm) and of the evening (from 18:00); ``offers`` couriers are asked one after another.
    A declared assumption: no public curve exists.
    """

    route_decline_share: Share = 0.005
    slope: Annotated[float, Field(ge=0, le=100, strict=True)] = 1.2
    reservation_minor: Natural = 450
    rain_per_mm: Annotated[float, Field(ge=-5, le=5, strict=True)] = -0.25
    evening: Annotated[float, Field(ge=-5, le=5, strict=True)] = -0.4
    offers: Annotated[int, Field(ge=1, le=20, strict=True)] = 3
    answer_s: Count = 180


class Fleet(Section):
    """A source of capacity with its people, vehicles, hours and prices (minor units).

    ``pace`` is the mean factor on driving and service time, ``skill_spread`` the log spread between its drivers,
    ``familiarity`` (0..1) how well they know the quarters, which shortens the search at the door.
    """

    fleet_id: Name
    kind: str
    control_mode: ControlMode
    name: str
    drivers: Natural
    vehicle_class: str = "van"
    capacity_g: Count = 900_000
    capacity_ml: Count = 6_000_000
    capacity_parcels: Count = 120
    starts: Annotated[int, Field(ge=0, le=23, strict=True)] = 8
    ends: Annotated[int, Field(ge=1, le=24, strict=True)] = 18
    overtime_limit_s: Natural = 5_400
    break_s: Natural = 0
    pace: Positive = 1.0
    skill_spread: Spread = 0.06
    familiarity: Share = 0.8
    certified_share: Share = 0.0
    absent_share: Share = 0.08
    sunday_absent_share: Share = 0.35
    breakdown_share: Share = 0.004
    no_show_share: Share = 0.003
    acceptance: Acceptance = Acceptance()
    tariff: dict[TariffComponent, Natural]

    @model_validator(mode="after")
    def _hours(self) -> Self:
        if self.starts >= self.ends:
            raise ValueError(f"a shift must end after it starts, is {self.starts} to {self.ends}")
        return self


FLEETS = (
    Fleet(
        fleet_id="captive",
        kind="captive",
        control_mode=ControlMode.ROUTED,
        name="Own vans",
        drivers=10,
        certified_share=0.5,
        tariff={"per_route": 2_000, "per_km": 28, "per_hour": 2_600, "overtime_per_hour": 1_300},
    ),
    Fleet(
        fleet_id="carrier",
        kind="3pl",
        control_mode=ControlMode.TENDERED_ROUTE,
        name="City carrier",
        drivers=6,
        vehicle_class="truck",
        capacity_g=1_200_000,
        capacity_ml=9_000_000,
        capacity_parcels=150,
        ends=19,
        pace=1.03,
        skill_spread=0.1,
        familiarity=0.5,
        tariff={"per_route": 4_500, "per_km": 45, "per_stop": 310},
    ),
    Fleet(
        fleet_id="gig",
        kind="gig",
        control_mode=ControlMode.TENDERED_ORDER,
        name="Couriers by order",
        drivers=10,
        vehicle_class="cargo_bike",
        capacity_g=60_000,
        capacity_ml=500_000,
        capacity_parcels=18,
        starts=10,
        ends=20,
        pace=1.05,
        skill_spread=0.16,
        familiarity=0.3,
        tariff={"per_stop": 560, "per_km": 70},
    ),
)
"""Contracts are declared, not measured."""


class Weather(Section):
    """Rain, warmth, storms, and how good forecasts are (log spread of rain, a day ahead)."""

    rain_share: Share = 0.25
    rain_mm: Annotated[float, Field(ge=0, le=50, strict=True)] = 1.3
    storm_share: Share = 0.008
    mean_c: Annotated[float, Field(ge=-40, le=45, strict=True)] = 12.0
    amplitude_c: Annotated[float, Field(ge=0, le=40, strict=True)] = 9.0
    forecast_spread: Spread = 0.5


class Recording(Section):
    """How what happens becomes rows: late, twice, out of order and a few metres off."""

    late_share: Share = 0.03
    duplicate_share: Share = 0.004
    gps_noise_m: Annotated[float, Field(ge=0, le=5_000, strict=True)] = 9.0


class Effects(Section):
    """Causal rules of interventions, declared. Log odds are added to those of absence.

    Attributes:
        message_log_odds: an ETA message in time; -0.28 is a no-show ratio of 0.77 (12 randomised trials of SMS
            reminders in health care, an analogue).
        confirm_log_odds, call_log_odds: for those who answer.
        lead_s: an action less than this before the visit changes nothing.
        together_log_odds: added where two or more of message, confirmation and call took effect: below 0 they
            compound, above 0 they overlap more.
    """

    message_log_odds: Annotated[float, Field(ge=-10, le=10, strict=True)] = -0.28
    confirm_log_odds: Annotated[float, Field(ge=-10, le=10, strict=True)] = -1.2
    call_log_odds: Annotated[float, Field(ge=-10, le=10, strict=True)] = -1.6
    together_log_odds: Annotated[float, Field(ge=-10, le=10, strict=True)] = 0.0
    call_answer_share: Share = 0.6
    reschedule_share: Share = 0.7
    locker_consent_share: Share = 0.45
    safe_place_house_share: Share = 0.75
    safe_place_other_share: Share = 0.25
    fix_address_share: Share = 0.8
    fix_access_share: Share = 0.5
    message_contact_factor: Share = 0.6
    lead_s: Natural = 1_800


class Scenario(Section):
    """A world: seed, cities, demand, customers, fleets, weather, recording, causal rules and dated shocks.

    ``signal`` 1 is as calibrated; 0 is a null world in which nothing tells customers, drivers, hours or places apart.
    """

    seed: Natural = 7
    timezone: str = "Europe/Amsterdam"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    signal: Share = 1.0
    stops_per_route: Annotated[int, Field(ge=1, le=400, strict=True)] = 85
    cities: Annotated[tuple[CityPart, ...], Field(min_length=1)] = (CityPart(),)
    demand: Demand = Demand()
    customers: Customers = Customers()
    fleets: Annotated[tuple[Fleet, ...], Field(min_length=1)] = FLEETS
    weather: Weather = Weather()
    recording: Recording = Recording()
    effects: Effects = Effects()
    shocks: tuple[Shock, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone") from error
        return value

    def quarter_names(self) -> tuple[str, ...]:
        """Names that shocks may use: ``<city>/q<number>``, in the order of the world's quarters."""
        return tuple(f"{city.name}/q{number}" for city in self.cities for number in range(city.quarters))

    def scaled(self, orders_per_day: int) -> Scenario:
        """The same world with another daily volume: customers and crews grow or shrink in proportion."""
        ratio = orders_per_day / self.demand.orders_per_day
        people = min(1_000_000, max(1, round(self.customers.count * ratio)))
        fleets = tuple(
            one.model_copy(update={"drivers": max(1, -int(-one.drivers * ratio // 1))} if one.drivers else {})
            for one in self.fleets
        )
        return Scenario.model_validate(
            self.model_dump()
            | {
                "demand": self.demand.model_dump() | {"orders_per_day": orders_per_day},
                "customers": self.customers.model_dump() | {"count": people},
                "fleets": [one.model_dump() for one in fleets],
            }
        )
