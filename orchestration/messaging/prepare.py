"""The last step before a message goes: look up the address, sign the links. What is kept holds neither."""

from __future__ import annotations

from collections.abc import Callable

from operations.outbox import Message
from orchestration.messaging.channels.base import Address
from orchestration.messaging.people import PeopleStore
from orchestration.messaging.worker import Prepared

SignLink = Callable[[Message, str], str]
"""Message and purpose -> URL."""


def prepare_with(people: PeopleStore, sign_link: SignLink, direct: frozenset[str]) -> Callable[[Message], Prepared]:
    """A ``worker.Prepare``; ``direct`` channels know their target and need no address."""

    def prepare(message: Message) -> Prepared:
        text, html = message.text, message.html
        for placeholder, purpose in message.links.items():
            url = sign_link(message, purpose)
            text, html = text.replace(placeholder, url), html.replace(placeholder, url)
        if message.channel in direct:
            return Prepared(Address(), text, html)
        person = people.get(message.source, message.recipient)
        if person is None:
            return Prepared(refused="the customer is not known (any more)")
        if message.channel not in person.channels.split(","):
            return Prepared(refused=f"the customer does not agree to {message.channel} (any more)")
        if not (value := person.reach(message.channel)):
            return Prepared(refused=f"the customer has no address for {message.channel}")
        return Prepared(Address(value), text, html)

    return prepare
