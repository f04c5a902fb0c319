"""By which rules a live day is begun: what waits for a person, and what waits for orders that may still come.

Settings of the environment hold for every day that begins (a service, a micro-batch, a step of Dagster); options of a
command go before them. A day that has begun keeps its own: changed halfway, a replay would decide otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.errors import InputError
from operations.state import Approvals, Day
from operations.state.day import WAITING


@dataclass(frozen=True)
class DayRules:
    """``waiting``: the policy of orders that may wait (``Coming.policy``)."""

    approvals: Approvals = field(default_factory=Approvals)
    waiting: str = "futures"

    def __post_init__(self) -> None:
        if self.waiting not in WAITING:
            raise InputError(
                f"orders that may wait: there is no policy {self.waiting!r}; there are {', '.join(WAITING)}"
            )

    def of(self, day: Day) -> Day:
        """``day`` by these rules."""
        coming = None if day.coming is None else replace(day.coming, policy=self.waiting)
        return replace(day, approvals=self.approvals, coming=coming)


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(one for one in text.replace(",", " ").split() if one)


SETTINGS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "kinds": ("FIVEFOLD_APPROVE", _kinds),
    "above_minor": ("FIVEFOLD_APPROVE_ABOVE", int),
    "above_bp": ("FIVEFOLD_APPROVE_ABOVE_BP", int),
    "answer_s": ("FIVEFOLD_APPROVE_SECONDS", int),
    "most_per_hour": ("FIVEFOLD_APPROVE_PER_HOUR", int),
    "standing_after": ("FIVEFOLD_STANDING_AFTER", int),
    "standing_kinds": ("FIVEFOLD_STANDING", _kinds),
    "standing_most_minor": ("FIVEFOLD_STANDING_MOST", int),
    "standing_days": ("FIVEFOLD_STANDING_DAYS", int),
    "standing_a_day": ("FIVEFOLD_STANDING_A_DAY", int),
    "standing_late_s": ("FIVEFOLD_STANDING_LATE_SECONDS", int),
    "standing_band_bp": ("FIVEFOLD_STANDING_BAND_BP", int),
    "waiting": ("FIVEFOLD_WAITING", str),
}
"""Field of ``Approvals`` (and ``waiting``) -> the setting, and how its text is read."""


def day_rules(given: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> DayRules:
    """The rules of a day that begins: what is ``given``, else the setting, else what is usual.

    Raises:
        InputError: a setting is not what it should be; it is named.
    """
    known = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name, (setting, read) in SETTINGS.items():
        text = known.get(setting, "").strip()
        if text:
            try:
                values[name] = read(text)
            except ValueError:
                raise InputError(f"{setting} must be a whole number, is {text!r}") from None
    values |= given or {}
    waiting = values.pop("waiting", DayRules.waiting)
    try:
        return DayRules(Approvals(**values), waiting)
    except InputError as error:
        raise InputError(
            f"{error} (options of the command, or settings FIVEFOLD_APPROVE..., FIVEFOLD_WAITING)"
        ) from None


def kept_or_refused(day: Day, given: Mapping[str, Any]) -> None:
    """Nothing, unless options ask for rules that a day did not begin with.

    Raises:
        InputError: they do; the option is named.
    """
    for name, value in given.items():
        began = (day.coming.policy if day.coming else value) if name == "waiting" else getattr(day.approvals, name)
        if _said(began) != _said(value):
            what = {"waiting": "--waiting", "standing": "--standing..."}.get(name.split("_")[0], "--approve...")
            raise InputError(
                f"the day of {day.service_date} began with other rules ({name}: {_said(began)}); it keeps them: "
                f"leave {what} out"
            )


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(sorted(map(str, value))) or "none"
    return "none" if value is None else str(value)
