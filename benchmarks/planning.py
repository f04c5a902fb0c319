"""``fivefold bench planning``: what Dagster, the lake and dbt add to the solver's own time on a planned day."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

TARGET_OVERHEAD_S = 20.0


@fivefold_command(
    "Plan the demo city's day again through Dagster (features, predictions, plan), beside the solver's own time.",
    example="fivefold bench planning --json",
)
def command(home: Path) -> Any:
    from benchmarks.measure import measure
    from domain.errors import InputError
    from orchestration import settings
    from orchestration.dagster_home import prepare_dagster_home
    from orchestration.lake import Lake

    if not (home / "reports" / f"plan-demo-{settings.planned_day()}.csv").is_file():
        click.echo(f"{home} holds no demo yet: running it first", err=True)
        demo = measure([str(Path(sys.executable).with_name("fivefold")), "--home", str(home), "demo", "--json"])
        if demo.returncode:
            raise InputError(f"the demo failed:\n{demo.stderr[-2_000:]}")
    environment = {
        **os.environ,
        "FIVEFOLD_HOME": str(home),
        "FIVEFOLD_SOURCE": "demo",
        "DAGSTER_HOME": str(prepare_dagster_home(home)),
    }
    day = settings.planned_day()
    done = measure(
        [
            str(Path(sys.executable).with_name("dagster")),
            "job",
            "execute",
            "-j",
            "nightly",
            "--tags",
            json.dumps({"dagster/partition": day.isoformat()}),
            "-m",
            "orchestration.definitions",
        ],
        environment,
        Path(__file__).parent.parent,
    )
    if done.returncode:
        raise InputError(f"the run failed:\n{done.stderr[-2_000:]}")
    with Lake.open(home) as lake:
        solver_s = float(
            lake.query("select max(solver_s) as s from plan.plans where source = 'demo' and service_date = ?", [day])[
                "s"
            ].iloc[0]
        )
    result = {
        "date": day.isoformat(),
        "wall_s": round(done.wall_s, 1),
        "solver_s": round(solver_s, 1),
        "overhead_s": round(done.wall_s - solver_s, 1),
        "target_overhead_s": TARGET_OVERHEAD_S,
        "peak_mb": round(done.peak_mb),
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>20}  {value}")

    return result, show
