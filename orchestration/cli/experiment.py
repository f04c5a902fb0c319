"""``fivefold experiment``: are five drivers together worth more than their parts?"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command
from orchestration.experiment import Progress, compounding_study

SMOKE = {"seeds": 2, "days": 4, "orders": 120, "burn_in": 10}
"""Every arm, planted worlds and the analysis, in a small city: minutes on two cores."""


@click.group(name="experiment")
def command() -> None:
    """Experiments in the digital twin.

    \b
    Example:
      fivefold experiment compounding --smoke --json
    """


@fivefold_command(
    "Play the same days of the twin with every set of the five drivers and with all five unintegrated: effects, "
    "interactions, Shapley values and super-additivity with intervals, on KPIs that were registered before the run. "
    "Every arm and world is kept in a file: a run that was stopped goes on where it was.",
    example="fivefold experiment compounding --smoke --json\nfivefold experiment compounding --workers 2\n"
    "fivefold experiment compounding --resume .fivefold/experiments/compounding --ray auto",
)
def compounding(
    smoke: bool,
    seeds: int | None,
    days: int | None,
    orders: int | None,
    resume: Path | None,
    workers: int | None,
    ray: str | None,
    sensitivity: bool | None,
    report_only: bool,
    page: Path | None,
    docs: Path | None,
    home: Path,
) -> Any:
    from simulation.experiment.settings import Settings

    changes = {"seeds": seeds, "days": days, "orders": orders}
    settings = replace(
        Settings(), **{**(SMOKE if smoke else {}), **{name: value for name, value in changes.items() if value}}
    )
    folder = resume or home / "experiments" / ("smoke" if smoke else "compounding")
    with Progress() as progress:
        result = compounding_study(
            settings,
            folder,
            workers=workers or os.cpu_count() or 1,
            ray_address=ray,
            sensitivity=(not smoke) if sensitivity is None else sensitivity,
            report_only=report_only,
            page=page or folder / "report.html",
            progress=progress,
            docs=docs,
            command=_spelled(smoke, changes),
        )

    def show() -> None:
        from orchestration.experiment import show_study

        show_study(result)

    return result, show


def _spelled(smoke: bool, changes: dict[str, int | None]) -> str:
    """The command that repeats these worlds."""
    more = [f"--{name} {value}" for name, value in changes.items() if value]
    return " ".join(["fivefold experiment compounding", *(["--smoke"] if smoke else []), *more])


for option in (
    click.option(
        "--docs",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A Markdown page whose marked section gets the tables and plots.",
    ),
    click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="The page.  [default: in the folder]"),
    click.option("--report-only", is_flag=True, help="Analyse what is there: the worlds in which every arm was run."),
    click.option(
        "--sensitivity/--no-sensitivity", default=None, help="Registered variants.  [default: not in a smoke]"
    ),
    click.option("--ray", metavar="ADDRESS", help="A Ray cluster (auto, ray://host:10001), or off for a process pool."),
    click.option("--workers", type=click.IntRange(1, 1_024), help="Processes.  [default: one a core]"),
    click.option(
        "--resume",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of results, of this run or of one that was stopped.  [default: HOME/experiments/compounding]",
    ),
    click.option("--orders", type=click.IntRange(20, 100_000), help="Mean orders a day.  [default: 500]"),
    click.option("--days", type=click.IntRange(1, 365), help="Scored days of a world.  [default: 30]"),
    click.option("--seeds", type=click.IntRange(1, 1_000), help="Worlds.  [default: 10]"),
    click.option("--smoke", is_flag=True, help="A small city: 2 worlds, 4 days, 120 orders a day."),
):
    compounding = option(compounding)

command.add_command(compounding, "compounding")
