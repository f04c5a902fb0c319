"""A workspace's communication put together: outbox, address book, channels, links, worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from operations.links import Claims, Purpose, sign_link
from operations.outbox import Message
from orchestration.messaging.people import PeopleStore
from orchestration.messaging.prepare import prepare_with
from orchestration.messaging.settings import (
    MessagingSettings,
    WebhookSettings,
    link_secret,
    load_settings,
    open_channels,
)
from orchestration.messaging.store import OutboxStore
from orchestration.messaging.worker import Worker

LINK_LIFE = timedelta(days=3)


@dataclass(frozen=True)
class Office:
    """What a command needs to look at, or work off, the outbox of a workspace."""

    home: Path
    store: OutboxStore
    people: PeopleStore
    settings: MessagingSettings

    def worker(self, threads: int = 8) -> Worker:
        """A worker on this workspace's channels.

        Raises:
            InputError: a channel's settings or secrets are wrong.
        """
        direct = frozenset(name for name, one in self.settings.channels.items() if isinstance(one, WebhookSettings))
        return Worker(
            self.store,
            open_channels(self.settings, self.home),
            prepare=prepare_with(self.people, self.signed, direct),
            threads=threads,
        )

    def signed(self, message: Message, purpose: str) -> str:
        """The URL of a signed link for the customer of a message."""
        claims = Claims(
            message.source, message.order_id, message.recipient, Purpose(purpose), message.expires_at + LINK_LIFE
        )
        return f"{self.settings.public_url.rstrip('/')}/{purpose}/{sign_link([link_secret(self.home)], claims)}"


@contextmanager
def open_office(home: Path) -> Iterator[Office]:
    """Open the outbox and the address book of a workspace.

    Raises:
        InputError: ``messaging.yml`` breaks a rule.
    """
    settings = load_settings(home)
    with OutboxStore(home / "outbox") as store, PeopleStore(home) as people:
        yield Office(home, store, people, settings)
