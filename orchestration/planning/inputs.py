"""What the planner may know of a service date: rows of the lake as they were known at ``as_of``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from domain import tables
from domain.codes import CONCLUDING_EVENTS
from domain.errors import InputError
from models.parameters import WET_MM, Beliefs
from orchestration.lake import Lake
from orchestration.planning.commitments import commitments
from orchestration.planning.tariffs import rules_on

CONCLUDING = tuple(sorted(map(str, CONCLUDING_EVENTS)))
"""Events that end an attempt, as SQL takes them."""
CUT_OFF = time(20)
"""Local time on the evening before a service date at which its plan is made."""


@dataclass(frozen=True)
class DayInputs:
    """Frames of one source and service date, every row known at ``as_of``."""

    source: str
    service_date: date
    as_of: datetime
    lake_snapshot: int
    timezone: ZoneInfo
    depots: pd.DataFrame
    orders: pd.DataFrame
    shifts: pd.DataFrame
    vehicles: pd.DataFrame
    fleets: pd.DataFrame
    tariffs: pd.DataFrame
    certifications: pd.DataFrame
    constraints: pd.DataFrame
    travel: pd.DataFrame
    predictions: pd.DataFrame
    beliefs: Beliefs = field(default_factory=Beliefs)
    wet_hours: frozenset[int] = frozenset()
    """Local hours of the date that are forecast wet at most of the depots."""
    commitments: Mapping[str, int] = field(default_factory=dict)
    """Fleet -> minor units that one more stop on the date is worth by the end of the month."""


def known(
    lake: Lake,
    table: tables.Table,
    source: str,
    as_of: datetime,
    snapshot: int,
    where: str = "true",
    parameters: tuple[object, ...] = (),
) -> pd.DataFrame:
    """Current rows of ``table`` at ``as_of``: the latest version of each key, without retracted ones.

    ``where`` is a fixed SQL condition on the versions; values only ever travel as ``parameters``.
    """
    keys = ", ".join(table.key)
    return lake.query(
        f"""
        select * exclude (latest) from (
            select *, row_number() over (partition by {keys} order by ingest_time desc, file_id desc) as latest
            from {table.qualified_name}
            where source = ? and ingest_time <= ?
        ) where latest = 1 and not retracted and {where}
        """,
        [source, as_of, *parameters],
        snapshot=snapshot,
    )


def service_dates(lake: Lake, source: str) -> list[date]:
    """Service dates that have orders by the newest version of each, oldest first."""
    frame = lake.query(
        """
        select distinct service_date as day from (
            select service_date, retracted from raw.orders where source = ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ) where not retracted order by 1
        """,
        [source],
    )
    return [pd.Timestamp(day).date() for day in frame["day"]]


def depot_timezone(lake: Lake, source: str) -> ZoneInfo:
    """Time zone that the service dates of ``source`` refer to (of its first depot)."""
    frame = lake.query("select timezone from raw.depots where source = ? order by depot_id limit 1", [source])
    if frame.empty:
        raise InputError(f"source {source!r} has no depot in the lake; load it first: fivefold ingest {source}")
    return ZoneInfo(str(frame["timezone"].iloc[0]))


def planning_cut_off(service_date: date, zone: ZoneInfo) -> datetime:
    """The evening before, 20:00 in the depot's zone."""
    return datetime.combine(service_date - timedelta(days=1), CUT_OFF, zone)


def planning_as_of(lake: Lake, source: str, service_date: date, zone: ZoneInfo) -> datetime:
    """The cut-off; for history that was loaded after its own cut-off, the moment it had been loaded."""
    cut_off = planning_cut_off(service_date, zone)
    frame = lake.query(
        "select count(*) filter (where ingest_time <= ?) as in_time, max(ingest_time) as last "
        "from raw.orders where source = ? and service_date = ?",
        [cut_off, source, service_date],
    )
    if int(frame["in_time"].iloc[0]) > 0:
        return cut_off
    loads = lake.query(
        "select min(ingest_time) as first, max(ingest_time) as last from control.ingested_files where source = ?",
        [source],
    )
    first, last = loads["first"].iloc[0], loads["last"].iloc[0]
    if not pd.isna(frame["last"].iloc[0]):
        return max(pd.Timestamp(frame["last"].iloc[0]), pd.Timestamp(last)).to_pydatetime()
    if not pd.isna(first) and pd.Timestamp(first) > pd.Timestamp(cut_off):
        return pd.Timestamp(last).to_pydatetime()
    return cut_off


