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
        help="Decisions that wait for a person (on the page, or fivefold proposals); repeat for several. Of a day that "
        "begins.",
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
        "--standing-after",
        "rule_standing_after",
        type=click.IntRange(2),
        help="Answers alike to a sort of matters (cause, fleet, decision) after which a standing answer is offered. "
        "Without it there are none.",
    ),
    click.option(
        "--standing",
        "rule_standing_kinds",
        multiple=True,
        type=click.Choice(["assign", "tender", "leave"]),
        help="Decisions that one may cover; repeat for several.  [default: assign, tender]",
    ),
    click.option(
        "--standing-most",
        "rule_standing_most_minor",
        type=click.IntRange(0),
        help="The highest limit one may have, minor units a cause.",
    ),
    click.option(
        "--standing-late-seconds",
        "rule_standing_late_s",
        type=click.IntRange(0),
        help="How much later than promised one may serve somebody, where a person has allowed that.  [default: 0]",
    ),
    click.option(
        "--standing-days", "rule_standing_days", type=click.IntRange(1), help="How long one holds.  [default: 28]"
    ),
    click.option(
        "--standing-a-day",
        "rule_standing_a_day",
        type=click.IntRange(1),
        help="Causes of a day that one answers.  [default: 4]",
    ),
    click.option(
        "--standing-band-bp",
        "rule_standing_band_bp",
        type=click.IntRange(1),
        help="Its limit, of 10,000 of the dearest of the answers alike.  [default: 12500]",
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
    """Options ``--approve...``, ``--standing...``, ``--waiting``; the function gets what was ``given``, by its name."""

    @functools.wraps(function)
    def collected(**arguments: Any) -> Any:
        own = {name: arguments.pop(name) for name in list(arguments) if name.startswith("rule_")}
        given = {name.removeprefix("rule_"): value for name, value in own.items() if value not in (None, ())}
        return function(**arguments, given=given)

    for option in reversed(OPTIONS):
        collected = option(collected)
    return collected
