"""``fivefold bench all``: every benchmark that needs no data of its own, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

NEED_DATA = {"all", "routing", "dynamic"}
"""Benchmarks that are pointed to instances by hand."""


@fivefold_command(
    "Run every benchmark that needs no data, one after another, and print their figures.",
    example="fivefold bench all",
)
def command(home: Path) -> Any:
    from orchestration.cli.bench import BENCHMARKS

    executable = str(Path(sys.executable).with_name("fivefold"))
    result: dict[str, Any] = {}
    for name in BENCHMARKS:
        if name in NEED_DATA:
            continue
        click.echo(f"==> {name}", err=True)
        done = subprocess.run(
            [executable, "--home", str(home), "bench", name, "--json"], capture_output=True, text=True, check=False
        )
        try:
            result[name] = json.loads(done.stdout)
        except ValueError:
            result[name] = {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"}

    def show() -> None:
        for name, figures in result.items():
            click.secho(name, bold=True)
            for line in lines(figures):
                click.echo(line)

    return result, show


def lines(figures: dict[str, Any], indent: str = "") -> Iterator[str]:
    """A line a figure, its target beside it where it has one (``target_<name>``)."""
    for key, value in figures.items():
        if key.startswith("target_"):
            continue
        if isinstance(value, dict):
            yield f"{indent}{key:>34}"
            yield from lines(value, indent + "  ")
            continue
        target = figures.get(f"target_{key}")
        beside = "" if target is None else f"   target {verdict(key, value, target)}"
        yield f"{indent}{key:>34}  {value}{beside}"


def verdict(key: str, value: Any, target: float) -> str:
    """The target in words and whether it is met: rates are to be at least, all else at most."""
    rate = "_per_s" in key
    met = isinstance(value, int | float) and (value >= target if rate else value <= target)
    return f"{'at least' if rate else 'at most'} {target:g}: {'met' if met else 'MISSED'}"
