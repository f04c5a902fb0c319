"""Signatures of webhooks by the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com).

The signed content is ``id.timestamp.body``; the signature is ``v1,`` and the base64 of its HMAC-SHA256. The id is the
message's idempotency key. A receiver refuses timestamps more than five minutes off and ids that it has seen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from domain.errors import InputError

TOLERANCE_S = 300
PREFIX = "whsec_"


class SignatureError(InputError):
    """A webhook is not what it says: unsigned, altered, too old or seen before."""


def secret_bytes(secret: str) -> bytes:
    """The key in a ``whsec_`` + base64 secret.

    Raises:
        InputError: not base64, or shorter than the 24 bytes that the specification asks for.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"a webhook secret must be {PREFIX} and base64") from None
    if len(key) < 24:
        raise InputError("a webhook secret must hold at least 24 bytes (make one: openssl rand -base64 32)")
    return key


def sign(secret: str, message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Headers of a signed request."""
    stamp = str(int(sent_at.timestamp()))
    content = b".".join((message_id.encode(), stamp.encode(), body))
    digest = hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def verify(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: datetime, seen: Iterable[str] = ()
) -> str:
    """The id of a genuine, fresh request that was not seen before (several secrets: while one is being replaced).

    Raises:
        SignatureError: in every other case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp = lower["webhook-id"], lower["webhook-timestamp"]
        given = [one.split(",", 1)[1] for one in lower["webhook-signature"].split() if one.startswith("v1,")]
        when = int(stamp)
    except (KeyError, ValueError):
        raise SignatureError("the webhook's id, timestamp or signature is missing or malformed") from None
    if abs(now.timestamp() - when) > TOLERANCE_S:
        raise SignatureError(f"the webhook's timestamp is more than {TOLERANCE_S} s off")
    content = b".".join((message_id.encode(), stamp.encode(), body))
    for secret in secrets:
        digest = base64.b64encode(hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()).decode()
        if any(hmac.compare_digest(digest.encode(), one.encode()) for one in given):
            if message_id in set(seen):
                raise SignatureError("the webhook was seen before")
            return message_id
    raise SignatureError("the webhook's signature is not of this secret and body")
