"""Attach the lake: a workspace that was moved takes its files along, tables of an older version get what they lack."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import duckdb

from domain.errors import LakeError
from domain.tables import Table
from orchestration.lake.settings import EMBEDDED, SQLITE, LakeSettings

MOVED = "does not match existing data path"


def attach(connection: duckdb.DuckDBPyConnection, uri: str, settings: LakeSettings, home: Path) -> None:
    """Attach the catalogue ``uri`` (quotes escaped) as ``lake``.

    The catalogue remembers the folder of the files. A workspace with both inside may be moved or copied as a whole: the
    catalogue is then told the new place. Files that lie elsewhere are never looked for by guess.

    Raises:
        LakeError: the catalogue's files are recorded in another place than the settings say.
    """
    place = settings.data_path.replace("'", "''")
    try:
        connection.execute(f"ATTACH '{uri}' AS lake (DATA_PATH '{place}')")
        return
    except duckdb.Error as error:
        if MOVED not in str(error):
            raise
        recorded = re.search(r'in the catalog "([^"]*)"', str(error))
    old = recorded.group(1) if recorded else "another place"
    own = settings.catalog in (EMBEDDED, SQLITE) and Path(settings.data_path).resolve() == (home / "lake").resolve()
    if not own or Path(old).name != "lake":
        raise LakeError(
            f"the catalogue's files are recorded in {old}, the settings say {settings.data_path}: "
            f"set FIVEFOLD_DATA_PATH to {old}"
        )
    connection.execute(f"ATTACH '{uri}' AS lake (DATA_PATH '{place}', OVERRIDE_DATA_PATH true)")
    connection.execute(
        "update __ducklake_metadata_lake.ducklake_metadata set value = ? where key = 'data_path'",
        [f"{settings.data_path.rstrip('/')}/"],
    )


def column_statements(tables: Iterable[Table], found: Iterable[tuple[str, str]]) -> list[str]:
    """``alter table`` for the columns that tables made by an older version lack; ``found``: (table, column) pairs.

    A column added later is null in the rows that were there before, so it is not declared ``not null``.
    """
    have: dict[str, set[str]] = defaultdict(set)
    for table, column in found:
        have[table].add(column)
    return [
        f"alter table {table.qualified_name} add column if not exists {column.name} {column.type.sql}"
        for table in tables
        if table.qualified_name in have
        for column in table.columns
        if column.name not in have[table.qualified_name]
    ]
