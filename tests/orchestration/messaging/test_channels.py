"""Channels against real servers: what each answer means for a message, and which targets are refused."""

import base64
import email
import email.policy
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller

from domain.errors import InputError
from operations.outbox import Message, Verdict
from operations.signing import verify
from orchestration.messaging.channels import Address, Envelope
from orchestration.messaging.channels.folder import FolderChannel
from orchestration.messaging.channels.smtp import SmtpChannel
from orchestration.messaging.channels.webhook import WebhookChannel
from orchestration.messaging.targets import is_public, parse_target
from tests.receivers import Mailbox, receiver

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def envelope(to: str = "jane@example.org", key: str = "k1", **changes) -> Envelope:
    values = {
        "subject": "Ihre Lieferung kommt später – 14:00",
        "text": "Zwischen 14:00 und 15:00.",
        "html": "<p>Zwischen 14:00 und 15:00.</p>",
    }
    message = Message(
        key=key,
        source="demo",
        order_id="o1",
        trigger="late_risk",
        channel="email",
        recipient="c1",
        created_at=NOW,
        not_before=NOW,
        expires_at=NOW + timedelta(hours=2),
        language="de",
        **{**values, **changes},
    )
    return Envelope(message, Address(to), message.text, message.html, datetime.now(UTC))


@pytest.fixture
def mailbox():
    handler = Mailbox()
    controller = Controller(handler, hostname="127.0.0.1", port=0)
    # port 0 lets the system choose; the controller wants to know it to check that the server is up
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    handler.port = controller.port
    yield handler
    controller.stop()


def smtp(port: int, **settings) -> SmtpChannel:
    return SmtpChannel("127.0.0.1", port, "Parcels <info@example.org>", security="none", timeout_s=2, **settings)


def test_an_e_mail_arrives_whole_with_its_key(mailbox):
    channel = smtp(mailbox.port)
    assert channel.send(envelope()).verdict is Verdict.ACCEPTED
    assert channel.send(envelope(key="k2")).verdict is Verdict.ACCEPTED
    channel.close()
    to, raw = mailbox.mails[0]
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert to == "jane@example.org"
    assert mail["Subject"] == "Ihre Lieferung kommt später – 14:00"
    assert mail["Message-ID"] == "<k1@example.org>"
    assert mail["Idempotency-Key"] == "k1"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert len(mailbox.mails) == 2


def test_a_bounce_is_final_and_a_busy_relay_is_not(mailbox):
    channel = smtp(mailbox.port)
    bounced = channel.send(envelope("bounce@example.org"))
    assert bounced.verdict is Verdict.REJECTED
    assert "no such mailbox" in bounced.detail
    assert channel.send(envelope("busy@example.org")).verdict is Verdict.UNCLEAR
    assert channel.send(envelope("busy@example.org")).verdict is Verdict.ACCEPTED
    assert channel.send(envelope()).verdict is Verdict.ACCEPTED
    channel.close()


@pytest.mark.parametrize("to", ["", "nobody", "a@b, c@d", "a@b\r\nBcc: x@y", "a b@example.org"])
def test_what_is_no_address_is_refused_before_a_server_sees_it(mailbox, to):
    assert smtp(mailbox.port).send(envelope(to)).verdict is Verdict.REJECTED
    assert not mailbox.seen


def test_a_relay_that_is_down_or_silent_is_unclear():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert smtp(port).send(envelope()).verdict is Verdict.UNCLEAR
        silent.listen()
        channel = SmtpChannel("127.0.0.1", port, "info@example.org", security="none", timeout_s=0.3)
        assert channel.send(envelope()).verdict is Verdict.UNCLEAR


@pytest.fixture(scope="module")
def http():
    with receiver() as server:
        yield server


def hook(http, path: str, deadline_s: float = 3.0) -> WebhookChannel:
    return WebhookChannel(http.url(path), SECRET, allow_private=True, deadline_s=deadline_s)


