"""From a customer's answer on the page to the next plan: date, place and risk of the order change; nothing is lost."""

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from domain import tables
from domain.errors import InputError
from operations.answers import remaining
from operations.interventions import CATALOGUE, Policy
from operations.interventions.policy import Spent
from operations.links import Claims, Purpose, sign_link
from orchestration.acting.answers import answers_to_lake
from orchestration.acting.evening import act_on_day
from orchestration.acting.force import approve, undo
from orchestration.acting.moves import Deciding, again_rows, sequences
from orchestration.lake import Lake, LakeSettings
from orchestration.messaging.answers import AnswerStore
from orchestration.messaging.settings import link_secret
from orchestration.messaging.store import OutboxStore
from orchestration.planning import publish
from orchestration.planning.service import replanned
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
    fleets = [("own", "captive", "routed"), ("other", "3pl", "routed"), ("gig", "gig", "tendered_order")]
    names = ("fleet_id", "kind", "control_mode")
    lake.append(tables.FLEETS, pd.DataFrame([{**dict(zip(names, one, strict=True)), **KNOWN} for one in fleets]))
    prices = [
        ("own", "per_km", 60),
        ("own", "per_hour", 2_000),
        ("other", "per_route", 8_000),
        ("gig", "per_stop", 2_500),
    ]
    rules = [
        {"contract_id": fleet, "rule_id": one, "fleet_id": fleet, "component": one, "amount_minor": price,
         "currency": "EUR", "valid_from": DAY - timedelta(days=60), **KNOWN}
        for fleet, one, price in prices
    ]  # fmt: skip
    lake.append(tables.TARIFF_RULES, pd.DataFrame(rules))
    vans = {"v1": "own", "w1": "other", "g1": "gig"}
    rows = [{"vehicle_id": name, "fleet_id": fleet, "depot_id": "d1", **KNOWN} for name, fleet in vans.items()]
    lake.append(tables.VEHICLES, pd.DataFrame(rows))
    certified = {"certification": "age_check", "expires_at": at(9) + timedelta(days=90), **KNOWN}
    lake.append(tables.CERTIFICATIONS, pd.DataFrame([{"driver_id": f"d-{name}", **certified} for name in vans]))
    days = [DAY + timedelta(days=n) for n in range(3)]
    shifts = [
        {"shift_id": f"{name}-{one}", "service_date": one, "depot_id": "d1", "fleet_id": fleet, "vehicle_id": name,
         "driver_id": f"d-{name}", "starts_at": at(8, one), "ends_at": at(20, one), **KNOWN}
        for one in days for name, fleet in vans.items()
    ]  # fmt: skip
    lake.append(tables.SHIFTS, pd.DataFrame(shifts))
    orders = [
        {
            "order_id": f"o{n}", "service_date": DAY, "kind": "delivery", "customer_id": f"c{n}", "depot_id": "d1",
            "lat": 52.0 + n / 100, "lon": 4.9, "zone_id": f"z{n % 2}", "window_start": at(9), "window_end": at(18),
            "parcels": 1, "required_certifications": "age_check" if n == 5 else None, **KNOWN,
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
    publish(lake, replanned(lake, "demo", DAY, {"v1": [f"o{n}" for n in reversed(range(ORDERS))]}, CUT_OFF))


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
    """The date planned with what was known then; the sequence is told, so that no search costs time."""
    with Lake.open(home) as lake:
        made = replanned(lake, "demo", day, {"v1": [f"o{n}" for n in reversed(range(ORDERS))]}, as_of)
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
    assert set(planned(home, DAY, CUT_OFF)[0]) == set(before), (
        "what was known before the answers is not changed by them"
    )
    assert risk < made.frames[tables.PLANS.qualified_name]["risk_minor"].iloc[0]


LATE = {"source": "demo", "service_date": DAY, "model_version": "m1", "as_of": CUT_OFF, "lake_snapshot": 1}


def predict_late(lake, order: str, p: float, quantile_s: int = 1_800) -> None:
    late = {**LATE, "task": "late", "order_id": order, "probability": p}
    eta = {**LATE, "task": "eta", "order_id": order, "p10_s": -quantile_s, "p50_s": 0, "p90_s": quantile_s}
    lake.append(tables.PREDICTIONS, pd.DataFrame([late, eta]))
    publish(lake, replanned(lake, "demo", DAY, sequences(lake, "demo", DAY), CUT_OFF))


def starts_late(lake) -> None:
    """Its van comes out of the garage at noon: another vehicle would bring the whole route earlier."""
    shift = lake.query("select * from raw.shifts where shift_id = ?", [f"v1-{DAY}"]).iloc[0].to_dict()
    later = {**shift, "starts_at": at(12), "file_id": "garage", "ingest_time": CUT_OFF - timedelta(hours=2)}
    lake.append(tables.SHIFTS, pd.DataFrame([later]))


def evening(home, policy=None, decide_for=DAY):
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        return act_on_day(lake, store, [], "demo", decide_for, policy)


def route(home) -> tuple[str, ...]:
    with Lake.open(home) as lake:
        return sequences(lake, "demo", DAY).get("v1", ())


def decided(home, task="late") -> dict:
    with Lake.open(home) as lake:
        rows = lake.query("select * from operation.interventions where task = ? and state <> 'none'", [task])
    return rows.iloc[0].to_dict()


SURE = Policy(weekly_budget=280, holdout=0.0, explore=False)


@pytest.fixture
def fresh(filled, home):
    """The same workspace before its evening."""
    with Lake.open(home) as lake:
        lake.replace(
            tables.INTERVENTIONS, {"source": ["demo"]}, pd.DataFrame(columns=tables.INTERVENTIONS.column_names)
        )
    shutil.rmtree(home / "outbox")
    return home


def test_an_order_that_will_be_late_is_brought_forward_and_back_again(fresh):
    last = route(fresh)[-1]
    with Lake.open(fresh) as lake:
        predict_late(lake, last, 0.6)
        lake.write(lambda connection: connection.execute("update plan.plans set solver_s = 1.5"))
    told = evening(fresh, SURE)
    row = decided(fresh)
    assert row["action"] in ("pull_forward", "resequence"), "it costs least and needs nobody's word"
    assert (row["state"], row["order_id"]) == ("in_force", last)
    considered = {one["action"] for one in json.loads(row["alternatives"])}
    assert {"pull_forward", "resequence", "add_slack", "move_to_other_fleet", "tender_to_gig"} <= considered
    assert {"split_route", "defer_zone"} <= considered
    moved = route(fresh)
    assert moved.index(last) < len(moved) - 1
    assert sorted(moved) == sorted(f"o{n}" for n in range(ORDERS))
    assert evening(fresh, SURE).summary() == {**told.summary(), "new_messages": 0}, "doing it again does nothing"
    assert route(fresh) == moved
    with Lake.open(fresh) as lake:
        plans = lake.query("select verified, solver_s from plan.plans where service_date = ?", [DAY])
        assert plans["verified"].all()
        assert plans["solver_s"].tolist() == [1.5], "of the search that it stems from"
        undone = undo(lake, row["intervention_id"][:8], "anna", EVENING)
    assert undone["state"] == "undone"
    assert route(fresh)[-1] == last


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("add_slack", lambda van, promise: promise == at(18) + timedelta(minutes=30)),
        ("tender_to_gig", lambda van, promise: van == "g1"),
        ("move_to_other_fleet", lambda van, promise: van not in (None, "v1")),
        ("split_route", lambda van, promise: van not in (None, "v1")),
        ("defer_zone", lambda van, promise: van is None),
        ("swap_driver_or_vehicle", lambda van, promise: van not in (None, "v1")),
    ],
)
def test_what_needs_a_dispatcher_waits_takes_effect_and_can_be_taken_back(fresh, monkeypatch, action, after):
    last = route(fresh)[-1]
    with Lake.open(fresh) as lake:
        if action == "swap_driver_or_vehicle":
            starts_late(lake)
        predict_late(lake, last, 0.6)
    dear = {one: replace(spec, cost_minor=10**6) for one, spec in CATALOGUE.items() if str(one) != action}
    cheap = {one: replace(spec, cost_minor=-(10**6)) for one, spec in CATALOGUE.items() if str(one) == action}
    monkeypatch.setattr("operations.interventions.policy.CATALOGUE", {**dear, **cheap})
    before = route(fresh)
    evening(fresh, SURE)
    row = decided(fresh)
    assert (row["action"], row["state"], route(fresh)) == (action, "waiting", before)
    with Lake.open(fresh) as lake:
        with pytest.raises(InputError, match="who agrees"):
            approve(lake, row["intervention_id"], " ", EVENING)
        assert approve(lake, row["intervention_id"], "anna", EVENING)["state"] == "in_force"
        with pytest.raises(InputError, match="does not wait"):
            approve(lake, row["intervention_id"], "anna", EVENING)
        stop = lake.query(
            "select routes.vehicle_id, stops.window_end from plan.plan_stops as stops join plan.routes as routes "
            "using (plan_id, route_id) where stops.order_id = ? and stops.service_date = ?",
            [last, DAY],
        )
        assert after(*(stop.iloc[0] if len(stop) else (None, None)))
        assert lake.query("select verified from plan.plans where service_date = ?", [DAY])["verified"].all()
        undo(lake, row["intervention_id"], "anna", EVENING + timedelta(minutes=1))
        stale = {**row, "arguments": '{"before": {"v1": ["o1"]}, "after": {}}'}
        lake.replace(tables.INTERVENTIONS, {"intervention_id": [row["intervention_id"]]}, pd.DataFrame([stale]))
        assert "was changed since" in approve(lake, row["intervention_id"], "anna", EVENING)["state"]
        with pytest.raises(InputError, match="no intervention begins"):
            undo(lake, "nonsense", "anna", EVENING)
    assert route(fresh) == before


