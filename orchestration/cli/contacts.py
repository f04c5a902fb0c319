"""``fivefold contacts``: where-is-my-order, and what a message is worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from domain.errors import InputError
from orchestration.cli.options import fivefold_command

COUNTED = """
with shipments as (
    select count(distinct order_id) as n from raw.delivery_events
    where source = ? and not retracted
        and event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted')
)
select n as shipments, (
    select count(distinct event_id) from raw.delivery_events
    where source = ? and not retracted and event_type = 'contact_received'
) as contacts from shipments
"""


def _changes(given: tuple[str, ...]) -> dict[str, float]:
    changes = {}
    for one in given:
        name, _, text = one.partition("=")
        try:
            changes[name.strip()] = float(text)
        except ValueError:
            raise InputError(f"--set {one}: write NAME=NUMBER") from None
    return changes


@fivefold_command(
    "Contacts of SOURCE per 100 shipments, and what a message about a delay is worth by the declared contact model, "
    "with its sensitivity. --set replaces an input by one's own number.",
    example="fivefold contacts demo\nfivefold contacts demo --set contact_minor=600 --set avoided=0.3 --json",
)
def command(source: str, given: tuple[str, ...], home: Path) -> Any:
    from operations.contacts import (
        ContactModel,
        break_even_accuracy,
        expected_wismo,
        message_value_minor,
        sensitivity,
    )
    from orchestration.lake import Lake

    model = ContactModel().with_values(_changes(given))
    with Lake.open(home) as lake:
        counted = lake.query(COUNTED, [source, source]).iloc[0]
    shipments, contacts = int(counted["shipments"]), int(counted["contacts"])
    wismo = expected_wismo(contacts, model)
    swings = sensitivity(model)
    result = {
        "source": source,
        "shipments": shipments,
        "contacts": contacts,
        "contacts_per_100": None if shipments == 0 else 100 * contacts / shipments,
        "wismo_expected_per_100": None if shipments == 0 else 100 * wismo / shipments,
        "message_value_minor": dict(message_value_minor(model)),
        "break_even_accuracy": break_even_accuracy(model),
        "sensitivity": [asdict(one) for one in swings],
        "inputs": asdict(model),
    }

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        if shipments:
            click.echo(f"{shipments} shipments, {contacts} contacts: {result['contacts_per_100']:.2f} per 100;")
            click.echo(f"of these about {result['wismo_expected_per_100']:.2f} ask where it is (declared share)")
        for name, amount in result["message_value_minor"].items():
            click.echo(f"{name:>18}  {amount / 100:8.2f}")
        click.echo(f"messages pay if {100 * result['break_even_accuracy']:.0f} % of them are about orders really late")
        table = Table("input", "from", "to", "value at from", "value at to", "source")
        for one in swings:
            ends = (f"{one.low:g}", f"{one.high:g}", f"{one.value_at_low / 100:.2f}", f"{one.value_at_high / 100:.2f}")
            table.add_row(one.name, *ends, one.source)
        Console().print(table)

    return result, show


command = click.argument("source")(command)
command = click.option("--set", "given", multiple=True, metavar="NAME=NUMBER", help="Replace an input.")(command)
