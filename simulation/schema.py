"""The scenario as typed sections. Every parameter has a default and a range; what is impossible is refused.

Calibrated figures and their sources are listed in ``docs/simulation.md``; the others are declared assumptions.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from simulation.schema_base import Natural, Section, Share
from simulation.schema_city import CityPart, Weather
from simulation.schema_demand import Customers, Demand
from simulation.schema_fleets import FLEETS, Fleet
from simulation.schema_shocks import Shock


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
