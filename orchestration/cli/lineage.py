"""``fivefold lineage``: from an outcome to the decisions it changed, and from an order's decisions to outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Tell what the outcome of ORDER taught and which later decisions used it; and what its own plan, predictions and "
    "interventions were based on.",
    example="fivefold lineage o20260302-000017\nfivefold lineage o20260330-000017 --json",
)
def command(order: str, source: str | None, home: Path) -> Any:
    from orchestration.lake import Lake
    from orchestration.loop.lineage import lineage
    from orchestration.loop.parameters import ages

    with Lake.open(home) as lake:
        result = lineage(lake, order, source)
        result["ages"] = ages(lake, result["source"])

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False)
        outcome = result["outcome"]
        console.print(
            f"[bold]{order}[/bold] ({result['source']}): " + (outcome["outcome"] if outcome else "no outcome")
        )
        if result["taught"]:
            table = Table("parameter", "subject", "value", "sd", "outcomes", "feeds", title="taught")
            for one in result["taught"]:
                values = (f"{one['value']:.3f}", f"{one['sd']:.3f}", f"{one['evidence']:,}")
                table.add_row(one["kind"], one["subject"], *values, one["feeds"])
            console.print(table)
            for plan in result["used_by"]["plans"]:
                console.print(f"  used by plan {plan['plan_id']}: {plan['parameters']} of these parameters")
            for one in result["used_by"]["predictions"]:
                console.print(
                    f"  {one['predictions']:,} later predictions of {one['task']} by {one['model_version']}, "
                    f"{one['same_customer']} of the same customer, {one['same_zone']} of the same zone"
                )
        based = result["based_on"]
        if based["plan"]:
            table = Table(
                "parameter", "subject", "value", "outcomes", "newest, hours old", title="its plan was based on"
            )
            for one in based["parameters"]:
                age = "" if one["newest_outcome_age_h"] is None else f"{one['newest_outcome_age_h']:.1f}"
                evidence = "" if one["evidence"] is None else f"{one['evidence']:,}"
                table.add_row(one["kind"], one["subject"], f"{one['value']:.3f}", evidence, age)
            console.print(table)
        for key, value in result["ages"].items():
            console.print(f"  {key}  {value}")

    return result, show


command = click.argument("order")(command)
command = click.option("--source", default=None, help="Mapping, where several have an order of this name.")(command)
