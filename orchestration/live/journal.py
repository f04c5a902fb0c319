"""The journal: every event with what was decided on it, in one transaction. What it returned from is never lost.
Events that were refused are kept apart, in quarantine, with the reason; what people answer without the page waits
beside it until whoever decides the day takes it in.

SQLite with a write-ahead log and full synchronisation. One process at a time holds the lock file; the kernel lets go of
it when that process dies, and the next one goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from domain.errors import InputError
from operations.decide import Alternative, Decision
from operations.state import Event

SCHEMA = """
create table if not exists event (
    number integer primary key, event_id text not null unique, body text not null
) strict;
create table if not exists decision (
    number integer primary key, decision_id text not null unique, event_number integer not null, body text not null
) strict;
create index if not exists decision_event on decision (event_number);
create table if not exists quarantine (
    number integer primary key, event_id text not null, reason text not null, seen_s integer not null,
    body text not null unique
) strict;
create table if not exists answer (
    number integer primary key, event_id text not null unique, body text not null
) strict;
"""


class Journal:
    """The journal of one day, in its folder.

    Args:
        write: hold the lock; ``wait_s`` is how long to wait for another instance to let go of it.

    Raises:
        InputError: another instance holds it.
    """

    def __init__(self, folder: Path, *, write: bool = True, wait_s: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "journal.sqlite"
        self.lock: int | None = None
        if write:
            self.lock = _locked(folder / "lock", wait_s)
        self.connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = full")
        self.connection.executescript(SCHEMA)
        # readers have a connection of their own: they see what is on disk, and never half a transaction
        self.reader = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)

    def close(self) -> None:
        self.reader.close()
        self.connection.close()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(
        self, taken: Sequence[tuple[Event, Sequence[Decision]]], refused: Sequence[tuple[Event, str]] = ()
    ) -> int:
        """Write events and their decisions, and those ``refused`` with the reason, all or none.

        An event that is there already is an error of the caller. Returns how many of ``refused`` are new: one that is
        sent again is not kept again.
        """
        write = self.connection.execute
        write("begin immediate")
        try:
            for event, decisions in taken:
                row = write("insert into event (event_id, body) values (?, ?)", (event.event_id, dump(event)))
                for one in decisions:
                    write(
                        "insert into decision (decision_id, event_number, body) values (?, ?, ?)",
                        (one.decision_id, row.lastrowid, dump(one)),
                    )
            before = self.connection.total_changes
            for event, reason in refused:
                write(
                    "insert or ignore into quarantine (event_id, reason, seen_s, body) values (?, ?, ?, ?)",
                    (event.event_id, reason, event.seen_s, dump(replace(event, seen_s=0))),
                )
            new = self.connection.total_changes - before
            write("commit")
            return new
        except BaseException:
            write("rollback")
            raise

    def event(self, event_id: str) -> Event | None:
        """An event that was taken in, by its name. On the connection that writes: for who records."""
        row = self.connection.execute("select body from event where event_id = ?", (event_id,)).fetchone()
        return event_of(json.loads(row[0])) if row else None

    def names(self) -> set[str]:
        """The names of all events that were taken in; one that was refused may come again, put right."""
        return {str(name) for (name,) in self.reader.execute("select event_id from event")}

    def quarantined(self) -> int:
        """How many different events were refused."""
        return int(self.connection.execute("select count(*) from quarantine").fetchone()[0])

    def refused(self, after: int = 0, most: int = 500) -> list[dict[str, Any]]:
        """Events in quarantine after a number, oldest first: number, reason, when first seen, the event as it came."""
        rows = self.reader.execute(
            "select number, reason, seen_s, body from quarantine where number > ? order by number limit ?",
            (after, most),
        )
        return [
            {**json.loads(body), "number": number, "reason": reason, "seen_s": seen_s}
            for number, reason, seen_s, body in rows
        ]

    def say(self, event: Event, after: int) -> bool:
        """Keep an answer of a person for whoever decides the day, holding no lock; False: others came ``after``."""
        row = (event.event_id, dump(event), after)
        last = "select coalesce(max(number), 0) from answer"
        put = f"insert into answer (event_id, body) select ?, ? where ({last}) = ?"
        return self.connection.execute(put, row).rowcount > 0

    def last_answer(self) -> int:
        """The number of the newest answer, taken in or not."""
        return int(self.reader.execute("select coalesce(max(number), 0) from answer").fetchone()[0])

    def answers(self, after: int = 0, most: int = 500) -> list[tuple[int, dict[str, Any]]]:
        """Answers that were not taken in yet, with their numbers, oldest first."""
        rows = self.reader.execute(
            "select number, body from answer where number > ? and event_id not in (select event_id from event) "
            "order by number limit ?",
            (after, most),
        )
        return [(int(number), json.loads(body)) for number, body in rows]

    def answer(self, event_id: str) -> Event | None:
        """An answer by its name, whether or not it was taken in."""
        row = self.reader.execute("select body from answer where event_id = ?", (event_id,)).fetchone()
        return event_of(json.loads(row[0])) if row else None

    def decided(self, event_id: str) -> list[Decision] | None:
        """What was decided on an event; None: it was not taken in."""
        number = self.reader.execute("select number from event where event_id = ?", (event_id,)).fetchone()
        if number is None:
            return None
        rows = self.reader.execute("select body from decision where event_number = ? order by number", number)
        return [decision_of(json.loads(body)) for (body,) in rows]

    def entries(self) -> Iterator[tuple[Event, tuple[Decision, ...]]]:
        """Events in the order they were taken in, with what was decided on each."""
        # row by row: a day's journal may be larger than what a process should hold
        made = self.connection.execute("select event_number, body from decision order by event_number, number")
        next_made = made.fetchone()
        for number, body in self.connection.execute("select number, body from event order by number"):
            own: list[Decision] = []
            while next_made is not None and next_made[0] == number:
                own.append(decision_of(json.loads(next_made[1])))
                next_made = made.fetchone()
            yield event_of(json.loads(body)), tuple(own)

    def decisions(self, after: int = 0, most: int = 500) -> list[dict[str, Any]]:
        """Decisions after a number, with their numbers and the second they were made at, oldest first."""
        rows = self.reader.execute(
            "select d.number, json_extract(e.body, '$.seen_s'), d.body from decision d "
            "join event e on e.number = d.event_number where d.number > ? order by d.number limit ?",
            (after, most),
        )
        return [{"number": number, "decided_s": seen_s, **json.loads(body)} for number, seen_s, body in rows]

    def counts(self) -> tuple[int, int]:
        """Events and decisions."""
        one = self.connection.execute("select (select count(*) from event), (select count(*) from decision)").fetchone()
        return int(one[0]), int(one[1])


def _locked(path: Path, wait_s: float) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError:
            if time.monotonic() >= until:
                os.close(handle)
                raise InputError(f"{path.parent}: another instance serves this day") from None
            time.sleep(0.05)


def dump(value: Event | Decision) -> str:
    """One line of JSON, the same for the same value."""
    plain = _fields(value) if isinstance(value, Event) else _decision_fields(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def _fields(value: Event | Alternative | Decision) -> dict[str, Any]:
    # dataclasses.asdict copies all the way down, which for an event costs more than writing it does
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _decision_fields(value: Decision) -> dict[str, Any]:
    made = [_fields(one) for one in value.events]
    return _fields(value) | {"alternatives": [_fields(one) for one in value.alternatives], "events": made}


def event_of(fields: dict[str, Any]) -> Event:
    return Event(**fields)


def decision_of(fields: dict[str, Any]) -> Decision:
    return Decision(
        **{
            **fields,
            "order_ids": tuple(fields["order_ids"]),
            "alternatives": tuple(Alternative(**one) for one in fields["alternatives"]),
            "events": tuple(event_of(one) for one in fields["events"]),
        }
    )
