"""Lockers near orders: which one could be offered, which has room."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd

from operations.answers import Locker
from orchestration.lake import Lake

WALK_M = 1_500
"""Nobody is offered a locker farther from the door than this, as the crow flies."""
M_PER_DEGREE = 111_200.0


def known_lockers(lake: Lake, source: str) -> pd.DataFrame:
    """The newest version of each locker of a source, by id."""
    return lake.query(
        """
        select locker_id, coalesce(name, locker_id) as name, lat, lon, capacity_parcels from raw.lockers
        where source = ? qualify row_number() over (partition by locker_id order by ingest_time desc, file_id desc) = 1
            and not retracted order by locker_id
        """,
        [source],
    )


def taken(lake: Lake, source: str, day: date) -> Counter[str]:
    """Parcels that are on their way to each locker on a date."""
    rows = lake.query(
        """
        select json_extract_string(attributes, '$.place') as place, sum(coalesce(parcels, 1)) as parcels from (
            select * from raw.orders where source = ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ) where service_date = ? and not retracted and json_extract_string(attributes, '$.destination') = 'locker'
        group by 1
        """,
        [source, day],
    )
    return Counter({str(one.place): int(one.parcels) for one in rows.itertuples()})


def nearest_lockers(lake: Lake, source: str, day: date, stops: pd.DataFrame) -> dict[str, Locker]:
    """The nearest locker with room of each stop (``order_id``, ``lat``, ``lon``) that has one near."""
    lockers = known_lockers(lake, source)
    if lockers.empty or stops.empty:
        return {}
    used = taken(lake, source, day)
    full = [
        not pd.isna(one.capacity_parcels) and used[one.locker_id] >= one.capacity_parcels
        for one in lockers.itertuples()
    ]
    lockers = lockers[~np.array(full, dtype=bool)].reset_index(drop=True)
    placed = stops[stops["lat"].notna() & stops["lon"].notna()]
    if lockers.empty or placed.empty:
        return {}
    lat, lon = placed["lat"].to_numpy(float), placed["lon"].to_numpy(float)
    north = lat[:, None] - lockers["lat"].to_numpy(float)[None, :]
    east = (lon[:, None] - lockers["lon"].to_numpy(float)[None, :]) * np.cos(np.radians(lat))[:, None]
    metres = M_PER_DEGREE * np.hypot(north, east)
    best = metres.argmin(axis=1)
    found = {}
    for row, (order_id, column) in enumerate(zip(placed["order_id"], best.tolist(), strict=True)):
        if metres[row, column] <= WALK_M:
            one = lockers.iloc[column]
            found[str(order_id)] = Locker(str(one["locker_id"]), str(one["name"]), int(metres[row, column]))
    return found
