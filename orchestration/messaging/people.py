"""Personal data in one table: names, addresses to write to, and what a customer agreed to. Nothing else holds any.

It is a file of its own (mode 0600), outside the lake: the lake is append-only and keeps snapshots, so what must be
erasable may not enter it. Everything else knows a customer by a pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from domain.errors import InputError
from orchestration.messaging.sqlite import SqliteStore

SCHEMA = """
create table if not exists person (
    source text not null, customer_id text not null,
    name text, email text, phone text, address text,
    language text, timezone text, channels text not null default '', quiet_from integer, quiet_until integer,
    primary key (source, customer_id)
) strict
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as only the edge knows them.

    Attributes:
        channels: those the customer agreed to, in the order of preference, joined by ``,``; empty is no consent.
        quiet_from, quiet_until: local hours between which nothing is sent, 0 to 24; None: the operation's default.
    """

    source: str
    customer_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    language: str | None = None
    timezone: str | None = None
    channels: str = ""
    quiet_from: int | None = None
    quiet_until: int | None = None

    def reach(self, channel: str) -> str:
        """The address for a channel: the phone for what is not e-mail; empty where there is none."""
        return (self.email if "mail" in channel else self.phone) or ""


COLUMNS = tuple(one.name for one in fields(Person))


class PeopleStore(SqliteStore):
    """The one table of personal data of a workspace."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "personal" / "people.sqlite", SCHEMA, private=True)

    def add(self, people: Iterable[Person]) -> None:
        """Add people or overwrite what is known of them, in one transaction."""
        places = ", ".join("?" * len(COLUMNS))
        with self._transaction() as database:
            database.executemany(
                f"insert or replace into person ({', '.join(COLUMNS)}) values ({places})",
                [tuple(getattr(one, name) for name in COLUMNS) for one in people],
            )

    def get(self, source: str, customer_id: str) -> Person | None:
        """What is known of a customer."""
        row = self._row("select * from person where source = ? and customer_id = ?", (source, customer_id))
        return None if row is None else Person(**{name: row[name] for name in COLUMNS})

    def everyone(self, source: str) -> list[Person]:
        """All customers of a source."""
        rows = self._rows("select * from person where source = ? order by customer_id", (source,))
        return [Person(**{name: row[name] for name in COLUMNS}) for row in rows]

    def forget(self, source: str, customer_id: str) -> bool:
        """Erase a customer, also from the file's free pages; True if there was one.

        Raises:
            InputError: no id is given.
        """
        if not customer_id:
            raise InputError("whom to forget? give a customer id")
        with self._transaction() as database:
            gone = database.execute(
                "delete from person where source = ? and customer_id = ?", (source, customer_id)
            ).rowcount
        self._shred()
        return gone > 0
