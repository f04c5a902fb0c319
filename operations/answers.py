"""What a customer may answer about an order: offers that hold now, by the law and the clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from domain.errors import InputError
from operations.interventions.book import HANDED_OVER, LOCKER, SAFE_PLACE

CUT_OFF = time(18)
"""Local time until which the next day can still be chosen."""
WINDOWS = ((9, 13), (13, 17), (17, 20))
DAYS_AHEAD = 3
SUNDAY = 6
LONGEST_NOTE = 200
DONE = frozenset({"delivered", "partially_delivered", "diverted", "cancelled", "returned_to_depot"})


class AnswerAction(StrEnum):
    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    SAFE_PLACE = "safe_place"
    LOCKER = "locker"
    NOTE = "note"


IN_WORDS = frozenset({AnswerAction.SAFE_PLACE, AnswerAction.NOTE})
"""Answers that are nothing without words; the words stay with the personal data."""


class AnswerError(InputError):
    """An answer that cannot be taken; ``code`` names the reason for the page."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Locker:
    """A locker that is near enough to an order: ``metres`` from its door."""

    locker_id: str
    name: str
    metres: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """What an order's page may show. No address and no name.

    Attributes:
        status: ``planned``, ``on_the_way`` or a concluding event.
        needs: certifications the goods ask for.
        stops_before, courier_m: known while the courier is on the way.
        locker: the nearest one with room, if there is one.
        reason: code of why the interval changed.
    """

    source: str
    order_id: str
    status: str = "planned"
    promise: tuple[datetime, datetime] | None = None
    interval: tuple[datetime, datetime] | None = None
    reason: str | None = None
    needs: frozenset[str] = frozenset()
    stops_before: int | None = None
    courier_m: int | None = None
    timezone: str = "UTC"
    updated_at: datetime | None = None
    locker: Locker | None = None

    @property
    def open(self) -> bool:
        """Whether anything can still be chosen."""
        return self.status not in DONE


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can be chosen; ``choice`` is what a form sends back."""

    action: AnswerAction
    choice: str
    window: tuple[datetime, datetime] | None = None


def offers(order: Tracked, now: datetime) -> list[Offer]:
    """All that can be chosen at ``now``, in the order a page shows it.

    Nothing is offered once the courier is next; goods that the law wants handed to a person go to no locker or safe
    place; windows begin after the cut-off of the day before, never on a Sunday.
    """
    if not order.open or (order.stops_before is not None and order.stops_before < 1):
        return []
    found = []
    if order.status == "planned":
        found += [Offer(AnswerAction.CONFIRM, "yes"), Offer(AnswerAction.NOTE, "note")]
    if not order.needs & HANDED_OVER:
        found.append(Offer(AnswerAction.SAFE_PLACE, "note"))
        if order.locker is not None:
            found.append(Offer(AnswerAction.LOCKER, order.locker.locker_id))
    zone = ZoneInfo(order.timezone)
    local = now.astimezone(zone)
    day = local.date() + timedelta(days=1 if local.time() < CUT_OFF else 2)
    days = 0
    while days < DAYS_AHEAD:
        if day.weekday() != SUNDAY:
            days += 1
            for first, last in WINDOWS:
                low, high = (datetime.combine(day, time(hour), zone) for hour in (first, last))
                found.append(Offer(AnswerAction.RESCHEDULE, choice_of(low, high), (low, high)))
        day += timedelta(days=1)
    return found


def check_answer(order: Tracked, action: str, choice: str, note: str, now: datetime) -> tuple[Offer, str]:
    """The offer that an answer takes up, and its note in one line.

    Raises:
        AnswerError: ``closed`` (nothing can be chosen any more), ``law``, ``gone`` (no longer or never on offer, as
            a window in the past), ``note`` (a safe place without words, or too many of them).
    """
    words = " ".join(note.split())
    found = offers(order, now)
    if not found:
        raise AnswerError("closed", "nothing can be chosen any more")
    for one in found:
        if one.action == action and one.choice == choice:
            if one.action in IN_WORDS and not words:
                raise AnswerError("note", "this needs a few words")
            if len(words) > LONGEST_NOTE:
                raise AnswerError("note", f"a note may have {LONGEST_NOTE} characters")
            return one, words if one.action in IN_WORDS else ""
    if action in (AnswerAction.SAFE_PLACE, AnswerAction.LOCKER) and order.needs & HANDED_OVER:
        raise AnswerError("law", "the law wants these goods handed to a person")
    raise AnswerError("gone", "this is not on offer (any more)")


def choice_of(low: datetime, high: datetime) -> str:
    """A window of one local day, whole hours, as a form sends it back: ``20260331T09-13``."""
    return f"{low:%Y%m%dT%H}-{high:%H}"


def window_of(choice: str, timezone: str) -> tuple[datetime, datetime]:
    """The window of a choice.

    Raises:
        AnswerError: it is none.
    """
    try:
        low = datetime.strptime(choice[:11], "%Y%m%dT%H").replace(tzinfo=ZoneInfo(timezone))
        high = low.replace(hour=int(choice[12:]))
    except ValueError:
        raise AnswerError("gone", f"{choice[:40]!r} is no window") from None
    return low, high


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer changes of its order; None leaves it as it is.

    ``attributes`` go to the order's own: ``confirmed``, ``destination`` (``safe_place``, ``locker``) and ``place``.
    """

    service_date: date | None = None
    promise: tuple[datetime, datetime] | None = None
    locker_id: str | None = None
    attributes: Mapping[str, Any] | None = None


