"""Real data sets that tests may use where they are; they are never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def real_data(name: str) -> Path:
    """The folder of a data set below ``$FIVEFOLD_DATA`` or ``../shared/data``; skips the test where it is absent."""
    roots = [Path(setting)] if (setting := os.environ.get("FIVEFOLD_DATA")) else []
    for root in (*roots, PROJECT.parent / "shared" / "data"):
        if (root / name).is_dir():
            return root / name
    pytest.skip(f"the data set {name!r} is not here; set FIVEFOLD_DATA to the folder that holds it")
