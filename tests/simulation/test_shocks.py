"""Shifts on demand: each changes what it says, where and when it says, and truth records it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from simulation import City, scenario_from
from simulation.conditions import conditions_of
from tests.simulation.conftest import SMALL

BEFORE, DAY = date(2026, 3, 3), date(2026, 3, 5)


def shocked(**shock: object) -> City:
    return City(scenario_from({**SMALL, "shocks": [{"first_day": "2026-03-04", **shock}]}))


@pytest.fixture(scope="module")
def plan_of_day(city):
    return city.baseline_plan(DAY)


@pytest.mark.parametrize(
    "shock",
    [
        {"kind": "roadworks"},
        {"kind": "habit_change"},
        {"kind": "carrier_decline", "fleet": "carrier"},
        {"kind": "strike", "fleet": "captive"},
        {"kind": "storm"},
        {"kind": "surge"},
        {"kind": "address_corruption"},
    ],
)
def test_nothing_changes_before_the_first_day_and_truth_records_the_rest(city, plan, shock):
    other = shocked(**shock, last_day="2026-03-06")
    for day in (BEFORE, date(2026, 3, 7)):
        pd.testing.assert_frame_equal(city.orders_for(day), other.orders_for(day))
        pd.testing.assert_frame_equal(city.shifts_for(day), other.shifts_for(day))
    calm = other.play_day(BEFORE, plan)
    pd.testing.assert_frame_equal(city.play_day(BEFORE, plan).events, calm.events)
    assert len(calm.truth.frames["shocks"]) == 0
    told = other.play_day(DAY, other.baseline_plan(DAY)).truth.frames["shocks"]
    assert told["truth_shock"].tolist() == [shock["kind"]]
    assert '"first_day":"2026-03-04"' in told["truth_parameters"].iloc[0]


def test_roadworks_slow_legs_into_their_quarters_only(city):
    zone = city.scenario.quarter_names()[2]
    other = shocked(kind="roadworks", zones=[zone], speed_factor=0.5)
    before, after = (conditions_of(one.world, DAY).quarter for one in (city, other))
    assert after[2] == 2 * before[2]
    assert np.array_equal(np.delete(before, 2), np.delete(after, 2))


def test_habits_change_for_their_share(city, plan_of_day):
    other = shocked(kind="habit_change", share=0.5, log_odds=1.5)
    calm, changed = (one.play_day(DAY, plan_of_day) for one in (city, other))
    moved = calm.setup.doors.log_odds != changed.setup.doors.log_odds
    assert 0.35 < moved.mean() < 0.65
    assert (changed.log.code != 0).sum() > (calm.log.code != 0).sum()


def test_a_carrier_declines_and_slows(city, plan_of_day):
    other = shocked(kind="carrier_decline", fleet="carrier", decline_share=1.0, pace_factor=1.3)
    declines = other.play_day(DAY, plan_of_day).events
    own = plan_of_day["fleet_id"] == "carrier"
    assert own.any()
    failed = declines[declines["failure_reason"] == "carrier_declined"]["order_id"]
    assert set(plan_of_day.loc[own, "order_id"]) - set(failed) <= set(
        declines[declines["event_type"] == "cancelled"]["order_id"]
    )
    fleet = [one.fleet_id for one in city.scenario.fleets].index("carrier")
    assert conditions_of(other.world, DAY).fleet_pace[fleet] == pytest.approx(1.3)


def test_a_strike_empties_the_roster(city):
    other = shocked(kind="strike", fleet="captive", absent_share=1.0)
    assert not (other.shifts_for(DAY)["fleet_id"] == "captive").any()
    assert (city.shifts_for(DAY)["fleet_id"] == "captive").any()


def test_a_storm_hits_the_whole_day(city, plan_of_day):
    other = shocked(kind="storm", closed_share=0.3)
    wild = other.play_day(DAY, plan_of_day)
    assert (wild.events["failure_reason"] == "weather").sum() > 10
    assert (
        conditions_of(other.world, DAY).travel[0, 10:16].min() > conditions_of(city.world, DAY).travel[0, 10:16].max()
    )
    assert other.day_before(DAY)["weather"]["wind_ms"].max() > 15


def test_a_corrupted_address_book_sends_vans_astray(city, plan_of_day):
    other = shocked(kind="address_corruption", share=0.3)
    told = [one.orders_for(DAY)[["lat", "lon"]] for one in (city, other)]
    moved = (told[0] != told[1]).any(axis=1)
    assert 0.15 < moved.mean() < 0.45
    lost = other.play_day(DAY, plan_of_day).events["failure_reason"] == "address_wrong"
    assert lost.sum() > (city.play_day(DAY, plan_of_day).events["failure_reason"] == "address_wrong").sum() + 3
