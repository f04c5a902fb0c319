"""What an operation can do to a day, and the causal rules by which it changes what happens.

Six actions and a message work at the door; nine change routes. A door action decided less than ``effects.lead_s``
before the visit changes nothing. Who would answer or consent was drawn before (``simulation.doors``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from domain.errors import InputError
from simulation.demand import ID_DIGITS, DayOrders
from simulation.doors import CODE, NEVER, Doors
from simulation.schema import Effects

DOOR_ACTIONS = (
    "message",
    "confirm_availability",
    "call_customer",
    "offer_reschedule",
    "divert_locker",
    "safe_place",
    "fix_address",
)
ROUTE_ACTIONS = (
    "resequence",
    "add_slack",
    "swap_driver_or_vehicle",
    "move_to_other_fleet",
    "tender_to_gig",
    "split_route",
    "pull_forward",
    "defer_zone",
    "extra_attempt",
)
ACTIONS = DOOR_ACTIONS + ROUTE_ACTIONS


@dataclass(frozen=True, slots=True)
class Action:
    """A decision as it reaches the world.

    Attributes:
        action: one of ``ACTIONS``.
        decided_at: when, with a time zone; nothing before it changes.
        order_ids: orders it is about; for ``resequence`` the open stops of ``route_id`` in their new sequence.
        route_id: route it is about, where it is about one.
        vehicle_id: vehicle that takes over (move, split, swap).
        price_minor: offered for each order (``tender_to_gig``).
        delay_s: what ``add_slack`` adds to the promise's end, or the wait before an ``extra_attempt``.
    """

    action: str
    decided_at: datetime
    order_ids: tuple[str, ...] = ()
    route_id: str | None = None
    vehicle_id: str | None = None
    price_minor: int | None = None
    delay_s: int | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise InputError(f"decision: there is no action {self.action!r}; there are {', '.join(ACTIONS)}")
        if self.decided_at.tzinfo is None:
            raise InputError(f"decision {self.action}: decided_at has no time zone")
        if self.delay_s is not None and self.delay_s < 0:
            raise InputError(f"decision {self.action}: delay_s must not be negative, is {self.delay_s}")
        if self.price_minor is not None and self.price_minor < 0:
            raise InputError(f"decision {self.action}: price_minor must not be negative, is {self.price_minor}")


def actions_from(frame: pd.DataFrame) -> list[Action]:
    """Door actions from rows with ``action``, ``order_id``, ``decided_at`` (a log of decisions)."""
    for column in ("action", "order_id", "decided_at"):
        if column not in frame.columns:
            raise InputError(f"decisions: column {column!r} is missing")
    try:
        moments = pd.to_datetime(frame["decided_at"])
    except (ValueError, TypeError) as error:
        raise InputError(f"decisions: decided_at is not a time: {error}") from error
    if moments.dt.tz is None:
        raise InputError("decisions: decided_at has no time zone")
    rows = zip(frame["action"], moments, frame["order_id"], strict=True)
    return [Action(str(action), moment.to_pydatetime(), (str(order),)) for action, moment, order in rows]


class DoorActions:
    """Effects in force at the doors: for each order the second from which each holds (``NEVER`` if not).

    ``notes`` collects what customers said: (event type, order number, second).
    """

    def __init__(self, orders: DayOrders, doors: Doors, effects: Effects) -> None:
        count = len(orders)
        self.message_s, self.confirm_s, self.call_s, self.locker_s, self.safe_s, self.fix_s = (
            [NEVER] * count for _ in range(6)
        )
        self.removed_s: list[int] = doors.cancelled_s.tolist()
        self.removed_code: list[int] = [CODE["cancelled"]] * count
        self.notes: list[tuple[str, int, int]] = []
        self._orders, self._effects = orders, effects
        names = ("answers", "answers_call", "agrees_reschedule", "agrees_locker", "agrees_safe_place", "fixable")
        self._draw = {name: getattr(doors, name).tolist() for name in (*names, "would_miss", "reply_s")}

    def apply(self, action: str, order: int, decided_s: int) -> None:
        """Put one door action on one order in force; later repetitions of the same action change nothing."""
        draw, reply = self._draw, decided_s + self._draw["reply_s"][order]
        effective = decided_s + self._effects.lead_s
        if action == "message":
            self.message_s[order] = min(self.message_s[order], effective)
        elif action == "confirm_availability" and draw["answers"][order]:
            self._agreed(self.confirm_s, order, effective, reply)
        elif action == "call_customer" and draw["answers_call"][order]:
            self._agreed(self.call_s, order, effective, decided_s + 60)
        elif action == "divert_locker" and draw["answers"][order] and draw["agrees_locker"][order]:
            self._agreed(self.locker_s, order, effective, reply)
        elif action == "safe_place" and draw["answers"][order] and draw["agrees_safe_place"][order]:
            self._agreed(self.safe_s, order, effective, reply)
        elif action == "fix_address" and draw["fixable"][order]:
            self._agreed(self.fix_s, order, effective, reply)
        elif (
            action == "offer_reschedule"
            and draw["answers"][order]
            and draw["would_miss"][order]
            and draw["agrees_reschedule"][order]
            and reply < self.removed_s[order]
        ):
            self.removed_s[order], self.removed_code[order] = reply, CODE["rescheduled"]

    def _agreed(self, since: list[int], order: int, effective: int, reply: int) -> None:
        if since[order] == NEVER:
            since[order] = max(effective, reply)
            self.notes.append(("order_changed", order, reply))


def order_numbers(orders: DayOrders, action: Action) -> list[int]:
    """Numbers of an action's orders.

    Raises:
        InputError: an order is not of this date.
    """
    return [_number(orders, action, one) for one in action.order_ids]


def _number(orders: DayOrders, action: Action, order_id: str) -> int:
    """The number in an order's id; plain text is faster than a column here, one decision has few orders."""
    prefix = orders.prefix
    if order_id.startswith(prefix):
        digits = order_id[len(prefix) :]
        if len(digits) == ID_DIGITS and digits.isascii() and digits.isdigit() and int(digits) < len(orders):
            return int(digits)
    raise InputError(f"decision {action.action}: order {order_id!r} is not of {orders.day}")


def decided_second(orders: DayOrders, action: Action) -> int:
    """Second of the day at which an action was decided."""
    return int((action.decided_at - orders.start).total_seconds())


def door_actions(orders: DayOrders, doors: Doors, effects: Effects, actions: Iterable[Action]) -> DoorActions:
    """Door actions of a whole day in the order they were decided; route actions are left to the live day."""
    state = DoorActions(orders, doors, effects)
    for action in sorted(actions, key=lambda one: one.decided_at):
        if action.action in DOOR_ACTIONS:
            second = decided_second(orders, action)
            for number in order_numbers(orders, action):
                state.apply(action.action, number, second)
    return state
