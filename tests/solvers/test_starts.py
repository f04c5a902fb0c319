"""Many short searches: what two plans give together, routes that are gathered, and the choice among them."""

import os
import random
import time
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import verify
from solvers.engines import partition, starts
from solvers.engines.compile import compile_problem, sequences_of
from solvers.engines.crossover import Crossover
from solvers.engines.gathered import Gatherer
from solvers.engines.ils import run
from solvers.engines.master import Pool, recombine
from solvers.engines.partition import Routes, cheapest, worth_offering
from solvers.engines.task import Task, solve
from solvers.evaluator import Evaluator
from solvers.planner import SolveSettings, plan
from tests.solvers.test_engines import busy, day, forked  # noqa: F401
from tests.solvers.test_slices import grouped


def mixed(count, seed):
    """A day with pairs (whose windows leave room) and alternatives."""
    problem = grouped(day(count, seed=seed, required=False))
    ends = {one for order in problem.orders if order.pickup_of for one in (order.order_id, order.pickup_of)}
    orders = tuple(replace(one, windows=()) if one.order_id in ends else one for one in problem.orders)
    return replace(problem, orders=orders)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_what_two_plans_give_together_serves_nobody_twice_and_needs_no_vehicle_more(seed):
    import pyvrp

    problem = mixed(30, seed % 40)
    compiled = compile_problem(Evaluator(problem))
    generator = pyvrp.RandomNumberGenerator(seed=seed)
    one, other = (pyvrp.Solution.make_random(compiled.data, generator) for _ in range(2))
    child = Crossover(compiled.data)(one, other, random.Random(seed))
    found = sequences_of(compiled, child)
    served = [order for ids in found.values() for order in ids]
    assert len(served) == len(set(served))
    groups = [order.group for order in problem.orders if order.group and order.order_id in set(served)]
    assert len(groups) == len(set(groups))
    on = {order: vehicle for vehicle, ids in found.items() for order in ids}
    for order in problem.orders:
        if order.pickup_of:
            assert on.get(order.order_id) == on.get(order.pickup_of)
    assert len(found) <= len(problem.vehicles)


def test_the_same_two_plans_and_seed_give_the_same_search():
    problem = day(40, seed=3)
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}

    def answered(**how):
        return solve(problem, orders, vehicles, {}, Task(1.0, iterations=60, gather=True, **how), time.perf_counter())

    one, other = answered(seed=1, slack=(0.03, 0.0)), answered(seed=2)
    assert one.sequences and other.sequences
    for slack in (None, (0.02, 0.0)):
        bred = [answered(seed=5, initial=one.sequences, mate=other.sequences, slack=slack) for _ in range(2)]
        assert bred[0].sequences == bred[1].sequences and bred[0].sequences
        assert bred[0].routes == bred[1].routes and len(bred[0].routes) > len(bred[0].sequences)


def test_gathered_routes_can_be_driven_and_cost_what_is_said():
    problem = mixed(40, 6)
    evaluator = Evaluator(problem)
    compiled = compile_problem(evaluator)
    gatherer = Gatherer()
    best = run(compiled.data, 9.0, 1, None, barred=compiled.barred, iterations=200, on_turn=gatherer).best
    routes = gatherer.routes(compiled)
    assert len(routes) == len({(vehicle, ids) for vehicle, ids, _ in routes}) > 20
    for vehicle, ids, cost in routes:
        found = evaluator.evaluate(evaluator.vehicles[vehicle], [evaluator.orders[one] for one in ids])
        assert found is not None and abs(found.cost - cost) <= 1.0
    known = {ids for _, ids, _ in routes}
    if best.is_feasible():
        assert {tuple(ids) for ids in sequences_of(compiled, best).values()} <= known


@st.composite
def choices(draw):
    """Routes over a few rows, of two kinds of vehicles, and a choice among them."""
    height = draw(st.integers(1, 6))
    rows = draw(st.lists(st.sets(st.integers(0, height - 1), min_size=1), min_size=1, max_size=9))
    costs = draw(st.lists(st.integers(1, 60), min_size=len(rows), max_size=len(rows)))
    kinds = draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    leaving = draw(st.lists(st.integers(0, 80), min_size=height, max_size=height))
    routes = Routes([sorted(some) for some in rows], costs, kinds, draw(st.tuples(*[st.integers(0, 3)] * 2)), leaving)
    possible = list(every(routes))
    return routes, possible[draw(st.integers(0, len(possible) - 1))]


def every(routes):
    """All choices that serve no row twice and need no vehicle more than there are."""
    for count in range(len(routes.rows) + 1):
        for chosen in combinations(range(len(routes.rows)), count):
            rows = [row for one in chosen for row in routes.rows[one]]
            used = [sum(routes.kinds[one] == kind for one in chosen) for kind in range(len(routes.vehicles))]
            if len(rows) == len(set(rows)) and all(map(int.__le__, used, routes.vehicles)):
                yield list(chosen)


