"""The outbox's rows: recorded once, claimed once, never lost; the worker and its command."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from domain.errors import InputError
from operations.outbox import Answer, Message, RetryPolicy, Verdict, message_key
from orchestration.cli import main
from orchestration.messaging.channels.webhook import WebhookChannel
from orchestration.messaging.office import open_office
from orchestration.messaging.people import PeopleStore, Person
from orchestration.messaging.store import DecisionRow, OutboxStore
from orchestration.messaging.worker import Worker
from tests.receivers import receiver

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def message(order: str = "o1", channel: str = "email", now: datetime = NOW, **changes) -> Message:
    values = {
        "key": message_key("demo", order, "late_risk", 1, channel),
        "subject": "Later",
        "text": "Between 14:00 and 15:00. {{answer}}",
        "expires_at": now + timedelta(hours=2),
        "recipient": "c1",
    }
    return Message(
        source="demo",
        order_id=order,
        trigger="late_risk",
        channel=channel,
        created_at=now,
        **{"not_before": now, **values, **changes},
    )


@pytest.fixture
def store(tmp_path):
    with OutboxStore(tmp_path / "outbox") as one:
        yield one


class Script:
    """A channel that answers as it was told, and remembers what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.sent = list(answers), []

    def send(self, envelope):
        self.sent.append(envelope)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        pass


OK, NO, HM = Answer(Verdict.ACCEPTED), Answer(Verdict.REJECTED, "bounced"), Answer(Verdict.UNCLEAR, "busy")


def test_decisions_and_messages_are_recorded_together_and_once(store):
    decision = DecisionRow("operation.interventions", "i1", {"action": "offer_reschedule", "at": NOW})
    assert store.record([message()], [decision], NOW) == 1
    assert store.record([message(text="another text")], [decision], NOW) == 0
    assert [one.message.text for one in store.messages()] == ["Between 14:00 and 15:00. {{answer}}"]
    assert [one.key for one in store.waiting_decisions()] == ["i1"]
    store.in_lake(store.waiting_decisions())
    assert store.waiting_decisions() == []


def test_if_one_row_cannot_be_recorded_none_is(store):
    broken = message("o2", recipient="\ud800")  # a lone surrogate is no text that a database takes
    with pytest.raises(UnicodeEncodeError):
        store.record([message(), broken], [DecisionRow("t", "d1", {})], NOW)
    assert store.waiting_decisions() == []
    assert store.messages() == []


def test_two_workers_never_hold_the_same_message(store, tmp_path):
    store.record([message(f"o{number}") for number in range(200)], (), NOW)
    taken: list[str] = []

    def work() -> None:
        with OutboxStore(tmp_path / "outbox") as own:
            own.join()
            while claimed := own.claim(7, NOW, 60):
                taken.extend(one.message.key for one in claimed)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == len(set(taken)) == 200


def test_a_lease_that_ran_out_is_taken_over_and_a_late_answer_still_counts(store, tmp_path):
    store.record([message()], (), NOW)
    store.join()
    (mine,) = store.claim(1, NOW, 60)
    with OutboxStore(tmp_path / "outbox") as other:
        other.join()
        assert other.claim(1, NOW + timedelta(seconds=59), 60) == []
        (theirs,) = other.claim(1, NOW + timedelta(seconds=60), 60)
        assert theirs.delivery.attempts == 2
        store.settle([(mine, HM)], NOW)
        assert other.message(mine.message.key).delivery.state == "sending"  # theirs now
        store.settle([(mine, OK)], NOW)
        assert store.counts()["delivered"] == 1
        other.settle([(theirs, NO)], NOW)
        assert store.counts()["delivered"] == 1


def test_a_worker_must_join(store):
    with pytest.raises(InputError, match="join"):
        store.claim(1, NOW, 60)


def test_what_is_not_due_waits(store):
    store.record([message(not_before=NOW + timedelta(hours=1))], (), NOW)
    store.join()
    assert store.claim(9, NOW, 60) == []
    assert store.next_due() == NOW + timedelta(hours=1)
    assert len(store.claim(9, NOW + timedelta(hours=1), 60)) == 1


