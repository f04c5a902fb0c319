"""``fivefold plan``: plan one service date of a source that is in the lake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Plan one service date of SOURCE for all its fleets, verify and publish it.",
    example="fivefold plan bosnia 2024-01-08 --seconds 20",
)
def command(source: str, service_date: datetime, seconds: float, seed: int, as_of: datetime | None, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.planning import plan_day, plan_file, publish

    with Lake.open(home) as lake:
        planned = plan_day(
            lake,
            source,
            service_date.date(),
            seconds=seconds,
            seed=seed,
            as_of=as_of,
            progress=lambda line: click.echo(line, err=True),
        )
        publish(lake, planned)
    path = planned.write_csv(plan_file(home, source, service_date.date()))
    result = {**planned.metadata, "plan": str(path)}

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>12}  {value}")
        for one in planned.plan.unserved:
            click.echo(f"    unserved  {one.order_id}: {one.explanation}")

    return result, show


command = click.argument("source")(command)
command = click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")(command)
command = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]),
    default=None,
    help="Plan with what was known then, with its offset; later answers and orders come in.  [default: the cut-off]",
)(command)
command = click.option("--seed", default=0, show_default=True, help="Seed of the search.")(command)
command = click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    default=10.0,
    show_default=True,
    help="Wall time of the search.",
)(command)
