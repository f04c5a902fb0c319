"""Scorecards over the lake: the last weeks of a source, as they were known at a moment."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from operations.scorecards import scorecards
from orchestration.lake import Lake
from orchestration.loop.outcomes import outcomes_at

EXPECTED_SCANS = ("loaded", "arrived", "service_started", "concluded")
"""Scans of a visit that was driven to; one that was not has none of the middle two."""
DELIVERED = ("delivered", "partially_delivered", "diverted")


def newest_known(lake: Lake, source: str) -> datetime:
    """When the newest event of a source became known.

    Raises:
        InputError: it has none.
    """
    newest = lake.query("select max(ingest_time) as t from raw.delivery_events where source = ?", [source])["t"].iloc[0]
    if pd.isna(newest):
        raise InputError(
            f"source {source!r} has no delivery events in the lake; load it first: fivefold ingest {source}"
        )
    moment: datetime = newest.to_pydatetime()
    return moment


def first_date(lake: Lake, source: str, as_of: datetime, days: int) -> date:
    """The first service date of the last ``days`` known at ``as_of``.

    Counted back from the newest date that has events: a correction that comes weeks after the last delivery moves what
    is known, not the weeks that are looked at.
    """
    newest = lake.query(
        "select max(service_date) as day from raw.delivery_events where source = ? and ingest_time <= ?",
        [source, as_of],
    )["day"].iloc[0]
    by_clock = as_of.date()
    last = by_clock if pd.isna(newest) else min(by_clock, pd.Timestamp(newest).date() + timedelta(days=1))
    return last - timedelta(days=days)


def fleet_scorecards(
    lake: Lake, source: str, days: int = 28, as_of: datetime | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scorecards of the fleets of a source, and its stops with both promises.

    Raises:
        InputError: the source has no outcomes.
    """
    moment = as_of or newest_known(lake, source)
    since = first_date(lake, source, moment, days)
    found = outcomes_at(lake, source, moment, since=since)
    stops = found.visits[found.visits["attempt"] == 1].reset_index(drop=True)
    if stops.empty:
        raise InputError(f"source {source!r} has no outcome from {since} on")
    stops = stops.merge(_promises(lake, source, moment), on="order_id", how="left")
    stops = stops.merge(_scans(lake, source, moment, since), on="order_id", how="left")
    begun = stops["started_at"].fillna(stops["concluded_at"])
    delivered = stops["outcome"].isin(DELIVERED)
    for name in ("original", "active"):
        inside = (begun <= stops[f"{name}_end"]) & (begun >= stops[f"{name}_start"])
        known = stops[f"{name}_end"].notna() & delivered & stops["started_at"].notna()
        stops[f"on_time_{name}"] = inside.astype(object).where(known, None)
    driven = stops["arrived_at"].notna()
    stops["scans_expected"] = np.where(driven, len(EXPECTED_SCANS), 2)
    stops["scans"] = 1 + driven + stops["started_at"].notna() + stops["was_loaded"].fillna(False).astype(bool)
    stops["scans"] = stops[["scans", "scans_expected"]].min(axis=1)
    stops["delivered"] = delivered
    stops = stops.merge(_planned(lake, source, since), on="order_id", how="left")
    stops["eta_error_s"] = (stops["arrived_at"] - stops["expected"]).dt.total_seconds()
    offers = found.offers.assign(accepted=found.offers["success"])
    return scorecards(stops, offers, _costs(lake, source, stops, since)), stops


def _promises(lake: Lake, source: str, moment: datetime) -> pd.DataFrame:
    """The promise first made, and the one that held when the order's visit began (or its outcome, if it had none)."""
    return lake.query(
        """
        with begun as (
            select order_id, min(event_time) as begun_at from raw.delivery_events
            where source = ? and ingest_time <= ? and not retracted and order_id is not null
                and event_type in ('service_started', 'delivered', 'attempt_failed', 'diverted', 'partially_delivered')
            group by order_id
        ), versions as (
            select orders.order_id, orders.window_start, orders.window_end, orders.ingest_time, begun.begun_at
            from raw.orders as orders join begun using (order_id)
            where source = ? and ingest_time <= ? and not retracted and window_end is not null
        )
        select order_id, arg_min(window_start, ingest_time) as original_start,
            arg_min(window_end, ingest_time) as original_end,
            coalesce(arg_max(window_start, ingest_time) filter (where ingest_time <= begun_at),
                arg_min(window_start, ingest_time)) as active_start,
            coalesce(arg_max(window_end, ingest_time) filter (where ingest_time <= begun_at),
                arg_min(window_end, ingest_time)) as active_end
        from versions group by order_id
        """,
        [source, moment, source, moment],
    )


def _scans(lake: Lake, source: str, moment: datetime, since: Any) -> pd.DataFrame:
    return lake.query(
        """
        select order_id, true as was_loaded from raw.delivery_events
        where source = ? and ingest_time <= ? and service_date >= ? and event_type in ('loaded', 'tender_accepted')
            and order_id is not null and not retracted group by order_id
        """,
        [source, moment, since],
    )


def _planned(lake: Lake, source: str, since: Any) -> pd.DataFrame:
    """What was told of the arrival: the predicted median, else the plan, else what events say was planned."""
    return lake.query(
        """
        select order_id, coalesce(max(stops.eta_p50), max(stops.arrival), max(told.planned)) as expected
        from (
            select order_id, max(planned_time) as planned from raw.delivery_events
            where source = ? and service_date >= ? and order_id is not null group by order_id
        ) as told full join (
            select order_id, eta_p50, arrival from plan.plan_stops where source = ? and service_date >= ?
        ) as stops using (order_id) group by order_id
        """,
        [source, since, source, since],
    )


def _costs(lake: Lake, source: str, stops: pd.DataFrame, since: Any) -> pd.DataFrame:
    """Cost by fleet and date: the ledger's, else what was invoiced."""
    rows = lake.query(
        """
        select service_date, fleet_id, sum(amount_minor) as cost_minor from operation.cost_ledger
        where source = ? and service_date >= ? and account = 'cost' and fleet_id is not null group by all
        """,
        [source, since],
    )
    if rows.empty:
        rows = lake.query(
            """
            select service_date, fleet_id, sum(amount_minor) as cost_minor from (
                select * from raw.invoices where source = ? and service_date >= ? qualify row_number() over (
                    partition by invoice_id, line_id order by ingest_time desc, file_id desc) = 1
            ) where not retracted group by all
            """,
            [source, since],
        )
    done = stops[stops["delivered"]].groupby(["service_date", "fleet_id"]).size().rename("delivered").reset_index()
    for frame in (rows, done):
        frame["service_date"] = pd.to_datetime(frame["service_date"]).dt.date
    return rows.merge(done, on=["service_date", "fleet_id"])


def promise_integrity(stops: pd.DataFrame) -> dict[str, Any]:
    """On-time of all stops against both promises, how many promises were moved, and what moving them gained."""
    known = stops[stops["on_time_original"].notna()]
    original, active = (float(known[f"on_time_{name}"].astype(float).mean()) for name in ("original", "active"))
    moved = (known["original_end"] != known["active_end"]) | (known["original_start"] != known["active_start"])
    return {
        "stops_with_a_promise": len(known),
        "promises_moved": int(moved.sum()),
        "on_time_original": original if len(known) else None,
        "on_time_active": active if len(known) else None,
        "gained_by_moving": active - original if len(known) else None,
    }
