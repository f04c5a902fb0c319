"""``fivefold bench ingestion``: a year of deliveries from CSV files into the lake, validated.

365 days x 2,000 deliveries: 730,000 orders and as many outcomes, one row in a thousand broken on purpose. Each arm
runs in a process of its own; the floor is what the same files cost DuckDB alone. ``seconds`` is all of it;
``opening_s`` of it is the catalogue of a new workspace, which starts while the files are read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

TARGET_ROWS_PER_S = 100_000
DAYS, DELIVERIES_A_DAY = 365, 2_000
BROKEN_ONE_IN = 1_000
MAPPING = """
name: year
title: a year of deliveries, written by the benchmark
licence: generated
timezone: Europe/Amsterdam
inputs:
  orders: {path: "orders-*.csv"}
  outcomes: {path: "outcomes-*.csv"}
tables:
  orders:
    input: orders
    columns:
      order_id: order_no
      service_date: day
      kind: "'delivery'"
      tenant_id: shipper
      customer_id: customer
      address_id: customer
      depot_id: depot
      zone_id: zone
      lat: lat
      lon: lon
      window_start: slot_from
      window_end: slot_until
      service_s: {value: service_min, unit: min}
      mass_g: {value: kg, unit: kg}
      volume_ml: {value: litres, unit: l}
      parcels: parcels
      event_time: created
      ingest_time: created
  delivery_events:
    input: outcomes
    columns:
      event_id: event_no
      service_date: day
      event_type: "case when ok = 'yes' then 'delivered' else 'attempt_failed' end"
      order_id: order_no
      stop_id: "order_no || '-1'"
      attempt: "1"
      depot_id: depot
      vehicle_id: van
      driver_id: driver
      failure_reason: "case when ok = 'no' then 'recipient_absent' end"
      exception_class: "case when ok = 'no' then 'customer_unavailable' end"
      lat: lat
      lon: lon
      event_time: done_at
      ingest_time: done_at
    rules:
      - {name: answer_is_known, condition: "ok in ('yes', 'no')", field: event_type, message: ok must be yes or no}
"""
ORDERS = """
select 'o' || i as order_no, day, 'shipper-' || (i % 7) as shipper, 'c' || hash(i) % 60000 as customer,
  'd' || (i % 2) as depot, 'z' || hash(i) % 400 as zone, round(52 + (hash(i) % 3000) / 10000.0, 5) as lat,
  round(4.5 + (hash(i + 1) % 5000) / 10000.0, 5) as lon, day + to_hours(8 + (i % 8)) as slot_from,
  day + to_hours(10 + (i % 8)) as slot_until, 1 + hash(i) % 6 as service_min,
  case when i % {broken} = 0 then 'heavy' else cast(round((hash(i) % 20000) / 1000.0, 2) as varchar) end as kg,
  round((hash(i + 2) % 90000) / 1000.0, 1) as litres, 1 + i % 3 as parcels, day - interval 9 hours as created
