"""Comparable rows from days of the twin."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta

import numpy as np
import pandas as pd

from domain.codes import FleetKind
from simulation.city import City
from simulation.doors import CODE
from simulation.play import DayResult
from simulation.realism.real import relative, with_pace, with_positions, with_routes
from simulation.realism.subjects import SLOTS, Rows, add_history
from simulation.schema import Scenario

FIRST_DAY = date(2026, 3, 2)
ATTEMPTS_A_CUSTOMER = 30
"""As many as Changshu's customers have: shares over customers depend on how often each was visited."""
NOT_ATTEMPTS = (CODE["cancelled"], CODE["rescheduled"], CODE["missing"])


def play_rows(
    scenario: Scenario, days: int, subjects: Collection[str], progress: Callable[[date], None] | None = None
) -> Rows:
    """Rows of ``subjects`` from ``days`` days as the city's own dispatcher runs them."""
    city = City(scenario)
    parts: dict[str, list[pd.DataFrame]] = {}
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        played = city.play_day(day, city.baseline_plan(day))
        for name, rows in _day_rows(played).items():
            if name in subjects:
                parts.setdefault(name, []).append(rows)
        if progress:
            progress(day)
    finish: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "attempts": _in_time,
        "stops": with_routes,
        "trips": relative,
        "windows": with_pace,
    }
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    return {name: finish[name](rows) if name in finish else rows for name, rows in joined.items()}


def densely_visited(scenario: Scenario, days: int) -> Scenario:
    """The same law for as many customers as get ``ATTEMPTS_A_CUSTOMER`` visits in ``days``."""
    count = max(50, scenario.demand.orders_per_day * days // ATTEMPTS_A_CUSTOMER)
    return scenario.model_copy(update={"customers": scenario.customers.model_copy(update={"count": count})})


def _in_time(attempts: pd.DataFrame) -> pd.DataFrame:
    return add_history(attempts.sort_values(["customer", "day"], ignore_index=True, kind="stable"))


def _day_rows(played: DayResult) -> Rows:
    log, orders, setup = played.log, played.setup.orders, played.setup
    day = pd.Timestamp(orders.day)
    fleets = setup.world.scenario.fleets
    kind = np.array([fleets[setup.world.drivers[one].fleet].kind for one in setup.plan.vehicle.tolist()], dtype=object)
    van = (kind != FleetKind.GIG)[log.route] if len(kind) else np.zeros(0, dtype=bool)
    went = log.went
    names = np.array([f"{orders.day}-{number}" for number in range(len(setup.plan.route_ids))], dtype=object)[log.route]
    order = log.order
    delivered = went & (log.code == 0) & van
    stops = pd.DataFrame(
        {
            "route": names[delivered],
            "parcels": orders.parcels[order][delivered],
            "service_s": (log.end_s - log.start_s)[delivered],
            "volume_l": orders.volume_ml[order][delivered] / 1_000,
            "windowed": orders.windowed[order][delivered],
        }
    )
    tried = ~np.isin(log.code, NOT_ATTEMPTS) & (log.attempt == 1)
    moment = np.where(went, log.start_s, log.told_s)
    slot = np.clip((moment / 3_600 - 8) / 12 * SLOTS, 0, SLOTS - 1).astype(int)
    attempts = pd.DataFrame(
        {
            "customer": orders.customer[order][tried],
            "day": day,
            "slot": slot[tried],
            "failed": ((log.code != 0) & (log.code != CODE["diverted"]))[tried],
            "weekday": orders.day.weekday(),
        }
    )
    windowed = went & orders.windowed[order]
    opens, closes = orders.window_start_s[order], orders.window_end_s[order]
    windows = pd.DataFrame(
        {
            "courier": names[windowed],
            "window_min": ((closes - opens) / 60)[windowed],
            "place": ((log.start_s - opens) / (closes - opens))[windowed],
            "start_hour": (opens // 3_600)[windowed],
            "done_s": log.end_s[windowed],
        }
    )
    legs, trips = _legs(played, names)
    return {"stops": stops, "legs": legs, "attempts": attempts, "trips": trips, "windows": windows}


def _legs(played: DayResult, names: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Legs with seconds from the end of one stop to arrival at the next; the leg home closes a route."""
    log = played.log
    went = np.flatnonzero(log.went)
    route = log.route[went]
    first = np.concatenate([[True], route[1:] != route[:-1]]) if len(route) else np.zeros(0, dtype=bool)
    left = np.where(first, log.route_start_s[route], np.concatenate([[0], log.end_s[went][:-1]]))
    order, setup = log.order[went], played.setup
    # Austin's minutes are a road engine's for the driven sequence: without the search for the door
    known = setup.world.familiarity[setup.plan.driver[route], setup.orders.quarter[order]]
    seconds = log.arrive_s[went] - left - setup.doors.search_s[order] * (1.2 - known)
    km = log.leg_m[went] / 1_000
    last = np.concatenate([first[1:], [True]]) if len(route) else first
    home = route[last]
    driven = np.bincount(route, weights=log.leg_m[went], minlength=len(log.route_m))
    home_km = (log.route_m - driven)[home] / 1_000
    home_s = log.route_end_s[home] - log.end_s[went][last]
    legs = pd.DataFrame(
        {
            "route": np.concatenate([names[went], names[went][last]]),
            "place": np.concatenate([went, went[last] + 0.5]),
            "km": np.concatenate([km, home_km]),
            "seconds": np.concatenate([seconds, home_s]).astype(float),
        }
    ).sort_values("place", ignore_index=True)
    legs["minutes"] = legs["seconds"] / 60
    trips = pd.DataFrame(
        {
            "courier": names[went],
            "hour": np.minimum(left // 3_600, 23),
            "km": km,
            "kmh": km / np.maximum(seconds, 1) * 3_600,
        }
    )
    trips = trips[(trips["km"] >= 1) & (trips["hour"] >= 8) & (trips["hour"] <= 19)]
    return with_positions(legs[["route", "km", "minutes"]]), trips
