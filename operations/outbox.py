"""The outbox: what becomes of a message from its decision to its delivery, as pure functions.

A message is recorded in the transaction that decides it, and delivered afterwards, at least once. Its key names the
fact (source, order, trigger, version, channel), so that recording it again changes nothing and a receiver that knows
the key counts it once. ``orchestration.messaging`` keeps the rows and speaks to the channels.

    pending --claim--> sending --accepted--> delivered
       ^                  |  `--rejected, expired, out of attempts--> dead (--retry by hand--> pending)
       `---unclear-------'   (after a back-off; also when the worker died: its lease runs out)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import InputError


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Verdict(StrEnum):
    """What a channel says of one attempt. ``unclear``: it may or may not have arrived; the same key is sent again."""

    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """A channel's answer: ``retry_after_s`` is the least wait the receiver asked for."""

    verdict: Verdict
    detail: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept: no name, address or live link is in it; those are put in when it is sent.

    Attributes:
        key: idempotency key (``message_key``).
        channel: name of a configured channel; ``fallback`` the ones to try next when it is refused for good.
        recipient: pseudonymous customer, or the name of a tenant's endpoint.
        not_before, expires_at: when it may go out; an expired message is worth nothing and is not sent.
        links: placeholder in the text -> what the signed link is for (see ``operations.links``).
    """

    key: str
    source: str
    order_id: str
    trigger: str
    channel: str
    recipient: str
    subject: str
    text: str
    created_at: datetime
    not_before: datetime
    expires_at: datetime
    html: str = ""
    language: str = "en"
    fallback: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("created_at", "not_before", "expires_at"):
            if getattr(self, name).tzinfo is None:
                raise InputError(f"message {self.key}: {name} has no time zone")
        if "\n" in self.subject or "\r" in self.subject:
            raise InputError(f"message {self.key}: the subject must be one line")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a message stands. ``attempts`` counts those begun, also the ones whose worker died."""

    key: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    error: str = ""
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` in all; waits double from ``base_s`` to ``cap_s``."""

    attempts: int = 8
    base_s: float = 2.0
    cap_s: float = 3_600.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.base_s <= 0 or self.cap_s < self.base_s:
            raise InputError("retry policy: attempts >= 1 and 0 < base_s <= cap_s are needed")


def message_key(source: str, order_id: str, trigger: str, version: str | int, channel: str) -> str:
    """One send per (order, trigger, version) and channel: 32 hexadecimal digits.

    >>> message_key("demo", "o1", "late_risk", 1, "email") == message_key("demo", "o1", "late_risk", 1, "email")
    True
    """
    parts = (source, order_id, trigger, str(version), channel)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on ``parts`` alone: jitter and assignments that a replay repeats."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def backoff_s(policy: RetryPolicy, attempt: int, u: float) -> float:
    """Seconds to wait after the ``attempt``-th (from 1) unclear attempt.

    "Equal jitter" of M. Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015): half the exponential
    wait, and a share ``u`` in [0, 1) of the other half, so that receivers that come back are not hit all at once.
    """
    wait = min(policy.cap_s, policy.base_s * 2.0 ** min(attempt - 1, 60))
    return wait / 2 + u * wait / 2


def settle(delivery: Delivery, message: Message, answer: Answer, now: datetime, policy: RetryPolicy) -> Delivery:
    """The delivery after an attempt that was answered so."""
    if answer.verdict is Verdict.ACCEPTED:
        return replace(delivery, state=DeliveryState.DELIVERED, delivered_at=now, error="")
    if answer.verdict is Verdict.REJECTED:
        return replace(delivery, state=DeliveryState.DEAD, error=answer.detail)
    if delivery.attempts >= policy.attempts:
        return replace(
            delivery, state=DeliveryState.DEAD, error=f"gave up after {delivery.attempts} attempts: {answer.detail}"
        )
    wait = backoff_s(policy, delivery.attempts, fraction(delivery.key, delivery.attempts))
    due = now + timedelta(seconds=max(wait, answer.retry_after_s or 0.0))
    if due >= message.expires_at:
        return replace(delivery, state=DeliveryState.DEAD, error=f"would expire before the next try: {answer.detail}")
    return replace(delivery, state=DeliveryState.PENDING, due_at=due, error=answer.detail)


def expired(message: Message, now: datetime) -> bool:
    """A message whose moment has passed is not sent: an ETA of an hour ago misleads."""
    return now >= message.expires_at


def fall_back(message: Message, now: datetime) -> Message | None:
    """The same message on the next channel of its list, once this one is dead; None where there is none or it expired.

    The key is that of the next channel: recording it twice is recording it once.
    """
    if not message.fallback or expired(message, now):
        return None
    channel, *rest = message.fallback
    version = message.data.get("version", 1)
    key = message_key(message.source, message.order_id, message.trigger, version, channel)
    return replace(message, key=key, channel=channel, fallback=tuple(rest), not_before=max(now, message.not_before))


def mask(text: str, keep: int = 2) -> str:
    """What logs and lists may show of an address: its ends.

    >>> mask("jane.doe@example.org")
    'ja***@***rg'
    >>> mask("+31612345678")
    '+3***78'
    """
    if len(text) <= 2 * keep:
        return "***"
    if "@" in text:
        local, _, host = text.partition("@")
        return f"{local[:keep]}***@***{host[-keep:]}"
    return f"{text[:keep]}***{text[-keep:]}"


def by_state(deliveries: Sequence[Delivery]) -> dict[str, int]:
    """How many are in each state; every state is named."""
    counts = dict.fromkeys(map(str, DeliveryState), 0)
    for one in deliveries:
        counts[str(one.state)] += 1
    return counts