def test_a_refused_message_goes_on_to_the_next_channel(store):
    mail, phone = Script(NO), Script(OK)
    store.record([message(fallback=("sms",))], (), NOW)
    counts = Worker(store, {"email": mail, "sms": phone}, clock=lambda: NOW).run()
    assert counts == {"pending": 0, "sending": 0, "delivered": 1, "dead": 1}
    assert phone.sent[0].message.channel == "sms"


def test_an_unclear_one_is_sent_again_with_the_same_key(tmp_path):
    with OutboxStore(tmp_path / "outbox", RetryPolicy(base_s=0.01, cap_s=0.02)) as store:
        channel = Script(HM, RuntimeError("a bug in a channel"), OK)
        now = datetime.now(UTC)
        store.record([message(now=now)], (), now)
        assert Worker(store, {"email": channel}).run()["delivered"] == 1
        assert len({one.message.key for one in channel.sent}) == 1
        log = store.attempts(channel.sent[0].message.key)
    assert [one["verdict"] for one in log] == ["unclear", "unclear", "accepted"]
    assert "a bug in a channel" in log[1]["detail"]


def test_an_expired_message_is_buried_unsent(store):
    channel = Script(OK)
    store.record([message(expires_at=NOW)], (), NOW)
    assert Worker(store, {"email": channel}, clock=lambda: NOW).run()["dead"] == 1
    assert channel.sent == []


def test_a_dead_letter_is_kept_and_can_be_sent_again(store):
    channel = Script(NO, OK)
    store.record([message()], (), NOW)
    worker = Worker(store, {"email": channel}, clock=lambda: NOW)
    assert worker.run()["dead"] == 1
    key = channel.sent[0].message.key
    assert store.retry([key], NOW) == 1
    assert worker.run()["delivered"] == 1
    assert store.retry([key], NOW) == 0


def test_an_unknown_channel_kills_its_message_only(store):
    store.record([message(), message("o2", "pigeon")], (), NOW)
    counts = Worker(store, {"email": Script(OK)}, clock=lambda: NOW).run()
    assert (counts["delivered"], counts["dead"]) == (1, 1)


def test_a_hanging_receiver_loses_nothing_of_the_others(store):
    now = datetime.now(UTC)
    with receiver() as http:
        channels = {
            name: WebhookChannel(http.url(f"/{name}"), SECRET, allow_private=True, deadline_s=0.5)
            for name in ("ok", "hang", "broken", "moved", "huge")
        }
        store.record([message(f"o{n}", name, now) for n in range(6) for name in channels], (), now)
        counts = Worker(store, channels, threads=8).deliver_due()
        keys = {headers["webhook-id"] for path, headers, _ in http.requests if path == "/ok"}
    assert len(keys) == 6
    assert counts["sending"] == 0
    assert counts["delivered"] == 12
    assert counts["dead"] == 6
    assert counts["pending"] == 12


def people(home, **changes):
    with PeopleStore(home) as store:
        values = {"email": "jane.doe@example.org", "phone": "+31612345678", "channels": "email,sms"}
        store.add([Person("demo", "c1", name="Jane Doe", **{**values, **changes})])


def test_the_address_and_the_link_are_put_in_when_the_message_goes(tmp_path):
    people(tmp_path)
    now = datetime.now(UTC)
    with open_office(tmp_path) as office:
        office.store.record([message(now=now, links={"{{answer}}": "answer"})], (), now)
        assert office.worker().deliver_due()["delivered"] == 1
    (sent,) = (tmp_path / "outbox" / "sent").rglob("*.eml")
    text = sent.read_text()
    assert "jane.doe@example.org" in text
    assert "http://127.0.0.1:8700/answer/" in text.replace("=\n", "")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "outbox").glob("outbox.sqlite*"))
    assert b"jane" not in kept
    assert b"/answer/" not in kept


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"channels": "sms"}, "does not agree"), ({"email": None}, "no address"), ({"channels": ""}, "does not agree")],
)
def test_consent_is_asked_for_again_when_the_message_goes(tmp_path, changes, why):
    people(tmp_path, **changes)
    now = datetime.now(UTC)
    with open_office(tmp_path) as office:
        office.store.record([message(now=now)], (), now)
        office.worker().deliver_due()
        (kept,) = office.store.messages(state="dead")
    assert why in kept.delivery.error


