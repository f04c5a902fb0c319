"""``fivefold dispatch``: one micro-batch of the live day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.day_rules import with_day_rules
from orchestration.cli.options import fivefold_command


@click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.argument("source")
@fivefold_command(
    "Decide what became known of DATE of SOURCE since the last time, from the lake's events, as the service does. "
    "Run it as often as events come; it repeats nothing, and leaves a day alone that a live service serves.",
    example="fivefold dispatch demo 2026-03-02\nfivefold dispatch demo 2026-03-02 --approve leave --waiting at_once",
)
@with_day_rules
def command(home: Path, source: str, service_date: datetime, given: dict[str, Any]) -> Any:
    from orchestration.live.batch import decide_batch

    result = decide_batch(home, source, service_date.date(), given).summary()

    def show() -> None:
        from operations.dispatch.decisions import money, reach

        if result["served"]:
            click.echo("a live service serves this day")
        for key in ("events", "taken", "refused", "decisions"):
            click.echo(f"{key:>10}  {result[key]}")
        if result["waiting"]:
            day = f"{source} {service_date.date()}"
            click.echo(f"{result['waiting']:>10}  waiting for a person: fivefold proposals list {day}")
        for one in result["standing"].get("in_force", ()):
            click.echo(
                f"standing answer {one['sort']}: up to {reach(one['limit_minor'], one['late_s'], one['currency'])} "
                f"until {one['until']}, of {one['by']}; today {one['causes_today']} causes, "
                f"{money(one['spent_minor_today'], one['currency'])}"
            )
        if (old := result["newest_outcome_age_min_p95"]) is not None:
            click.echo(f"95 of 100 decisions knew an outcome that was at most {old:g} minutes old (target 15)")

    return result, show