@settings(max_examples=60, deadline=None)
@given(choices())
def test_of_all_choices_the_cheapest_is_found_among_the_routes_that_are_worth_offering(case):
    routes, current = case
    least = min(map(routes.cost, every(routes)))
    offered = set(worth_offering(routes, current, 5.0))
    assert set(current) <= offered
    assert any(routes.cost(one) == least for one in every(routes) if set(one) <= offered)
    found = cheapest(routes, current, seconds=5.0, workers=1, seed=1)
    assert found in list(every(routes)) or sorted(found) in list(every(routes))
    assert routes.cost(found) == least


def test_without_time_for_the_relaxation_all_routes_are_offered(monkeypatch):
    monkeypatch.setattr(partition, "MOST", 2)
    routes = Routes([[0], [1], [0, 1]], [5, 5, 8], [0, 0, 0], [3], [100, 100])
    assert cheapest(routes, [0, 1], seconds=5.0, workers=1, seed=1) == [2]
    from ortools.linear_solver import pywraplp

    monkeypatch.setattr(pywraplp.Solver, "Solve", lambda _: pywraplp.Solver.NOT_SOLVED)
    assert worth_offering(routes, [0, 1], 0.0) == [0, 1, 2]


def test_a_route_that_an_engine_has_wrong_is_forgotten_and_never_driven():
    problem = day(12, seed=2)
    evaluator = Evaluator(problem)
    pool = Pool(evaluator)
    ids = tuple(order.order_id for order in problem.orders)
    single = {f"v{n}": [one] for n, one in enumerate(ids[:3])}
    pool.add(single)
    pool.offer("v0", ids, 1.0)  # all of them on one vehicle, for nothing
    assert recombine(pool, single, seconds=2.0, workers=1, seed=1) == single
    assert all(len(stops) == 1 for _, stops in pool.routes) and not pool.said


@pytest.fixture
def hurried(forked):  # noqa: F811
    """Searches so short that many go into a second."""
    forked.setattr(starts, "SHORT_S", 0.5)
    forked.setattr(starts, "START_S", 0.003)
    forked.setattr(starts, "SHORTEST_S", 0.05)
    forked.setattr("solvers.engines.crew.SHORT_S", 0.5)
    return forked


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_small_days_are_searched_from_many_starts_whatever_the_number_of_workers(hurried, workers):
    problem, said = day(40, seed=7), []
    found = plan(problem, SolveSettings(seconds=2, seed=1, workers=workers), progress=said.append)
    assert verify(problem, found) == [] and found.unserved == ()
    assert any("starts of their own" in one for one in said), said


def test_days_with_pairs_and_alternatives_are_searched_from_many_starts(hurried):
    problem, said = mixed(36, 5), []
    found = plan(problem, SolveSettings(seconds=2, seed=1), progress=said.append)
    assert verify(problem, found) == []
    assert any("starts of their own" in one for one in said), said


def test_many_starts_that_are_called_off_give_the_best_plan_so_far(hurried):
    problem, started = day(60, seed=5), time.monotonic()
    found = plan(problem, SolveSettings(seconds=60, seed=1), cancel=lambda: time.monotonic() - started > 2)
    assert time.monotonic() - started < 5 + 5 * busy()
    assert found.engine == "pyvrp" and verify(problem, found) == [] and found.served == 60


def test_searches_whose_processes_die_are_not_begun_again_for_ever(hurried):
    hurried.setattr("solvers.engines.worker.solve", lambda *_: os._exit(9))
    problem, started = day(20), time.monotonic()
    found = plan(problem, SolveSettings(seconds=3, seed=1))
    assert time.monotonic() - started < 3 + 2 + busy()
    assert verify(problem, found) == [] and found.served == 20


def test_longer_days_and_shorter_limits_are_searched_as_before(hurried):
    hurried.setattr(starts, "START_S", 1.0)
    said = []
    assert plan(day(20), SolveSettings(seconds=1, seed=1), progress=said.append).served == 20
    assert not any("starts of their own" in one for one in said)


def test_numbers_of_routes_do_not_matter_to_the_bound():
    """A plan of one long route among thousands of dear ones is found by the prices of the relaxation."""
    chance = np.random.default_rng(1)
    rows = [sorted(chance.choice(60, 3, replace=False).tolist()) for _ in range(4_000)]
    rows += [list(range(n, n + 6)) for n in range(0, 60, 6)]
    routes = Routes(rows, [*([40] * 4_000), *([20] * 10)], [0] * len(rows), [60], [100] * 60)
    found = cheapest(routes, [], seconds=10.0, workers=1, seed=1)
    assert sorted(found) == list(range(4_000, 4_010))
