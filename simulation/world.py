"""The hidden world: who lives where, when they are at home, how fast drivers are. Made once from seed and scenario."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from simulation.habits import draw_rates
from simulation.schema import Scenario
from simulation.schema_city import CityPart
from simulation.streams import Floats, Integers, normals, stream, uniforms

ZONE_RESOLUTION = 8
BUILDINGS = ("house", "flat", "gated", "office", "shop")
KM_PER_DEGREE = 111.195
STREET_KM = 0.3
SERVICE_FACTOR = np.array([1.0, 1.3, 1.35, 1.5, 1.2])
"""Time at the door by building type, relative to a house; a declared assumption (lifts, gates, receptions)."""


@dataclass(frozen=True)
class Places:
    """Depots and quarters of all cities, one entry each."""

    depot_lat: Floats
    depot_lon: Floats
    depot_city: Integers
    quarter_city: Integers
    quarter_factor: Floats
    km_per_lon: Floats
    """Kilometres a degree of longitude, by city."""


@dataclass(frozen=True)
class Customers:
    """Hidden and visible traits of customers, one entry each. ``rate`` is the mean chance that an attempt fails."""

    lat: Floats
    lon: Floats
    city: Integers
    quarter: Integers
    depot: Integers
    building: Integers
    business: npt.NDArray[np.bool_]
    rate: Floats
    log_odds: Floats
    habit: Integers
    strength: Floats
    trouble: Floats
    wrong_address: npt.NDArray[np.bool_]
    contact: Floats
    answer: Floats
    service_factor: Floats
    cumulative_appetite: Floats

    @property
    def count(self) -> int:
        return len(self.lat)


@dataclass(frozen=True)
class Driver:
    """A driver with the vehicle of the same number. ``number`` counts through all fleets."""

    number: int
    driver_id: str
    vehicle_id: str
    fleet: int
    depot: int
    pace: float
    certified_until_day: int | None


@dataclass(frozen=True)
class World:
    """Everything that does not change from day to day. Made by ``build_world``."""

    scenario: Scenario
    places: Places
    customers: Customers
    drivers: tuple[Driver, ...]
    familiarity: Floats
    """Drivers by quarters, 0..1."""

    @cached_property
    def conditions(self) -> dict[date, Any]:
        """Conditions of the dates that were asked for, kept (see ``simulation.conditions``)."""
        return {}

    @cached_property
    def zone_ids(self) -> npt.NDArray[np.object_]:
        """H3 cells that occur, sorted; ``zone_of`` points into them."""
        return self._zones[0]

    @cached_property
    def zone_of(self) -> Integers:
        """Index into ``zone_ids`` of each customer."""
        return self._zones[1]

    @cached_property
    def _zones(self) -> tuple[npt.NDArray[np.object_], Integers]:
        import h3

        pairs = zip(self.customers.lat.tolist(), self.customers.lon.tolist(), strict=True)
        cells = [h3.latlng_to_cell(lat, lon, ZONE_RESOLUTION) for lat, lon in pairs]
        names = sorted(set(cells))
        place = {name: number for number, name in enumerate(names)}
        return np.array(names, dtype=object), np.fromiter((place[one] for one in cells), np.int64, len(cells))

    @cached_property
    def driver_of_vehicle(self) -> dict[str, Driver]:
        return {one.vehicle_id: one for one in self.drivers}

    @cached_property
    def numbers_of_drivers(self) -> dict[str, int]:
        return {one.driver_id: one.number for one in self.drivers}


def build_world(scenario: Scenario) -> World:
    """Draw the world. The same seed and scenario give the same world to the bit."""
    places = _places(scenario)
    drivers = _drivers(scenario, len(places.depot_lat))
    own = np.array([scenario.fleets[one.fleet].familiarity for one in drivers])
    spread = uniforms(scenario.seed, "familiarity", keys=len(drivers) * len(places.quarter_city))
    table = own[:, None] + scenario.signal * 0.4 * (spread.reshape(len(drivers), -1) - 0.5)
    return World(scenario, places, _customers(scenario, places), drivers, np.clip(table, 0, 1))


def _places(scenario: Scenario) -> Places:
    lat, lon, depot_city, quarter_city, quarter_factor, km = [], [], [], [], [], []
    for number, city in enumerate(scenario.cities):
        per_lon = KM_PER_DEGREE * float(np.cos(np.radians(city.latitude)))
        angle = 2 * np.pi * np.arange(city.depots) / city.depots + 0.4
        reach = city.radius_km * city.depot_distance
        lat.append(city.latitude + reach / KM_PER_DEGREE * np.sin(angle))
        lon.append(city.longitude + reach / per_lon * np.cos(angle))
        depot_city += [number] * city.depots
        quarter_city += [number] * city.quarters
        # quarter 0 is the densest and slowest; the null world has no slow quarters
        depth = 1 - np.arange(city.quarters) / max(1, city.quarters - 1)
        quarter_factor.append(1 + city.traffic.centre_share * depth * scenario.signal)
        km.append(per_lon)
    return Places(
        np.concatenate(lat),
        np.concatenate(lon),
        np.array(depot_city, dtype=np.int64),
        np.array(quarter_city, dtype=np.int64),
        np.concatenate(quarter_factor),
        np.array(km),
    )


def pick(weights: npt.ArrayLike, chance: Floats) -> Integers:
    """The index whose share of the cumulated ``weights`` each ``chance`` falls into."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(cumulative / cumulative[-1], chance, side="right")
    return np.minimum(found, len(cumulative) - 1).astype(np.int64)


