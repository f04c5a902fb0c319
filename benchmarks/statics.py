"""``fivefold bench statics``: does the night's plan answer a change of the world as economics says it must?

What becomes dearer is used less, so each share must move one way, step by step: gig price up, gig share down; more
demand, overflow (what own vans do not bring) up; a dearer missed promise, more for the fleet that keeps it. A search
finds now a better, now a worse plan, whatever the price is; so at each step the best of all plans that were found on
the curve counts, priced anew. Shares are means over worlds; what one step moves against the direction is printed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.fabric import numbers
from benchmarks.fabric_world import CARRIER, FIRST_DAY, GIG, OWN, World, rough_city
from orchestration.cli.options import fivefold_command
from solvers import PlanningProblem, Vehicle
from solvers.explainer import sequences_of
from solvers.plan import Plan
from solvers.planner import assemble
from solvers.problem import UNLIMITED
from solvers.replan import repair

STEPS = 10
TOLERANCE = 0.005
FULL_STOPS = 20
DIRECTION = {"gig_price": (GIG, -1), "demand": ("overflow", 1), "on_time": (OWN, 1)}
MISS = {OWN: 0.01, CARRIER: 0.06, GIG: 0.10}
"""Share of stops that each fleet brings after the window: declared, own vans are the most reliable."""


def shares_of(world: World, problems: list[PlanningProblem], fleet: str, iterations: int) -> list[float]:
    """Share of the orders that a fleet brings in the best plan of each problem, of all plans found for any of them.

    ``overflow``: all but own vans, left orders included.
    """
    pool = [sequences_of(world.solve(one, iterations)) for one in problems]
    best = [min((_priced(problem, one) for one in pool), key=_cost) for problem in problems]
    for step, problem in enumerate(problems[1:], 1):
        # orders that the last step did not have yet find a place in its plan too
        grown = repair(problem, best[step - 1], seed=1, iterations=iterations // 2)
        best[step] = min(best[step], grown, key=_cost)
    for step in range(len(problems) - 2, -1, -1):
        best[step] = min(best[step], _priced(problems[step], sequences_of(best[step + 1])), key=_cost)
    return [_share(one, fleet) for one in best]


def _priced(problem: PlanningProblem, sequences: dict[str, list[str]]) -> Plan:
    """A plan of other prices or more orders under a problem's own: orders it does not have are skipped."""
    known = {one.order_id for one in problem.orders}
    own = {name: kept for name, ids in sequences.items() if (kept := [one for one in ids if one in known])}
    return assemble(problem, own, engine="priced", seed=0, solver_s=0.0, reasons=False)


def _cost(plan: Plan) -> int:
    return plan.transport_minor + plan.failure_minor + plan.penalty_minor + plan.rule_minor


def _share(plan: Plan, fleet: str) -> float:
    count: dict[str, int] = {}
    for route in plan.routes:
        count[route.fleet_id] = count.get(route.fleet_id, 0) + len(route.visits)
    total = sum(count.values()) + len(plan.unserved)
    return (total - count.get(OWN, 0)) / total if fleet == "overflow" else count.get(fleet, 0) / total


def dearer(problem: PlanningProblem, fleet: str, factor: float) -> PlanningProblem:
    """``problem`` with another price a stop and kilometre of one fleet."""

    def changed(one: Vehicle) -> Vehicle:
        if one.fleet_id != fleet:
            return one
        tariff = one.tariff
        stop, km = round(tariff.per_stop_minor * factor), round(tariff.per_km_minor * factor)
        return replace(one, tariff=replace(tariff, per_stop_minor=stop, per_km_minor=km))

    return replace(problem, vehicles=tuple(changed(one) for one in problem.vehicles))


def sunk_crews(problem: PlanningProblem) -> PlanningProblem:
    """``problem`` with own crews that are paid whether they drive or not, and whose vans are full already.

    Only then does more demand have to overflow. Crews paid by the hour stay at home on a slow day, and more orders in
    the same streets bring one more of them out: their share may rise, and rightly.
    """

    def sunk(one: Vehicle) -> Vehicle:
        if one.fleet_id != OWN:
            return one
        tariff = replace(one.tariff, per_route_minor=0, per_hour_minor=0, overtime_per_hour_minor=0)
        room = replace(one.capacity, parcels=UNLIMITED.parcels)
        return replace(one, tariff=tariff, capacity=room, max_stops=FULL_STOPS)

    return replace(problem, vehicles=tuple(sunk(one) for one in problem.vehicles))


