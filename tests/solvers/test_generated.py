"""Column generation: labels against all routes there are, the relaxation's cuts, and plans that are never worse."""

import time
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import Load, Tariff, verify
from solvers.engines import starts
from solvers.engines.compiled.triples import above_worth, violated
from solvers.engines.generated import generate, generates, tables_of
from solvers.engines.relaxation import Known, Relaxation
from solvers.engines.task import Task, solve
from solvers.engines.worker import Worker
from solvers.evaluator import Evaluator
from solvers.planner import SolveSettings, assemble, plan
from tests.solvers.test_engines import day, forked  # noqa: F401
from tests.solvers.test_starts import hurried  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def machine_code():
    """Made before the first test that has a limit of time."""
    generate(Evaluator(small(1, count=2)), [(0,), (1,)], [], 600.0)


def every_route(problem):
    """Each route that keeps all rules, by the evaluator, with its cost."""
    evaluator = Evaluator(problem)
    vehicle = problem.vehicles[0]
    found = {}
    for size in range(1, len(problem.orders) + 1):
        for route in permutations(range(len(problem.orders)), size):
            made = evaluator.evaluate(vehicle, [problem.orders[one] for one in route])
            if made is not None:
                found[route] = made.cost
    return found


def small(seed, count=5, **more):
    """A day whose loads and times bind."""
    problem = day(count, seed=seed)
    vehicle = replace(problem.vehicles[0] if problem.vehicles else day(8).vehicles[0], capacity=Load(30), **more)
    fleet = tuple(replace(vehicle, vehicle_id=f"v{n}") for n in range(count))
    return replace(problem, vehicles=fleet)


def relaxed(problem, chance):
    """Any prices and tolls, on a relaxation that was never solved."""
    count = len(problem.orders)
    relaxation = Relaxation(Known(count), [1.0] * count, len(problem.vehicles))
    relaxation.worth = chance.uniform(0, 3_000, count)
    relaxation.vehicle = -float(chance.uniform(0, 300))
    triples = list(combinations(range(count), 3))
    relaxation.cuts = [triples[one] for one in chance.permutation(len(triples))[:4]]
    relaxation.tolls = chance.uniform(0, 600, len(relaxation.cuts))
    return relaxation


def above(relaxation, route, cost):
    """What a route costs above what its orders are worth."""
    tolls = sum(
        toll for cut, toll in zip(relaxation.cuts, relaxation.tolls, strict=True) if len(set(cut) & set(route)) >= 2
    )
    return cost - relaxation.worth[list(route)].sum() - relaxation.vehicle + tolls


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_labels_that_rule_out_nothing_by_chance_find_the_cheapest_of_all_routes(seed, open_end):
    problem = small(seed, open_end=open_end)
    relaxation = relaxed(problem, np.random.default_rng(seed))
    routes = every_route(problem)
    found, by = tables_of(Evaluator(problem)).cheap(relaxation, width=200, per_order=400, below=2_000.0, strict=True)
    for route, says in zip(found, by, strict=True):
        assert abs(above(relaxation, route, routes[route]) - says) < 1.0
    least = min(above(relaxation, route, cost) for route, cost in routes.items())
    if least < 1_990.0:
        assert abs(by.min() - least) < 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_few_labels_find_routes_that_can_be_driven(seed):
    problem = small(seed, 30)
    evaluator = Evaluator(problem)
    tables = tables_of(evaluator)
    relaxation = relaxed(problem, np.random.default_rng(seed))
    found, by = tables.cheap(relaxation, width=4, per_order=3, below=0.0)
    assert len(found)
    for route, says, price in zip(found, by, tables.prices(found), strict=True):
        assert len(set(route)) == len(route)
        made = evaluator.evaluate(problem.vehicles[0], [problem.orders[one] for one in route])
        assert made is not None and abs(made.cost - price) < 1.0
        assert abs(above(relaxation, route, price) - says) < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_triples_are_violated_where_counting_says_so(seed):
    chance = np.random.default_rng(seed)
    count, size = int(chance.integers(3, 8)), int(chance.integers(1, 10))
    serves = (chance.random((size, count)) < 0.5).astype(np.int8)
    shares = chance.random(size)
    triples, excess = violated(serves, shares, 0.05)
    found = {tuple(one.tolist()): by for one, by in zip(triples, excess, strict=True)}
    for triple in combinations(range(count), 3):
        by = shares[serves[:, triple].sum(axis=1) >= 2].sum() - 1.0
        assert (triple in found) == (by > 0.05) or abs(by - 0.05) < 1e-9
        if triple in found:
            assert abs(found[triple] - by) < 1e-9
    costs, worth, tolls = chance.random(size), chance.random(count), chance.random(len(triples))
    told = above_worth(serves, costs, worth, triples, tolls)
    paid = [tolls[[serves[r][one].sum() >= 2 for one in triples]].sum() for r in range(size)]
    assert np.allclose(told, costs - serves @ worth + paid)


