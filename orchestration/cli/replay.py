"""``fivefold replay``: decide a day again and compare, bit for bit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--source", default="demo", show_default=True, help="Mapping the day is of.")
@fivefold_command(
    "Decide the day of DATE again and compare it, bit for bit, with what was decided: from the journal of the live "
    "service where there is one, else from the lake's events, twice, and once more with the events out of order.",
    example="fivefold replay 2026-03-02 --source demo --json",
)
def command(home: Path, service_date: datetime, source: str) -> Any:
    from orchestration.live.begin import day_folder

    folder = day_folder(home, source, service_date.date())
    # a day that could not begin has a journal and nothing in it
    if (folder / "day.json").exists():
        result = {"from": "journal", **_journal(folder)}
    else:
        result = {"from": "lake", **_lake(home, source, service_date)}

    def show() -> None:
        for key, value in result.items():
            if key not in ("then", "now"):
                click.echo(f"{key:>20}  {value}")
        for key in ("then", "now"):
            for line in result.get(key, ()):
                click.echo(f"{key:>20}  {line}")

    return result, show


def _journal(folder: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from orchestration.live.dayfile import read_day
    from orchestration.live.engine import replay
    from orchestration.live.journal import Journal

    with Journal(folder, write=False) as journal:
        return asdict(replay(read_day(folder), journal))


def _lake(home: Path, source: str, service_date: datetime) -> dict[str, Any]:
    import random

    from operations.decide import step
    from operations.state import digest, fold, start
    from orchestration.lake import Lake
    from orchestration.live.begin import begin_day, events_of
    from orchestration.live.journal import dump

    with Lake.open(home) as lake:
        day, midnight = begin_day(lake, source, service_date.date())
        events = events_of(lake, source, service_date.date(), midnight)

    def play() -> tuple[str, list[str], list[Any]]:
        state, lines, ours = start(day), [], []
        for event in events:
            state, decisions = step(state, event)
            lines += [dump(one) for one in decisions]
            ours += [one for decision in decisions for one in decision.events]
        return digest(state), lines, ours

    first, lines, ours = play()
    second, again, _ = play()
    mixed = [*events, *ours]
    random.Random(day.seed).shuffle(mixed)
    out_of_order = digest(fold(start(day), *mixed, *mixed[:100]))
    return {
        "events": len(events),
        "decisions": len(lines),
        "identical": first == second == out_of_order and lines == again,
        "first_difference": next((a for a, b in zip(lines, again, strict=False) if a != b), ""),
        "digest": first,
    }
