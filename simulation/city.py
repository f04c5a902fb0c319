"""A city that plays days: history by its own dispatcher, then whatever plan it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from simulation.actions import Action
from simulation.conditions import weather_frame
from simulation.demand import draw_orders, orders_frame
from simulation.fates import draw_absences
from simulation.play import DayResult, play_day
from simulation.policy import baseline_routes
from simulation.reference import Tables, reference_tables, shifts_frame
from simulation.schema import Scenario
from simulation.world import World, build_world

if TYPE_CHECKING:
    from simulation.live import Decide, LiveDay


class City:
    """The door to the twin. Its tables are what a company would have; truth comes only from ``DayResult.truth``."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or Scenario()
        self._world = build_world(self.scenario)

    @property
    def world(self) -> World:
        """The hidden world, for experiments and tests of the twin."""
        return self._world

    def reference(self, since: date) -> Tables:
        """Depots, fleets, contracts, vehicles, drivers, certifications, travel observations: known at ``since``."""
        return reference_tables(self._world, since)

    def orders_for(self, day: date) -> pd.DataFrame:
        """Orders of a service date."""
        return orders_frame(self._world, draw_orders(self._world, day))

    def shifts_for(self, day: date) -> pd.DataFrame:
        """Who works on a service date; known two days before."""
        return shifts_frame(self._world, day, draw_absences(self._world, day).absent)

    def day_before(self, day: date) -> Tables:
        """What is known the evening before: orders, shifts, weather with its forecasts."""
        return {
            "orders": self.orders_for(day),
            "shifts": self.shifts_for(day),
            "weather": weather_frame(self._world, day),
        }

    def baseline_plan(self, day: date) -> pd.DataFrame:
        """Routes as the city's own dispatcher makes them (``simulation.plans.PLAN_COLUMNS``)."""
        return baseline_routes(self._world, draw_orders(self._world, day))

    def play_day(self, day: date, plan: pd.DataFrame, decisions: Iterable[Action] = ()) -> DayResult:
        """Play a day under a plan and decisions: events, invoices, and truth for evaluation.

        Raises:
            InputError: the plan names another day, unknown orders, or a driver, vehicle or order twice.
        """
        return play_day(self._world, day, plan, decisions)

    def live_day(self, day: date, plan: pd.DataFrame, decisions: Iterable[Action] = ()) -> LiveDay:
        """The day event by event: iterate over what becomes known, answer with decisions.

        Raises:
            InputError: the plan or a decision cannot be of this day.
        """
        from simulation.live import LiveDay

        return LiveDay(self._world, day, plan, decisions)

    def drive(self, day: date, plan: pd.DataFrame, decide: Decide, decisions: Iterable[Action] = ()) -> DayResult:
        """Play a day with ``decide(view, event) -> decisions`` at every event that becomes known.

        Raises:
            InputError: the plan or a decision cannot be of this day.
        """
        from simulation.live import drive

        return drive(self.live_day(day, plan, decisions), decide)

    def forget_conditions(self) -> None:
        """Let go of the weather and traffic kept of dates that were asked for; asked again, they are the same."""
        self._world.conditions.clear()

    def play(self, day: date, routes: pd.DataFrame) -> pd.DataFrame:
        """Events of a day under a plan; see ``play_day``."""
        return self.play_day(day, routes).events

    def history(self, first_date: date, days: int) -> Iterator[tuple[date, Tables]]:
        """Days as the city's own dispatcher ran them."""
        for day, tables, _ in self.history_with_truth(first_date, days):
            yield day, tables

    def history_with_truth(self, first_date: date, days: int) -> Iterator[tuple[date, Tables, DayResult]]:
        """The same with the played day, whose truth is for evaluation only."""
        for number in range(days):
            day = first_date + timedelta(days=number)
            played = self.play_day(day, self.baseline_plan(day))
            tables = {**self.day_before(day), "delivery_events": played.events, "invoices": played.invoices}
            yield day, tables, played
