"""Decisions of the live day reach the lake by the outbox: all of them, once, whatever is handed over again."""

from datetime import UTC, datetime, time

from domain.tables import TABLES
from operations.state import start
from orchestration.acting.relay import relay
from orchestration.lake import Lake
from orchestration.live.engine import Engine
from orchestration.live.journal import Journal
from orchestration.live.outbox import TABLE, DecisionOutbox
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