def test_a_failed_order_that_nobody_took_up_is_tried_again_when_a_dispatcher_agrees(fresh):
    tuesday = DAY + timedelta(days=1)
    with Lake.open(fresh) as lake:
        event = {"event_id": "f1", "event_type": "attempt_failed", "order_id": "o1", "attempt": 1, "service_date": DAY}
        failed = {**event, "failure_reason": "recipient_absent", **KNOWN, "event_time": at(12), "ingest_time": at(12)}
        lake.append(tables.DELIVERY_EVENTS, pd.DataFrame([failed]))
        basis = {"as_of": at(20), "lake_snapshot": 1}
        (decision,) = again_rows(lake, Deciding("demo", tuesday, SURE, {}, Spent(), at(20), basis))
        lake.append(tables.INTERVENTIONS, pd.DataFrame([decision.row]))
        row = lake.query("select * from operation.interventions where action = 'extra_attempt'").iloc[0]
        assert (row["state"], row["order_id"]) == ("waiting", "o1")
        approve(lake, row["intervention_id"], "anna", at(21, tuesday))
        newest = lake.query(
            "select service_date from raw.orders where order_id = 'o1' order by ingest_time desc limit 1"
        )
    assert pd.Timestamp(newest["service_date"].iloc[0]).date() == tuesday + timedelta(days=1)


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


def test_a_risk_of_being_late_buys_slack_where_the_money_says_so(home, monkeypatch):
    """The cheapest departure reaches the first order just before its promise ends; leaving earlier is paid waiting."""
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
