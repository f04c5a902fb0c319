"""``fivefold lake``: what the lake holds, and keeping it small."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.options import fivefold_command

if TYPE_CHECKING:
    from orchestration.lake import Lake

NEWEST = 20


@fivefold_command(
    "Look after the lake. status: tables with rows and files; snapshots: the newest, what they were for; compact: "
    "merge small files; clean-up: expire old snapshots, delete files that none needs and those that crashes left.",
    example="fivefold lake status\nfivefold lake snapshots --json\nfivefold lake clean-up --keep-days 90",
)
def command(action: str, keep_days: float, grace_hours: float, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.lake.maintenance import clean_up, compact

    with Lake.open(home) as lake:
        if action == "status":
            return _status(lake)
        if action == "snapshots":
            return _snapshots(lake)
        change = compact(lake) if action == "compact" else clean_up(lake, keep_days, grace_hours)
    return asdict(change), lambda: click.echo(
        f"files in use {change.in_use_before:,} -> {change.in_use_after:,}, "
        f"on disk {change.on_disk_before:,} -> {change.on_disk_after:,}"
    )


def _status(lake: Lake) -> Any:
    from domain.tables import TABLES

    files = lake.query(
        "select table_name, sum(file_count) as files, sum(file_size_bytes) as bytes "
        "from ducklake_table_info('lake') group by 1"
    ).set_index("table_name")
    rows = lake.query(
        " union all ".join(f"select '{name}' as name, count(*) as rows from {name}" for name in sorted(TABLES))
    )
    tables = []
    for one in rows.itertuples():
        short = str(one.name).partition(".")[2]
        found = files.loc[short] if short in files.index else {"files": 0, "bytes": 0}
        tables.append(
            {"table": one.name, "rows": int(one.rows), "files": int(found["files"]), "bytes": int(found["bytes"])}
        )
    result = {
        "catalog": lake.settings.catalog.partition("://")[0],
        "data_path": lake.settings.data_path,
        "snapshot": lake.snapshot_id(),
        "tables": tables,
    }

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("table", "rows", "files", "MB", title=f"{result['catalog']}, snapshot {result['snapshot']}")
        for one in tables:
            if one["rows"]:
                table.add_row(one["table"], f"{one['rows']:,}", f"{one['files']:,}", f"{one['bytes'] / 1e6:,.1f}")
        Console().print(table)

    return result, show


def _snapshots(lake: Lake) -> Any:
    found = lake.query(
        "select snapshot_id, snapshot_time, coalesce(commit_message, '') as message from ducklake_snapshots('lake') "
        f"order by snapshot_id desc limit {NEWEST}"
    )
    listed = [
        {"snapshot": int(one.snapshot_id), "time": one.snapshot_time.isoformat(), "message": str(one.message)}
        for one in found.itertuples()
    ]

    def show() -> None:
        for one in listed:
            click.echo(f"{one['snapshot']:>8}  {one['time'][:19]}  {one['message']}")

    return {"snapshots": listed}, show


for _option in (
    click.argument("action", type=click.Choice(["status", "snapshots", "compact", "clean-up"])),
    click.option(
        "--keep-days",
        default=30.0,
        show_default=True,
        type=click.FloatRange(0),
        help="clean-up: snapshots younger than this stay readable.",
    ),
    click.option(
        "--grace-hours",
        default=24.0,
        show_default=True,
        type=click.FloatRange(0),
        help="clean-up: files younger than this stay, for somebody may still be writing or reading them.",
    ),
):
    command = _option(command)
