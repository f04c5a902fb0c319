"""A database query as an input."""

from __future__ import annotations

import hashlib
import os

import duckdb

from domain.errors import InputError
from orchestration.ingestion.mapping import Input


def read_query(connection: duckdb.DuckDBPyConnection, name: str, one: Input, where: str) -> tuple[str, str]:
    """Rows of a query as the table ``name``; returns what stands for its file: ``query:<name>`` and a content hash.

    The database's URL is in the environment variable that the mapping names, never in the mapping itself. The
    statement runs in a transaction that is rolled back (read-only where the server knows that), so a mapping cannot
    change what it reads.

    Raises:
        InputError: the variable is not set, or the database or the query fails.
    """
    import pandas as pd
    import sqlalchemy

    url = os.environ.get(one.database or "")
    if not url:
        raise InputError(f"{where}: set the environment variable {one.database} to the database's SQLAlchemy URL")
    if url.startswith(("postgresql://", "postgres://")):  # the driver that comes with the project
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        engine = sqlalchemy.create_engine(url)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise InputError(f"{where}: {one.database} is not a usable database URL: {type(error).__name__}") from error
    try:
        with engine.connect() as database:
            if engine.dialect.name == "postgresql":
                database.execute(sqlalchemy.text("set transaction read only"))
            frame = pd.read_sql(sqlalchemy.text(one.query or ""), database)
            database.rollback()
    except (sqlalchemy.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
        cause = error if isinstance(error, sqlalchemy.exc.SQLAlchemyError) else error.__cause__
        reason = str(getattr(cause, "orig", None) or cause or error).splitlines()[0]
        raise InputError(f"{where}: the query failed: {reason}") from error
    finally:
        engine.dispose()
    # the order of a query's rows is not fixed: what counts is which rows there are
    rows = sorted(pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy().tolist())
    digest = hashlib.sha256(repr((list(frame.columns), rows)).encode()).hexdigest()[:16]
    origin = f"query:{name}"
    frame["_row"], frame["_file"] = range(1, len(frame) + 1), origin
    connection.register("query_result", frame)
    connection.execute(f'create table "{name}" as select * from query_result')
    connection.unregister("query_result")
    return origin, digest
