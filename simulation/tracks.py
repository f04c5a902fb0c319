"""Where vans were: ``position`` events every so many seconds, noisy, late, with gaps, as a telematics box sends them.

Between two doors a van is taken to move evenly along the straight line; the search for the door is part of the leg.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from domain.errors import InputError
from simulation.batch import NOT_BEGUN, DayLog
from simulation.columns import coded, moments, numbered
from simulation.setup import DaySetup
from simulation.streams import Floats, Integers, normals, uniforms
from simulation.world import KM_PER_DEGREE

GAP_SHARE = 0.3
"""Positions that are never sent (LaDe: 28 to 43 % of the positions are empty)."""


def positions_frame(setup: DaySetup, log: DayLog, every_s: int) -> pd.DataFrame:
    """Positions of all vans every ``every_s`` seconds while under way, in the columns of ``raw.delivery_events``.

    Raises:
        InputError: ``every_s`` is below 1.
    """
    if every_s < 1:
        raise InputError(f"positions: every_s must be at least 1, is {every_s}")
    route, second, lat, lon = _places(setup, log, every_s)
    seed, day, law = setup.world.scenario.seed, setup.orders.day, setup.world.scenario.recording
    vehicle = setup.plan.vehicle[route] if len(route) else route
    # one draw a vehicle and second: the same noise whatever the plan
    keys = vehicle * 200_000 + second
    sent = uniforms(seed, "position gap", day, keys=keys) >= GAP_SHARE
    route, second, vehicle, keys = route[sent], second[sent], vehicle[sent], keys[sent]
    city = setup.world.places.depot_city[setup.plan.depot[route]] if len(route) else route
    north, east = (law.gps_noise_m / 1_000 * normals(seed, "position", side, day, keys=keys) for side in (0, 1))
    known = second + 1 + np.floor(30 * uniforms(seed, "position delay", day, keys=keys)).astype(np.int64)
    drivers = setup.world.drivers
    fleets = setup.world.scenario.fleets
    names = [fleets[drivers[one].fleet].fleet_id for one in setup.plan.vehicle.tolist()]
    frame = pd.DataFrame(
        {
            "event_id": numbered(f"p{day:%Y%m%d}-", keys, 12),
            "service_date": np.full(len(route), day, dtype=object),
            "event_type": coded(["position"], np.zeros(len(route), dtype=np.int64)),
            "route_id": coded(list(setup.plan.route_ids), route),
            "depot_id": coded(
                [f"depot-{one}" for one in range(len(setup.world.places.depot_city))],
                setup.plan.depot[route] if len(route) else route,
            ),
            "fleet_id": coded(names, route),
            "vehicle_id": coded([drivers[one].vehicle_id for one in setup.plan.vehicle.tolist()], route),
            "driver_id": coded(list(setup.plan.driver_ids), route),
            "lat": np.round(lat[sent] + north / KM_PER_DEGREE, 6),
            "lon": np.round(lon[sent] + east / setup.world.places.km_per_lon[city], 6),
            "event_time": moments(setup.orders.origin, second),
            "ingest_time": moments(setup.orders.origin, known),
            "retracted": np.zeros(len(route), dtype=bool),
        }
    )
    return frame.iloc[np.lexsort((keys, known))].reset_index(drop=True)


def _places(setup: DaySetup, log: DayLog, every_s: int) -> tuple[Integers, Integers, Floats, Floats]:
    """Route, second and place of every ping."""
    places, orders = setup.world.places, setup.orders
    found: list[tuple[Integers, Integers, Floats, Floats]] = []
    for route in np.flatnonzero(log.route_start_s != NOT_BEGUN).tolist():
        rows = np.flatnonzero((log.route == route) & log.went)
        rows = rows[np.argsort(log.arrive_s[rows], kind="stable")]
        depot, order = setup.plan.depot[route], log.order[rows]
        begin, end = int(log.route_start_s[route]), int(log.route_end_s[route])
        # corners of the path: leave the depot, reach and leave each door, reach the depot
        times = np.concatenate([[begin], np.stack([log.arrive_s[rows], log.end_s[rows]], axis=1).ravel(), [end]])
        lat, lon = (
            np.concatenate([[home[depot]], np.repeat(door[order], 2), [home[depot]]])
            for home, door in ((places.depot_lat, orders.lat), (places.depot_lon, orders.lon))
        )
        pings = np.arange(begin, end + 1, every_s, dtype=np.int64)
        which = np.full(len(pings), route, dtype=np.int64)
        found.append((which, pings, np.interp(pings, times, lat), np.interp(pings, times, lon)))
    if not found:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty(0), np.empty(0)
    route_of, seconds, lats, lons = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return route_of, seconds, lats, lons
