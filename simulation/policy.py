"""The city's own dispatcher of the days before anyone plans for it: sweep by angle, then by time and window."""

from __future__ import annotations

import numpy as np
import pandas as pd

from domain.codes import ControlMode, FleetKind
from simulation.columns import coded, moments, texts
from simulation.demand import DayOrders
from simulation.fates import draw_absences
from simulation.setup import roads_of
from simulation.streams import Integers, uniforms
from simulation.world import KM_PER_DEGREE, Driver, World

OPTIMISM = 0.5
"""The dispatcher thinks in half of the time that driving and doors take: a bad habit of real dispatching."""
OWN_FIRST = 0.3
"""How far own vans come before carriers in the dispatcher's daily order (of a draw from 0 to 1)."""


def crew_of(world: World, orders: DayOrders) -> list[Driver]:
    """Drivers on the roster of a date in the order in which the dispatcher calls them."""
    absent = draw_absences(world, orders.day).absent
    turn = uniforms(world.scenario.seed, "turn", orders.day, keys=len(world.drivers))
    hired = np.array([world.scenario.fleets[one.fleet].kind != FleetKind.CAPTIVE for one in world.drivers])
    called = np.argsort(turn + OWN_FIRST * hired, kind="stable")
    return [world.drivers[number] for number in called.tolist() if not absent[number]]


def baseline_routes(world: World, orders: DayOrders) -> pd.DataFrame:
    """Routes for all orders of a date, own vans before carriers (``plans.PLAN_COLUMNS`` and ``starts_at``)."""
    crew = [
        one
        for one in crew_of(world, orders)
        if world.scenario.fleets[one.fleet].control_mode is not ControlMode.TENDERED_ORDER
    ]
    parts = [_depot_routes(world, orders, crew, depot) for depot in range(len(world.places.depot_city))]
    stops = np.concatenate([one[0] for one in parts])
    drivers = np.concatenate([one[1] for one in parts])
    sequence = np.concatenate([one[2] for one in parts])
    vehicles = [one.vehicle_id for one in world.drivers]
    fleets = [world.scenario.fleets[one.fleet] for one in world.drivers]
    starts = np.array([one.starts * 3_600 for one in fleets], dtype=np.int64)
    return pd.DataFrame(
        {
            "route_id": coded([f"r-{orders.day}-{one}" for one in vehicles], drivers),
            "vehicle_id": coded(vehicles, drivers),
            "driver_id": coded([one.driver_id for one in world.drivers], drivers),
            "fleet_id": coded([one.fleet_id for one in fleets], drivers),
            "depot_id": coded([f"depot-{one}" for one in range(len(world.places.depot_city))], orders.depot[stops]),
            "sequence": sequence,
            "order_id": texts(orders.order_ids(), stops),
            "starts_at": moments(orders.origin, starts[drivers]),
        }
    )


def _depot_routes(
    world: World, orders: DayOrders, crew: list[Driver], depot: int
) -> tuple[Integers, Integers, Integers]:
    mine = np.flatnonzero(orders.depot == depot)
    own = [one for one in crew if one.depot == depot]
    if not len(mine) or not own:
        return (np.empty(0, dtype=np.int64),) * 3
    wanted = min(len(own), -(-len(mine) // world.scenario.stops_per_route))
    per_lon = world.places.km_per_lon[world.places.depot_city[depot]]
    east = (orders.lon[mine] - world.places.depot_lon[depot]) * per_lon
    north = (orders.lat[mine] - world.places.depot_lat[depot]) * KM_PER_DEGREE
    turn = np.argsort(np.arctan2(north, east), kind="stable")
    shares = np.array_split(turn, wanted)
    length = len(shares[0])
    table = np.full((wanted, length), -1, dtype=np.int64)
    for row, share in enumerate(shares):
        table[row, : len(share)] = share
    drivers = np.array([one.number for one in own[:wanted]], dtype=np.int64)
    starts = np.array([world.scenario.fleets[one.fleet].starts * 3_600 for one in own[:wanted]], dtype=np.int64)
    picked = _next_best(world, orders, mine, table, depot, starts)
    filled = picked >= 0
    return (
        mine[picked[filled]],
        np.broadcast_to(drivers[:, None], table.shape)[filled],
        np.broadcast_to(np.arange(1, length + 1), table.shape)[filled],
    )


def _next_best(
    world: World, orders: DayOrders, mine: Integers, table: Integers, depot: int, start: Integers
) -> Integers:
    """All routes at once: next is the stop that can begin first."""
    rows, length = table.shape
    roads, city = roads_of(world), int(world.places.depot_city[depot])
    east = (orders.lon[mine] - world.places.depot_lon[depot]) * world.places.km_per_lon[city] * roads.circuity[city]
    north = (orders.lat[mine] - world.places.depot_lat[depot]) * KM_PER_DEGREE * roads.circuity[city]
    x, y = east[table], north[table]
    opens = orders.window_start_s[mine][table]
    service = orders.service_s[mine][table]
    open_stop = table >= 0
    here_x, here_y, clock = np.zeros(rows), np.zeros(rows), start.astype(np.float64)
    picked = np.full_like(table, -1)
    every = np.arange(rows)
    pace, access = roads.near_s_per_km[city], roads.access_s[city]
    for step in range(length):
        drive = OPTIMISM * access + OPTIMISM * pace * np.sqrt((x - here_x[:, None]) ** 2 + (y - here_y[:, None]) ** 2)
        begins = np.maximum(opens, clock[:, None] + drive)
        cost = np.where(open_stop, begins, np.inf)
        best = cost.argmin(axis=1)
        left = open_stop[every, best]
        chosen, which = every[left], best[left]
        picked[chosen, step] = table[chosen, which]
        open_stop[chosen, which] = False
        here_x[chosen], here_y[chosen] = x[chosen, which], y[chosen, which]
        clock[chosen] = begins[chosen, which] + OPTIMISM * service[chosen, which]
    return picked
