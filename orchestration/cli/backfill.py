"""``fivefold backfill``: past dates as they could have been made then, compared bit for bit with an earlier run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Materialise features, learned parameters, predictions and plans of past dates of SOURCE as they could have been "
    "made then. The first run keeps a digest of every date and stage; --verify-identical compares a later run with it, "
    "whatever late or corrected rows came since, and fails if a bit differs.",
    example="fivefold backfill demo --from 2026-03-23 --to 2026-03-25\n"
    "fivefold backfill demo --verify-identical --from 2026-03-23 --to 2026-03-25 --json",
)
def command(
    source: str,
    first: datetime,
    last: datetime,
    verify_identical: bool,
    stages: str,
    iterations: int,
    write_plans: bool,
    home: Path,
) -> Any:
    from domain.errors import FivefoldError
    from orchestration.lake import Lake
    from orchestration.loop.backfill import backfill, differences, remember, remembered
    from orchestration.progress import Steps

    with Steps(1, home / "logs" / "backfill.log") as steps, Lake.open(home) as lake:
        steps(f"{source} from {first.date()} to {last.date()}")
        before = remembered(home, source)
        names = [one.strip() for one in stages.split(",") if one.strip()]
        found = backfill(
            lake,
            source,
            first.date(),
            last.date(),
            stages=names,
            iterations=iterations,
            write_plans=write_plans,
            progress=steps.detail,
        )
    changed = differences(found, before)
    compared = sum(stage in before.get(day, {}) for day, own in found.items() for stage in own)
    remember(home, source, found)
    if verify_identical and changed:
        raise FivefoldError(f"{len(changed)} of {compared} results differ from before: {'; '.join(changed[:5])}")
    result = {
        "source": source,
        "dates": len(found),
        "stages": names,
        "compared": compared,
        "identical": not changed if compared else None,
        "differences": changed,
        "digests": found,
    }

    def show() -> None:
        for day, own in found.items():
            click.echo(f"{day}  " + "  ".join(f"{stage} {value[:12]}" for stage, value in own.items()))
        click.echo(f"{compared} results compared with an earlier run, {len(changed)} differ")

    return result, show


command = click.argument("source")(command)
command = click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First date.")(command)
command = click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last date.")(command)
command = click.option("--verify-identical", is_flag=True, help="Fail if a result differs from the earlier run's.")(
    command
)
command = click.option(
    "--stages", default="features,parameters,predictions,plans", show_default=True, help="What to make, in this order."
)(command)
command = click.option(
    "--iterations", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Of each plan's search."
)(command)
command = click.option("--write-plans", is_flag=True, help="Publish the plans in place of those of the dates.")(command)
