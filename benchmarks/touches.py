"""``fivefold bench touches``: how a dispatcher's touches grow with orders.

A touch is a decision that waits for a dispatcher: a proposal, which holds all that one cause calls for. Days of growing
size are played event by event in the twin, with the same rates of what goes wrong an order and a vehicle: crews grow
with the orders, so a day ten times as large has ten times the breakdowns, absences and declines. Each day is played
once for each rule of who is asked, and all rules meet the same day.

The exponent is the slope of a Poisson regression of touches on ln(orders), with log link: days without a touch count as
what they are. Its interval is by profile likelihood, widened by the dispersion of the counts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks.fabric import numbers
from benchmarks.fabric_day import Driver
from benchmarks.fabric_world import FIRST_DAY, GIG, UNSERVED_MINOR, World, account, rough_city
from domain.errors import InputError
from models.parameters import Beliefs
from operations.state import Approvals, DayState, Sort, StandingAnswer
from operations.state.standing import ANY
from orchestration.cli.options import fivefold_command
from solvers.plan import Plan
from solvers.planner import assemble
from solvers.problem import UNLIMITED, PlanningProblem

KINDS = ("assign", "tender", "leave")
AUTHORITY_MINOR = 5_000
"""What may be decided without asking, an event: 50.00."""
MATERIAL_BP = 100
"""What is material to a day: one percent of its plan."""
PER_HOUR = 4
ALIKE = 3
"""Answers alike after which a standing answer is offered."""
LATE_S = 3_600
"""How much later than promised a standing answer may serve somebody: an hour. Declared."""
LOAD, AN_ORDER_MINOR = 60, 1_500
WRITTEN = (
    ("vehicle_out", "assign", LOAD * AN_ORDER_MINOR),
    ("vehicle_out", "tender", LOAD * AN_ORDER_MINOR),
    ("vehicle_out", "leave", 5 * UNSERVED_MINOR),
    ("tender_failed", "assign", 10 * AN_ORDER_MINOR),
    ("tender_failed", "tender", 10 * AN_ORDER_MINOR),
    ("route_ended", "leave", 10 * UNSERVED_MINOR),
)
"""What a company writes down before the first day: the orders of a van that is out go elsewhere at up to 15.00 an order
for a full van (60), those that a fleet declines at the same price for ten; in each case by van or by tender, and nobody
is served more than an hour later than promised. What would cost more than leaving it waits for another day: up to five
orders of a van that is out, ten that a route brings back at its end. Six words of a person, once."""
PLAYBOOK = tuple(
    StandingAnswer(
        f"playbook/{cause}/{kind}", Sort(cause, ANY, kind), limit, 4, FIRST_DAY + timedelta(days=365),
        by="the company", late_s=LATE_S,
    )
    for cause, kind, limit in WRITTEN
)  # fmt: skip
RULES = {
    "every": Approvals(KINDS),
    "authority": Approvals(above_minor=AUTHORITY_MINOR),
    "material": Approvals(above_bp=MATERIAL_BP),
    "standing": Approvals(above_bp=MATERIAL_BP, standing_after=ALIKE, standing_late_s=LATE_S),
    "playbook": Approvals(
        above_bp=MATERIAL_BP, standing_after=ALIKE, standing_late_s=LATE_S, standing_kinds=("assign", "tender", "leave")
    ),
    "attention": Approvals(KINDS, most_per_hour=PER_HOUR),
}
"""Who is asked: for each event; from a price on; from a share of the plan's cost on; the same with standing
answers; until an hour is full."""
ASKED = {
    "every": "each cause that calls for something",
    "authority": f"causes that call for {AUTHORITY_MINOR} minor units or more",
    "material": f"causes that call for {MATERIAL_BP} of 10,000 of the plan's cost or more",
    "standing": f"the same, and standing answers are offered after {ALIKE} answers alike",
    "playbook": f"the same, and {len(PLAYBOOK)} standing answers are written down before the first day",
    "attention": f"each cause, {PER_HOUR} an hour at most",
}
TARGET = 0.3
GIG_SHARE, GIG_STOPS = 0.15, 5
TOUCH_S, ITEM_S = 60, 10
"""What a look at a proposal takes, and at each order in it: declared, not measured (the page measures it)."""


def played_plan(world: World, day: Any, problem: PlanningProblem) -> tuple[Any, Plan]:
    """The city's own plan with its nearest orders given to couriers, as the twin reads it and by exact times.

    The city's dispatcher thinks in half of the times: nothing may bar a sequence.
    """
    swept = world.city.baseline_plan(day).sort_values("sequence")
    present = {one.vehicle_id for one in problem.vehicles}
    swept = swept[swept["vehicle_id"].isin(present)]
    couriers = _couriers(problem)
    taken = {name for own in couriers.values() for name in own}
    sequences = {
        str(name): [str(one) for one in own if one not in taken]
        for name, own in swept.groupby("vehicle_id")["order_id"]
    }
    orders = [replace(one, windows=(), required_certifications=frozenset()) for one in problem.orders]
    vans = [replace(one, end_s=one.end_s + 6 * 3_600, capacity=UNLIMITED) for one in problem.vehicles]
    open_ = replace(problem, orders=tuple(orders), vehicles=tuple(vans))
    sequences = {name: own for name, own in (sequences | couriers).items() if own}
    made = assemble(open_, sequences, engine="city", seed=0, solver_s=0.0, reasons=False)
    return world.frame(day, (problem, made)), made


def _couriers(problem: PlanningProblem) -> dict[str, list[str]]:
    """The nearest orders of each depot to its couriers, a few each."""
    found: dict[str, list[str]] = {}
    for depot in problem.depots:
        own = [one for one in problem.orders if (one.depot_id or problem.depots[0].depot_id) == depot.depot_id]
        seconds = problem.travel.duration_s[depot.location]
        near = sorted(own, key=lambda one: (int(seconds[one.location]), one.order_id))[: round(GIG_SHARE * len(own))]
        crew = [one.vehicle_id for one in problem.vehicles if one.fleet_id == GIG and one.depot_id == depot.depot_id]
        for number, name in enumerate(sorted(crew)):
            found[name] = [one.order_id for one in near[number * GIG_STOPS : (number + 1) * GIG_STOPS]]
    return found


def day_of(
    world: World, number: int, rules: Sequence[str] = tuple(RULES), before: dict[str, DayState] | None = None
) -> dict[str, Any]:
    """One day under each rule: touches, orders in them, cost, and what went wrong.

    ``before``: the last day by each rule, whose standing answers go on; is brought up to this one.
    """
    day = FIRST_DAY + timedelta(days=number)
    problem = world.problem(day)
    frame, made = played_plan(world, day, problem)
    known, begun, last = world.city.orders_for(day), time.process_time(), {} if before is None else before
    row: dict[str, Any] = {
        "orders": len(problem.orders),
        "plan_minor": made.cost_minor,
        "cost_minor": {},
        "touches": {},
    }
    row |= {"items": {}, "alone": {}, "spent": {}, "largest": {}}
    for name in rules:
        playbook = PLAYBOOK if name == "playbook" else ()
        driver = Driver(world, day, problem, made, Beliefs(), RULES[name], last.get(name), playbook)
        came = account(driver.drive(world.city.live_day(day, frame)), known)
        state = last[name] = driver.state
        asked = [one for one in state.proposals.values() if one.items]
        # a touch is a matter that waits for a person (who may say yes for good with it), or a word about a standing
        # answer by itself, to renew it
        row["touches"][name] = len(asked) + driver.words
        row["items"][name] = sum(len(one.items) for one in asked)
        row["alone"][name] = len({one.cause_id for one in state.standing.uses} - {one.proposal_id for one in asked})
        row["cost_minor"][name] = came.cost_minor
        row["spent"][name] = {whose: sum(own.values()) for whose, own in driver.spent.items()}
        row["largest"][name] = {whose: max(own.values(), default=0) for whose, own in driver.spent.items()}
    return row | {"processor_s": time.process_time() - begun}


def exponent(orders: Sequence[float], touches: Sequence[float]) -> dict[str, float | None]:
    """Slope of a Poisson regression with log link of counts on ln(orders), with a 95 % interval.

    By profile likelihood (the deviance from its least by 3.84), times the dispersion of the counts where they vary more
    than Poisson counts do. Without any touch there is nothing to tell: None.
    """
    x, y = np.log(np.asarray(orders, dtype=float)), np.asarray(touches, dtype=float)
    if not y.sum() or np.ptp(x) == 0:
        return {"exponent": None, "low": None, "high": None, "dispersion": None}
    centred = x - x.mean()

    def expected(slope: float) -> npt.NDArray[np.float64]:
        # for a slope the best level is known: it makes the sums equal
        shape = np.exp(slope * centred)
        found: npt.NDArray[np.float64] = shape * (y.sum() / shape.sum())
        return found

    slopes = np.linspace(-5.0, 5.0, 10_001)
    likely = np.array([float((y * np.log(mean) - mean).sum()) for mean in map(expected, slopes)])
    best = int(likely.argmax())
    mean = expected(float(slopes[best]))
    spread = max(1.0, float(((y - mean) ** 2 / mean).sum()) / max(1, len(y) - 2))
    inside = slopes[2 * (likely[best] - likely) / spread <= 3.841]
    found = {"exponent": slopes[best], "low": inside[0], "high": inside[-1], "dispersion": spread}
    return {name: round(float(value), 3) for name, value in found.items()}


def _days(text: str, sizes: list[int]) -> list[int]:
    given = numbers(text)
    return given if len(given) == len(sizes) else [given[0]] * len(sizes)


def _worlds(text: str, sizes: list[int]) -> list[list[int]]:
    """Seeds of each size: those between slashes, or the same for all."""
    given = [numbers(one) for one in text.split("/")]
    if len(given) not in (1, len(sizes)):
        raise InputError(f"--seeds: {len(given)} lists of worlds between slashes, but --orders has {len(sizes)} sizes")
    return given if len(given) == len(sizes) else given * len(sizes)


@click.option("--orders", default="100,300,1000,3000", show_default=True, help="Orders a day.")
@click.option("--days", default="50,25,6,2", show_default=True, help="Days of each size and seed; one number: of all.")
@click.option("--seeds", default="1-2", show_default=True, help="Worlds: 1-20, or 3,5,9; of each size: 1-20/1-2.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Worlds that are played at once.")
@click.option("--rules", default=",".join(RULES), show_default=True, help="Who is asked: some of these.")
@fivefold_command(
    "Touches of a dispatcher on days of growing size, played event by event in the twin under six rules of who is "
    "asked, and the exponent of touches on orders with its interval.",
    example="fivefold bench touches --orders 100,300,1000 --days 20,10,5 --seeds 1-2 --json",
)
def command(home: Path, orders: str, days: str, seeds: str, workers: int, rules: str) -> Any:
    asked = tuple(rules.split(","))
    if unknown := [one for one in asked if one not in RULES]:
        raise InputError(f"--rules: there is no rule {unknown[0]!r}; there are {', '.join(RULES)}")
    sizes = numbers(orders)
    # large worlds take longest and come first
    each = sorted(zip(sizes, _days(days, sizes), _worlds(seeds, sizes), strict=True), reverse=True)
    worlds = [(seed, size, count, asked) for size, count, own in each for seed in own]
    played = [row for own in _played(worlds, workers) for row in own]
    rows = [_row(size, [one for one in played if one["a_day"] == size], asked) for size in sizes]
    known = [one["orders"] for one in played]
    fits = {name: exponent(known, [one["touches"][name] for one in played]) for name in asked}
    # what a standing answer has answered would have been a touch
    asked_all = {
        name: exponent(known, [one["touches"][name] + one["alone"][name] for one in played])
        for name in asked
        if RULES[name].standing_after is not None
    }
    minutes = {name: exponent(known, [_minutes(one, name) for one in played]) for name in asked}
    result = {
        "rows": rows,
        "exponents": fits,
        "exponents_if_nothing_stood": asked_all,
        "exponents_of_touch_minutes": minutes,
        "target": TARGET,
        "rules": {name: ASKED[name] for name in asked},
        "touch_s": TOUCH_S,
        "item_s": ITEM_S,
    }

    def show() -> None:
        for row in rows:
            click.echo(f"{row['a_day']:>6} orders a day: touches a day {row['touches_a_day']}")
        for name, fit in fits.items():
            click.echo(f"{name:>10}: exponent {fit['exponent']} ({fit['low']} to {fit['high']}); target {TARGET}")

    return result, show


def _played(worlds: Sequence[tuple[int, int, int, tuple[str, ...]]], workers: int) -> list[list[dict[str, Any]]]:
    """Days of each world (seed, orders a day, days, rules), which know nothing of one another."""
    if workers == 1:
        return [_world(one) for one in worlds]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(_world, worlds))


def _world(one: tuple[int, int, int, tuple[str, ...]]) -> list[dict[str, Any]]:
    seed, size, count, asked = one
    world, before = World.of(rough_city(seed, size)), dict[str, DayState]()
    rows = [{"a_day": size} | day_of(world, number, asked, before) for number in range(count)]
    touches = {name: sum(row["touches"][name] for row in rows) for name in asked}
    click.echo(f"{size:>6} orders a day, world {seed}, {count} days: touches {touches}", err=True)
    return rows


def _minutes(row: dict[str, Any], rule: str) -> float:
    return (TOUCH_S * row["touches"][rule] + ITEM_S * row["items"][rule]) / 60


def _row(size: int, own: list[dict[str, Any]], asked: Sequence[str]) -> dict[str, Any]:
    count, orders = len(own), sum(one["orders"] for one in own)
    return {
        "a_day": size,
        "days": count,
        "orders": orders,
        "touches": {name: sum(one["touches"][name] for one in own) for name in asked},
        "touches_a_day": {name: round(sum(one["touches"][name] for one in own) / count, 2) for name in asked},
        "answered_alone": {name: sum(one["alone"][name] for one in own) for name in asked},
        "touch_minutes_a_day": {name: round(sum(_minutes(one, name) for one in own) / count, 1) for name in asked},
        "days_without_a_touch": {name: sum(not one["touches"][name] for one in own) for name in asked},
        "cost_minor_an_order": {
            name: round(sum(one["cost_minor"][name] for one in own) / max(1, orders), 1) for name in asked
        },
        "carried_out_of_plan": {name: _carried_out(own, name) for name in asked},
        "processor_s": round(sum(one["processor_s"] for one in own), 1),
    }


def _carried_out(own: list[dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
    """Money that was decided about by whose word: all, of 1,000 of what the plans cost, and the dearest event."""
    plan = max(1, sum(one["plan_minor"] for one in own))
    return {
        whose: {
            "per_mille": round(1_000 * sum(one["spent"][name][whose] for one in own) / plan, 2),
            "minor": sum(one["spent"][name][whose] for one in own),
            "largest_minor": max(one["largest"][name][whose] for one in own),
        }
        for whose in ("person", "standing", "unasked")
    }
