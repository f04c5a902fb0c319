"""Events from a PostgreSQL table, a NATS JetStream stream or people's answers, by the same engine as over HTTP.

A feed is read, its events are submitted, and only when they are on disk is the feed told so. A process that dies in
between reads them again, and the engine knows them by name. A feed that is faster than the engine is read no further
until there is room.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit, urlunsplit

from domain.errors import InputError
from operations.state import Event
from orchestration.live.engine import Engine, OverloadedError, StoppedError
from orchestration.live.journal import Journal

BATCH = 200
IDLE_S = 0.2
RETRY_S = 1.0
TABLE = "fivefold_events"
SUBJECT = "fivefold.events"
Read = Callable[[Any], Event | str]


class Feed(Protocol):
    """Where events come from. ``read`` may give rows again that were not ``done``; never leave one out."""

    name: str

    def read(self, most: int) -> Sequence[tuple[Any, Any]]:
        """Up to ``most`` rows with their positions, oldest first; empty when nothing is there."""

    def done(self, positions: Sequence[Any]) -> None:
        """What was read up to here is on disk."""

    def close(self) -> None:
        """Let go of it."""


class PostgresFeed:
    """Rows of a table, in the order in which their transactions became final.

    Numbers of a sequence are given before a transaction ends: reading by number alone would leave out a slow one. Read
    is what is older than every transaction that still runs, by transaction and number.
    """

    def __init__(self, url: str, folder: Path) -> None:
        """``url``: ``postgresql://...``, with ``?table=...`` where it is another; ``folder`` keeps the position.

        Raises:
            InputError: the server is not there, or the table's name is none.
        """
        import psycopg

        parts = urlsplit(url)
        wanted = parse_qs(parts.query)
        self.table = wanted.pop("table", [TABLE])[0]
        if not self.table.replace("_", "").isalnum() or not self.table.isascii():
            raise InputError(f"the table of events must be a plain name, is {self.table[:40]!r}")
        query = "&".join(f"{key}={value}" for key, values in wanted.items() for value in values)
        self.name, self._where = f"postgresql table {self.table}", urlunsplit(parts._replace(query=query))
        self._file = folder / f"feed-{self.table}.json"
        try:
            self._connection = self._connected()
            self._connection.execute(
                f"create table if not exists {self.table} (number bigserial primary key, body jsonb not null, "
                "transaction xid8 not null default pg_current_xact_id())"
            )
        except psycopg.Error as error:
            raise InputError(f"events from PostgreSQL: {str(error).strip().splitlines()[0]}") from None
        self._at = tuple(json.loads(self._file.read_text())) if self._file.exists() else (0, 0)

    def _connected(self) -> Any:
        import psycopg

        return psycopg.connect(self._where, autocommit=True, connect_timeout=10)

    def read(self, most: int) -> Sequence[tuple[Any, Any]]:
        if self._connection.closed:  # the server went away and may be back
            self._connection = self._connected()
        rows = self._connection.execute(
            f"select transaction::text::bigint, number, body from {self.table} "
            "where (transaction, number) > (%s::text::xid8, %s) "
            "and transaction < pg_snapshot_xmin(pg_current_snapshot()) order by transaction, number limit %s",
            (str(self._at[0]), self._at[1], most),
        ).fetchall()
        return [((transaction, number), body) for transaction, number, body in rows]

    def done(self, positions: Sequence[Any]) -> None:
        self._at = tuple(positions[-1])
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(self._at))
        draft.replace(self._file)

    def close(self) -> None:
        self._connection.close()


class NatsFeed:
    """Messages of a JetStream stream by a durable consumer; each is acknowledged once it is on disk."""

    def __init__(self, url: str, day: str) -> None:
        """``url``: ``nats://host:port/subject``; ``day`` names the durable consumer.

        Raises:
            InputError: the server is not there.
        """
        try:
            import nats
        except ImportError:
            raise InputError("events from NATS need the extra nats: pip install 'fivefold[nats]'") from None
        parts = urlsplit(url)
        subject = parts.path.strip("/") or SUBJECT
        stream, self.name = subject.replace(".", "_"), f"NATS subject {subject}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

        async def begin() -> Any:
            where = urlunsplit(parts._replace(path=""))
            client = await nats.connect(where, connect_timeout=5, max_reconnect_attempts=-1, allow_reconnect=True)
            found = client.jetstream()
            await found.add_stream(name=stream, subjects=[subject])
            return client, await found.pull_subscribe(subject, durable=f"fivefold-{day}")

        try:
            self._client, self._consumer = self._run(begin(), 15)
        except Exception as error:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise InputError(f"events from NATS: {str(error) or type(error).__name__}") from None

    def _run(self, work: Any, timeout: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def read(self, most: int) -> Sequence[tuple[Any, Any]]:
        import nats.errors

        try:
            messages = self._run(self._consumer.fetch(most, timeout=1), 10)
        except (nats.errors.TimeoutError, TimeoutError):
            return []
        return [(message, _json(message.data)) for message in messages]

    def done(self, positions: Sequence[Any]) -> None:
        async def acknowledge() -> None:
            for one in positions:
                await one.ack()

        self._run(acknowledge(), 30)

    def close(self) -> None:
        self._run(self._client.close(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class AnswersFeed:
    """What people answer without the page (``orchestration.live.answers``), from beside the journal."""

    name = "answers"

    def __init__(self, folder: Path) -> None:
        self._journal, self._at = Journal(folder, write=False), 0

    def read(self, most: int) -> Sequence[tuple[Any, Any]]:
        return self._journal.answers(self._at, most)

    def done(self, positions: Sequence[Any]) -> None:
        self._at = positions[-1]

    def close(self) -> None:
        self._journal.close()


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def feed_of(url: str, folder: Path) -> Feed:
    """The feed of an address.

    Raises:
        InputError: there is no such kind of feed, or nobody answers.
    """
    kind = urlsplit(url).scheme
    if kind in ("postgresql", "postgres"):
        return PostgresFeed(url, folder)
    if kind == "nats":
        return NatsFeed(url, folder.name)
    raise InputError(f"events come from postgresql://... or nats://..., not from {kind or 'nothing'}://")


class Follower:
    """Reads a feed into an engine on a thread of its own until told to stop. ``refused``: rows that are no events."""

    def __init__(self, feed: Feed, engine: Engine, read: Read) -> None:
        self.feed, self.engine, self.read = feed, engine, read
        self.taken = self.refused = 0
        self.failed = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the batch in hand and stop."""
        self._ending.set()
        self._thread.join(30)
        self.feed.close()

    def _follow(self) -> None:
        while not self._ending.is_set():
            try:
                rows = self.feed.read(BATCH)
                if not rows:
                    self._ending.wait(IDLE_S)
                    continue
                self._take(rows)
                self.failed = ""
            except StoppedError:
                return
            except Exception as error:
                # the server is away, or came back with nothing: it is asked again, from where we are
                self.failed = f"{self.feed.name}: {type(error).__name__}: {error}"
                self._ending.wait(RETRY_S)

    def _take(self, rows: Sequence[tuple[Any, Any]]) -> None:
        found = [self.read(row) for _, row in rows]
        events = [one for one in found if isinstance(one, Event)]
        while events:
            try:
                results = self.engine.submit(events).result(120)
            except OverloadedError:
                time.sleep(IDLE_S)
                continue
            self.taken += sum(one.result == "taken" for one in results)
            self.refused += sum(one.result == "refused" for one in results)
            break
        self.refused += len(rows) - len(events)
        self.feed.done([position for position, _ in rows])
