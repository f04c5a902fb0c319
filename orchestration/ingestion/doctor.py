"""What is wrong with a source, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from domain.errors import InputError, MappingError
from domain.tables import RAW_TABLES
from orchestration.ingestion.canonical import map_rows
from orchestration.ingestion.loading import REFERENCES
from orchestration.ingestion.mapping import Mapping
from orchestration.ingestion.reading import read_inputs
from orchestration.ingestion.validation import JUDGED, Verdict, validate, warm_up


@dataclass(frozen=True)
class Finding:
    """One thing to mend."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def diagnose(mapping: Mapping, data_dir: Path) -> list[Finding]:
    """Try the mapping on its files without loading anything: missing files and columns, and rules that rows break."""
    warm_up()
    try:
        source = read_inputs(mapping, data_dir)
    except (InputError, MappingError) as error:
        return [Finding("", str(error))]
    findings = [
        Finding(
            f"inputs.{name}",
            f"{len(rows)} lines are no rows; "
            f"the first is row {rows[0].row_number} of {rows[0].file}: {rows[0].message}",
        )
        for name, rows in source.broken.items()
    ]
    known: dict[str, tuple[str, list[str]]] = {}
    region: dict[str, float] | None = None
    try:
        for table in RAW_TABLES:
            for part in mapping.tables.get(table.name, ()):
                try:
                    mapped = map_rows(source.connection, mapping, table, part)
                except MappingError as error:
                    findings.append(Finding("", str(error)))
                    continue
                others = {name: ids for name, ids in known.items() if name not in table.key}
                verdict = validate(source.connection, table, mapped, others, region)
                findings.extend(_broken(source.connection, table.name, verdict))
                for column in REFERENCES.keys() & set(table.key):
                    known[column] = (table.name[:-1], _ids(source.connection, column))
                region = _rectangle(source.connection) if table.name == "depots" else region
    finally:
        source.connection.close()
    return findings


def _broken(connection: duckdb.DuckDBPyConnection, table: str, verdict: Verdict) -> list[Finding]:
    total = connection.execute(f"select count(*) from {JUDGED}").fetchone()
    findings = []
    for rule, condition in verdict.rules:
        found = connection.execute(
            f"select count(*), arg_min(_row, _n), arg_min(_file, _n) from {JUDGED} where not _repeated and {condition}"
        ).fetchone()
        if found and total:
            findings.append(
                Finding(
                    f"{table}.{rule.field}",
                    f"{found[0]} of {total[0]} rows: {rule.message} [{rule.name}]; "
                    f"the first is row {found[1]} of {found[2]}",
                )
            )
    return findings


def _ids(connection: duckdb.DuckDBPyConnection, column: str) -> list[str]:
    return [
        row[0]
        for row in connection.execute(f"select distinct {column} from {JUDGED} where {column} is not null").fetchall()
    ]


def _rectangle(connection: duckdb.DuckDBPyConnection) -> dict[str, float] | None:
    found = connection.execute(f"select min(lat), max(lat), min(lon), max(lon) from {JUDGED}").fetchone()
    if found is None or None in found:
        return None
    return dict(zip(("lat_min", "lat_max", "lon_min", "lon_max"), found, strict=True))
