"""``fivefold tune``: a search of LightGBM parameters on the past of a source."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Search LightGBM parameters on the past of SOURCE (extra: tuning); nothing after --train-until is looked at.",
    example="fivefold tune changshu --trials 30\nfivefold tune scms --train-until 2012-12-31 --json",
    data=True,
)
def command(source: str, train_until: datetime | None, trials: int, data: Path | None, home: Path) -> Any:
    from orchestration.evaluation import loaded
    from orchestration.ingestion import load_mapping
    from orchestration.tuning import tune_source

    mapping = load_mapping(source)
    with loaded(home, mapping, data_folder(mapping.name, data, home)) as (lake, _):
        result = tune_source(lake, mapping, home, trials, train_until.date() if train_until else None)

    def show() -> None:
        click.echo(f"{result['loss']} on the newest fifth of the past: {result['default']:.5f} by default, "
                   f"{result['best']:.5f} tuned ({result['trials']} trials)")  # fmt: skip
        for name, value in result["parameters"].items():
            click.echo(f"{name:>20}  {value}")
        click.echo(f"written to {result['file']}")

    return result, show


command = click.argument("source")(command)
command = click.option("--trials", default=20, show_default=True, type=click.IntRange(1, 1_000), help="How many.")(
    command
)
command = click.option("--train-until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Last day to look at.")(
    command
)
