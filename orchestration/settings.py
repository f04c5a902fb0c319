"""What a run works on: the workspace and the source, from the environment."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

FIRST_DAY = date(2026, 3, 2)
HISTORY_DAYS = 28
"""The demo city's history begins on ``FIRST_DAY``; the day after it is the one that is planned."""


def home() -> Path:
    """The workspace folder (``FIVEFOLD_HOME``)."""
    return Path(os.environ.get("FIVEFOLD_HOME", ".fivefold")).resolve()


def source() -> str:
    """The source that the assets work on (``FIVEFOLD_SOURCE``)."""
    return os.environ.get("FIVEFOLD_SOURCE", "demo")


def planned_day() -> date:
    """The demo's tomorrow."""
    return FIRST_DAY + timedelta(days=HISTORY_DAYS)
