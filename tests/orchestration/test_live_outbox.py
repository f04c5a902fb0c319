"""Decisions of the live day reach the lake by the outbox: all of them, once, whatever is handed over again."""

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pandas as pd
import pytest
from click.testing import CliRunner

from domain.tables import TABLES
from operations.dispatch.standing import carried
from operations.state import Approvals, start
from orchestration.acting.relay import relay
from orchestration.cli.standing import command as standing_command
from orchestration.lake import Lake
from orchestration.live.batch import decide_batch
from orchestration.live.begin import day_folder
from orchestration.live.dayfile import read_day, write_day
from orchestration.live.engine import Engine, replay, restored
from orchestration.live.journal import Journal
from orchestration.live.outbox import ANSWERS, TABLE, DecisionOutbox
from orchestration.live.standing import standing_of
from orchestration.live.view import standing
from orchestration.messaging.store import OutboxStore
from tests.operations.days import DATE, created, event, make_day

MIDNIGHT = datetime.combine(DATE, time(), UTC)


def test_decisions_reach_the_lake_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    day = make_day(orders=6, vans=2, iterations=50)
    with Journal(tmp_path / "day") as journal, OutboxStore(tmp_path / "outbox") as store:
        engine = Engine(day, journal)
        events = [created("n1", "new1", 7, 27_000), event("c1", "cancelled", 27_500, order_id="o3")]
        engine.submit(events).result(30)
        engine.close()
        outbox = DecisionOutbox(store, journal, day, "demo", MIDNIGHT)
        assert outbox.deliver() == journal.counts()[1] == 2
        assert outbox.deliver() == 0
        # a process that starts again hands everything over again
        assert DecisionOutbox(store, journal, day, "demo", MIDNIGHT).deliver() == 2
        assert len(store.waiting_decisions()) == 2
        assert {*store.waiting_decisions()[0].row} == set(TABLES[TABLE].column_names)
        with Lake.open(tmp_path) as lake:
            relay(lake, store)
            rows = lake.query(f"select * from {TABLE} order by decision_id")
    assert list(rows["kind"]) == ["drop", "assign"] and list(rows["order_id"]) == ["o3", "new1"]
    assert rows["decided_at"].iloc[1].tz_convert("UTC") == MIDNIGHT.replace(hour=7, minute=30)
    assert "leave" in rows["alternatives"].iloc[1]
    assert start(day).day.problem.currency == rows["currency"].iloc[0]


def landed(lake, events):
    """Events as the lake holds them."""
    table = TABLES["raw.delivery_events"]
    rows = [
        dict.fromkeys(table.column_names)
        | {
            "source": "demo",
            "event_id": one.event_id,
            "event_type": one.kind,
            "order_id": one.order_id or None,
            "vehicle_id": one.vehicle_id or None,
            "service_date": DATE,
            "event_time": MIDNIGHT + timedelta(seconds=one.at_s),
            "ingest_time": MIDNIGHT + timedelta(seconds=one.seen_s),
            "retracted": False,
            "file_id": "f1",
        }
        for one in events
    ]
    lake.append(table, pd.DataFrame(rows))


def test_a_micro_batch_decides_what_is_new_once_and_leaves_a_served_day_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    day = make_day(orders=6, vans=2, iterations=50)
    folder = day_folder(tmp_path, "demo", DATE)
    write_day(folder, day, MIDNIGHT)
    with Lake.open(tmp_path) as lake:
        landed(lake, [event("c1", "cancelled", 27_500, order_id="o3")])
    first = decide_batch(tmp_path, "demo", DATE)
    assert (first.events, first.taken, first.decisions) == (1, 1, 1)
    assert decide_batch(tmp_path, "demo", DATE).events == 0
    with Lake.open(tmp_path) as lake:
        landed(lake, [event("w1", "cancelled", 10**6, order_id="o4")])  # of another day: refused
    wrong = decide_batch(tmp_path, "demo", DATE)
    assert (wrong.taken, wrong.refused) == (0, 1)
    with Lake.open(tmp_path) as lake:  # and put right under its name
        lake.write(lambda connection: connection.execute("delete from raw.delivery_events where event_id = 'w1'"))
        landed(lake, [event("w1", "cancelled", 27_550, order_id="o4")])
    right = decide_batch(tmp_path, "demo", DATE)
    assert (right.taken, right.refused) == (1, 0)
    with Lake.open(tmp_path) as lake:
        landed(lake, [event("g1", "driver_no_show", 27_600, vehicle_id=next(iter(day.planned)))])
    second = decide_batch(tmp_path, "demo", DATE)
    assert second.events == 1 and second.decisions >= 1
    with Lake.open(tmp_path) as lake:
        assert len(lake.query(f"select * from {TABLE}")) == first.decisions + right.decisions + second.decisions
    with Journal(folder) as journal:
        assert replay(day, journal).identical
        assert decide_batch(tmp_path, "demo", DATE).served


