"""Where the catalogue is, and one writer at a time.

Measured with ``fivefold bench lake``: with eight writers PostgreSQL needs no retry where SQLite needs over a
hundred and ten times the time, so the embedded server is the default and SQLite the fallback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from orchestration.lake.embedded import one_at_a_time, start_embedded
from orchestration.lake.settings import EMBEDDED, SQLITE, LakeSettings


@contextmanager
def one_writer(settings: LakeSettings, home: Path, what: str = "write") -> Iterator[None]:
    """Let one process write at a time.

    DuckLake sees no conflict between two transactions that both fill an empty partition: both would land, and the
    partition would hold its rows twice. Local catalogues are guarded by a file lock, a server by an advisory lock.
    """
    if settings.catalog in (EMBEDDED, SQLITE):
        with one_at_a_time(home / f"{what}.lock"):
            yield
        return
    import psycopg

    try:
        connection = psycopg.connect(settings.catalog, connect_timeout=10, autocommit=True)
        connection.execute("select pg_advisory_lock(hashtext(%s))", [f"fivefold lake {what}"])
    except psycopg.OperationalError as error:
        raise ConnectionError(f"connection to server failed: {error}") from error
    try:
        yield
    finally:
        connection.close()  # lets go of the lock


def ducklake_uri(settings: LakeSettings, home: Path) -> tuple[Any, str]:
    """The handle to keep alive (or None) and the ``ducklake:`` URI to attach."""
    home.mkdir(parents=True, exist_ok=True)
    if settings.catalog == EMBEDDED:
        server, connection = start_embedded(home)
        return server, f"ducklake:postgres:{connection}"
    if settings.catalog == SQLITE:
        return None, f"ducklake:sqlite:{_sqlite_file(home)}"
    return None, f"ducklake:postgres:{settings.catalog}"


def _sqlite_file(home: Path) -> Path:
    """The SQLite catalogue of a workspace, in the mode in which readers and a writer do not wait for each other."""
    path = home / "catalog.sqlite"
    if not path.exists():  # the mode is kept in the file
        with one_at_a_time(home / "attach.lock"), closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma journal_mode = wal")
    return path


def compact(settings: LakeSettings, home: Path) -> None:
    """Write a SQLite catalogue anew without its free pages; PostgreSQL sees to its own."""
    if settings.catalog == SQLITE:
        with closing(sqlite3.connect(home / "catalog.sqlite", timeout=60, isolation_level=None)) as connection:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
