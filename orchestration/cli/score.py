"""``fivefold score``: the stops of a running day, scored again whenever that is due."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command, moment_in, of_running_day

MOST = 10


def show_risks(scores: Sequence[Any]) -> None:
    """Print the stops at risk: chances, when and why they were scored, what moved them most."""
    for one in scores:
        why = "; ".join(f"{re.sub('_+', ' ', name)} {share:+.2f}" for name, share in one.factors)
        when = f"{one.moment} {one.as_of:%H:%M}"
        click.echo(f"{one.order_id:>20}  {one.p_exception:.2f}  late {one.p_late:.2f}  {when:>16}  {why}")


@fivefold_command(
    "Score the stops of DATE of SOURCE again: by the plan, at departure, 60 and 30 minutes before, on arrivals, "
    "completions, skips, re-plans, faults and silence. Run it as often as events come; it repeats nothing.",
    example="fivefold score demo 2026-03-30\nfivefold score demo 2026-03-30 --at 2026-03-30T14:00 --json",
)
def command(source: str, service_date: datetime, moment: datetime | None, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.planning.inputs import depot_timezone
    from orchestration.scoring import score_day
    from orchestration.stop_scores import newest_scores

    with Lake.open(home) as lake:
        zone = depot_timezone(lake, source)
        now = moment_in(zone, moment)
        done = score_day(lake, source, service_date.date(), now, home)
        worst = [one.at(zone) for one in newest_scores(lake, source, service_date.date(), now, MOST)]
    result = {"at": now, **done.summary(), "riskiest": [one.summary() for one in worst]}

    def show() -> None:
        for key, value in done.summary().items():
            click.echo(f"{key:>12}  {value}")
        show_risks(worst)

    return result, show


command = of_running_day(command)
