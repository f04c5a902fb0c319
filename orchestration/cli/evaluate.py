"""``fivefold evaluate``: train on the past of a source, score its future."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Load SOURCE if its files are new, train on its past, score its future beside baselines.",
    example="fivefold evaluate changshu --train-until 2024-04-30 --json\nfivefold evaluate sendy --json",
    data=True,
)
def command(source: str, train_until: datetime | None, predictions: Path | None, data: Path | None, home: Path) -> Any:
    from orchestration.evaluation import evaluate_source
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.lake import Lake

    mapping = load_mapping(source)
    folder = data_folder(mapping.name, data, home)
    with Lake.open(home) as lake:
        report = ingest(lake, mapping, folder)
        result = evaluate_source(lake, mapping, train_until.date() if train_until else None, predictions)
    result["ingested"] = {key: value for key, value in report.summary().items() if key != "tables"}

    def show() -> None:
        from rich.console import Console

        show_scores(Console(highlight=False), source, result)

    return result, show


def show_scores(console: Any, source: str, result: dict[str, Any]) -> None:
    """Print an evaluation: ours in the first line, each baseline below it, a measure a column."""
    from rich import box
    from rich.table import Table

    keys = [key for key, value in result.items() if isinstance(value, float)]
    title = f"{source}: {result['name']}"
    table = Table("model", box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for key in keys:
        table.add_column(key.replace("_", " "), justify="right")
    for name, scores in {"fivefold": result, **result["baselines"]}.items():
        table.add_row(name, *(f"{scores[key]:.4g}" if scores.get(key) is not None else "" for key in keys))
    console.print(table)


command = click.argument("source")(command)
command = click.option(
    "--train-until",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="Last day to learn from.  [default: as the mapping says]",
)(command)
command = click.option(
    "--predictions",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write every scored row to this CSV file.",
)(command)
