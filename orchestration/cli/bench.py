"""``fivefold bench``: what is measured, each in ``benchmarks/<name>.py``."""

from __future__ import annotations

import click

from orchestration.cli.lazy import LazyGroup

BENCHMARKS = {
    "all": "Every benchmark that needs no data of its own",
    "cold": "make demo in a fresh clone, installs and downloads included",
    "demo": "The demo in a new workspace: wall time and memory",
    "routing": "Cost on public instance sets beside PyVRP alone and the best known",
    "large": "Generated days of 4,000 to 10,000 stops with three fleets, beside PyVRP on the whole problem",
    "real": "Amazon's Chicago day and Bosnia's eight, planned as one decision beside what was assigned",
    "quotes": "One insertion quote and one local repair on a plan of 1,000 stops, half of it locked",
    "families": "Rules solved as one decision beside assign, filter, sequence: 5 to 40 types",
    "conflicts": "Minimal conflicts and relaxations beside brute force, on planted cases",
    "planning": "What Dagster and the lake add to the solver's own time on a planned day",
    "definitions": "CPU seconds and imports of loading the Dagster definitions",
    "interventions": "Failures prevented, risk learned under interventions, late orders informed, in paired worlds",
    "decision": "One event with 2,000 open stops: state, dispatch, messages, interventions, in processor time",
    "outbox": "10,000 messages to a local receiver while the writer and the worker are killed again and again",
    "live": "A live service with 2,000 open stops: latency of decisions, a sustained stream of events",
    "dynamic": "Dispatch now or later on real days, beside greedy and lazy",
    "pickups": "Pickups and deliveries of Huawei's days as they appear, beside a greedy dispatcher",
    "drift": "Five planted shifts in the twin: detected, recovered, false alarms, poisoned labels",
    "diagnosis": "Ten planted faults, one in a small segment, and quiet weeks: which driver is named",
    "adaptation": "A shipper's own beliefs beside pooled ones: two that differ, one that is new",
    "fabric": "One capacity fabric beside silos, rate shopping, daily planning and hindsight, in paired worlds",
    "statics": "Whether shares by fleet move as prices, demand and promises say they must",
    "touches": "How a dispatcher's touches grow with orders, 100 to 3,000 a day",
    "waiting": "Orders that may wait: now or later by sampled futures, beside each dispatched at once",
    "twin": "Orders a second of the digital twin, with and without a decision at every event",
    "features": "CPU seconds of a year of deliveries through dbt, beside DuckDB alone",
    "lake": "Eight writers and two readers on the same dates, embedded PostgreSQL beside SQLite",
    "arrivals": "Coverage and width of arrival intervals along planned routes",
    "predict": "Events, scores, features and training a second on one core, beside River",
    "ingestion": "Rows a second of a validated year of deliveries, beside DuckDB alone",
}
"""Benchmark -> one-line help. The module ``benchmarks.<name>`` holds a click command called ``command``."""


@click.group(cls=LazyGroup, package="benchmarks", sections={"Benchmarks": BENCHMARKS})
def command() -> None:
    """Measure one part; every benchmark has --json.

    \b
    Example:
      fivefold bench definitions --json
    """
