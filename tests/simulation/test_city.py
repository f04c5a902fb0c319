"""The twin is reproducible, its frames fit the tables, and its figures are those it is calibrated to."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from domain.tables import RAW_TABLES
from simulation import City, load_scenario, scenario_from
from tests.simulation.conftest import SMALL

TABLES = {table.name: table for table in RAW_TABLES}
DAY = date(2026, 3, 3)


def test_a_day_is_the_same_to_the_bit(city):
    _, first = next(city.history(DAY, 1))
    _, again = next(City(scenario_from(SMALL)).history(DAY, 1))
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_frames_hold_only_columns_of_their_tables(city):
    _, tables = next(city.history(DAY, 1))
    for name, frame in {**city.reference(DAY), **tables}.items():
        assert set(frame.columns) <= set(TABLES[name].column_names), name
        required = {c.name for c in TABLES[name].columns if c.required} - {"source", "file_id"}
        assert required <= set(frame.columns), name
        for column in TABLES[name].columns:
            if column.allowed and column.name in frame.columns:
                assert set(frame[column.name].dropna()) <= set(column.allowed), f"{name}.{column.name}"
        assert frame[list(required & set(frame.columns))].notna().all(axis=None), name


def test_every_order_is_known_before_the_plan_is_made(city):
    orders = city.orders_for(DAY)
    assert (orders["ingest_time"] < pd.Timestamp("2026-03-02 19:00", tz="UTC")).all()
    assert (orders["window_start"] < orders["window_end"]).all()
    assert orders["order_id"].is_unique


def test_events_come_late_twice_and_out_of_order(city):
    events = pd.concat([tables["delivery_events"] for _, tables in city.history(DAY, 4)])
    delay = (events["ingest_time"] - events["event_time"]).dt.total_seconds()
    assert (delay > 0).all()
    assert 0.01 < (delay >= 3_600).mean() < 0.06
    assert events.duplicated().any()
    assert events.drop_duplicates()["event_id"].is_unique
    assert (events["event_time"].diff().dt.total_seconds() < 0).any()


def test_a_null_world_tells_customers_apart_by_nothing():
    city = City(load_scenario("null"))
    parts = []
    for number in range(21):
        played = city.play_day(
            date(2026, 3, 2) + timedelta(days=number), city.baseline_plan(date(2026, 3, 2) + timedelta(days=number))
        )
        log = played.log
        absent = log.went & (log.code != 0)
        parts.append(pd.DataFrame({"customer": played.setup.orders.customer[log.order], "failed": absent}))
    history = pd.concat(parts, ignore_index=True)
    before = history.groupby("customer")["failed"].shift()
    gap = history.loc[before.eq(True), "failed"].mean() - history.loc[before.eq(False), "failed"].mean()
    assert abs(gap) < 0.03


def test_the_planted_world_has_the_rates_it_was_given():
    city = City(load_scenario("planted"))
    law = city.scenario.customers
    rate = city.world.customers.rate
    bad = np.arange(len(rate)) % round(1 / law.planted_bad_share) == 0
    assert np.allclose(rate[bad], law.planted_bad_rate)
    assert abs(rate.mean() - law.failed_share) < 0.002
    assert len(set(np.round(rate, 9))) == 2


def test_two_cities_differ_in_traffic_and_share_no_road():
    city = City(load_scenario("two_cities"))
    plan = city.baseline_plan(DAY)
    played = city.play_day(DAY, plan)
    travel = played.setup.conditions.travel
    assert travel.shape[0] == 2
    assert not np.allclose(travel[0], travel[1])
    own = city.world.places.depot_city[played.setup.orders.depot]
    assert (own == played.setup.orders.city).all()
    assert played.log.leg_m.max() < 60_000