def change_of(action: str, choice: str, timezone: str) -> Change:
    """What the order becomes.

    Raises:
        AnswerError: the action or its choice is none of ours.
    """
    if action == AnswerAction.RESCHEDULE:
        window = window_of(choice, timezone)
        return Change(window[0].date(), window)
    if action == AnswerAction.LOCKER:
        return Change(locker_id=choice, attributes={"destination": LOCKER, "place": choice})
    if action == AnswerAction.SAFE_PLACE:
        return Change(attributes={"destination": SAFE_PLACE})
    if action == AnswerAction.CONFIRM:
        return Change(attributes={"confirmed": True})
    if action == AnswerAction.NOTE:
        return Change(attributes={"noted": True})
    raise AnswerError("gone", f"there is no answer {action[:40]!r}")


REMAINING: Mapping[str, float] = {"confirmed": 0.4, "noted": 0.8, SAFE_PLACE: 0.22, LOCKER: 0.05}
"""Share of the risk of failure that is left once a customer answered so. Declared: with a safe place or a locker nobody
has to be there (78 % of failed first attempts in Changshu are absences; what is left is address, access and damage)."""


def remaining(attributes: Mapping[str, Any]) -> float:
    """Share of an order's risk of failure that is left after its customer's answer, 1 without one."""
    found = [REMAINING[name] for name in ("confirmed", "noted") if attributes.get(name) is True]
    if (destination := attributes.get("destination")) in REMAINING:
        found.append(REMAINING[str(destination)])
    return min(found, default=1.0)


EVENTS = {
    AnswerAction.CONFIRM: "order_changed",
    AnswerAction.SAFE_PLACE: "order_changed",
    AnswerAction.LOCKER: "order_changed",
    AnswerAction.RESCHEDULE: "rescheduled",
    AnswerAction.NOTE: "order_changed",
}
"""Delivery event that an answer is."""
NEAR_STOPS, NEAR_M = 3, 3_000


def shows_courier(order: Tracked) -> bool:
    """The courier is shown only when near: earlier, where they are is nobody's business."""
    near = order.stops_before is not None and order.stops_before <= NEAR_STOPS
    return order.status == "on_the_way" and near and order.courier_m is not None and order.courier_m <= NEAR_M
