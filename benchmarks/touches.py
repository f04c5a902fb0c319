"""``fivefold bench touches``: how a dispatcher's touches grow with orders: beta of ln(touches) on ln(orders).

The city's own night plans are re-decided through the day. All that an event calls for
waits for a person, as one proposal. Counted is what would be answered. A person's attention does not grow
with the orders, so an hour has room for so many proposals; the rest is done as proposed. Both are printed.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.fabric_day import Driver
from benchmarks.fabric_world import FIRST_DAY, World, rough_city
from models.parameters import Beliefs
from operations.state import Approvals
from orchestration.cli.options import fivefold_command
from solvers.plan import Plan
from solvers.planner import assemble
from solvers.problem import UNLIMITED, PlanningProblem

SIZES = {100: 6, 300: 3, 1_000: 2, 3_000: 1}
"""Orders a day: days that are played."""
KINDS = ("assign", "tender", "leave")
PER_HOUR = 1


def swept(world: World, day: Any, problem: PlanningProblem) -> tuple[Any, Plan]:
    """The city's own plan, by exact times. Its dispatcher thinks in half of them: nothing may bar a sequence."""
    frame = world.city.baseline_plan(day)
    vehicles = {one.vehicle_id for one in problem.vehicles}
    frame = frame[frame["vehicle_id"].isin(vehicles)]
    routes = frame.sort_values("sequence").groupby("vehicle_id")["order_id"]
    sequences = {str(name): [str(one) for one in own] for name, own in routes}
    orders = [replace(one, windows=(), required_certifications=frozenset()) for one in problem.orders]
    vans = [replace(one, end_s=one.end_s + 6 * 3_600, capacity=UNLIMITED) for one in problem.vehicles]
    open_ = replace(problem, orders=tuple(orders), vehicles=tuple(vans))
    return frame, assemble(open_, sequences, engine="city", seed=0, solver_s=0.0, reasons=False)


def day_of(world: World, number: int, approvals: Approvals) -> tuple[int, int, float]:
    """Orders, proposals and processor seconds of one day."""
    day = FIRST_DAY + timedelta(days=number)
    problem = world.problem(day)
    frame, made = swept(world, day, problem)
    begun = time.process_time()
    driver = Driver(world, day, problem, made, Beliefs(), approvals)
    driver.drive(world.city.live_day(day, frame))
    asked = sum(bool(one.items) for one in driver.state.proposals.values())
    return len(problem.orders), asked, time.process_time() - begun


def exponent(orders: list[float], touches: list[float]) -> float:
    """Least squares slope of ln(touches) on ln(orders); half a touch stands for none."""
    return float(np.polyfit(np.log(orders), np.log(np.maximum(touches, 0.5)), 1)[0])


@click.option("--most", type=click.IntRange(100), default=3_000, show_default=True, help="Largest day.")
@click.option("--seed", default=1, show_default=True, help="World.")
@fivefold_command(
    "Touches of a dispatcher at 100 to 3,000 orders a day in the twin, with and without a limit of attention, and the "
    "exponent of touches on orders.",
    example="fivefold bench touches --most 1000 --json",
)
def command(home: Path, most: int, seed: int) -> Any:
    rows = []
    for size, days in SIZES.items():
        if size > most:
            continue
        world = World.of(rough_city(seed, size))
        found: dict[str, Any] = {"orders": 0, "limited": 0, "unlimited": 0, "processor_s": 0.0}
        for number in range(days):
            for name, limit in (("limited", PER_HOUR), ("unlimited", None)):
                rule = Approvals(KINDS, None, 600, limit)
                orders, asked, seconds = day_of(world, number, rule)
                found[name] += asked
                found["processor_s"] += seconds
            found["orders"] += orders
        rows.append({"a_day": size, "days": days, **found, "processor_s": round(found["processor_s"], 1)})
        click.echo(f"{size:>6} a day: {found}", err=True)
    per_day = [row["orders"] / row["days"] for row in rows]
    result = {
        "rows": rows,
        "exponent": round(exponent(per_day, [row["limited"] / row["days"] for row in rows]), 3),
        "exponent_unlimited": round(exponent(per_day, [row["unlimited"] / row["days"] for row in rows]), 3),
        "per_hour": PER_HOUR,
        "target": 0.3,
    }

    def show() -> None:
        for row in rows:
            click.echo(f"{row['a_day']:>6} orders a day: {row['limited'] / row['days']:.1f} touches a day")
        click.echo(f"exponent {result['exponent']} (without a limit {result['exponent_unlimited']}); target 0.3")

    return result, show
