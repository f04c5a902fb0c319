"""``fivefold trajectory``: weekly curves of learning beside a frozen control arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Weekly losses of the learning loop beside an arm frozen at the end of training, on SOURCE (changshu, olist) or in "
    "the twin; the slope of the gain with its interval, a plateau called a plateau. Writes a page.",
    example="fivefold trajectory changshu --json\nfivefold trajectory twin --weeks 12\nfivefold trajectory twin --calm",
    data=True,
)
def command(source: str, weeks: int, orders: int, seed: int, calm: bool, data: Path | None, home: Path) -> Any:
    from orchestration.loop.trajectory import of_source, of_twin
    from orchestration.report.loop_plots import trajectory_page

    if source == "twin":
        from orchestration.progress import Steps

        with Steps(1, home / "logs" / "trajectory.log") as steps:
            steps(f"{weeks} weeks of the twin")
            result = of_twin(weeks, orders, seed, not calm, progress=steps.detail)
    else:
        from orchestration.evaluation import evaluation_home, loaded
        from orchestration.ingestion import load_mapping

        mapping = load_mapping(source)
        folder = data_folder(mapping.name, data, home)
        with loaded(home, mapping, folder) as (lake, _):
            result = of_source(lake, mapping, evaluation_home(home, mapping, folder))
    result["page"] = str(trajectory_page(result, home / "reports"))

    def show() -> None:
        for name, part in ((result["task"], result), *((("travel", result["travel"]),) if "travel" in result else ())):
            click.secho(f"{result['source']}: {name} ({part['loss']})", bold=True)
            for one in part["weeks"]:
                click.echo(
                    f"  {one['week']}  {one['n']:>7,}  learning {one['learning_loss']:.4g}  frozen "
                    f"{one['frozen_loss']:.4g}  gain {one['gain']:+.4g}"
                )
            for key in ("gain", "slope_per_week", "late_slope_per_week"):
                if key in part:
                    value = part[key]
                    click.echo(f"  {key}: {value['estimate']:+.2%} ({value['low']:+.2%} to {value['high']:+.2%})")
            click.echo(f"  {part['verdict']}")
        click.echo(f"page: {result['page']}")

    return result, show


command = click.argument("source")(command)
command = click.option("--weeks", default=12, show_default=True, type=click.IntRange(3, 104), help="Of the twin.")(
    command
)
command = click.option("--orders", default=300, show_default=True, type=click.IntRange(50, 5_000), help="A day, twin.")(
    command
)
command = click.option("--seed", default=7, show_default=True, help="World of the twin.")(command)
command = click.option("--calm", is_flag=True, help="The twin without drift: what is left to learn becomes a plateau.")(
    command
)
