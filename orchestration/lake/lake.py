"""The one door to the lake."""

from __future__ import annotations

import contextlib
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa

from domain.errors import LakeError
from domain.tables import TABLES, Table
from orchestration.lake import catalog, ddl
from orchestration.lake.attaching import attach, column_statements
from orchestration.lake.extensions import open_database
from orchestration.lake.settings import LakeSettings
from orchestration.lake.snapshots import Snapshots

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
ATTEMPTS = 60
FIRST_ATTEMPTS = 12
"""At the start a catalogue that does not answer is more likely a wrong address than a busy one."""
RETRY_SIGNS = (
    "conflict",
    "locked",
    "busy",
    "could not serialize",
    "current transaction is aborted",  # a connection of the pool that another thread's conflict left behind
    "deadlock",
    "the database system is starting up",
    "the database system is in recovery mode",
)
"""Parts of messages that mean: another writer was faster, or the server is just coming up. Try again."""
LOST_SIGNS = (
    "connection refused",
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "no connection to the server",
    "could not receive data",
    "could not send data",
    "unable to connect to postgres",
)
"""Parts of messages that mean: the catalogue's server is gone. Start it again if it is ours, and attach anew."""


class Lake:
    """Tables of a workspace: read as of a snapshot, replace partitions, append; one transaction each.

    A ``Lake`` may be shared by threads: every call opens a connection of its own on one attached catalogue.
    """

    def __init__(self, home: Path, settings: LakeSettings) -> None:
        self.home = home
        self.settings = settings
        self._server, self._uri = catalog.ducklake_uri(settings, home)
        self._jitter = random.Random(0)
        self._snapshots = Snapshots(self._attach_snapshot)
        if "://" not in settings.data_path:
            Path(settings.data_path).mkdir(parents=True, exist_ok=True)
        self._database: duckdb.DuckDBPyConnection | None = None
        try:
            self._database = self._retry(self._attach_first, FIRST_ATTEMPTS)
        except duckdb.Error as error:
            raise LakeError(f"the lake cannot be opened: {without_secrets(str(error))}") from None

    @classmethod
    def open(cls, home: Path | str, settings: LakeSettings | None = None) -> Lake:
        """Open (or create) the lake of a workspace; starts the embedded catalogue and creates missing tables.

        Raises:
            LakeError: the catalogue cannot be reached or started.
        """
        home = Path(home).resolve()
        lake = cls(home, settings or LakeSettings.from_environment(home))
        lake._ensure_tables()
        return lake

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the catalogue; the embedded server stops with its last user."""
        if self._database is not None:
            self._database.close()

    def _attach_first(self) -> duckdb.DuckDBPyConnection:
        """The first ``ATTACH`` makes the catalogue: two processes that both did so would fall over each other."""
        with catalog.one_writer(self.settings, self.home, "attach"):
            return self._attach()

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = open_database()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if self.settings.threads:
                connection.execute(f"SET threads = {self.settings.threads}")
            attach(connection, self.attach_uri, self.settings, self.home)
            connection.execute("USE lake")
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach_snapshot(self, name: str, snapshot: int) -> str:
        return f"ATTACH '{self.attach_uri}' AS {name} (DATA_PATH '{self._data_path}', SNAPSHOT_VERSION {int(snapshot)})"

    @property
    def attach_uri(self) -> str:
        """What DuckDB attaches."""
        return self._uri.replace("'", "''")

    @property
    def _data_path(self) -> str:
        return self.settings.data_path.replace("'", "''")

    def _revive(self) -> None:
        """Start the embedded server again if it is gone, and attach anew: DuckDB keeps dead connections."""
        with contextlib.suppress(duckdb.Error, OSError):  # the next attempt tells what is still wrong
            self._server, self._uri = catalog.ducklake_uri(self.settings, self.home)
            if self._database is not None:
                self._database = self._attach()
                self._snapshots.forget()

    def _ensure_tables(self) -> None:
        found = self.query(
            "select table_schema || '.' || table_name as name, column_name from information_schema.columns "
            "where table_catalog = 'lake'"
        )
        missing = [TABLES[name] for name in sorted(set(TABLES) - set(found["name"]))]
        statements = [
            *ddl.create_statements(missing),
            *ddl.partition_statements(missing),
            *column_statements(TABLES.values(), zip(found["name"], found["column_name"], strict=True)),
        ]

        def change(connection: duckdb.DuckDBPyConnection) -> None:
            for statement in statements:
                connection.execute(statement)

        if statements:
            self.write(change, "tables and columns of this version")

    def _retry(self, action: Callable[[], T], attempts: int = ATTEMPTS) -> T:
        for attempt in range(attempts):
            try:
                return action()
            except (duckdb.Error, OSError) as error:
                words = str(error).lower()
                lost = any(sign in words for sign in LOST_SIGNS)
                if not (lost or any(sign in words for sign in RETRY_SIGNS)):
                    raise
                if attempt + 1 == attempts:
                    raise LakeError(f"the lake cannot be reached: {without_secrets(str(error))}") from None
                time.sleep(min(1.0, 0.02 * 1.5**attempt) * (0.5 + self._jitter.random()))
                if lost:
                    self._revive()
        raise AssertionError("unreachable")

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the lake attached as ``lake`` and in use; times are UTC."""
        with self._cursor() as cursor:
            cursor.execute("USE lake")
            yield cursor

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection on which nothing is in use: to use the lake asks its catalogue, as long as a small query."""
        if self._database is None:
            raise LakeError("the lake is closed")
        cursor = self._database.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield cursor
        finally:
            cursor.close()

    def query(self, sql: str, parameters: Sequence[object] | None = None, snapshot: int | None = None) -> pd.DataFrame:
        """Rows of one statement, in one snapshot: the newest, or the one given.

        Raises:
            LakeError: the statement cannot be run, or the snapshot is unknown.
        """
        return self.query_arrow(sql, parameters, snapshot).to_pandas()

    def query_arrow(
        self, sql: str, parameters: Sequence[object] | None = None, snapshot: int | None = None
    ) -> pa.Table:
        """As ``query``, as an Arrow table."""

        def read() -> pa.Table:
            if snapshot is None:
                with self.connect() as connection:
                    return connection.execute(sql, parameters or []).to_arrow_table()
            with self._at(snapshot) as connection:
                return connection.execute(sql, parameters or []).to_arrow_table()

        try:
            return self._retry(read)
        except duckdb.Error as error:
            raise LakeError(f"the lake cannot answer: {without_secrets(str(error))}") from error

    @contextmanager
    def _at(self, snapshot: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in which unqualified names are as they were at a snapshot.

        A snapshot stays attached for the next reader: a day's plan asks the same one sixteen times.
        """
        with self._cursor() as connection, self._snapshots.reading(connection, int(snapshot)):
            yield connection

    def write(self, function: Callable[[duckdb.DuckDBPyConnection], T], message: str | None = None) -> T:
        """Run ``function`` in one transaction; nothing of it is seen before all of it is. Conflicts are retried.

        ``function`` may be called more than once: it must only write to the lake. ``message``: what the snapshot is
        about, for ``fivefold lake snapshots``.
        """
        return self._write(function, message)[0]

    def _write(self, function: Callable[[duckdb.DuckDBPyConnection], T], message: str | None) -> tuple[T, int]:
        """As ``write``; also the snapshot that was made, or the newest one if nothing was changed."""
        token, results = uuid.uuid4().hex, []

        def run() -> tuple[T, int]:
            # a server that died while it committed leaves it open whether it had: the token tells
            if results and (landed := self._snapshot_with(token)) is not None:
                return results[-1], landed
            with catalog.one_writer(self.settings, self.home), self.connect() as connection:
                connection.execute("BEGIN")
                try:
                    result = function(connection)
                    connection.execute(
                        "CALL lake.set_commit_message('fivefold', ?, extra_info => ?)", [message or "", token]
                    )
                    results.append(result)
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(duckdb.Error):  # gone already? what went wrong is raised below
                        connection.execute("ROLLBACK")
                    raise
                found = connection.execute("select * from lake.current_snapshot()").fetchone()
                return result, int(found[0]) if found else 0

        return self._retry(run)

    def _snapshot_with(self, token: str) -> int | None:
        with self.connect() as connection:
            found = connection.execute(
                "select snapshot_id from ducklake_snapshots('lake') where commit_extra_info = ?", [token]
            ).fetchone()
        return int(found[0]) if found else None

    def append(self, table: Table, frame: pd.DataFrame | pa.Table) -> int:
        """Add rows; return the snapshot that holds them."""
        return self.replace(table, {}, frame)

    def replace(self, table: Table, where: Mapping[str, Sequence[object]], frame: pd.DataFrame | pa.Table) -> int:
        """Delete the rows whose columns are among the values of ``where``, add ``frame``: one transaction.

        An empty ``where`` deletes nothing. Returns the snapshot that holds the new state.

        Raises:
            LakeError: a column is unknown, or a required one is missing.
        """
        return self._write(
            lambda connection: self.replace_in(connection, table, where, frame), f"replace {table.qualified_name}"
        )[1]

    @staticmethod
    def replace_in(
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        where: Mapping[str, Sequence[object]],
        frame: pd.DataFrame | pa.Table,
    ) -> None:
        """As ``replace``, within a transaction of ``write`` that does more."""
        if where:
            for name in where:
                table.column(name)
            condition = " and ".join(f"list_contains(?, {name})" for name in where)
            connection.execute(
                f"delete from {table.qualified_name} where {condition}", [list(values) for values in where.values()]
            )
        rows = _aligned(table, frame)
        if rows.num_rows:
            connection.register("incoming_rows", rows)
            columns = ", ".join(rows.column_names)
            casts = ", ".join(f"cast({name} as {table.column(name).type.sql})" for name in rows.column_names)
            connection.execute(f"insert into {table.qualified_name} ({columns}) select {casts} from incoming_rows")
            connection.unregister("incoming_rows")

    def snapshot_id(self) -> int:
        """Id of the newest snapshot."""
        return int(self.query("select max(snapshot_id) as id from ducklake_snapshots('lake')")["id"].iloc[0])

    def snapshot_at(self, moment: datetime) -> int:
        """Id of the snapshot that was the newest at ``moment`` (with a time zone).

        Raises:
            LakeError: the lake had none then, or it has been expired.
        """
        found = self.query_arrow(
            "select max(snapshot_id) as id from ducklake_snapshots('lake') where snapshot_time <= ?", [moment]
        )["id"][0].as_py()
        if found is None:
            raise LakeError(f"the lake holds no snapshot of {moment.isoformat()} or before")
        return int(found)

    def maintain(self, *statements: str) -> None:
        """Run DuckLake's own maintenance calls, while nobody else writes."""

        def run() -> None:
            with catalog.one_writer(self.settings, self.home), self.connect() as connection:
                for statement in statements:
                    connection.execute(statement)

        self._retry(run)

    def dbt_environment(self) -> dict[str, str]:
        """Environment variables that the plugin of ``dbt_project/profiles.yml`` reads."""
        return {
            "FIVEFOLD_DBT_CATALOG": self._uri.removeprefix("ducklake:"),
            "FIVEFOLD_DBT_DATA_PATH": self.settings.data_path,
            "FIVEFOLD_DBT_DATABASE_THREADS": str(self.settings.threads or ""),
        }


def without_secrets(text: str) -> str:
    """A message of the catalogue without the password of its address."""
    text = re.sub(r"(password\s*=\s*)('[^']*'|\S+)", r"\1***", text, flags=re.IGNORECASE)
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def _aligned(table: Table, frame: pd.DataFrame | pa.Table) -> pa.Table:
    # pandas is not imported here: dbt's process opens the lake too, and reads no frame
    rows = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    if unknown := [name for name in rows.column_names if name not in table.column_names]:
        raise LakeError(f"{table.qualified_name} has no column {unknown[0]!r}; it has {', '.join(table.column_names)}")
    if missing := [c.name for c in table.columns if c.required and c.name not in rows.column_names]:
        raise LakeError(f"{table.qualified_name} needs the column {missing[0]!r}")
    return rows
