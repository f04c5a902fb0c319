"""``fivefold bench quotes``: how long one insertion quote, and one local repair, take on a large plan under way."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from typing import Any

import click
import numpy as np

from orchestration.cli.options import fivefold_command

TARGETS = {"quote_p95_ms": 100.0, "repair_ms": 1_000.0}


def under_way(stops: int, seed: int) -> tuple[Any, Any]:
    """A day whose plan was made by sectors: windows lie around the arrivals, so that it is feasible."""
    from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window
    from solvers.planner import assemble

    rng = random.Random(seed)
    vans = math.ceil(stops / 32)
    at = np.array([(15_000, 15_000), *((rng.randrange(30_000), rng.randrange(30_000)) for _ in range(stops))])
    metres = np.rint(1.3 * np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))).astype(np.int64)
    orders = [Order(f"o{n}", n, "d", 120, (), Load(1_000, 1, 1), penalty_minor=25_000) for n in range(1, stops + 1)]
    vehicles = tuple(
        Vehicle(f"v{n}", "f", "d", 7 * 3_600, 19 * 3_600, Load(60_000, 99, 60), tariff=Tariff(5_000, 0, 0, 40, 1_800))
        for n in range(vans + 2)
    )
    problem = PlanningProblem((Depot("d", 0),), tuple(orders), vehicles, Travel(metres, metres // 9))
    by_angle = sorted(orders, key=lambda o: math.atan2(*(at[o.location] - at[0]).tolist()))
    sequences = {}
    for n in range(vans):
        left, here, ids = by_angle[n * stops // vans : (n + 1) * stops // vans], 0, []
        while left:
            nearest = min(left, key=lambda o, here=here: metres[here, o.location])
            left.remove(nearest)
            ids.append(nearest.order_id)
            here = nearest.location
        sequences[f"v{n}"] = ids
    first = assemble(problem, sequences, engine="sectors", seed=seed, solver_s=0.0)
    served = {v.order_id: v.service_start_s for r in first.routes for v in r.visits}
    windowed = tuple(
        replace(
            o, windows=(Window(max(0, served[o.order_id] - rng.randrange(1_800, 7_200)), served[o.order_id] + 5_400),)
        )
        if rng.random() < 0.6
        else o
        for o in orders
    )
    problem = replace(problem, orders=windowed)
    return problem, assemble(problem, sequences, engine="sectors", seed=seed, solver_s=0.0)


@fivefold_command(
    "Quote new orders on a plan of 1,000 stops, half of it locked, and repair it locally after each of some inserts.",
    example="fivefold bench quotes --json\nfivefold bench quotes --stops 2000",
)
def command(stops: int, asked: int, seed: int, home: Any) -> Any:
    from solvers import Load, Order, Window, verify
    from solvers.replan import Quoter, locks_of, repair, with_order

    problem, plan = under_way(stops, seed)
    times = sorted(visit.arrival_s for route in plan.routes for visit in route.visits)
    now = times[len(times) // 2]
    locks = locks_of(plan, now_s=now, relax="all")
    locked = sum(len(lock.orders) for lock in locks)
    rng = random.Random(seed)
    begun = time.perf_counter()
    quoter = Quoter(problem, plan, locks)
    built = time.perf_counter() - begun
    spent, busy, found, new = [], [], 0, []
    for n in range(asked):
        start = now + rng.randrange(0, 7_200)
        order = Order(f"new{n}", rng.randrange(1, stops), "d", 120, (Window(start, start + 7_200),), Load(1_000, 1, 1))
        order = replace(order, penalty_minor=25_000)
        begun, worked = time.perf_counter(), time.process_time()
        quotes = quoter.quotes(order)
        spent.append(1_000 * (time.perf_counter() - begun))
        busy.append(1_000 * (time.process_time() - worked))
        found += bool(quotes)
        new.append(order)
    repairs, broken, kept = [], 0, 0
    for order in new[:5]:
        begun = time.perf_counter()
        mended = repair(with_order(problem, order), plan, locks=locks, seconds=0.5)
        repairs.append(1_000 * (time.perf_counter() - begun))
        grown = replace(with_order(problem, order), locks=locks)
        broken += bool(verify(grown, mended))
        kept += order.order_id not in {one.order_id for one in mended.unserved}
    result = {
        "stops": stops,
        "locked": locked,
        "quotes": asked,
        "quoted": found,
        "build_ms": round(1_000 * built, 1),
        "quote_p50_ms": round(float(np.percentile(spent, 50)), 2),
        "quote_p95_ms": round(float(np.percentile(spent, 95)), 2),
        "quote_processor_p95_ms": round(float(np.percentile(busy, 95)), 2),
        "repair_ms": round(max(repairs), 1),
        "repairs_that_serve_it": f"{kept} of {len(repairs)}",
        "invalid_plans": broken,
        "targets": TARGETS,
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>22}  {value}")

    return result, show


command = click.option("--stops", default=1_000, show_default=True, help="Stops of the plan.")(command)
command = click.option("--asked", default=200, show_default=True, help="Quotes asked for.")(command)
command = click.option("--seed", default=1, show_default=True, help="Which day.")(command)
