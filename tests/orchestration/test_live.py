"""The live day: authenticated, idempotent, batched; killed at any moment it loses and doubles nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from domain.codes import ScoreMoment
from operations.state import Approvals, digest
from orchestration.live.dayfile import read_day, write_day
from orchestration.live.engine import MOST_WAITING, Engine, replay, restored
from orchestration.live.journal import Journal
from orchestration.live.web import create_app
from orchestration.stop_scores import NewestScore
from tests.operations.days import DATE, created, driven, event, make_day

DAY = make_day(orders=8, vans=2, iterations=60)
TOKEN = "a-token-for-tests"  # noqa: S105
WITH = {"Authorization": f"Bearer {TOKEN}"}
ROOT = Path(__file__).resolve().parents[2]


def as_row(one):
    row = {
        "event_id": one.event_id,
        "kind": one.kind,
        "at_s": one.at_s,
        "seen_s": one.seen_s,
        "order_id": one.order_id,
        "vehicle_id": one.vehicle_id,
        "tender_id": one.tender_id,
        "facts": dict(one.facts),
    }
    return {name: value for name, value in row.items() if value not in ("", {})}


def a_day():
    """What happens: two vans, an order that comes in, one that is cancelled, a breakdown."""
    events = [created("n1", "new1", 9, 27_000), event("c1", "cancelled", 27_500, order_id="o3")]
    for vehicle in DAY.planned:
        events += driven(DAY, vehicle, 3, late_s=400)
    events.append(event("b1", "vehicle_fault", 45_000, vehicle_id=next(iter(DAY.planned))))
    return sorted(events, key=lambda one: one.seen_s)


@pytest.fixture
def served(tmp_path):
    write_day(tmp_path, DAY)
    with Journal(tmp_path) as journal:
        engine = Engine(read_day(tmp_path), journal)
        yield TestClient(create_app(engine, TOKEN)), engine, journal
        engine.close()


def test_the_page_is_told_how_stops_were_scored_last(served):
    _, engine, _ = served
    when = datetime(2030, 3, 4, 10, 0, tzinfo=UTC)
    eta = [when + timedelta(minutes=n) for n in range(5)]
    scores = [
        NewestScore(
            one, "r1", ScoreMoment.ARRIVAL, when, 0, *eta, 0.4, None, 0.0, 0.0, 0.4, (("behind the plan", 0.3),)
        )
        for one in ("o1", "o2")
    ]
    client = TestClient(create_app(engine, TOKEN, lambda: scores))
    assert client.get("/v1/scores").status_code == 401
    one = client.get("/v1/scores?order=o2", headers=WITH).json()["scores"]
    assert [(row["order_id"], row["moment"], row["factors"]) for row in one] == [
        ("o2", "arrival", [["behind the plan", 0.3]])
    ]
    assert len(client.get("/v1/scores?most=1", headers=WITH).json()["scores"]) == 1
    assert client.get("/v1/scores?most=0", headers=WITH).status_code == 422
    assert TestClient(create_app(engine, TOKEN)).get("/v1/scores", headers=WITH).json() == {"scores": []}


def post(client, *events, headers=WITH):
    rows = [one if isinstance(one, dict) else as_row(one) for one in events]
    return client.post("/v1/events", json={"events": rows}, headers=headers)


def test_a_day_written_and_read_is_the_same(tmp_path):
    write_day(tmp_path, DAY)
    again = read_day(tmp_path)
    assert again.plan == DAY.plan and again.offers == DAY.offers and again.prices == DAY.prices
    assert again.problem.orders == DAY.problem.orders and again.problem.vehicles == DAY.problem.vehicles
    assert (again.problem.travel.duration_s == DAY.problem.travel.duration_s).all()


def test_events_are_taken_once_and_decisions_are_on_disk_when_the_answer_comes(served):
    client, _, journal = served
    one = created("n1", "new1", 9, 27_000)
    assert post(client, one).json()["results"] == [{"event_id": "n1", "result": "taken", "reason": ""}]
    assert post(client, one).json()["results"][0]["result"] == "known"
    other = created("n1", "new2", 10, 27_000)
    assert post(client, other).json()["results"][0]["reason"] == "another event of this name was taken before"
    assert journal.counts() == (1, 1)
    (decision,) = client.get("/v1/decisions", headers=WITH).json()["decisions"]
    assert decision["kind"] == "assign" and decision["order_ids"] == ["new1"] and decision["alternatives"]


def test_nothing_opens_without_the_token(served):
    client, _, journal = served
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        assert post(client, created("n1", "new1", 9, 27_000), headers=headers).status_code == 401
        for path in ("/v1/decisions", "/v1/day", "/v1/stream", "/metrics"):
            assert client.get(path, headers=headers).status_code == 401
    assert journal.counts() == (0, 0)
    assert client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"kind": "tick", "at_s": 1}, "it has no event_id"),
        ({"event_id": "x", "kind": "teleported", "at_s": 1, "order_id": "o1"}, "there is no event"),
        ({"event_id": "x", "kind": "cancelled", "at_s": 900_000, "order_id": "o1"}, "on another day"),
        ({"event_id": "x", "kind": "cancelled", "at_s": "soon", "order_id": "o1"}, "whole number of seconds"),
        ({"event_id": "x", "kind": "cancelled", "at_s": True, "order_id": "o1"}, "whole number of seconds"),
        ({"event_id": "x" * 201, "kind": "tick", "at_s": 1}, "200 characters"),
        ({"event_id": "x", "kind": "tick", "at_s": 1, "vehicle": "v"}, "no field 'vehicle'"),
        ({"event_id": "x", "kind": "tick", "at_s": 1, "facts": {"a": [1]}}, "a whole number or a short text"),
        ({"event_id": "=>x", "kind": "tick", "at_s": 1}, "for the service to say"),
        ({"event_id": "x", "kind": "route_set", "at_s": 1, "vehicle_id": "v0"}, "for the service to say"),
        ("tick", "an event is an object"),
    ],
)
def test_a_bad_event_is_refused_by_name_and_the_rest_of_its_batch_is_taken(served, row, reason):
    client, engine, _ = served
    client_results = client.post(
        "/v1/events", json={"events": [row, as_row(event("ok", "tick", 30_000))]}, headers=WITH
    )
    bad, good = client_results.json()["results"]
    assert bad["result"] == "refused" and reason in bad["reason"]
    assert good["result"] == "taken" and not engine.failed


def test_refused_events_are_counted_and_quarantined_and_the_service_does_not_grow_with_them(tmp_path):
    write_day(tmp_path, DAY)
    wrong = [event(f"w{n}", "cancelled", 900_000 + n, order_id=f"o{n}") for n in range(1_000)]
    with Journal(tmp_path) as journal:
        engine = Engine(DAY, journal)
        engine.submit([created("n1", "new1", 9, 27_000)]).result(60)
        before = engine.state
        for _ in range(3):  # a client that sends again: told again, kept once
            results = engine.submit(wrong).result(60)
            assert {one.result for one in results} == {"refused"} and "on another day" in results[0].reason
        assert engine.state == before  # nothing of them is in memory
        assert (engine.refused, engine.quarantined) == (3_000, 1_000)
        kept = journal.refused(after=998)
        assert [one["event_id"] for one in kept] == ["w998", "w999"] and "on another day" in kept[0]["reason"]
        # the name is free for the event as it should have been
        right = replace(wrong[3], at_s=27_100, seen_s=27_100)
        assert [one.result for one in engine.submit([right]).result(60)] == ["taken"]
        engine.close()
        assert replay(DAY, journal).identical
    with Journal(tmp_path) as journal:
        again = Engine(DAY, journal)
        client = TestClient(create_app(again, TOKEN))
        assert client.get("/v1/day", headers=WITH).json()["refused"] == 1_000
        page = client.get("/v1/refused?most=2", headers=WITH).json()
        assert page["events"] == 1_000 and [one["order_id"] for one in page["refused"]] == ["o0", "o1"]
        again.close()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": 5}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_none_is_said_to_be(served, body):
    client, engine, _ = served
    assert client.post("/v1/events", content=body, headers=WITH).status_code == 422
    assert client.post("/v1/events", json={"events": [{}] * 1_001}, headers=WITH).status_code == 422
    assert not engine.failed


def test_what_is_too_much_is_told_to_come_back_and_nothing_of_it_is_lost(served, monkeypatch):
    client, engine, journal = served
    gate = threading.Event()
    record = journal.record
    monkeypatch.setattr(journal, "record", lambda *rows: (gate.wait(20), record(*rows))[1])
    events = [event(f"p{n}", "tick", 30_000) for n in range(MOST_WAITING + 500)]
    results, sent = [], 0
    while sent < len(events):
        try:
            results.append(engine.submit(events[sent : sent + 500]))
            sent += 500
        except Exception as error:
            assert type(error).__name__ == "OverloadedError"
            answer = post(client, *events[sent : sent + 500])
            assert answer.status_code == 429 and answer.headers["Retry-After"] == "1"
            assert (
                engine.lag_s() >= 0 and "fivefold_live_overloaded_total 2" in client.get("/metrics", headers=WITH).text
            )
            gate.set()
            results[0].result(20)
            for one in results:
                one.result(20)
    assert sum(len(one.result(20)) for one in results) == len(events)
    assert journal.counts()[0] == len(events)


def test_a_disk_that_fails_is_never_answered_as_taken(served, monkeypatch):
    client, _, journal = served

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "record", full)
    assert post(client, event("a", "tick", 30_000)).status_code == 503
    assert client.get("/health").status_code == 503
    assert post(client, event("b", "tick", 30_000)).status_code == 503


def test_a_day_from_its_journal_is_the_day_it_was_and_replays_to_the_bit(served):
    client, engine, journal = served
    for one in a_day():
        post(client, one)
    state = restored(DAY, journal)
    assert digest(state) == digest(engine.state)
    found = replay(DAY, journal)
    assert found.identical and found.decisions == journal.counts()[1] > 0
    journal.connection.execute("update decision set body = replace(body, 'cheapest', 'dearest')")
    other = replay(DAY, journal)
    assert not other.identical and other.first_difference == "n1"
    assert ["dearest" in one for one in (*other.then, *other.now)] == [True, False] and other.now[0].startswith(
        "assign"
    )


def test_replay_is_asked_for_by_a_command_and_says_what_became_otherwise(tmp_path, capfd):
    from click.testing import CliRunner

    from orchestration.cli.replay import command
    from orchestration.live.begin import day_folder

    folder = day_folder(tmp_path, "demo", DATE)
    write_day(folder, DAY)
    with Journal(folder) as journal:
        engine = Engine(DAY, journal)
        engine.submit(a_day()).result(30)
        engine.close()
    words = [DATE.isoformat(), "--source", "demo", "--home", str(tmp_path)]
    assert CliRunner().invoke(command, [*words, "--json"]).exit_code == 0
    found = json.loads(capfd.readouterr().out)
    assert found["identical"] and found["from"] == "journal" and found["then"] == found["now"] == []
    with Journal(folder) as journal:
        journal.connection.execute("update decision set body = replace(body, 'cheapest', 'dearest')")
    shown = CliRunner().invoke(command, words).output
    # a day that could not begin is looked for in the lake
    Journal(day_folder(tmp_path, "moon", DATE)).close()
    assert "no depot in the lake" in CliRunner().invoke(command, [*words[:1], "--source", "moon", *words[3:]]).output
    assert "then  assign new1" in shown and "the dearest place" in shown and "now  assign new1" in shown


def test_the_page_and_the_overview(served):
    client, _, _ = served
    page = client.get("/")
    assert "Live day" in page.text and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get("/page/page.js").headers["Content-Type"].startswith("text/javascript")
    assert client.get("/page/..%2Fweb.py").status_code == 404 and client.get("/page/web.py").status_code == 404
    for one in a_day():
        post(client, one)
    day = client.get("/v1/day", headers=WITH).json()
    assert day["service_date"] == DATE.isoformat() and {one["vehicle_id"] for one in day["vehicles"]} == {"v0", "v1"}
    assert any(one["status"] == "broken" for one in day["vehicles"])


def test_what_if_a_van_were_lost_and_ten_orders_came_leaves_the_day_as_it_is(served):
    client, engine, journal = served
    name = digest(engine.state)
    van = next(iter(DAY.planned))
    supposed = [event("x", "driver_no_show", 27_000, vehicle_id=van)]
    supposed += [created(f"x{n}", f"extra{n}", 9 + n % 4, 27_000) for n in range(10)]
    answer = client.post("/v1/what-if", json={"events": [as_row(one) for one in supposed]}, headers=WITH).json()
    placed = {order for one in answer["decisions"] for order in one["orders"]}
    assert placed >= {*DAY.planned[van], *(f"extra{n}" for n in range(10))}
    assert answer["cost_minor"] == sum(one["price_minor"] for one in answer["decisions"])
    assert digest(engine.state) == name and journal.counts() == (0, 0)
    assert client.post("/v1/what-if", json={"events": [{}] * 101}, headers=WITH).status_code == 422
    assert client.post("/v1/what-if", json={"events": []}).status_code == 401


def test_a_wish_is_asked_in_words_and_answered_with_before_and_after(served):
    client, engine, journal = served
    places = client.get("/v1/places", headers=WITH).json()
    zone = next(row[3] for row in places["orders"] if row[0] == "o1")
    inside = {row[0] for row in places["orders"] if row[3] == zone}
    name = digest(engine.state)
    closed = client.post("/v1/what-if", json={"close_zone": zone}, headers=WITH).json()
    assert closed["before"]["stops"] - closed["after"]["stops"] == len(inside)
    assert closed["after"]["routes_minor"] < closed["before"]["routes_minor"]
    van = next(iter(DAY.planned))
    lost = client.post("/v1/what-if", json={"lose_van": van, "add_orders": 10}, headers=WITH).json()
    assert {one["kind"] for one in lost["decisions"]} <= {"assign", "tender", "leave"} and lost["decisions"]
    for wish, reason in (
        ({"close_zone": "moon"}, "no open order"),
        ({"lose_van": "lorry"}, "no vehicle"),
        ({"add_orders": 101}, "from 0 to 100"),
        ({"add_orders": True}, "from 0 to 100"),
        ({"teleport": 1}, "no field 'teleport'"),
    ):
        answer = client.post("/v1/what-if", json=wish, headers=WITH)
        assert answer.status_code == 422 and reason in answer.json()["detail"]
    assert digest(engine.state) == name and journal.counts() == (0, 0)


def test_what_cannot_be_is_shown_and_nothing_of_it_is_believed(served):
    client, engine, _ = served
    van = next(iter(DAY.planned))

    def at(name, at_s, lat_e6, vehicle=van):
        facts = {"lat_e6": lat_e6, "lon_e6": 24_900_000}
        return event(name, "position", at_s, vehicle_id=vehicle, facts=facts)

    results = post(
        client,
        at("p1", 27_000, 60_170_000),
        at("p2", 27_100, -33_000_000),  # it would have had to fly
        at("p3", 27_200, 999_000_000),
        at("p4", 27_200, 60_170_000, "ghost"),
        event("d", "delivered", 27_300, order_id="nobody"),
    ).json()["results"]
    assert [one["result"] for one in results] == ["taken", "taken", "refused", "taken", "taken"]
    assert results[2]["reason"].startswith("a position has lat_e6")
    shown = client.get("/v1/day", headers=WITH).json()
    (mine,) = [one for one in shown["vehicles"] if one["vehicle_id"] == van]
    assert mine["at_e6"] == [60_170_000, 24_900_000] and mine["impossible"] == 1
    assert (shown["unknown"], shown["unknown_vehicles"], shown["refused"]) == (["nobody"], ["ghost"], 1)
    # a tender answered twice: the first holds, the second is told
    override = {"event_id": "w", "kind": "override", "at_s": 27_400, "order_id": "o1", "fleet_id": "gig-a"}
    post(client, override | {"facts": {"by": "Ana", "reason": "asked by phone"}})
    for name, at_s in (("accepted", 27_500), ("declined", 27_600)):
        answer = {"event_id": name, "kind": f"tender_{name}", "at_s": at_s, "tender_id": "o1@gig-a"}
        assert post(client, answer).json()["results"][0]["result"] == "taken"
    told = client.get("/v1/decisions", headers=WITH).json()["decisions"][-1]
    assert told["kind"] == "refuse" and told["reason"] == "gig-a had accepted it at 07:38: the first answer holds"
    assert engine.state.tenders["o1@gig-a"].status == "accepted"


def test_the_age_of_what_decisions_knew_is_shown_and_survives_a_restart(served, tmp_path):
    client, engine, journal = served
    post(client, created("n1", "new1", 9, 27_000))
    stop = {"event_id": "d", "kind": "delivered", "at_s": 27_100, "order_id": "o1"}
    post(client, stop, created("n2", "new2", 10, 27_400))
    shown = client.get("/v1/day", headers=WITH).json()["outcomes"]
    assert (shown["newest_s"], shown["newest_outcome_age_min_p95"], shown["target_min"]) == (27_100, 5.0, 15.0)
    assert shown["decisions"] >= 1 and shown["before_the_first_outcome"] >= 1
    assert 'newest_outcome_age_minutes{quantile="0.95"} 5.0' in client.get("/metrics", headers=WITH).text
    engine.close()
    assert Engine(read_day(tmp_path), journal).ages.summary() == engine.ages.summary()


def test_a_day_that_waits_for_people_is_written_read_and_replayed(tmp_path):
    day = replace(DAY, approvals=Approvals(("assign",), 5_000, 300, 4))
    write_day(tmp_path, day)
    assert read_day(tmp_path).approvals == day.approvals and read_day(tmp_path).places == day.places
    with Journal(tmp_path) as journal:
        engine = Engine(read_day(tmp_path), journal)
        client = TestClient(create_app(engine, TOKEN))
        post(client, created("n1", "new1", 9, 27_000))
        (waits,) = client.get("/v1/day", headers=WITH).json()["queue"]
        assert waits["items"][0]["order_id"] == "new1" and waits["items"][0]["alternatives"]
        said = {"proposal": waits["proposal"], "by": "Ana", "handled_ms": 6_000}
        yes = {"event_id": "y", "kind": "approved", "at_s": 27_060, "facts": said}
        assert post(client, yes, yes).json()["results"][1]["result"] == "known"
        day_now = client.get("/v1/day", headers=WITH).json()
        assert day_now["queue"] == [] and day_now["desk"]["touches"] == 1 and day_now["desk"]["touch_minutes"] == 0.1
        assert "fivefold_live_touches_total 1" in client.get("/metrics", headers=WITH).text
        forged = {"event_id": "z", "kind": "proposed", "at_s": 27_060, "order_id": "o1", "facts": {"proposal": "p"}}
        assert post(client, forged).json()["results"][0]["reason"] == "that is for the service to say"
        engine.close()
        assert replay(day, journal).identical
        made = journal.decisions()
        assert [one["kind"] for one in made] == ["propose", "assign"] and made[1]["decided_s"] == 27_060


def test_one_instance_at_a_time_serves_a_day(tmp_path):
    from domain.errors import InputError

    with Journal(tmp_path), pytest.raises(InputError, match="another instance"):
        Journal(tmp_path)
    Journal(tmp_path).close()


# --- a real process, killed


def begin(home, *more, day=DAY, clock="events"):
    folder = home / "live" / f"demo-{DATE}"
    if not (folder / "day.json").exists():
        write_day(folder, day)
    code = "from orchestration.cli import main; main()"
    arguments = [
        "--home",
        str(home),
        "live",
        "demo",
        str(DATE),
        "--port",
        "0",
        *(("--clock", clock) if clock else ()),
        *more,
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FIVEFOLD_LIVE_TOKEN": TOKEN},
    )
    return process


def address_of(process):
    line = process.stderr.readline()
    assert "http://" in line, line + process.stderr.read()
    return line.split("http://")[1].split()[0]


def send(address, events):
    body = json.dumps({"events": [as_row(one) for one in events]}).encode()
    request = urllib.request.Request(f"http://{address}/v1/events", body, {**WITH, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["results"]


@pytest.mark.slow
def test_a_date_that_is_not_today_goes_by_the_clock_of_its_events(tmp_path):
    wrong = begin(tmp_path, "--clock", "wall")
    assert wrong.wait(60) == 2 and "is not today" in wrong.stderr.read()
    process = begin(tmp_path, clock=None)
    address = address_of(process)
    assert send(address, [created("n1", "new1", 9, 27_000)])[0]["result"] == "taken"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with Journal(tmp_path / "live" / f"demo-{DATE}") as journal:
        assert restored(DAY, journal).clock_s == 27_000 and journal.decisions()[0]["kind"] == "assign"
        assert journal.quarantined() == 0


@pytest.mark.slow
def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(tmp_path):
    events, dice = a_day(), random.Random(5)
    events += [event(f"t{n}", "tick", 46_000 + n) for n in range(60)]
    process = begin(tmp_path)
    address, kills, waiting = address_of(process), 0, list(events)
    while waiting:
        batch = waiting[: dice.randint(1, 4)]
        if kills < 3 and dice.random() < 0.25:
            threading.Timer(dice.random() * 0.02, process.send_signal, [signal.SIGKILL]).start()
            kills += 1
        try:
            results = send(address, batch)
        except (urllib.error.URLError, OSError):
            process.wait(20)
            process = begin(tmp_path)
            address = address_of(process)
            continue  # not known to be taken: sent again
        assert {one["result"] for one in results} <= {"taken", "known"}
        waiting = waiting[len(batch) :]
    time.sleep(0.1)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(20)
    folder = tmp_path / "live" / f"demo-{DATE}"
    with Journal(folder) as journal:
        assert [one.event_id for one, _ in journal.entries()] == [one.event_id for one in events]
        assert replay(DAY, journal).identical
    assert kills


@pytest.mark.slow
def test_a_second_instance_waits_and_takes_over(tmp_path):
    first = begin(tmp_path)
    address = address_of(first)
    second = begin(tmp_path, "--standby", "60")
    assert send(address, a_day()[:3])
    # a dispatcher's page is open: its stream goes on for as long as the service does, and no longer
    stream = urllib.request.urlopen(urllib.request.Request(f"http://{address}/v1/stream", headers=WITH), timeout=20)
    assert stream.readline() == b": open\n"
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert "Traceback" not in first.stderr.read()
    stream.close()
    address = address_of(second)
    assert {one["result"] for one in send(address, a_day()[:3])} == {"known"}
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0


@pytest.mark.slow
def test_a_second_instance_that_does_not_wait_says_why(tmp_path):
    with Journal(tmp_path / "live" / f"demo-{DATE}"):
        process = begin(tmp_path)
        assert process.wait(60) == 2 and "another instance serves this day" in process.stderr.read()
