"""What is decided: one thing that is done, why, and instead of what."""

from __future__ import annotations

from dataclasses import dataclass

from operations.state.events import Event


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else could have been done, and its expected cost."""

    what: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that is done, why, and instead of what.

    Attributes:
        kind: assign, tender, leave, resequence, drop, expire, withdraw or lost (a vehicle); hold (it waits
            for what may come); propose (it waits for a person), reject (a person said no), refuse (what a person said
            cannot be done, what a fleet answered does not count).
        price_minor: what it is expected to cost (a resequence, a hold: less than 0 by what it saves).
        events: what it puts into the state.
    """

    decision_id: str
    kind: str
    order_ids: tuple[str, ...]
    vehicle_id: str
    fleet_id: str
    price_minor: int
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    events: tuple[Event, ...] = ()


def money(minor: int, currency: str) -> str:
    """Minor units as people read them: ``108.77 EUR``."""
    return f"{minor / 100:.2f} {currency}"


def reach(limit_minor: int, late_s: int, currency: str) -> str:
    """How far a standing answer goes, as people read it: ``400.00 EUR and 30 min late``."""
    return money(limit_minor, currency) + (f" and {minutes(late_s)} min late" if late_s else "")


def minutes(seconds: int) -> int:
    """Whole minutes, up."""
    return -(-seconds // 60)


def clock(seconds: int) -> str:
    """A second of the day as people read it: ``09:31``."""
    return f"{seconds // 3_600 % 24:02d}:{seconds // 60 % 60:02d}"