from (select i, date '2025-01-01' + cast(i // {a_day} as integer) as day from range({rows}) as r(i))
"""
OUTCOMES = """
select 'e' || i as event_no, day, 'o' || i as order_no, 'd' || (i % 2) as depot, 'v' || hash(i) % 60 as van,
  'p' || hash(i) % 90 as driver, case when hash(i) % 20 = 0 then 'no' else 'yes' end as ok,
  round(52 + (hash(i) % 3000) / 10000.0, 5) as lat, round(4.5 + (hash(i + 1) % 5000) / 10000.0, 5) as lon,
  case when i % {broken} = 7 then 'unknown'
  else cast(day + to_seconds(32400 + hash(i) % 30000) as varchar) end as done_at
from (select i, date '2025-01-01' + cast(i // {a_day} as integer) as day from range({rows}) as r(i))
"""
ARM = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
from benchmarks.ingestion import run_{arm}
started = time.perf_counter()
found = run_{arm}({folder!r}, {scratch!r})
found["seconds"] = time.perf_counter() - started
found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(found))
"""


def write_year(folder: Path, days: int, a_day: int) -> None:
    """CSV files of orders and outcomes, one of each a month."""
    import duckdb

    values = {"broken": BROKEN_ONE_IN, "a_day": a_day, "rows": days * a_day}
    with duckdb.connect() as connection:
        for name, query in (("orders", ORDERS), ("outcomes", OUTCOMES)):
            connection.execute(f"create table {name} as {query.format(**values)}")
            months = connection.execute(f"select distinct strftime(day, '%Y-%m') from {name} order by 1").fetchall()
            for (month,) in months:
                connection.execute(
                    f"copy (select * from {name} where strftime(day, '%Y-%m') = '{month}') "
                    f"to '{folder / f'{name}-{month}.csv'}' (header)"
                )
    (folder / "year.yml").write_text(MAPPING)


def run_ingest(folder: str, scratch: str) -> dict[str, Any]:
    """The pipeline's own way: read, mapped, validated with Great Expectations, landed or kept aside."""
    from orchestration.ingestion import begin_reading, ingest, load_mapping
    from orchestration.lake import Lake

    started = time.perf_counter()
    mapping = load_mapping(Path(folder) / "year.yml")
    begun = begin_reading(mapping, Path(folder))  # as ``fivefold ingest`` does
    lake = Lake.open(Path(scratch) / "home")
    opening_s = time.perf_counter() - started
    with lake:
        total = ingest(lake, mapping, Path(folder), begun=begun).total
        raw = lake.query("select (select count(*) from raw.orders) + (select count(*) from raw.delivery_events) as n")
        kept = lake.query("select count(distinct path || row_number) as n from control.quarantine")
    if int(raw["n"].iloc[0]) != total.rows_landed or int(kept["n"].iloc[0]) != total.rows_quarantined:
        raise AssertionError(f"the lake holds other counts than the report: {total}")
    return {
        "rows": total.rows_read,
        "landed": total.rows_landed,
        "quarantined": total.rows_quarantined,
        "opening_s": opening_s,
    }


def run_floor(folder: str, scratch: str) -> dict[str, Any]:
    """DuckDB alone: guess the types, insert, check nothing."""
    import duckdb

    rows = 0
    with duckdb.connect(str(Path(scratch) / "floor.duckdb")) as connection:
        for name in ("orders", "outcomes"):
            connection.execute(f"create table {name} as from read_csv('{folder}/{name}-*.csv', union_by_name = true)")
            found = connection.execute(f"select count(*) from {name}").fetchone()
            rows += int(found[0]) if found else 0
    return {"rows": rows}


def _arm(arm: str, folder: Path) -> dict[str, Any]:
    root = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as scratch:
        code = ARM.format(root=root, arm=arm, folder=str(folder), scratch=scratch)
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    if out.returncode:
        raise click.ClickException(out.stderr[-2_000:])
    found: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    opening_s = found.pop("opening_s", 0.0)
    return {
        **found,
        "seconds": round(found["seconds"], 2),
        "rows_per_s": round(found["rows"] / found["seconds"]),
        "opening_s": round(opening_s, 2),
        "peak_mb": round(found["peak_mb"]),
    }


@fivefold_command(
    "Ingest a year of deliveries from CSV files, validated with Great Expectations, beside DuckDB alone.",
    example="fivefold bench ingestion --json\nfivefold bench ingestion --days 30",
)
def command(home: Path, days: int, deliveries: int) -> Any:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_year(folder, days, deliveries)
        ours, floor = _arm("ingest", folder), _arm("floor", folder)
    result = {
        **ours,
        "target_rows_per_s": TARGET_ROWS_PER_S,
        "days": days,
        "deliveries_a_day": deliveries,
        "baseline_duckdb_without_validation": floor,
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>36}  {value}")

    return result, show


command = click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 3_650))(command)
command = click.option("--deliveries", default=DELIVERIES_A_DAY, show_default=True, type=click.IntRange(1, 100_000))(
    command
)
