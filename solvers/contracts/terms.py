"""The parts of a contract. Money in minor units, shares and factors in basis points (10,000 = 1), all integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from domain.errors import InputError

WHOLE_BP = 10_000

STOP_UNITS = ("stop", "parcel", "failed_attempt", "waiting_minute")
ROUTE_UNITS = ("route", "km", "hour", "overtime_hour")
UNITS = STOP_UNITS + ROUTE_UNITS
HOW = ("base", "add", "multiply")
MONTHLY = ("minimum_volume", "volume_tier", "sla_penalty", "fuel_index")


class ContractError(InputError):
    """A contract contradicts itself, or does not hold on the date; names the contract and the rule."""


@dataclass(frozen=True, slots=True)
class When:
    """What must hold for a rule to apply; what is empty or None always holds. Intervals include their lower end only.

    Attributes:
        weekdays: 1 is Monday (ISO 8601).
        from_s, to_s: of the service start (of the route's start for rules of a route), seconds after local midnight.
            ``from_s`` > ``to_s`` runs over midnight.
        failed: only attempts that failed (True), or only those that did not (False).
    """

    zones: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    vehicle_classes: frozenset[str] = frozenset()
    weekdays: frozenset[int] = frozenset()
    from_s: int | None = None
    to_s: int | None = None
    mass_from_g: int | None = None
    mass_to_g: int | None = None
    failed: bool | None = None

    @property
    def of_stop(self) -> bool:
        """Whether it looks at anything that only a stop has."""
        mass = self.mass_from_g is not None or self.mass_to_g is not None
        return bool(self.zones or self.services) or mass or self.failed is not None


ALWAYS = When()


@dataclass(frozen=True, slots=True)
class Tier:
    """From this many units on (exclusive of those before), each costs ``amount_minor``."""

    above: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a rate card.

    ``base``: of all that match a stop (or a route) the dearest holds, once. ``add``: everything that matches is
    charged on top. ``multiply``: what the stop (or route) has come to so far is multiplied, rule after rule.

    Attributes:
        unit: what ``amount_minor`` is the price of. Rules of a stop: stop, parcel, failed_attempt, waiting_minute;
            of a route: route, km, hour, overtime_hour. A ``multiply`` rule says ``stop`` or ``route``.
        free: units not charged (minutes of waiting, km included); for overtime_hour, the seconds after which it runs.
        tiers: prices of further units of the same route, rising.
        factor_bp: for ``multiply``: 12,500 is a quarter more, 9,000 a tenth less.
    """

    rule_id: str
    how: str
    unit: str
    amount_minor: int = 0
    factor_bp: int = WHOLE_BP
    free: int = 0
    tiers: tuple[Tier, ...] = ()
    when: When = ALWAYS

    @property
    def of_stop(self) -> bool:
        return self.unit in STOP_UNITS


@dataclass(frozen=True, slots=True)
class MonthRule:
    """What is settled over a calendar month.

    ``minimum_volume``: each stop below ``volume`` costs ``amount_minor`` (the shortfall fee).
    ``volume_tier``: stops above ``tiers`` are credited ``amount_minor`` each (marginal), or with ``retroactive`` all
    stops of the month at the highest tier reached.
    ``sla_penalty``: for each full percentage point by which the on-time share stays below ``target_bp``, the carrier
    owes ``amount_bp`` of the month's transport, ``cap_bp`` of it at most.
    ``fuel_index``: transport moves by ``amount_bp`` of the index's change against ``base_index`` (in hundredths).
    """

    rule_id: str
    kind: str
    volume: int = 0
    amount_minor: int = 0
    tiers: tuple[Tier, ...] = ()
    retroactive: bool = False
    target_bp: int = 0
    amount_bp: int = 0
    cap_bp: int = WHOLE_BP
    base_index: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """The rules that hold from ``valid_from`` to ``valid_to``, both included; None: until further notice."""

    valid_from: date
    valid_to: date | None
    rules: tuple[Rule, ...]
    monthly: tuple[MonthRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """A fleet's contract with its dated versions."""

    contract_id: str
    fleet_id: str
    currency: str
    versions: tuple[Version, ...] = field(default=())

    def on(self, day: date) -> Version:
        """The version that holds on a service date.

        Raises:
            ContractError: none does: it has expired, or has not begun.
        """
        for version in self.versions:
            if version.valid_from <= day and (version.valid_to is None or day <= version.valid_to):
                return version
        if self.versions and day > max(one.valid_to or date.max for one in self.versions):
            ended = max(one.valid_to or date.max for one in self.versions)
            raise ContractError(f"contract {self.contract_id!r} expired on {ended}; it prices nothing on {day}")
        raise ContractError(f"contract {self.contract_id!r} has no version that holds on {day}")
