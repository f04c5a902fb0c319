"""``fivefold bench families``: rules solved as one decision, beside assigning first, filtering then, sequencing last.

The same generated days with 5, 10, 20 and 40 constraint types active (the fewer are among the more), the same engine,
the same processor seconds. The silo assigns orders to vehicles by cost, loads and windows alone; gives what a rule
between vehicle and order forbids to the nearest vehicle that is allowed; then sequences each vehicle for itself under
all rules, leaving out what does not fit. Both plans are proven by the verifier.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import click
import numpy as np

from orchestration.cli.options import fivefold_command

HOUR = 3_600
ZONES = ("north", "east", "south", "west", "centre")
Make = Callable[[random.Random, list[str]], dict[str, Any]]


def _some(rng: random.Random, ids: list[str], share: float) -> frozenset[str]:
    return frozenset(rng.sample(ids, max(2, round(share * len(ids)))))


def templates() -> dict[str, Make]:
    """Constraint type -> what an instance of it looks like on a generated day."""
    soft: dict[str, Any] = {"hard": False}
    return {
        "emission_class": lambda r, i: {"orders": _some(r, i, 0.3), "authority": "law"},
        "zone_closed": lambda r, i: {"parameters": {"zones": ("centre",)}, "authority": "law"},
        "goods_allowed": lambda r, i: {"orders": _some(r, i, 0.5)},
        "equipment": lambda r, i: {},
        "driver_skill": lambda r, i: {},
        "crew_size": lambda r, i: {},
        "access_height": lambda r, i: {"orders": _some(r, i, 0.4)},
        "tail_lift": lambda r, i: {},
        "temperature_range": lambda r, i: {},
        "age_check": lambda r, i: {"orders": _some(r, i, 0.4)},
        "vehicle_only": lambda r, i: {"orders": _some(r, i, 0.08), "parameters": {"allowed": ("own",)}},
        "vehicle_forbidden": lambda r, i: {"orders": _some(r, i, 0.15), "fleets": frozenset({"gig"})},
        "max_attempts": lambda r, i: {"fleets": frozenset({"gig"}), "parameters": {"limit": 2}},
        "usual_driver": lambda r, i: {"price_minor": 80, **soft},
        "familiarity": lambda r, i: {"price_minor": 60, **soft},
        "territory": lambda r, i: {"price_minor": 90, **soft},
        "goods_segregation": lambda r, i: {"parameters": {"pairs": ("frozen|paint",)}, "authority": "law"},
        "orders_apart": lambda r, i: {"orders": _some(r, i, 0.06)},
        "compartments": lambda r, i: {},
        "cash_limit": lambda r, i: {"parameters": {"limit": 30_000}},
        "hazard_points": lambda r, i: {"parameters": {"limit": 1_000}, "authority": "law"},
        "distinct_limit": lambda r, i: {"parameters": {"attribute": "zone", "limit": 3}, "price_minor": 200, **soft},
        "axle_load": lambda r, i: {"authority": "law"},
        "window": lambda r, i: {
            "orders": _some(r, i, 0.3),
            "parameters": {"start_s": 9 * HOUR, "end_s": 12 * HOUR},
            "price_minor": 1,
            **soft,
        },
        "done_by": lambda r, i: {"orders": _some(r, i, 0.2), "parameters": {"end_s": 14 * HOUR}},
        "closed_hours": lambda r, i: {
            "orders": _some(r, i, 0.3),
            "parameters": {"start_s": 12 * HOUR, "end_s": 13 * HOUR},
        },
        "zone_hours": lambda r, i: {"parameters": {"zones": ("west",), "start_s": 11 * HOUR, "end_s": 15 * HOUR}},
        "target_time": lambda r, i: {
            "orders": _some(r, i, 0.1),
            "parameters": {"target_s": 10 * HOUR, "tolerance_s": 1_800},
            "price_minor": 1,
            **soft,
        },
        "latest_return": lambda r, i: {"fleets": frozenset({"partner"}), "parameters": {"end_s": 16 * HOUR}},
        "max_waiting": lambda r, i: {"parameters": {"limit_s": 1_800}, "price_minor": 1, **soft},
        "working_time_break": lambda r, i: {"fleets": frozenset({"own"}), "authority": "law"},
        "max_working": lambda r, i: {"parameters": {"limit_s": 8 * HOUR}},
        "daily_rest": lambda r, i: {"authority": "law"},
        "on_time_chance": lambda r, i: {"orders": _some(r, i, 0.4), "price_minor": 1, **soft},
        "precedence": lambda r, i: {"parameters": {"sequence": tuple(r.sample(i, 4))}},
        "served_first": lambda r, i: {"orders": _some(r, i, 0.05)},
        "max_ride": lambda r, i: {"orders": _some(r, i, 0.2), "parameters": {"limit_s": 3 * HOUR}},
        "attribute_order": lambda r, i: {"parameters": {"attribute": "fragile_rank"}, "price_minor": 15, **soft},
        "same_vehicle": lambda r, i: {"orders": _some(r, i, 0.06), "price_minor": 300, **soft},
        "different_vehicles": lambda r, i: {"orders": _some(r, i, 0.05), "price_minor": 300, **soft},
        "max_stops": lambda r, i: {"fleets": frozenset({"gig"}), "parameters": {"limit": 8}},
        "max_distance": lambda r, i: {"parameters": {"limit_m": 90_000}},
        "energy_range": lambda r, i: {"fleets": frozenset({"gig"})},
        "min_volume": lambda r, i: {
            "fleets": frozenset({"partner"}),
            "parameters": {"limit": 12},
            "price_minor": 120,
            **soft,
        },
        "max_share": lambda r, i: {
            "fleets": frozenset({"gig"}),
            "parameters": {"percent": 25},
            "price_minor": 150,
            **soft,
        },
        "balance": lambda r, i: {"parameters": {"limit": 6}, "price_minor": 60, **soft},
        "dock_wave": lambda r, i: {"parameters": {"limit": 3}, "price_minor": 200, **soft},
        "priority": lambda r, i: {"orders": _some(r, i, 0.15), "price_minor": 3_000, **soft},
    }


def generated(seed: int, count: int) -> Any:
    """A day of ``count`` orders in a town, three fleets with their own prices and abilities; no rule yet."""
    from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window

    rng = random.Random(seed)
    at = np.array([(10_000, 10_000), *((rng.randrange(20_000), rng.randrange(20_000)) for _ in range(count))])
    metres = np.rint(1.3 * np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))).astype(np.int64)
    drivers = ("anna", "ben", "cem", "dora")

    def zone(n: int) -> str:
        x, y = at[n] - 10_000
        if max(abs(x), abs(y)) < 3_000:
            return "centre"
        return ("east" if x > 0 else "west") if abs(x) > abs(y) else ("north" if y > 0 else "south")

    orders = []
    for n in range(1, count + 1):
        start = rng.choice([8, 9, 10, 12, 14]) * HOUR
        orders.append(
            Order(
                f"o{n}",
                n,
                "d",
                rng.randrange(120, 600),
                (Window(start, start + rng.choice([2, 4, 6]) * HOUR),) if rng.random() < 0.4 else (),
                Load(rng.randrange(1_000, 60_000), rng.randrange(10_000, 200_000), rng.randrange(1, 4)),
                penalty_minor=10_000,
                attributes={
                    "zone": zone(n),
                    "goods": rng.choice(["dry", "dry", "dry", "frozen", "paint"]),
                    "emission_class": rng.choice([0, 0, 4, 5]),
                    "equipment": ("trolley",) if rng.random() < 0.15 else (),
                    "skills": ("install",) if rng.random() < 0.1 else (),
                    "crew": 2 if rng.random() < 0.08 else 1,
                    "height_mm": rng.choice([2_100, 2_600, 3_500]),
                    "lift_kg": 300 if rng.random() < 0.08 else 0,
                    "age_check": int(rng.random() < 0.3),
                    "attempts": rng.choice([0, 0, 0, 1, 2]),
                    "usual_driver": rng.choice(drivers),
                    "cash_minor": rng.choice([0, 0, 0, 4_000, 9_000]),
                    "hazard_points": rng.choice([0, 0, 0, 150, 300]),
                    "fragile_rank": rng.randrange(3),
                    "length_mm": rng.randrange(100, 300),
                    "eta_spread_s": rng.randrange(0, 400),
                    **({"temperature_max": 60} if rng.random() < 0.12 else {}),
                },
            )
        )
    vehicles = []
    for n, fleet in enumerate(["own", "own", "own", "partner", "partner", "gig", "gig"]):
        rich = fleet == "own"
        vehicles.append(
            Vehicle(
                f"{fleet}{n}",
                fleet,
                "d",
                7 * HOUR,
                17 * HOUR,
                Load(900_000, 3_000_000, 40),
                {},
                {
                    "own": Tariff(2_500, 0, 0, 45, 900),
                    "partner": Tariff(1_500, 220, 10, 55),
                    "gig": Tariff(0, 420, 0, 60),
                }[fleet],
                driver_id=drivers[n % 4],
                attributes={
                    "goods": ("dry", "frozen", "paint") if rich else ("dry", "paint"),
                    "emission_class": 5 if rich else 4 if fleet == "partner" else 6,
                    "equipment": ("trolley",) if fleet != "gig" else (),
                    "skills": ("install",) if n == 0 else (),
                    "crew": 2 if n in {1, 3} else 1,
                    "height_mm": 2_500 if rich else 2_900 if fleet == "partner" else 1_900,
                    "lift_kg": 500 if n in {0, 3} else 0,
                    "age_check": int(fleet != "gig"),
                    "territory": tuple(rng.sample(ZONES, 3)),
                    "known_zones": tuple(rng.sample(ZONES, 3)),
                    "zone_permits": ("centre",) if n in {0, 5} else (),
                    "temperature_max": 50 if n in {0, 1} else 200,
                    "compartment_dry": 30,
                    "compartment_frozen": 4 if rich else 0,
                    "compartment_paint": 6,
                    "last_shift_end_s": rng.choice([18, 20, 21]) * HOUR,
                    "wheelbase_mm": 3_600,
                    "bed_start_mm": 900,
                    "axle_front_max_kg": 1_900,
                    "axle_rear_max_kg": 2_300,
                    "axle_front_empty_kg": 1_500,
                    "axle_rear_empty_kg": 1_900,
                    "battery_wh": 12_000,
                    "wh_per_km": 180,
                },
            )
        )
    return PlanningProblem((Depot("d", 0),), tuple(orders), tuple(vehicles), Travel(metres, metres // 9))


def ruled(problem: Any, seed: int, count: int) -> Any:
    """``problem`` with the first ``count`` types of the day's own sequence of types; all orders can be served.

    Hard instances are drawn around a plan of a different town (other distances, other prices), which keeps them: what
    it does not keep is taken out of their scope, or they are drawn again.
    """
    from solvers.families import REGISTRY
    from solvers.proof import excess

    rng = random.Random(seed)
    every = templates()
    names = sorted(every)
    rng.shuffle(names)
    noise = np.random.default_rng(seed).uniform(0.4, 2.5, problem.travel.duration_s.shape)
    elsewhere = replace(
        problem,
        travel=replace(problem.travel, distance_m=np.rint(problem.travel.distance_m * noise).astype(np.int64)),
        vehicles=tuple(replace(v, tariff=tariff_elsewhere(rng)) for v in problem.vehicles),
    )
    keeper = at_home(problem, spend(elsewhere, {}, 0.6, seed))
    ids = [order.order_id for order in problem.orders]
    vehicle_of = {visit.order_id: route.vehicle_id for route in keeper.routes for visit in route.visits}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    rules = []
    for name in names[:count]:
        kind = REGISTRY[name]
        for attempt in range(40):
            rule = drawn(every, name, ids, f"{seed}-{name}-{attempt}")
            if kind.pair and rule.hard:
                fine = {
                    order.order_id
                    for order in problem.orders
                    if (not rule.orders or order.order_id in rule.orders)
                    and order.order_id in vehicle_of
                    and not (
                        (not rule.fleets or vehicles[vehicle_of[order.order_id]].fleet_id in rule.fleets)
                        and kind.pair(complete(rule), vehicles[vehicle_of[order.order_id]], order)
                    )
                }
                rule = replace(rule, orders=frozenset(fine))
            if not rule.hard or kind.hard_only or not excess(problem, keeper, rule):
                break
        rules.append(rule if not rule.hard or kind.hard_only or not excess(problem, keeper, rule) else softened(rule))
    return replace(problem, rules=tuple(rules))


def drawn(every: dict[str, Make], name: str, ids: list[str], seed: str) -> Any:
    """An instance of a type."""
    from solvers.problem import Rule

    return Rule(f"r-{name}", name, **every[name](random.Random(seed), ids))


def complete(rule: Any) -> Any:
    from solvers.families import complete as with_defaults

    return with_defaults(rule)


def softened(rule: Any) -> Any:
    """A rule that even the plan it was drawn around does not keep: a price instead of a wall."""
    return replace(rule, hard=False, price_minor=1, authority="policy")


def tariff_elsewhere(rng: random.Random) -> Any:
    """Prices of the other town."""
    from solvers import Tariff

    return Tariff(rng.randrange(0, 4_000), rng.randrange(0, 400), 0, rng.randrange(20, 90), rng.randrange(0, 1_500))


def at_home(problem: Any, sequences: dict[str, list[str]]) -> Any:
    """A plan of sequences."""
    from solvers.planner import assemble

    return assemble(problem, sequences, engine="given", seed=0, solver_s=0.0, reasons=False)


def spend(problem: Any, initial: dict[str, list[str]], seconds: float, seed: int) -> dict[str, list[str]]:
    """Ruin and recreate for so many seconds of this process (not of the clock: other work must not count)."""
    from solvers.engines import insertion
    from solvers.evaluator import Evaluator

    evaluator = Evaluator(problem)
    ends = time.process_time() + seconds
    found, step = initial, 0
    while step == 0 or time.process_time() < ends:
        found = insertion.improve(
            problem, found, seed=seed * 1_000 + step, iterations=12, deadline=float("inf"), evaluator=evaluator
        )
        step += 1
    return found


def integrated(problem: Any, seconds: float, seed: int) -> Any:
    """Everything at once."""
    return at_home(problem, spend(problem, {}, seconds, seed))


def silo(problem: Any, seconds: float, seed: int) -> Any:
    """Assign, filter, sequence."""
    from solvers.evaluator import Evaluator

    assigned = spend(replace(problem, rules=()), {}, seconds / 2, seed)
    evaluator = Evaluator(problem)
    orders, row = evaluator.orders, problem.travel.duration_s
    belongs: dict[str, list[str]] = {v.vehicle_id: [] for v in problem.vehicles}
    homeless = []
    for vehicle_id, ids in assigned.items():
        vehicle = evaluator.vehicles[vehicle_id]
        for one in ids:
            allowed = evaluator.pair_price(vehicle, orders[one]) is not None
            (belongs[vehicle_id] if allowed else homeless).append(one)
    for one in homeless:
        able = [v for v in problem.vehicles if evaluator.pair_price(v, orders[one]) is not None]
        place = orders[one].location
        near = {
            v.vehicle_id: min((int(row[place, orders[o].location]) for o in belongs[v.vehicle_id]), default=10**9)
            for v in able
        }
        if near:
            belongs[min(near, key=lambda key: (near[key], key))].append(one)
    sequences: dict[str, list[str]] = {}
    used = [key for key, ids in belongs.items() if ids]
    for key in used:
        own = frozenset(belongs[key])
        rules = tuple(
            replace(rule, orders=rule.orders & own)
            for rule in problem.rules
            if (not rule.orders or rule.orders & own) and evaluator_scope(rule) != "plan"
        )
        alone = replace(
            problem,
            orders=tuple(o for o in problem.orders if o.order_id in own),
            vehicles=(evaluator.vehicles[key],),
            rules=tuple(rule for rule in rules if not rule.vehicles or key in rule.vehicles),
        )
        sequences |= spend(alone, {}, seconds / 2 / len(used), seed)
    return at_home(problem, sequences)


def evaluator_scope(rule: Any) -> str:
    """What a rule's excess depends on."""
    from solvers.families import REGISTRY

    return REGISTRY[rule.type].scope


