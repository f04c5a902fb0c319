"""``fivefold evaluate``: train on the past of a source, score its future."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command

HEADLINE = (
    *("roc_auc", "pr_auc", "recall_at_10", "ece", "brier", "log_loss"),
    *("mae_s", "coverage_80", "width_80_s", "interval_score_80_s", "coverage_90", "width_90_s"),
)


@fivefold_command(
    "Load SOURCE if its files are new, train on its past, score its future beside baselines.",
    example="fivefold evaluate changshu --train-until 2024-04-30 --json\nfivefold evaluate sendy --json",
    data=True,
)
def command(
    source: str,
    train_until: datetime | None,
    predictions: Path | None,
    plots: Path | None,
    data: Path | None,
    home: Path,
) -> Any:
    from orchestration.evaluation import evaluate_source, loaded
    from orchestration.ingestion import load_mapping

    mapping = load_mapping(source)
    with loaded(home, mapping, data_folder(mapping.name, data, home)) as (lake, report):
        result = evaluate_source(lake, mapping, train_until.date() if train_until else None, predictions)
    result["ingested"] = report
    if plots is not None:
        from orchestration.report.evaluation_plots import pictures

        plots.mkdir(parents=True, exist_ok=True)
        for title, png in pictures(result).items():
            (plots / f"{mapping.name}-{title.replace(' ', '-')}.png").write_bytes(png)
        result["plots"] = str(plots)

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
    help="Write every scored row to this CSV (or .parquet) file.",
)(command)
command = click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Write reliability, loop curves, cold start or coverage as pictures to this folder.",
)(command)
