"""A city that plays days: history by its own dispatcher, then whatever plan it is given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from simulation.day import play
from simulation.demand import local, orders_of, weather_of
from simulation.policy import baseline_routes
from simulation.scenario import Scenario
from simulation.streams import stream
from simulation.world import build_world

Tables = dict[str, pd.DataFrame]
FLEETS = (
    ("captive", "captive", "routed", "Own vans"),
    ("carrier", "3pl", "tendered_route", "City carrier"),
    ("gig", "gig", "tendered_order", "Couriers by order"),
)
TARIFFS = (
    ("captive", "per_route", 2_000),
    ("captive", "per_km", 28),
    ("captive", "per_hour", 2_600),
    ("captive", "overtime_per_hour", 1_300),
    ("carrier", "per_route", 4_500),
    ("carrier", "per_km", 45),
    ("carrier", "per_stop", 310),
    ("gig", "per_stop", 560),
    ("gig", "per_km", 70),
)
"""Contracts of the city, minor units; declared, not measured."""
CAPACITY = {
    "captive": (900_000, 6_000_000, 120, "van"),
    "carrier": (1_200_000, 9_000_000, 150, "truck"),
    "gig": (60_000, 500_000, 18, "cargo_bike"),
}
SHIFT_HOURS = {"captive": (8, 18), "carrier": (8, 19), "gig": (10, 20)}


class City:
    """The door to the twin. Everything it returns is what a company would have; its truth stays inside."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._world = build_world(scenario)

    def reference(self, since: date) -> Tables:
        """Depots, fleets, contracts, vehicles, drivers, certifications, travel observations: known at ``since``."""
        moment = local(since, 0, self.scenario.timezone)
        stamp = {"event_time": moment, "ingest_time": moment, "retracted": False}
        world = self._world
        depots = pd.DataFrame(
            [
                {
                    "depot_id": f"depot-{n}",
                    "name": f"Depot {n + 1}",
                    "lat": round(float(world.depot_lat[n]), 6),
                    "lon": round(float(world.depot_lon[n]), 6),
                    "timezone": self.scenario.timezone,
                    "opens_s": 7 * 3600,
                    "closes_s": 21 * 3600,
                    **stamp,
                }
                for n in range(self.scenario.depots)
            ]
        )
        fleets = pd.DataFrame(
            [
                {"fleet_id": f, "kind": kind, "control_mode": mode, "name": name, **stamp}
                for f, kind, mode, name in FLEETS
            ]
        )
        tariffs = pd.DataFrame(
            [
                {
                    "contract_id": fleet,
                    "rule_id": component,
                    "fleet_id": fleet,
                    "component": component,
                    "amount_minor": amount,
                    "currency": "EUR",
                    "valid_from": since,
                    **stamp,
                }
                for fleet, component, amount in TARIFFS
            ]
        )
        vehicles, drivers, certifications = [], [], []
        for one in world.drivers:
            grams, millilitres, parcels, kind = CAPACITY[one.fleet_id]
            home = f"depot-{one.depot}"
            vehicles.append(
                {
                    "vehicle_id": one.vehicle_id,
                    "fleet_id": one.fleet_id,
                    "depot_id": home,
                    "vehicle_class": kind,
                    "capacity_g": grams,
                    "capacity_ml": millilitres,
                    "capacity_parcels": parcels,
                    **stamp,
                }
            )
            drivers.append({"driver_id": one.driver_id, "fleet_id": one.fleet_id, "depot_id": home, **stamp})
            if one.certified_until_day is not None:
                certifications.append(
                    {
                        "driver_id": one.driver_id,
                        "certification": "age_check",
                        "expires_at": local(
                            since + timedelta(days=one.certified_until_day), 12, self.scenario.timezone
                        ),
                        **stamp,
                    }
                )
        return {
            "depots": depots,
            "fleets": fleets,
            "tariff_rules": tariffs,
            "vehicles": pd.DataFrame(vehicles),
            "drivers": pd.DataFrame(drivers),
            "certifications": pd.DataFrame(certifications),
            "travel_observations": self._trips(stamp),
        }

    def _trips(self, stamp: dict[str, object]) -> pd.DataFrame:
        """Past trips as a telematics provider would hand them over."""
        draw = stream(self.scenario.seed, "trips")
        people = self._world.customers
        a, b = draw.integers(0, self.scenario.customers, (2, 1_500))
        km = 1.35 * 111.2 * np.hypot(people.lat[a] - people.lat[b], (people.lon[a] - people.lon[b]) * 0.61)
        metres = (1_000 * km * np.exp(draw.normal(0, 0.08, len(a)))).astype(np.int64)
        seconds = (45 + km / 23.0 * 3600 * np.exp(draw.normal(0, 0.15, len(a)))).astype(np.int64)
        return pd.DataFrame(
            {
                "observation_id": [f"trip-{n}" for n in range(len(a))],
                "from_lat": people.lat[a],
                "from_lon": people.lon[a],
                "to_lat": people.lat[b],
                "to_lon": people.lon[b],
                "distance_m": metres,
                "duration_s": seconds,
                **stamp,
            }
        )

    def orders_for(self, day: date) -> pd.DataFrame:
        """Orders of a service date."""
        return orders_of(self._world, day)

    def shifts_for(self, day: date) -> pd.DataFrame:
        """Who works on a service date; known two days before."""
        moment = local(day - timedelta(days=2), 12, self.scenario.timezone)
        rows = []
        for one in self._world.drivers:
            absent = stream(self.scenario.seed, "rota", day, one.driver_id).random() < (
                0.35 if day.weekday() == 6 else 0.08
            )
            if absent:
                continue
            start, end = SHIFT_HOURS[one.fleet_id]
            rows.append(
                {
                    "shift_id": f"s-{day}-{one.vehicle_id}",
                    "service_date": day,
                    "depot_id": f"depot-{one.depot}",
                    "fleet_id": one.fleet_id,
                    "vehicle_id": one.vehicle_id,
                    "driver_id": one.driver_id,
                    "starts_at": local(day, start, self.scenario.timezone),
                    "ends_at": local(day, end, self.scenario.timezone),
                    "event_time": moment,
                    "ingest_time": moment,
                    "retracted": False,
                }
            )
        return pd.DataFrame(rows)

    def day_before(self, day: date) -> Tables:
        """What is known the evening before: orders, shifts, weather with its forecast."""
        return {"orders": self.orders_for(day), "shifts": self.shifts_for(day), "weather": weather_of(self._world, day)}

    def play(self, day: date, routes: pd.DataFrame) -> pd.DataFrame:
        """Events of a day under a plan.

        Raises:
            InputError: the plan names unknown orders, or a driver, vehicle or order twice.
        """
        return play(self._world, day, self.orders_for(day), routes)

    def history(self, first_date: date, days: int) -> Iterator[tuple[date, Tables]]:
        """Days as the city's own dispatcher ran them."""
        for number in range(days):
            day = first_date + timedelta(days=number)
            tables = self.day_before(day)
            crew = tables["shifts"]
            routes = baseline_routes(self._world, tables["orders"], crew[crew["fleet_id"] != "gig"])
            tables["delivery_events"] = play(self._world, day, tables["orders"], routes)
            yield day, tables
