"""Options, output and error handling that every subcommand shares."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from domain.errors import FivefoldError

DEFAULT_HOME = ".fivefold"
EXIT_USER_ERROR = 2


@contextmanager
def _stdout_kept_clean() -> Iterator[Callable[[str], None]]:
    """Send everything written to stdout, by any library or child process, to stderr; yield the real stdout.

    With ``--json`` the one object is all that may appear on stdout, so the redirect is of the file descriptor.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield lambda text: os.write(kept, text.encode()) and None
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def fivefold_command(
    help_text: str, *, example: str, data: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare a subcommand with ``--home``, ``--json`` (and ``--data``), an example and one way to fail.

    The function returns ``(result, show)``: the object for ``--json`` and a callable that prints it for people.
    A ``FivefoldError`` becomes a one-line message and exit code 2.
    """

    def declare(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, /, home: str | None, as_json: bool, **arguments: Any) -> None:
            arguments["home"] = Path(home or (ctx.obj or {}).get("home") or DEFAULT_HOME).resolve()
            try:
                if as_json:
                    with _stdout_kept_clean() as write:
                        try:
                            result, _ = function(**arguments)
                        except FivefoldError as error:
                            write(json.dumps({"error": str(error)}) + "\n")
                            raise
                        write(json.dumps(result, default=_plain, allow_nan=False) + "\n")
                else:
                    _, show = function(**arguments)
                    show()
            except FivefoldError as error:
                click.secho(f"error: {error}", fg="red", err=True)
                sys.exit(EXIT_USER_ERROR)

        run = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(run)
        run = click.option(
            "--home", type=click.Path(file_okay=False), default=None, help="Workspace folder.  [default: .fivefold]"
        )(run)
        if data:
            run = click.option(
                "--data",
                type=click.Path(file_okay=False, path_type=Path),
                default=None,
                help="Folder with the source's files.",
            )(run)
        # click re-wraps paragraphs unless they are marked with \b
        text = f"{help_text}\n\n\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines())
        return click.command(help=text, context_settings={"help_option_names": ["-h", "--help"]})(run)

    return declare


def of_running_day(command: click.Command) -> click.Command:
    """Arguments SOURCE and DATE, and ``--at``: a day is looked at as of a local moment (``moment_in``)."""
    for declare in (
        click.argument("source"),
        click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE"),
        click.option(
            "--at",
            "moment",
            type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
            default=None,
            help="Local moment up to which events are used.  [default: now]",
        ),
    ):
        command = declare(command)
    return command


def moment_in(zone: ZoneInfo, moment: datetime | None) -> datetime:
    """A local moment without an offset, in UTC; None is now."""
    return datetime.now(UTC) if moment is None else moment.replace(tzinfo=zone).astimezone(UTC)


def data_folder(name: str, data: Path | None, home: Path) -> Path:
    """Where a source's files are: ``--data``, else ``$FIVEFOLD_DATA/<name>``, else the workspace's landing folder.

    A checkout that has ``../shared/data/<name>`` beside it is found without a setting.
    """
    from domain.errors import InputError
    from orchestration.sources import data_folder as find

    folder = find(name, data, home)
    if not folder.is_dir():
        raise InputError(f"the folder {folder} with the files of {name!r} does not exist; point to it with --data DIR")
    return folder
