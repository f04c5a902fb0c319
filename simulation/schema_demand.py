"""Who asks for what in a scenario: shippers with their mixes, and the customers at whose doors things go wrong."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from simulation.schema_base import Count, Name, Positive, Section, Share, Spread, Weight


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
    Tenant(name="t0", weight=0.4, window_share=0.2, business_share=0.08, parcels_mean=1.4),
    Tenant(
        name="t1",
        weight=0.25,
        window_share=0.9,
        business_share=0.0,
        parcels_mean=1.9,
        parcel_g=4_000.0,
        slots=tuple(Slot(start=hour, end=hour + 2) for hour in (8, 10, 12, 14, 16)),
    ),
    Tenant(name="t2", weight=0.2, window_share=0.5, business_share=0.05, parcels_mean=1.5, certified_share=0.12),
    Tenant(name="t3", weight=0.15, window_share=0.6, business_share=0.55, parcels_mean=1.7, parcel_g=6_000.0),
)


class Demand(Section):
    """How many orders a day, by weekday (Monday first) and season, and how they are shared out.

    Attributes:
        companion_share: orders for the customer of the order before, the same day: one door, two parcels of different
            shippers (Changshu: a third of all parcels; two of three share the fate of a failed one).
        appetite_spread: log spread of how often customers order (Changshu: 0.5).
        mass_spread, volume_spread: log spreads of an order's mass (declared) and volume (Amazon: 1.16).
    """

    orders_per_day: Count = 400
    companion_share: Share = 0.2
    appetite_spread: Spread = 0.5
    mass_spread: Spread = 1.0
    volume_spread: Spread = 1.16
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
        service_spread, service_noise: log spreads of time at the door between customers and between visits.
        planted_bad_share, planted_bad_rate: instead of the Beta law, a known share of customers (every n-th by number)
            fails at a known rate and the others at what ``failed_share`` leaves: a world for testing analyses.
    """

    count: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 4_000
    failed_share: Share = 0.039
    never_fail_share: Share = 0.45
    concentration: Positive = 5.0
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
    service_spread: Spread = 0.2
    service_noise: Spread = 0.36
    planted_bad_share: Share = 0.0
    planted_bad_rate: Share = 0.0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        planted = self.planted_bad_share * self.planted_bad_rate
        if planted > self.failed_share:
            raise ValueError(
                f"planted_bad_share x planted_bad_rate is {planted:.4g}, more than failed_share {self.failed_share:.4g}"
            )
        others = 1 - self.never_fail_share
        if self.planted_bad_share == 0 and self.failed_share > self.never_fail_share * 0.003 + others * 0.9:
            raise ValueError(
                f"failed_share {self.failed_share:.4g} cannot be reached with never_fail_share "
                f"{self.never_fail_share:.4g}: the others fail at most 9 times in 10"
            )
        return self
