"""``fivefold train``: new models from every outcome known, behind the promotion gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

TASKS = (
    *("failed", "late", "eta"),
    *("customer_unavailable", "failed_delivery", "capacity_shortfall", "weather_or_road", "vehicle_issue", "cascade"),
)


@fivefold_command(
    "Fit the models of SOURCE on the marts that are built; a new one serves if the promotion gate says so. A class "
    "that the data cannot predict is reported as such.",
    example="fivefold train demo\nfivefold train demo --task failed --json",
)
def command(source: str, task: str, force: bool, home: Path) -> Any:
    from domain.errors import InputError, ModelError
    from orchestration.lake import Lake
    from orchestration.learning import newest_outcome, train_task

    results: dict[str, Any] = {}
    with Lake.open(home) as lake:
        newest = newest_outcome(lake, source)
        for one in TASKS if task == "all" else (task,):
            try:
                found = train_task(lake, home, source, one, newest, force=force)
            except ModelError as error:
                if task != "all":
                    raise
                results[one] = {"error": str(error)}
                continue
            results[one] = {key: value for key, value in found.items() if key != "plot"}
    if all("error" in one for one in results.values()):
        raise InputError("; ".join(str(one["error"]) for one in results.values()))
    result = {"source": source, "newest_outcome": newest, "tasks": results}

    def show() -> None:
        for name, one in results.items():
            if "error" in one:
                click.echo(f"{name:>8}  not trained: {one['error']}")
                continue
            serves = "serves" if one["promoted"] else "challenger"
            click.echo(f"{name:>8}  {one['version']}  {serves}: {'; '.join(one['verdict']['reasons'])}")

    return result, show


command = click.argument("source", default="demo")(command)
command = click.option(
    "--task", type=click.Choice([*TASKS, "all"]), default="all", show_default=True, help="What to fit."
)(command)
command = click.option("--force", is_flag=True, help="Promote whatever the gate says.")(command)
