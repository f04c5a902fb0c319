"""Past dates come out to the bit as they were, whatever late and corrected rows came since; promises are kept twice."""

from datetime import date, timedelta

import pandas as pd
import pytest

from domain.errors import InputError
from orchestration.loop.backfill import backfill, differences, digest, remember, remembered
from orchestration.loop.evidence import evidence
from orchestration.loop.scorecards import fleet_scorecards, promise_integrity
from tests.orchestration.loop.conftest import land

DAY = date(2026, 3, 6)
STAGES = ("parameters", "plans")


def later(frame, days, **changes):
    """Rows that became known ``days`` after all of this, as a corrected file would bring them."""
    moment = pd.Timestamp("2026-03-08T12:00Z") + timedelta(days=days)
    return frame.drop(columns=["source", "file_id"]).assign(ingest_time=moment, **changes)


@pytest.fixture(scope="module")
def first(town):
    return backfill(town, "town", DAY, DAY, stages=STAGES, iterations=15)


def test_a_past_date_is_the_same_after_a_month_of_late_and_corrected_rows(town, first):
    events = town.query("select * from raw.delivery_events order by event_id limit 200")
    orders = town.query("select * from raw.orders where service_date = ? order by order_id limit 20", [DAY])
    land(town, "delivery_events", later(events, 3, event_type="attempt_failed", exception_class="cascade"))
    land(town, "delivery_events", later(events, 20, event_id="late-" + events["event_id"]))
    land(town, "orders", later(orders, 30, lat=orders["lat"] + 0.05, service_s=900))
    again = backfill(town, "town", DAY, DAY, stages=STAGES, iterations=15)
    assert differences(again, first) == []
    assert again == first
    # and the comparison can fail
    assert differences({DAY.isoformat(): {"plans": "another"}}, first) == [f"{DAY}: plans"]


def test_digests_are_kept_once_and_tell_any_bit(tmp_path):
    frame = pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", None], "lake_snapshot": [1, 1]})
    assert digest(frame) == digest(frame.iloc[::-1][["b", "lake_snapshot", "a"]].assign(lake_snapshot=7))
    assert digest(frame) != digest(frame.assign(a=[1.0000000000000002, float("nan")]))
    remember(tmp_path, "town", {"d": {"plans": "1"}})
    remember(tmp_path, "town", {"d": {"plans": "2", "features": "3"}})
    assert remembered(tmp_path, "town") == {"d": {"plans": "1", "features": "3"}}


def test_wrong_dates_and_stages_are_named(town):
    with pytest.raises(InputError, match="after the last"):
        backfill(town, "town", DAY, DAY - timedelta(days=1))
    with pytest.raises(InputError, match="no stage 'dreams'"):
        backfill(town, "town", DAY, DAY, stages=("dreams",))


def test_moving_windows_gains_nothing_on_the_promise_first_made(town):
    as_of = pd.Timestamp("2026-03-08T06:00Z").to_pydatetime()
    cards, stops = fleet_scorecards(town, "town", as_of=as_of)
    before = promise_integrity(stops)
    assert before["promises_moved"] == 0
    assert before["on_time_original"] == before["on_time_active"]
    assert {"on_time_original", "on_time_active", "first_attempt", "cost_per_delivered_minor"} <= set(cards["measure"])
    late = stops[~stops["on_time_original"].fillna(True).astype(bool)]["order_id"].tolist()
    assert late
    rows = town.query("select * from raw.orders where list_contains(?, order_id) and ingest_time < ?", [late, as_of])
    # the morning of the visit the windows of those who will be late are moved
    moved = rows.drop(columns=["source", "file_id"]).assign(
        window_end=rows["window_end"] + timedelta(hours=9),
        ingest_time=pd.to_datetime(rows["service_date"]).dt.tz_localize("UTC") + timedelta(hours=5),
    )
    land(town, "orders", moved)
    _, stops = fleet_scorecards(town, "town", as_of=as_of)
    after = promise_integrity(stops)
    assert after["promises_moved"] == len(late)
    assert after["on_time_original"] == before["on_time_original"]
    assert after["on_time_active"] > before["on_time_active"]
    assert after["gained_by_moving"] > 0


def test_every_answer_has_a_query_that_gives_its_value(town):
    import duckdb

    found = evidence(town, "town", pd.Timestamp("2026-03-08T06:00Z").to_pydatetime(), new_days=2)
    assert set(found["drivers"]) == {"routing", "dispatch", "exceptions", "communication", "learning"}
    assert found["answers"]
    for one in found["answers"]:
        assert duckdb.sql(one["query"]).fetchone()[0] == pytest.approx(one["value"], abs=1e-5)
        assert {"threshold", "verdict", "driver"} <= set(one)