def day_inputs(lake: Lake, source: str, service_date: date, as_of: datetime | None = None) -> DayInputs:
    """Read all that planning ``service_date`` needs, at one snapshot and one ``as_of``."""
    zone = depot_timezone(lake, source)
    moment = as_of or planning_as_of(lake, source, service_date, zone)
    snapshot = lake.snapshot_id()

    def read(table: tables.Table, where: str = "true", *parameters: object) -> pd.DataFrame:
        return known(lake, table, source, moment, snapshot, where, parameters)

    orders = read(tables.ORDERS, "service_date = ?", service_date)
    cancelled = lake.query(
        """
        select order_id from (
            select event_id, order_id, event_type, retracted, ingest_time, file_id from raw.delivery_events
            where source = ? and ingest_time <= ?
                and order_id in (select order_id from raw.orders where source = ? and service_date = ?)
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ) where event_type = 'cancelled' and not retracted
        """,
        [source, moment, source, service_date],
        snapshot=snapshot,
    )
    predictions = lake.query(
        """
        select * exclude (latest) from (
            select *, row_number() over (partition by task, order_id order by as_of desc, model_version desc) as latest
            from prediction.predictions where source = ? and service_date = ? and as_of <= ?
        ) where latest = 1
        """,
        [source, service_date, moment],
        snapshot=snapshot,
    )
    shifts = read(tables.SHIFTS, "service_date = ?", service_date).sort_values("shift_id", ignore_index=True)
    return DayInputs(
        source=source,
        service_date=service_date,
        as_of=moment,
        lake_snapshot=snapshot,
        timezone=zone,
        depots=read(tables.DEPOTS),
        orders=orders[~orders["order_id"].isin(set(cancelled["order_id"]))].sort_values("order_id", ignore_index=True),
        shifts=shifts,
        vehicles=read(tables.VEHICLES),
        fleets=read(tables.FLEETS),
        tariffs=rules_on(read(tables.TARIFF_RULES), source, service_date, shifts),
        certifications=read(tables.CERTIFICATIONS),
        constraints=read(tables.CONSTRAINTS, "(service_date is null or service_date = ?)", service_date),
        travel=read(tables.TRAVEL_OBSERVATIONS),
        predictions=predictions,
        beliefs=beliefs_of(lake, source, service_date, moment, snapshot),
        wet_hours=_wet_hours(lake, source, service_date, moment, snapshot, zone),
        commitments=commitments(lake, source, service_date, moment, snapshot),
    )


def beliefs_of(lake: Lake, source: str, service_date: date, as_of: datetime, snapshot: int | None = None) -> Beliefs:
    """What was learned for a date and known at ``as_of``; where nothing was, nothing is believed."""
    rows = lake.query(
        "select kind, subject, value, as_of from learned.parameters "
        "where source = ? and service_date = ? and as_of <= ? order by kind, subject",
        [source, service_date, as_of],
        snapshot=snapshot,
    )
    return Beliefs.of(rows)


def _wet_hours(
    lake: Lake, source: str, service_date: date, as_of: datetime, snapshot: int, zone: ZoneInfo
) -> frozenset[int]:
    begin = datetime.combine(service_date, time(), zone)
    rows = lake.query(
        """
        select target_time, avg(precipitation_mm) as mm from (
            select depot_id, target_time, precipitation_mm from raw.weather
            where source = ? and ingest_time <= ? and target_time >= ? and target_time < ? and not retracted
            qualify row_number() over (
                partition by depot_id, target_time order by event_time desc, ingest_time desc, file_id desc
            ) = 1
        ) group by target_time
        """,
        [source, as_of, begin, begin + timedelta(days=1)],
        snapshot=snapshot,
    )
    wet = rows[rows["mm"] >= WET_MM]
    return frozenset(int(one) for one in wet["target_time"].dt.tz_convert(zone).dt.hour)
