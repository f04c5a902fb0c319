"""What the small SQLite stores of a workspace share: one file, one connection, one way to write."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BUSY_S = 30.0
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class SqliteStore:
    """A store in a file of its own; used with ``with``. Many processes may open the same file.

    A write-ahead log with full synchronisation: what a transaction wrote survives a ``kill -9`` and a power cut.
    """

    def __init__(self, path: Path, schema: str, *, private: bool = False, url: str | None = None) -> None:
        """Open or create ``path``, or the PostgreSQL database ``url`` in its place.

        ``private``: for its owner only, and what is deleted is overwritten.
        """
        self._lock = threading.RLock()  # one connection is not for several threads at the same moment
        self._database: Any
        if url is not None:
            from orchestration.messaging.postgres import PostgresDatabase

            self._database = PostgresDatabase(url, schema)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER if private else 0o777)
        if private:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE_FILE))
        self._database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        for pragma in ("journal_mode = wal", "synchronous = full", *(("secure_delete = on",) if private else ())):
            self._database.execute(f"pragma {pragma}")
        with self._transaction():
            for statement in schema.split(";"):
                self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """One transaction that either lands whole or not at all; writers wait for each other."""
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock:
            rows: list[Any] = self._database.execute(sql, parameters).fetchall()
            return rows

    def _row(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first row of a query, if there is one."""
        with self._lock:
            return self._database.execute(sql, parameters).fetchone()

    def _shred(self) -> None:
        """Leave nothing of deleted rows in the file or its log."""
        with self._lock:
            if not isinstance(self._database, sqlite3.Connection):
                self._database.execute("vacuum full")
                return
            for statement in ("pragma wal_checkpoint(truncate)", "vacuum", "pragma wal_checkpoint(truncate)"):
                self._database.execute(statement)
