"""The declared rules of communication: thresholds with hysteresis, cool-down, budget, quiet hours; preferences."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.codes import Trigger
from domain.errors import InputError

URGENT = frozenset({Trigger.LATE_RISK, Trigger.FAILED_WITH_OPTIONS, Trigger.RESCHEDULED})
"""Sent in spite of cool-down and budget: the customer loses more by not knowing."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a customer chose, without personal data. Empty ``channels`` is no consent.

    ``timezone`` None: not known, the depot's is used. ``quiet_from``, ``quiet_until``: local hours, None: the rules'.
    """

    channels: tuple[str, ...] = ()
    language: str = "en"
    timezone: str | None = None
    quiet_from: int | None = None
    quiet_until: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of an operation. Hysteresis: a trigger that fired fires again only after its value came back to ``_off``.

    Attributes:
        late_on, late_off: probability of a start after the promise.
        late_last_on, last_chance_s, lead_s: the same where waiting would be too late: within ``last_chance_s`` of
            ``lead_s`` before the promise ends. Earlier, what is not yet sure is better known ten minutes later.
        early_on, early_off: probability of an arrival before it begins.
        confirm_at: risk of failure from which the evening before asks for a confirmation.
        shift_s: an interval is told again when its middle leaves the told one by this much.
        eta_threshold_s: told once when the courier is this near, if the interval is narrow enough to help.
        next_stops: told once when so many stops or fewer come before.
        cool_down_s: least time between two messages of an order; ``budget``: most messages of an order.
        quiet_from, quiet_until: local hours without messages.
        widest_point_s: an interval up to this width may be told as a point in time.
        cost_minor: price of a message by channel.
    """

    late_on: float = 0.9
    late_off: float = 0.3
    late_last_on: float = 0.6
    last_chance_s: int = 15 * 60
    lead_s: int = 30 * 60
    early_on: float = 0.8
    early_off: float = 0.4
    confirm_at: float = 0.12
    shift_s: int = 20 * 60
    eta_threshold_s: int = 45 * 60
    next_stops: int = 3
    cool_down_s: int = 20 * 60
    budget: int = 5
    quiet_from: int = 21
    quiet_until: int = 8
    widest_point_s: int = 20 * 60
    depot_timezone: str = "Europe/Amsterdam"
    cost_minor: dict[str, int] = field(default_factory=lambda: {"email": 0, "sms": 6})

    def __post_init__(self) -> None:
        for name in ("late", "early"):
            on, off = getattr(self, f"{name}_on"), getattr(self, f"{name}_off")
            if not 0 <= off < on <= 1:
                raise InputError(f"communication rules: 0 <= {name}_off < {name}_on <= 1 is needed, is {off}, {on}")
        if not self.late_off < self.late_last_on <= self.late_on:
            raise InputError(
                "communication rules: late_off < late_last_on <= late_on is needed, is "
                f"{self.late_off}, {self.late_last_on}, {self.late_on}"
            )
        if self.budget < 0 or self.cool_down_s < 0:
            raise InputError("communication rules: budget and cool_down_s must not be negative")


def zone_of(who: Preferences, rules: Rules) -> ZoneInfo:
    """The customer's zone; the depot's where it is unknown or no zone at all."""
    for name in (who.timezone, rules.depot_timezone):
        if name:
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")


def quiet_end(at: datetime, who: Preferences, rules: Rules) -> datetime | None:
    """When the quiet hours that ``at`` falls into end; None outside of them.

    Local wall time counts: on the night the clocks change the quiet hours still end at their hour.
    """
    begins = rules.quiet_from if who.quiet_from is None else who.quiet_from
    ends = rules.quiet_until if who.quiet_until is None else who.quiet_until
    if begins == ends:
        return None
    local = at.astimezone(zone_of(who, rules))
    hour = local.hour
    inside = begins <= hour < ends if begins < ends else hour >= begins or hour < ends
    if not inside:
        return None
    day = local.date() if hour < ends else local.date() + timedelta(days=1)
    return datetime.combine(day, time(ends % 24), local.tzinfo).astimezone(at.tzinfo)
