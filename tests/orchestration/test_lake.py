"""Partitions are replaced whole, whoever else writes, and a crash leaves the last good state."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from domain.errors import LakeError
from domain.tables import STALE_PARTITIONS
from orchestration.lake import Lake, LakeSettings

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(25)]
ROWS = 200


def day_rows(writer: int, day: date) -> pd.DataFrame:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {"source": "s", "table_name": str(writer), "service_date": day, "ingest_time": moment, "rows": range(ROWS)}
    )


def open_lake(home, catalog):
    return Lake.open(home, LakeSettings(catalog, str(home / "lake")))


def write_days(home, catalog, writer):
    with open_lake(home, catalog) as lake:
        for day in DAYS:
            lake.replace(STALE_PARTITIONS, {"service_date": [day]}, day_rows(writer, day))


def read_days(home, catalog, stop, bad):
    with open_lake(home, catalog) as lake:
        while not stop.is_set():
            found = lake.query(
                "select service_date, count(*) as n, count(distinct table_name) as writers "
                "from control.stale_partitions group by 1"
            )
            bad.value += int(((found["n"] != ROWS) | (found["writers"] != 1)).sum())


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("catalog", ["embedded", "sqlite"])
def test_eight_writers_and_two_readers(tmp_path, catalog):
    open_lake(tmp_path, catalog).close()
    context = multiprocessing.get_context("spawn")
    stop, bad = context.Event(), context.Value("i", 0)
    readers = [context.Process(target=read_days, args=(tmp_path, catalog, stop, bad)) for _ in range(2)]
    writers = [context.Process(target=write_days, args=(tmp_path, catalog, n)) for n in range(8)]
    for one in (*readers, *writers):
        one.start()
    for one in writers:
        one.join()
    stop.set()
    for one in readers:
        one.join()
    assert [one.exitcode for one in (*writers, *readers)] == [0] * 10
    assert bad.value == 0
    with open_lake(tmp_path, catalog) as lake:
        assert len(lake.query("select * from control.stale_partitions")) == ROWS * len(DAYS)


def test_reads_as_of_a_snapshot_and_rolls_back(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        first = lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))

        def fail(connection):
            Lake.replace_in(connection, STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(2, DAYS[0])[:1])
            raise RuntimeError("killed here")

        with pytest.raises(RuntimeError):
            lake.write(fail)
        assert len(lake.query("select * from control.stale_partitions")) == ROWS
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(3, DAYS[0])[:5])
        assert len(lake.query("select * from control.stale_partitions")) == 5
        assert len(lake.query("select * from control.stale_partitions", snapshot=first)) == ROWS
        lake.compact()
        assert len(lake.query("select * from control.stale_partitions")) == 5


def test_unknown_and_missing_columns_are_named(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        with pytest.raises(LakeError, match="no column 'colour'"):
            lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]).assign(colour=1))
        with pytest.raises(LakeError, match="needs the column 'rows'"):
            lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]).drop(columns="rows"))
