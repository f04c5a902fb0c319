"""DuckDB's extensions from wheels, so that no network is needed; from its own repository where no wheel is.

DuckDB checks the signature of an extension whenever a database loads it: 0.3 processor seconds each, for three of
them, every time a lake is opened. A file of a wheel is installed by its locked hash like every other module of this
environment, so it is loaded as it is; what comes from the repository, or lies in somebody's home folder, is checked.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import duckdb

from domain.errors import LakeError

NEEDED = ("ducklake", "postgres_scanner", "sqlite_scanner")
UNSIGNED = "allow_unsigned_extensions"
"""Can be turned on only when a database is made; ``load_extensions`` turns it off."""


@functools.cache
def _wheel_file(name: str) -> Path | None:
    """The extension for this version of DuckDB, where its wheel is installed."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        return None
    files = sorted(Path(spec.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension"))
    return next((one for one in files if f"v{duckdb.__version__}" in one.parts), None)


def open_database() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that can attach a lake.

    Raises:
        LakeError: an extension is neither in a wheel nor to be had from DuckDB's repository.
    """
    connection = duckdb.connect(":memory:", config={UNSIGNED: "true"})
    try:
        load_extensions(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """Load what the lake needs; install it first where this machine has not.

    ``connection``: of a database that was made with ``UNSIGNED`` on; from here on it takes no unsigned extension.

    Raises:
        LakeError: as ``open_database``.
    """
    files = {name: path for name in NEEDED if (path := _wheel_file(name))}
    for path in files.values():
        quoted = str(path).replace("'", "''")
        connection.execute(f"LOAD '{quoted}'")
    connection.execute(f"SET {UNSIGNED} = false")
    for name in NEEDED:
        if name not in files:
            _from_repository(connection, name)


def _from_repository(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    try:
        connection.execute(f"LOAD {name}")
    except duckdb.Error:
        try:
            connection.execute(f"INSTALL {name}")
            connection.execute(f"LOAD {name}")
        except duckdb.Error as error:
            raise LakeError(
                f"DuckDB's extension {name!r} cannot be loaded ({error}); install the package "
                f"duckdb-extension-{name.replace('_', '-')}"
            ) from error
