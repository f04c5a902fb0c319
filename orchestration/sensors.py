"""Sensors: what lands is loaded once it has settled, and service dates that late rows made out of date are rebuilt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg

from orchestration import settings
from orchestration.sources import data_folder

SETTLE_S = 5.0
"""A file that changed within this time may still be written to."""
LOOK_EVERY_S, REBUILD_EVERY_S, DISPATCH_EVERY_S = 60, 600, 60
NEW_WITHIN = timedelta(days=1)
"""What is older when the sensor is first turned on is history, and not a day under way."""
MOST_DATES_A_RUN = 31
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def landing_sensor(job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor on the folder of the source."""

    @dg.sensor(name="landing_folder", job=job, minimum_interval_seconds=LOOK_EVERY_S)
    def landing_folder(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """A load for every change of the source's folder, once nobody writes to it any more."""
        from orchestration.ingestion.watching import Settling

        folder = data_folder(settings.source(), None, settings.home())
        look = Settling(SETTLE_S).look(sorted(path for path in folder.rglob("*") if path.is_file()))
        if look.unsettled:
            return dg.SkipReason(f"still being written: {min(look.unsettled)}")
        found = fingerprint(folder, look.settled)
        if not look.settled or found == context.cursor:
            return dg.SkipReason(f"nothing new in {folder}")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{settings.source()}-{found}")], cursor=found)

    return landing_folder


def fingerprint(folder: Path, files: frozenset[tuple[Path, int, int]]) -> str:
    """One value for the names, sizes and times of change of files."""
    lines = sorted(f"{path.relative_to(folder)}\t{size}\t{changed_ns}" for path, size, changed_ns in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def late_rows_sensor(job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor on service dates that late rows made out of date."""

    @dg.sensor(name="late_rows", job=job, minimum_interval_seconds=REBUILD_EVERY_S)
    def late_rows(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Features, ledger and KPIs again for the service dates in ``control.stale_partitions``."""
        from orchestration.lake import Lake

        seen = datetime.fromisoformat(context.cursor) if context.cursor else datetime(1970, 1, 1).astimezone()
        with Lake.open(settings.home()) as lake:
            stale = lake.query(
                "select service_date, max(ingest_time) as landed from control.stale_partitions "
                "where source = ? and ingest_time > ? and service_date >= ? group by 1 order by 1",
                [settings.source(), seen, settings.first_partition()],
            )
        if stale.empty:
            return dg.SkipReason("no late rows")
        landed = stale["landed"].max().isoformat()
        requests = [
            dg.RunRequest(
                run_key=f"{first}-{last}-{landed}",
                tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat(), "fivefold/kind": "late rows"},
            )
            for first, last in spans([stamp.date() for stamp in stale["service_date"].astype("datetime64[s]")])
        ]
        return dg.SensorResult(run_requests=requests, cursor=landed)

    return late_rows


def running_day_sensor(job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor on events of today's service date."""

    @dg.sensor(name="running_day", job=job, minimum_interval_seconds=DISPATCH_EVERY_S)
    def running_day(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """A micro-batch of dispatch for every date with a published plan whose events grew."""
        from orchestration.lake import Lake

        seen = datetime.fromisoformat(context.cursor) if context.cursor else datetime.now().astimezone() - NEW_WITHIN
        with Lake.open(settings.home()) as lake:
            grown = lake.query(
                "select service_date, max(ingest_time) as landed from raw.delivery_events e "
                "where source = ? and ingest_time > ? and exists (select 1 from plan.routes r "
                "where r.source = e.source and r.service_date = e.service_date) group by 1 order by 1",
                [settings.source(), seen],
            )
        if grown.empty:
            return dg.SkipReason("no new events of a planned date")
        landed = grown["landed"].max().isoformat()
        dates = [stamp.date().isoformat() for stamp in grown["service_date"].astype("datetime64[s]")]
        requests = [dg.RunRequest(run_key=f"{one}-{landed}", partition_key=one) for one in dates]
        return dg.SensorResult(run_requests=requests, cursor=landed)

    return running_day


def spans(dates: Sequence[date], longest: int = MOST_DATES_A_RUN) -> list[tuple[date, date]]:
    """First and last of each run of consecutive dates, none longer than ``longest``. ``dates`` are sorted."""
    found: list[tuple[date, date]] = []
    for day in dates:
        if found and day - found[-1][1] == timedelta(days=1) and (day - found[-1][0]).days < longest:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
