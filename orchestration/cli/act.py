"""``fivefold act``: interventions and messages of a planned date."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Decide what is done about the risks of a planned date of SOURCE and what its customers are told; record both. "
    "fivefold outbox send delivers the messages.",
    example="fivefold act demo 2026-03-30\nfivefold outbox send",
)
def command(
    source: str,
    service_date: datetime,
    moment: datetime | None,
    weekly_budget: int,
    holdout: float,
    seed: int,
    home: Path,
) -> Any:
    from operations.interventions import Policy
    from orchestration.acting.answers import answers_to_lake
    from orchestration.acting.evening import act_on_day
    from orchestration.lake import Lake
    from orchestration.messaging.answers import AnswerStore
    from orchestration.messaging.office import open_office
    from orchestration.service.tracking import TrackingStore

    policy = Policy(weekly_budget=weekly_budget, holdout=holdout, seed=seed)
    with Lake.open(home) as lake, open_office(home) as office:
        people = office.people.everyone(source)
        with AnswerStore(home) as answers:
            answered = answers_to_lake(lake, answers, source, moment or datetime.now(UTC))
        evening = act_on_day(lake, office.store, people, source, service_date.date(), policy)
        with TrackingStore(home) as tracking:
            tracking.put(evening.tracked, evening.decided_at)
        result = {
            **evening.summary(),
            "answers_taken_in": answered.events,
            "orders_changed": answered.changed,
            "answers_refused": dict(answered.refused),
        }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>14}  {value}")
        if not people:
            click.echo("The address book is empty, so nobody agreed to messages: fivefold people load FILE.csv")

    return result, show


command = click.argument("source")(command)
command = click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")(command)
command = click.option("--weekly-budget", default=280, show_default=True, help="Most orders treated a week.")(command)
command = click.option("--holdout", default=0.1, show_default=True, help="Share left untreated at random.")(command)
command = click.option(
    "--at",
    "moment",
    type=click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]),
    default=None,
    help="Moment at which answers become known, with its offset (replays).  [default: now]",
)(command)
command = click.option("--seed", default=0, show_default=True, help="Seed of the holdout.")(command)
