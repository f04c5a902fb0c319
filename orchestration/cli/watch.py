"""``fivefold watch``: what customers are told of a running day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from orchestration.cli.options import fivefold_command, moment_in, of_running_day
from orchestration.cli.score import MOST, show_risks


@fivefold_command(
    "Fold a running date of SOURCE from its plan and the events that arrived: score every open stop, decide the "
    "messages that calls for, refresh the customers' pages. Run it as often as events come; it repeats nothing.",
    example="fivefold watch demo 2026-03-30\nfivefold watch demo 2026-03-30 --at 2026-03-30T14:00",
)
def command(source: str, service_date: datetime, moment: datetime | None, home: Path) -> Any:
    from orchestration.acting.live import watch_day
    from orchestration.lake import Lake
    from orchestration.messaging.office import open_office
    from orchestration.planning.inputs import depot_timezone
    from orchestration.scoring import score_day
    from orchestration.service.tracking import TrackingStore
    from orchestration.stop_scores import newest_scores

    with Lake.open(home) as lake, open_office(home) as office, TrackingStore(home) as tracking:
        zone: ZoneInfo = depot_timezone(lake, source)
        now = moment_in(zone, moment)
        people = office.people.everyone(source)
        day = service_date.date()
        score_day(lake, source, day, now, home)  # up to now, so that each tick has the scores that were due by then
        seen = watch_day(lake, office.store, people, source, day, now)
        risks = [one.at(zone) for one in newest_scores(lake, source, day, now, MOST)]
        tracking.put(seen.tracked, now)
    counts = {"at": now, **seen.summary()}
    result = {**counts, "at_risk": [one.summary() for one in risks]}

    def show() -> None:
        for key, value in counts.items():
            click.echo(f"{key:>14}  {value}")
        show_risks(risks)

    return result, show


command = of_running_day(command)
