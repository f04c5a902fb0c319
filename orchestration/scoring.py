"""Stops of a running day scored again: the published plan, what became known since, what past routes teach.

``operations.rescoring`` decides what is due and what it says; this reads the lake and appends rows. A batch that died
is repeated by the next: what is due follows from the rows that are there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from domain import tables
from domain.codes import ScoreMoment
from domain.errors import InputError, LakeError
from models.route_eta import hazard_rate
from models.route_risk import Hazards
from operations.rescoring import ROUTE_SET, Happened, PlannedRoute, PlannedStop, StopScore, rescore
from operations.state.events import ROUTE_SET as ROUTE_SET_EVENT
from orchestration.lake import Lake
from orchestration.planning.arrivals import route_day
from orchestration.planning.inputs import day_inputs
from orchestration.stop_scores import QUANTILES, TOLD

PRIOR_HOURS = 500.0
"""Route hours that the rate of the fleet counts for in the rate of one vehicle or of wet days."""
WET_MM = 0.5


@dataclass(frozen=True)
class Scored:
    """What one batch wrote."""

    service_date: date
    routes: int
    rows: int
    moments: dict[str, int]

    def summary(self) -> dict[str, Any]:
        return {"date": self.service_date.isoformat(), "routes": self.routes, "rows": self.rows, **self.moments}


def score_day(lake: Lake, source: str, day: date, now: datetime, home: Path | None = None) -> Scored:
    """Append every score that is due up to ``now`` and not there yet; ``home``: where a live day keeps its journal.

    Raises:
        InputError: the date has no plan.
    """
    stops = _stops(lake, source, day)
    if stops.empty:
        raise InputError(f"{source} has no plan of {day}; make one: fivefold plan {source} {day}")
    snapshot = lake.snapshot_id()
    inputs = day_inputs(lake, source, day)
    learned = route_day(lake, inputs, under_way=True)
    rates = hazards_of(lake, source, inputs.as_of)
    events, before = _events(lake, source, day, now), _before(lake, source, day)
    changes = _changes(home, source, day, stops) if home is not None else {}
    planned = stops.drop_duplicates("order_id").set_index("order_id")
    frames, rows = [], 0
    for route_id, own in stops.groupby("route_id", sort=True):
        first = own.iloc[0]
        zero = first["starts_at"]
        route = _route(str(route_id), own, zero)
        moved = [one for one in changes.get(str(first["vehicle_id"]), []) if one["at"] <= now]
        new = {str(stop["order_id"]) for one in moved for stop in one["stops"]} - set(own["order_id"])
        heard = [*events.get(str(route_id), []), *(one for name in sorted(new) for one in events.get(f"/{name}", []))]
        told = [*(_happened(one, zero) for one in heard), *(_moved(one, zero) for one in moved)]
        wet = bool(own["rain_mm"].mean() >= WET_MM)
        made = rescore(
            route, told, (pd.Timestamp(now) - zero).total_seconds(), learned, rates.of(str(first["vehicle_id"]), wet),
            [_score_of(one, zero) for one in before.get(str(route_id), [])],
        )  # fmt: skip
        if made:
            ids = {"source": source, "service_date": day, "route_id": str(route_id), "lake_snapshot": snapshot}
            frames.append(_frame(made, planned, zero, ids))
            rows += len(made)
    if frames:
        lake.append(tables.STOP_SCORES, pd.concat(frames, ignore_index=True))
    moments = pd.concat(frames)["moment"].value_counts().to_dict() if frames else {}
    return Scored(day, int(stops["route_id"].nunique()), rows, {str(name): int(n) for name, n in moments.items()})


def wrong_scores(lake: Lake, source: str, day: date) -> int:
    """Rows of a date whose chances are not in 0..1 or whose quantiles are not in order."""
    found = lake.query(
        """
        select count(*) as n from prediction.stop_scores where source = ? and service_date = ? and (
            least(p_late, p_vehicle_issue, p_weather_or_road, p_exception, coalesce(p_failed, 0)) < 0
            or greatest(p_late, p_vehicle_issue, p_weather_or_road, p_exception, coalesce(p_failed, 0)) > 1
            or eta_p05 > eta_p10 or eta_p10 > eta_p50 or eta_p50 > eta_p90 or eta_p90 > eta_p95)
        """,
        [source, day],
    )
    return int(found["n"].iloc[0])


@dataclass(frozen=True)
class Rates:
    """Route-level events an hour: of each vehicle and of all, on wet and dry days."""

    vehicle: dict[str, float]
    any_vehicle: float
    wet: float
    dry: float

    def of(self, vehicle_id: str, wet: bool) -> Hazards:
        return Hazards(self.vehicle.get(vehicle_id, self.any_vehicle), self.wet if wet else self.dry)


def hazards_of(lake: Lake, source: str, as_of: datetime) -> Rates:
    """From past routes: breakdowns and days of weather or road by hours on the road, shrunk to the fleet's rate.

    A route counts once, however many of its stops failed of it.
    """
    try:
        past = lake.query(
            """
            select o.service_date, o.route_id, any_value(o.vehicle_id) as vehicle_id,
                (epoch(max(o.concluded_at)) - epoch(min(coalesce(o.arrived_at, o.concluded_at)))) / 3600 as hours,
                bool_or(coalesce(o.exception_class = 'vehicle_issue', false)) as broke,
                bool_or(coalesce(o.exception_class = 'weather_or_road', false)) as stormed,
                coalesce(avg(f.forecast_precipitation_mm), 0) as rain_mm
            from marts.fct_outcomes o left join marts.feat_exception f using (source, order_id)
            where o.source = ? and o.label_time <= ? and o.route_id is not null group by 1, 2 order by 1, 2
            """,
            [source, as_of],
        )
    except LakeError as error:
        if not isinstance(error.__cause__, duckdb.CatalogException):
            raise
        past = pd.DataFrame(columns=["vehicle_id", "hours", "broke", "stormed", "rain_mm"])
    hours = past["hours"].to_numpy(float).clip(0.0, 24.0)
    broke, stormed = past["broke"].to_numpy(bool), past["stormed"].to_numpy(bool)
    wet = past["rain_mm"].to_numpy(float) >= WET_MM
    overall = hazard_rate(float(broke.sum()), float(hours.sum()))
    storms = hazard_rate(float(stormed.sum()), float(hours.sum()))

    def shrunk(events: np.ndarray, chosen: np.ndarray, rate: float) -> float:
        seen, time = float(events[chosen].sum()), float(hours[chosen].sum())
        return hazard_rate(seen, time, rate * PRIOR_HOURS, PRIOR_HOURS)

    vehicles = past["vehicle_id"].astype(str).to_numpy(object)
    own = {str(name): shrunk(broke, vehicles == name, overall) for name in sorted(set(vehicles))}
    return Rates(own, overall, shrunk(stormed, wet, storms), shrunk(stormed, ~wet, storms))


def _stops(lake: Lake, source: str, day: date) -> pd.DataFrame:
    """The published plan, with what the plan's predictions said of each stop and what moved them."""
    rain = "select source, order_id, forecast_precipitation_mm as rain_mm from marts.feat_exception"
    nothing = "select null::varchar as source, null::varchar as order_id, null::double as rain_mm where false"
    for weather in (rain, nothing):
        try:
            return lake.query(
                f"""
                with failed as (
                    select source, order_id, probability, factors, model_version from prediction.predictions
                    where task = 'failed' and source = ? and service_date = ?
                    qualify row_number() over (partition by order_id order by as_of desc, model_version desc) = 1
                ), weather as ({weather})
                select s.route_id, s.sequence, s.order_id, s.leg_s, s.arrival, s.service_start, s.departure,
                    s.window_start, s.window_end, coalesce(s.p_failed, failed.probability) as p_failed,
                    failed.factors, failed.model_version, r.vehicle_id, r.starts_at, s.as_of, weather.rain_mm
                from plan.plan_stops s join plan.routes r using (plan_id, route_id)
                left join failed on failed.source = s.source and failed.order_id = s.order_id
                left join weather on weather.source = s.source and weather.order_id = s.order_id
                where s.source = ? and s.service_date = ? order by s.route_id, s.sequence
                """,
                [source, day, source, day],
            )
        except LakeError as error:
            if weather is nothing or not isinstance(error.__cause__, duckdb.CatalogException):
                raise
    raise AssertionError("unreachable")


