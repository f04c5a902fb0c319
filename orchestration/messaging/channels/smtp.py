"""E-mail by SMTP: one connection a thread, kept open; what the server says decides between refused and unclear."""

from __future__ import annotations

import smtplib
import ssl
import threading
from typing import Any

from domain.errors import InputError
from operations.outbox import Answer, Verdict
from orchestration.messaging.channels.base import Envelope
from orchestration.messaging.mail import as_email, mail_address

SECURITIES = ("starttls", "tls", "none")


class SmtpChannel:
    """SMTP to one relay.

    A 4xx reply, a lost connection or a timeout is unclear and tried again (the Message-ID is the same); a 5xx reply is
    a bounce and final.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        security: str = "starttls",
        user: str | None = None,
        password: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        if security not in SECURITIES:
            raise InputError(f"smtp: security must be one of {', '.join(SECURITIES)}, is {security!r}")
        mail_address(sender)
        self.host, self.port, self.sender, self.security = host, port, sender, security
        self._user, self._password, self._timeout_s = user, password, timeout_s
        self._local = threading.local()
        self._open: list[smtplib.SMTP] = []

    def _connection(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = getattr(self._local, "connection", None)
        if connection is None:
            kind: Any = smtplib.SMTP_SSL if self.security == "tls" else smtplib.SMTP
            arguments = {"context": ssl.create_default_context()} if self.security == "tls" else {}
            connection = kind(self.host, self.port, timeout=self._timeout_s, **arguments)
            if self.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if self._user:
                connection.login(self._user, self._password or "")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def _drop(self) -> None:
        connection: smtplib.SMTP | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._open.remove(connection)
            self._local.connection = None

    def send(self, envelope: Envelope) -> Answer:
        """Hand the e-mail to the relay."""
        try:
            to = mail_address(envelope.address.value)
        except InputError as error:
            return Answer(Verdict.REJECTED, str(error))
        email = as_email(envelope, self.sender)
        for fresh in (False, True):
            kept_open = getattr(self._local, "connection", None) is not None
            try:
                self._connection().send_message(email, to_addrs=[to.addr_spec])
                return Answer(Verdict.ACCEPTED, "accepted by the relay")
            except smtplib.SMTPServerDisconnected as error:
                self._drop()
                if kept_open and not fresh:
                    continue  # the relay had closed an idle connection: once more on a new one
                return Answer(Verdict.UNCLEAR, f"the relay hung up: {error}")
            except smtplib.SMTPRecipientsRefused as error:
                code, text = next(iter(error.recipients.values()))
                return self._refused(code, text)
            except smtplib.SMTPResponseException as error:
                return self._refused(error.smtp_code, error.smtp_error)
            except smtplib.SMTPException as error:
                self._drop()
                return Answer(Verdict.UNCLEAR, f"{type(error).__name__}: {error}")
            except OSError as error:
                self._drop()
                return Answer(Verdict.UNCLEAR, f"the relay cannot be reached: {error}")
        raise AssertionError("unreachable")

    def _refused(self, code: int, text: bytes | str) -> Answer:
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if 500 <= code < 600:
            return Answer(Verdict.REJECTED, f"bounced: {code} {words}")
        self._drop()
        return Answer(Verdict.UNCLEAR, f"{code} {words}")

    def close(self) -> None:
        """Hang up everywhere."""
        while self._open:
            self._open.pop().close()
