"""How past routes went, for the intervals of arrival of the routes that are planned now."""

from __future__ import annotations

import os
from datetime import timedelta

import numpy as np
import pandas as pd

from models.route_day import PastRoute, PlannedRoute, RouteDay
from models.route_risk import learn_under_way
from orchestration.lake import Lake
from orchestration.planning.build import DEFAULT_SERVICE_S, WORKING_HOURS, building_of
from orchestration.planning.inputs import CONCLUDING, DayInputs
from solvers.travel import TravelModel, fit_travel

HISTORY_DAYS = 42
MOMENTS = ("window_start", "started_at", "arrived_at", "service_started_at", "concluded_at")
SEEN = ("from_lat", "from_lon", "to_lat", "to_lon", "distance_m", "duration_s")


def route_day(lake: Lake, day: DayInputs, under_way: bool = False) -> RouteDay | None:
    """What past routes teach of the arrivals of a planned one (``under_way``: and of one on its way); None where no
    history says enough.

    Legs are compared with the travel times that the plan is made from. With road times from OSRM or an extract there
    are no such times of past legs, and the predicted error of each stop is used instead.
    """
    if os.environ.get("FIVEFOLD_OSRM") or os.environ.get("FIVEFOLD_OSM"):
        return None
    since = day.service_date - timedelta(days=HISTORY_DAYS)
    stops = _stops(lake, day, since)
    if stops.empty:
        return None
    travel = fit_travel(*(day.travel[name].to_numpy(dtype=float, na_value=np.nan) for name in SEEN))
    places = (day.depots[name].to_numpy() for name in ("depot_id", "lat", "lon"))
    depots = {str(name): (float(lat), float(lon)) for name, lat, lon in zip(*places, strict=True)}
    stops = stops[stops["depot_id"].isin(set(depots))]
    # seconds on the clock of each route, whose zero is its planned start
    stops = stops.assign(**{name: (stops[name] - stops["starts_at"]).dt.total_seconds() for name in MOMENTS})
    used = dict(day.beliefs.used)
    past = [
        _past(route.reset_index(drop=True), travel, depots[str(route["depot_id"].iloc[0])], day)
        for _, route in stops.groupby(["service_date", "route_id"], sort=True)
    ]
    # the lineage of the plan tells what the plan was made from, not what the past was compared with
    day.beliefs.used.clear()
    day.beliefs.used.update(used)
    return learn_under_way(past) if under_way else RouteDay.learn(past)


def _stops(lake: Lake, day: DayInputs, since: object) -> pd.DataFrame:
    """First attempts of past routes in the order they were driven, as known at the day's cut-off.

    From the events themselves: the mart of outcomes tells them as they are known now, and a plan that is made again
    must come out as it was.
    """
    return lake.query(
        f"""
        with orders as (
            select order_id, zone_id, attributes, lat, lon, service_s, window_start from raw.orders
            where source = ? and service_date >= ? and ingest_time <= ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ), events as (
            select * from (
                select event_id, event_type, order_id, attempt, service_date, route_id, depot_id, event_time,
                    planned_time, retracted
                from raw.delivery_events
                where source = ? and service_date >= ? and ingest_time <= ?
                    and event_type in {(*CONCLUDING, "arrived", "service_started", "route_started")}
                qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
            ) where not retracted
        ), starts as (
            select service_date, route_id, min(event_time) as started_at,
                arg_min(planned_time, event_time) as starts_at
            from events where event_type = 'route_started' and planned_time is not null
            group by service_date, route_id
        ), outcomes as (
            select order_id,
                arg_max(service_date, (event_time, event_id)) filter (where event_type in {CONCLUDING}) as service_date,
                max(route_id) as route_id, max(depot_id) as depot_id,
                min(event_time) filter (where event_type = 'arrived') as arrived_at,
                min(event_time) filter (where event_type = 'service_started') as service_started_at,
                max(event_time) filter (where event_type in {CONCLUDING}) as concluded_at
            from events where order_id is not null and coalesce(attempt, 1) = 1 group by order_id
        )
        select outcomes.service_date, outcomes.route_id, outcomes.depot_id, outcomes.arrived_at,
            outcomes.service_started_at, outcomes.concluded_at, starts.started_at, starts.starts_at,
            orders.zone_id, orders.attributes, orders.lat, orders.lon, orders.service_s, orders.window_start
        from outcomes
        join orders using (order_id)
        join starts on starts.service_date = outcomes.service_date and starts.route_id = outcomes.route_id
        where outcomes.concluded_at is not null and outcomes.service_date < ?
            and outcomes.arrived_at is not null and orders.lat is not null and orders.lon is not null
        order by outcomes.service_date, outcomes.route_id, outcomes.arrived_at, outcomes.order_id
        """,
        [
            *(day.source, since, day.as_of),
            *(day.source, since, day.as_of),
            day.service_date,
        ],
        snapshot=day.lake_snapshot,
    )


