"""The ``fivefold`` command. Each subcommand is a module that is imported only when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

COMMANDS = {
    "demo": "A city or a real source, end to end: ingest, learn, plan, report",
    "ui": "The Dagster UI",
    "ingest": "Load a source into the lake, validated",
    "doctor": "Explain what is wrong with a mapping or its data",
    "evaluate": "Train on the past of a source and score its future",
    "plan": "Plan one service date of a source",
}
"""Subcommand -> one-line help. The module of the same name holds a click command called ``command``."""


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is called: ``fivefold --help`` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"orchestration.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--home",
    "home",
    type=click.Path(file_okay=False),
    default=None,
    envvar="FIVEFOLD_HOME",
    help="Workspace folder.  [default: .fivefold]",
)
@click.version_option(package_name="fivefold")
@click.pass_context
def main(ctx: click.Context, home: str | None) -> None:
    """Fivefold: last-mile delivery as one closed loop.

    \b
    Example:
      fivefold demo
      fivefold ui
    """
    ctx.obj = {"home": home}
