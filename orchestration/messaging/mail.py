"""A message as RFC 5322 e-mail: plain text and HTML, with the idempotency key as its Message-ID."""

from __future__ import annotations

from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from domain.errors import InputError
from orchestration.messaging.channels.base import Envelope

KEY_HEADER = "Idempotency-Key"


def mail_address(value: str) -> MailAddress:
    """An address that is safe in a header.

    Raises:
        InputError: not an e-mail address, or more than one.
    """
    if any(one in value for one in "\r\n,;"):
        raise InputError("an e-mail address must be one address on one line")
    name, address = parseaddr(value)
    try:
        if address.count("@") != 1 or " " in address:
            raise ValueError
        return MailAddress(name, addr_spec=address)
    except (ValueError, IndexError):
        raise InputError("not an e-mail address") from None


def _to(envelope: Envelope) -> MailAddress:
    """The recipient; a phone number, or a pseudonym where the channel knows its target, in the domain ``localhost``."""
    value = envelope.address.value or envelope.message.recipient
    if "@" in value:
        return mail_address(value)
    if any(one in value for one in "\r\n"):
        raise InputError("an address must be on one line")
    return MailAddress(username=value, domain="localhost")


def as_email(envelope: Envelope, sender: str) -> EmailMessage:
    """The e-mail of an envelope. The library refuses line breaks in headers."""
    message, origin = envelope.message, mail_address(sender)
    email = EmailMessage()
    email["From"] = origin
    email["To"] = _to(envelope)
    email["Subject"] = message.subject
    email["Date"] = format_datetime(envelope.sent_at)
    email["Message-ID"] = f"<{message.key}@{origin.domain or 'localhost'}>"
    email[KEY_HEADER] = message.key
    email["Content-Language"] = message.language
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(envelope.text)
    if envelope.html:
        email.add_alternative(envelope.html, subtype="html")
    return email
