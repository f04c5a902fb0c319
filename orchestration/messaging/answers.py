"""Customers' answers as events: what the web service writes, and the only thing it writes.

Append-only, one row an answer; the newest of an order's answers holds. The personal part (a note in free words) is
kept here, outside the lake, so that it can be erased.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.messaging.sqlite import SqliteStore
from orchestration.messaging.store import from_us, to_us

SCHEMA = """
create table if not exists answer (
    answer_id text primary key, source text not null, order_id text not null, customer_id text not null,
    action text not null, choice text not null, note text not null, basis text not null,
    event_time integer not null
) strict
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``choice`` is the option that was chosen, ``basis`` the state of the order the customer saw."""

    source: str
    order_id: str
    customer_id: str
    action: str
    choice: str
    note: str
    basis: str
    event_time: datetime

    @property
    def answer_id(self) -> str:
        """The same answer to the same page is one answer, however often the button is pressed."""
        parts = (self.source, self.order_id, self.action, self.choice, self.basis)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


class AnswerStore(SqliteStore):
    """Answers of a workspace."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "personal" / "answers.sqlite", SCHEMA, private=True)

    def add(self, answer: Answer) -> tuple[bool, Answer]:
        """Write an answer unless another came first to the same page; True and it, or False and the one that did.

        Of two answers at once from one page the first holds: the second sees what became of it and may answer anew.
        """
        with self._transaction() as database:
            newest = self.newest(answer.source, answer.order_id)
            if answer.basis != (newest.answer_id if newest else ""):
                return (newest is not None and newest.answer_id == answer.answer_id), newest or answer
            database.execute(
                "insert into answer values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    answer.answer_id,
                    answer.source,
                    answer.order_id,
                    answer.customer_id,
                    answer.action,
                    answer.choice,
                    answer.note,
                    answer.basis,
                    to_us(answer.event_time.astimezone(UTC)),
                ),
            )
        return True, answer

    def newest(self, source: str, order_id: str) -> Answer | None:
        """The answer of an order that holds."""
        found = self.of_order(source, order_id)
        return found[-1] if found else None

    def of_order(self, source: str, order_id: str) -> list[Answer]:
        """All answers of an order, oldest first."""
        rows = self._rows("select * from answer where source = ? and order_id = ? order by rowid", (source, order_id))
        return [_answer(row) for row in rows]

    def everything(self, source: str) -> list[Answer]:
        """All answers of a source, oldest first."""
        rows = self._rows("select * from answer where source = ? order by rowid", (source,))
        return [_answer(row) for row in rows]

    def forget(self, source: str, customer_id: str) -> int:
        """Blank the words and the pseudonym of a customer's answers; return how many there were."""
        with self._transaction() as database:
            count = database.execute(
                "update answer set note = '', customer_id = 'forgotten' where source = ? and customer_id = ?",
                (source, customer_id),
            ).rowcount
        self._shred()
        return count


def _answer(row: sqlite3.Row) -> Answer:
    return Answer(
        row["source"],
        row["order_id"],
        row["customer_id"],
        row["action"],
        row["choice"],
        row["note"],
        row["basis"],
        from_us(row["event_time"]),
    )
