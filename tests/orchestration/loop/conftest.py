"""A small world of the twin in a lake of its own, as ingestion would have landed it;"""

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


def build_town(lake, orders=60):
    """Reference data, six days of history and the orders of a seventh, into ``lake``."""
    city = City(load_scenario().scaled(orders))
    found = {}
    for name, frame in city.reference(FIRST).items():
        found.setdefault(name, []).append(frame)
    for _, day in city.history(FIRST, DAYS):
        for name, frame in day.items():
            found.setdefault(name, []).append(frame)
    for name, frame in city.day_before(date(2026, 3, 8)).items():
        found.setdefault(name, []).append(frame)
    for name, frames in found.items():
        land(lake, name, pd.concat(frames, ignore_index=True))


@pytest.fixture(scope="package")
def town(tmp_path_factory):
    """The town's lake;"""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    with Lake.open(tmp_path_factory.mktemp("town")) as lake:
        build_town(lake)
        yield lake
    monkeypatch.undo()
