"""``fivefold overrides``: what dispatchers keep changing by hand, as proposed rules."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Overrides of SOURCE's dispatchers, and the patterns among them that are repeated often enough to be proposed as "
    "rules, each with the plan cost of adopting it. Nothing is adopted.",
    example="fivefold overrides demo\nfivefold overrides demo --date 2026-03-30 --fewest 10 --json",
)
def command(source: str, date: datetime | None, fewest: int, iterations: int, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.loop.people import proposed

    with Lake.open(home) as lake:
        result = proposed(lake, source, date.date() if date else None, fewest=fewest, iterations=iterations)

    def show() -> None:
        click.echo(f"{result['overrides']} overrides, {len(result['proposals'])} proposed rules")
        for one in result["proposals"]:
            cost = one["adopting_costs_minor"]
            priced = "nobody concerned" if cost is None else f"{cost / 100:+,.2f} on the plan of {result['priced_on']}"
            scope = one["scope"].removesuffix("_id")
            click.echo(
                f"  {scope} {one['value']} only by {one['allowed']}: {one['times']} times by "
                f"{one['people']} people ({one['reason']}); adopting it: {priced}"
            )

    return result, show


command = click.argument("source")(command)
command = click.option("--date", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Plan to price a rule on.")(
    command
)
command = click.option("--fewest", default=10, show_default=True, type=click.IntRange(2, 1_000), help="Repetitions.")(
    command
)
command = click.option(
    "--iterations", default=150, show_default=True, type=click.IntRange(1, 100_000), help="Of plans."
)(command)
