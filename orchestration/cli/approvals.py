"""What waits for a person, as options of a command that begins a day: one value, ``Approvals``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

OPTIONS = (
    click.option(
        "--approve",
        "approve_kinds",
        multiple=True,
        type=click.Choice(["assign", "tender", "leave"]),
        help="Decisions that wait for a person on the page; repeat for several. Of a day that begins.",
    ),
    click.option(
        "--approve-above",
        "approve_above_minor",
        type=click.IntRange(0),
        help="What costs at least so much an event waits, minor units.",
    ),
    click.option(
        "--approve-above-bp", type=click.IntRange(0), help="The same, of 10,000 of the plan's cost; the higher holds."
    ),
    click.option(
        "--approve-seconds",
        "approve_answer_s",
        type=click.IntRange(1),
        default=600,
        show_default=True,
        help="How long they wait.",
    ),
    click.option(
        "--approve-per-hour",
        "approve_most_per_hour",
        type=click.IntRange(0),
        help="Proposals an hour at most; others are just done.",
    ),
)


def with_approvals(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options ``--approve...``; the function gets ``approvals``."""

    @functools.wraps(function)
    def collected(**arguments: Any) -> Any:
        from operations.state import Approvals

        own = {name: arguments.pop(name) for name in list(arguments) if name.startswith("approve_")}
        approvals = Approvals(**{name.removeprefix("approve_"): value for name, value in own.items()})
        return function(**arguments, approvals=approvals)

    for option in reversed(OPTIONS):
        collected = option(collected)
    return collected
