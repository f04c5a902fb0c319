"""``fivefold people``: the address book, the one place of personal data."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import click

from domain.errors import InputError
from orchestration.cli.options import fivefold_command

HOURS = ("quiet_from", "quiet_until")


def read_people(path: Path) -> list[Any]:
    """People of a CSV file.

    Raises:
        InputError: a column is unknown or missing, an hour is none, or a customer is there twice; file, row and field.
    """
    from orchestration.messaging.people import COLUMNS, Person

    people, seen = [], set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        given = reader.fieldnames or []
        if missing := [name for name in ("source", "customer_id") if name not in given]:
            raise InputError(f"{path.name}: column {missing[0]!r} is missing; it has {', '.join(given)}")
        if unknown := [name for name in given if name not in COLUMNS]:
            raise InputError(f"{path.name}: column {unknown[0]!r} is unknown; known: {', '.join(COLUMNS)}")
        for number, row in enumerate(reader, start=1):
            values: dict[str, Any] = {name: value or None for name, value in row.items() if name is not None}
            for name in HOURS:
                if (text := values.get(name)) is not None:
                    if not str(text).isdigit() or int(text) > 24:
                        raise InputError(f"{path.name}: row {number}: {name} must be an hour from 0 to 24, is {text!r}")
                    values[name] = int(text)
            values["channels"] = values.get("channels") or ""
            key = (values["source"], values["customer_id"])
            if not all(key):
                raise InputError(f"{path.name}: row {number}: source and customer_id must not be empty")
            if key in seen:
                raise InputError(f"{path.name}: row {number}: customer_id {key[1]!r} is there twice")
            seen.add(key)
            people.append(Person(**values))
    return people


@fivefold_command(
    "Load FILE (CSV: source, customer_id, and any of name, email, phone, address, language, timezone, channels, "
    "quiet_from, quiet_until) into the address book. channels are those the customer agreed to, such as email,sms.",
    example="fivefold people load people.csv",
)
def load(file: Path, home: Path) -> Any:
    from orchestration.messaging.people import PeopleStore

    people = read_people(file)
    with PeopleStore(home) as store:
        store.add(people)
    result = {"people": len(people), "with_consent": sum(1 for one in people if one.channels)}
    return result, lambda: click.echo(f"{result['people']} people, {result['with_consent']} agreed to messages")


load = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))(load)


@fivefold_command("Show one customer, masked.", example="fivefold people show c000123 --source demo")
def show_person(customer: str, source: str, home: Path) -> Any:
    from dataclasses import asdict

    from operations.outbox import mask
    from orchestration.messaging.people import PeopleStore

    with PeopleStore(home) as store:
        person = store.get(source, customer)
    if person is None:
        raise InputError(f"nothing is known of customer {customer!r} of {source!r}")
    result = asdict(person)
    for name in ("name", "email", "phone", "address"):
        result[name] = mask(result[name]) if result[name] else None

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>12}  {'' if value is None else value}")

    return result, show


show_person = click.argument("customer")(show_person)
show_person = click.option("--source", default="demo", show_default=True, help="Mapping the customer is of.")(
    show_person
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """The address book: names, addresses and consent, the one place of personal data.

    \b
    Example:
      fivefold people load people.csv
      fivefold people show c000123
    """


command.add_command(load, "load")
command.add_command(show_person, "show")
