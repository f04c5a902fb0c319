"""Fleets of a scenario: people, vehicles, hours, prices, and how offers to them are answered."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.codes import ControlMode, TariffComponent
from simulation.schema_base import Count, Name, Natural, Positive, Section, Share, Spread


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

    ``pace`` is the mean factor on driving and service time, ``skill_spread`` the log spread of driving between its
    drivers, ``service_spread`` that of time at the door, ``service_day_spread`` from day to day of one driver (Amazon:
    routes differ by 0.38 in all), ``familiarity`` (0..1) how well they know the quarters, which shortens the search.
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
    service_spread: Spread = 0.18
    service_day_spread: Spread = 0.2
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
