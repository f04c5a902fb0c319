"""The outbox's state machine, keys and signatures through their pure functions."""

import base64
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputError
from operations.links import Claims, LinkError, Purpose, read_link, sign_link
from operations.outbox import (
    Answer,
    Delivery,
    DeliveryState,
    Message,
    RetryPolicy,
    Verdict,
    backoff_s,
    fall_back,
    fraction,
    mask,
    message_key,
    settle,
)
from operations.signing import SignatureError, sign, verify

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def message(**changes) -> Message:
    values = {
        "key": "k1",
        "source": "demo",
        "order_id": "o1",
        "trigger": "late_risk",
        "channel": "email",
        "recipient": "c1",
        "subject": "Later",
        "text": "Between 14:00 and 15:00",
        "created_at": NOW,
        "not_before": NOW,
        "expires_at": NOW + timedelta(hours=2),
    }
    return Message(**{**values, **changes})


DELIVERY = Delivery("k1", DeliveryState.SENDING, 1, NOW)
PARTS = st.text(max_size=12)


@given(st.lists(st.tuples(PARTS, PARTS, PARTS, PARTS, PARTS), min_size=2, max_size=2, unique=True))
def test_different_facts_have_different_keys(facts):
    # a separator inside a part must not let two facts meet
    clean = [tuple(part.replace("\x1f", "") for part in fact) for fact in facts]
    if clean[0] != clean[1]:
        assert message_key(*clean[0]) != message_key(*clean[1])


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_a_back_off_is_between_half_and_all_of_its_exponential_wait(attempt, u):
    policy = RetryPolicy(base_s=2, cap_s=600)
    wait = min(600, 2 * 2 ** (attempt - 1))
    assert wait / 2 <= backoff_s(policy, attempt, u) <= wait


def test_jitter_is_spread_and_repeats():
    values = [fraction("a", number) for number in range(1_000)]
    assert values == [fraction("a", number) for number in range(1_000)]
    assert 0.45 < sum(values) / 1_000 < 0.55
    assert min(values) >= 0
    assert max(values) < 1


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=20))
def test_a_delivery_ends_delivered_or_dead_and_never_leaves_either(verdicts):
    policy, delivery = RetryPolicy(attempts=5, base_s=1, cap_s=4), Delivery("k1", DeliveryState.PENDING, 0, NOW)
    now, told = NOW, message(expires_at=NOW + timedelta(days=1))
    for verdict in verdicts:
        if delivery.state is not DeliveryState.PENDING:
            break
        now = max(now, delivery.due_at)
        claimed = replace(delivery, state=DeliveryState.SENDING, attempts=delivery.attempts + 1)
        delivery = settle(claimed, told, Answer(verdict, "x"), now, policy)
        assert delivery.attempts <= 5
        expected = {Verdict.ACCEPTED: DeliveryState.DELIVERED, Verdict.REJECTED: DeliveryState.DEAD}
        if verdict in expected:
            assert delivery.state is expected[verdict]
        else:
            assert delivery.state is (DeliveryState.DEAD if claimed.attempts == 5 else DeliveryState.PENDING)


def test_a_receiver_that_asks_for_a_wait_gets_it():
    after = settle(DELIVERY, message(), Answer(Verdict.UNCLEAR, "busy", retry_after_s=600), NOW, RetryPolicy())
    assert after.due_at == NOW + timedelta(seconds=600)


def test_what_would_expire_before_the_next_try_is_dead_now():
    told = message(expires_at=NOW + timedelta(seconds=1))
    after = settle(DELIVERY, told, Answer(Verdict.UNCLEAR, "busy", retry_after_s=60), NOW, RetryPolicy())
    assert after.state is DeliveryState.DEAD
    assert "expire" in after.error


