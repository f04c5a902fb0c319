"""``fivefold signals``: the signal catalogue of a source, as a table."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "Which families of features feed the task of each SOURCE, how fresh they are, and what leaving each out costs.",
    example="fivefold signals changshu\nfivefold signals changshu scms olist sendy lade --docs docs/signals.md",
    data=True,
)
def command(
    sources: tuple[str, ...], train_until: datetime | None, docs: Path | None, data: Path | None, home: Path
) -> Any:
    from domain.errors import InputError
    from orchestration.evaluation import loaded
    from orchestration.ingestion import load_mapping
    from orchestration.signals import family_table, page, signal_catalogue

    if len(sources) > 1 and (data is not None or train_until is not None):
        raise InputError("--data and --train-until are of one source; give one")
    found = []
    for name in sources:
        mapping = load_mapping(name)
        with loaded(home, mapping, data_folder(mapping.name, data, home)) as (lake, _):
            found.append(signal_catalogue(lake, mapping, train_until.date() if train_until else None))
    if docs is not None:
        docs.write_text(page(found), encoding="utf-8")
    result = found[0] if len(found) == 1 else {"sources": found}
    if docs is not None:
        result["docs"] = str(docs)

    def show() -> None:
        for one in found:
            click.echo(f"{one['source']}: {one['name']}\n\n{family_table(one)}\n")

    return result, show


command = click.argument("sources", nargs=-1, required=True)(command)
command = click.option(
    "--train-until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Last day to learn from."
)(command)
command = click.option(
    "--docs",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write the catalogue of all SOURCES to this Markdown page.",
)(command)