def cheapest_of_all(problem):
    """What the best plan that serves everybody costs, by adding routes to sets of served orders."""
    least = {}
    for route, cost in every_route(problem).items():
        key = frozenset(route)
        least[key] = min(least.get(key, cost), cost)
    best = {frozenset(): 0}
    everybody = frozenset(range(len(problem.orders)))
    for size in range(len(problem.orders)):
        for served in [one for one in best if len(one) == size]:
            first = min(everybody - served)
            for stops, cost in least.items():
                if first in stops and not stops & served:
                    both = served | stops
                    best[both] = min(best.get(both, 10**18), best[served] + cost)
    return best[everybody]


@pytest.mark.parametrize("seed", range(6))
def test_generated_routes_make_the_best_plan_of_a_few_orders(seed):
    problem = small(seed, 6)
    singles = [(one,) for one in range(6)]
    found = generate(Evaluator(problem), singles, [], 10.0)
    assert abs(found.cost - cheapest_of_all(problem)) < 2.0


def test_a_task_of_column_generation_gives_a_cheaper_plan_that_keeps_all_rules_and_routes_that_do():
    problem = day(40, seed=3)
    problem = replace(problem, vehicles=tuple(replace(problem.vehicles[0], vehicle_id=f"v{n}") for n in range(40)))
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    initial = {f"v{n}": [one.order_id] for n, one in enumerate(problem.orders)}
    task = Task(4.0, 1, initial=initial, engine="columns", cpu=True)
    answer = solve(problem, orders, vehicles, {}, task, time.process_time())
    assert answer.sequences is not None and answer.left == 0
    plan = assemble(problem, answer.sequences, engine="columns", seed=1, solver_s=0.0, reasons=False)
    assert verify(problem, plan) == []
    assert abs(plan.cost_minor - answer.cost) < len(plan.routes) + 1
    evaluator = Evaluator(problem)
    for vehicle, ids, cost in answer.routes:
        made = evaluator.evaluate(vehicles[vehicle], [orders[one] for one in ids])
        assert made is not None and abs(made.cost - cost) < 1.0


@pytest.mark.parametrize(("share", "generated"), [(1.0, True), (0.3, False)])
def test_one_worker_generates_columns_where_it_has_a_processor(hurried, share, generated):  # noqa: F811
    hurried.setattr(starts, "GENERATED_S", 0.0)
    given, give, heard = [], Worker.give, Worker.answer
    hurried.setattr(Worker, "answer", lambda worker: replace(heard(worker), processor_share=share))
    hurried.setattr(
        Worker, "give", lambda own, task, payload=None: (given.append(task.engine), give(own, task, payload))
    )
    problem = day(40, seed=3)
    assert generates(Evaluator(problem))
    found = plan(problem, SolveSettings(seconds=3, seed=1, workers=2))
    assert verify(problem, found) == [] and found.unserved == ()
    assert ("columns" in given) == generated, given


def test_what_labels_do_not_know_is_left_to_others():
    problem = day(20)
    assert generates(Evaluator(problem))
    van = problem.vehicles[0]
    first, *rest = problem.orders
    beyond = [
        {"vehicles": (replace(van, tariff=Tariff(500, per_hour_minor=100)),)},
        {"vehicles": (replace(van, max_duration_s=3_600),)},
        {"vehicles": (replace(van, max_stops=3),)},
        {"vehicles": (van, replace(van, vehicle_id="other", capacity=Load(7)))},
        {"orders": (replace(first, banned_vehicles=frozenset({van.vehicle_id})), *rest)},
        {"orders": (replace(first, release_s=60), *rest)},
        {"orders": (replace(first, kind="pickup"), *rest)},
        {"orders": (replace(first, windows=(*first.windows, *first.windows)), *rest)},
    ]
    for change in beyond:
        assert not generates(Evaluator(replace(problem, **change)))