def run(home, *arguments):
    return CliRunner().invoke(main, ["--home", str(home), "outbox", *arguments])


def run_json(capfd, home, *arguments):
    """``--json`` writes to the file descriptor, past what click's runner catches."""
    capfd.readouterr()
    run(home, *arguments, "--json")
    return json.loads(capfd.readouterr().out)


def test_the_command_lists_shows_sends_and_retries(tmp_path, capfd):
    now = datetime.now(UTC)
    with OutboxStore(tmp_path / "outbox") as store:
        store.record([message(now=now), message("o2", now=now)], (), now)
    assert "pending 2" in run(tmp_path).output
    assert run_json(capfd, tmp_path, "send")["dead"] == 2  # nobody is in the address book
    listed = run_json(capfd, tmp_path, "list", "--state", "dead")
    assert {one["error"] for one in listed["messages"]} == {"the customer is not known (any more)"}
    people(tmp_path)
    key = listed["messages"][0]["key"]
    assert run_json(capfd, tmp_path, "retry", key[:9]) == {"retried": 1, "not_dead": 0}
    assert run_json(capfd, tmp_path, "retry", "--all") == {"retried": 1, "not_dead": 0}
    assert run_json(capfd, tmp_path, "send")["delivered"] == 2
    shown = run_json(capfd, tmp_path, "show", key)
    assert [one["verdict"] for one in shown["log"]] == ["rejected", "accepted"]
    assert "Between 14:00" in run(tmp_path, "show", key).output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("show", "ffff"), "no message begins"), (("retry",), "name the messages"), (("show", ""), "no message begins")],
)
def test_the_command_says_what_is_wrong(tmp_path, arguments, why):
    result = run(tmp_path, *arguments)
    assert result.exit_code == 2
    assert why in result.output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "channels: {x: {type: webhook, url: 'https://example.org', secret_env: NOT_SET_ANYWHERE}}",
            "NOT_SET_ANYWHERE",
        ),
        ("channels: {x: {type: pigeon}}", "channels.x"),
        ("channels: {x: {type: smtp, host: h, sender: s@h, prot: 1}}", "prot"),
        ("channels: [", "not YAML"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, why):
    (tmp_path / "messaging.yml").write_text(text)
    result = run(tmp_path, "send")
    assert result.exit_code == 2
    assert why in result.output


def test_the_address_book_is_readable_by_its_owner_only(tmp_path):
    people(tmp_path)
    path = tmp_path / "personal" / "people.sqlite"
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_many_threads_may_ask_one_store_at_once(tmp_path):
    people(tmp_path)
    with PeopleStore(tmp_path) as store:
        failed: list[Exception] = []

        def ask() -> None:
            try:
                for _ in range(200):
                    assert store.get("demo", "c1").email == "jane.doe@example.org"
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert failed == []


def test_the_key_of_links_is_made_once_however_many_ask_for_it(tmp_path):
    from orchestration.messaging.settings import link_secret

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(link_secret(tmp_path))) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert len(found[0]) >= 32
    (path,) = (tmp_path / "personal").iterdir()
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_could_be_guessed_from_a_link_is_refused(tmp_path, monkeypatch):
    from orchestration.messaging.settings import link_secret

    monkeypatch.setenv("FIVEFOLD_LINK_SECRET", "secret")
    with pytest.raises(InputError, match="FIVEFOLD_LINK_SECRET must have 16 characters"):
        link_secret(tmp_path)
    monkeypatch.setenv("FIVEFOLD_LINK_SECRET", "k" * 16)
    assert link_secret(tmp_path) == "k" * 16
