"""``fivefold forget``: erase a customer, keep the statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Erase CUSTOMER's name, addresses, messages and answers; counts, costs and outcomes stay, under a pseudonym that "
    "nobody can resolve any more. Positions and addresses of their orders are erased from the lake; the zone stays.",
    example="fivefold forget c000123 --source demo",
)
def command(customer: str, source: str, purge: bool, home: Path) -> Any:
    from datetime import UTC, datetime

    from orchestration.lake import Lake
    from orchestration.lake.maintenance import purge as purge_lake
    from orchestration.messaging.forget import forget
    from orchestration.messaging.places import erase_places

    with Lake.open(home) as lake:
        places = erase_places(lake, source, customer, datetime.now(UTC).date())
        result = {**forget(home, source, customer, elsewhere=any(places.values())), **places}
        if purge:
            purge_lake(lake)
    result["snapshots_purged"] = purge

    def show() -> None:
        click.echo("the row of personal data is erased" if result["person"] else "there was no row of personal data")
        click.echo(f"{result['messages']} messages, {result['files']} files and {result['answers']} answers emptied")
        click.echo(f"the places of {result['orders']} orders are erased from {result['tables']} tables; the zones stay")
        click.echo(f"{result['quarantined']} refused rows that named the customer are erased from the quarantine")
        if result["open_orders"]:
            click.echo(f"{result['open_orders']} orders are still to be brought and keep theirs: run this again then")
        if result["orders"] and not purge:
            click.echo("older snapshots and files of the lake hold them until forget --purge takes them out")
        click.echo("the files that were ingested are not touched: erase the customer there too")

    return result, show


command = click.argument("customer")(command)
command = click.option("--source", default="demo", show_default=True, help="Mapping the customer is of.")(command)
command = click.option("--purge", is_flag=True, help="Expire all older snapshots of the lake at once.")(command)
