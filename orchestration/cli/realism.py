"""``fivefold realism``: the twin beside real sets, with distances and a classifier that tries to tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

SETS = ("amazon", "changshu", "lade", "sendy")


@fivefold_command(
    "Compare the twin with the real sets below --data (those of amazon, changshu, lade and sendy that are there): "
    "marginals, relations, distances, and what gives the twin away. Writes a page with plots.",
    example="fivefold realism --data ../shared/data\nfivefold realism --data ../shared/data --scenario s.yml --json",
    data=True,
)
def command(data: Path | None, scenario: str | None, days: int | None, page: Path | None, home: Path) -> Any:
    from orchestration.progress import Steps
    from simulation.realism.page import write_page
    from simulation.realism.report import DAYS, compare_all
    from simulation.realism.subjects import SUBJECTS

    folder = _folder(data)
    with Steps(2 + (1 if scenario else len(DAYS)) + len(SUBJECTS), home / "logs" / "realism.log") as steps:
        comparisons = compare_all(folder, scenario, days, steps)
        steps("writing the page")
        path = write_page(comparisons, page or home / "reports" / "realism.html")
    result = {
        "page": str(path),
        "auc": {one.subject.name: one.verdict.auc for one in comparisons},
        "gives_away": {one.subject.name: one.verdict.gives_away[0]["feature"] for one in comparisons},
        "subjects": {one.subject.name: one.summary() for one in comparisons},
    }

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False)
        table = Table("what", "real set", "scenario", "figure", "real", "twin", title="How real the twin is")
        for one in comparisons:
            first = (one.subject.title, one.subject.source, one.scenario)
            for row in one.relations:
                table.add_row(*first, row.title, *("" if v is None else f"{v:.3g}" for v in (row.real, row.twin)))
                first = ("", "", "")
            worst = ", ".join(str(row["feature"]) for row in one.verdict.gives_away[:3])
            table.add_row("", "", "", f"[bold]AUC of telling apart[/bold] (by {worst})", "", f"{one.verdict.auc:.3f}")
            table.add_section()
        console.print(table)
        console.print(f"\nThe page: [bold]{path.resolve().as_uri()}[/bold]", soft_wrap=True)

    return result, show


def _folder(data: Path | None) -> Path:
    """``--data``, else ``$FIVEFOLD_DATA``, else ``../shared/data`` beside a checkout."""
    import os

    from domain.errors import InputError

    root = Path(__file__).resolve().parents[2]
    places = [data] if data else [Path(os.environ.get("FIVEFOLD_DATA") or "nowhere"), root.parent / "shared" / "data"]
    for place in places:
        if any((place / name).is_dir() for name in SETS):
            return place
    raise InputError(
        f"the real sets are not in {' or '.join(map(str, places))}: it must hold at least one of the folders "
        f"{', '.join(SETS)}; point to it with --data DIR"
    )


for option in (
    click.option(
        "--page",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The page.  [default: HOME/reports/realism.html]",
    ),
    click.option("--days", type=click.IntRange(1, 730), help="Days of each scenario.  [default: 6 and 60]"),
    click.option("--scenario", help="Instead of the shipped ones: a name or the path of a YAML file."),
):
    command = option(command)
