"""Every action: what it changes, what it costs, who may decide it, what it is believed to prevent at first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from domain.codes import InterventionAction as Action
from domain.errors import InputError


class Permission(StrEnum):
    """Who must agree before an action takes effect. Nothing may break a rule of authority ``law``, whoever agrees."""

    AUTO = "auto"
    APPROVE = "approve"
    CUSTOMER = "customer"


class Changes(StrEnum):
    """What an action changes: what is known of the order, what was promised, or the plan."""

    ORDER = "order"
    PROMISE = "promise"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Spec:
    """One action.

    Attributes:
        cost_minor: declared price of one use, minor units; ``price_minor`` of an intervention overrides it.
        lead_s: decided later than this before the visit it cannot work.
        prior: pseudo-counts (prevented, not prevented) of failures that would have happened: a declared belief that
            the holdout overrules.
        against: what it can prevent, ``failed`` or ``late``.
        undone_by: in words; ``book.undo`` does it.
    """

    action: Action
    changes: Changes
    permission: Permission
    cost_minor: int
    lead_s: int
    prior: tuple[float, float]
    against: frozenset[str]
    undone_by: str


FAILED, LATE, BOTH = frozenset({"failed"}), frozenset({"late"}), frozenset({"failed", "late"})
QUARTER, HOUR, TWO_HOURS = 900, 3_600, 7_200


def _specs() -> tuple[Spec, ...]:
    order, promise, plan = Changes.ORDER, Changes.PROMISE, Changes.PLAN
    auto, approve, customer = Permission.AUTO, Permission.APPROVE, Permission.CUSTOMER
    return (
        Spec(Action.CONFIRM_AVAILABILITY, order, auto, 6, HOUR, (2, 6), FAILED, "the confirmation is withdrawn"),
        Spec(Action.OFFER_RESCHEDULE, promise, customer, 6, HOUR, (2, 6), BOTH, "the promise before it"),
        Spec(Action.DIVERT_LOCKER, order, customer, 66, HOUR, (2, 6), FAILED, "back to the door"),
        Spec(Action.SAFE_PLACE, order, customer, 6, HOUR, (2, 6), FAILED, "back to the door"),
        Spec(Action.FIX_ADDRESS, order, auto, 6, HOUR, (1, 9), FAILED, "the note before it"),
        Spec(Action.CALL_CUSTOMER, order, auto, 250, HOUR, (3, 5), FAILED, "the confirmation is withdrawn"),
        Spec(Action.RESEQUENCE, plan, auto, 0, QUARTER, (2, 4), BOTH, "the sequence before it"),
        Spec(Action.ADD_SLACK, promise, approve, 0, HOUR, (2, 4), LATE, "the promise before it"),
        Spec(Action.SWAP_DRIVER_OR_VEHICLE, plan, approve, 1_500, HOUR, (2, 4), LATE, "the crew before it"),
        Spec(Action.MOVE_TO_OTHER_FLEET, plan, approve, 300, HOUR, (3, 3), LATE, "the route before it"),
        Spec(Action.TENDER_TO_GIG, plan, approve, 600, HOUR, (2, 3), LATE, "the route before it, until it is accepted"),
        Spec(Action.SPLIT_ROUTE, plan, approve, 2_000, HOUR, (3, 3), LATE, "one route again"),
        Spec(Action.PULL_FORWARD, plan, auto, 0, QUARTER, (2, 4), BOTH, "the sequence before it"),
        Spec(Action.DEFER_ZONE, promise, approve, 100, TWO_HOURS, (3, 3), BOTH, "the promises before it"),
        Spec(Action.EXTRA_ATTEMPT, plan, approve, 450, QUARTER, (3, 5), FAILED, "the attempt is taken off the route"),
    )


CATALOGUE: Mapping[Action, Spec] = MappingProxyType({one.action: one for one in _specs()})
"""Action -> what is known of it. Costs are declared inputs."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One decided action on one order or route.

    Attributes:
        arguments: what the action needs, such as ``order_ids`` (resequence), ``window`` (two datetimes), ``route_id``
            it goes to, ``vehicle_id``, ``driver_id``, ``place``, ``note``, ``position``.
        agreed_by: who approved or consented, where the action needs it.
    """

    source: str
    service_date: date
    action: Action
    decided_at: datetime
    order_ids: tuple[str, ...] = ()
    route_id: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    agreed_by: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if self.decided_at.tzinfo is None:
            raise InputError(f"intervention {self.action}: decided_at has no time zone")
        if not self.order_ids and self.route_id is None:
            raise InputError(f"intervention {self.action}: it is about no order and no route")

    @property
    def key(self) -> str:
        """Idempotency key: deciding the same thing again is deciding it once."""
        about = ",".join(self.order_ids), self.route_id or ""
        parts = (self.source, self.service_date.isoformat(), str(self.action), *about, str(self.version))
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    @property
    def spec(self) -> Spec:
        """Its entry in the catalogue."""
        return CATALOGUE[self.action]
