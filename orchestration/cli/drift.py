"""``fivefold drift``: alarms, moved features, challengers in the shadow, the champion's guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Drift of SOURCE: losses that rose by segment (ADWIN), features that moved (PSI); challengers beside champions on "
    "outcomes that came since. With --apply a challenger proven better serves, and a champion proven worse than the "
    "one before is rolled back; an alarm alone never changes who serves.",
    example="fivefold drift demo\nfivefold drift demo --apply --json",
)
def command(source: str, apply: bool, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.loop.guard import drift_report, shadow

    with Lake.open(home) as lake:
        result = drift_report(lake, source)
        result["shadow"] = shadow(lake, home, source, promote=apply, roll_back=apply)

    def show() -> None:
        click.echo(f"{source} as of {result['as_of']:%Y-%m-%d %H:%M}: {len(result['alarms'])} alarms")
        for one in result["alarms"]:
            click.echo(f"  {one['day']}  {one['stream']} ({one['segment']}): {one['before']:.4g} to {one['after']:.4g}")
        for one in result["features"]:
            if one["shifted"]:
                click.echo(f"  feature {one['feature']} moved: PSI {one['psi']:.2f}")
        for one in result["shadow"]:
            click.echo(f"  {one['task']}: {one['kind']} {one['other']} on {one['rows']:,} outcomes: {one['verdict']}")

    return result, show


command = click.argument("source", default="demo")(command)
command = click.option("--apply", is_flag=True, help="Promote what is proven better, roll back what is proven worse.")(
    command
)
