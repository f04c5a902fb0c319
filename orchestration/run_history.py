"""Dagster's SQLite storage with connections that stay open.

Dagster opens a database, with a new engine, for every event that a run writes and closes it again; SQLite then folds
its write-ahead log into the database each time, and SQLAlchemy compiles each statement anew. A run of the night writes
hundreds of events: keeping the connection saves seconds of it. Files and their format stay Dagster's own: a workspace
can change between this storage and the default one at any time.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import Field, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine

from orchestration.settings import home

ENGINES_KEPT = 16
"""Databases held open: each run has one of its own, and a sensor may read hundreds of runs."""


def _settle(connection: Any, _record: Any) -> None:
    # With a write-ahead log this keeps the database whole at any crash; a power cut may take the last events of a log.
    connection.execute("pragma synchronous = normal")


class Engines:
    """The engines of one process, by address; the least recently used is closed when there are too many."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._kept: OrderedDict[str, Engine] = OrderedDict()

    def of(self, address: str) -> Engine:
        """The engine of an address, made when it is first asked for."""
        if self._process != os.getpid():
            # a forked child must not use, nor close, what its parent has open
            for engine in self._kept.values():
                engine.dispose(close=False)
            self._kept.clear()
            self._process = os.getpid()
        engine = self._kept.get(address)
        if engine is None:
            engine = create_engine(
                address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
            )
            event.listen(engine, "connect", _settle)
            self._kept[address] = engine
        self._kept.move_to_end(address)
        while len(self._kept) > ENGINES_KEPT:
            self._kept.popitem(last=False)[1].dispose()
        return engine

    def close(self) -> None:
        """Close every connection."""
        while self._kept:
            self._kept.popitem()[1].dispose()


class EventLog(SqliteEventLogStorage):
    """Events of runs, a database a run, and an index of all."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = Engines()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            path = Path(self.path_for_shard(shard))
            if not path.exists():
                # another process has cleared the history: what we hold open is no longer there
                self._engines.close()
                self._initialized_dbs.clear()
            engine = self._engines.of(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                database: Any = connection.connection.dbapi_connection
                before = database.total_changes
                yield connection
                changed = database.total_changes != before
            if changed and shard != INDEX_SHARD_NAME:
                # the UI follows a running run by the times of this file, which a write-ahead log leaves as they were
                os.utime(path)

    def wipe(self) -> None:
        self._engines.close()
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._engines.close()


class Runs(SqliteRunStorage):
    """The table of runs."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = Engines()
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engines.of(self._conn_string).begin() as connection:
            yield connection

    def dispose(self) -> None:
        super().dispose()
        self._engines.close()


class RunHistory(DagsterSqliteStorage):
    """What ``dagster.yaml`` names: Dagster's own storage but for how it connects."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # not the base class's own: it would open the storages that these take the place of
        DagsterStorage.__init__(self)
        self.base_dir = base_dir
        self._inst_data = inst_data
        history = Path(base_dir) / "history"
        self._run_storage = Runs.from_local(f"{history}/")
        self._event_log_storage = EventLog(f"{history / 'runs'}/")
        self._schedule_storage = SqliteScheduleStorage.from_local(f"{Path(base_dir) / 'schedules'}")

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig
    ) -> DagsterSqliteStorage:
        """In the folder named, else in ``DAGSTER_HOME``, else in the workspace's own.

        The last is for Dagster's own commands where nobody has set anything (``dagster definitions validate``).
        """
        place = config_value.get("base_dir") or os.environ.get("DAGSTER_HOME") or str(home() / "dagster")
        return cls.from_local(inst_data=inst_data, base_dir=place)
