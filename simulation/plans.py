"""A plan as the world reads it: checked, then arrays."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from domain.errors import InputError
from simulation.demand import DayOrders
from simulation.streams import Integers
from simulation.world import World

PLAN_COLUMNS = ("route_id", "vehicle_id", "driver_id", "fleet_id", "depot_id", "sequence", "order_id")
"""Columns a plan must have; ``starts_at`` (departure) and ``arrival`` (promised) are used where they are there."""


@dataclass(frozen=True)
class DayPlan:
    """Routes in order of their id; ``stops[offsets[r]:offsets[r + 1]]`` are the order numbers of route ``r``.

    ``starts_s`` and ``told_s`` are -1 where the plan does not say.
    """

    route_ids: tuple[str, ...]
    vehicle: Integers
    driver: Integers
    driver_ids: tuple[str | None, ...]
    depot: Integers
    starts_s: Integers
    stops: Integers
    offsets: Integers
    told_s: Integers

    @property
    def lengths(self) -> Integers:
        """Stops a route."""
        return np.diff(self.offsets)

    @property
    def route_of_stop(self) -> Integers:
        """Route number of each entry of ``stops``."""
        return np.repeat(np.arange(len(self.route_ids)), self.lengths)


def read_plan(world: World, orders: DayOrders, frame: pd.DataFrame) -> DayPlan:
    """Check a plan and turn it into arrays.

    Raises:
        InputError: a missing column, another day, unknown or repeated orders, an unknown vehicle, a driver, vehicle or
            depot that does not fit.
    """
    day = orders.day
    for column in PLAN_COLUMNS:
        if column not in frame.columns:
            near = difflib.get_close_matches(column, list(frame.columns), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"plan of {day}: column {column!r} is missing{hint}")
    _same_day(day, frame)
    numbers = orders.numbers_of(frame["order_id"])
    if (numbers < 0).any():
        unknown = frame["order_id"].iloc[int(np.argmax(numbers < 0))]
        raise InputError(f"plan of {day}: order {unknown!r} is not of this day")
    counted = np.bincount(numbers, minlength=len(orders))
    if counted.max(initial=0) > 1:
        raise InputError(f"plan of {day}: order {orders.prefix}{counted.argmax():06d} is planned twice")
    sequence = pd.to_numeric(frame["sequence"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(sequence).all():
        raise InputError(f"plan of {day}: sequence must be a number on every row")
    codes, names = pd.factorize(frame["route_id"], sort=True)
    if (codes < 0).any():
        raise InputError(f"plan of {day}: route_id is missing on row {int(np.argmax(codes < 0)) + 1}")
    rows = np.lexsort((sequence, codes))
    codes, numbers = codes[rows], numbers[rows]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(names)))]).astype(np.int64)
    first = rows[offsets[:-1]] if len(names) else np.empty(0, dtype=np.int64)
    columns = {
        name: _one_a_route(day, frame, name, codes, rows, first) for name in ("vehicle_id", "driver_id", "depot_id")
    }
    vehicles, drivers = _crew(world, day, columns["vehicle_id"], columns["driver_id"])
    depots = [f"depot-{number}" for number in range(len(world.places.depot_city))]
    for one in columns["depot_id"]:
        if one not in depots:
            raise InputError(f"plan of {day}: there is no depot {one!r}; there are {', '.join(depots[:20])}")
    fleets = [world.scenario.fleets[world.drivers[one].fleet].fleet_id for one in vehicles.tolist()]
    for one, said, vehicle in zip(fleets, frame["fleet_id"].iloc[first], columns["vehicle_id"], strict=True):
        if said != one:
            raise InputError(f"plan of {day}: vehicle {vehicle!r} is of fleet {one!r}, not {said!r}")
    return DayPlan(
        route_ids=tuple(str(one) for one in names),
        vehicle=vehicles,
        driver=drivers,
        driver_ids=tuple(None if pd.isna(one) else str(one) for one in columns["driver_id"]),
        depot=np.array([depots.index(str(one)) for one in columns["depot_id"]], dtype=np.int64),
        starts_s=_seconds(orders, frame, "starts_at", first),
        stops=numbers,
        offsets=offsets,
        told_s=_seconds(orders, frame, "arrival", rows),
    )


def _same_day(day: date, frame: pd.DataFrame) -> None:
    if "service_date" in frame.columns and len(frame):
        dates = pd.to_datetime(frame["service_date"]).dt.date
        other = dates[dates != day]
        if len(other):
            raise InputError(f"plan of {day}: it is a plan for {other.iloc[0]}")


def _one_a_route(
    day: date, frame: pd.DataFrame, name: str, codes: Integers, rows: Integers, first: Integers
) -> list[str | None]:
    """The value of a column for each route; refuses a route with two values and a value on two routes."""
    values, names = pd.factorize(frame[name].to_numpy()[rows], use_na_sentinel=True)
    own = values[np.searchsorted(codes, np.arange(len(first)))] if len(first) else values
    mixed = values != own[codes] if len(first) else np.zeros(0, dtype=bool)
    if mixed.any():
        where = frame["route_id"].iloc[int(rows[np.argmax(mixed)])]
        raise InputError(f"plan of {day}: route {where!r} has more than one {name}")
    if name != "depot_id":
        known = own[own >= 0]
        counted = np.bincount(known) if len(known) else np.zeros(1)
        if counted.max(initial=0) > 1:
            raise InputError(f"plan of {day}: {name} {names[int(counted.argmax())]!r} is on two routes")
    return [None if one < 0 else names[one] for one in own]


def _crew(world: World, day: date, vehicles: list[str | None], drivers: list[str | None]) -> tuple[Integers, Integers]:
    owned, found = np.empty(len(vehicles), dtype=np.int64), np.empty(len(vehicles), dtype=np.int64)
    for route, (vehicle, driver) in enumerate(zip(vehicles, drivers, strict=True)):
        own = world.driver_of_vehicle.get(str(vehicle))
        if own is None:
            near = difflib.get_close_matches(str(vehicle), list(world.driver_of_vehicle), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"plan of {day}: there is no vehicle {vehicle!r}{hint}")
        number = own.number if driver is None or pd.isna(driver) else world.numbers_of_drivers.get(str(driver))
        if number is None:
            near = difflib.get_close_matches(str(driver), list(world.numbers_of_drivers), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"plan of {day}: there is no driver {driver!r}{hint}")
        if world.drivers[number].fleet != own.fleet:
            raise InputError(f"plan of {day}: driver {driver!r} is not of the fleet of vehicle {vehicle!r}")
        owned[route], found[route] = own.number, number
    return owned, found


def _seconds(orders: DayOrders, frame: pd.DataFrame, name: str, rows: Integers) -> Integers:
    if name not in frame.columns or not len(rows):
        return np.full(len(rows), -1, dtype=np.int64)
    stamps = pd.to_datetime(frame[name], utc=True).iloc[rows]
    seconds = (stamps - orders.origin).dt.total_seconds().to_numpy(dtype=float, na_value=-1.0)
    return np.where(seconds < 0, -1, np.floor(seconds + 0.5)).astype(np.int64)
