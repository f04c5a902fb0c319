"""Play a day under a plan and decisions: the door an operation or an experiment uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pandas as pd

from simulation.actions import DOOR_ACTIONS, Action
from simulation.batch import DayLog, play_batch
from simulation.demand import draw_orders
from simulation.invoices import invoices_frame
from simulation.plans import read_plan
from simulation.records import Rows, event_rows, events_frame
from simulation.setup import DaySetup, set_up
from simulation.truth import Truth, truth_of
from simulation.world import World


@dataclass(frozen=True)
class DayResult:
    """A played day. ``events`` and ``invoices`` are what a company has; ``truth`` is for evaluation only."""

    setup: DaySetup
    log: DayLog
    rows: Rows | None = None
    """Events as a live day recorded them; a day played at once derives them from the log."""

    @cached_property
    def events(self) -> pd.DataFrame:
        """Delivery events in the order in which they became known."""
        return events_frame(self.setup, self.rows or event_rows(self.setup, self.log))

    @cached_property
    def invoices(self) -> pd.DataFrame:
        """Invoice lines by route and component."""
        return invoices_frame(self.setup, self.log)

    def positions(self, every_s: int = 300) -> pd.DataFrame:
        """Where vans said they were every ``every_s`` seconds: ``position`` events, apart from ``events``.

        Raises:
            InputError: ``every_s`` is below 1.
        """
        from simulation.tracks import positions_frame

        return positions_frame(self.setup, self.log, every_s)

    @cached_property
    def truth(self) -> Truth:
        """What no company knows: true probabilities, outcomes under each action, conditions."""
        return truth_of(self.setup, self.log)


def play_day(world: World, day: date, plan: pd.DataFrame, decisions: Iterable[Action] = ()) -> DayResult:
    """Play ``day`` under ``plan`` (``plans.PLAN_COLUMNS``) and ``decisions``.

    Decisions at the door are played in one go; those that change routes take the day event by event.

    Raises:
        InputError: the plan or a decision cannot be of this day.
    """
    orders = draw_orders(world, day)
    actions = list(decisions)
    setup = set_up(world, orders, read_plan(world, orders, plan), actions)
    if all(one.action in DOOR_ACTIONS for one in actions):
        return DayResult(setup, play_batch(setup))
    from simulation.live import LiveDay

    live = LiveDay(world, day, plan, actions)
    for _ in live:
        pass
    return live.result()
