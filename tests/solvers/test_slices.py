"""Plans of few long routes in slices: nothing is lost or shared between them, and rounds never end for the worse."""

import random
import time
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import verify
from solvers.engines import core, slices
from solvers.engines.compile import compile_problem, sequences_of, solution_of
from solvers.engines.ils import money, run
from solvers.engines.insertion import improve
from solvers.engines.slices import cut
from solvers.engines.task import Task, solve
from solvers.evaluator import Evaluator
from solvers.planner import SolveSettings, plan
from tests.solvers.test_engines import day


def grouped(problem):
    """Every third order is an alternative of the one before it, every fourth pair picks up for the next."""
    orders = list(problem.orders)
    for n in range(0, len(orders) - 1, 6):
        orders[n] = replace(orders[n], group=f"g{n}", required=False)
        orders[n + 1] = replace(orders[n + 1], group=f"g{n}", required=False)
        if n + 4 < len(orders):
            orders[n + 3] = replace(orders[n + 3], kind="pickup", pickup_of=f"o{n + 4}", load=orders[n + 4].load)
    return replace(problem, orders=tuple(orders))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(0, 40))
def test_every_order_route_and_vehicle_is_in_one_slice_at_most_and_what_belongs_together_stays_so(seed, count, left):
    problem = grouped(day(48, seed=seed % 40, required=False))
    evaluator = Evaluator(problem)
    made = improve(problem, {}, seed=seed, iterations=0, deadline=float("inf"))
    chance = random.Random(seed)
    dropped = set(chance.sample(sorted(made), min(left % 4, len(made) - 1)))
    routes = {vehicle: ids for vehicle, ids in made.items() if ids and vehicle not in dropped}
    found = cut(evaluator, routes, count, chance)

    orders = [one for part in found for one in part.orders]
    assert sorted(orders) == sorted(order.order_id for order in problem.orders)
    vehicles = list(chain.from_iterable((*part.routes, *part.spare) for part in found))
    assert len(vehicles) == len(set(vehicles))
    assert {vehicle: ids for part in found for vehicle, ids in part.routes.items()} == routes
    at = {one: n for n, part in enumerate(found) for one in part.orders}
    for order in problem.orders:
        if order.pickup_of:
            assert at[order.order_id] == at[order.pickup_of]
    for name in {order.group for order in problem.orders if order.group}:
        assert len({at[order.order_id] for order in problem.orders if order.group == name}) == 1


def test_slices_hold_about_as_many_stops_each():
    problem = day(120, seed=4)
    routes = improve(problem, {}, seed=1, iterations=0, deadline=float("inf"))
    sizes = [len(part.orders) for part in cut(Evaluator(problem), routes, 3, random.Random(2))]
    longest = max(len(ids) for ids in routes.values())
    assert len(sizes) == 3 and max(sizes) - min(sizes) <= 2 * longest


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.0, 0.2))
def test_a_search_under_a_threshold_that_falls_to_nothing_is_never_worse_than_its_start(seed, slack):
    problem = day(30, seed=seed % 30)
    evaluator = Evaluator(problem)
    compiled = compile_problem(evaluator)
    start = run(compiled.data, 30.0, seed, None, barred=compiled.barred, iterations=30)
    again = [
        run(
            compiled.data,
            30.0,
            seed,
            start.best,
            barred=compiled.barred,
            iterations=60,
            prices=start.prices,
            slack=(slack, 0.0),
        )
        for _ in range(2)
    ]
    assert again[0].cost == again[1].cost  # so many iterations are the same on every run
    if start.best.is_feasible():
        assert again[0].best.is_feasible() and again[0].cost <= start.cost == money(start.best)


def test_a_search_that_is_to_be_gone_on_with_ends_within_its_threshold():
    problem = day(60, seed=8)
    evaluator = Evaluator(problem)
    compiled = compile_problem(evaluator)
    start = run(compiled.data, 30.0, 1, None, barred=compiled.barred, iterations=200)
    found = run(compiled.data, 30.0, 1, start.best, barred=compiled.barred, iterations=200, slack=(0.1, 0.05))
    assert found.best.is_feasible() and found.cost <= 1.1 * start.cost + 1
    sequences = sequences_of(compiled, found.best)
    assert money(solution_of(compiled, evaluator, sequences)) == found.cost


def test_prices_that_a_search_has_learnt_are_told_in_minor_units_and_taken_up_by_the_next():
    problem = day(60, seed=3)
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    first = solve(problem, orders, vehicles, {}, Task(1.0, 1, iterations=250), time.perf_counter())
    assert first.prices is not None and first.sequences is not None
    task = Task(1.0, 1, initial=first.sequences, prices=first.prices, slack=(0.01, 0.0), iterations=1)
    second = solve(problem, orders, vehicles, {}, task, time.perf_counter())
    assert second.prices is not None
    assert second.prices[0] == pytest.approx(first.prices[0]) and second.prices[1] == pytest.approx(first.prices[1])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_days_of_few_long_routes_are_improved_in_slices_whatever_the_number_of_workers(monkeypatch, workers):
    monkeypatch.setattr(core, "SHORT_S", 1.0)
    monkeypatch.setattr(slices, "SHORTEST_S", 0.2)
    problem = day(270, seed=6)
    long = replace(
        problem,
        orders=tuple(replace(one, load=replace(one.load, mass_g=1), windows=()) for one in problem.orders),
        vehicles=tuple(replace(one, max_stops=34) for one in problem.vehicles[:9]),
    )
    said: list[str] = []
    found = plan(long, SolveSettings(seconds=3, seed=1, workers=workers, clock="cpu"), progress=said.append)
    assert verify(long, found) == [] and found.unserved == ()
    assert any("slices, round" in one for one in said), said
