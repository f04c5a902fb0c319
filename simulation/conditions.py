"""What a date is like whatever anyone decides: weather, traffic, shocks in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from simulation.habits import HOURS
from simulation.schema import Scenario
from simulation.schema_shocks import (
    AddressCorruption,
    CarrierDecline,
    HabitChange,
    Roadworks,
    Storm,
    Strike,
    Surge,
)
from simulation.streams import Floats, normals, stream, uniforms
from simulation.world import World

STORM_MM, STORM_WIND_MS, STORM_CLOSED = 7.0, 21.0, 0.05
"""A storm of the city's own: rain an hour, wind, share of stops nobody can reach. Declared."""
ISSUES = ((-1, 17, 1.0), (0, 5, 0.6))
"""Forecasts of a date: days before, local hour of issue, error relative to ``forecast_spread``."""


@dataclass(frozen=True)
class Conditions:
    """One date. Tables by city and local hour, factors by quarter and fleet; ``travel`` multiplies leg seconds."""

    day: date
    rain_mm: Floats
    temperature_c: Floats
    wind_ms: Floats
    travel: Floats
    quarter: Floats
    closed_share: float
    demand_factor: float
    fleet_pace: Floats
    fleet_decline: Floats
    fleet_absent: Floats
    corrupted_share: float
    habit_changes: tuple[tuple[int, HabitChange], ...]


def local(day: date, hours: float, zone: str) -> pd.Timestamp:
    """A local time of day as UTC: counted from noon, so that it is right on days when clocks change (after 03:00)."""
    noon = pd.Timestamp(datetime.combine(day, time(12), ZoneInfo(zone))).tz_convert("UTC")
    return noon + pd.Timedelta(hours=hours - 12)


def conditions_of(world: World, day: date) -> Conditions:
    """Conditions of ``day``; the same under every plan."""
    if day not in world.conditions:
        world.conditions[day] = _conditions(world.scenario, world.places.quarter_factor, day)
    return world.conditions[day]


def _conditions(scenario: Scenario, quarter_factor: Floats, day: date) -> Conditions:
    shocks = [(number, one) for number, one in enumerate(scenario.shocks) if one.holds(day)]
    storm = next((one for _, one in shocks if isinstance(one, Storm)), None)
    rain, warmth, wind, closed = _weather(scenario, day, storm)
    fleets = [one.fleet_id for one in scenario.fleets]
    decline = np.array([one.acceptance.route_decline_share for one in scenario.fleets])
    absent = np.array([one.sunday_absent_share if day.weekday() == 6 else one.absent_share for one in scenario.fleets])
    pace, demand, corrupted = np.ones(len(fleets)), 1.0, 0.0
    quarter = quarter_factor
    names = scenario.quarter_names()
    for _, one in shocks:
        if isinstance(one, Surge):
            demand *= one.factor
        elif isinstance(one, AddressCorruption):
            corrupted = max(corrupted, one.share)
        elif isinstance(one, CarrierDecline):
            decline[fleets.index(one.fleet)] = one.decline_share
            pace[fleets.index(one.fleet)] *= one.pace_factor
        elif isinstance(one, Strike):
            absent[fleets.index(one.fleet)] = one.absent_share
        elif isinstance(one, Roadworks):
            hit = np.isin(names, one.zones) if one.zones else np.ones(len(names), dtype=bool)
            quarter = np.where(hit, quarter / one.speed_factor, quarter)
    return Conditions(
        day=day,
        rain_mm=rain,
        temperature_c=warmth,
        wind_ms=wind,
        travel=_travel(scenario, day, rain, warmth),
        quarter=quarter,
        closed_share=closed,
        demand_factor=demand,
        fleet_pace=pace,
        fleet_decline=decline,
        fleet_absent=absent,
        corrupted_share=corrupted,
        habit_changes=tuple((number, one) for number, one in shocks if isinstance(one, HabitChange)),
    )