def _route(route_id: str, own: pd.DataFrame, zero: pd.Timestamp) -> PlannedRoute:
    return PlannedRoute(
        route_id,
        (own["as_of"].iloc[0] - zero).total_seconds(),
        0.0,
        tuple(planned_stop(one, zero) for one in own.to_dict("records")),
    )


def planned_stop(one: dict[str, Any], zero: pd.Timestamp) -> PlannedStop:
    """A row of the plan on the route's clock."""

    def second(moment: Any, otherwise: float) -> float:
        return otherwise if pd.isna(moment) else (moment - zero).total_seconds()

    begin = second(one["service_start"], 0.0)
    return PlannedStop(
        str(one["order_id"]),
        float(one["leg_s"]),
        max(1.0, second(one["departure"], 0.0) - begin),
        min(begin, second(one["window_start"], -np.inf)),
        second(one["window_end"], np.inf),
        second(one["arrival"], 0.0),
        second(one["departure"], 0.0),
        float("nan") if pd.isna(one["p_failed"]) else float(one["p_failed"]),
    )


def _events(lake: Lake, source: str, day: date, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Events by route (and by order: ``/name``), each as it first became known by ``now``.

    One of an order is of the route that was to serve it; one of a vehicle alone, of its only route.
    """
    rows = lake.query(
        """
        with planned as (
            select order_id, min(route_id) as planned_route from plan.plan_stops
            where source = ? and service_date = ? group by order_id
        ), vehicles as (
            select vehicle_id, min(route_id) as vehicle_route from plan.routes
            where source = ? and service_date = ? group by vehicle_id having count(*) = 1
        ), known as (
            select event_id, event_type, order_id, route_id, vehicle_id, event_time, ingest_time
            from raw.delivery_events where source = ? and service_date = ? and ingest_time <= ? and not retracted
            qualify row_number() over (partition by event_id order by ingest_time, file_id) = 1
        )
        select known.event_type, known.order_id, known.event_time, known.ingest_time,
            coalesce(planned_route, case when order_id is null then coalesce(route_id, vehicle_route) end) as route
        from known left join planned using (order_id) left join vehicles using (vehicle_id)
        order by known.ingest_time, known.event_time, known.event_id
        """,
        [source, day, source, day, source, day, now],
    )
    out: dict[str, list[dict[str, Any]]] = {}
    for one in rows[rows["route"].notna()].to_dict("records"):
        out.setdefault(str(one["route"]), []).append(one)
        if isinstance(one["order_id"], str):  # dispatch may give the order to another route
            out.setdefault(f"/{one['order_id']}", []).append(one)
    return out


def _happened(one: dict[str, Any], zero: pd.Timestamp) -> Happened:
    order = one["order_id"]
    at, seen = ((one[name] - zero).total_seconds() for name in ("event_time", "ingest_time"))
    return Happened(str(one["event_type"]), at, seen, order if isinstance(order, str) else "")


def _changes(home: Path, source: str, day: date, stops: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Sequences that dispatch set in the day, by vehicle, from the journal; legs by the day's own matrix."""
    from datetime import timedelta

    from orchestration.live.begin import day_folder
    from orchestration.live.dayfile import midnight_of, read_day
    from orchestration.live.journal import Journal

    folder = day_folder(home, source, day)
    if not (folder / "day.json").is_file() or not (folder / "journal.sqlite").is_file():
        return {}
    begun, midnight = read_day(folder), midnight_of(folder)
    places = {one.order_id: one.location for one in begun.problem.orders}
    rows = {str(one["order_id"]): one for one in stops.to_dict("records")}
    out: dict[str, list[dict[str, Any]]] = {}
    with Journal(folder, write=False) as journal:
        for event, decisions in journal.entries():
            for decided in (one for decision in decisions for one in decision.events if one.kind == ROUTE_SET_EVENT):
                at = pd.Timestamp(midnight + timedelta(seconds=event.seen_s)).tz_convert("UTC")
                names = [name for name in json.loads(str(decided.facts.get("orders", "[]"))) if name in rows]
                legs = [
                    float(rows[name]["leg_s"]) if number == 0 or name not in places or names[number - 1] not in places
                    else float(begun.problem.travel.duration_s[places[names[number - 1]], places[name]])
                    for number, name in enumerate(names)
                ]  # fmt: skip
                changed = [{**rows[name], "leg_s": leg} for name, leg in zip(names, legs, strict=True)]
                out.setdefault(decided.vehicle_id, []).append({"at": at, "stops": changed})
    return out


def _moved(change: dict[str, Any], zero: pd.Timestamp) -> Happened:
    seen = (change["at"] - zero).total_seconds()
    return Happened(ROUTE_SET, seen, seen, stops=tuple(planned_stop(one, zero) for one in change["stops"]))


def _before(lake: Lake, source: str, day: date) -> dict[str, list[dict[str, Any]]]:
    rows = lake.query(
        "select * from prediction.stop_scores where source = ? and service_date = ? order by as_of, stops_before",
        [source, day],
    )
    return {str(name): own.to_dict("records") for name, own in rows.groupby("route_id")}


def _score_of(one: dict[str, Any], zero: pd.Timestamp) -> StopScore:
    """A written row as it was made."""
    arrived = pd.isna(one["eta_p50"])
    return StopScore(
        ScoreMoment(one["moment"]),
        (one["as_of"] - zero).total_seconds(),
        str(one["order_id"]),
        int(one["stops_before"]),
        None if arrived else tuple((one[name] - zero).total_seconds() for name in QUANTILES),
        one["p_late"],
        None if pd.isna(one["p_failed"]) else one["p_failed"],
        one["p_vehicle_issue"],
        one["p_weather_or_road"],
        one["p_exception"],
    )


def _frame(made: list[StopScore], planned: pd.DataFrame, zero: pd.Timestamp, ids: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for one in made:
        stop = planned.loc[one.order_id]
        told = {
            "failed": json.loads(stop["factors"])[:TOLD] if isinstance(stop["factors"], str) else [],
            "late": [[name, round(share, 4)] for name, share in one.moved_late[:TOLD]],
        }
        arrival = dict.fromkeys(QUANTILES, pd.NaT)
        if one.arrival_s is not None:
            moments = (zero + pd.to_timedelta(second, unit="s") for second in one.arrival_s)
            arrival = dict(zip(QUANTILES, moments, strict=True))
        rows.append(
            {
                **ids, "order_id": one.order_id, "moment": one.moment, "stops_before": one.stops_before, **arrival,
                "p_late": one.p_late, "p_failed": one.p_failed, "p_vehicle_issue": one.p_vehicle,
                "p_weather_or_road": one.p_weather, "p_exception": one.p_any, "factors": json.dumps(told),
                "model_version": stop["model_version"],
                "as_of": zero + pd.to_timedelta(round(one.as_of_s * 1e6), unit="us"),
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    for name in QUANTILES:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    frame["p_failed"] = frame["p_failed"].astype(float)
    return frame


__all__ = ["Rates", "Scored", "hazards_of", "score_day", "wrong_scores"]
