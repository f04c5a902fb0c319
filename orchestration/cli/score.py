"""``fivefold score``: the stops of a running day, scored again whenever that is due."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command, moment_in, of_running_day


@fivefold_command(
    "Score the stops of DATE of SOURCE again: by the plan, at departure, 60 and 30 minutes before, on arrivals, "
    "completions, skips, re-plans, faults and silence. Run it as often as events come; it repeats nothing.",
    example="fivefold score demo 2026-03-30\nfivefold score demo 2026-03-30 --at 2026-03-30T14:00 --json",
)
def command(source: str, service_date: datetime, moment: datetime | None, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.planning.inputs import depot_timezone
    from orchestration.scoring import riskiest, score_day

    with Lake.open(home) as lake:
        zone = depot_timezone(lake, source)
        now = moment_in(zone, moment)
        done = score_day(lake, source, service_date.date(), now, home)
        worst = riskiest(lake, source, service_date.date(), now)
    result = {"at": now, **done.summary(), "riskiest": worst}

    def show() -> None:
        for key, value in done.summary().items():
            click.echo(f"{key:>12}  {value}")
        for one in worst:
            why = "; ".join(f"{name} {share:+.2f}" for name, share in one["factors"])
            click.echo(f"{one['order_id']:>20}  {one['p_exception']:.2f}  late {one['p_late']:.2f}  {why}")

    return result, show


command = of_running_day(command)
