"""Days of the twin as the loop sees them: outcomes as frames, without a lake. Truth is for scoring drills only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from models.loop import ABSENT, OTHER_CAUSE, DayOutcomes
from models.parameters import OWN_FAULT, WET_MM
from orchestration.loop.outcomes import CONCLUDING, base_travel, legs_of

FIRST = date(2026, 3, 2)


class TwinDays:
    """Days of a city played by its own dispatcher; what was observed of trips before the first day is the base."""

    def __init__(self, scenario: Any, first: date = FIRST) -> None:
        from simulation import City

        self.city, self.first = City(scenario), first
        reference = self.city.reference(first)
        self.depots = reference["depots"]
        self.base = base_travel(reference["travel_observations"])
        self.zone = scenario.timezone

    def day(self, day: date, told: set[str] | None = None, split: int = 1) -> tuple[DayOutcomes, Any]:
        """Outcomes of a date and the played day; ``told`` are sent a message in the morning.

        With ``split`` above 1 routes are halved where there are vans for the other half.
        """
        from simulation import Action

        before = self.city.day_before(day)
        plan = self.city.baseline_plan(day)
        if split > 1:
            plan = _split(plan, before["shifts"])
        morning = pd.Timestamp(day, tz=self.zone) + pd.Timedelta(hours=6)
        sent = [Action("message", morning.to_pydatetime(), tuple(sorted(told & set(plan["order_id"]))))] if told else []
        played = self.city.play_day(day, plan, sent)
        self.city.forget_conditions()
        orders = before["orders"].drop_duplicates("order_id", keep="last")
        visits = visits_of(played.events, orders)
        legs = legs_of(visits, _starts(played.events), self.depots, self.base, _wet(before["weather"]), self.zone)
        legs["depot"] = legs["depot_id"]
        demand = orders.groupby(["tenant_id", "depot_id"]).size().rename("orders").reset_index()
        demand = demand.rename(columns={"depot_id": "depot"})
        return DayOutcomes(day, visits, legs, demand), played

    def days(self, count: int) -> Iterator[tuple[DayOutcomes, Any]]:
        """Consecutive dates from the first on."""
        for number in range(count):
            yield self.day(self.first + timedelta(days=number))


def _split(plan: pd.DataFrame, shifts: pd.DataFrame) -> pd.DataFrame:
    """Routes halved over vans of their fleet and depot that would have stayed at home."""
    free = shifts[~shifts["vehicle_id"].isin(plan["vehicle_id"])]
    parts = []
    for route_id, route in plan.sort_values("sequence").groupby("route_id", sort=True):
        own = free[(free["fleet_id"] == route["fleet_id"].iloc[0]) & (free["depot_id"] == route["depot_id"].iloc[0])]
        if own.empty:
            parts.append(route)
            continue
        van, half = own.iloc[0], len(route) // 2
        free = free[free["vehicle_id"] != van["vehicle_id"]]
        other = route.iloc[half:].assign(
            route_id=f"{route_id}-b", vehicle_id=van["vehicle_id"], driver_id=van["driver_id"]
        )
        parts += [route.iloc[:half], other]
    return pd.concat(parts, ignore_index=True)


def visits_of(events: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """First attempts with their outcome, in order of time; columns as ``outcomes_at`` and ``models.loop`` read them."""
    events = events[events["order_id"].notna() & (events["attempt"].fillna(1) == 1)].drop_duplicates("event_id")
    concluded = events[events["event_type"].isin(CONCLUDING)].sort_values("event_time")
    last = concluded.drop_duplicates("order_id", keep="last").set_index("order_id")
    table = orders.set_index("order_id")
    visits = last[
        ["route_id", "fleet_id", "vehicle_id", "driver_id", "depot_id", "exception_class", "service_date"]
    ].assign(concluded_at=last["event_time"], outcome=last["event_type"], known_at=last["ingest_time"])
    for name, kind in (("arrived_at", "arrived"), ("started_at", "service_started")):
        visits[name] = events[events["event_type"] == kind].groupby("order_id")["event_time"].min()
    for name in ("customer_id", "tenant_id", "zone_id", "lat", "lon", "window_start", "window_end", "attributes"):
        visits[name] = table[name]
    visits["declared_s"] = table["service_s"]
    visits["from_depot"] = visits["depot_id"].fillna(table["depot_id"])
    visits["depot"], visits["fleet"] = visits["from_depot"], visits["fleet_id"]
    visits["failed"] = visits["outcome"] == "attempt_failed"
    visits["absent"] = visits["exception_class"] == ABSENT
    visits["other_cause"] = visits["exception_class"] == OTHER_CAUSE
    visits["own_fault"] = visits["exception_class"].isin(OWN_FAULT)
    visits["actual_s"] = (visits["concluded_at"] - visits["started_at"]).dt.total_seconds()
    visits["event_time"] = visits["concluded_at"]
    return visits.reset_index().sort_values("concluded_at", ignore_index=True)


def _starts(events: pd.DataFrame) -> pd.DataFrame:
    begun = events[events["event_type"].isin(("route_started", "departed"))]
    found = begun.groupby("route_id").agg(left_at=("event_time", "min"), left_known=("ingest_time", "max"))
    return found.reset_index()


def _wet(weather: pd.DataFrame) -> pd.Series:
    newest = weather.sort_values("event_time").drop_duplicates(["depot_id", "target_time"], keep="last")
    keys = pd.MultiIndex.from_arrays([newest["depot_id"], newest["target_time"].dt.floor("h")])
    wet = np.asarray(newest["precipitation_mm"].fillna(0.0) >= WET_MM)
    return pd.Series(wet, index=keys).groupby(level=[0, 1]).max()
