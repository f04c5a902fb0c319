"""Past dates come out to the bit as they were, whatever late and corrected rows came since; promises are kept twice."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError
from models.registry import Registry
from models.training import train
from orchestration.learning import NUMBERS
from orchestration.loop.backfill import STAGES, backfill, differences, digest, remember, remembered
from orchestration.loop.evidence import evidence
from orchestration.loop.scorecards import fleet_scorecards, promise_integrity
from orchestration.predicting import predict_days
from tests.orchestration.loop.conftest import land

DAY = date(2026, 3, 6)
KNOWN = datetime(2026, 3, 5, 12, tzinfo=UTC)
"""When the model that predicts the day was fitted."""


def later(frame, days, **changes):
    """Rows that became known ``days`` after all of this, as a corrected file would bring them."""
    moment = pd.Timestamp("2026-03-08T12:00Z") + timedelta(days=days)
    return frame.drop(columns=["source", "file_id"]).assign(ingest_time=moment, **changes)


@pytest.fixture(scope="module")
def first(town):
    """Digests of the day, predicted by a model that was registered two days before."""
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.random((300, len(NUMBERS["failed"]))) * 10, columns=list(NUMBERS["failed"]))
    model = train(
        "failed", rows, (rows["weekday"] > rng.random(300) * 10).astype(float), NUMBERS["failed"], (), rounds=20
    )
    Registry(town.home / "models").save(model, source="town", as_of=KNOWN.isoformat(), lake_snapshot=1, metrics={})
    return backfill(town, "town", DAY, DAY, iterations=15)


@pytest.mark.slow
def test_a_past_date_is_the_same_after_a_month_of_late_and_corrected_rows(town, first):
    assert set(first[DAY.isoformat()]) == set(STAGES)
    assert len(town.query("select 1 from prediction.predictions where service_date = ?", [DAY])) > 50
    events = town.query("select * from raw.delivery_events order by event_id limit 200")
    driven = town.query("select * from raw.delivery_events where event_type in ('arrived', 'delivered')")
    orders = town.query("select * from raw.orders where service_date = ? order by order_id limit 20", [DAY])
    land(town, "delivery_events", later(events, 3, event_type="attempt_failed", exception_class="cascade"))
    land(town, "delivery_events", later(events, 20, event_id="late-" + events["event_id"]))
    land(town, "delivery_events", later(driven, 25, event_time=driven["event_time"] + timedelta(minutes=40)))
    land(town, "orders", later(orders, 30, lat=orders["lat"] + 0.05, service_s=900))
    again = backfill(town, "town", DAY, DAY, iterations=15)
    assert differences(again, first) == []
    assert again == first
    # and the comparison can fail
    assert differences({DAY.isoformat(): {"plans": "another"}}, first) == [f"{DAY}: plans"]


@pytest.mark.slow
def test_a_champion_that_knew_the_outcomes_does_not_predict_them(town, first):
    registry = Registry(town.home / "models")
    (then,) = (
        one.version for one in registry.entries() if one.task == "failed" and one.version.startswith("2026-03-05")
    )
    known = registry.load("failed", "town", then)
    now = registry.save(known, source="town", as_of="2026-03-20T12:00:00+00:00", lake_snapshot=2, metrics={})
    registry.promote("failed", "town", now)
    told = predict_days(town, town.home, "town", DAY, DAY)
    assert set(told["model_version"]) == {then}
    assert set(predict_days(town, town.home, "town", DAY + timedelta(days=21), DAY + timedelta(days=21))["task"]) <= {
        "failed"
    }
    backfilled = backfill(town, "town", DAY, DAY, stages=("predictions",))
    written = town.query("select factors from prediction.predictions where service_date = ?", [DAY])
    assert len(written) and written["factors"].notna().all(), "reasons are there after a backfill too"
    assert backfilled[DAY.isoformat()]["predictions"] == first[DAY.isoformat()]["predictions"]


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
    # corrections that come a year later change what is known, not which weeks are looked at
    assert len(fleet_scorecards(town, "town", as_of=as_of + timedelta(days=365))[1]) >= len(stops)


def test_every_answer_has_a_query_that_gives_its_value(town):
    import duckdb

    found = evidence(town, "town", pd.Timestamp("2026-03-08T06:00Z").to_pydatetime(), new_days=2)
    assert set(found["drivers"]) == {"routing", "dispatch", "exceptions", "communication", "learning"}
    assert found["answers"]
    for one in found["answers"]:
        assert duckdb.sql(one["query"]).fetchone()[0] == pytest.approx(one["value"], abs=1e-5)
        assert {"threshold", "verdict", "driver"} <= set(one)
