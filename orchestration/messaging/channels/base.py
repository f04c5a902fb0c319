"""What every channel is given and must answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from operations.outbox import Answer, Message


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes: an e-mail address, a phone number; empty where the channel knows its one target."""

    value: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message ready to go: links are signed and in its texts. It is made for one attempt and never stored."""

    message: Message
    address: Address
    text: str
    html: str
    sent_at: datetime


class Channel(Protocol):
    """One way to reach somebody. ``send`` may be called by several threads at once."""

    def send(self, envelope: Envelope) -> Answer:
        """Try once."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
