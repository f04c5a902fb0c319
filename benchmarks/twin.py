"""``fivefold bench twin``: how fast the twin plays days, whether they are identical, and what memory they take.

Times are CPU seconds of one process, the best of the repetitions, so that other work on the machine does not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.all import lines
from orchestration.cli.options import fivefold_command

TARGETS = {"orders_per_s": 50_000, "orders_per_s_with_events": 5_000, "peak_mb": 1_024, "import_s": 0.5}
ARM = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
from benchmarks.twin import {arm}
result = {arm}({size}, {repeats})
result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(result))
"""


def play(orders: int, repeats: int) -> dict[str, Any]:
    """A day at once under a given plan: orders, physics, events and invoices as frames; the plan is not counted."""
    import time
    from datetime import date

    from simulation import City, load_scenario

    city = City(load_scenario().scaled(orders))
    plan = city.baseline_plan(date(2026, 3, 3))
    best, physics = float("inf"), float("inf")
    for _ in range(repeats):
        city.world.conditions.clear()
        began = time.process_time()
        played = city.play_day(date(2026, 3, 3), plan)
        physics = min(physics, time.process_time() - began)
        played.events, played.invoices  # noqa: B018
        best = min(best, time.process_time() - began)
    return {"orders": len(plan), "seconds": best, "physics_seconds": physics, "digest": _digest(played.events)}


def live(orders: int, repeats: int) -> dict[str, Any]:
    """A day event by event with a handler that is called and decides at every event."""
    import time
    from datetime import date

    from simulation import Action, City, load_scenario

    city = City(load_scenario().scaled(orders))
    plan = city.baseline_plan(date(2026, 3, 3))
    best, decided = float("inf"), 0

    def decide(view: Any, event: Any) -> list[Any]:
        nonlocal decided
        decided += 1
        return [Action("message", event.ingest_time, (event.order_id,) if event.order_id else ())]

    for _ in range(repeats):
        decided = 0
        began = time.process_time()
        played = city.drive(date(2026, 3, 3), plan, decide)
        best = min(best, time.process_time() - began)
    return {"orders": len(plan), "seconds": best, "decisions": decided, "digest": _digest(played.events)}


def _digest(events: Any) -> str:
    from hashlib import sha256

    import pandas as pd

    return sha256(pd.util.hash_pandas_object(events, index=False).to_numpy().tobytes()).hexdigest()


def _arm(arm: str, size: int, repeats: int) -> dict[str, Any]:
    root = str(Path(__file__).resolve().parent.parent)
    code = ARM.format(root=root, arm=arm, size=size, repeats=repeats)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    if out.returncode:
        raise click.ClickException(out.stderr[-2_000:])
    found: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return found


def _import_seconds(statement: str) -> float:
    code = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    root = str(Path(__file__).resolve().parent.parent)
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
        for _ in range(3)
    ]
    return min(float(one) for one in runs)


def _same_in_two_processes(orders: int) -> bool:
    """Files of four days written by one process and by two, compared byte by byte."""
    import tempfile
    from datetime import date

    from simulation import load_scenario
    from simulation.landing import simulate

    scenario = load_scenario().scaled(orders)
    with tempfile.TemporaryDirectory() as place:
        found = []
        for jobs in (1, 2):
            out = Path(place) / f"out-{jobs}"
            list(simulate(scenario, date(2026, 3, 2), 4, out, Path(place) / f"truth-{jobs}", jobs))
            folders = (out, Path(place) / f"truth-{jobs}")
            found.append(
                {
                    f"{number}/{path.relative_to(folder)}": path.read_bytes()
                    for number, folder in enumerate(folders)
                    for path in sorted(folder.rglob("*.parquet"))
                }
            )
        return bool(found[0]) and found[0] == found[1]


@fivefold_command(
    "Play a large day at once and a day event by event; compare runs and processes to the bit.",
    example="fivefold bench twin --json\nfivefold bench twin --orders 20000",
)
def command(orders: int, live_orders: int, home: Path) -> Any:
    at_once = _arm("play", orders, 3)
    again = _arm("play", orders, 1)
    by_event = _arm("live", live_orders, 3)
    by_event_again = _arm("live", live_orders, 1)
    result = {
        "orders_per_s": round(at_once["orders"] / at_once["seconds"]),
        "orders_per_s_with_events": round(by_event["orders"] / by_event["seconds"]),
        "identical": at_once["digest"] == again["digest"]
        and by_event["digest"] == by_event_again["digest"]
        and _same_in_two_processes(400),
        "peak_mb": round(at_once["peak_mb"]),
        "orders": at_once["orders"],
        "orders_per_s_physics_only": round(at_once["orders"] / at_once["physics_seconds"]),
        "decisions_per_s": round(by_event["decisions"] / by_event["seconds"]),
        "peak_mb_with_events": round(by_event["peak_mb"]),
        "import_s": round(_import_seconds("import simulation"), 3),
        "import_s_with_city": round(_import_seconds("from simulation import City, load_scenario"), 3),
        **{f"target_{name}": value for name, value in TARGETS.items()},
    }

    def show() -> None:
        for line in lines(result):
            click.echo(line)

    return result, show


command = click.option(
    "--orders", default=100_000, show_default=True, type=click.IntRange(100, 500_000), help="Of the day at once."
)(command)
command = click.option(
    "--live-orders", default=5_000, show_default=True, type=click.IntRange(100, 100_000), help="Of the day by event."
)(command)
