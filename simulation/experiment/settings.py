"""Declared numbers of the experiment: prices, shares, thresholds. Those with a range are varied for sensitivity.

Prices are inputs of every arm alike; none is a benefit of a driver.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from domain.errors import InputError
from operations.accrual import CostRates

RATES = CostRates()


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run of the experiment is made of.

    Attributes:
        seeds, days, orders: worlds, scored days of each, mean orders a day.
        burn_in: days before them, run by the city's own dispatcher and learned from by every arm; not scored.
        first_day: first scored day.
        failure_minor: an order that was not delivered on its day (return, redelivery, contact, refund): 17.20, Loqate
            2021; range 800 to 2,500.
        late_minor: a start after the customer's own window: fee refunded, goodwill. Declared; range 300 to 2,000.
            Plans are made with the price that accounts are made with.
        rescheduled_minor: delivering on another day by agreement. Declared.
        gig_share: share of orders that a pre-split gives to couriers, where fleets plan alone. Declared; 0.02 to 0.10.
        holdout: share of chosen orders that is not treated, at random.
        iterations: ruins of the planner.
        scenario: shipped scenario or file; ``shifts`` off leaves its dated shocks out.
        effects: changes to the scenario's causal rules (``simulation.schema.Effects``), for sensitivity.
    """

    seeds: int = 10
    days: int = 30
    orders: int = 500
    burn_in: int = 21
    first_day: date = date(2026, 4, 6)
    failure_minor: int = RATES.failed_delivery_minor
    late_minor: int = 1_000
    rescheduled_minor: int = 350
    contact_minor: int = RATES.contact_minor
    message_minor: int = RATES.message_minor
    gig_share: float = 0.06
    holdout: float = 0.1
    iterations: int = 300
    scenario: str = "compounding"
    shifts: bool = True
    effects: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("days", 1), ("orders", 20), ("burn_in", 3), ("iterations", 0)):
            if getattr(self, name) < least:
                raise InputError(f"experiment: {name} must be {least} or more, is {getattr(self, name)}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for hashing and for results."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**found, "first_day": self.first_day.isoformat(), "effects": dict(self.effects)}


LATE_HOUR_MINOR = 200
"""Planning's price of each further hour of lateness: absence rises with it, and customers ask."""
PROMISE_SLACK_S = 600
"""How long before its end planning takes a promise to end."""
DECLINED_MINOR = 700
"""Planning's price of an offer that is declined: placing the order elsewhere, or losing it."""
OVERTIME_AFTER_S = 8 * 3_600
SOFTEST = 0.95
"""Share of a van's parcels that a dispatcher fills by rule of thumb."""