def test_a_batch_of_a_day_under_way_lets_time_pass(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    today = datetime.now(UTC).date()
    midnight = datetime.combine(today, time(), UTC)
    asks = Approvals(("assign", "tender", "leave"), answer_s=1)
    day = replace(make_day(orders=4, vans=2, iterations=50), service_date=today, approvals=asks)
    folder = day_folder(tmp_path, "demo", today)
    write_day(folder, day, midnight)
    with Journal(folder) as journal:
        engine = Engine(day, journal)
        before_s = int((datetime.now(UTC) - midnight).total_seconds()) - 100
        engine.submit([created("n", "new", 5, before_s, window=(0, 172_800))]).result(30)
        engine.close()
    done = decide_batch(tmp_path, "demo", today)
    assert (done.events, done.waiting) == (0, 0) and done.decisions >= 2
    with Journal(folder) as journal:
        made = journal.decisions()
        assert [one["kind"] for one in made][:2] == ["propose", "expire"] and "nobody answered" in made[1]["reason"]
        assert replay(day, journal).identical


def test_an_event_of_the_lake_from_tomorrow_waits_until_its_time_and_moves_no_clock(tmp_path, monkeypatch, capfd):
    from orchestration.cli.dispatch import command

    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    folder = day_folder(tmp_path, "demo", DATE)
    write_day(folder, make_day(orders=6, vans=2, iterations=50), MIDNIGHT)

    def batch(*events):
        if events:
            with Lake.open(tmp_path) as lake:
                landed(lake, events)
        CliRunner().invoke(command, ["demo", DATE.isoformat(), "--home", str(tmp_path), "--json"])
        return json.loads(capfd.readouterr().out.strip().splitlines()[-1])

    ahead = event("f", "cancelled", 100_000, 27_000, order_id="o1")
    first = batch(ahead, event("lm", "cancelled", -2_592_000, 27_000, order_id="o2"))
    assert (first["taken"], first["refused"], first["decisions"]) == (0, 2, 0)
    with Journal(folder, write=False) as journal:
        reasons = {one["event_id"]: one["reason"] for one in journal.refused()}
        assert restored(read_day(folder), journal).clock_s < 0
    assert "in the future" in reasons["f"] and "30 days before it" in reasons["lm"]
    later = batch(event("t", "cancelled", 99_900, order_id="o3"), event("u", "cancelled", 100_100, order_id="o4"))
    assert later["taken"] == 2
    assert batch()["taken"] == 1  # its time has come


def test_a_reader_of_the_stream_that_stops_reading_is_let_go_and_holds_nobody_up(tmp_path, monkeypatch):
    import asyncio

    web = pytest.importorskip("orchestration.live.web")
    monkeypatch.setattr(web, "STREAM_WAITING", 2)

    class Connected:
        async def is_disconnected(self):
            return False

    async def slow_reader():
        day = make_day(orders=6, vans=2, iterations=50)
        with Journal(tmp_path) as journal:
            engine = Engine(day, journal)
            stream = web._decisions(engine, Connected(), lambda: False)
            assert await anext(stream) == ": open\n\n"
            events = [event(f"c{n}", "cancelled", 27_000 + n, order_id=f"o{n}") for n in range(1, 7)]
            done = await asyncio.wrap_future(engine.submit(events))  # it is not held up by who does not read
            await asyncio.sleep(0.2)
            rest = [part async for part in stream]
            assert len(done) == 6 and len(rest) <= 2 and engine.listeners == []
            engine.close()

    asyncio.run(slow_reader())


def test_what_dispatchers_let_stand_goes_by_the_lake_to_the_next_day_and_is_ended_by_a_command(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    rule = Approvals(("assign",), standing_after=2)
    day = replace(make_day(orders=6, vans=2, iterations=50), approvals=rule)
    said = []
    for n in range(2):
        facts = {"proposal": f"n{n}", "by": "Ana", "standing": "yes"}
        said += [
            created(f"n{n}", f"new{n}", 7 + n, 27_000 + 100 * n),
            event(f"y{n}", "approved", 27_050 + 100 * n, facts=facts),
        ]
    with Journal(tmp_path / "day") as journal, OutboxStore(tmp_path / "outbox") as store:
        engine = Engine(day, journal)
        engine.submit(said).result(30)
        engine.close()
        (known,) = standing(engine.state)["in_force"]
        assert replay(day, journal).identical
        for _ in range(2):  # handed over again, it is there once
            DecisionOutbox(store, journal, day, "demo", MIDNIGHT).deliver()
        with Lake.open(tmp_path) as lake:
            relay(lake, store)
            rows = lake.query(f"select * from {ANSWERS} order by said_at, said desc")
            before = standing_of(lake, "demo", DATE, MIDNIGHT)
            tomorrow = standing_of(lake, "demo", DATE + timedelta(days=1), MIDNIGHT + timedelta(days=1))
            after = standing_of(lake, "demo", DATE + timedelta(days=29), MIDNIGHT + timedelta(days=29))
    assert list(rows["said"]) == ["yes", "yes", "accepted"] and set(rows["said_by"]) == {"Ana"}
    assert before == ((), ()) and after[0] == ()
    assert [one.standing_id for one in tomorrow[0]] == [known["standing"]]
    assert tomorrow[0] == tuple(replace(one, after=0) for one in carried(engine.state)[0])
    assert [one.yes for one in tomorrow[1]] == [True, True]
    with_it = replace(day, service_date=DATE + timedelta(days=1), standing=tomorrow[0], said=tomorrow[1])
    write_day(tmp_path / "next", with_it, MIDNIGHT)
    assert read_day(tmp_path / "next").standing == tomorrow[0] and read_day(tmp_path / "next").said == tomorrow[1]

    def ask(*words):
        made = CliRunner().invoke(standing_command, ["demo", "--home", str(tmp_path), "--json", *words])
        return made.exit_code, json.loads(capfd.readouterr().out.strip().splitlines()[-1])

    code, listed = ask()
    assert code == 0 and [(one["sort"], one["by"]) for one in listed["standing"]] == [(known["sort"], "Ana")]
    who = ("--by", "Bo", "--reason", "new carrier")
    assert ask("--withdraw", known["sort"])[1]["error"].startswith("who says so")
    assert ask("--withdraw", "nothing", *who)[0] == 2
    elsewhere = CliRunner().invoke(standing_command, ["mars", "--home", str(tmp_path)])
    assert elsewhere.exit_code == 2 and "source 'mars' is not in the lake (there are: demo)" in elsewhere.output
    assert [one["status"] for one in ask("--withdraw", known["sort"], *who)[1]["standing"]] == ["withdrawn"]
    assert ask("--allow", "teleport", "--limit", "5", *who)[0] == 2 and ask("--allow", "a/-/assign", *who)[0] == 2
    for limit, late in ((4_000, 0), (3_000, 900)):  # the newer takes the place of the older
        far = ("--limit", str(limit), "--late-seconds", str(late), "--until", "2099-01-01")
        ask("--allow", "driver_no_show/carrier/tender", *far, *who)
    shown = CliRunner().invoke(standing_command, ["demo", "--home", str(tmp_path)])
    assert "driver_no_show/carrier/tender: up to 30.00 EUR and 15 min late a cause" in shown.output
    later = datetime.now(UTC) + timedelta(days=1)
    with Lake.open(tmp_path) as lake:
        answers, _ = standing_of(lake, "demo", later.date(), later)
        assert standing_of(lake, "other", later.date(), later) == ((), ())
    assert [(one.sort.name, one.limit_minor, one.late_s, one.by) for one in answers] == [
        ("driver_no_show/carrier/tender", 3_000, 900, "Bo")
    ]