def test_the_next_channel_has_a_key_of_its_own_and_none_follows_the_last():
    first = message(fallback=("sms",))
    second = fall_back(first, NOW)
    assert second is not None
    assert second.channel == "sms"
    assert second.key == message_key("demo", "o1", "late_risk", 1, "sms")
    assert fall_back(second, NOW) is None
    assert fall_back(first, first.expires_at) is None


@pytest.mark.parametrize("name", ["created_at", "not_before", "expires_at"])
def test_a_message_needs_time_zones(name):
    with pytest.raises(InputError, match=f"{name} has no time zone"):
        message(**{name: datetime(2026, 1, 1)})


def test_a_subject_cannot_bring_headers():
    with pytest.raises(InputError, match="one line"):
        message(subject="Hello\r\nBcc: everyone@example.org")


def test_masks_show_the_ends_only():
    assert mask("jane.doe@example.org") == "ja***@***rg"
    assert mask("abc") == "***"


def test_a_signed_webhook_is_what_the_standards_own_library_accepts():
    from standardwebhooks import Webhook

    now = datetime.now(UTC)
    body = json.dumps({"a": "é"}).encode()
    headers = sign(SECRET, "k1", now, body)
    assert Webhook(SECRET).verify(body.decode(), headers) == {"a": "é"}
    theirs = Webhook(SECRET).sign("k1", now, body.decode())
    assert theirs == headers["webhook-signature"]


def test_old_altered_repeated_and_unsigned_webhooks_are_refused():
    body = b"{}"
    headers = sign(SECRET, "k1", NOW, body)
    assert verify([SECRET], headers, body, NOW) == "k1"
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()
    assert verify([other, SECRET], headers, body, NOW) == "k1"
    for broken in (
        lambda: verify([SECRET], headers, b"{ }", NOW),
        lambda: verify([SECRET], {**headers, "webhook-id": "k2"}, body, NOW),
        lambda: verify([SECRET], headers, body, NOW + timedelta(seconds=301)),
        lambda: verify([SECRET], headers, body, NOW - timedelta(seconds=301)),
        lambda: verify([SECRET], headers, body, NOW, seen=["k1"]),
        lambda: verify([other], headers, body, NOW),
        lambda: verify([SECRET], {}, body, NOW),
        lambda: verify([SECRET], {**headers, "webhook-timestamp": "soon"}, body, NOW),
    ):
        with pytest.raises(SignatureError):
            broken()


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "not base64!"])
def test_weak_secrets_are_refused(secret):
    with pytest.raises(InputError, match="secret"):
        sign(secret, "k1", NOW, b"")


CLAIMS = Claims("demo", "o1", "c1", Purpose.ANSWER, NOW + timedelta(hours=1))


def test_a_link_opens_until_it_expires():
    token = sign_link(["s" * 16], CLAIMS)
    assert read_link(["s" * 16], token, NOW) == CLAIMS
    assert read_link(["s" * 16, "n" * 16], token, NOW) == CLAIMS
    with pytest.raises(LinkError) as error:
        read_link(["s" * 16], token, CLAIMS.expires_at)
    assert error.value.expired


@given(st.data())
def test_no_altered_link_opens(data):
    token = sign_link(["s" * 16], CLAIMS)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-_."))
    altered = token[:place] + letter + token[place + 1 :]
    if altered != token:
        with contextlib.suppress(LinkError):
            assert read_link(["s" * 16], altered, NOW) == CLAIMS  # unused bits of base64's last digit


@pytest.mark.parametrize("token", ["", "a", "....", "WzFd.x", "é" * 50, "a" * 10_000])
def test_rubbish_is_no_link(token):
    with pytest.raises(LinkError):
        read_link(["s" * 16], token, NOW)


def test_a_link_of_another_key_does_not_open():
    with pytest.raises(LinkError):
        read_link(["t" * 16], sign_link(["s" * 16], CLAIMS), NOW)
    with pytest.raises(InputError, match="16 characters"):
        sign_link(["short"], CLAIMS)