def _past(route: pd.DataFrame, travel: TravelModel, depot: tuple[float, float], day: DayInputs) -> PastRoute:
    """A past route, its ``MOMENTS`` in seconds, with the times that a plan of ``day`` would give it."""
    lat = np.append(depot[0], route["lat"].to_numpy(float))
    lon = np.append(depot[1], route["lon"].to_numpy(float))
    stops = len(route)
    matrices, legs = travel.matrices(lat, lon), (np.arange(stops), np.arange(1, stops + 1))
    drive = matrices.duration_s[legs].astype(float)
    if day.beliefs.has_travel():
        zones = [f"depot:{route['depot_id'].iloc[0]}", *route["zone_id"].astype(str)]
        hours = dict.fromkeys(WORKING_HOURS, 1 / len(WORKING_HOURS))
        drive *= day.beliefs.travel_factors(matrices.distance_m, zones, hours, dict.fromkeys(hours, False))[legs]
    window_start, started, *moments = (route[name].to_numpy(float) for name in MOMENTS)
    service = pd.to_numeric(route["service_s"]).to_numpy(float, na_value=np.nan)
    service = np.where(np.isfinite(service), service, DEFAULT_SERVICE_S)
    if day.beliefs:
        service = service * [day.beliefs.service_factor(building_of(one)) for one in route["attributes"]]
    plan = PlannedRoute(
        0.0,
        drive,
        service,
        np.where(np.isfinite(window_start), window_start, -np.inf),
    )
    ordinal = pd.Timestamp(route["service_date"].iloc[0]).toordinal()
    return PastRoute(ordinal, plan, float(started[0]), *moments)


def with_arrivals(stops: pd.DataFrame, starts: dict[str, pd.Timestamp], learned: RouteDay) -> pd.DataFrame:
    """``eta_p10``, ``eta_p50``, ``eta_p90`` of every planned stop; ``starts``: planned start of each route."""
    columns = {"eta_p10": 1, "eta_p50": 2, "eta_p90": 3}
    out = stops.assign(**dict.fromkeys(columns, stops["arrival"]))
    for number, (route_id, unordered) in enumerate(stops.groupby("route_id", sort=True)):
        route, zero = unordered.sort_values("sequence"), starts[str(route_id)]

        def clock(moments: pd.Series, zero: pd.Timestamp = zero) -> np.ndarray:
            return (moments - zero).dt.total_seconds().to_numpy(float)

        begun, arrival, window = clock(route["service_start"]), clock(route["arrival"]), clock(route["window_start"])
        earliest = np.where(begun > arrival, begun, np.where(np.isfinite(window), window, -np.inf))
        plan = PlannedRoute(
            0.0, route["leg_s"].to_numpy(float), clock(route["departure"]) - begun, np.minimum(earliest, begun)
        )
        quantiles = learned.quantiles(plan, seed=number)
        for name, column in columns.items():
            out.loc[route.index, name] = zero + pd.to_timedelta(np.round(quantiles[:, column]), unit="s")
    return out
