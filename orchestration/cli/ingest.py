"""``fivefold ingest``: load a source into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.options import data_folder, fivefold_command

if TYPE_CHECKING:
    from orchestration.ingestion import IngestReport, Mapping
    from orchestration.lake import Lake


@fivefold_command(
    "Load the files of SOURCE into the lake. Bad rows go to quarantine; a file is loaded once.",
    example="fivefold ingest changshu --data ~/changshu\nfivefold ingest shop.yml --data /srv/landing --watch",
    data=True,
)
def command(
    source: str, data: Path | None, home: Path, watch: bool, settle_seconds: float, stop_after: float | None
) -> Any:
    from orchestration.ingestion import begin_reading, ingest, load_mapping
    from orchestration.lake import Lake

    mapping = load_mapping(source)
    folder = data_folder(mapping.name, data, home)
    begun = None if watch else begin_reading(mapping, folder)
    lake = Lake.open(home)
    try:
        if watch:
            result = _watch(lake, mapping, folder, settle_seconds, stop_after)
            return result, lambda: click.echo(f"{result['loads']} loads of {mapping.name}")
        report = ingest(lake, mapping, folder, begun=begun)
    finally:
        lake.close()
    return report.summary(), lambda: _show(report, str(home))


def _watch(lake: Lake, mapping: Mapping, folder: Path, settle_s: float, stop_after: float | None) -> dict[str, Any]:
    """Load what settles in ``folder`` until Ctrl-C; a load that fails is told and tried again with the next change."""
    import threading

    from domain.errors import FivefoldError
    from orchestration.ingestion import ingest, watch

    stop, loads, total = (
        threading.Event(),
        0,
        dict.fromkeys(("rows_read", "rows_landed", "rows_quarantined", "rows_known"), 0),
    )

    def load(unsettled: frozenset[Path]) -> None:
        nonlocal loads
        loads += 1
        try:
            report = ingest(lake, mapping, folder, leave_out=unsettled)
        except FivefoldError as error:
            click.secho(f"not loaded: {error}", fg="red", err=True)
            return
        summary = report.summary()
        for name in total:
            total[name] += summary[name]
        counts = ", ".join(f"{summary[name]:,} {name.removeprefix('rows_')}" for name in total)
        click.echo(f"{mapping.name}: {counts}", err=True)
        for rule in report.broken:
            click.secho(f"  {rule}", fg="yellow", err=True)

    if stop_after is not None:
        timer = threading.Timer(stop_after, stop.set)
        timer.daemon = True
        timer.start()
    click.echo(f"watching {folder}; Ctrl-C ends it", err=True)
    try:
        watch(mapping, folder, load, stop, settle_s, lambda words: click.echo(f"waiting: {words}", err=True))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    return {"source": mapping.name, "loads": loads, **total}


def _show(report: IngestReport, home: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("table", "read", "landed", "quarantined", "already known", title=f"{report.source} -> {home}")
    for name, counts in report.tables.items():
        numbers = (counts.rows_read, counts.rows_landed, counts.rows_quarantined, counts.rows_known)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    Console().print(table)
    for rule in report.broken:
        click.secho(f"kept aside in control.quarantine: {rule}", fg="yellow")


for _option in (
    click.argument("source"),
    click.option("--watch", is_flag=True, help="Go on: load what arrives in the folder, once it has settled."),
    click.option(
        "--settle-seconds",
        default=2.0,
        show_default=True,
        type=click.FloatRange(0.1, 3_600),
        help="With --watch: a file has settled when it has not changed for so long.",
    ),
    click.option("--stop-after", type=click.FloatRange(0.1), default=None, help="With --watch: end after SECONDS."),
):
    command = _option(command)
