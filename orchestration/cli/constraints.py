"""``fivefold constraints``: the registered constraint types."""

from __future__ import annotations

import difflib
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@fivefold_command(
    "List the constraint types that rules may name, or tell all about TYPE: unit, parameters, attributes it reads.",
    example="fivefold constraints\nfivefold constraints window --json",
)
def command(constraint: str | None, home: Any) -> Any:
    from domain.errors import InputError
    from solvers.families import REGISTRY
    from solvers.families.catalogue import described

    if constraint is None:
        types = [described(kind) for kind in REGISTRY.values()]
        families = list(dict.fromkeys(one["family"] for one in types))

        def show_all() -> None:
            for family in families:
                click.secho(family, bold=True)
                for one in types:
                    if one["family"] == family:
                        click.echo(f"  {one['type']:<20} {one['words']} [{one['unit']}]")

        return {"count": len(types), "families": families, "types": types}, show_all
    if constraint not in REGISTRY:
        near = difflib.get_close_matches(constraint, REGISTRY, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else " fivefold constraints lists them."
        raise InputError(f"there is no constraint type {constraint[:80]!r}.{hint}")
    one = described(REGISTRY[constraint])

    def show() -> None:
        click.secho(f"{one['type']}: {one['words']}", bold=True)
        if one["measured"]:
            click.echo(one["measured"])
        for key in ("family", "unit", "depends_on", "authority", "may_be_soft", "relaxed_by", "pyvrp"):
            click.echo(f"{key:>14}  {one[key]}")
        for key in ("orders_have", "vehicles_have"):
            if one[key]:
                click.echo(f"{key:>14}  {', '.join(one[key])}")
        for name, parameter in one["parameters"].items():
            default = "required" if parameter["required"] else f"default {parameter['default']}"
            click.echo(f"{'parameter':>14}  {name} ({parameter['kind']}, {default}): {parameter['words']}")

    return one, show


command = click.argument("constraint", metavar="[TYPE]", required=False)(command)
