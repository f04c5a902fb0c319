"""Whatever the plan and the decisions at the door: both engines play the same day, and no law of motion is broken."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation import Action, LiveDay
from simulation.actions import DOOR_ACTIONS
from simulation.doors import CODE, NEVER
from tests.simulation.test_live import DAY, ROUGH, rough, rough_plan

__all__ = ["ROUGH", "rough"]

ANY = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def any_plan(city, day: date, seed: int) -> pd.DataFrame:
    """Some orders of the day in an arbitrary sequence."""
    draw = np.random.default_rng(seed)
    kept = rough_plan(city, day).sample(frac=draw.uniform(0.3, 1), random_state=draw)
    return kept.assign(sequence=draw.permutation(len(kept)))


def any_decisions(plan: pd.DataFrame, seed: int, count: int) -> list[Action]:
    draw = np.random.default_rng(seed)
    midnight = pd.Timestamp(DAY, tz="Europe/Amsterdam")
    found = []
    for _ in range(count):
        orders = plan["order_id"].sample(int(draw.integers(1, 20)), replace=True, random_state=draw)
        decided = midnight + timedelta(seconds=int(draw.integers(-40_000, 60_000)))
        found.append(Action(str(draw.choice(DOOR_ACTIONS)), decided.to_pydatetime(), tuple(dict.fromkeys(orders))))
    return found


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 25))
@ANY
def test_both_engines_play_the_same_day_under_any_plan_and_door_decisions(rough, seed, count):
    plan = any_plan(rough, DAY, seed)
    decisions = any_decisions(plan, seed, count)
    once = rough.play_day(DAY, plan, decisions)
    live = LiveDay(rough.world, DAY, plan, decisions)
    for _ in live:
        pass
    pd.testing.assert_frame_equal(live.result().events, once.events)
    pd.testing.assert_frame_equal(live.result().invoices, once.invoices)


@given(seed=st.integers(0, 2**32 - 1))
@ANY
def test_no_law_of_motion_is_broken(rough, seed):
    plan = any_plan(rough, DAY, seed)
    played = rough.play_day(DAY, plan)
    log, setup = played.log, played.setup
    assert sorted(log.order.tolist()) == sorted(setup.orders.numbers_of(plan["order_id"]).tolist())
    went = log.went
    assert (log.arrive_s[went] <= log.start_s[went]).all()
    assert (log.start_s[went] < log.end_s[went]).all()
    assert (log.start_s[went] >= setup.orders.window_start_s[log.order[went]]).all()
    assert (log.code[~went] != 0).all()  # nobody delivers without going there
    assert (log.end_s < NEVER).all()  # every order has an outcome
    for route in np.unique(log.route[went]):
        rows = np.flatnonzero(went & (log.route == route))
        assert (np.diff(log.arrive_s[rows]) > 0).all()
        assert (log.arrive_s[rows][1:] >= log.end_s[rows][:-1]).all()  # a van is at one place at a time
        assert log.arrive_s[rows][0] > log.route_start_s[route]
        assert log.route_end_s[route] >= log.end_s[rows][-1]
    concluded = played.events.drop_duplicates("event_id")
    kinds = ("delivered", "attempt_failed", "cancelled", "rescheduled", "diverted")
    counts = concluded[concluded["event_type"].isin(kinds)].groupby("order_id").size()
    assert (counts == 1).all()
    assert len(counts) == len(plan)


@given(seed=st.integers(0, 2**32 - 1))
@ANY
def test_a_message_never_makes_a_failure_at_the_same_second(rough, seed):
    """Actions of this world lower the odds of absence: where the visit is the same, none makes it worse."""
    plan = any_plan(rough, DAY, seed)
    evening = (pd.Timestamp(DAY, tz="Europe/Amsterdam") - timedelta(hours=4)).to_pydatetime()
    helpful = [one for one in DOOR_ACTIONS if one != "offer_reschedule"]
    action = helpful[seed % len(helpful)]
    before = rough.play_day(DAY, plan).log
    after = rough.play_day(DAY, plan, [Action(action, evening, tuple(plan["order_id"]))]).log
    same = before.went & after.went & (before.start_s == after.start_s)
    better = (after.code == 0) | (after.code == CODE["diverted"])
    assert not (same & (before.code == 0) & ~better).any()
