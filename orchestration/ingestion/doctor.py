"""What is wrong with a source, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from domain.errors import InputError, MappingError
from domain.tables import RAW_TABLES
from orchestration.ingestion.canonical import map_rows
from orchestration.ingestion.mapping import Mapping
from orchestration.ingestion.reading import read_inputs
from orchestration.ingestion.validation import validate


@dataclass(frozen=True)
class Finding:
    """One thing to mend."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def diagnose(mapping: Mapping, data_dir: Path) -> list[Finding]:
    """Try the mapping on its files without loading anything: missing files and columns, and rules that rows break."""
    try:
        source = read_inputs(mapping, data_dir)
    except (InputError, MappingError) as error:
        return [Finding("", str(error))]
    findings = []
    for name, rows in source.broken.items():
        findings.append(
            Finding(
                f"inputs.{name}",
                f"{len(rows)} rows cannot be read; the first is row {rows[0].row_number}: {rows[0].message}",
            )
        )
    for table in RAW_TABLES:
        for part in mapping.tables.get(table.name, ()):
            try:
                mapped = map_rows(source.connection, mapping, table, part)
            except MappingError as error:
                findings.append(Finding("", str(error)))
                continue
            broken = validate(table, mapped.frame, mapped.checks)
            for rule, group in broken.groupby("rule", sort=False):
                first = mapped.frame.iloc[int(group["_index"].iloc[0])]
                findings.append(
                    Finding(
                        f"{table.name}.{group['field'].iloc[0]}",
                        f"{len(group)} of {len(mapped.frame)} rows: {group['message'].iloc[0]} [{rule}]; "
                        f"the first is row {first['_row']} of {first['_file']}",
                    )
                )
    return findings
