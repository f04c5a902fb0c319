"""A click group that imports a subcommand only when it is called: ``fivefold --help`` stays instant."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click


class LazyGroup(click.Group):
    """Subcommand ``name`` is the click command called ``command`` in the module ``package.name``."""

    def __init__(self, *args: Any, package: str, sections: dict[str, dict[str, str]], **kwargs: Any) -> None:
        """``sections``: heading -> name -> one line of help."""
        super().__init__(*args, **kwargs)
        self.package = package
        self.sections = sections
        self.lazy_commands = {name: told for section in sections.values() for name, told in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_commands:
            return None
        command: click.Command = importlib.import_module(f"{self.package}.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.lazy_commands:
            near = difflib.get_close_matches(args[0], self.lazy_commands, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        column = max(map(len, self.lazy_commands))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(column), told) for name, told in commands.items()])
