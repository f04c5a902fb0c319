"""``fivefold bench demo``: the demo in a new workspace, as a newcomer meets it when everything is installed."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

TARGET_WALL_S, TARGET_PEAK_MB = 180.0, 4_000.0


@fivefold_command(
    "Run the demo in a new workspace; wall time, CPU time and peak memory of all its processes.",
    example="fivefold bench demo --json",
)
def command(home: Path) -> Any:
    from benchmarks.measure import measure
    from domain.errors import InputError

    with tempfile.TemporaryDirectory() as folder:
        done = measure([str(Path(sys.executable).with_name("fivefold")), "demo", "--home", folder, "--json"])
    if done.returncode:
        raise InputError(f"the demo failed:\n{done.stderr[-2_000:]}")
    seen = json.loads(done.stdout)
    result = {
        "wall_s": round(done.wall_s, 1),
        "target_wall_s": TARGET_WALL_S,
        "cpu_s": round(done.cpu_s, 1),
        "peak_mb": round(done.peak_mb),
        "target_peak_mb": TARGET_PEAK_MB,
        "served": seen["served"],
        "verified": seen["verified"],
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>20}  {value}")

    return result, show
