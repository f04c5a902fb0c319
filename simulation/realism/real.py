"""Comparable rows from real sets, where their folders are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from domain.errors import InputError
from simulation.realism.subjects import BY_NAME, Rows, add_history

LEAST_SENDY_S = 60
"""Sendy: shorter trips are errors at the button."""
TRIP_EDGES = (0.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 1_000.0)
LEAST_STOPS = 5
"""LaDe: a courier's pace is read from days with at least this many stops."""
CHICAGO, AUSTIN = "amazon/chicago_2018-08-08/customers.csv", "amazon/austin_driven_sequences.csv"
FILES = {
    "stops": CHICAGO,
    "legs": AUSTIN,
    "attempts": "changshu/deliveries.parquet",
    "trips": "sendy/deliveries.csv",
    "windows": "lade/pickups.csv",
}


def read_real(folder: Path) -> Rows:
    """Rows of every subject whose file is below ``folder``.

    Raises:
        InputError: none of the files is there, or one is not what it should be.
    """
    found = {name: folder / path for name, path in FILES.items() if (folder / path).is_file()}
    if not found:
        raise InputError(f"{folder}: holds none of {', '.join(FILES.values())}")
    readers = {"stops": _stops, "legs": _legs, "attempts": _attempts, "trips": _trips, "windows": _windows}
    rows = {}
    for name, path in found.items():
        try:
            rows[name] = readers[name](path)
        except (KeyError, ValueError, OSError) as error:
            raise InputError(f"{path}: is not the {BY_NAME[name].source} file: {error}") from error
    return rows


def _stops(path: Path) -> pd.DataFrame:
    parcels = pd.read_csv(path, keep_default_na=False)  # a stop is called "NA"
    for column in ("service_duration", "demand"):
        parcels[column] = pd.to_numeric(parcels[column])
    parcels["windowed"] = parcels["dropoff_tw_start"] != ""
    parcels["route"] = parcels["depot_id"] + parcels["vehicle_id"]
    stops = parcels.groupby(["route", "stop_id"], sort=False).agg(
        parcels=("customer_id", "size"),
        service_s=("service_duration", "sum"),
        volume_l=("demand", lambda one: one.sum() / 1_000),
        windowed=("windowed", "any"),
    )
    return with_routes(stops.reset_index())


def with_routes(stops: pd.DataFrame) -> pd.DataFrame:
    """Sums over the route beside each stop; service to the second, as a scan has it."""
    by = stops.groupby("route")
    return stops.assign(
        service_s=stops["service_s"].round(),
        windowed=stops["windowed"].astype(float),
        stops_on_route=by["parcels"].transform("size"),
        route_service_h=by["service_s"].transform("sum") / 3_600,
    )


def _legs(path: Path) -> pd.DataFrame:
    driven = pd.read_csv(path, keep_default_na=False)
    driven = driven.rename(columns={"distance_to_next_stop(km)": "km", "duration(min)": "minutes"})
    return with_positions(driven[["route", "km", "minutes"]].astype({"km": float, "minutes": float}))


def with_positions(legs: pd.DataFrame) -> pd.DataFrame:
    """Place on the route (0 to 1) and the leg before; legs to and from the depot are apart (``depot_leg``).

    Austin's first and last legs of a route are those of the depot; its minutes are whole, so that speed is read from
    legs of a kilometre and more.
    """
    by = legs.groupby("route", sort=False)
    number, count = by.cumcount(), by["km"].transform("size")
    return legs.assign(
        position=number / (count - 1).clip(lower=1),
        kmh=(legs["km"] / legs["minutes"].clip(lower=0.5) * 60).where(legs["km"] >= 1),
        depot_leg=(number == 0) | (number == count - 1),
        previous_km=by["km"].shift().fillna(-1.0),
        legs_on_route=count,
    )


def _attempts(path: Path) -> pd.DataFrame:
    parcels = pd.read_parquet(path).reset_index(names="row")
    attempts = pd.DataFrame(
        {
            "customer": parcels["user_id"],
            "day": pd.to_datetime(parcels["arrival_date"]),
            "slot": parcels["arrival_slot"].astype(int),
            "failed": parcels["is_redelivered"].astype(bool),
            "row": parcels["row"],
        }
    ).sort_values(["customer", "day", "row"], ignore_index=True)
    return add_history(attempts.assign(weekday=attempts["day"].dt.weekday))


def _trips(path: Path) -> pd.DataFrame:
    trips = pd.read_csv(path)
    seconds, km = trips["Time from Pickup to Arrival"], trips["Distance (KM)"]
    picked = pd.to_datetime(trips["Pickup - Time"], format="%I:%M:%S %p")
    rows = pd.DataFrame(
        {"courier": trips["Rider Id"], "hour": picked.dt.hour, "km": km.astype(float), "kmh": km / seconds * 3_600}
    )
    return relative(rows[(seconds >= LEAST_SENDY_S) & (km > 0) & (rows["hour"] >= 8) & (rows["hour"] <= 19)])


def relative(trips: pd.DataFrame) -> pd.DataFrame:
    """Speeds over the median of trips of that length in the same set: the level is taken out, the day's shape stays."""
    band = pd.cut(trips["km"], TRIP_EDGES)
    usual = trips.groupby(band, observed=True)["kmh"].transform("median")
    return trips.assign(relative_speed=trips["kmh"] / usual).reset_index(drop=True)


def _windows(path: Path) -> pd.DataFrame:
    pickups = pd.read_csv(path)
    times = {
        name: pd.to_datetime("2021-" + pickups[name], format="%Y-%m-%d %H:%M:%S", errors="coerce")
        for name in ("time_window_start", "time_window_end", "pickup_time")
    }
    opens, closes, done = times["time_window_start"], times["time_window_end"], times["pickup_time"]
    who = [pickups[name].astype(str) for name in ("source_city", "ds", "courier_id")]
    rows = pd.DataFrame(
        {
            "courier": who[0] + "-" + who[1] + "-" + who[2],
            "window_min": (closes - opens).dt.total_seconds() / 60,
            "place": (done - opens) / (closes - opens),
            "start_hour": opens.dt.hour,
            "done_s": (done - done.min()).dt.total_seconds(),
        }
    )
    return with_pace(rows.dropna())


def with_pace(rows: pd.DataFrame) -> pd.DataFrame:
    """Stops an hour between a courier's first and last, for those with several."""
    by = rows.groupby("courier")
    count = by["place"].transform("size")
    hours = (by["done_s"].transform("max") - by["done_s"].transform("min")) / 3_600
    per_hour = (count - 1) / hours.where(hours > 0)
    return rows.assign(
        late=rows["place"] > 1,
        early=rows["place"] < 0,
        stops_of_courier=count,
        per_hour=per_hour.where(count >= LEAST_STOPS, np.nan),
    ).reset_index(drop=True)
