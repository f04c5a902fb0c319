"""``fivefold ui``: the Dagster UI with its daemon, on this workspace, and the pages of its planned days."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from orchestration.cli.options import DEFAULT_HOME


def _partitions_of(home: Path, source: str) -> dict[str, str]:
    """First service date and zone of a source that is in the lake; what the environment says goes before it."""
    from domain.errors import InputError
    from orchestration.lake import Lake
    from orchestration.planning.inputs import depot_timezone, service_dates

    if not (home / "lake").is_dir():
        return {}
    with Lake.open(home) as lake:
        dates = service_dates(lake, source)
        try:
            zone = depot_timezone(lake, source).key
        except InputError:  # a source without depots: the default zone will do
            return {"FIVEFOLD_FIRST_DAY": dates[0].isoformat()} if dates else {}
    return {"FIVEFOLD_TIMEZONE": zone, **({"FIVEFOLD_FIRST_DAY": dates[0].isoformat()} if dates else {})}


@click.command(
    help="Open the Dagster UI (assets, runs, schedules, sensors) on this workspace, and serve the pages of its planned "
    "days beside it; Ctrl-C ends both.\n\n\b\nExample:\n  fivefold ui --port 3000",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--home", type=click.Path(file_okay=False), default=None, help="Workspace.  [default: .fivefold]")
@click.option("--source", default=None, help="Mapping the assets work on.  [default: $FIVEFOLD_SOURCE or demo]")
@click.option("--port", default=3000, show_default=True, help="Port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--reports-port", default=3001, show_default=True, help="Port of the pages that assets link to.")
@click.pass_context
def command(ctx: click.Context, home: str | None, source: str | None, port: int, host: str, reports_port: int) -> None:
    from orchestration.dagster_home import prepare_dagster_home
    from orchestration.report.server import serve_reports

    folder = Path(home or (ctx.obj or {}).get("home") or DEFAULT_HOME).resolve()
    dagster_home = prepare_dagster_home(folder)
    root = Path(__file__).resolve().parents[2]
    try:
        serve_reports(folder / "reports", reports_port, host)
    except OSError as error:
        raise click.ClickException(f"port {reports_port} is taken ({error.strerror}); choose --reports-port") from None
    pages = f"http://{host}:{reports_port}"
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "FIVEFOLD_HOME": str(folder),
        "FIVEFOLD_REPORTS_URL": pages,
    }
    if source:
        environment["FIVEFOLD_SOURCE"] = source
        environment = {**_partitions_of(folder, source), **environment}
    click.echo(f"Dagster UI of {folder}: http://{host}:{port}   (Ctrl-C ends it)")
    click.echo(f"Pages of the planned days: {pages}")
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster")),
            "dev",
            "-w",
            str(root / "workspace.yaml"),
            "-p",
            str(port),
            "-h",
            host,
        ],
        env=environment,
        cwd=root,
        start_new_session=True,
    )
    # `dagster dev` starts servers of its own: the whole process group must end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.exit(process.wait())
    except (KeyboardInterrupt, SystemExit):
        try:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=10)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
