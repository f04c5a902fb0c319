"""A small world of the twin in a lake of its own, as ingestion would have landed it; built once."""

from datetime import date

import pandas as pd
import pytest

from domain import tables
from orchestration.lake import Lake
from simulation import City, load_scenario

FIRST = date(2026, 3, 2)
DAYS = 6
RAW = {table.name: table for table in tables.RAW_TABLES}


def land(lake, name, frame):
    """Rows of the twin as rows of a source."""
    table = RAW[name]
    rows = frame.assign(source="town", file_id="f").reindex(columns=list(table.column_names))
    lake.append(table, rows)


@pytest.fixture(scope="package")
def town(tmp_path_factory):
    """The city's lake: reference data, six days of history, the orders of a seventh."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    city = City(load_scenario().scaled(60))
    found = {}
    for name, frame in city.reference(FIRST).items():
        found.setdefault(name, []).append(frame)
    for _, day in city.history(FIRST, DAYS):
        for name, frame in day.items():
            found.setdefault(name, []).append(frame)
    for name, frame in city.day_before(date(2026, 3, 8)).items():
        found.setdefault(name, []).append(frame)
    with Lake.open(tmp_path_factory.mktemp("town")) as lake:
        for name, frames in found.items():
            land(lake, name, pd.concat(frames, ignore_index=True))
        yield lake
    monkeypatch.undo()
