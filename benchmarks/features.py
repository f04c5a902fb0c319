"""``fivefold bench features``: a year of raw facts through dbt, as a backfill does it.

The synthetic year (``benchmarks.synthetic``) is built in runs of ``--run-days``, each a dbt process of its own, data
tests included. The baseline is what must be done at least: the same raw rows read once, the newest version of every
key found, joined, and written to a table by DuckDB alone, with no history, no cut-off and no test.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

FIRST = date(2025, 1, 1)
TARGET_CPU_S = 90.0
RANGE_DAYS = 92
"""Dates of one run, as the backfill policy has them: the start of a run costs more than a day of rows."""
BASELINE = """
create table outcomes as
select o.*, e.event_type, e.event_time as happened from (
    select * from lake.raw.orders qualify row_number() over (partition by order_id order by ingest_time desc) = 1
) as o join (
    select * from lake.raw.delivery_events
    qualify row_number() over (partition by event_id order by ingest_time desc) = 1
) as e using (order_id)
"""


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@fivefold_command(
    "Build the features of a year of deliveries beside the least that DuckDB alone must do.",
    example="fivefold bench features --json\nfivefold bench features --days 60",
)
def command(home: Path, days: int, deliveries: int, run_days: int) -> Any:
    from benchmarks.synthetic import fill
    from orchestration.lake import Lake, LakeSettings
    from orchestration.transform import build_features

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Lake.open(folder, LakeSettings("embedded", str(folder / "lake"))) as lake:
            facts = fill(lake, FIRST, days, deliveries)
            ours, begun = _cpu(resource.RUSAGE_SELF), time.perf_counter()
            with lake.connect() as connection:
                connection.execute(f"attach '{folder / 'floor.duckdb'}' as floor")
                connection.execute("use floor")
                connection.execute(BASELINE)
                connection.execute("use lake")
                connection.execute("detach floor")
            floor = {
                "cpu_s": round(_cpu(resource.RUSAGE_SELF) - ours, 1),
                "wall_s": round(time.perf_counter() - begun, 1),
            }
            spent, begun, runs = _cpu(resource.RUSAGE_CHILDREN), time.perf_counter(), 0
            for start in range(0, days, run_days):
                first = FIRST + timedelta(days=start)
                build_features(lake, first, FIRST + timedelta(days=min(start + run_days, days) - 1))
                runs += 1
            cpu_s, wall_s = _cpu(resource.RUSAGE_CHILDREN) - spent, time.perf_counter() - begun
            built = lake.query(
                "select (select count(*) from marts.feat_exception) as features, "
                "(select count(*) from marts.fct_outcomes) as outcomes"
            ).iloc[0]
    result = {
        "days": days,
        "deliveries_a_day": deliveries,
        "raw_facts": facts,
        "runs": runs,
        "rows_of_features": int(built["features"]),
        "rows_of_outcomes": int(built["outcomes"]),
        "cpu_s": round(cpu_s, 1),
        "target_cpu_s": TARGET_CPU_S,
        "wall_s": round(wall_s, 1),
        "largest_process_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "baseline_duckdb_without_history": floor,
        "times_the_baseline": round(cpu_s / max(floor["cpu_s"], 0.1), 1),
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>34}  {value}")

    return result, show


for _option in (
    click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3_650)),
    click.option(
        "--run-days", default=RANGE_DAYS, show_default=True, type=click.IntRange(1, 3_650), help="Dates a run."
    ),
    click.option("--deliveries", default=2_000, show_default=True, type=click.IntRange(1, 100_000)),
):
    command = _option(command)
