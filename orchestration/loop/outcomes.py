"""Outcomes as evidence: visits, driven legs, offers and stops as they were known at a moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from domain import tables
from models.parameters import OWN_FAULT, WET_MM, WINDOW_DAYS
from orchestration.lake import Lake
from orchestration.planning.inputs import CONCLUDING, depot_timezone, known
from solvers.travel import TravelModel, fit_travel, haversine_m

TENDER_ANSWERS = ("tender_accepted", "tender_declined", "tender_expired")


@dataclass(frozen=True)
class Outcomes:
    """What had become known by ``as_of``: ``visits`` (one attempt a row), ``legs`` between them, ``offers``."""

    as_of: pd.Timestamp
    visits: pd.DataFrame
    legs: pd.DataFrame
    offers: pd.DataFrame


def base_travel(trips: pd.DataFrame) -> TravelModel:
    """The travel model that planning fits on observed trips, before anything is learned from deliveries."""
    columns = ("from_lat", "from_lon", "to_lat", "to_lon", "distance_m", "duration_s")
    return fit_travel(*(trips[name].to_numpy(dtype=float, na_value=np.nan) for name in columns))


def outcomes_at(
    lake: Lake, source: str, as_of: datetime, snapshot: int | None = None, since: date | None = None
) -> Outcomes:
    """Outcomes known at ``as_of`` of the last ``WINDOW_DAYS`` (or from the service date ``since`` on)."""
    at = lake.snapshot_id() if snapshot is None else snapshot
    moment = pd.Timestamp(as_of)
    first = since or (moment - timedelta(days=WINDOW_DAYS)).date()
    visits = lake.query(
        f"""
        with events as (
            select * from raw.delivery_events
            where source = ? and ingest_time <= ? and service_date >= ?
                and event_type in {(*CONCLUDING, "arrived", "service_started")} and order_id is not null
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ), orders as (
            select * from raw.orders where source = ? and ingest_time <= ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ), stops as (
            select order_id, coalesce(attempt, 1) as attempt, min(service_date) as service_date,
                any_value(route_id) as route_id, any_value(fleet_id) as fleet_id, any_value(vehicle_id) as vehicle_id,
                any_value(driver_id) as driver_id, any_value(depot_id) as depot_id,
                min(event_time) filter (where event_type = 'arrived') as arrived_at,
                min(event_time) filter (where event_type = 'service_started') as started_at,
                max(event_time) filter (where event_type in {CONCLUDING}) as concluded_at,
                arg_max(event_type, (event_time, event_id)) filter (where event_type in {CONCLUDING}) as outcome,
                arg_max(exception_class, (event_time, event_id)) filter (where event_type = 'attempt_failed')
                    as exception_class,
                max(ingest_time) as known_at
            from events where not retracted group by order_id, coalesce(attempt, 1)
        )
        select stops.*, orders.customer_id, orders.tenant_id, orders.zone_id, orders.lat, orders.lon,
            orders.service_s as declared_s, orders.window_start, orders.window_end, orders.attributes,
            coalesce(stops.depot_id, orders.depot_id) as from_depot
        from stops left join orders using (order_id) where concluded_at is not null
        order by route_id, arrived_at, order_id
        """,
        [source, as_of, first, source, as_of],
        snapshot=at,
    )
    zone = depot_timezone(lake, source)
    visits["building"] = [_building(text) for text in visits["attributes"]]
    visits["actual_s"] = (visits["concluded_at"] - visits["started_at"]).dt.total_seconds()
    visits["event_time"] = visits["concluded_at"]
    visits["hour"] = visits["concluded_at"].dt.tz_convert(zone).dt.hour
    visits["failed"] = visits["outcome"] == "attempt_failed"
    visits["own_fault"] = visits["exception_class"].isin(OWN_FAULT)
    wet = wet_hours(lake, source, as_of, at)
    depots = known(lake, tables.DEPOTS, source, as_of, at)
    trips = known(lake, tables.TRAVEL_OBSERVATIONS, source, as_of, at)
    starts = lake.query(
        """
        select route_id, min(event_time) as left_at, max(ingest_time) as left_known from raw.delivery_events
        where source = ? and ingest_time <= ? and service_date >= ? and event_type in ('route_started', 'departed')
            and route_id is not null and order_id is null and not retracted group by route_id
        """,
        [source, as_of, first],
        snapshot=at,
    )
    legs = legs_of(visits, starts, depots, base_travel(trips), wet, zone)
    return Outcomes(moment, visits, legs, _offers(lake, source, as_of, first, at, visits, zone))


def _building(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    value = found.get("building") if isinstance(found, dict) else None
    return str(value) if value is not None else None


def wet_hours(lake: Lake, source: str, as_of: datetime, snapshot: int | None = None) -> pd.Series:
    """Whether an hour was (or is forecast to be) wet at a depot, by (depot_id, hour as UTC)."""
    rows = lake.query(
        """
        select depot_id, target_time, precipitation_mm from raw.weather
        where source = ? and ingest_time <= ? and not retracted
        qualify row_number() over (
            partition by depot_id, target_time order by event_time desc, ingest_time desc, file_id desc
        ) = 1
        """,
        [source, as_of],
        snapshot=snapshot,
    )
    keys = pd.MultiIndex.from_arrays([rows["depot_id"], rows["target_time"].dt.floor("h")])
    return pd.Series(rows["precipitation_mm"].fillna(0.0).to_numpy() >= WET_MM, index=keys).groupby(level=[0, 1]).max()


def legs_of(
    visits: pd.DataFrame, starts: pd.DataFrame, depots: pd.DataFrame, base: TravelModel, wet: pd.Series, zone: Any
) -> pd.DataFrame:
    """Trips between consecutive visits of a route, the first one from its depot."""
    driven = visits[visits["arrived_at"].notna() & visits["lat"].notna() & visits["route_id"].notna()]
    driven = driven.sort_values(["route_id", "arrived_at", "order_id"], ignore_index=True)
    same = driven["route_id"].eq(driven["route_id"].shift())
    place = depots.drop_duplicates("depot_id").set_index("depot_id")
    # not map(): it takes an empty mapping for one to numbers, and before the first outcome there is nothing
    begins = starts.set_index("route_id").reindex(driven["route_id"]).set_axis(driven.index)
    begun, begun_known = begins["left_at"], begins["left_known"]
    legs = pd.DataFrame(
        {
            "order_id": driven["order_id"],
            "route_id": driven["route_id"],
            "from_zone": driven["zone_id"].shift().where(same, "depot:" + driven["from_depot"].astype(str)),
            "to_zone": driven["zone_id"],
            "from_lat": driven["lat"].shift().where(same, driven["from_depot"].map(place["lat"])),
            "from_lon": driven["lon"].shift().where(same, driven["from_depot"].map(place["lon"])),
            "lat": driven["lat"],
            "lon": driven["lon"],
            "left_at": driven["concluded_at"].shift().where(same, begun),
            "arrived_at": driven["arrived_at"],
            "depot_id": driven["from_depot"],
            "fleet_id": driven["fleet_id"],
            "service_date": driven["service_date"],
        }
    )
    earlier = driven["known_at"].shift().where(same, begun_known)
    legs["known_at"] = pd.concat([driven["known_at"], earlier], axis=1).max(axis=1)
    legs["event_time"] = legs["arrived_at"]
    legs["actual_s"] = (legs["arrived_at"] - legs["left_at"]).dt.total_seconds()
    legs = legs[legs["actual_s"].gt(0) & legs["from_lat"].notna()].reset_index(drop=True)
    straight = haversine_m(*(legs[name].to_numpy(float) for name in ("from_lat", "from_lon", "lat", "lon")))
    legs["base_m"], legs["base_s"] = base.leg(straight)
    legs = legs[legs["base_m"] >= 50].reset_index(drop=True)  # two parcels at one door are no trip
    legs["hour"] = legs["left_at"].dt.tz_convert(zone).dt.hour
    hours = pd.MultiIndex.from_arrays([legs["depot_id"], legs["left_at"].dt.floor("h")])
    legs["wet"] = wet.reindex(hours).fillna(False).to_numpy(bool) if len(wet) else False
    return legs


def _offers(
    lake: Lake, source: str, as_of: datetime, first: date, snapshot: int, visits: pd.DataFrame, zone: Any
) -> pd.DataFrame:
    """Answered offers: whole routes and single orders."""
    rows = lake.query(
        f"""
        select events.order_id, events.route_id, events.fleet_id, events.event_type, events.event_time,
            events.ingest_time as known_at, orders.zone_id
        from (
            select * from raw.delivery_events where source = ? and ingest_time <= ? and service_date >= ?
                and event_type in {TENDER_ANSWERS}
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ) as events left join (
            select order_id, zone_id from raw.orders where source = ? and ingest_time <= ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ) as orders using (order_id)
        where not events.retracted and events.fleet_id is not null order by events.event_time, events.event_id
        """,
        [source, as_of, first, source, as_of],
        snapshot=snapshot,
    )
    return rows.assign(
        fleet=rows["fleet_id"],
        zone=rows["zone_id"],
        hour=rows["event_time"].dt.tz_convert(zone).dt.hour if len(rows) else rows["event_time"],
        success=rows["event_type"] == "tender_accepted",
    )
