"""``fivefold ui``: the Dagster UI with its daemon, on this workspace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from orchestration.cli.options import DEFAULT_HOME


@click.command(
    help="Open the Dagster UI (assets, runs, schedules, sensors) on this workspace; Ctrl-C ends it.\n\n"
    "\b\nExample:\n  fivefold ui --port 3000",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--home", type=click.Path(file_okay=False), default=None, help="Workspace.  [default: .fivefold]")
@click.option("--port", default=3000, show_default=True, help="Port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.pass_context
def command(ctx: click.Context, home: str | None, port: int, host: str) -> None:
    from orchestration.dagster_home import prepare_dagster_home

    folder = Path(home or (ctx.obj or {}).get("home") or DEFAULT_HOME).resolve()
    dagster_home = prepare_dagster_home(folder)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "DAGSTER_HOME": str(dagster_home), "FIVEFOLD_HOME": str(folder)}
    click.echo(f"Dagster UI of {folder}: http://{host}:{port}   (Ctrl-C ends it)")
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
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
