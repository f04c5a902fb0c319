"""What a day may still bring, from the lake: orders of the past weeks that became known on their own day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from operations.state import Coming
from orchestration.lake import Lake
from solvers.problem import DELIVERY, PlanningProblem, Window

HISTORY_DAYS = 28
MOST_EXAMPLES = 200
HOUR_S = 3_600


def orders_of_their_day(lake: Lake, source: str, service_date: date, midnight: datetime) -> tuple[pd.DataFrame, int]:
    """Orders of the last four weeks that were asked for on the day they were for, and the number of days with orders.

    Columns: ``second`` of the day at which each was asked for, ``ends`` (its window's end, on the same clock), ``lat``,
    ``lon``. Only what was known before ``midnight`` counts.
    """
    rows = lake.query(
        """
        select service_date, min(event_time) as asked, max_by(window_end, ingest_time) as window_end,
               max_by(lat, ingest_time) as lat, max_by(lon, ingest_time) as lon,
               max_by(retracted, ingest_time) as retracted, max_by(kind, ingest_time) as kind
        from raw.orders
        where source = ? and service_date >= ? and service_date < ? and ingest_time < ?
        group by service_date, order_id order by service_date, asked, order_id
        """,
        [source, service_date - timedelta(days=HISTORY_DAYS), service_date, midnight],
    )
    days = int(rows["service_date"].nunique())
    rows = rows[~rows["retracted"].astype(bool) & (rows["kind"] == DELIVERY)]
    rows = rows.dropna(subset=["asked", "window_end", "lat", "lon"])
    starts = pd.to_datetime(rows["service_date"]).dt.tz_localize(midnight.tzinfo)
    asked = (pd.to_datetime(rows["asked"], utc=True) - starts).dt.total_seconds()
    ends = (pd.to_datetime(rows["window_end"], utc=True) - starts).dt.total_seconds()
    found = pd.DataFrame({"second": asked, "ends": ends, "lat": rows["lat"], "lon": rows["lon"]})
    return found[(found["second"] >= 0) & (found["ends"] > found["second"])].astype(float), days


def coming_of(
    past: pd.DataFrame, days: int, problem: PlanningProblem, places: tuple[tuple[int, int], ...]
) -> Coming | None:
    """Rates by hour, and examples: each is the nearest order of the day with the time that there was for it.

    Args:
        past: as ``orders_of_their_day`` gives them, of ``days`` days; None comes of none.
        places: latitude and longitude in millionths of a degree by row of the matrices.
    """
    if past.empty or days <= 0 or not problem.orders:
        return None
    hours = np.minimum(past["second"].to_numpy() // HOUR_S, 23).astype(int)
    rates = tuple(float(one) / days for one in np.bincount(hours, minlength=24))
    where = np.array([places[one.location] for one in problem.orders]) / 1e6
    shrink = np.cos(np.radians(where[:, 0].mean()))
    examples = []
    step = max(1, -(-len(past) // MOST_EXAMPLES))
    for number, row in enumerate(past.iloc[::step].itertuples()):
        apart = (where[:, 0] - float(row.lat)) ** 2 + ((where[:, 1] - float(row.lon)) * shrink) ** 2
        like = problem.orders[int(apart.argmin())]
        window = (Window(0, int(float(row.ends) - float(row.second))),)
        examples.append(replace(like, order_id=f"example-{number}", windows=window))
    return Coming(rates, tuple(examples))
