"""``fivefold ingest``: load a source into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Load the files of SOURCE into the lake. Bad rows go to quarantine; a file is loaded once.",
    example="fivefold ingest changshu --data ~/changshu",
    data=True,
)
def command(source: str, data: Path | None, home: Path) -> Any:
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.lake import Lake

    mapping = load_mapping(source)
    folder = data_folder(mapping.name, data, home)
    lake = Lake.open(home)
    try:
        report = ingest(lake, mapping, folder)
    finally:
        lake.close()
    result = report.summary()

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("table", "read", "landed", "quarantined", "already known", title=f"{source} -> {home}")
        for name, counts in result["tables"].items():
            table.add_row(
                name, *(f"{counts[key]:,}" for key in ("rows_read", "rows_landed", "rows_quarantined", "rows_known"))
            )
        Console().print(table)

    return result, show


command = click.argument("source")(command)