def interval(values: list[float], seed: int = 1) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(seed)
    means = rng.choice(np.array(values), (4_000, len(values))).mean(axis=1)
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


@fivefold_command(
    "Plan generated days with 5, 10, 20 and 40 constraint types active as one decision, and by assigning, filtering "
    "and sequencing; the cost difference of the same days with its 95 % interval.",
    example="fivefold bench families --json\nfivefold bench families --days 4 --seconds 2",
)
def command(days: int, orders: int, seconds: float, seed: int, home: Any) -> Any:
    from solvers.verifier import verify

    table, invalid = [], 0
    differences: dict[int, list[float]] = {}
    begun = time.process_time()
    for types in (5, 10, 20, 40):
        one_way, silos, unserved = [], [], [0, 0]
        for day in range(days):
            problem = ruled(generated(seed * 1_000 + day, orders), seed * 1_000 + day, types)
            plans = integrated(problem, seconds, day), silo(problem, seconds, day)
            invalid += sum(bool(verify(problem, plan)) for plan in plans)
            one_way.append(plans[0].cost_minor)
            silos.append(plans[1].cost_minor)
            unserved = [a + len(plan.unserved) for a, plan in zip(unserved, plans, strict=True)]
        percent = [100 * (b - a) / b for a, b in zip(one_way, silos, strict=True)]
        differences[types] = [float(b - a) for a, b in zip(one_way, silos, strict=True)]
        low, high = interval(differences[types])
        table.append(
            {
                "types": types,
                "integrated_minor": round(float(np.mean(one_way))),
                "silo_minor": round(float(np.mean(silos))),
                "difference_minor": round(float(np.mean(differences[types]))),
                "interval": [round(low), round(high)],
                "saved_percent": round(float(np.mean(percent)), 1),
                "unserved": {"integrated": unserved[0], "silo": unserved[1]},
            }
        )
    growth = [b - a for a, b in zip(differences[5], differences[40], strict=True)]
    result = {
        "days": days,
        "orders": orders,
        "seconds": seconds,
        "levels": table,
        "off_zero": all(level["interval"][0] > 0 for level in table),
        "grows_at_each_level": all(a["difference_minor"] < b["difference_minor"] for a, b in pairwise(table)),
        "growth_5_to_40_minor": round(float(np.mean(growth))),
        "growth_interval": [round(one) for one in interval(growth)],
        "processor_s": round(time.process_time() - begun, 1),
        "invalid_plans": invalid,
    }

    def show() -> None:
        click.echo(
            f"{'types':>6} {'integrated':>12} {'silo':>12} {'difference':>11} {'saved':>7}  95 % interval, unserved"
        )
        for level in table:
            left = level["unserved"]
            click.echo(
                f"{level['types']:>6} {level['integrated_minor']:>12} {level['silo_minor']:>12} "
                f"{level['difference_minor']:>11} {level['saved_percent']:>6}%  {level['interval'][0]} to "
                f"{level['interval'][1]}, {left['integrated']} / {left['silo']}"
            )
        for key in ("off_zero", "grows_at_each_level", "growth_5_to_40_minor", "growth_interval", "invalid_plans"):
            click.echo(f"{key:>24}  {result[key]}")

    return result, show


command = click.option("--days", default=12, show_default=True, help="Days a level.")(command)
command = click.option("--orders", default=40, show_default=True, help="Orders a day.")(command)
command = click.option("--seconds", default=3.0, show_default=True, help="Processor seconds a plan.")(command)
command = click.option("--seed", default=1, show_default=True, help="Which days.")(command)
