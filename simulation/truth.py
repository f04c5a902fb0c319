"""Truth that no planner or model may see: probabilities, outcomes under each action, hidden traits, shocks in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from simulation.actions import DOOR_ACTIONS, DoorActions
from simulation.batch import DayLog, outcome_codes
from simulation.columns import coded, numbered, texts
from simulation.demand import ID_DIGITS
from simulation.doors import CODE, NEVER, OUTCOMES
from simulation.habits import HABITS
from simulation.setup import DaySetup

TRUTH_PREFIX = "truth_"
"""Every column of truth but ids begins with this: a search of the lake and the landing folder finds a leak."""
HOURS_SHOWN = tuple(range(8, 21))


@dataclass(frozen=True)
class Truth:
    """Frames by name: ``orders`` (one planned order), ``drivers``, ``conditions`` (one city and hour), ``shocks``."""

    frames: dict[str, pd.DataFrame]

    def write(self, folder: Path, name: str) -> None:
        """One Parquet file a frame: ``<folder>/<frame>/<name>.parquet``. Never under a landing folder."""
        for frame, rows in self.frames.items():
            place = folder / frame / f"{name}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_suffix(".part")
            rows.to_parquet(draft, index=False)
            draft.replace(place)


def truth_of(setup: DaySetup, log: DayLog) -> Truth:
    """All truth of a played day."""
    return Truth(
        {
            "orders": _orders(setup, log),
            "drivers": _drivers(setup),
            "conditions": _conditions(setup),
            "shocks": _shocks(setup),
        }
    )


def _orders(setup: DaySetup, log: DayLog) -> pd.DataFrame:
    """One planned order: its probability at the time it was visited (or told), and what each action would have done.

    Counterfactuals hold the time of the visit and put the action in force an hour before its lead time.
    """
    first = log.attempt == 1
    order, doors = log.order[first], setup.doors
    visited = np.where(log.start_s[first] < NEVER, log.start_s[first], log.told_s[first])
    hour = np.clip(visited // 3_600, 0, 29)
    law = setup.world.scenario.customers
    late_h = np.maximum(visited - setup.orders.window_end_s[order], 0) / 3_600
    chance = setup.doors.absence_probability
    every_hour, every_late = np.full(len(doors.log_odds), 12), np.zeros(len(doors.log_odds))
    every_hour[order], every_late[order] = hour, late_h
    customer = setup.orders.customer[order]
    frame = pd.DataFrame(
        {
            "order_id": texts(setup.orders.order_ids(), order),
            "customer_id": numbered("c", customer, ID_DIGITS),
            "service_date": np.full(len(order), setup.orders.day, dtype=object),
            "truth_outcome": coded(OUTCOMES, log.code[first]),
            "truth_p_absent": chance(every_hour, every_late, law.late_log_odds)[order],
            "truth_p_trouble": setup.world.customers.trouble[customer],
            "truth_customer_rate": setup.world.customers.rate[customer],
            "truth_habit": coded(HABITS, doors.habit[order]),
            "truth_would_miss_window": doors.would_miss[order],
            "truth_wrong_address": setup.orders.wrong_address[order],
            "truth_leg_noise": doors.leg_noise[order],
        }
    )
    for action in ("none", *DOOR_ACTIONS):
        frame[f"truth_outcome_{action}"] = coded(OUTCOMES, _under(setup, action, order, visited))
    for one in HOURS_SHOWN:
        at = np.full(len(order), one * 3_600, dtype=np.int64)
        frame[f"truth_fails_at_{one:02d}"] = _codes(setup, None, order, at) != 0
    return frame


def _under(setup: DaySetup, action: str, order: np.ndarray, visited: np.ndarray) -> np.ndarray:
    """Outcome codes of ``order`` if ``action`` alone had been taken in good time."""
    if action == "none":
        return _codes(setup, None, order, visited)
    state = DoorActions(setup.orders, setup.doors, setup.world.scenario.effects)
    lead = setup.world.scenario.effects.lead_s + 3_600
    for one, at in zip(order.tolist(), visited.tolist(), strict=True):
        state.apply(action, one, at - lead)
    codes = _codes(setup, state, order, visited)
    removed = np.array([state.removed_s[one] for one in order.tolist()]) <= visited
    rescheduled = np.array([state.removed_code[one] for one in order.tolist()]) == CODE["rescheduled"]
    return np.where(removed & rescheduled, CODE["rescheduled"], codes)


def _codes(setup: DaySetup, state: DoorActions | None, order: np.ndarray, at: np.ndarray) -> np.ndarray:
    return outcome_codes(replace(setup, actions=state), order, at, np.zeros(len(order), dtype=np.int64))


def _drivers(setup: DaySetup) -> pd.DataFrame:
    world, crews = setup.world, setup.crews
    return pd.DataFrame(
        {
            "driver_id": [one.driver_id for one in world.drivers],
            "service_date": [setup.orders.day] * len(world.drivers),
            "truth_pace": crews.pace,
            "truth_skill": [one.pace for one in world.drivers],
            "truth_fault_s": crews.fault_s,
            "truth_no_show": crews.no_show,
            "truth_declines_route": crews.declines_route,
        }
    )


def _conditions(setup: DaySetup) -> pd.DataFrame:
    today, cities = setup.conditions, setup.world.scenario.cities
    hours = today.travel.shape[1]
    return pd.DataFrame(
        {
            "city": np.repeat([one.name for one in cities], hours),
            "service_date": [setup.orders.day] * (len(cities) * hours),
            "truth_hour": np.tile(np.arange(hours), len(cities)),
            "truth_travel_factor": today.travel.ravel(),
            "truth_rain_mm": today.rain_mm.ravel(),
            "truth_closed_share": today.closed_share,
        }
    )


def _shocks(setup: DaySetup) -> pd.DataFrame:
    rows = [
        {
            "service_date": setup.orders.day,
            "truth_shock": one.kind,
            "truth_shock_number": number,
            "truth_parameters": one.model_dump_json(),
        }
        for number, one in enumerate(setup.world.scenario.shocks)
        if one.holds(setup.orders.day)
    ]
    return pd.DataFrame(rows, columns=["service_date", "truth_shock", "truth_shock_number", "truth_parameters"])
