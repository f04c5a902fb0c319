"""PostgreSQL behind the interface that the stores ask of SQLite: the same statements, many machines.

Statements are written once, in the dialect both understand; what differs is translated here: placeholders, types, the
row number of append-only tables (an identity column), and the locks of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from domain.errors import InputError

SCHEMES = ("postgresql://", "postgres://")
MOST_S = 10


class Row(dict[str, Any]):
    """A row by name and by position, as ``sqlite3.Row``."""

    def __getitem__(self, key: str | int) -> Any:
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


def _rows(cursor: Any) -> Any:
    names = [one.name for one in cursor.description or ()]
    return lambda values: Row(zip(names, values, strict=True))


class PostgresDatabase:
    """A connection that takes the statements of the stores; every one is its own transaction unless one was begun."""

    def __init__(self, url: str, schema: str) -> None:
        """Connect and create what is missing.

        Raises:
            InputError: the server cannot be reached; the message holds no password.
        """
        import psycopg

        try:
            self._connection = psycopg.connect(
                url, connect_timeout=MOST_S, autocommit=True, cursor_factory=psycopg.ClientCursor, row_factory=_rows
            )
        except psycopg.OperationalError as error:
            reason = str(error).splitlines()[0].replace(url, "...") if str(error) else "no answer"
            raise InputError(f"FIVEFOLD_OUTBOX: PostgreSQL cannot be reached: {reason}") from None
        with self._connection.transaction():
            # two processes that begin at once must not create the same table at once
            self._connection.execute("select pg_advisory_xact_lock(5)")
            for statement in schema.split(";"):
                if statement.strip():
                    self._connection.execute(_ddl(statement))

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Run a statement; the cursor has ``rowcount`` and ``fetchall``."""
        return self._connection.execute(_dialect(sql), parameters or None)

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for each row."""
        for one in rows:
            self.execute(sql, one)

    def close(self) -> None:
        """Close the connection; locks of a worker are gone with it."""
        self._connection.close()

    def hold(self, worker: str) -> None:
        """Hold a worker's lock until the connection ends, however it ends."""
        self._connection.execute("select pg_advisory_lock(hashtextextended(%s, 5))", (worker,))

    def free(self, workers: Sequence[str]) -> Iterator[str]:
        """Those of ``workers`` whose lock nobody holds: they are dead."""
        for one in workers:
            got = self._connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 5)) as got", (one,))
            if got.fetchone()["got"]:
                yield one
                self._connection.execute("select pg_advisory_unlock(hashtextextended(%s, 5))", (one,))


def _dialect(sql: str) -> str:
    if sql == "begin immediate":
        return "begin"
    return sql.replace("%", "%%").replace("?", "%s")


def _ddl(statement: str) -> str:
    text = statement.replace(" integer", " bigint").rstrip()
    if text.endswith(") strict"):
        text = text.removesuffix("strict")
        if "rowid" not in text and ("table if not exists attempt" in text or "table if not exists decision" in text):
            head, tail = text.split("(", 1)
            body = tail.rstrip().removesuffix(")").rstrip()
            text = f"{head}({body}, rowid bigint generated always as identity)"
    return text
