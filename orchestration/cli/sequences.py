"""``fivefold sequences``: what driven orders of stops teach, on routes that were held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Learn from driven sequences (Amazon, Austin) which area drivers go to next, and report how much closer plans come "
    "to what drivers drove on held-out routes, and what that costs in driving.",
    example="fivefold sequences --data ../shared/data/amazon\nfivefold sequences --routes 10 --json",
    data=True,
)
def command(routes: int | None, iterations: int, data: Path | None, home: Path) -> Any:
    from orchestration.loop.sequences import compare
    from orchestration.progress import Steps

    folder = data_folder("amazon", data, home)
    with Steps(1, home / "logs" / "sequences.log") as steps:
        steps("learn from driven sequences")
        result = compare(folder, routes, iterations, steps.detail)

    def show() -> None:
        click.echo(f"learned from {result['routes_learned_from']} routes, held out {result['routes_held_out']}")
        for key, change in result["change"].items():
            click.echo(
                f"  {key:>20}  by time {result['by_time'][key]:.4f}  as drivers {result['as_drivers'][key]:.4f}  "
                f"change {change['estimate']:+.4f} ({change['low']:+.4f} to {change['high']:+.4f})"
            )
        click.echo(
            f"  driving beside the plan by time: {result['driving_more_than_by_time']:+.1%}; what drivers drove: "
            f"{result['driven_more_than_by_time']:+.1%}"
        )

    return result, show


command = click.option(
    "--routes", default=None, type=click.IntRange(2, 1_000), help="Held-out routes.  [default: all]"
)(command)
command = click.option("--iterations", default=300, show_default=True, type=click.IntRange(1, 100_000), help="A plan.")(
    command
)
