"""``fivefold scorecards``: how fleets and carriers do, and whether promises were kept or moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Scorecards of the fleets of SOURCE: on-time against the promise first made and the one that held, first attempts, "
    "acceptance, completeness of scans, ETA error, cost per delivered order; shrunk where there is little, with 95 % "
    "intervals.",
    example="fivefold scorecards demo\nfivefold scorecards demo --days 7 --json",
)
def command(source: str, days: int, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.loop.scorecards import fleet_scorecards, promise_integrity

    with Lake.open(home) as lake:
        cards, stops = fleet_scorecards(lake, source, days)
    rows = cards.astype(object).where(cards.notna(), None).to_dict("records")
    result = {"source": source, "days": days, "promises": promise_integrity(stops), "scorecards": rows}

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("fleet", "measure", "n", "raw", "value", "95 % interval", title=f"{source}, last {days} days")
        for one in result["scorecards"]:
            raw = "" if one["raw"] is None else f"{one['raw']:.4g}"
            interval = f"{one['low']:.4g} to {one['high']:.4g}"
            table.add_row(
                str(one["fleet_id"]), one["measure"], f"{one['denominator']:,.0f}", raw, f"{one['value']:.4g}", interval
            )
        console = Console(highlight=False)
        console.print(table)
        for key, value in result["promises"].items():
            console.print(f"  {key}  {value if value is None or isinstance(value, int) else f'{value:.4f}'}")

    return result, show


command = click.argument("source")(command)
command = click.option("--days", default=28, show_default=True, type=click.IntRange(1, 3_650), help="To look back.")(
    command
)
