"""``fivefold interventions``: what was decided about risks; agree to it, take it back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

COLUMNS = (
    "intervention_id", "service_date", "order_id", "task", "action", "assigned", "state", "permission", "agreed_by",
    "probability", "net_value_minor", "cost_minor", "plan_delta_minor", "why",
)  # fmt: skip


@fivefold_command(
    "List what was decided about risks, the most valuable first. Those that wait need somebody to agree; those to do "
    "are calls for a person.",
    example="fivefold interventions list --state waiting\nfivefold interventions list --order o-17 --json",
)
def list_them(state: str | None, order_id: str | None, limit: int, home: Path) -> Any:
    from orchestration.lake import Lake

    with Lake.open(home) as lake:
        rows = lake.query(
            f"select {', '.join(COLUMNS)} from operation.interventions "
            "where (? is null or state = ?) and (? is null or order_id = ?) and (? is not null or assigned <> 'none') "
            "order by service_date desc, net_value_minor desc nulls last, intervention_id limit ?",
            [state, state, order_id, order_id, order_id, limit],
        )
        counts = lake.query(
            "select coalesce(state, 'none') as state, count(*) as n from operation.interventions group by 1"
        )
    found = rows.astype(object).where(rows.notna(), None).to_dict("records")
    result = {"counts": {one.state: int(one.n) for one in counts.itertuples()}, "interventions": found}

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("id", "date", "order", "risk", "action", "state", "net", "who must agree", "why")
        for one in found:
            table.add_row(
                one["intervention_id"][:10],
                str(one["service_date"])[:10],
                one["order_id"],
                f"{one['task']} {100 * (one['probability'] or 0):.0f} %",
                one["action"],
                str(one["state"]),
                "" if one["net_value_minor"] is None else f"{one['net_value_minor'] / 100:.2f}",
                str(one["permission"] or ""),
                one["why"][:60],
            )
        Console().print(table)
        click.echo("  ".join(f"{name} {count}" for name, count in result["counts"].items()))

    return result, show


list_them = click.option("--state", default=None, help="Only these: waiting, to_do, in_force, asked, ...")(list_them)
list_them = click.option("--order", "order_id", default=None, help="Only those of one order.")(list_them)
list_them = click.option("--limit", default=50, show_default=True, help="At most so many.")(list_them)


def _moment(value: datetime | None) -> datetime:
    return value or datetime.now(UTC)


@fivefold_command(
    "Agree to a decision that waits. It takes effect at once, or is refused with the reason: a plan that would break a "
    "rule is never published, whoever agrees.",
    example="fivefold interventions approve 3f9a2c --by anna",
)
def agree(key: str, by: str, moment: datetime | None, home: Path) -> Any:
    from orchestration.acting.force import approve
    from orchestration.lake import Lake

    with Lake.open(home) as lake:
        result = approve(lake, key, by, _moment(moment))
    return result, lambda: click.echo(f"{result['action']}: {result['state']}")


@fivefold_command(
    "Take back what is in force: the routes and the promise before it. Refused where it was changed again since.",
    example="fivefold interventions undo 3f9a2c --by anna",
)
def take_back(key: str, by: str, moment: datetime | None, home: Path) -> Any:
    from orchestration.acting.force import undo
    from orchestration.lake import Lake

    with Lake.open(home) as lake:
        result = undo(lake, key, by, _moment(moment))
    return result, lambda: click.echo(f"{result['action']}: {result['state']}")


AT = click.option(
    "--at",
    "moment",
    type=click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]),
    default=None,
    help="Moment of it, with its offset (replays).  [default: now]",
)
agree = AT(click.option("--by", required=True, help="Who agrees.")(click.argument("key")(agree)))
take_back = AT(click.option("--by", default="", help="Who takes it back.")(click.argument("key")(take_back)))


@click.group(
    help="What was decided about risks: list it, agree to it, take it back.\n\n\b\nExample:\n"
    "  fivefold interventions list --state waiting",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Subcommands below."""


command.add_command(list_them, "list")
command.add_command(agree, "approve")
command.add_command(take_back, "undo")
