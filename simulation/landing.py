"""Days of the twin as files in a landing folder, as a company's systems would drop them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd

from simulation.city import City, Tables


def write_tables(folder: Path, name: str, tables: Tables) -> None:
    """One Parquet file a table: ``<folder>/<table>/<name>.parquet``, each put in place whole."""
    for table, frame in tables.items():
        place = folder / table / f"{name}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".part")
        _plain_texts(frame).to_parquet(draft, index=False)
        draft.replace(place)


def _plain_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold only None become text, so that every file of a table has the same types."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, "string")) if empty else frame


def write_landing(
    city: City, folder: Path, first_date: date, days: int, progress: Callable[[date], None] | None = None
) -> None:
    """Reference data and ``days`` of history, starting at ``first_date``."""
    write_tables(folder, "reference", city.reference(first_date))
    for day, tables in city.history(first_date, days):
        write_tables(folder, day.isoformat(), tables)
        if progress:
            progress(day)
