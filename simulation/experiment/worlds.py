"""An arm in a world: a burn-in that every arm shares, then scored days."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from domain.codes import ControlMode
from domain.errors import InputError
from simulation.city import City
from simulation.demand import draw_orders
from simulation.experiment.arms import Arm
from simulation.experiment.belief import Belief
from simulation.experiment.day import Operator, _learn_answers, run_day, seen_of
from simulation.experiment.evening import policy_of, projected, stops_ahead
from simulation.experiment.kernels import PACE
from simulation.experiment.planning import DayPlan, Known, arrays_of, known_of
from simulation.experiment.settings import Settings
from simulation.live import LiveDay
from simulation.play import DayResult
from simulation.scenario import load_scenario
from simulation.schema import Scenario
from simulation.world import World

SEED_BASE = 5_000
WIDTH_DAYS = 7
PASSES = 3
"""Times that the burn-in is gone through: times and rates settle against each other."""


def scenario_of(settings: Settings, seed: int) -> Scenario:
    """The scenario of a world.

    Raises:
        InputError: it is not a city with one depot and three fleets: routed, offered by route, offered by order.
    """
    scenario = load_scenario(settings.scenario)
    modes = [one.control_mode for one in scenario.fleets]
    if sum(one.depots for one in scenario.cities) != 1 or modes != list(ControlMode):
        raise InputError(
            f"scenario {settings.scenario!r}: the experiment needs one depot and three fleets in this order: "
            f"{', '.join(ControlMode)}"
        )
    update: dict[str, Any] = {"seed": SEED_BASE + seed}
    if not settings.shifts:
        update["shocks"] = ()
    if settings.effects:
        update["effects"] = scenario.effects.model_copy(update=dict(settings.effects))
    scenario = scenario.model_copy(update=update)
    return scenario if scenario.demand.orders_per_day == settings.orders else scenario.scaled(settings.orders)


@lru_cache(maxsize=2)
def city_and_belief(settings: Settings, seed: int) -> tuple[City, Belief]:
    """The city and what any operation believes of it after the burn-in (run by the city's own dispatcher)."""
    city = City(scenario_of(settings, seed))
    world = city.world
    belief = Belief(world.customers.count, len(world.zone_ids))
    days = []
    for number in range(settings.burn_in, 0, -1):
        day = settings.first_day - timedelta(days=number)
        orders = draw_orders(world, day)
        live = LiveDay(world, day, city.baseline_plan(day))
        for _ in live:
            pass
        result, known = live.result(), known_of(world, orders)
        days.append((seen_of(world, orders, known, result)[0], known, result))
    belief.fit_law([seen for seen, _, _ in days])
    for turn in range(PASSES):
        for seen, known, result in days:
            belief.learn_times(seen)
            if turn == 0:
                belief.risk.learn(seen, seen.failed.astype(float))
                _learn_answers(world, known, belief, result)
    for _, known, result in days[-WIDTH_DAYS:]:
        _learn_widths(world, known, belief, result, settings)
    return city, belief


def _learn_widths(world: World, known: Known, belief: Belief, result: DayResult, settings: Settings) -> None:
    """How far the burn-in's visits lay outside what would have been projected for its routes at departure."""
    arrays, out_km = arrays_of(known, belief, world, Arm(0), settings)
    log, plan = result.log, result.setup.plan
    row_of = {int(number): row for row, number in enumerate(known.vehicle)}
    for route in range(len(plan.route_ids)):
        visits = np.flatnonzero((log.route == route) & log.went)
        row = row_of.get(int(plan.vehicle[route]))
        if len(visits) < 2 or row is None:
            continue
        visits = visits[np.argsort(log.arrive_s[visits], kind="stable")]
        sequence, pace = log.order[visits], float(arrays.prices[known.fleet[row], PACE])
        none = np.empty(0, dtype=np.int64)
        made = DayPlan(arrays, none, none, arrays.starts, none, np.empty(0), out_km)
        paths = projected(made, belief, sequence, len(known), float(plan.starts_s[route]), pace, seed=route)
        low, high = paths.quantiles([0.1, 0.9])
        begin = log.start_s[visits]
        for place, score in enumerate(np.maximum(low - begin, begin - high).tolist()):
            belief.interval.learn(stops_ahead(place), score)


def run_arm(arm: Arm, seed: int, settings: Settings, told: Callable[[int], object] | None = None) -> dict[str, Any]:
    """All scored days of ``arm`` in world ``seed``: sums by name, a list of days each."""
    city, learned = city_and_belief(settings, seed)
    operator = Operator(arm, copy.deepcopy(learned), policy_of(settings, seed))
    sums: dict[str, list[float]] = {}
    for number in range(settings.days):
        counts = run_day(city.world, settings.first_day + timedelta(days=number), operator, settings)
        for name, value in counts.items():
            sums.setdefault(name, []).append(float(np.round(value, 6)))
        if told is not None:
            told(number + 1)
    return {"arm": arm.name, "mask": arm.mask, "shared": arm.shared, "seed": seed, "sums": sums}
