"""Erase a customer: the row of personal data, what is kept of messages, the files of the local outbox folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from domain.errors import InputError
from orchestration.messaging.answers import AnswerStore
from orchestration.messaging.people import PeopleStore
from orchestration.messaging.store import OutboxStore

FORGOTTEN = "forgotten"


def forget(home: Path, source: str, customer_id: str, *, elsewhere: bool = False) -> dict[str, Any]:
    """Erase a customer from a workspace; counts, states and costs stay, under no pseudonym.

    What waits to be sent is dropped. The lake holds pseudonyms only; with the row of personal data gone nobody can
    tell whose they are. ``elsewhere``: the lake knows the customer (``places.erase_places`` sees to that).

    Raises:
        InputError: nothing is known of the customer.
    """
    with PeopleStore(home) as people, OutboxStore(home / "outbox") as store, AnswerStore(home) as answers:
        mine = [one for one in store.messages(source=source, limit=10**9) if one.message.recipient == customer_id]
        gone = people.forget(source, customer_id)
        answered = answers.forget(source, customer_id)
        if not gone and not mine and not answered and not elsewhere:
            raise InputError(f"nothing is known of customer {customer_id!r} of {source!r}")
        files = 0
        for one in mine:
            for path in home.rglob(f"{one.message.key}.eml"):
                path.unlink()
                files += 1
        if mine:
            blank = replace(mine[0].message, recipient=FORGOTTEN, subject=FORGOTTEN, text="", html="")
            store.redact(customer_id, blank, source)
    return {"person": gone, "messages": len(mine), "files": files, "answers": answered}
