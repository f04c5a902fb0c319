"""By which rules a day is begun, as options of a command: what waits for a person, and what waits for what may come."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

OPTIONS = (
    click.option(
        "--approve",
        "rule_kinds",
        multiple=True,
        type=click.Choice(["assign", "tender", "leave"]),
        help="Decisions that wait for a person on the page; repeat for several. Of a day that begins.",
    ),
    click.option(
        "--approve-above",
        "rule_above_minor",
        type=click.IntRange(0),
        help="What costs at least so much an event waits, minor units.",
    ),
    click.option(
        "--approve-above-bp",
        "rule_above_bp",
        type=click.IntRange(0),
        help="The same, of 10,000 of the plan's cost; the higher holds.",
    ),
    click.option(
        "--approve-seconds", "rule_answer_s", type=click.IntRange(1), help="How long they wait.  [default: 600]"
    ),
    click.option(
        "--approve-per-hour",
        "rule_most_per_hour",
        type=click.IntRange(0),
        help="Proposals an hour at most; others are just done.",
    ),
    click.option(
        "--waiting",
        "rule_waiting",
        type=click.Choice(["futures", "last_chance", "at_once"]),
        help="Which orders wait for what may still come: by sampled futures, all until one must go, none. Of a day "
        "that begins.  [default: futures]",
    ),
)


def with_day_rules(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options ``--approve...`` and ``--waiting``; the function gets ``given``: what was said, by its name."""

    @functools.wraps(function)
    def collected(**arguments: Any) -> Any:
        own = {name: arguments.pop(name) for name in list(arguments) if name.startswith("rule_")}
        given = {name.removeprefix("rule_"): value for name, value in own.items() if value not in (None, ())}
        return function(**arguments, given=given)

    for option in reversed(OPTIONS):
        collected = option(collected)
    return collected