def _weather(scenario: Scenario, day: date, shock: Storm | None) -> tuple[Floats, Floats, Floats, float]:
    law, seed, cities = scenario.weather, scenario.seed, len(scenario.cities)
    hours = np.arange(HOURS)
    season = np.sin(2 * np.pi * (day.timetuple().tm_yday - 100) / 365)
    shape = 3 * np.sin((hours - 9) * np.pi / 12)
    rain, warmth, wind = (np.zeros((cities, HOURS)) for _ in range(3))
    stormy, closed = shock is not None, 0.0 if shock is None else shock.closed_share
    for number in range(cities):
        chance = uniforms(seed, "weather", day, number, keys=5)
        bell = normals(seed, "temperature", day, number, keys=1)
        warmth[number] = law.mean_c + law.amplitude_c * season + shape + 2.5 * bell[0]
        wind[number] = 3.0 + 4.0 * chance[0] + 1.5 * np.sin(hours * np.pi / 14)
        if chance[1] < law.rain_share:
            # one spell: a centre, a width, an amount
            centre, width = 6 + 16 * chance[2], 1.5 + 5 * chance[3]
            amount = law.rain_mm * -np.log(1 - chance[4])
            rain[number] = amount * np.exp(-(((hours - centre) / width) ** 2))
        storm = shock is not None or stream(seed, "storm", day, number).random() < law.storm_share
        if storm:
            stormy = True
            mm, gusts = (shock.precipitation_mm, shock.wind_ms) if shock else (STORM_MM, STORM_WIND_MS)
            rain[number] = np.maximum(rain[number], mm * np.exp(-(((hours - 13) / 7.0) ** 2)))
            wind[number] = np.maximum(wind[number], gusts)
    if stormy and shock is None:
        closed = STORM_CLOSED
    return rain, warmth, wind, closed


def _travel(scenario: Scenario, day: date, rain: Floats, warmth: Floats) -> Floats:
    table = np.empty((len(scenario.cities), HOURS))
    for number, city in enumerate(scenario.cities):
        law = city.traffic
        speed = np.array((*law.hourly, *law.hourly[: HOURS - 24]))
        if day.weekday() >= 5:
            speed = (speed + speed.mean()) / 2 * law.weekend_factor
        speed = speed / np.average(speed[8:19])
        slow = 1 + np.minimum(0.6, law.rain_per_mm * rain[number])
        slow *= np.where((warmth[number] < 0) & (rain[number] > 0.1), 1 + law.snow_share, 1.0)
        table[number] = 1 + scenario.signal * (slow / speed - 1)
    return table


def weather_frame(world: World, day: date) -> pd.DataFrame:
    """Forecasts by hour of issue and observations, by depot and hour, in the columns of ``raw.weather``."""
    scenario, today = world.scenario, conditions_of(world, day)
    hours = np.arange(7, 22)
    depots = len(world.places.depot_city)
    parts = []
    for issue, (before, at, error) in enumerate((*ISSUES, (0, None, 0.0))):
        for depot in range(depots):
            city = int(world.places.depot_city[depot])
            bell = normals(scenario.seed, "forecast", day, issue, city, keys=3 * len(hours)).reshape(3, -1)
            spread = scenario.weather.forecast_spread * error
            targets = pd.DatetimeIndex([local(day, int(hour), scenario.timezone) for hour in hours])
            issued = (
                targets
                if at is None
                else pd.DatetimeIndex([local(day + timedelta(days=before), at, scenario.timezone)] * len(hours))
            )
            parts.append(
                pd.DataFrame(
                    {
                        "depot_id": f"depot-{depot}",
                        "target_time": targets,
                        "temperature_c": np.round(today.temperature_c[city, hours] + 1.5 * error * bell[0], 1),
                        "precipitation_mm": np.round(
                            (today.rain_mm[city, hours] + 0.05 * error) * np.exp(spread * bell[1]) - 0.05 * error,
                            2,
                        ).clip(0),
                        "wind_ms": np.round(np.maximum(0, today.wind_ms[city, hours] + 1.2 * error * bell[2]), 1),
                        "event_time": issued,
                        "ingest_time": issued + pd.Timedelta(minutes=5),
                        "retracted": False,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
