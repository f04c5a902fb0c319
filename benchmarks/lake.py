"""``fivefold bench lake``: writers and readers that meet on the same dates, on each catalogue.

Every writer replaces every date; the readers count the rows of each date all the while. Half a date, or a date that
stands there twice, counts as torn. The SQLite catalogue is the baseline of the embedded PostgreSQL.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

FIRST = date(2026, 1, 1)


def _days(count: int) -> list[date]:
    return [FIRST + timedelta(days=n) for n in range(count)]


def _open(home: Path, catalog: str) -> Any:
    from orchestration.lake import Lake, LakeSettings

    return Lake.open(home, LakeSettings(catalog, str(home / "lake")))


def _write(home: Path, catalog: str, writer: int, dates: int, rows: int, started: Any) -> None:
    import pandas as pd

    from domain.tables import STALE_PARTITIONS

    with _open(home, catalog) as lake:
        started.wait()
        for day in _days(dates):
            frame = pd.DataFrame(
                {
                    "source": "bench",
                    "table_name": str(writer),
                    "service_date": day,
                    "ingest_time": datetime(2026, 1, 1, tzinfo=UTC),
                    "rows": range(rows),
                }
            )
            lake.replace(STALE_PARTITIONS, {"service_date": [day]}, frame)


def _read(home: Path, catalog: str, rows: int, stop: Any, reads: Any, torn: Any) -> None:
    with _open(home, catalog) as lake:
        while not stop.is_set():
            found = lake.query(
                "select count(*) as n, count(distinct table_name) as writers from control.stale_partitions "
                "group by service_date"
            )
            with reads.get_lock():
                reads.value += 1
            with torn.get_lock():
                torn.value += int(((found["n"] != rows) | (found["writers"] != 1)).sum())


def meet(catalog: str, writers: int, dates: int, rows: int, readers: int = 2) -> dict[str, Any]:
    """Wall seconds from the moment all writers are ready until the last one is done, and what the readers saw."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        with _open(home, catalog) as lake:
            stop, reads, torn = context.Event(), context.Value("i", 0), context.Value("i", 0)
            started = context.Barrier(writers + 1)
            reading = [
                context.Process(target=_read, args=(home, catalog, rows, stop, reads, torn)) for _ in range(readers)
            ]
            writing = [
                context.Process(target=_write, args=(home, catalog, n, dates, rows, started)) for n in range(writers)
            ]
            for one in (*reading, *writing):
                one.start()
            started.wait()
            begun = time.perf_counter()
            for one in writing:
                one.join()
            seconds = time.perf_counter() - begun
            stop.set()
            for one in reading:
                one.join()
            left = lake.query("select service_date, count(*) as n from control.stale_partitions group by 1")
    failed = sum(one.exitcode != 0 for one in (*reading, *writing))
    return {
        "seconds": round(seconds, 2),
        "replacements": writers * dates,
        "replacements_per_s": round(writers * dates / seconds, 1),
        "processes_failed": failed,
        "reads": reads.value,
        "dates_seen_torn": torn.value,
        "dates_whole_at_the_end": int((left["n"] == rows).sum()),
    }


@fivefold_command(
    "Eight processes replace the same 25 dates while two read, on the embedded PostgreSQL and on SQLite.",
    example="fivefold bench lake --json\nfivefold bench lake --rows 1000",
)
def command(home: Path, writers: int, dates: int, rows: int) -> Any:
    embedded, sqlite = (meet(catalog, writers, dates, rows) for catalog in ("embedded", "sqlite"))
    result = {
        "writers": writers,
        "dates": dates,
        "rows_a_date": rows,
        "embedded": embedded,
        "baseline_sqlite": sqlite,
        "times_faster_than_sqlite": round(sqlite["seconds"] / embedded["seconds"], 2),
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>26}  {value}")

    return result, show


for _option in (
    click.option("--writers", default=8, show_default=True, type=click.IntRange(1, 64)),
    click.option("--dates", default=25, show_default=True, type=click.IntRange(1, 365)),
    click.option("--rows", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000)),
):
    command = _option(command)
