"""What a service date asks for, and the weather it happens in."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from simulation.streams import stream
from simulation.world import SLOTS, World

WEEKDAY_FACTOR = (1.08, 1.04, 1.0, 1.02, 1.1, 0.86, 0.6)


def local(day: date, hours: float, zone: str) -> pd.Timestamp:
    """A local time of day as UTC."""
    return pd.Timestamp(datetime.combine(day, time(), ZoneInfo(zone))).tz_convert("UTC") + pd.Timedelta(hours=hours)


def orders_of(world: World, day: date) -> pd.DataFrame:
    """Orders of a service date in canonical columns; created over the two days before, known within minutes."""
    scenario = world.scenario
    draw = stream(scenario.seed, "demand", day)
    season = 1 + 0.08 * np.sin(2 * np.pi * day.timetuple().tm_yday / 365)
    wanted = scenario.orders_per_day * WEEKDAY_FACTOR[day.weekday()] * season
    count = min(int(draw.poisson(wanted)), scenario.customers)
    people = world.customers
    weights = people.appetite / people.appetite.sum()
    who = np.sort(draw.choice(scenario.customers, size=count, replace=False, p=weights))
    slot = draw.integers(0, len(SLOTS), count)
    windowed = draw.random(count) < scenario.window_share
    starts = np.where(windowed, np.array([one[0] for one in SLOTS])[slot], 8)
    ends = np.where(windowed, np.array([one[1] for one in SLOTS])[slot], 20)
    parcels = 1 + draw.poisson(0.6, count)
    midnight = local(day, 0, scenario.timezone)
    created = local(day, 0, scenario.timezone) - pd.to_timedelta(draw.integers(6 * 3600, 40 * 3600, count), unit="s")
    zones = people.zone[who]
    return pd.DataFrame(
        {
            "order_id": [f"o{day:%Y%m%d}-{number:05d}" for number in range(count)],
            "service_date": day,
            "kind": "delivery",
            "tenant_id": np.char.add("t", draw.integers(0, scenario.tenants, count).astype(str)),
            "customer_id": people.ids[who],
            "address_id": np.char.add("a", who.astype(str)),
            "depot_id": np.char.add("depot-", people.depot[who].astype(str)),
            "zone_id": zones,
            "lat": people.lat[who],
            "lon": people.lon[who],
            "window_start": midnight + pd.to_timedelta(starts * 3600, unit="s"),
            "window_end": midnight + pd.to_timedelta(ends * 3600, unit="s"),
            "service_s": 60 + 45 * parcels,
            "mass_g": (np.exp(draw.normal(7.6, 0.9, count)) * parcels).astype(np.int64),
            "volume_ml": (np.exp(draw.normal(8.6, 0.8, count)) * parcels).astype(np.int64),
            "parcels": parcels,
            "required_certifications": np.where(draw.random(count) < scenario.certified_share, "age_check", None),
            "event_time": created,
            "ingest_time": created + pd.to_timedelta(draw.integers(5, 600, count), unit="s"),
            "retracted": False,
        }
    )


def rain_mm(world: World, day: date) -> float:
    """Mean rain of a day in millimetres an hour; the same whatever is decided."""
    draw = stream(world.scenario.seed, "rain", day)
    return float(draw.gamma(1.2, 1.1)) if draw.random() < world.scenario.rain_share else 0.0


def weather_of(world: World, day: date) -> pd.DataFrame:
    """Forecasts (issued at 17:00 the evening before, with an error) and observations, by depot and hour."""
    scenario = world.scenario
    draw = stream(scenario.seed, "weather", day)
    rain = rain_mm(world, day)
    rows = []
    for depot in range(world.scenario.depots):
        for hour in range(7, 22):
            target = local(day, hour, scenario.timezone)
            warmth = 12 + 9 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 100) / 365) + 3 * np.sin((hour - 9) / 4)
            issued = local(day - timedelta(days=1), 17, scenario.timezone)
            for event, error in ((issued, 1.0), (target, 0.0)):
                rows.append(
                    {
                        "depot_id": f"depot-{depot}",
                        "target_time": target,
                        "temperature_c": round(float(warmth + error * draw.normal(0, 1.5)), 1),
                        "precipitation_mm": round(max(0.0, rain * float(np.exp(error * draw.normal(0, 0.5)))), 2),
                        "wind_ms": round(float(draw.gamma(4, 1.2)), 1),
                        "event_time": event,
                        "ingest_time": event + pd.Timedelta(minutes=5),
                        "retracted": False,
                    }
                )
    return pd.DataFrame(rows)
