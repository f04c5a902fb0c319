"""The ``fivefold`` command. Each subcommand is a module that is imported only when it is called."""

from __future__ import annotations

import click

from orchestration.cli.lazy import LazyGroup

SECTIONS = {
    "See it whole": {
        "demo": "A city or a real source, end to end: ingest, learn, plan, report",
        "ui": "The Dagster UI",
        "simulate": "Play days of the digital twin into a folder of tables",
        "realism": "The twin beside real sets: distances, and what gives it away",
        "experiment": "Are five drivers together worth more than their parts? Measured in the twin",
    },
    "Bring data in and look after the lake": {
        "ingest": "Load a source into the lake, validated",
        "doctor": "Explain what is wrong with a mapping or its data",
        "lake": "What the lake holds; merge its files, expire old snapshots",
    },
    "Plan, prove and explain": {
        "plan": "Plan one service date of a source",
        "solve": "Solve a problem file: VRPLIB, Solomon, Li and Lim, MAMUT, VROOM or our JSON",
        "verify": "Prove a plan against its problem; price what it exceeds, give arrivals, explain",
        "constraints": "The constraint types, their parameters and units",
    },
    "Predict and learn": {
        "evaluate": "Train on the past of a source and score its future",
        "train": "Fit the models of a built source and ask the promotion gate",
        "tune": "Search LightGBM parameters on the past of a source (extra: tuning)",
        "models": "List, promote or roll back registered models",
        "signals": "Which families of features feed a task, and what leaving one out costs",
        "score": "Stops of a running day scored again: arrival, lateness, failure, hazards",
    },
    "Close the loop and show it": {
        "lineage": "From an outcome to what it taught and the decisions that used it, and back",
        "trajectory": "What learning is worth by week, beside a frozen arm: a source or the twin",
        "drift": "Losses that rose, features that moved, challengers in the shadow, roll-back",
        "evidence": "Diagnostic questions about each driver, answered from data, findings by cost",
        "scorecards": "Fleets and carriers: service, acceptance, scans, ETA error, cost, with intervals",
        "backfill": "Past dates as they could have been made then, compared bit for bit",
        "overrides": "What dispatchers keep changing by hand, as proposed rules with their plan cost",
        "sequences": "What driven orders of stops teach, on held-out routes",
    },
    "Run the day": {
        "live": "The day as a service: events in, decisions out, a page for dispatchers",
        "dispatch": "One micro-batch of a running day: what became known is decided",
        "proposals": "What of a running day waits for a person: list it, approve it, decide otherwise",
        "standing": "What dispatchers let be done without asking again: list it, allow it, end it",
        "replay": "Decide a day again and compare it bit for bit",
        "watch": "What customers are told of a running day",
        "act": "Decide interventions and messages of a planned date",
        "interventions": "What was decided about risks: list it, agree to it, take it back",
        "serve": "The customers' pages behind signed links: answers and tracking",
        "outbox": "Messages decided, delivered, waiting and dead",
        "trail": "One order from promise to cost, with what was not done",
    },
    "Settle, and look after people's data": {
        "invoice": "What a contract says is owed; a carrier's invoice reconciled line by line",
        "contacts": "Where-is-my-order contacts, and what a message is worth",
        "people": "The address book: names, addresses and consent",
        "forget": "Erase a customer, keep the statistics",
    },
    "Measure": {
        "bench": "Measure speed, memory and quality beside a baseline",
    },
}
"""What a person is about to do -> subcommand -> one-line help.

The module of a subcommand's name holds a click command called ``command``.
"""
COMMANDS = {name: told for section in SECTIONS.values() for name, told in section.items()}


@click.group(
    cls=LazyGroup,
    package="orchestration.cli",
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
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
