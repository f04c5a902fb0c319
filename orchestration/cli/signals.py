"""``fivefold signals``: the signal catalogue of a source, as a table."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Which families of features feed the task of SOURCE, how fresh they are, and what leaving each out costs.",
    example="fivefold signals changshu\nfivefold signals scms --json",
    data=True,
)
def command(source: str, train_until: datetime | None, data: Path | None, home: Path) -> Any:
    from orchestration.evaluation import loaded
    from orchestration.ingestion import load_mapping
    from orchestration.tuning import signal_catalogue

    mapping = load_mapping(source)
    with loaded(home, mapping, data_folder(mapping.name, data, home)) as (lake, _):
        result = signal_catalogue(lake, mapping, train_until.date() if train_until else None)

    def show() -> None:
        keys = list(result["families"][0])
        click.echo("| " + " | ".join(key.replace("_", " ") for key in keys) + " |")
        click.echo("|" + "---|" * len(keys))
        for row in result["families"]:
            cells = (f"{v:.4g}" if isinstance(v, float) else "" if v is None else str(v) for v in row.values())
            click.echo("| " + " | ".join(cells) + " |")

    return result, show


command = click.argument("source")(command)
command = click.option(
    "--train-until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Last day to learn from."
)(command)
