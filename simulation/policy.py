"""The city's own dispatcher of the days before anyone plans for it: sweep by angle, then by slot and nearness."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.world import World

NOMINAL_KMH = 24.0
CIRCUITY = 1.35
START_HOUR = 8


def baseline_routes(world: World, orders: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Routes for ``orders``: columns route_id, vehicle_id, driver_id, fleet_id, depot_id, sequence, order_id."""
    parts = []
    for depot_number in range(world.scenario.depots):
        depot = f"depot-{depot_number}"
        mine = orders[orders["depot_id"] == depot]
        crew = drivers[drivers["depot_id"] == depot].reset_index(drop=True)
        if mine.empty or crew.empty:
            continue
        east = (mine["lon"].to_numpy() - world.depot_lon[depot_number]) * 0.61
        north = mine["lat"].to_numpy() - world.depot_lat[depot_number]
        turn = np.argsort(np.arctan2(north, east), kind="stable")
        share = np.array_split(turn, len(crew))
        parts.extend(
            _one_route(mine.iloc[rows], crew.iloc[number], depot) for number, rows in enumerate(share) if len(rows)
        )
    columns = ["route_id", "vehicle_id", "driver_id", "fleet_id", "depot_id", "sequence", "order_id"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _one_route(orders: pd.DataFrame, driver: pd.Series, depot: str) -> pd.DataFrame:
    lat, lon = orders["lat"].to_numpy(), orders["lon"].to_numpy() * 0.61
    due = (orders["window_end"] - orders["window_end"].min()).dt.total_seconds().to_numpy()
    left, here, sequence = set(range(len(orders))), 0, []
    while left:
        rest = np.fromiter(sorted(left), int)
        # nearest first, but a window that ends an hour earlier is worth a detour of about a kilometre
        cost = np.hypot(lat[rest] - lat[here], lon[rest] - lon[here]) * 111.2 + due[rest] / 3_600
        here = int(rest[cost.argmin()])
        left.remove(here)
        sequence.append(here)
    ids = orders["order_id"].to_numpy()[sequence]
    return pd.DataFrame(
        {
            "route_id": f"r-{orders['service_date'].iloc[0]}-{driver['vehicle_id']}",
            "vehicle_id": driver["vehicle_id"],
            "driver_id": driver["driver_id"],
            "fleet_id": driver["fleet_id"],
            "depot_id": depot,
            "sequence": range(1, len(ids) + 1),
            "order_id": ids,
        }
    )
