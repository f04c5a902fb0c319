"""Signed links that expire: what a customer's link is for, who may use it, and until when.

A token holds no secret but cannot be made or changed without the key, so that orders cannot be enumerated. An altered
and an expired link are told apart inside, never towards whoever holds the link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from itsdangerous import BadData, URLSafeSerializer

from domain.errors import InputError

SALT = "fivefold.link.1"


class Purpose(StrEnum):
    ANSWER = "answer"
    TRACK = "track"


class LinkError(InputError):
    """A link that cannot be used; ``expired`` says whether it once could."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Claims:
    """What a link allows: one purpose for one order of one customer, until ``expires_at`` (whole seconds)."""

    source: str
    order_id: str
    customer_id: str
    purpose: Purpose
    expires_at: datetime


def _serializer(secrets: Sequence[str]) -> URLSafeSerializer:
    if not secrets or min(map(len, secrets)) < 16:
        raise InputError("the key that signs links must have 16 characters or more")
    return URLSafeSerializer(
        list(secrets), salt=SALT, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


def sign_link(secrets: Sequence[str], claims: Claims) -> str:
    """A URL-safe token, signed with the last of ``secrets`` (oldest first, while one is being replaced)."""
    body = [claims.source, claims.order_id, claims.customer_id, str(claims.purpose), int(claims.expires_at.timestamp())]
    token = _serializer(secrets).dumps(body)
    return token if isinstance(token, str) else token.decode()


def read_link(secrets: Sequence[str], token: str, now: datetime) -> Claims:
    """The claims of a genuine link that has not expired.

    Raises:
        LinkError: it is altered, not ours or expired.
    """
    try:
        source, order_id, customer_id, purpose, expires = _serializer(secrets).loads(token[:2_000])
        claims = Claims(source, order_id, customer_id, Purpose(purpose), datetime.fromtimestamp(expires, UTC))
    except (BadData, ValueError, TypeError, OverflowError):
        raise LinkError("this link is not valid") from None
    if now >= claims.expires_at:
        raise LinkError("this link has expired", expired=True)
    return claims
