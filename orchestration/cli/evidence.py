"""``fivefold evidence``: diagnostic questions about each driver, answered from data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Ask the diagnostic questions about the five drivers of SOURCE: the last days beside the weeks before, whole and "
    "by segment, each with query, value, threshold and verdict; findings are ranked by what they cost.",
    example="fivefold evidence\nfivefold evidence demo --days 7 --json",
)
def command(source: str, days: int, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.loop.evidence import evidence

    with Lake.open(home) as lake:
        result = evidence(lake, source, new_days=days)

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False)
        table = Table("driver", "question", "where", "before", "now", "threshold", "verdict", title=source)
        for one in result["answers"]:
            where = one["segment_kind"] if one["segment_kind"] == "all" else f"{one['segment_kind']} {one['segment']}"
            values = (f"{one['before']:.4g}", f"{one['value']:.4g}", f"{one['threshold']:.4g}")
            table.add_row(one["driver"], one["text"], where, *values, one["verdict"])
        console.print(table)
        for number, one in enumerate(result["findings"], start=1):
            console.print(
                f"  {number}. {one['driver']}: {one['question']} ({one['segment_kind']} {one['segment']}), "
                f"about {one['cost_minor_per_day'] / 100:,.2f} a day"
            )
        console.print("  ".join(f"{driver}: {verdict}" for driver, verdict in result["drivers"].items()))
        console.print(f"{result['asked']} questions asked of {result['facts']}")

    return result, show


command = click.argument("source", default="demo")(command)
command = click.option("--days", default=7, show_default=True, type=click.IntRange(1, 90), help="Newest days.")(command)