def stricter(problem: PlanningProblem, price_minor: int) -> PlanningProblem:
    """``problem`` in which a missed promise costs ``price_minor``, expected by fleet."""
    costs = {fleet: round(miss * price_minor) for fleet, miss in MISS.items()}
    orders = [
        replace(one, failure_cost_minor={name: one.expected_failure_minor(name) + more for name, more in costs.items()})
        for one in problem.orders
    ]
    return replace(problem, orders=tuple(orders))


def curves(seeds: list[int], orders: int, steps: int, iterations: int) -> dict[str, list[list[float]]]:
    """Shares by statics, world and step."""
    found: dict[str, list[list[float]]] = {name: [] for name in DIRECTION}
    for seed in seeds:
        # demand grows to +30 % of what the crews are for: the first share of the orders of the largest day
        whole = World.of(rough_city(seed, round(orders * 1.3), _crews(orders)))
        full = whole.problem(FIRST_DAY)
        base = replace(full, orders=full.orders[: round(len(full.orders) / 1.3)])
        steps_ = [step / steps for step in range(steps + 1)]
        counts = [round(len(base.orders) * (1 + 0.3 * one)) for one in steps_]
        problems = {
            "gig_price": [dearer(base, GIG, 0.5 + 1.5 * one) for one in steps_],
            "demand": [sunk_crews(replace(full, orders=full.orders[:count])) for count in counts],
            "on_time": [stricter(base, round(6_000 * one)) for one in steps_],
        }
        for name, own in problems.items():
            found[name].append(shares_of(whole, own, DIRECTION[name][0], iterations))
    return found


TITLES = {
    "gig_price": "price of couriers, half to double",
    "demand": "orders, as planned for to +30 %",
    "on_time": "price of a missed promise, 0 to 60.00",
}


def _crews(orders: int) -> dict[str, dict[str, Any]]:
    """Crews for ``orders``, so that more demand does not bring more vans."""
    from benchmarks.fabric_world import DRIVERS, PER_DAY

    return {name: {"drivers": max(1, round(count * orders / PER_DAY))} for name, count in DRIVERS.items()}


def judged(found: dict[str, list[list[float]]]) -> dict[str, Any]:
    """By statics: mean shares by step, the largest step against the direction, whether it holds."""
    result = {}
    for name, (what, sign) in DIRECTION.items():
        mean = np.array(found[name]).mean(axis=0)
        moves = sign * np.diff(mean)
        result[name] = {
            "share_of": what,
            "direction": "up" if sign > 0 else "down",
            "shares": [round(float(one), 4) for one in mean],
            "against": round(float(max(0.0, -moves.min())), 4),
            "moved": round(float(sign * (mean[-1] - mean[0])), 4),
            "holds": bool(moves.min() >= -TOLERANCE and sign * (mean[-1] - mean[0]) > TOLERANCE),
        }
    return result


@click.option("--seeds", default="1-3", show_default=True, help="Worlds: 1-3, or 3,5,9.")
@click.option("--orders", type=click.IntRange(20), default=100, show_default=True, help="Orders a day.")
@click.option("--steps", type=click.IntRange(1), default=STEPS, show_default=True, help="Steps of each curve.")
@click.option("--iterations", type=click.IntRange(10), default=60, show_default=True, help="Of each plan's search.")
@fivefold_command(
    "Comparative statics of the night's plan: gig price up, gig share down; demand up, overflow up; a stricter on-time "
    "target, more for the more reliable fleet.",
    example="fivefold bench statics --json",
)
def command(home: Path, seeds: str, orders: int, steps: int, iterations: int) -> Any:
    result = judged(curves(numbers(seeds), orders, steps, iterations))

    def show() -> None:
        for name, one in result.items():
            shares = " ".join(f"{value:.3f}" for value in one["shares"])
            verdict = "holds" if one["holds"] else f"does not hold (moved {one['moved']}, {one['against']} against)"
            click.echo(
                f"{TITLES[name]}: share of {one['share_of']} should go {one['direction']}\n  {shares}: {verdict}"
            )

    return result, show
