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
        console.print(f"[bold]{order}[/bold] ({result['source']}): " + _told(outcome))
        if result["taught"]:
            table = Table("parameter", "subject", "value", "sd", "outcomes", "first in", "feeds", title="It taught")
            for one in result["taught"]:
                values = (f"{one['value']:.3f}", f"{one['sd']:.3f}", f"{one['evidence']:,}")
                table.add_row(one["kind"], one["subject"], *values, f"{one['first_as_of']:%m-%d}", one["feeds"])
            for column in table.columns:
                column.overflow = "fold"
            console.print(table)
        elif outcome:
            console.print("  nothing was learned since: parameters are learned by the job `nightly`")
        _show_used(console, result["used_by"])
        _show_based(console, result["based_on"])
        ages = result["ages"]
        for name, made, age, target, unit in (
            ("plans", ages["plans"], ages["newest_outcome_age_h_p95"], ages["target_newest_outcome_age_h_p95"], "h"),
            (
                "decisions of the day",
                ages["live_decisions"],
                ages["newest_outcome_age_min_p95"],
                ages["target_newest_outcome_age_min_p95"],
                "min",
            ),
        ):
            said = "none with an outcome before them" if age is None else f"p95 {age:g} {unit} (target {target:g})"
            console.print(f"Age of the newest outcome used by {made:,} {name}: {said}", soft_wrap=True)

    return result, show


def _told(outcome: Any) -> str:
    if not outcome:
        return "no outcome is known"
    text = str(outcome["outcome"] or "not concluded yet, but offered or visited")
    if outcome["exception_class"]:
        text += f" ({outcome['exception_class']})"
    text += f", known {outcome['known_at']:%Y-%m-%d %H:%M}"
    if outcome["last_changed_at"] != outcome["known_at"]:
        text += f", last told of {outcome['last_changed_at']:%Y-%m-%d %H:%M}"
    return text


def _show_used(console: Any, used: Any) -> None:
    for plan in used["plans"]:
        console.print(f"  used by plan {plan['plan_id']}: {plan['parameters']} of these parameters")
    for one in used["predictions"]:
        if one["same_customer"] or one["same_zone"]:
            console.print(
                f"  in the history of {one['same_customer']} later predictions of {one['task']} of its customer and "
                f"{one['same_zone']} of its zone (model {one['model_version']}), such as {one['example']}",
                soft_wrap=True,
            )
    for one in used["interventions"]:
        console.print(f"  {one['decisions']:,} later decisions weighed {one['action']} by what it did here")


def _show_based(console: Any, based: Any) -> None:
    from rich.table import Table

    if not based["plan"]:
        console.print("It is in no published plan.")
        return
    console.print(f"Its plan {based['plan']['plan_id']} was made from what was known {based['plan']['as_of']:%F %H:%M}")
    table = Table("parameter", "subject", "value", "outcomes", "newest, hours old", title="Learned of it and used")
    for one in based["parameters"]:
        if one["of_the_order"]:
            age = "" if one["newest_outcome_age_h"] is None else f"{one['newest_outcome_age_h']:.1f}"
            evidence = "" if one["evidence"] is None else f"{one['evidence']:,}"
            table.add_row(one["kind"], one["subject"], f"{one['value']:.3f}", evidence, age)
    for column in table.columns:
        column.overflow = "fold"
    console.print(table)
    others = sum(not one["of_the_order"] for one in based["parameters"])
    console.print(f"  and {others} parameters of other zones, hours and fleets (all with --json)")
    for one in based["predictions"]:
        said = f"{one['probability']:.1%}" if one["probability"] is not None else f"{one['p50_s']:.0f} s"
        console.print(f"  predicted {one['task']}: {said}, as of {one['as_of']:%F %H:%M}, model {one['model_version']}")
    for one in based["customer_outcomes_known"]:
        console.print(f"  known of its customer: {one['order_id']} {one['outcome']}, {one['age_h']:.0f} h before")
    for one in based["interventions"]:
        console.print(f"  {one['action']}: {one['assigned']}, decided {one['decided_at']:%F %H:%M}")


command = click.argument("order")(command)
command = click.option("--source", default=None, help="Mapping, where several have an order of this name.")(command)
