"""``fivefold models``: what is registered, what serves, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, promote or roll back registered models.

    \b
    Example:
      fivefold models list
      fivefold models roll-back failed --source demo
    """


def _registry(home: Path) -> Any:
    from models.registry import Registry

    return Registry(home / "models")


@fivefold_command("List every registered model and its role.", example="fivefold models list --json")
def listing(home: Path) -> Any:
    registry = _registry(home)
    rows = []
    for entry in registry.entries():
        source = entry.description["source"]
        champions = registry.champions(entry.task, source)
        challenger = registry.challenger(entry.task, source)
        role = (
            "champion"
            if champions[-1:] == [entry.version]
            else "earlier champion"
            if entry.version in champions
            else ""
        )
        if challenger is not None and challenger[0] == entry.version:
            role = "challenger"
        rows.append(
            {
                "source": source,
                "task": entry.task,
                "version": entry.version,
                "role": role or "registered",
                "rows": entry.description["rows"],
                "lake_snapshot": entry.description["lake_snapshot"],
                "metrics": entry.description["metrics"],
                "verdict": challenger[1] if role == "challenger" and challenger else None,
            }
        )

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("source", "task", "version", "role", "rows", "scores")
        for row in rows:
            scores = ", ".join(
                f"{name} {value:.4g}" for name, value in row["metrics"].items() if isinstance(value, float)
            )
            table.add_row(row["source"], row["task"], row["version"], row["role"], f"{row['rows']:,}", scores)
        Console().print(table)

    return {"models": rows}, show


@fivefold_command("Make VERSION of TASK the champion.", example="fivefold models promote failed 2026-03-30-0123456789")
def promote(task: str, version: str, source: str, home: Path) -> Any:
    _registry(home).promote(task, source, version)
    return {"task": task, "source": source, "champion": version}, lambda: click.echo(f"{version} serves {task}")


@fivefold_command(
    "Make the champion before the present one of TASK the champion again.", example="fivefold models roll-back failed"
)
def roll_back(task: str, source: str, home: Path) -> Any:
    version = _registry(home).roll_back(task, source)
    return {"task": task, "source": source, "champion": version}, lambda: click.echo(f"{version} serves {task} again")


_source = click.option("--source", default="demo", show_default=True, help="Mapping the model was trained on.")
command.add_command(listing, "list")
# on a finished command, arguments come in the order in which they are added
command.add_command(_source(click.argument("version")(click.argument("task")(promote))), "promote")
command.add_command(_source(click.argument("task")(roll_back)), "roll-back")
