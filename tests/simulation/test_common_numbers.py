"""Two policies meet the same world: what is drawn belongs to customers, drivers, doors and hours, not to the plan."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation import City, scenario_from
from simulation.conditions import conditions_of
from simulation.doors import NEVER
from simulation.landing import simulate
from tests.simulation.conftest import SMALL

DAY = date(2026, 3, 3)


def other_policy(plan: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same orders by the same vans in an arbitrary sequence, some of them not at all."""
    draw = np.random.default_rng(seed)
    kept = plan.sample(frac=0.8, random_state=draw)
    return kept.assign(sequence=draw.permutation(len(kept)))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_policies_meet_the_same_customers_traffic_and_weather(city, plan, seed):
    one, two = city.play_day(DAY, plan), city.play_day(DAY, other_policy(plan, seed))
    for name in one.setup.doors.__dataclass_fields__:
        assert np.array_equal(getattr(one.setup.doors, name), getattr(two.setup.doors, name)), name
    for name in one.setup.crews.__dataclass_fields__:
        assert np.array_equal(getattr(one.setup.crews, name), getattr(two.setup.crews, name)), name
    assert np.array_equal(one.setup.conditions.travel, two.setup.conditions.travel)
    # a stop that both reach in the same hour, before its window closes, ends alike
    first, second = (pd.DataFrame(vars(played.log), columns=["order", "start_s", "code"]) for played in (one, two))
    both = first.merge(second, on="order", suffixes=("_1", "_2"))
    both = both[(both["start_s_1"] < NEVER) & (both["start_s_2"] < NEVER)]
    closes = one.setup.orders.window_end_s[both["order"]]
    same = (both["start_s_1"] // 3_600 == both["start_s_2"] // 3_600) & (
        both[["start_s_1", "start_s_2"]].max(axis=1) <= closes
    )
    assert (both.loc[same, "code_1"] == both.loc[same, "code_2"]).all()


def test_a_draw_that_is_added_elsewhere_moves_nothing(plan):
    """A shock that touches nobody draws for every customer; a fleet nobody calls draws for its drivers."""
    calm = City(scenario_from(SMALL))
    idle = {"kind": "habit_change", "first_day": "2026-01-01", "share": 0.0}
    spare = {"fleet_id": "reserve", "kind": "captive", "control_mode": "routed", "name": "Reserve", "drivers": 3}
    fleets = [one.model_dump(mode="json") for one in calm.scenario.fleets]
    busy = City(scenario_from({**SMALL, "shocks": [idle], "fleets": [*fleets, {**spare, "tariff": {}}]}))
    pd.testing.assert_frame_equal(calm.orders_for(DAY), busy.orders_for(DAY))
    pd.testing.assert_frame_equal(calm.play_day(DAY, plan).events, busy.play_day(DAY, plan).events)


def test_days_do_not_depend_on_which_were_played_before(plan):
    fresh, used = City(scenario_from(SMALL)), City(scenario_from(SMALL))
    for _ in used.history(date(2026, 2, 20), 5):
        pass
    pd.testing.assert_frame_equal(fresh.play_day(DAY, plan).events, used.play_day(DAY, plan).events)


@pytest.mark.slow
def test_one_process_and_two_write_the_same_files(tmp_path):
    scenario = scenario_from(SMALL)
    for jobs in (1, 2):
        days = list(simulate(scenario, DAY, 3, tmp_path / str(jobs), tmp_path / f"{jobs}-truth", jobs))
        assert [one.day.day for one in days] == [3, 4, 5]
    for one in ("", "-truth"):
        first, second = tmp_path / f"1{one}", tmp_path / f"2{one}"
        files = sorted(path.relative_to(first) for path in first.rglob("*.parquet"))
        assert files == sorted(path.relative_to(second) for path in second.rglob("*.parquet"))
        assert len(files) >= 12
        assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_the_weather_is_the_citys_not_the_plans(city):
    assert conditions_of(city.world, DAY) is conditions_of(city.world, DAY)
    other = City(scenario_from({**SMALL, "demand": {"orders_per_day": 10}}))
    assert np.array_equal(conditions_of(city.world, DAY).rain_mm, conditions_of(other.world, DAY).rain_mm)
