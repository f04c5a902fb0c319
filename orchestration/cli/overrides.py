"""``fivefold overrides``: what dispatchers keep changing by hand, as proposed rules."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Overrides of SOURCE's dispatchers, and the patterns among them that are repeated often enough to be proposed as "
    "rules, each with the plan cost of adopting it. Nothing is adopted by itself: --adopt makes a proposal a rule for "
    "all plans made later, --withdraw takes it back.",
    example="fivefold overrides demo\nfivefold overrides demo --date 2026-03-30 --fewest 10 --json\n"
    "fivefold overrides demo --adopt proposed-zone-city/q6-van-3 --by ann",
)
def command(
    source: str,
    date: datetime | None,
    fewest: int,
    iterations: int,
    adopted: str | None,
    withdrawn: str | None,
    hard: bool,
    by: str | None,
    at: datetime | None,
    home: Path,
) -> Any:
    from datetime import UTC

    from domain.errors import InputError
    from orchestration.acting.relay import relay
    from orchestration.lake import Lake
    from orchestration.loop.people import adopt, proposed, withdraw
    from orchestration.messaging.store import OutboxStore

    if (adopted or withdrawn) and not by:
        raise InputError("who decides it? add --by NAME")
    moment = at.replace(tzinfo=UTC) if at else None
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        relay(lake, store)  # what a live day has decided since
        if adopted or withdrawn:
            row = (
                adopt(lake, source, adopted, str(by), at=moment, hard=hard, fewest=fewest)
                if adopted
                else withdraw(lake, source, str(withdrawn), str(by), at=moment)
            )
            return row, lambda: click.echo(
                f"{row['constraint_id']}: {row['file_id']}; plans made from {row['ingest_time']:%Y-%m-%d %H:%M} UTC on "
                + ("do without it" if withdrawn else "are made with it")
            )
        result = proposed(lake, source, date.date() if date else None, fewest=fewest, iterations=iterations)

    def show() -> None:
        click.echo(f"{result['overrides']} overrides, {len(result['proposals'])} proposed rules")
        for one in result["proposals"]:
            cost = one["adopting_costs_minor"]
            priced = "nobody concerned" if cost is None else f"{cost / 100:+,.2f} on the plan of {result['priced_on']}"
            scope = one["scope"].removesuffix("_id")
            click.echo(
                f"  {scope} {one['value']} only by {one['allowed']}: {one['times']} times by "
                f"{one['people']} people ({one['reason']}); adopting it: {priced}\n"
                f"    fivefold overrides {source} --adopt {one['name']} --by NAME"
            )

    return result, show


command = click.argument("source")(command)
command = click.option("--adopt", "adopted", metavar="RULE", default=None, help="Make this proposal a rule.")(command)
command = click.option("--withdraw", "withdrawn", metavar="RULE", default=None, help="Take a rule back.")(command)
command = click.option("--hard", is_flag=True, help="With --adopt: obeyed at any price, not weighed.")(command)
command = click.option("--by", default=None, help="Who adopts or withdraws it.")(command)
command = click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M"]),
    default=None,
    help="From when plans know of it, UTC (simulated sources).  [default: now]",
)(command)
command = click.option("--date", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Plan to price a rule on.")(
    command
)
command = click.option("--fewest", default=10, show_default=True, type=click.IntRange(2, 1_000), help="Repetitions.")(
    command
)
command = click.option(
    "--iterations", default=150, show_default=True, type=click.IntRange(1, 100_000), help="Of plans."
)(command)