def test_a_webhook_is_signed_and_keeps_its_connection(http):
    channel = hook(http, "/ok")
    for key in ("k1", "k2"):
        assert channel.send(envelope(key=key)).verdict is Verdict.ACCEPTED
    channel.close()
    sent = [one for one in http.requests if one[0] == "/ok"]
    for (_, headers, body), key in zip(sent, ("k1", "k2"), strict=True):
        assert verify([SECRET], headers, body, datetime.now(UTC)) == key
        assert b"Zwischen" in body


@pytest.mark.parametrize(
    ("path", "verdict"),
    [("/broken", Verdict.UNCLEAR), ("/gone", Verdict.REJECTED), ("/closes", Verdict.UNCLEAR)],
)
def test_what_a_status_means(http, path, verdict):
    assert hook(http, path).send(envelope()).verdict is verdict


def test_a_busy_receiver_says_how_long(http):
    answer = hook(http, "/busy").send(envelope())
    assert (answer.verdict, answer.retry_after_s) == (Verdict.UNCLEAR, 77.0)


def test_a_redirect_is_not_followed(http):
    answer = hook(http, "/moved").send(envelope())
    assert answer.verdict is Verdict.REJECTED
    assert "not followed" in answer.detail
    assert http.times["/elsewhere"] == 0
    assert http.times["GET /elsewhere"] == 0


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_a_receiver_that_hangs_or_drips_costs_no_more_than_the_deadline(http, path):
    started = time.monotonic()
    answer = hook(http, path, deadline_s=0.5).send(envelope())
    assert answer.verdict is Verdict.UNCLEAR
    assert time.monotonic() - started < 2


def test_ten_megabytes_of_answer_are_not_read(http):
    channel = hook(http, "/huge")
    assert channel.send(envelope()).verdict is Verdict.ACCEPTED
    assert channel.send(envelope(key="k2")).verdict is Verdict.ACCEPTED


def test_threads_share_a_channel(http):
    channel, answers = hook(http, "/many"), []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(channel.send(envelope(key=f"t{n}")))) for n in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.verdict for one in answers] == [Verdict.ACCEPTED] * 8


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1", "100.64.0.1",
        "224.0.0.1", "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "::",
    ],
)  # fmt: skip
def test_private_addresses_are_known_in_every_disguise(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_pass(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "0x7f.1"])
def test_a_private_target_is_refused_without_a_connection(http, host):
    channel = WebhookChannel(f"https://{host}:{http.server_port}/", SECRET)
    before = len(http.requests)
    answer = channel.send(envelope())
    assert answer.verdict is Verdict.REJECTED, answer
    assert "not a public address" in answer.detail
    assert len(http.requests) == before


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org", "https://", "https://user:pw@example.org/", "file:///etc/passwd",
        "https://example.org/a b", "https://example.org/\r\nHost: x", "https://example.org:99999/",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_a_target(url):
    with pytest.raises(InputError, match="webhook"):
        parse_target(url)


def test_the_folder_holds_one_file_a_key(tmp_path):
    channel = FolderChannel(tmp_path)
    for _ in range(2):
        assert channel.send(envelope()).verdict is Verdict.ACCEPTED
    assert channel.send(envelope("+31612345678", key="k2")).verdict is Verdict.ACCEPTED
    (sms,) = tmp_path.rglob("k2.eml")
    assert "+31612345678@localhost" in sms.read_text()
    sms.unlink()
    files = list(tmp_path.rglob("*"))
    assert [one.name for one in files if one.is_file()] == ["k1.eml"]
    (tmp_path / "file").write_text("")
    assert FolderChannel(tmp_path / "file").send(envelope()).verdict is Verdict.UNCLEAR


def test_apprise_reaches_its_services(http):
    pytest.importorskip("apprise")
    from orchestration.messaging.channels.services import ServicesChannel

    channel = ServicesChannel(http.url("/apprise").replace("http://", "json://"))
    assert channel.send(envelope("+31612345678")).verdict is Verdict.ACCEPTED
    assert [one for one in http.requests if one[0] == "/apprise"]
    broken = ServicesChannel(http.url("/broken").replace("http://", "json://"))
    assert broken.send(envelope("+31612345678")).verdict is Verdict.UNCLEAR
    with pytest.raises(InputError, match="does not know"):
        ServicesChannel("nosuchservice://x")