def _customers(scenario: Scenario, places: Places) -> Customers:
    seed, count, law = scenario.seed, scenario.customers.count, scenario.customers

    def chance(name: str) -> Floats:
        return uniforms(seed, "customer", name, keys=count)

    def bell(name: str) -> Floats:
        return normals(seed, "customer", name, keys=count)

    city = pick([one.demand_weight for one in scenario.cities], chance("city"))
    lat, lon = np.empty(count), np.empty(count)
    quarter, building = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    first = 0
    for number, part in enumerate(scenario.cities):
        mine = np.flatnonzero(city == number)
        # a quarter's size falls with its number: most people live near few centres
        local = pick(1 / (1 + 0.35 * np.arange(part.quarters)), chance("quarter")[mine])
        centres = stream(seed, "centres", part.name).normal(0, part.radius_km * 0.45, (part.quarters, 2))
        centres[0] *= 0.15
        east, north = _on_streets(seed, part, local, mine, centres)
        lat[mine] = np.round(part.latitude + north / KM_PER_DEGREE, 6)
        lon[mine] = np.round(part.longitude + east / places.km_per_lon[number], 6)
        quarter[mine] = first + local
        building[mine] = pick(list(part.buildings.model_dump().values()), chance("building")[mine])
        first += part.quarters
    per_lon = places.km_per_lon[city]
    away = ((lat[:, None] - places.depot_lat) * KM_PER_DEGREE) ** 2 + (
        (lon[:, None] - places.depot_lon) * per_lon[:, None]
    ) ** 2
    away[places.depot_city[None, :] != city[:, None]] = np.inf
    business = building >= BUILDINGS.index("office")
    rates = draw_rates(scenario, business)
    hard = np.concatenate(
        [one.service_spread * normals(seed, "hard quarter", one.name, keys=one.quarters) for one in scenario.cities]
    )
    appetite = np.exp(scenario.demand.appetite_spread * bell("appetite"))
    return Customers(
        lat=lat,
        lon=lon,
        city=city,
        quarter=quarter,
        depot=away.argmin(axis=1).astype(np.int64),
        building=building,
        business=business,
        rate=rates.rate,
        log_odds=rates.log_odds,
        habit=rates.habit,
        strength=rates.strength,
        trouble=rates.trouble,
        wrong_address=chance("wrong address") < law.wrong_address_share,
        contact=np.exp(scenario.signal * 0.8 * bell("contact")),
        answer=np.clip(law.answer_share + scenario.signal * 0.25 * bell("answer"), 0.02, 0.98),
        service_factor=np.exp(scenario.signal * (law.service_spread * bell("service") + hard[quarter])),
        cumulative_appetite=np.cumsum(appetite) / appetite.sum(),
    )


def _on_streets(
    seed: int, part: CityPart, quarter: Integers, customers: Integers, centres: Floats
) -> tuple[Floats, Floats]:
    """Kilometres east and north of the city's centre: along the streets of each customer's quarter."""
    streets = np.maximum(1, np.bincount(quarter, minlength=part.quarters) // part.street_addresses)
    chosen = np.floor(uniforms(seed, "customer", "street", keys=customers) * streets[quarter]).astype(np.int64)
    key = quarter * 1_000_000 + chosen
    spread = part.radius_km * 0.16
    middle_east, middle_north = (spread * normals(seed, "street", side, part.name, keys=key) for side in (0, 1))
    angle = np.pi * uniforms(seed, "street angle", part.name, keys=key)
    along = STREET_KM * (uniforms(seed, "customer", "along", keys=customers) - 0.5)
    across = 0.01 * normals(seed, "customer", "across", keys=customers)
    east = centres[quarter, 0] + middle_east + along * np.cos(angle) - across * np.sin(angle)
    return east, centres[quarter, 1] + middle_north + along * np.sin(angle) + across * np.cos(angle)


def _drivers(scenario: Scenario, depots: int) -> tuple[Driver, ...]:
    drivers: list[Driver] = []
    for fleet_number, fleet in enumerate(scenario.fleets):
        skill = normals(scenario.seed, "skill", fleet.fleet_id, keys=fleet.drivers)
        for number in range(fleet.drivers):
            certified = (number * 2 % 10) / 10 < fleet.certified_share and fleet.certified_share > 0
            drivers.append(
                Driver(
                    number=len(drivers),
                    driver_id=f"{fleet.fleet_id}-d{number:02d}",
                    vehicle_id=f"{fleet.fleet_id}-v{number:02d}",
                    fleet=fleet_number,
                    depot=number % depots,
                    pace=fleet.pace * float(np.exp(fleet.skill_spread * scenario.signal * skill[number])),
                    certified_until_day=None if not certified else (20 if number == 4 else 10_000),
                )
            )
    return tuple(drivers)
