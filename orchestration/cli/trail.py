"""``fivefold trail``: one order from promise to cost, with what was not done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Tell the story of ORDER: plan, predictions, interventions with the alternatives not taken, messages sent and held "
    "back, events, outcome, cost.",
    example="fivefold trail o20260330-000017\nfivefold trail o20260330-000017 --json",
)
def command(order: str, source: str | None, home: Path) -> Any:
    from orchestration.acting.trail import order_trail
    from orchestration.lake import Lake

    with Lake.open(home) as lake:
        steps = order_trail(lake, order, source)
    cost = sum(one["amount_minor"] or 0 for one in steps if one["step"] == "cost")
    result = {"order_id": order, "source": steps[0]["source"], "cost_minor": cost, "steps": steps}

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("when (UTC)", "step", "what", "money", "not taken", title=f"{order} ({steps[0]['source']})")
        for one in steps:
            others = one["details"].get("alternatives") or []
            taken = one["what"].split(" ", 1)[0]
            table.add_row(
                f"{one['happened_at']:%Y-%m-%d %H:%M}",
                one["step"],
                one["what"],
                "" if one["amount_minor"] is None else f"{one['amount_minor'] / 100:,.2f}",
                ", ".join(
                    f"{other['action']} {other['net_minor'] / 100:+.2f}" for other in others if other["action"] != taken
                ),
            )
        Console().print(table)
        click.echo(f"cost {cost / 100:,.2f}")

    return result, show


command = click.argument("order")(command)
command = click.option("--source", default=None, help="Mapping, where several have an order of this name.")(command)
