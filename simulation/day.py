"""Play a day: travel, waiting, service, failures by cause; out come events as a company would record them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from simulation.demand import local, rain_mm
from simulation.policy import CIRCUITY, NOMINAL_KMH, START_HOUR
from simulation.streams import stream
from simulation.world import World

HOURLY_SPEED = {7: 0.95, 8: 0.82, 9: 0.92, 12: 1.0, 15: 0.95, 16: 0.86, 17: 0.8, 18: 0.88, 19: 1.05, 20: 1.12}
OTHER_REASONS = ("address_wrong", "access_denied", "refused", "payment_or_id_missing")
PLAN_COLUMNS = ("route_id", "vehicle_id", "driver_id", "fleet_id", "depot_id", "sequence", "order_id")


@dataclass(frozen=True)
class _Truth:
    """Draws of a day that belong to orders and drivers, not to decisions: the same under every plan."""

    presence: dict[str, float]
    trouble: dict[str, float]
    reason: dict[str, int]
    service: dict[str, float]
    customer: dict[str, int]


def _truth(world: World, day: date, orders: pd.DataFrame) -> _Truth:
    ids = orders["order_id"].to_numpy()
    number = np.array([int(one[1:]) for one in orders["customer_id"]])
    seed = world.scenario.seed
    presence = stream(seed, "presence", day).random(len(ids))
    trouble = stream(seed, "trouble", day).random(len(ids))
    reason = stream(seed, "reason", day).integers(0, len(OTHER_REASONS), len(ids))
    noise = np.exp(stream(seed, "service", day).normal(0, 0.45, len(ids)))
    service = orders["service_s"].to_numpy() * world.customers.service_factor[number] * noise
    return _Truth(
        *(dict(zip(ids, values.tolist(), strict=True)) for values in (presence, trouble, reason, service, number))
    )


def check_plan(orders: pd.DataFrame, routes: pd.DataFrame, day: date) -> None:
    """Refuse a plan that cannot be of this day.

    Raises:
        InputError: unknown or repeated orders, a driver or vehicle on two routes, a missing column.
    """
    for column in PLAN_COLUMNS:
        if column not in routes.columns:
            raise InputError(f"plan of {day}: column {column!r} is missing")
    unknown = routes[~routes["order_id"].isin(set(orders["order_id"]))]
    if len(unknown):
        raise InputError(f"plan of {day}: order {unknown['order_id'].iloc[0]!r} is not of this day")
    twice = routes[routes["order_id"].duplicated()]
    if len(twice):
        raise InputError(f"plan of {day}: order {twice['order_id'].iloc[0]!r} is planned twice")
    for column in ("driver_id", "vehicle_id"):
        per = routes.dropna(subset=[column]).groupby(column)["route_id"].nunique()
        if (per > 1).any():
            raise InputError(f"plan of {day}: {column} {per[per > 1].index[0]!r} is on two routes")


def play(world: World, day: date, orders: pd.DataFrame, routes: pd.DataFrame) -> pd.DataFrame:
    """Events of the day under ``routes`` (see ``PLAN_COLUMNS``; ``arrival`` if the plan has times)."""
    check_plan(orders, routes, day)
    truth = _truth(world, day, orders)
    by_id = orders.set_index("order_id").to_dict("index")
    drivers = {driver.vehicle_id: driver for driver in world.drivers}
    rain = rain_mm(world, day)
    events: list[dict[str, Any]] = []
    for route_id, stops in routes.sort_values("sequence").groupby("route_id", sort=True):
        first = stops.iloc[0]
        driver = drivers.get(str(first["vehicle_id"]))
        pace = driver.pace if driver else 1.0
        events.extend(_play_route(world, day, str(route_id), stops, by_id, truth, pace, rain))
    return _recorded(world, day, pd.DataFrame(events))


def _play_route(
    world: World,
    day: date,
    route_id: str,
    stops: pd.DataFrame,
    by_id: dict[str, dict[str, Any]],
    truth: _Truth,
    pace: float,
    rain: float,
) -> list[dict[str, Any]]:
    zone = world.scenario.timezone
    first = stops.iloc[0]
    depot = int(str(first["depot_id"]).split("-")[1])
    mood = stream(world.scenario.seed, "mood", day, first["vehicle_id"])
    day_factor = float(np.exp(mood.normal(0, 0.07))) * pace * (1 + 0.04 * rain)
    legs = np.exp(mood.normal(0, 0.18, len(stops) + 1))
    breakdown = mood.random() < world.scenario.breakdown_rate
    breaks_after = int(mood.integers(1, max(2, len(stops))))
    base = {
        "service_date": day,
        "route_id": route_id,
        "depot_id": first["depot_id"],
        "fleet_id": first["fleet_id"],
        "vehicle_id": first["vehicle_id"],
        "driver_id": first["driver_id"],
    }
    planned_start = first["starts_at"] if "starts_at" in stops.columns else None
    clock = local(day, START_HOUR, zone) if planned_start is None else pd.Timestamp(planned_start)
    planned = clock
    lat, lon = float(world.depot_lat[depot]), float(world.depot_lon[depot])
    events = [{**base, "event_type": "route_started", "event_time": clock, "planned_time": planned}]
    for number, stop in enumerate(stops.itertuples()):
        order = by_id[stop.order_id]
        place = {
            "order_id": stop.order_id,
            "stop_id": f"{stop.order_id}-1",
            "attempt": 1,
            "lat": order["lat"],
            "lon": order["lon"],
        }
        km = CIRCUITY * 111.2 * float(np.hypot(order["lat"] - lat, (order["lon"] - lon) * 0.61))
        planned = max(planned + pd.Timedelta(seconds=60 + km / NOMINAL_KMH * 3600), order["window_start"])
        told = pd.Timestamp(stop.arrival) if "arrival" in stops.columns else planned
        hour = (clock - local(day, 0, zone)).total_seconds() / 3600
        speed = NOMINAL_KMH * HOURLY_SPEED.get(int(hour), 0.97)
        clock += pd.Timedelta(seconds=round((45 + km / speed * 3600) * day_factor * float(legs[number])))
        if breakdown and number >= breaks_after:
            events.append(
                {
                    **base,
                    **place,
                    "event_type": "attempt_failed",
                    "exception_class": "vehicle_issue",
                    "failure_reason": "breakdown",
                    "event_time": clock,
                    "planned_time": told,
                }
            )
            continue
        events.append({**base, **place, "event_type": "arrived", "event_time": clock, "planned_time": told})
        started = max(clock, order["window_start"])
        events.append({**base, **place, "event_type": "service_started", "event_time": started, "planned_time": told})
        late_h = max(0.0, (started - order["window_end"]).total_seconds() / 3600)
        events.append(
            {**base, **place, "planned_time": told, **_outcome(world, truth, stop.order_id, started, late_h, day)}
        )
        seconds = truth.service[stop.order_id] * (0.6 + 0.4 * pace)
        clock = started + pd.Timedelta(seconds=round(seconds))
        events[-1]["event_time"] = clock
        planned = planned + pd.Timedelta(seconds=int(order["service_s"]))
        lat, lon = order["lat"], order["lon"]
    events.append(
        {
            **base,
            "event_type": "route_ended",
            "event_time": clock + pd.Timedelta(minutes=20),
            "planned_time": planned + pd.Timedelta(minutes=20),
        }
    )
    return events


def _outcome(
    world: World, truth: _Truth, order_id: str, started: pd.Timestamp, late_h: float, day: date
) -> dict[str, Any]:
    """Absent by habit and hour, or some other trouble at the door, or delivered."""
    number = truth.customer[order_id]
    hour = (started - local(day, 0, world.scenario.timezone)).total_seconds() / 3600
    taste = float(world.customers.morning_person[number])
    absence = float(world.customers.absence[number])
    odds = absence / (1 - absence) * np.exp(0.5 * taste * (hour - 13) / 4 + 0.35 * late_h)
    if truth.presence[order_id] < odds / (1 + odds):
        return {
            "event_type": "attempt_failed",
            "exception_class": "customer_unavailable",
            "failure_reason": "recipient_absent",
        }
    if truth.trouble[order_id] < 0.15 * world.scenario.failed_share:
        return {
            "event_type": "attempt_failed",
            "exception_class": "failed_delivery",
            "failure_reason": OTHER_REASONS[truth.reason[order_id]],
        }
    return {"event_type": "delivered"}


def _recorded(world: World, day: date, events: pd.DataFrame) -> pd.DataFrame:
    """Ids, and the time each event became known: most within a minute, some scans hours later."""
    draw = stream(world.scenario.seed, "scans", day)
    events["event_id"] = [f"e{day:%Y%m%d}-{number:06d}" for number in range(len(events))]
    delay = np.where(
        draw.random(len(events)) < 0.03, draw.integers(3_600, 4 * 3_600, len(events)), draw.integers(1, 60, len(events))
    )
    events["ingest_time"] = events["event_time"] + pd.to_timedelta(delay, unit="s")
    events["retracted"] = False
    for name in ("exception_class", "failure_reason"):
        if name not in events.columns:
            events[name] = None
    return events
