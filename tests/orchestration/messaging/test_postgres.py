"""The outbox on a real PostgreSQL: the same promises as on SQLite, for workers on several machines."""

import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from domain.errors import InputError
from operations.outbox import Answer, Message, Verdict, message_key
from orchestration.lake.embedded import start_embedded
from orchestration.messaging.store import DecisionRow, OutboxStore

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
OK, NO = Answer(Verdict.ACCEPTED), Answer(Verdict.REJECTED, "bounced")


def message(number: int, channel: str = "email", **changes) -> Message:
    key = message_key("demo", f"o{number}", "late_risk", 1, channel)
    values = {"key": key, "subject": "50 % later?", "text": "Between 14:00 and 15:00.", "recipient": f"c{number}"}
    return Message(
        source="demo", order_id=f"o{number}", trigger="late_risk", channel=channel, created_at=NOW, not_before=NOW,
        expires_at=NOW + timedelta(hours=2), **{**values, **changes},
    )  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    _, address = start_embedded(tmp_path_factory.mktemp("server"))
    folder = dict(one.split("=", 1) for one in address.split())["host"]
    return f"postgresql://postgres@/postgres?host={quote(folder, safe='')}"


@pytest.fixture
def home(url, tmp_path, monkeypatch):
    import psycopg

    monkeypatch.setenv("FIVEFOLD_OUTBOX", url)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("drop table if exists message, attempt, decision")
    return tmp_path


def test_record_claim_settle_retry_and_forget_are_as_on_sqlite(home):
    with OutboxStore(home / "outbox") as store:
        decision = DecisionRow("operation.interventions", "i1", {"action": "offer_reschedule", "at": NOW})
        both = [message(1), message(2, fallback=("sms",))]
        assert store.record(both, [decision], NOW) == 2
        assert store.record([message(1, text="other")], [decision], NOW) == 0
        assert [one.key for one in store.waiting_decisions()] == ["i1"]
        store.in_lake(store.waiting_decisions())
        assert store.waiting_decisions() == []
        store.join()
        assert store.next_due() == NOW
        first, second = sorted(store.claim(10, NOW, 60), key=lambda one: one.message.order_id)
        store.settle([(first, OK), (second, NO)], NOW)
        assert {name: n for name, n in store.counts().items() if n} == {"delivered": 1, "dead": 1, "pending": 1}
        assert [one.message.channel for one in store.messages(state="pending")] == ["sms"], "the next channel has it"
        assert [one["verdict"] for one in store.attempts(second.message.key)] == ["rejected"]
        assert store.retry([second.message.key], NOW) == 1
        assert store.message(first.message.key[:10]).message.subject == "50 % later?"
        assert store.redact("c1", message(1, recipient="forgotten", subject="", text=""), "demo") == 1
        assert store.message(first.message.key).message.text == ""
    assert not (home / "outbox" / "outbox.sqlite").exists()


def test_a_row_that_cannot_be_recorded_takes_the_others_with_it(home):
    with OutboxStore(home / "outbox") as store:
        with pytest.raises(Exception, match="surrogates"):
            store.record([message(1), message(2, recipient="\ud800")], [], NOW)
        assert store.messages() == []


def test_two_workers_never_hold_the_same_message(home):
    with OutboxStore(home / "a") as one, OutboxStore(home / "b") as two:
        one.record([message(n) for n in range(40)], [], NOW)
        one.join()
        two.join()
        taken = [kept.message.key for _ in range(4) for store in (one, two) for kept in store.claim(5, NOW, 60)]
    assert len(taken) == len(set(taken)) == 40


def _take_and_wait(home, taken):
    with OutboxStore(home / "killed") as store:
        store.join()
        store.claim(3, NOW, 3_600)
        taken.set()
        time.sleep(60)


def test_what_a_killed_worker_held_is_taken_over_at_once(home):
    with OutboxStore(home / "alive") as store:
        store.record([message(n) for n in range(5)], [], NOW)
        context = multiprocessing.get_context("fork")
        taken = context.Event()
        process = context.Process(target=_take_and_wait, args=(home, taken))
        process.start()
        assert taken.wait(30)
        store.join()
        assert len(store.claim(10, NOW, 60)) == 2, "the other lives and holds three"
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        deadline, rest = time.monotonic() + 10, []
        while not rest and time.monotonic() < deadline:
            store.join()
            rest = store.claim(10, NOW, 60)
        assert len(rest) == 3


@pytest.mark.parametrize(
    ("value", "why"), [("mysql://x", "postgresql:// URL"), ("postgresql://u:secret@127.0.0.1:1/x", "cannot be reached")]
)
def test_a_server_that_is_none_is_told_without_its_password(tmp_path, monkeypatch, value, why):
    monkeypatch.setenv("FIVEFOLD_OUTBOX", value)
    with pytest.raises(InputError, match=why) as told, OutboxStore(tmp_path):
        pass
    assert "secret" not in str(told.value)
