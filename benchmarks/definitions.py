"""``fivefold bench definitions``: what every Dagster process pays before it can do anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

HEAVY = ("great_expectations", "lightgbm", "river", "ortools", "pyvrp", "mlflow", "dbt")
TARGET_CPU_S = 5.0
PROBE = """
import json, sys, time
import {module}
print(json.dumps({{"cpu_s": time.process_time(), "modules": sorted({{m.split(".")[0] for m in sys.modules}})}}))
"""


def probe(module: str) -> dict[str, Any]:
    """CPU seconds of a new interpreter that imports ``module``, and the top-level modules it then holds."""
    root = Path(__file__).parent.parent
    out = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True, cwd=root
    )
    found: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return found


@fivefold_command(
    "Load the Dagster definitions in a new interpreter, beside Dagster and dagster_dbt alone.",
    example="fivefold bench definitions --json",
)
def command(home: Path) -> Any:
    probe("orchestration.definitions")  # warms the file cache and the dbt manifest
    ours, peer = probe("orchestration.definitions"), probe("dagster, dagster_dbt")
    result = {
        "cpu_s": round(ours["cpu_s"], 2),
        "target_cpu_s": TARGET_CPU_S,
        "dagster_and_dagster_dbt_cpu_s": round(peer["cpu_s"], 2),
        "heavy_imports": [name for name in HEAVY if name in ours["modules"]],
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>32}  {value}")

    return result, show
