"""From a planned date in the lake to decisions, messages and the trail; forgetting a customer."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta

import duckdb
import h3
import pandas as pd
import pytest
from click.testing import CliRunner

from domain import tables
from domain.errors import InputError
from operations.interventions import Policy
from operations.ledger import post
from orchestration.acting.evening import act_on_day
from orchestration.acting.relay import relay
from orchestration.acting.trail import order_trail
from orchestration.cli import main
from orchestration.lake import Lake, LakeSettings
from orchestration.messaging.office import open_office
from orchestration.messaging.people import PeopleStore, Person
from orchestration.messaging.places import erase_places
from orchestration.messaging.store import OutboxStore

DAY = date(2030, 3, 4)  # a Monday; what is decided for it has not expired when the tests run
CUT_OFF = datetime(2030, 3, 3, 19, 0, tzinfo=UTC)
NOON = datetime(2030, 3, 4, 12, 0, tzinfo=UTC)
ORDERS = 60
ORIGIN = {"source": "demo", "file_id": "f", "ingest_time": CUT_OFF - timedelta(hours=3), "retracted": False}
BASIS = {"as_of": CUT_OFF, "lake_snapshot": 1}


def name(number: int) -> str:
    return f"o{number:02d}"


def fill(lake: Lake) -> None:
    depot = {"depot_id": "d1", "lat": 52.0, "lon": 4.9, "timezone": "Europe/Amsterdam", "event_time": CUT_OFF}
    lake.append(tables.DEPOTS, pd.DataFrame([{**depot, **ORIGIN}]))
    orders = [
        {
            "order_id": name(n), "service_date": DAY, "kind": "delivery", "tenant_id": "t0", "customer_id": f"c{n:02d}",
            "depot_id": "d1", "zone_id": "z1", "window_start": NOON, "window_end": NOON + timedelta(hours=2),
            "required_certifications": "age_check" if n == 0 else None, "event_time": CUT_OFF, **ORIGIN,
        }
        for n in range(ORDERS)
    ]  # fmt: skip
    lake.append(tables.ORDERS, pd.DataFrame(orders))
    predictions = [
        {"task": "failed", "source": "demo", "order_id": name(n), "service_date": DAY, "probability": 0.5 - n / 200,
         "model_version": "m1", **BASIS}
        for n in range(ORDERS)
    ]  # fmt: skip
    lake.append(tables.PREDICTIONS, pd.DataFrame(predictions))
    plan = {
        "plan_id": "p1", "service_date": DAY, "source": "demo", "depot_id": "d1", "cost_minor": 9_000,
        "currency": "EUR", "transport_minor": 9_000, "risk_minor": 0, "penalty_minor": 0, "served": ORDERS,
        "unserved": 0, "routes": 1,
        "distance_m": 1, "duration_s": 1, "solver_s": 1.0, "engine": "pyvrp", "verified": True, "seed": 0, **BASIS,
    }  # fmt: skip
    lake.append(tables.PLANS, pd.DataFrame([plan]))
    route = {
        "plan_id": "p1", "route_id": "r1", "service_date": DAY, "source": "demo", "depot_id": "d1",
        "fleet_id": "captive", "fleet_kind": "captive", "vehicle_id": "v1", "driver_id": "dr1", "starts_at": NOON,
        "ends_at": NOON,
        "stops": ORDERS, "distance_m": 1, "duration_s": 1, "mass_g": 1, "volume_ml": 1, "parcels": 1,
        "cost_minor": 9_000, **BASIS,
    }  # fmt: skip
    lake.append(tables.ROUTES, pd.DataFrame([route]))
    stops = [
        {
            "plan_id": "p1", "route_id": "r1", "sequence": n + 1, "service_date": DAY, "source": "demo",
            "order_id": name(n), "arrival": NOON + timedelta(minutes=n), "service_start": NOON + timedelta(minutes=n),
            "departure": NOON + timedelta(minutes=n + 1), "leg_m": 1, "leg_s": 1, "lat": 52.0, "lon": 4.9,
            "window_start": NOON, "window_end": NOON + timedelta(hours=2), "p_failed": 0.5 - n / 200,
            "eta_p10": NOON + timedelta(minutes=n - 15), "eta_p90": NOON + timedelta(minutes=n + 25), **BASIS,
        }
        for n in range(ORDERS)
    ]  # fmt: skip
    lake.append(tables.PLAN_STOPS, pd.DataFrame(stops))


def people() -> list[Person]:
    return [
        Person("demo", f"c{n:02d}", name=f"Jane {n}", email=f"jane{n}@example.org", channels="email" if n % 3 else "")
        for n in range(ORDERS)
    ]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("acting")
    with Lake.open(home, LakeSettings("sqlite", str(home / "lake"))) as lake:
        fill(lake)
    return home


@pytest.fixture
def home(filled, tmp_path, monkeypatch):
    """A copy of the filled workspace; the lake's catalogue holds no absolute path that matters to SQLite's file."""
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("FIVEFOLD_DATA_PATH", str(filled / "lake"))
    shutil.copy(filled / "catalog.sqlite", tmp_path / "catalog.sqlite")
    with PeopleStore(tmp_path) as store:
        store.add(people())
    return tmp_path


POLICY = Policy(weekly_budget=280, holdout=0.25, explore=False)


def act(home, policy=POLICY):
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        return act_on_day(lake, store, people(), "demo", DAY, policy)


def deliver(office):
    worker = office.worker()
    worker.clock = lambda: CUT_OFF + timedelta(hours=13)  # the quiet hours are over, the visit is still to come
    worker.deliver_due()


def query(home, sql):
    with Lake.open(home) as lake:
        return lake.query(sql)


def test_an_evening_decides_records_and_reaches_the_lake_once(home):
    evening = act(home)
    summary = evening.summary()
    assert summary["orders"] == ORDERS
    assert 0 < summary["holdout"] < summary["treated"]
    assert summary["treated"] + summary["holdout"] <= 45
    assert summary["messages"] == summary["new_messages"] == 40
    assert summary["held_back"] == {"the customer agreed to no channel": 20}
    assert act(home).summary() == {**summary, "new_messages": 0}
    interventions = query(home, "select * from operation.interventions")
    notifications = query(home, "select * from operation.notifications")
    assert len(interventions) == interventions["intervention_id"].nunique() == ORDERS
    assert len(notifications) == notifications["notification_id"].nunique() == ORDERS
    asked = set(notifications.loc[notifications["trigger"] == "day_before_confirm", "order_id"])
    treated = interventions[interventions["assigned"] == "treated"]
    assert asked == set(treated["order_id"]), "the holdout is told what everybody is told"
    assert set(interventions.loc[interventions["assigned"] == "holdout", "cost_minor"]) == {0}


def test_goods_for_grown_ups_are_offered_no_locker(home):
    act(home)
    row = query(home, "select alternatives from operation.interventions where order_id = 'o00'").iloc[0]
    assert {one["action"] for one in json.loads(row["alternatives"])} == {
        "confirm_availability",
        "offer_reschedule",
        "call_customer",
    }


def test_a_relay_that_dies_in_between_brings_every_row_once(home):
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        act_on_day(lake, store, people(), "demo", DAY, POLICY)
        store._database.execute("update decision set in_lake = 0")  # as if it had died before writing that down
        assert relay(lake, store) == 2 * ORDERS
        assert lake.query("select count(*) as n from operation.interventions")["n"].iloc[0] == ORDERS


def test_what_became_of_a_message_reaches_the_lake(home):
    act(home)
    with open_office(home) as office, Lake.open(home) as lake:
        deliver(office)
        relay(lake, office.store)
        states = lake.query("select state, count(*) as n from operation.notifications group by 1")
    assert dict(states.itertuples(index=False)) == {"held": 20, "delivered": 40}


def test_yesterdays_holdout_teaches_todays_efficacy(home):
    act(home)
    with Lake.open(home) as lake:
        assigned = lake.query("select order_id, assigned from operation.interventions where assigned != 'none'")
        events = [
            {
                "event_id": f"e-{one.order_id}", "service_date": DAY, "attempt": 1, "order_id": one.order_id,
                "event_type": "attempt_failed" if one.assigned == "holdout" else "delivered",
                "event_time": NOON, **ORIGIN, "ingest_time": NOON,
            }
            for one in assigned.itertuples()
        ]  # fmt: skip
        lake.append(tables.DELIVERY_EVENTS, pd.DataFrame(events))
        from orchestration.acting.evening import _spent, beliefs_at

        beliefs = beliefs_at(lake, "demo", NOON + timedelta(days=1))
        assert sum(one.held_failed for one in beliefs.values()) == (assigned["assigned"] == "holdout").sum()
        assert sum(one.treated for one in beliefs.values()) == (assigned["assigned"] == "treated").sum()
        assert beliefs_at(lake, "demo", NOON - timedelta(days=1)) == {}
        assert sum(_spent(lake, "demo", DAY + timedelta(days=1)).taken.values()) == len(assigned)


def test_the_command_acts_takes_answers_in_and_publishes_the_pages(home, capfd):
    from orchestration.messaging.answers import Answer, AnswerStore
    from orchestration.service.tracking import TrackingStore

    with AnswerStore(home) as answers:
        answers.add(Answer("demo", "o01", "c01", "reschedule", "20300305T09-13", "", "", CUT_OFF))
        answers.add(Answer("demo", "o02", "c02", "safe_place", "note", "in the shed", "", CUT_OFF))
    runner = CliRunner()
    found = []
    for _ in range(2):
        capfd.readouterr()
        runner.invoke(main, ["--home", str(home), "act", "demo", DAY.isoformat(), "--json"])
        found.append(json.loads(capfd.readouterr().out))
    assert (found[0]["messages"], found[0]["answers_taken_in"]) == (40, 2)
    assert (found[1]["new_messages"], found[1]["answers_taken_in"]) == (0, 0)
    events = query(home, "select * from raw.delivery_events where file_id = 'customer-answers' order by order_id")
    assert events["event_type"].tolist() == ["rescheduled", "order_changed"]
    assert "shed" not in events.to_json(), "words of customers stay outside the lake"
    with TrackingStore(home) as tracking:
        page = tracking.get("demo", "o00")
    assert page.needs == {"age_check"}
    assert page.promise == (NOON, NOON + timedelta(hours=2))


def test_a_date_without_a_plan_says_so(home):
    why = pytest.raises(InputError, match="has no plan of 2030-03-09; make one")
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store, why:
        act_on_day(lake, store, [], "demo", date(2030, 3, 9))


def story(home):
    act(home)
    with Lake.open(home) as lake:
        event = {"event_id": "e1", "service_date": DAY, "order_id": "o01", "attempt": 1, "vehicle_id": "v1", **ORIGIN}
        failed = {**event, "event_type": "attempt_failed", "failure_reason": "recipient_absent", "event_time": NOON}
        lake.append(tables.DELIVERY_EVENTS, pd.DataFrame([failed, {**failed, "ingest_time": NOON}]))
        posting = {
            "obligation_id": "x", "service_date": DAY, "source": "demo", "depot_id": "d1", "fleet_id": "captive",
            "tenant_id": "t0", "order_id": "o01", "route_id": "r1", "kind": "failure", "component": "wasted_attempt",
            "stage": "accrued", "amount_minor": 321, "currency": "EUR",
        }  # fmt: skip
        lake.append(tables.COST_LEDGER, post(pd.DataFrame([posting]), {"as_of": NOON, "lake_snapshot": 2}))


def test_a_trail_tells_everything_in_order_with_what_was_not_done(home):
    story(home)
    with Lake.open(home) as lake:
        steps = order_trail(lake, "o01")
    kinds = [one["step"] for one in steps]
    assert kinds == ["order", "prediction", "plan", "intervention", "message", "outcome", "cost"]
    alternatives = steps[3]["details"]["alternatives"]
    assert len(alternatives) == 4
    assert steps[5]["what"] == "attempt_failed: recipient_absent (attempt 1, v1)"
    assert steps[6]["amount_minor"] == 321


def test_the_command_prints_the_trail_and_names_what_is_unknown(home, capfd):
    story(home)
    runner = CliRunner()
    shown = runner.invoke(main, ["--home", str(home), "trail", "o01"], env={"COLUMNS": "200"}).output
    assert "recipient_absent" in shown
    assert "cost 3.21" in shown
    capfd.readouterr()
    runner.invoke(main, ["--home", str(home), "trail", "o01", "--json"])
    assert json.loads(capfd.readouterr().out)["cost_minor"] == 321
    unknown = runner.invoke(main, ["--home", str(home), "trail", "o99"])
    assert unknown.exit_code == 2
    assert "there is no order 'o99'" in unknown.output


def test_messages_and_interventions_are_paid_for_and_the_books_balance(home):
    from operations.ledger import costs, reconcile
    from orchestration.accounting import account_days, measure_days

    with PeopleStore(home) as store:
        store.add([Person("demo", f"c{n:02d}", phone=f"+3161234{n:04d}", channels="sms") for n in range(ORDERS)])
        everyone = store.everyone("demo")
    with Lake.open(home) as lake, open_office(home) as office:
        act_on_day(lake, office.store, everyone, "demo", DAY, POLICY)
        deliver(office)
        relay(lake, office.store)
        outcome = {
            "source": "demo", "attempt": 1, "service_date": DAY, "driver_id": "dr1", "vehicle_id": "v1",
            "fleet_id": "captive", "route_id": "r1", "depot_id": "d1", "arrived_at": NOON, "service_started_at": NOON,
            "concluded_at": NOON, "label_time": NOON,
        }  # fmt: skip
        rows = pd.DataFrame(
            [
                {
                    **outcome,
                    "order_id": name(n),
                    "stop_id": f"{name(n)}-1",
                    "outcome": "failed" if n < 5 else "delivered",
                }
                for n in range(ORDERS)
            ]
        )
        rows["window_end"] = NOON + timedelta(hours=2)

        def create(connection):
            connection.register("outcomes", rows)
            connection.execute("create schema if not exists marts")
            connection.execute("create table marts.fct_outcomes as select * from outcomes")

        lake.write(create)
        lines = account_days(lake, "demo", DAY, DAY)["lines"]
        by_kind = costs(lines).groupby("kind")["amount_minor"].sum()
        assert by_kind["message"] == 6 * ORDERS
        books = reconcile(lines, ["fleet_id", "tenant_id"])
        assert (books["difference_minor"] == 0).all()
        assert books["cost_minor"].sum() == by_kind.sum()
        of_one = costs(lines)[costs(lines)["order_id"] == "o01"]["amount_minor"].sum()
        told = [one for one in order_trail(lake, "o01") if one["step"] == "cost"]
        assert sum(one["amount_minor"] for one in told) == of_one
        kpis = measure_days(lake, "demo", DAY, DAY)
    per_order = kpis[(kpis["kpi"] == "messages_per_order") & (kpis["segment_kind"] == "all")].iloc[0]
    assert (per_order["numerator"], per_order["denominator"]) == (ORDERS, ORDERS)


@pytest.mark.slow
def test_the_trail_is_the_dbt_view(home):
    import subprocess

    from orchestration.transform.run import DBT_PROJECT, dbt_command, dbt_environment

    story(home)
    with Lake.open(home) as lake:
        command = dbt_command("run", "--select", "order_trail", "--target-path", str(home / "target"))
        subprocess.run(command, env=dbt_environment(lake), cwd=DBT_PROJECT, check=True, capture_output=True)
        view = lake.query(
            "select * from marts.order_trail where order_id = 'o01' order by happened_at, step_number, what"
        )
        steps = order_trail(lake, "o01")
    assert view["what"].tolist() == [one["what"] for one in steps]
    assert [json.loads(one) for one in view["details"]] == [one["details"] for one in steps]


def test_a_forgotten_customer_is_nowhere_and_the_statistics_stay(home):
    act(home)
    with open_office(home) as office:
        deliver(office)
    assert list(home.rglob("*.eml"))
    result = CliRunner().invoke(main, ["--home", str(home), "forget", "c01", "--source", "demo"])
    assert result.exit_code == 0, result.output
    files = [path for path in home.rglob("*") if path.is_file() and "lake" not in path.parts]
    for path in files:
        content = path.read_bytes()
        assert b"jane1@example.org" not in content, path
        assert b"Jane 1\x00" not in content, path
    assert b"jane2@example.org" in (home / "personal" / "people.sqlite").read_bytes()
    with OutboxStore(home / "outbox") as store:
        assert store.counts()["delivered"] == 40
        assert not [one for one in store.messages() if one.message.recipient == "c01"]
    again = CliRunner().invoke(main, ["--home", str(home), "forget", "c77", "--source", "demo"])
    assert again.exit_code == 2
    assert "nothing is known" in again.output


def test_forgetting_erases_where_orders_went_and_keeps_the_zone(home):
    with Lake.open(home) as lake:
        done = {"event_id": "e1", "service_date": DAY, "order_id": "o01", "event_type": "delivered", "lat": 52.0}
        lake.write(lambda connection: connection.execute("update plan.plan_stops set lat = 52.0123, lon = 4.9321"))
        lake.append(tables.DELIVERY_EVENTS, pd.DataFrame([{**done, "lon": 4.9, "event_time": NOON, **ORIGIN}]))
        order = lake.query("select * from raw.orders where order_id = 'o01'").iloc[0].to_dict()
        older = {**order, "lat": 52.1, "lon": 4.8, "zone_id": None, "ingest_time": CUT_OFF - timedelta(days=1)}
        lake.append(tables.ORDERS, pd.DataFrame([{**older, "address_id": "a1", "file_id": "older"}]))
        before = {name: len(lake.query(f"select 1 from {name}")) for name in ("raw.orders", "plan.plan_stops")}
        result = erase_places(lake, "demo", "c01", DAY)
        assert (result["orders"], result["open_orders"]) == (1, 0)
        assert result["tables"] >= 3
        for name in ("raw.orders", "raw.delivery_events"):
            left = lake.query(f"select * from {name} where order_id = 'o01' and (lat is not null or lon is not null)")
            assert left.empty, name
        orders = lake.query("select zone_id, address_id from raw.orders where order_id = 'o01' order by ingest_time")
        assert orders["address_id"].isna().all()
        assert orders["zone_id"].tolist() == [h3.latlng_to_cell(52.1, 4.8, 5), "z1"]
        stop = lake.query("select lat, lon from plan.plan_stops where order_id = 'o01'").iloc[0]
        assert (stop["lat"], stop["lon"]) == (round(stop["lat"], 1), round(stop["lon"], 1))
        assert {name: len(lake.query(f"select 1 from {name}")) for name in before} == before
        assert lake.query("select lat from plan.plan_stops where order_id = 'o02'")["lat"].notna().all()
        later = erase_places(lake, "demo", "c02", DAY)
        assert (later["orders"], later["open_orders"]) == (0, 1), "what is still to be brought keeps its place"


def test_the_address_book_loads_and_shows_masked(tmp_path, capfd):
    path = tmp_path / "people.csv"
    path.write_text('source,customer_id,email,channels,quiet_from\ndemo,c1,jane.doe@example.org,"email,sms",21\n')
    runner = CliRunner()
    assert "1 agreed" in runner.invoke(main, ["--home", str(tmp_path), "people", "load", str(path)]).output
    shown = runner.invoke(main, ["--home", str(tmp_path), "people", "show", "c1"]).output
    assert "jane.doe" not in shown
    assert "ja***" in shown


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("customer_id\nc1\n", "column 'source' is missing"),
        ("source,customer_id,shoe\n", "column 'shoe' is unknown"),
        ("source,customer_id,quiet_from\ndemo,c1,25\n", "row 1: quiet_from must be an hour"),
        ("source,customer_id\ndemo,c1\ndemo,c1\n", "row 2: customer_id 'c1' is there twice"),
        ("source,customer_id\ndemo,\n", "row 1: source and customer_id"),
    ],
)
def test_a_wrong_address_book_is_refused_with_row_and_field(tmp_path, text, why):
    path = tmp_path / "people.csv"
    path.write_text(text)
    result = CliRunner().invoke(main, ["--home", str(tmp_path), "people", "load", str(path)])
    assert result.exit_code == 2
    assert why in result.output


def play(lake, concluded, delay_min=0):
    """The route sets out on time; its first stops end ``delay_min`` later than planned."""
    start = {"event_id": "s", "event_type": "route_started", "route_id": "r1", "event_time": NOON, **ORIGIN}
    rows = [{**start, "service_date": DAY, "ingest_time": NOON}]
    for n in range(concluded):
        when = NOON + timedelta(minutes=n + 1 + delay_min)
        done = {"event_id": f"d{n}", "event_type": "attempt_failed" if n == 1 else "delivered", "route_id": "r1"}
        reason = "recipient_absent" if n == 1 else None
        rows.append(
            {**done, "order_id": name(n), "failure_reason": reason, "lat": 52.0, "lon": 4.901, "event_time": when,
             **ORIGIN, "service_date": DAY, "ingest_time": when}
        )  # fmt: skip
    lake.append(tables.DELIVERY_EVENTS, pd.DataFrame(rows))


def test_a_running_day_tells_what_it_shows_once_however_often_it_is_watched(home):
    from orchestration.acting.live import watch_day

    act(home)
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        play(lake, concluded=4, delay_min=60)
        soon, later = NOON + timedelta(minutes=10), NOON + timedelta(minutes=75)
        first = watch_day(lake, store, people(), "demo", DAY, soon)
        assert set(first.summary()["triggers"]) == {"out_for_delivery"}
        assert first.summary()["orders"] == {"on_the_way": ORDERS}
        second = watch_day(lake, store, people(), "demo", DAY, later)
        assert second.new_messages == second.summary()["messages"] - first.summary()["messages"]
        again = watch_day(lake, store, people(), "demo", DAY, later)
        assert again.new_messages == 0
        assert [one.key for one in again.messages] == [one.key for one in second.messages]
        told = second.summary()["triggers"]
        assert told["failed_with_options"] == 1
        assert told["late_risk"] > 10, "an hour behind, the last stops of a two-hour window will be late"
        late = {one.order_id for one in second.messages if one.trigger == "late_risk"}
        assert name(ORDERS - 2) in late or name(ORDERS - 1) in late
        assert name(4) not in late
        pages = {one.order_id: one for one in second.tracked}
        assert (pages["o00"].status, pages["o01"].status) == ("delivered", "attempt_failed")
        assert pages["o01"].reason == "recipient_absent"
        assert pages["o04"].stops_before == 0
        assert 50 < pages["o04"].courier_m < 90
        assert pages["o59"].interval[0] > NOON + timedelta(minutes=100)
        rows = lake.query("select count(*) as n, count(distinct notification_id) as k from operation.notifications")
        assert rows["n"].iloc[0] == rows["k"].iloc[0]


def test_purging_leaves_a_forgotten_position_in_no_file_of_the_lake(filled, tmp_path, monkeypatch):
    shutil.copytree(filled, tmp_path / "home")
    home = tmp_path / "home"
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("FIVEFOLD_DATA_PATH", str(home / "lake"))
    day = date(2026, 3, 2)
    with Lake.open(home) as lake:
        order = lake.query("select * from raw.orders where order_id = 'o01'").iloc[0].to_dict()
        rows = [
            {**order, "order_id": f"past{n}", "customer_id": f"c{n:02d}", "service_date": day, "lat": 52.0, "lon": 4.9}
            for n in range(1, 200)
        ]
        rows[0] |= {"lat": 52.0123, "address_id": "the-one-address"}
        rows[1] |= {"address_id": "above"}
        rows[2] |= {"address_id": "zero"}
        lake.append(tables.ORDERS, pd.DataFrame(rows))
        refused = {"source": "demo", "table_name": "raw.orders", "file_id": "f", "path": "orders.csv", "rule": "range"}
        lake.append(
            tables.QUARANTINE,
            pd.DataFrame(
                [
                    {**refused, "row_number": n, "message": "lat is 99", "ingest_time": CUT_OFF, "content": content}
                    for n, content in enumerate(
                        ['{"who": "c01", "where": "the-one-address"}', '{"who": "c02"}', '{"ref": "past1", "n": 1}']
                    )
                ]
            ),
        )

    def holding() -> list[str]:
        """Files, Parquet or catalogue, in which the address can still be read."""
        found = []
        for path in home.rglob("*"):
            if path.suffix == ".parquet":
                columns = {one[0] for one in duckdb.sql(f"describe select * from '{path}'").fetchall()}
                if "address_id" not in columns:
                    continue
                read = duckdb.sql(f"select count(*) from '{path}' where address_id = 'the-one-address'").fetchone()
                found += [path.name] if read[0] else []
            elif path.is_file() and b"the-one-address" in path.read_bytes():
                found.append(path.name)
        return found

    assert holding()
    forgot = CliRunner().invoke(main, ["--home", str(home), "forget", "c01", "--source", "demo", "--purge"])
    assert forgot.exit_code == 0, forgot.output
    assert "the places of 1 orders are erased" in forgot.output
    assert holding() == []
    with Lake.open(home) as lake:
        left = lake.query(
            "select count(*) as n, count(address_id) as placed from raw.orders where service_date = ?", [day]
        )
        assert (left["n"].iloc[0], left["placed"].iloc[0]) == (199, 2)
        refused = lake.query("select content from control.quarantine order by row_number")["content"]
        assert [json.loads(one) for one in refused] == [{"erased": True}, {"who": "c02"}, {"erased": True}]
