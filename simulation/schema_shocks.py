"""Dated shifts and shocks of a scenario: what changes in the world, from which day, until which."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Names = tuple[str, ...]


class Dated(BaseModel):
    """Holds from ``first_day`` to ``last_day`` (inclusive; open without one)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    first_day: date
    last_day: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last_day is not None and self.last_day < self.first_day:
            raise ValueError(f"last_day {self.last_day} is before first_day {self.first_day}")
        return self

    def holds(self, day: date) -> bool:
        """Whether ``day`` is inside."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


class Roadworks(Dated):
    """Legs into these quarters are slower by this factor on speed; without zones, everywhere."""

    kind: Literal["roadworks"]
    zones: Names = ()
    speed_factor: Annotated[float, Field(gt=0, le=2, strict=True)] = 0.6


class HabitChange(Dated):
    """A share of the customers takes another habit, and the log odds of their absence move."""

    kind: Literal["habit_change"]
    zones: Names = ()
    share: Share = 0.3
    log_odds: Annotated[float, Field(ge=-5, le=5, strict=True)] = 1.0


class CarrierDecline(Dated):
    """A fleet declines more and works slower."""

    kind: Literal["carrier_decline"]
    fleet: str
    decline_share: Share = 0.2
    pace_factor: Annotated[float, Field(gt=0, le=5, strict=True)] = 1.15


class Strike(Dated):
    """A share of a fleet's drivers does not work."""

    kind: Literal["strike"]
    fleet: str
    absent_share: Share = 0.7


class Storm(Dated):
    """Heavy weather: rain by the hour, wind, and the share of stops that cannot be served."""

    kind: Literal["storm"]
    precipitation_mm: Annotated[float, Field(ge=0, le=200, strict=True)] = 8.0
    wind_ms: Annotated[float, Field(ge=0, le=100, strict=True)] = 22.0
    closed_share: Share = 0.08


class Surge(Dated):
    """Demand times a factor."""

    kind: Literal["surge"]
    factor: Annotated[float, Field(gt=0, le=20, strict=True)] = 1.5


class AddressCorruption(Dated):
    """A share of the address book becomes wrong (a bad migration): positions move and attempts fail."""

    kind: Literal["address_corruption"]
    share: Share = 0.05


Shock = Annotated[
    Roadworks | HabitChange | CarrierDecline | Strike | Storm | Surge | AddressCorruption, Field(discriminator="kind")
]
