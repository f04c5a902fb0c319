"""``fivefold simulate``: days of the digital twin as files that ``fivefold ingest demo`` reads."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

FIRST_DAY = date(2026, 3, 2)


@fivefold_command(
    "Play days of the digital twin: one Parquet file a table and day in --out, as a company's systems would drop them; "
    "what is really true goes to a folder apart, for evaluation only.",
    example="fivefold simulate --days 28 --out lake\n"
    "fivefold simulate --scenario s.yml --days 365 --orders 2000 --out lake --jobs 2\n"
    "fivefold ingest demo --data lake",
)
def command(
    scenario: str,
    days: int,
    orders: int | None,
    start: datetime | None,
    out: Path,
    truth: Path | None,
    no_truth: bool,
    jobs: int,
    positions: int | None,
    home: Path,
) -> Any:
    import resource
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from simulation import load_scenario
    from simulation.landing import simulate

    law = load_scenario(scenario)
    if orders is not None:
        law = law.scaled(orders)
    first = start.date() if start else FIRST_DAY
    apart = None if no_truth else truth or out.with_name(f"{out.name}-truth")
    began = time.monotonic()
    played = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"days from {first}", total=days)
        for one in simulate(law, first, days, out, apart, jobs, positions):
            played.append(one)
            bar.advance(task)
    seconds = time.monotonic() - began
    stops, failed, late, visited = (
        sum(getattr(one.score, name) for one in played) for name in ("stops", "failed", "late", "visited")
    )
    count = sum(one.orders for one in played)
    known = [one.oracle for one in played if one.oracle is not None]
    result = {
        "scenario": scenario,
        "seed": law.seed,
        "first_day": first,
        "days": days,
        "orders": count,
        "events": sum(one.events for one in played),
        "failed_share": round(failed / max(1, stops), 4),
        "failed_share_of_a_door_oracle": round(sum(one.failed_oracle for one in known) / max(1, stops), 4)
        if known
        else None,
        "late_share": round(late / max(1, visited), 4),
        "invoiced_minor": sum(one.invoiced_minor for one in played),
        "currency": law.currency,
        "seconds": round(seconds, 2),
        "orders_per_s": round(count / max(seconds, 1e-9)),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024),
        "out": str(out),
        "truth": None if apart is None else str(apart),
    }

    def show() -> None:
        from rich.table import Table

        table = Table(show_header=False, box=None)
        for name, value in result.items():
            table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
        console = Console(highlight=False)
        console.print(table)
        console.print(f"\nInto the lake: [bold]fivefold ingest demo --data {out}[/bold]", soft_wrap=True)

    return result, show


for option in (
    click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes."),
    click.option("--positions", type=click.IntRange(1, 86_400), help="Positions of vans every so many seconds."),
    click.option("--no-truth", is_flag=True, help="Keep no truth."),
    click.option(
        "--truth", type=click.Path(file_okay=False, path_type=Path), help="Folder of the truth.  [default: OUT-truth]"
    ),
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("twin"),
        show_default=True,
        help="Folder for the tables.",
    ),
    click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: 2026-03-02]"),
    click.option(
        "--orders",
        type=click.IntRange(1, 500_000),
        help="Orders a day; customers and crews in proportion.  [default: as the scenario says]",
    ),
    click.option("--days", default=28, show_default=True, type=click.IntRange(1, 36_500), help="How many days."),
    click.option(
        "--scenario", default="default", show_default=True, help="A shipped scenario's name or the path of a YAML file."
    ),
):
    command = option(command)
