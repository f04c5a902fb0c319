"""``fivefold solve``: a problem file in, a solution file in the same format's words out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

LEAST_SHARE = 0.25
"""Share of the limit that the search gets, however long the file took to read."""
FREE_READ_S = 0.5
"""Seconds of reading that the limit does not count."""
AFTER_ORDER_S = 0.00015
"""Seconds an order that proof and file take."""


@fivefold_command(
    "Solve FILE and write its solution: a .sol file for VRPLIB, Solomon and Li and Lim, VROOM's JSON for VROOM's, "
    "our plan for our own JSON. Every plan is proven before it is written.",
    example="fivefold solve R104.txt --seconds 10 --out R104.sol\n"
    "fivefold solve vroom.json --seconds 5 --out plan.json",
)
def command(
    file: Path,
    seconds: float,
    out: Path | None,
    seed: int,
    iterations: int | None,
    workers: int | None,
    convention: str,
    quiet: bool,
    home: Path,
) -> Any:
    from domain.errors import InputError
    from solvers.formats import read
    from solvers.planner import SolveSettings, plan
    from solvers.verifier import verify

    if not 0 < seconds <= 86_400:
        raise InputError(f"--seconds must be above 0 and at most 86400, is {seconds}")
    started = time.monotonic()
    instance = read(file, convention=convention)
    read_s = time.monotonic() - started
    # reading a large file, proving and writing its plan take their time out of the limit
    size = len(instance.problem.orders)
    search_s = max(LEAST_SHARE * seconds, seconds - max(0.0, read_s - FREE_READ_S) - AFTER_ORDER_S * size)
    settings = SolveSettings(seconds=search_s, seed=seed, iterations=iterations, workers=workers)
    begun = time.monotonic()

    def say(line: str) -> None:
        if not quiet:
            click.echo(f"{time.monotonic() - begun:7.1f} s  {line}", err=True)

    found = plan(instance.problem, settings, say, instance.initial)
    solve_s = time.monotonic() - begun
    violations = verify(instance.problem, found)
    if violations:
        raise InputError(f"the plan found breaks a rule and is not written: {violations[0]}")
    if out is not None:
        instance.write(found, out)
    result = {
        "instance": instance.name,
        "format": instance.dialect,
        "cost": instance.cost(found),
        "cost_minor": found.cost_minor,
        "orders": len(instance.problem.orders),
        "routes": len(found.routes),
        "served": found.served,
        "unserved": [
            {"order": one.order_id, "reason": one.reason, "explanation": one.explanation} for one in found.unserved
        ],
        "engine": found.engine,
        "seed": seed,
        "read_s": round(read_s, 3),
        "solve_s": round(solve_s, 3),
        "verified": True,
        "notes": list(instance.notes),
        "out": str(out) if out is not None else None,
    }

    def show() -> None:
        for key in ("instance", "format", "cost", "orders", "routes", "served", "engine", "solve_s", "out"):
            click.echo(f"{key:>10}  {result[key]}")
        for note in instance.notes:
            click.echo(f"{'note':>10}  {note}")
        for one in found.unserved[:20]:
            click.echo(f"{'unserved':>10}  {one.order_id}: {one.explanation}")
        if len(found.unserved) > 20:
            click.echo(f"{'':>10}  and {len(found.unserved) - 20} more (--json lists all)")
        if out is None and sys.stdout.isatty() is False:
            click.echo(instance.text(found), nl=False)

    return result, show


command = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))(command)
command = click.option("--seconds", default=10.0, show_default=True, help="Wall time of the search.")(command)
command = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Where the solution is written."
)(command)
command = click.option("--seed", default=0, show_default=True, help="Seed of the search.")(command)
command = click.option(
    "--iterations", type=int, default=None, help="Iteration budget instead of time: the same plan on every run."
)(command)
command = click.option("--workers", type=int, default=None, help="Processes that search at once.  [default: cores]")(
    command
)
command = click.option(
    "--convention",
    default="auto",
    show_default=True,
    help="How real numbers become integers: auto, dimacs, exact, round, trunc, ceil.",
)(command)
command = click.option("--quiet", is_flag=True, help="No progress on stderr.")(command)
