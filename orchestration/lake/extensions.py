"""DuckDB's extensions from wheels, so that no network is needed; from its own repository where no wheel is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from domain.errors import LakeError

NEEDED = ("ducklake", "postgres_scanner", "sqlite_scanner")


def _wheel_file(name: str) -> Path | None:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        return None
    files = sorted(Path(spec.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension"))
    return files[0] if files else None


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """Load what the lake needs; install it first where this machine has not.

    Raises:
        LakeError: an extension is neither in a wheel nor to be had from DuckDB's repository.
    """
    for name in NEEDED:
        try:
            connection.execute(f"LOAD {name}")
        except duckdb.Error:
            path = _wheel_file(name)
            try:
                connection.execute(f"INSTALL '{path}'" if path else f"INSTALL {name}")
                connection.execute(f"LOAD {name}")
            except duckdb.Error as error:
                raise LakeError(
                    f"DuckDB's extension {name!r} cannot be loaded ({error}); install the package "
                    f"duckdb-extension-{name.replace('_', '-')}"
                ) from error
