"""Outcomes of the lake become parameters as of a cut-off; plans are made with them; lineage goes there and back."""

from datetime import date

import pandas as pd
import pytest

from domain import tables
from domain.errors import InputError
from orchestration.loop.lineage import lineage
from orchestration.loop.parameters import ages, learn_day, newest_parameters
from orchestration.planning import plan_day, publish
from orchestration.planning.build import build_problem, building_of

DAY = date(2026, 3, 8)


@pytest.fixture(scope="module")
def learned(town):
    return learn_day(town, "town", DAY)


@pytest.fixture(scope="module")
def planned(town, learned):
    found = plan_day(town, "town", DAY, seconds=1, iterations=20)
    publish(town, found)
    return found


def test_parameters_hold_nothing_that_came_after_the_cut_off(town, learned):
    cut_off = learned["as_of"].iloc[0]
    assert (learned["newest_outcome"].dropna() <= cut_off).all()
    early = learn_day(town, "town", date(2026, 3, 4))
    assert early["evidence"].max() < learned["evidence"].max()
    assert {"travel_time", "service_time", "reliability"} <= set(learned["kind"])
    again = learn_day(town, "town", DAY).drop(columns=["lake_snapshot"])
    pd.testing.assert_frame_equal(again, learned.drop(columns=["lake_snapshot"]))
    assert len(newest_parameters(town, "town")) == len(learned)


def test_a_plan_is_made_with_what_was_learned_and_says_so(town, planned):
    inputs = planned.inputs
    assert inputs.beliefs
    declared = inputs.orders.set_index("order_id")
    for one in planned.problem.orders:
        row = declared.loc[one.order_id]
        factor = inputs.beliefs.service_factor(building_of(row["attributes"]))
        assert one.service_s == max(1, round(int(row["service_s"]) * factor))
    assert {one.service_s for one in planned.problem.orders} != set(declared["service_s"])
    assert planned.problem.travel.by_start_s is None
    uses = town.query("select * from learned.uses where service_date = ?", [DAY])
    assert {"service_time", "travel_time"} <= set(uses["kind"])
    assert set(uses["plan_id"]) == set(planned.frames[tables.PLANS.qualified_name]["plan_id"])
    assert 0 <= ages(town, "town")["newest_outcome_age_h_p95"] <= 24


def test_plans_may_drive_at_the_learned_speed_of_each_hour(planned, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_TRAVEL_BY_HOUR", "1")
    travel = build_problem(planned.inputs).travel
    assert travel.by_start_s is not None
    at = {start: table.sum() for start, table in zip(travel.starts_s, travel.by_start_s, strict=True)}
    slow, quick = (f(range(8, 18), key=lambda h: planned.inputs.beliefs.hour_factor({h: False})[h]) for f in (max, min))
    assert at[slow * 3_600] >= at[quick * 3_600]


def test_lineage_goes_from_an_outcome_to_the_plan_and_back(town, planned):
    one = town.query(
        "select min(order_id) as order_id from raw.delivery_events where service_date = ? and event_type = ?",
        [date(2026, 3, 3), "delivered"],
    )["order_id"].iloc[0]
    found = lineage(town, one)
    assert found["outcome"]["outcome"] == "delivered"
    assert {"service_time", "reliability"} <= {part["kind"] for part in found["taught"]}
    assert all(part["first_as_of"] >= part["known_at"] for part in found["taught"])
    assert found["used_by"]["plans"]
    stop = planned.frames[tables.PLAN_STOPS.qualified_name].iloc[0]
    back = lineage(town, stop["order_id"])
    assert back["outcome"] is None
    assert back["based_on"]["plan"]["plan_id"] == stop["plan_id"]
    assert back["based_on"]["parameters"]
    assert back["based_on"]["newest_outcome_age_h"] >= 0


def test_an_unknown_order_is_named(town):
    with pytest.raises(InputError, match="no-such-order"):
        lineage(town, "no-such-order")
