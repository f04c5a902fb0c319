"""What is compared: comparable rows of the twin and of one real set, their columns and figures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Subject:
    """One kind of row.

    Attributes:
        source: the real set it is read from.
        columns: numbers whose marginals are compared -> what they are, with the unit.
        features: what the classifier may look at.
        group: column whose rows stay together in cross-validation.
        logarithmic: columns compared on a log scale.
    """

    name: str
    title: str
    source: str
    columns: dict[str, str]
    features: tuple[str, ...]
    group: str
    logarithmic: tuple[str, ...] = ()


SUBJECTS = (
    Subject(
        "stops",
        "Stops of van routes",
        "amazon (Chicago, 8 August 2018)",
        {
            "service_s": "service at a stop, s",
            "parcels": "parcels a stop",
            "volume_l": "volume a stop, l",
            "stops_on_route": "stops a route",
            "route_service_h": "service a route, h",
        },
        ("service_s", "parcels", "volume_l", "windowed"),
        "route",
        ("service_s", "volume_l"),
    ),
    Subject(
        "legs",
        "Legs between stops",
        "amazon (Austin, driven sequences)",
        {"km": "leg, km", "kmh": "speed of legs of 1 km and more, km/h", "legs_on_route": "legs a route"},
        ("km", "kmh", "position", "previous_km"),
        "route",
        ("km",),
    ),
    Subject(
        "attempts",
        "First attempts by customer",
        "changshu (January to June 2024)",
        {"attempts_of_customer": "attempts a customer", "customer_rate": "failed share of a customer"},
        ("failed", "weekday", "slot", "failed_before", "attempts_before", "days_since"),
        "customer",
    ),
    Subject(
        "trips",
        "Speeds by hour",
        "sendy (Nairobi, motorcycles)",
        {"relative_speed": "speed over the median of its length"},
        ("relative_speed", "hour"),
        "courier",
        ("relative_speed",),
    ),
    Subject(
        "windows",
        "Service in and out of the window",
        "lade (pickups in three cities)",
        {
            "window_min": "length of the window, min",
            "place": "place of the service in its window (0 start, 1 end)",
            "per_hour": "stops an hour of a courier",
        },
        ("window_min", "place", "start_hour"),
        "courier",
    ),
)
BY_NAME = {one.name: one for one in SUBJECTS}

Rows = dict[str, pd.DataFrame]
"""Subject name -> rows."""

SLOTS = 7
"""Changshu numbers seven slots a day."""


def add_history(attempts: pd.DataFrame) -> pd.DataFrame:
    """What happened at a customer before, for rows sorted by customer and time."""
    by = attempts.groupby("customer", sort=False)
    before = by.cumcount()
    failures = by["failed"].cumsum() - attempts["failed"]
    return attempts.assign(
        attempts_before=before,
        failed_before=failures,
        failed_last=by["failed"].shift(),
        days_since=by["day"].diff().dt.days,
        attempts_of_customer=by["failed"].transform("size"),
        customer_rate=by["failed"].transform("mean"),
    )
