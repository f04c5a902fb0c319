"""A running day scored from the lake, in batches, with hazards of past routes."""

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from click.testing import CliRunner

from domain import tables
from domain.codes import ScoreMoment
from domain.errors import InputError
from orchestration.cli import main
from orchestration.lake import Lake
from orchestration.scoring import hazards_of, score_day, wrong_scores
from orchestration.stop_scores import ScoresOfDay, newest_scores, score_history

DAY = date(2030, 3, 4)
CUT_OFF = datetime(2030, 3, 3, 19, 0, tzinfo=UTC)
NOON = datetime(2030, 3, 4, 12, 0, tzinfo=UTC)
STOPS = 10
ORIGIN = {"source": "demo", "file_id": "f", "ingest_time": CUT_OFF - timedelta(hours=3), "retracted": False}
BASIS = {"as_of": CUT_OFF, "lake_snapshot": 1}


def name(number: int) -> str:
    return f"o{number:02d}"


def planned(number: int) -> datetime:
    return NOON + timedelta(minutes=15 * number + 10)


def fill(lake: Lake) -> None:
    depot = {"depot_id": "d1", "lat": 52.0, "lon": 4.9, "timezone": "Europe/Amsterdam", "event_time": CUT_OFF}
    lake.append(tables.DEPOTS, pd.DataFrame([{**depot, **ORIGIN}]))
    common = {"service_date": DAY, "source": "demo"}
    failed = [
        {"task": "failed", "order_id": name(n), "probability": 0.1, "model_version": "m1",
         "factors": json.dumps([["customer_failure_rate", 0.8]]), **common, **BASIS}
        for n in range(STOPS)
    ]  # fmt: skip
    lake.append(tables.PREDICTIONS, pd.DataFrame(failed))
    route = {
        "plan_id": "p1", "route_id": "r1", "depot_id": "d1", "fleet_id": "captive", "fleet_kind": "captive",
        "vehicle_id": "v1", "driver_id": "dr1", "starts_at": NOON, "ends_at": planned(STOPS), "stops": STOPS,
        "distance_m": 1, "duration_s": 1, "mass_g": 1, "volume_ml": 1, "parcels": 1, "cost_minor": 1, **common, **BASIS,
    }  # fmt: skip
    lake.append(tables.ROUTES, pd.DataFrame([route]))
    stops = [
        {
            "plan_id": "p1", "route_id": "r1", "sequence": n + 1, "order_id": name(n), "arrival": planned(n),
            "service_start": planned(n), "departure": planned(n) + timedelta(minutes=5), "leg_m": 1, "leg_s": 600,
            "lat": 52.0, "lon": 4.9, "window_start": NOON, "window_end": planned(n) + timedelta(minutes=30),
            **common, **BASIS,
        }
        for n in range(STOPS)
    ]  # fmt: skip
    lake.append(tables.PLAN_STOPS, pd.DataFrame(stops))


