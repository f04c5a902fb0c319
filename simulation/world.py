"""The hidden world: who lives where, when they are at home, how fast drivers are. Made once from seed and scenario."""

from __future__ import annotations

from dataclasses import dataclass

import h3
import numpy as np
import numpy.typing as npt

from simulation.scenario import Scenario
from simulation.streams import stream

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
ZONE_RESOLUTION = 8
SLOTS = ((8, 12), (10, 14), (12, 16), (14, 18), (16, 20))
"""Delivery windows on offer, local hours."""


@dataclass(frozen=True)
class Customers:
    """Hidden and visible traits of customers, one entry each."""

    ids: npt.NDArray[np.object_]
    lat: Floats
    lon: Floats
    zone: npt.NDArray[np.object_]
    depot: Integers
    absence: Floats
    morning_person: Floats
    service_factor: Floats
    appetite: Floats


@dataclass(frozen=True)
class Driver:
    driver_id: str
    vehicle_id: str
    fleet_id: str
    depot: int
    pace: float
    certified_until_day: int | None


@dataclass(frozen=True)
class World:
    scenario: Scenario
    depot_lat: Floats
    depot_lon: Floats
    customers: Customers
    drivers: tuple[Driver, ...]


def build_world(scenario: Scenario) -> World:
    """Draw the world. The same seed and scenario give the same world to the bit."""
    depot_lat, depot_lon = _depots(scenario)
    return World(scenario, depot_lat, depot_lon, _customers(scenario, depot_lat, depot_lon), _drivers(scenario))


def _depots(scenario: Scenario) -> tuple[Floats, Floats]:
    angle = 2 * np.pi * np.arange(scenario.depots) / scenario.depots + 0.4
    reach = scenario.radius_km * 0.55
    return (
        scenario.latitude + reach / 111.2 * np.sin(angle),
        scenario.longitude + reach / (111.2 * np.cos(np.radians(scenario.latitude))) * np.cos(angle),
    )


def _customers(scenario: Scenario, depot_lat: Floats, depot_lon: Floats) -> Customers:
    draw = stream(scenario.seed, "customers")
    count = scenario.customers
    # quarters of different density: most people live near one of eight centres
    centre = draw.integers(0, 8, count)
    centres = draw.normal(0, scenario.radius_km * 0.5, (8, 2))
    east, north = (centres[centre] + draw.normal(0, scenario.radius_km * 0.18, (count, 2))).T
    lat = scenario.latitude + north / 111.2
    lon = scenario.longitude + east / (111.2 * np.cos(np.radians(scenario.latitude)))
    distance = (lat[:, None] - depot_lat[None, :]) ** 2 + ((lon[:, None] - depot_lon[None, :]) * 0.61) ** 2
    # concentration of failures: half never fail, the others' rates are far apart (Changshu: top tenth holds 63 %)
    troubled = draw.random(count) > scenario.never_fail_share
    raw = np.where(troubled, draw.gamma(0.45, 1.0, count), 0.02)
    absence = np.clip(raw / raw.mean() * scenario.failed_share * 0.85, 0, 0.75)
    absence = scenario.signal * absence + (1 - scenario.signal) * scenario.failed_share * 0.85
    return Customers(
        ids=np.array([f"c{number:05d}" for number in range(count)], dtype=object),
        lat=np.round(lat, 6),
        lon=np.round(lon, 6),
        zone=np.array([h3.latlng_to_cell(a, b, ZONE_RESOLUTION) for a, b in zip(lat, lon, strict=True)], dtype=object),
        depot=distance.argmin(axis=1).astype(np.int64),
        absence=absence,
        morning_person=draw.normal(0, 1, count) * scenario.signal,
        service_factor=np.exp(draw.normal(0, 0.35, count) * scenario.signal),
        appetite=draw.gamma(0.8, 1.0, count) + 0.05,
    )


def _drivers(scenario: Scenario) -> tuple[Driver, ...]:
    draw = stream(scenario.seed, "drivers")
    drivers = []
    for fleet_id, count, spread in (
        ("captive", scenario.captive_drivers, 0.06),
        ("carrier", scenario.third_party_drivers, 0.1),
        ("gig", scenario.gig_drivers, 0.16),
    ):
        for number in range(count):
            pace = float(np.exp(draw.normal(0.02 if fleet_id == "gig" else 0.0, spread) * max(scenario.signal, 0.1)))
            certified = fleet_id == "captive" and number % 2 == 0
            until = None if not certified else (20 if number == 4 else 10_000)
            drivers.append(
                Driver(
                    f"{fleet_id}-d{number:02d}",
                    f"{fleet_id}-v{number:02d}",
                    fleet_id,
                    number % scenario.depots,
                    pace,
                    until,
                )
            )
    return tuple(drivers)
