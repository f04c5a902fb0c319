"""``fivefold doctor``: what is wrong with a mapping, its files or this workspace, one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Explain what is wrong with a source: its mapping, files, columns and values. Without SOURCE: every source.",
    example="fivefold doctor\nfivefold doctor bosnia --data ~/bosnia",
    data=True,
)
def command(source: str | None, data: Path | None, home: Path) -> Any:
    from domain.errors import InputError, MappingError
    from orchestration.ingestion import diagnose, load_mapping
    from orchestration.sources import DEMO, source_names
    from orchestration.sources import data_folder as find

    report: dict[str, list[str]] = {}
    for name in [source] if source else source_names():
        try:
            mapping = load_mapping(name)
            if name == DEMO and data is None and not find(name, None, home).is_dir():
                report[name] = []  # the demo generates its own files; before it has run there are none to look at
                continue
            findings = diagnose(mapping, data_folder(mapping.name, data, home))
            report[name] = [str(finding) for finding in findings]
        except (MappingError, InputError) as error:
            report[name] = [str(error)]
    result = {"ok": not any(report.values()), "findings": report}

    def show() -> None:
        for name, lines in report.items():
            if not lines:
                click.secho(f"{name}: in order", fg="green")
            for line in lines:
                click.secho(f"{name}: {line}", fg="yellow")

    return result, show


command = click.argument("source", required=False)(command)