def play(lake: Lake, delay_min: int = 25) -> None:
    """The route leaves late; half of its stops are served at the planned pace."""
    late = timedelta(minutes=delay_min)
    told = [("s", "route_started", None, "r1", NOON + late)]
    for n in range(STOPS // 2):
        told.append((f"a{n}", "arrived", name(n), None, planned(n) + late))
        told.append((f"d{n}", "delivered", name(n), None, planned(n) + late + timedelta(minutes=5)))
    rows = [
        {"event_id": event, "event_type": kind, "order_id": order, "route_id": route, "vehicle_id": "v1",
         "event_time": at, **ORIGIN, "service_date": DAY, "ingest_time": at + timedelta(seconds=20)}
        for event, kind, order, route, at in told
    ]  # fmt: skip
    lake.append(tables.DELIVERY_EVENTS, pd.DataFrame(rows))


def written(lake: Lake) -> pd.DataFrame:
    return lake.query("select * exclude (lake_snapshot) from prediction.stop_scores order by as_of, order_id, moment")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    with Lake.open(tmp_path) as lake:
        fill(lake)
    return tmp_path


def test_batches_write_what_one_run_would_have_and_repeat_nothing(home, tmp_path_factory):
    end = NOON + timedelta(hours=4)
    with Lake.open(home) as lake:
        play(lake)
        for hours in (-12, 0.3, 0.8, 1.5, 4):
            score_day(lake, "demo", DAY, NOON + timedelta(hours=hours), home)
        assert score_day(lake, "demo", DAY, end, home).rows == 0
        batches = written(lake)
        assert wrong_scores(lake, "demo", DAY) == 0
    other = tmp_path_factory.mktemp("whole")
    with Lake.open(other) as lake:
        fill(lake)
        play(lake)
        done = score_day(lake, "demo", DAY, end)
        pd.testing.assert_frame_equal(written(lake), batches, check_exact=True)
    assert done.moments["plan"] == done.moments["departure"] == STOPS
    assert set(batches["moment"]) <= set(ScoreMoment) and {"t_minus_60", "silence"} <= set(batches["moment"])
    late = batches[(batches["order_id"] == name(8)) & (batches["moment"] == "departure")].iloc[0]
    told = json.loads(late["factors"])
    assert told["failed"] == [["customer_failure_rate", 0.8]]
    assert dict(told["late"])["behind the plan"] > 0.1
    assert late["model_version"] == "m1"


def test_a_silence_is_scored_into_the_lake_and_expects_nothing_that_would_have_been_seen(home):
    with Lake.open(home) as lake:
        play(lake)
        for hours in (2, 5):
            score_day(lake, "demo", DAY, NOON + timedelta(hours=hours), home)
        rows = written(lake)
        newest = newest_scores(lake, "demo", DAY, NOON + timedelta(hours=5), STOPS)
    silent = rows[rows["moment"] == "silence"]
    last_sign = planned(STOPS // 2 - 1) + timedelta(minutes=25 + 5)
    after = silent[silent["as_of"] > last_sign]
    assert set(after["order_id"]) == {name(n) for n in range(STOPS // 2, STOPS)}, "each open stop, at each silence"
    own = after[after["order_id"] == name(STOPS // 2)]
    assert len(own) >= 3 and (own["eta_p05"] >= own["as_of"]).all()
    assert own["eta_p50"].is_monotonic_increasing and own["p_late"].is_monotonic_increasing
    width = own["eta_p90"] - own["eta_p10"]
    assert width.iloc[-1] > 2 * width.iloc[0], "the longer without a sign, the less is known"
    assert dict(json.loads(own["factors"].iloc[0])["late"])["no sign since"] > 0
    assert {one.moment for one in newest} == {ScoreMoment.SILENCE}


def test_the_command_tells_the_stops_at_risk(home, capfd):
    with Lake.open(home) as lake:
        play(lake)
    call = ["--home", str(home), "score", "demo", "2030-03-04", "--at", "2030-03-04T15:00", "--json"]
    assert CliRunner().invoke(main, call).exit_code == 0
    told = json.loads(capfd.readouterr().out)
    assert told["rows"] > STOPS
    open_orders = {name(n) for n in range(STOPS // 2, STOPS)}
    assert {one["order_id"] for one in told["riskiest"]} == open_orders
    with Lake.open(home) as lake, pytest.raises(InputError, match="no plan of 2030-03-05"):
        score_day(lake, "demo", date(2030, 3, 5), NOON)


def test_hazards_are_the_rates_of_past_routes_shrunk_to_the_fleets(home):
    with Lake.open(home) as lake:
        nothing = hazards_of(lake, "demo", NOON)
        assert 0 < nothing.of("v1", False).vehicle_per_h < 0.01
        days = [date(2030, 1, 1) + timedelta(days=n) for n in range(60)]
        rows = [
            {"source": "demo", "order_id": f"{v}-{n}-{s}", "service_date": day, "route_id": f"{v}-{n}", "vehicle_id": v,
             "arrived_at": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=8 + 4 * s),
             "concluded_at": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=8 + 4 * s),
             "label_time": pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=20),
             "exception_class": "vehicle_issue" if v == "old" and n % 6 == 0 else
             "weather_or_road" if n % 10 == 0 else None}
            for n, day in enumerate(days) for v in ("old", "new") for s in range(3)
        ]  # fmt: skip
        features = [
            {"source": "demo", "order_id": one["order_id"],
             "forecast_precipitation_mm": 3.0 if one["service_date"].day % 10 == 1 else 0.0} for one in rows
        ]  # fmt: skip

        def build(connection):
            connection.execute("create schema if not exists marts")
            for table, frame in (("fct_outcomes", rows), ("feat_exception", features)):
                connection.register("rows", pd.DataFrame(frame))
                connection.execute(f"create or replace table marts.{table} as select * from rows")
                connection.unregister("rows")

        lake.write(build)
        known, early = hazards_of(lake, "demo", NOON), hazards_of(lake, "demo", datetime(2029, 1, 1, tzinfo=UTC))
    assert known.vehicle["old"] > 2 * known.vehicle["new"]
    assert known.vehicle["old"] < 10 / (60 * 8), "shrunk to the fleet"
    assert known.wet > 2 * known.dry
    assert early.of("old", True) == nothing.of("v1", True), "what was known later plays no role"


def test_one_reader_tells_the_newest_score_of_open_stops_as_of_a_moment(home):
    soon, later = NOON + timedelta(minutes=50), NOON + timedelta(hours=3)
    with Lake.open(home) as lake:
        play(lake)
        score_day(lake, "demo", DAY, later, home)
        first, last = newest_scores(lake, "demo", DAY, soon), newest_scores(lake, "demo", DAY, later)
        history = score_history(lake, "demo", DAY, later)
        assert newest_scores(lake, "demo", DAY, later, most=2) == last[:2]
    assert {one.order_id for one in last} == {name(n) for n in range(STOPS // 2, STOPS)}
    assert {one.order_id for one in first} > {one.order_id for one in last}
    assert [one.p_exception for one in last] == sorted((one.p_exception for one in last), reverse=True)
    for now, told in ((soon, first), (later, last)):
        for one in told:
            own = [score for score in history[one.order_id] if score.as_of <= now]
            assert own[-1] == one and one.as_of <= now
            assert isinstance(one.moment, ScoreMoment) and one.factors


def test_a_page_is_told_times_of_the_day_s_zone_and_asks_the_lake_seldom(home):
    zone = timezone(timedelta(hours=2))
    with Lake.open(home) as lake:
        play(lake)
        score_day(lake, "demo", DAY, NOON + timedelta(hours=3), home)
    moments = iter([NOON.astimezone(zone) + timedelta(hours=3)])  # a second reading would fail
    scores = ScoresOfDay(home, "demo", DAY, lambda: next(moments))
    assert scores() == scores() and len(scores()) == STOPS // 2
    for one in scores():
        assert one.as_of.utcoffset() == one.eta_p50.utcoffset() == timedelta(hours=2)


def test_watching_a_day_scores_it_first_and_tells_who_is_at_risk(home, capfd):
    pytest.importorskip("fastapi")
    with Lake.open(home) as lake:
        play(lake)
        orders = [
            {"order_id": name(n), "kind": "delivery", "customer_id": f"c{n}", "service_date": DAY, **ORIGIN,
             "event_time": CUT_OFF - timedelta(hours=3)}
            for n in range(STOPS)
        ]  # fmt: skip
        lake.append(tables.ORDERS, pd.DataFrame(orders))
    call = ["--home", str(home), "watch", "demo", "2030-03-04", "--at", "2030-03-04T15:00", "--json"]
    told = []
    for _ in range(2):
        assert CliRunner().invoke(main, call).exit_code == 0
        told.append(json.loads(capfd.readouterr().out))
    assert {one["order_id"] for one in told[0]["at_risk"]} == {name(n) for n in range(STOPS // 2, STOPS)}
    assert told[1]["new_messages"] == 0 and told[1]["messages"] == told[0]["messages"]
    assert {one["moment"] for one in told[0]["at_risk"]} <= set(ScoreMoment)
