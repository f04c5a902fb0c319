"""Master data of a city as a company holds it: depots, fleets, contracts, vehicles, people, past trips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from simulation.conditions import local
from simulation.setup import leg_seconds, roads_of
from simulation.streams import stream
from simulation.world import KM_PER_DEGREE, World

Tables = dict[str, pd.DataFrame]
TRIPS = 1_500
CUSTOMERS_A_LOCKER, LOCKER_PARCELS = 400, 40
"""A locker for so many customers, where people live; what one takes a day. Declared."""


def reference_tables(world: World, since: date) -> Tables:
    """Depots, fleets, contracts, vehicles, drivers, certifications, travel observations: known at ``since``."""
    scenario, places = world.scenario, world.places
    moment = local(since, 0, scenario.timezone)
    stamp = {"event_time": moment, "ingest_time": moment, "retracted": False}
    depots = [
        {
            "depot_id": f"depot-{number}",
            "name": f"{scenario.cities[int(places.depot_city[number])].name.capitalize()} depot {number + 1}",
            "lat": round(float(places.depot_lat[number]), 6),
            "lon": round(float(places.depot_lon[number]), 6),
            "timezone": scenario.timezone,
            "opens_s": 7 * 3600,
            "closes_s": 21 * 3600,
        }
        for number in range(len(places.depot_lat))
    ]
    fleets = [
        {"fleet_id": one.fleet_id, "kind": one.kind, "control_mode": one.control_mode.value, "name": one.name}
        for one in scenario.fleets
    ]
    tariffs = [
        {
            "contract_id": one.fleet_id,
            "rule_id": component.value,
            "fleet_id": one.fleet_id,
            "component": component.value,
            "amount_minor": amount,
            "currency": scenario.currency,
            "valid_from": since,
        }
        for one in scenario.fleets
        for component, amount in one.tariff.items()
    ]
    vehicles, drivers, certifications = [], [], []
    for one in world.drivers:
        fleet = scenario.fleets[one.fleet]
        home = {"fleet_id": fleet.fleet_id, "depot_id": f"depot-{one.depot}"}
        vehicles.append(
            {
                "vehicle_id": one.vehicle_id,
                **home,
                "vehicle_class": fleet.vehicle_class,
                "capacity_g": fleet.capacity_g,
                "capacity_ml": fleet.capacity_ml,
                "capacity_parcels": fleet.capacity_parcels,
            }
        )
        drivers.append({"driver_id": one.driver_id, **home})
        if one.certified_until_day is not None:
            certifications.append(
                {
                    "driver_id": one.driver_id,
                    "certification": "age_check",
                    "expires_at": local(since + timedelta(days=one.certified_until_day), 12, scenario.timezone),
                }
            )
    tables: dict[str, Sequence[Mapping[str, object]]] = {
        "depots": depots,
        "lockers": _lockers(world),
        "fleets": fleets,
        "tariff_rules": tariffs,
        "vehicles": vehicles,
        "drivers": drivers,
    }
    if certifications:
        tables["certifications"] = certifications
    frames = {name: pd.DataFrame([{**row, **stamp} for row in rows]) for name, rows in tables.items()}
    return {**frames, "travel_observations": _trips(world, stamp)}


def _lockers(world: World) -> list[dict[str, object]]:
    """Lockers stand at the doors of customers picked at random: dense where people are."""
    people = world.customers
    count = max(1, people.count // CUSTOMERS_A_LOCKER)
    at = stream(world.scenario.seed, "lockers").choice(people.count, count, replace=False)
    return [
        {
            "locker_id": f"locker-{number}",
            "name": f"Locker {number + 1}",
            "lat": round(float(people.lat[one]), 4),
            "lon": round(float(people.lon[one]), 4),
            "capacity_parcels": LOCKER_PARCELS,
        }
        for number, one in enumerate(at.tolist())
    ]


def _trips(world: World, stamp: dict[str, object]) -> pd.DataFrame:
    """Past trips as a telematics provider would hand them over: ordinary traffic, with its noise."""
    draw = stream(world.scenario.seed, "trips")
    people, roads = world.customers, roads_of(world)
    a, b = draw.integers(0, people.count, (2, TRIPS))
    same = people.city[a] == people.city[b]
    a, b = a[same], b[same]
    city = people.city[a]
    north = (people.lat[a] - people.lat[b]) * KM_PER_DEGREE
    east = (people.lon[a] - people.lon[b]) * world.places.km_per_lon[city]
    km = np.asarray(roads.circuity)[city] * np.sqrt(north * north + east * east) * np.exp(draw.normal(0, 0.08, len(a)))
    seconds = leg_seconds(roads, city, km) * np.exp(draw.normal(0, 0.15, len(a)))
    return pd.DataFrame(
        {
            "observation_id": [f"trip-{number}" for number in range(len(a))],
            "from_lat": people.lat[a],
            "from_lon": people.lon[a],
            "to_lat": people.lat[b],
            "to_lon": people.lon[b],
            "distance_m": (1_000 * km).astype(np.int64),
            "duration_s": seconds.astype(np.int64),
            **stamp,
        }
    )


def shifts_frame(world: World, day: date, absent: np.ndarray) -> pd.DataFrame:
    """Who works on a service date; known two days before."""
    zone = world.scenario.timezone
    moment = local(day - timedelta(days=2), 12, zone)
    rows = [
        {
            "shift_id": f"s-{day}-{one.vehicle_id}",
            "service_date": day,
            "depot_id": f"depot-{one.depot}",
            "fleet_id": world.scenario.fleets[one.fleet].fleet_id,
            "vehicle_id": one.vehicle_id,
            "driver_id": one.driver_id,
            "starts_at": local(day, world.scenario.fleets[one.fleet].starts, zone),
            "ends_at": local(day, world.scenario.fleets[one.fleet].ends, zone),
            "event_time": moment,
            "ingest_time": moment,
            "retracted": False,
        }
        for one in world.drivers
        if not absent[one.number]
    ]
    return pd.DataFrame(rows)
