"""``fivefold bench``: what is measured, each in ``benchmarks/<name>.py``."""

from __future__ import annotations

import click

from orchestration.cli.lazy import LazyGroup

BENCHMARKS = {
    "definitions": "CPU seconds and imports of loading the Dagster definitions",
}
"""Benchmark -> one-line help. The module ``benchmarks.<name>`` holds a click command called ``command``."""


@click.group(cls=LazyGroup, package="benchmarks", lazy_commands=BENCHMARKS)
def command() -> None:
    """Measure one part; every benchmark has --json.

    \b
    Example:
      fivefold bench definitions --json
    """
