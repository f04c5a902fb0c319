"""``fivefold bench cold``: ``make demo`` in a fresh clone with an empty package cache, as on a bare machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

TARGET_WALL_S, TARGET_PEAK_MB = 480.0, 4_000.0


@fivefold_command(
    "Clone the project, install it with an empty package cache and run its demo: wall time and peak memory, downloads "
    "included.",
    example="fivefold bench cold --json",
)
def command(home: Path) -> Any:
    from benchmarks.measure import measure
    from domain.errors import InputError
    from orchestration.sources import PROJECT

    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "fivefold"
        done = subprocess.run(
            ["git", "clone", "--quiet", str(PROJECT), str(clone)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise InputError(f"{PROJECT} cannot be cloned: {done.stderr.strip()}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FIVEFOLD_")}
        environment |= {"UV_CACHE_DIR": str(Path(folder) / "cache"), "PIP_NO_CACHE_DIR": "1"}
        began = time.time()
        seen = measure(["make", "demo"], environment, clone)
        stamp = clone / ".venv" / ".installed"
        installing_s = stamp.stat().st_mtime - began if stamp.exists() else float("nan")
    if seen.returncode:
        raise InputError(f"make demo failed:\n{(seen.stdout + seen.stderr)[-2_000:]}")
    result = {
        "wall_s": round(seen.wall_s, 1),
        "target_wall_s": TARGET_WALL_S,
        "of_it_installing_s": round(installing_s, 1),
        "cpu_s": round(seen.cpu_s, 1),
        "peak_mb": round(seen.peak_mb),
        "target_peak_mb": TARGET_PEAK_MB,
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>20}  {value}")

    return result, show
