"""The one door to the lake."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from domain.errors import LakeError
from domain.tables import TABLES, Table
from orchestration.lake import catalog, ddl
from orchestration.lake.extensions import load_extensions
from orchestration.lake.settings import LakeSettings

T = TypeVar("T")
ATTEMPTS = 60
RETRY_SIGNS = (
    "conflict",
    "locked",
    "busy",
    "could not serialize",
    "deadlock",
    "connection refused",
    "server closed the connection",
    "terminating connection",
    "the database system is starting up",
)
"""Parts of messages that mean: another writer was faster, or the server is just coming up. Try again."""


class Lake:
    """Tables of a workspace: read as of a snapshot, replace partitions, append; one transaction each.

    A ``Lake`` may be shared by threads: every call opens a connection of its own on one attached catalogue.
    """

    def __init__(self, home: Path, settings: LakeSettings) -> None:
        self.home = home
        self.settings = settings
        self._server, self._uri = catalog.ducklake_uri(settings, home)
        self._jitter = random.Random(0)
        if "://" not in settings.data_path:
            Path(settings.data_path).mkdir(parents=True, exist_ok=True)
        self._database = self._retry(self._attach)

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
        self._database.close()

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        try:
            load_extensions(connection)
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"ATTACH '{self.attach_uri}' AS lake (DATA_PATH '{self.settings.data_path}')")
            connection.execute("USE lake")
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def attach_uri(self) -> str:
        """What DuckDB attaches."""
        return self._uri.replace("'", "''")

    def _ensure_tables(self) -> None:
        expected = set(TABLES)
        found = self.query(
            "select table_schema || '.' || table_name as name from information_schema.tables "
            "where table_catalog = 'lake'"
        )
        if missing := expected - set(found["name"]):
            tables = [TABLES[name] for name in sorted(missing)]

            def create(connection: duckdb.DuckDBPyConnection) -> None:
                for statement in (*ddl.create_statements(tables), *ddl.partition_statements(tables)):
                    connection.execute(statement)

            self.write(create)

    def _retry(self, action: Callable[[], T]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return action()
            except (duckdb.Error, OSError) as error:
                if attempt + 1 == ATTEMPTS or not any(sign in str(error).lower() for sign in RETRY_SIGNS):
                    raise
                time.sleep(min(1.0, 0.02 * 1.5**attempt) * (0.5 + self._jitter.random()))
        raise AssertionError("unreachable")

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the lake attached as ``lake`` and in use; times are UTC."""
        cursor = self._database.cursor()
        try:
            cursor.execute("USE lake")
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
            raise LakeError(f"the lake cannot answer: {error}") from error

    @contextmanager
    def _at(self, snapshot: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in which ``lake`` is as it was at a snapshot."""
        name = f"at_{int(snapshot)}"
        with self.connect() as connection:
            connection.execute(
                f"ATTACH IF NOT EXISTS '{self.attach_uri}' AS {name} "
                f"(DATA_PATH '{self.settings.data_path}', SNAPSHOT_VERSION {int(snapshot)})"
            )
            connection.execute(f"USE {name}")
            yield connection

    def write(self, function: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run ``function`` in one transaction; nothing of it is seen before all of it is. Conflicts are retried.

        ``function`` may be called more than once: it must only write to the lake.
        """

        def run() -> T:
            with catalog.one_writer(self.settings, self.home), self.connect() as connection:
                connection.execute("BEGIN")
                try:
                    result = function(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(duckdb.Error):  # gone already? what went wrong is raised below
                        connection.execute("ROLLBACK")
                    raise
                return result

        return self._retry(run)

    def append(self, table: Table, frame: pd.DataFrame | pa.Table) -> int:
        """Add rows; return the snapshot that holds them."""
        return self.replace(table, {}, frame)

    def replace(self, table: Table, where: Mapping[str, Sequence[object]], frame: pd.DataFrame | pa.Table) -> int:
        """Delete the rows whose columns are among the values of ``where``, add ``frame``: one transaction.

        An empty ``where`` deletes nothing. Returns the snapshot that holds the new state.

        Raises:
            LakeError: a column is unknown, or a required one is missing.
        """
        self.write(lambda connection: self.replace_in(connection, table, where, frame))
        return self.snapshot_id()

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

    def compact(self) -> None:
        """Merge small neighbouring files."""
        self._call("CALL ducklake_merge_adjacent_files('lake')")

    def clean_up(self, keep_days: int = 30) -> None:
        """Expire snapshots older than ``keep_days`` and delete files that none needs, orphans of crashes too."""
        self._call(f"CALL ducklake_expire_snapshots('lake', older_than => now() - interval '{int(keep_days)} days')")
        self._call("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        self._call("CALL ducklake_delete_orphaned_files('lake', older_than => now() - interval '1 day')")

    def _call(self, statement: str) -> None:
        def run() -> None:
            with self.connect() as connection:
                connection.execute(statement)

        self._retry(run)

    def dbt_environment(self) -> dict[str, str]:
        """Environment variables that ``dbt_project/profiles.yml`` reads."""
        return {"FIVEFOLD_DBT_ATTACH": self._uri, "FIVEFOLD_DBT_DATA_PATH": self.settings.data_path}


def _aligned(table: Table, frame: pd.DataFrame | pa.Table) -> pa.Table:
    rows = pa.Table.from_pandas(frame, preserve_index=False) if isinstance(frame, pd.DataFrame) else frame
    if unknown := [name for name in rows.column_names if name not in table.column_names]:
        raise LakeError(f"{table.qualified_name} has no column {unknown[0]!r}; it has {', '.join(table.column_names)}")
    if missing := [c.name for c in table.columns if c.required and c.name not in rows.column_names]:
        raise LakeError(f"{table.qualified_name} needs the column {missing[0]!r}")
    return rows
