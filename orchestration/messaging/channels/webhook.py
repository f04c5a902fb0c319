"""Signed webhooks (Standard Webhooks): POST of one JSON object to one URL, on connections that are kept open."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

from domain.errors import InputError
from operations import signing
from operations.outbox import Answer, Verdict
from orchestration.messaging.channels.base import Envelope
from orchestration.messaging.targets import Target, parse_target, resolve

READ_LIMIT = 16_384
"""Bytes of an answer's body that are read; a longer one is cut off with its connection."""
GONE = 410
TOO_MANY = 429
BUSY = frozenset({408, 409, 425, TOO_MANY})
LONGEST_WAIT_S = 3_600.0


@dataclass
class _Kept:
    connection: http.client.HTTPConnection
    used: bool = False


class WebhookChannel:
    """One endpoint.

    2xx is accepted. 4xx (but 408, 409, 425, 429) and every redirect is refused: the sender will not get better by
    trying again, and a redirect could lead into our own network. 5xx, a timeout or a lost connection is unclear.
    ``deadline_s`` holds for the whole exchange, however slowly the bytes drip.
    """

    def __init__(self, url: str, secret: str, *, allow_private: bool = False, deadline_s: float = 10.0) -> None:
        self.target: Target = parse_target(url, allow_private=allow_private)
        signing.secret_bytes(secret)
        self._secret, self._allow_private, self._deadline_s = secret, allow_private, deadline_s
        self._local = threading.local()

    def _connect(self) -> _Kept:
        kept: _Kept | None = getattr(self._local, "kept", None)
        if kept is None:
            address = resolve(self.target, allow_private=self._allow_private)
            plain = socket.create_connection((address, self.target.port), timeout=self._deadline_s)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = http.client.HTTPConnection(self.target.host, self.target.port, timeout=self._deadline_s)
            if self.target.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(plain, server_hostname=self.target.host)
            else:
                connection.sock = plain
            connection.auto_open = 0  # never look the name up again behind our back
            kept = self._local.kept = _Kept(connection)
        return kept

    def _drop(self) -> None:
        kept: _Kept | None = getattr(self._local, "kept", None)
        if kept is not None:
            kept.connection.close()
            self._local.kept = None

    def send(self, envelope: Envelope) -> Answer:
        """POST the message once; a connection that was closed while idle is opened again first."""
        body = payload(envelope)
        headers = {
            "content-type": "application/json",
            "user-agent": "fivefold",
            "idempotency-key": envelope.message.key,
            **signing.sign(self._secret, envelope.message.key, envelope.sent_at, body),
        }
        while True:
            try:
                kept = self._connect()
            except InputError as error:
                return Answer(Verdict.REJECTED, str(error))
            except OSError as error:
                return Answer(Verdict.UNCLEAR, f"cannot connect: {error}")
            was_used, kept.used = kept.used, True
            try:
                return self._exchange(kept.connection, body, headers)
            except (http.client.HTTPException, OSError) as error:
                self._drop()
                if was_used and isinstance(error, http.client.RemoteDisconnected | BrokenPipeError):
                    continue
                return Answer(Verdict.UNCLEAR, f"{type(error).__name__}: {error}"[:200])

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> Answer:
        sock, late = connection.sock, threading.Event()

        def cut() -> None:
            late.set()
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already

        watch = threading.Timer(self._deadline_s, cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", self.target.path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read(READ_LIMIT)
            if not response.isclosed() or response.will_close:
                self._drop()  # more is coming, or nothing will: not worth keeping
            if late.is_set():  # cut off within its headers an answer would still look like one
                raise TimeoutError
            return judge(response.status, response.getheader("retry-after"), text)
        except (http.client.HTTPException, OSError) as error:
            if late.is_set():
                raise TimeoutError(f"no whole answer within {self._deadline_s:g} s") from error
            raise
        finally:
            watch.cancel()

    def close(self) -> None:
        """Close this thread's connection; the others' close with their threads."""
        self._drop()


def payload(envelope: Envelope) -> bytes:
    """The body: facts for machines and the text as the customer reads it."""
    message = envelope.message
    content: dict[str, Any] = {
        "type": f"notification.{message.trigger}",
        "timestamp": message.created_at.isoformat(),
        "data": {
            "key": message.key,
            "order_id": message.order_id,
            "recipient": message.recipient,
            "address": envelope.address.value or None,
            "language": message.language,
            "subject": message.subject,
            "text": envelope.text,
            "expires_at": message.expires_at.isoformat(),
            **message.data,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def judge(status: int, retry_after: str | None, text: bytes) -> Answer:
    """What an HTTP status means for a delivery."""
    words = f"HTTP {status} {text[:120].decode('utf-8', 'replace')}".strip()
    if 200 <= status < 300:
        return Answer(Verdict.ACCEPTED, f"HTTP {status}")
    if 300 <= status < 400:
        return Answer(Verdict.REJECTED, f"HTTP {status}: redirects are not followed")
    if 400 <= status < 500 and status not in BUSY:
        return Answer(Verdict.REJECTED, words)
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    return Answer(Verdict.UNCLEAR, words, None if wait is None else min(wait, LONGEST_WAIT_S))
