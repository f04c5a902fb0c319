"""From a customer's answer on the page to the next plan: date, place and risk of the order change; nothing is lost."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from domain import tables
from operations.answers import remaining
from operations.links import Claims, Purpose, sign_link
from orchestration.acting.answers import answers_to_lake
from orchestration.acting.evening import act_on_day
from orchestration.lake import Lake, LakeSettings
from orchestration.messaging.answers import AnswerStore
from orchestration.messaging.settings import link_secret
from orchestration.messaging.store import OutboxStore
from orchestration.planning import plan_day, publish
from orchestration.service.app import create_app
from orchestration.service.tracking import TrackingStore

DAY = date(2030, 3, 4)  # a Monday
CUT_OFF = datetime(2030, 3, 3, 19, 0, tzinfo=UTC)
EVENING = CUT_OFF + timedelta(hours=1)
ORIGIN = {"source": "demo", "file_id": "f", "ingest_time": CUT_OFF - timedelta(hours=30), "retracted": False}
KNOWN = {"event_time": CUT_OFF - timedelta(hours=30), **ORIGIN}
ORDERS = 6


def at(hour: int, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour - 1, tzinfo=UTC)  # local winter time of Amsterdam


def fill(lake: Lake) -> None:
    depot = {"depot_id": "d1", "lat": 52.0, "lon": 4.9, "timezone": "Europe/Amsterdam"}
    lake.append(tables.DEPOTS, pd.DataFrame([{**depot, **KNOWN}]))
    locker = {"locker_id": "L1", "name": "Station", "lat": 52.021, "lon": 4.9, "capacity_parcels": 1}
    lake.append(tables.LOCKERS, pd.DataFrame([{**locker, **KNOWN}]))
    lake.append(
        tables.FLEETS, pd.DataFrame([{"fleet_id": "own", "kind": "captive", "control_mode": "routed", **KNOWN}])
    )
    prices = {"per_km": 60, "per_hour": 2_000}
    rules = [
        {"contract_id": "own", "rule_id": one, "fleet_id": "own", "component": one, "amount_minor": price,
         "currency": "EUR", "valid_from": DAY - timedelta(days=60), **KNOWN}
        for one, price in prices.items()
    ]  # fmt: skip
    lake.append(tables.TARIFF_RULES, pd.DataFrame(rules))
    lake.append(tables.VEHICLES, pd.DataFrame([{"vehicle_id": "v1", "fleet_id": "own", "depot_id": "d1", **KNOWN}]))
    certified = {"driver_id": "dr1", "certification": "age_check", "expires_at": at(9) + timedelta(days=90)}
    lake.append(tables.CERTIFICATIONS, pd.DataFrame([{**certified, **KNOWN}]))
    days = [DAY + timedelta(days=n) for n in range(3)]
    shifts = [
        {"shift_id": f"s{one}", "service_date": one, "depot_id": "d1", "fleet_id": "own", "vehicle_id": "v1",
         "driver_id": "dr1", "starts_at": at(8, one), "ends_at": at(20, one), **KNOWN}
        for one in days
    ]  # fmt: skip
    lake.append(tables.SHIFTS, pd.DataFrame(shifts))
    orders = [
        {
            "order_id": f"o{n}", "service_date": DAY, "kind": "delivery", "customer_id": f"c{n}", "depot_id": "d1",
            "lat": 52.0 + n / 100, "lon": 4.9, "window_start": at(9), "window_end": at(18), "parcels": 1,
            "required_certifications": "age_check" if n == 5 else None, **KNOWN,
        }
        for n in range(ORDERS)
    ]  # fmt: skip
    lake.append(tables.ORDERS, pd.DataFrame(orders))
    predictions = [
        {"task": "failed", "source": "demo", "order_id": f"o{n}", "service_date": DAY, "probability": 0.5,
         "model_version": "m1", "as_of": CUT_OFF, "lake_snapshot": 1}
        for n in range(ORDERS)
    ]  # fmt: skip
    lake.append(tables.PREDICTIONS, pd.DataFrame(predictions))
    trips = [
        {"observation_id": f"t{n}", "from_lat": 52.0, "from_lon": 4.9, "to_lat": 52.0 + n / 100, "to_lon": 4.9,
         "distance_m": 1_200 * n, "duration_s": 130 * n, **KNOWN}
        for n in range(1, 60)
    ]  # fmt: skip
    lake.append(tables.TRAVEL_OBSERVATIONS, pd.DataFrame(trips))
    publish(lake, plan_day(lake, "demo", DAY, iterations=20, as_of=CUT_OFF))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("answers")
    with Lake.open(home, LakeSettings("sqlite", str(home / "lake"))) as lake:
        fill(lake)
        with OutboxStore(home / "outbox") as store, TrackingStore(home) as tracking:
            evening = act_on_day(lake, store, [], "demo", DAY)
            tracking.put(evening.tracked, evening.decided_at)
    return home


@pytest.fixture
def home(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("FIVEFOLD_DATA_PATH", str(filled / "lake"))
    shutil.copytree(filled, tmp_path / "home", ignore=shutil.ignore_patterns("lake"))
    return tmp_path / "home"


def answer(home, order: int, action: str, choice: str, note: str = "", status: int = 303) -> None:
    """As a customer does on the page."""
    claims = Claims("demo", f"o{order}", f"c{order}", Purpose.ANSWER, EVENING + timedelta(days=1))
    path = f"/answer/{sign_link([link_secret(home)], claims)}"
    web = TestClient(create_app(home, clock=lambda: EVENING), follow_redirects=False)
    page = web.get(path).text
    hidden = {name: re.search(f'name="{name}" value="([^"]*)"', page).group(1) for name in ("basis", "check")}
    assert web.post(path, data={"action": action, "choice": choice, "note": note, **hidden}).status_code == status


def take_in(home, now=EVENING + timedelta(minutes=5)):
    with Lake.open(home) as lake, AnswerStore(home) as store:
        return answers_to_lake(lake, store, "demo", now)


def planned(home, day: date, as_of: datetime):
    with Lake.open(home) as lake:
        made = plan_day(lake, "demo", day, iterations=20, as_of=as_of)
        assert made.verified
        return {v.order_id: (r, v) for r in made.plan.routes for v in r.visits}, made


def test_every_answer_changes_the_next_plan(home):
    before, made = planned(home, DAY, CUT_OFF)
    assert set(before) == {f"o{n}" for n in range(ORDERS)}
    answer(home, 0, "reschedule", "20300305T13-17")
    answer(home, 1, "confirm", "yes")
    answer(home, 2, "locker", "L1")
    answer(home, 3, "safe_place", "note", "in the shed")
    took = take_in(home)
    assert (took.events, took.changed, dict(took.refused)) == (4, 4, {})
    later = EVENING + timedelta(hours=1)
    today, replanned = planned(home, DAY, later)
    assert set(today) == {f"o{n}" for n in range(1, ORDERS)}, "who chose another day is off today's routes"
    tomorrow, _ = planned(home, DAY + timedelta(days=1), later)
    assert set(tomorrow) == {"o0"}
    begin = tomorrow["o0"][1].service_start_s
    assert 13 * 3_600 <= begin <= 17 * 3_600, "and is served in the window that was chosen"
    stops = replanned.frames[tables.PLAN_STOPS.qualified_name].set_index("order_id")
    expected = {
        "o1": remaining({"confirmed": True}), "o2": remaining({"destination": "locker"}),
        "o3": remaining({"destination": "safe_place"}), "o4": 1.0,
    }  # fmt: skip
    for name, share in expected.items():
        assert stops.loc[name, "p_failed"] == pytest.approx(0.5 * share)
    assert (stops.loc["o2", "lat"], stops.loc["o2", "lon"]) == (52.021, 4.9), "the van drives to the locker"
    risk = replanned.frames[tables.PLANS.qualified_name]["risk_minor"].iloc[0]
    assert risk == sum(round(0.5 * 1_720 * expected.get(name, 1.0)) for name in today)
    assert risk < made.frames[tables.PLANS.qualified_name]["risk_minor"].iloc[0]


def test_what_was_known_before_the_answer_is_not_changed_by_it(home):
    answer(home, 0, "reschedule", "20300305T13-17")
    take_in(home)
    assert set(planned(home, DAY, CUT_OFF)[0]) == {f"o{n}" for n in range(ORDERS)}


def test_an_answer_is_taken_in_once_and_the_newest_holds(home):
    answer(home, 0, "reschedule", "20300305T13-17")
    take_in(home)
    answer(home, 0, "confirm", "yes")
    assert take_in(home, EVENING + timedelta(minutes=10)).changed == 1
    again = take_in(home, EVENING + timedelta(minutes=20))
    assert (again.events, again.changed) == (0, 0)
    with Lake.open(home) as lake:
        versions = lake.query("select * from raw.orders where order_id = 'o0' order by ingest_time")
        events = lake.query("select event_type from raw.delivery_events where order_id = 'o0' order by event_time")
    assert len(versions) == 3
    assert pd.Timestamp(versions["service_date"].iloc[-1]).date() == DAY, "back on its day"
    assert json.loads(versions["attributes"].iloc[-1]) == {"answer": "confirm", "confirmed": True}
    assert sorted(events["event_type"]) == ["order_changed", "rescheduled"]


def test_what_can_no_longer_be_done_is_kept_and_told(home):
    answer(home, 0, "reschedule", "20300305T09-13")
    answer(home, 1, "locker", "L1")
    answer(home, 2, "locker", "L1")
    answer(home, 3, "confirm", "yes")
    with Lake.open(home) as lake:
        done = {"event_id": "e3", "event_type": "delivered", "order_id": "o3", "service_date": DAY}
        lake.append(tables.DELIVERY_EVENTS, pd.DataFrame([{**done, **KNOWN}]))
    took = take_in(home, now=at(14, DAY + timedelta(days=1)))
    assert took.events == 4, "every answer is an event"
    assert took.changed == 1
    assert "is over" in took.refused["o0"]
    assert "is full" in took.refused["o2"], "one parcel is all it takes"
    assert "done before" in took.refused["o3"]


def test_against_the_law_neither_page_nor_lake_takes_it(home):
    answer(home, 5, "locker", "L1", status=422)
    from orchestration.messaging.answers import Answer

    with AnswerStore(home) as store:  # a page that somebody else built
        store.add(Answer("demo", "o5", "c5", "locker", "L1", "", "", EVENING))
    assert "law" in take_in(home).refused["o5"]


def test_a_risk_of_being_late_buys_another_sequence_where_the_money_says_so(home, monkeypatch):
    """The promise of the farthest order ends just after the shortest tour reaches it; going there first is longer."""
    late = {"task": "late", "source": "demo", "order_id": "o5", "service_date": DAY, "probability": 0.4}
    eta = {**late, "task": "eta", "probability": None, "p10_s": -1_800, "p50_s": 0, "p90_s": 1_800}
    basis = {"model_version": "m1", "as_of": CUT_OFF, "lake_snapshot": 1}
    with Lake.open(home) as lake:
        order = lake.query("select * from raw.orders where order_id = 'o5'").iloc[0].to_dict()
        close = {**order, "window_start": at(8), "window_end": at(8) + timedelta(minutes=36), "file_id": "g"}
        lake.append(tables.ORDERS, pd.DataFrame([{**close, "ingest_time": CUT_OFF - timedelta(hours=1)}]))
        lake.append(tables.PREDICTIONS, pd.DataFrame([{**late, **basis}, {**eta, **basis}]))
    found = {}
    for cost in ("0", "5000"):
        monkeypatch.setenv("FIVEFOLD_LATE_COST", cost)
        served, made = planned(home, DAY, CUT_OFF)
        found[cost] = served["o5"][1].service_start_s, made.plan.transport_minor
    assert found["5000"][0] < found["0"][0] - 300, "slack is bought"
    assert found["5000"][1] >= found["0"][1], "and paid for"
