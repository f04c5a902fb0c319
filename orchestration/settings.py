"""What a run works on: the workspace, the source and its zone, from the environment."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from domain.errors import InputError

FIRST_DAY = date(2026, 3, 2)
HISTORY_DAYS = 28
"""The demo city's history begins on ``FIRST_DAY``; the day after it is the one that is planned."""


def home() -> Path:
    """The workspace folder (``FIVEFOLD_HOME``)."""
    return Path(os.environ.get("FIVEFOLD_HOME", ".fivefold")).resolve()


def source() -> str:
    """The source that the assets work on (``FIVEFOLD_SOURCE``)."""
    return os.environ.get("FIVEFOLD_SOURCE", "demo")


def timezone() -> str:
    """The zone in which service dates begin and schedules run (``FIVEFOLD_TIMEZONE``, IANA name).

    Raises:
        InputError: there is no such zone.
    """
    name = os.environ.get("FIVEFOLD_TIMEZONE", "Europe/Amsterdam")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(f"FIVEFOLD_TIMEZONE: there is no time zone {name!r}") from None
    return name


def first_partition() -> date:
    """The oldest service date that can be materialised (``FIVEFOLD_FIRST_DAY``).

    Raises:
        InputError: not a date.
    """
    text = os.environ.get("FIVEFOLD_FIRST_DAY")
    try:
        return date.fromisoformat(text) if text else FIRST_DAY
    except ValueError:
        raise InputError(f"FIVEFOLD_FIRST_DAY must be a date like 2026-03-02, is {text!r}") from None


def solver_seconds() -> float:
    """Wall time of a day's search (``FIVEFOLD_SOLVER_SECONDS``).

    Raises:
        InputError: not a positive number.
    """
    text = os.environ.get("FIVEFOLD_SOLVER_SECONDS", "10")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise InputError(f"FIVEFOLD_SOLVER_SECONDS must be a number of seconds above 0, is {text!r}")
    return seconds


def reports_url() -> str:
    """Where ``fivefold ui`` serves the pages of the planned days (``FIVEFOLD_REPORTS_URL``)."""
    return os.environ.get("FIVEFOLD_REPORTS_URL", "http://127.0.0.1:3001").rstrip("/")


def planned_day() -> date:
    """The demo's tomorrow."""
    return FIRST_DAY + timedelta(days=HISTORY_DAYS)
