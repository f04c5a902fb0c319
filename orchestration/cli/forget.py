"""``fivefold forget``: erase a customer, keep the statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "Erase CUSTOMER's name, addresses, messages and answers; counts, costs and outcomes stay, under a pseudonym that "
    "nobody can resolve any more.",
    example="fivefold forget c000123 --source demo",
)
def command(customer: str, source: str, home: Path) -> Any:
    from orchestration.messaging.forget import forget

    result = forget(home, source, customer)

    def show() -> None:
        click.echo("the row of personal data is erased" if result["person"] else "there was no row of personal data")
        click.echo(f"{result['messages']} messages, {result['files']} files and {result['answers']} answers emptied")

    return result, show


command = click.argument("customer")(command)
command = click.option("--source", default="demo", show_default=True, help="Mapping the customer is of.")(command)
