"""The outbox's rows: decisions and messages recorded in one transaction, claimed by workers, settled, never lost.

SQLite, or PostgreSQL where FIVEFOLD_OUTBOX names one (several machines work on one outbox then). SQLite has a
write-ahead log and full synchronisation: what ``record`` returned from survives a ``kill -9`` and a power cut. Every
write is one ``BEGIN IMMEDIATE`` transaction. Times are whole microseconds since 1970, UTC.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from domain.errors import InputError
from operations.outbox import (
    Answer,
    Delivery,
    DeliveryState,
    Message,
    RetryPolicy,
    Verdict,
    expired,
    fall_back,
    settle,
)
from orchestration.messaging.postgres import SCHEMES, PostgresDatabase
from orchestration.messaging.sqlite import SqliteStore

SCHEMA = """
create table if not exists message (
    key text primary key, source text not null, order_id text not null, trigger text not null, channel text not null,
    recipient text not null, content text not null, created_at integer not null,
    state text not null, attempts integer not null default 0, due_at integer not null,
    worker text, lease_until integer, error text not null default '', delivered_at integer
) strict;
create index if not exists message_due on message (state, due_at);
create index if not exists message_order on message (source, order_id);
create table if not exists attempt (
    key text not null, attempt integer not null, at integer not null, verdict text not null, detail text not null
) strict;
create index if not exists attempt_key on attempt (key);
create table if not exists decision (
    table_name text not null, key text not null, content text not null, recorded_at integer not null,
    in_lake integer not null default 0, primary key (table_name, key)
) strict;
create index if not exists decision_waiting on decision (in_lake) where in_lake = 0;
"""
SETTING = "FIVEFOLD_OUTBOX"
"""Environment variable: a postgresql:// URL in place of the workspace's own file."""
RELEASE = (
    "update message set state = 'pending', worker = null, lease_until = null where state = 'sending' and worker = ?"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def from_us(value: int) -> datetime:
    """The inverse of ``to_us``."""
    return EPOCH + value * MICROSECOND


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A row for the lake that is recorded together with its messages; ``key`` makes recording it twice harmless."""

    table: str
    key: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A message and where it stands."""

    message: Message
    delivery: Delivery


class OutboxStore(SqliteStore):
    """The outbox of a workspace. One instance per thread or process; many may work on one folder at once."""

    def __init__(self, folder: Path | str, policy: RetryPolicy | None = None) -> None:
        self.folder = Path(folder)
        self.policy = policy or RetryPolicy()
        url = os.environ.get(SETTING) or None
        if url is not None and not url.startswith(SCHEMES):
            raise InputError(f"{SETTING} must be a postgresql:// URL, or not be set at all")
        super().__init__(self.folder / "outbox.sqlite", SCHEMA, url=url)
        self.worker = uuid.uuid4().hex
        self._lock_file: IO[str] | None = None
        self._joined = False

    def close(self) -> None:
        """Close the database and give up this worker's identity."""
        super().close()
        if self._lock_file:
            Path(self._lock_file.name).unlink(missing_ok=True)
            self._lock_file.close()
            self._lock_file = None

    # recording

    def record(
        self, messages: Iterable[Message], decisions: Iterable[DecisionRow] = (), now: datetime | None = None
    ) -> int:
        """Record decisions and their messages in one transaction; return how many messages were new.

        What is there already by its key stays as it is: a decision that is replayed sends nothing twice.
        """
        moment = to_us(now or datetime.now(UTC))
        with self._transaction() as database:
            for one in decisions:
                database.execute(
                    "insert into decision (table_name, key, content, recorded_at) values (?, ?, ?, ?) "
                    "on conflict do nothing",
                    (one.table, one.key, json.dumps(one.row, default=_plain), moment),
                )
            return sum(self._insert(database, message) for message in messages)

    @staticmethod
    def _insert(database: Any, message: Message) -> int:
        count: int = database.execute(
            "insert into message (key, source, order_id, trigger, channel, recipient, content, created_at, state, "
            "due_at) values (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?) on conflict do nothing",
            (
                message.key,
                message.source,
                message.order_id,
                message.trigger,
                message.channel,
                message.recipient,
                _to_json(message),
                to_us(message.created_at),
                to_us(message.not_before),
            ),
        ).rowcount
        return count

    # delivering

    def join(self) -> None:
        """Become a worker that others can tell is alive, and take back what dead ones held.

        A worker holds a lock on a file of its own; the kernel lets go of it however the process ends. In PostgreSQL it
        is a lock of its session.
        """
        self._joined = True
        if isinstance(self._database, PostgresDatabase):
            self._join_postgres(self._database)
            return
        if self._lock_file is None:
            folder = self.folder / "workers"
            folder.mkdir(exist_ok=True)
            self._lock_file = (folder / self.worker).open("w")
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        for path in (self.folder / "workers").iterdir():
            if path.name != self.worker and _is_free(path):
                with self._transaction() as database:
                    database.execute(RELEASE, (path.name,))
                path.unlink(missing_ok=True)

    def _join_postgres(self, server: PostgresDatabase) -> None:
        server.hold(self.worker)
        held = self._rows("select distinct worker from message where state = 'sending' and worker <> ?", (self.worker,))
        for dead in server.free([row["worker"] for row in held]):
            with self._transaction() as database:
                database.execute(RELEASE, (dead,))

    def claim(self, limit: int, now: datetime, lease_s: float) -> list[Kept]:
        """Take up to ``limit`` messages that are due, for ``lease_s``; those whose lease ran out are due again.

        Raises:
            InputError: ``join`` was not called.
        """
        if not self._joined:
            raise InputError("a worker must join before it claims")
        moment = to_us(now)
        # SQLite has one writer at a time; in PostgreSQL two workers must not wait for, or take, the same rows
        skip = " for update skip locked" if isinstance(self._database, PostgresDatabase) else ""
        with self._transaction() as database:
            rows = database.execute(
                "update message set state = 'sending', attempts = attempts + 1, worker = ?, lease_until = ? "
                "where key in (select key from message where (state = 'pending' and due_at <= ?) "
                f"or (state = 'sending' and lease_until <= ?) order by due_at, key limit ?{skip}) returning *",
                (self.worker, moment + int(lease_s * 1e6), moment, moment, limit),
            ).fetchall()
        return sorted((_kept(row) for row in rows), key=lambda one: (one.delivery.due_at, one.delivery.key))

    def settle(self, answered: Sequence[tuple[Kept, Answer]], now: datetime) -> None:
        """Write down what the channels answered, in one transaction; a dead message goes on to its next channel.

        An answer that comes after another worker took the message over is logged and changes nothing else, unless it
        says that the message arrived.
        """
        with self._transaction() as database:
            for kept, answer in answered:
                after = settle(kept.delivery, kept.message, answer, now, self.policy)
                database.execute(
                    "insert into attempt values (?, ?, ?, ?, ?)",
                    (after.key, after.attempts, to_us(now), str(answer.verdict), answer.detail[:500]),
                )
                changed = database.execute(
                    "update message set state = ?, due_at = ?, error = ?, delivered_at = ?, worker = null, "
                    "lease_until = null where key = ? and ((state = 'sending' and worker = ?) or (? = 'delivered' "
                    "and state != 'delivered'))",
                    (
                        str(after.state),
                        to_us(after.due_at),
                        after.error[:500],
                        to_us(after.delivered_at) if after.delivered_at else None,
                        after.key,
                        self.worker,
                        str(after.state),
                    ),
                ).rowcount
                if changed and after.state is not DeliveryState.PENDING:
                    database.execute("update decision set in_lake = 0 where key = ?", (after.key,))
                if changed and after.state is DeliveryState.DEAD and (following := fall_back(kept.message, now)):
                    self._insert(database, following)

    def expire(self, kept: Kept, now: datetime) -> bool:
        """Bury a claimed message whose moment has passed; True if it was."""
        if not expired(kept.message, now):
            return False
        self.settle([(kept, Answer(Verdict.REJECTED, "expired before it could be sent"))], now)
        return True

    def next_due(self) -> datetime | None:
        """When the next message is due or its lease runs out; None where none waits."""
        row = self._row(
            "select min(case when state = 'pending' then due_at else lease_until end) as due from message "
            "where state in ('pending', 'sending')"
        )
        return None if row is None or row["due"] is None else from_us(row["due"])

    # looking

    def counts(self) -> dict[str, int]:
        """Messages by state."""
        found = {row[0]: row[1] for row in self._rows("select state, count(*) from message group by state")}
        return {str(state): int(found.get(str(state), 0)) for state in DeliveryState}

    def messages(
        self, *, state: str | None = None, order_id: str | None = None, source: str | None = None, limit: int = 1_000
    ) -> list[Kept]:
        """Messages, newest first."""
        rows = self._rows(
            "select * from message where (? is null or state = ?) and (? is null or order_id = ?) "
            "and (? is null or source = ?) order by created_at desc, key limit ?",
            (state, state, order_id, order_id, source, source, limit),
        )
        return [_kept(row) for row in rows]

    def message(self, prefix: str) -> Kept:
        """The message whose key begins so.

        Raises:
            InputError: none or several do.
        """
        rows = self._rows("select * from message where substr(key, 1, ?) = ? limit 2", (len(prefix), prefix))
        if not prefix or len(rows) != 1:
            what = "several messages begin" if len(rows) > 1 else "no message begins"
            raise InputError(f"{what} with {prefix!r}; fivefold outbox list shows the keys")
        return _kept(rows[0])

    def find(self, key: str) -> Kept | None:
        """The message of a key, if there is one."""
        row = self._row("select * from message where key = ?", (key,))
        return None if row is None else _kept(row)

    def attempts(self, key: str) -> list[dict[str, Any]]:
        """What every attempt of a message was answered, in order."""
        rows = self._rows("select * from attempt where key = ? order by rowid", (key,))
        return [
            {"attempt": row["attempt"], "at": from_us(row["at"]), "verdict": row["verdict"], "detail": row["detail"]}
            for row in rows
        ]

    def retry(self, keys: Iterable[str], now: datetime) -> int:
        """Give dead messages another life; return how many there were. What was delivered is not sent again."""
        with self._transaction() as database:
            return sum(
                database.execute(
                    "update message set state = 'pending', attempts = 0, due_at = ?, error = '' "
                    "where key = ? and state = 'dead'",
                    (to_us(now), key),
                ).rowcount
                for key in keys
            )

    def redact(self, recipient: str, redacted: Message, source: str) -> int:
        """Overwrite what is kept of a recipient's messages; states and times stay for the statistics."""
        with self._transaction() as database:
            count = 0
            for row in database.execute(
                "select * from message where recipient = ? and source = ?", (recipient, source)
            ).fetchall():
                kept = _kept(row)
                content = {**asdict(kept.message), "recipient": redacted.recipient, "subject": redacted.subject}
                content |= {"text": redacted.text, "html": redacted.html, "data": {}, "links": {}}
                database.execute(
                    "update message set recipient = ?, content = ?, state = case when state in ('pending', 'sending') "
                    "then 'dead' else state end, error = case when state in ('pending', 'sending') "
                    "then 'the customer was forgotten' else error end where key = ?",
                    (redacted.recipient, json.dumps(content, default=_plain), row["key"]),
                )
                count += 1
        self._shred()
        return count

    # decisions on their way to the lake

    def waiting_decisions(self, limit: int = 10_000) -> list[DecisionRow]:
        """Decisions the lake does not have yet, oldest first."""
        rows = self._rows("select * from decision where in_lake = 0 order by recorded_at, rowid limit ?", (limit,))
        return [DecisionRow(row["table_name"], row["key"], json.loads(row["content"])) for row in rows]

    def in_lake(self, decisions: Iterable[DecisionRow]) -> None:
        """The lake has these now."""
        with self._transaction() as database:
            for one in decisions:
                database.execute(
                    "update decision set in_lake = 1 where table_name = ? and key = ?", (one.table, one.key)
                )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def _to_json(message: Message) -> str:
    return json.dumps(asdict(message), default=_plain)


def _kept(row: Any) -> Kept:
    content = json.loads(row["content"])
    for name in ("created_at", "not_before", "expires_at"):
        content[name] = datetime.fromisoformat(content[name])
    content["fallback"] = tuple(content["fallback"])
    delivered = from_us(row["delivered_at"]) if row["delivered_at"] is not None else None
    delivery = Delivery(
        row["key"],
        DeliveryState(row["state"]),
        row["attempts"],
        from_us(row["due_at"]),
        row["error"],
        delivered,
    )
    return Kept(Message(**content), delivery)


def _is_free(path: Path) -> bool:
    """True if no living process holds the lock of a worker's file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
