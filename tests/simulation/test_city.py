"""The twin is reproducible, its frames fit the tables, and it refuses what cannot be."""

from datetime import date

import pandas as pd
import pytest

from domain.errors import InputError
from domain.tables import RAW_TABLES
from simulation import City, Scenario, load_scenario
from simulation.streams import stream

DAY = date(2026, 3, 3)
TABLES = {table.name: table for table in RAW_TABLES}


@pytest.fixture(scope="module")
def city():
    return City(Scenario(customers=600, orders_per_day=80))


def test_a_day_is_the_same_to_the_bit(city):
    _, first = next(city.history(DAY, 1))
    _, again = next(City(Scenario(customers=600, orders_per_day=80)).history(DAY, 1))
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_a_draw_in_one_place_moves_nothing_elsewhere():
    before = stream(1, "weather", DAY).random(3)
    stream(1, "demand", DAY).random(1_000)
    assert (stream(1, "weather", DAY).random(3) == before).all()


def test_frames_hold_only_columns_of_their_tables(city):
    _, tables = next(city.history(DAY, 1))
    for name, frame in {**city.reference(DAY), **tables}.items():
        assert set(frame.columns) <= set(TABLES[name].column_names), name
        required = {c.name for c in TABLES[name].columns if c.required} - {"source", "file_id"}
        assert required <= set(frame.columns), name


def test_failures_are_calibrated_and_concentrated():
    city = City(load_scenario())
    parts = [
        tables["delivery_events"].merge(tables["orders"][["order_id", "customer_id"]], on="order_id")
        for _, tables in city.history(DAY, 10)
    ]
    ends = pd.concat(parts).query("event_type in ('delivered', 'attempt_failed')")
    failed = ends["event_type"] == "attempt_failed"
    assert 0.03 < failed.mean() < 0.06
    per_customer = failed.groupby(ends["customer_id"]).sum().sort_values(ascending=False)
    assert per_customer.head(len(per_customer) // 10).sum() > 0.6 * failed.sum()


def test_a_plan_of_another_day_or_with_a_driver_twice_is_refused(city):
    orders = city.orders_for(DAY)
    stop = {
        "route_id": "r",
        "vehicle_id": "captive-v00",
        "driver_id": "captive-d00",
        "fleet_id": "captive",
        "depot_id": "depot-0",
        "sequence": 1,
        "order_id": orders["order_id"].iloc[0],
    }
    other = {**stop, "route_id": "q", "order_id": orders["order_id"].iloc[1]}
    assert len(city.play(DAY, pd.DataFrame([stop]))) >= 4
    with pytest.raises(InputError, match="two routes"):
        city.play(DAY, pd.DataFrame([stop, other]))
    with pytest.raises(InputError, match="not of this day"):
        city.play(DAY, pd.DataFrame([{**stop, "order_id": "o1"}]))


def test_a_typo_in_a_scenario_names_the_nearest_parameter(tmp_path):
    path = tmp_path / "s.yml"
    path.write_text("order_per_day: 3\n")
    with pytest.raises(InputError, match="orders_per_day"):
        load_scenario(path)
    path.write_text("failed_share: 1.4\n")
    with pytest.raises(InputError, match="0 to 1"):
        load_scenario(path)
