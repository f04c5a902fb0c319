"""The compiled engine against the exact evaluator and the proof: the same costs, the same limits, nothing lost."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.engines.compiled.arrays import covers, startable
from solvers.engines.nearest import nearest_plan
from solvers.evaluator import Evaluator
from solvers.planner import assemble
from solvers.problem import Lock


def mixed_day(seed, count=12):
    """Two depots, mixed vehicles, windows, pickups, releases, bans, skills, overtime, open ends: all at once."""
    rng = random.Random(seed)
    at = [(rng.randrange(6_000), rng.randrange(6_000)) for _ in range(count + 2)]
    metres = np.array([[abs(a - c) + abs(b - d) for c, d in at] for a, b in at], dtype=np.int64)
    orders = []
    for n in range(count):
        starts = sorted(rng.randrange(0, 12_000) for _ in range(rng.randrange(3)))
        orders.append(
            Order(
                f"o{n}",
                n + 2,
                depot_id=rng.choice(["", "", "", "d0"]),
                service_s=rng.randrange(0, 300),
                windows=tuple(Window(one, one + rng.randrange(500, 4_000)) for one in starts),
                load=Load(rng.randrange(1, 30), rng.randrange(1, 30), 1),
                required_certifications=frozenset(["adr"] if rng.random() < 0.2 else []),
                banned_vehicles=frozenset(["v0"] if rng.random() < 0.2 else []),
                penalty_minor=rng.choice([300, 50_000]),
                failure_cost_minor={"own": rng.randrange(50)},
                kind=rng.choice(["delivery", "delivery", "pickup"]),
                release_s=rng.choice([0, 0, rng.randrange(3_000)]),
                required=rng.random() < 0.5,
            )
        )
    several = any(len(order.windows) > 1 for order in orders)
    vehicles = tuple(
        Vehicle(
            f"v{n}",
            rng.choice(["own", "hired"]),
            f"d{n % 2}",
            rng.randrange(0, 1_000),
            rng.randrange(9_000, 16_000),
            Load(rng.randrange(40, 120), rng.randrange(40, 120), 9),
            certifications={"adr": 10**6} if n % 2 else {},
            tariff=Tariff(
                rng.randrange(900),
                rng.randrange(40),
                rng.randrange(5),
                rng.randrange(300),
                rng.choice([0, 700]),
                overtime_per_hour_minor=400,
                overtime_after_s=rng.choice([None, 3_000]),
                per_driving_hour_minor=rng.choice([0, 250]),
            ),
            max_stops=rng.choice([None, 4]),
            max_distance_m=rng.choice([None, 22_000]),
            # of several windows apart durations are not known exactly: ``covers`` says so
            max_duration_s=None if several else rng.choice([None, 7_000]),
            open_end=rng.random() < 0.2,
            end_depot_id=rng.choice([None, "d0"]),
        )
        for n in range(5)
    )
    depots = (Depot("d0", 0), Depot("d1", 1))
    return PlanningProblem(depots, tuple(orders), vehicles, Travel(metres, metres // 5))


def searched(problem, seed=1, iterations=300, initial=None):
    from solvers.engines.compiled.search import Search

    search = Search(Evaluator(problem), seed)
    if initial:
        search.take_over(initial)
    search.fill()
    search.improve(0.0, iterations=iterations)
    return search


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 100_000))
def test_plans_are_proven_and_priced_as_the_evaluator_prices_them(seed):
    problem = mixed_day(seed)
    evaluator = Evaluator(problem)
    search = searched(problem, seed)
    sequences = search.sequences()
    found = assemble(problem, sequences, engine="compiled", seed=seed, solver_s=0.0, reasons=False)
    assert verify(problem, found) == []
    # the search's own sum: routes as the evaluator prices them (each part rounded there), penalties with surcharges
    routes = sum(
        evaluator.evaluate(evaluator.vehicles[key], [evaluator.orders[one] for one in ids]).cost
        for key, ids in sequences.items()
    )
    left = [n for n, order in enumerate(problem.orders) if order.order_id in {one.order_id for one in found.unserved}]
    several = any(len(order.windows) > 1 for order in problem.orders)
    difference = search.money - routes - search.penalty[left].sum()
    # with several windows durations are taken by their hull: never longer than in truth
    assert difference <= 3 * len(sequences)
    assert several or difference >= -3 * len(sequences)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 100_000))
def test_what_changes_in_an_iteration_is_taken_back_whole(seed):
    """After any number of iterations the tables are those of the routes made anew, and the best is never lost."""
    problem = mixed_day(seed)
    search = searched(problem, seed, iterations=0)
    first = search.money
    for _ in range(4):
        search.improve(0.0, iterations=40, hot=20.0, cold=10.0)
        assert search.money <= first + 1e-6
        now = search.compiled.sequences(search.x[:, 8])
        again = searched(problem, seed, iterations=0, initial=now)
        assert search.totals[0] == pytest.approx(search.cost.sum() + search.penalty[search.open].sum())
        placed = {one for ids in now.values() for one in ids}
        assert len(placed) == sum(map(len, now.values()))
        assert placed | {problem.orders[n].order_id for n in search.open} == {o.order_id for o in problem.orders}
        assert again.money <= search.totals[0] + 1e-6


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 100_000))
def test_what_an_insertion_changes_is_what_the_route_made_anew_says(seed):
    from solvers.engines.compiled.columns import STOPS
    from solvers.engines.compiled.routes import refresh
    from solvers.engines.compiled.search import Search

    search = Search(Evaluator(mixed_day(seed)), seed)
    search.fill()
    a = search.compiled.arrays
    kept = [table.copy() for table in (a.x, a.q, a.v, a.c)]
    for one in range(len(search.compiled.vehicles)):
        if a.v[one, STOPS]:
            refresh(*search._refresh, one)
    for before, now in zip(kept, (a.x, a.q, a.v, a.c), strict=True):
        np.testing.assert_allclose(before, now, rtol=0, atol=1e-6)


def clustered_day(seed, stops=300, windows=False):
    """Towns around one depot, few vehicles, long routes."""
    rng = np.random.default_rng(seed)
    towns = rng.integers(0, 40_000, (12, 2))
    at = np.vstack([[20_000, 20_000], towns[rng.integers(0, 12, stops)] + rng.normal(0, 900, (stops, 2))])
    metres = np.rint(np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))).astype(np.int64)
    orders = tuple(
        Order(
            f"o{n}",
            n + 1,
            service_s=60,
            windows=(Window(30_000, 50_000),) if windows and n % 3 == 0 else (),
            load=Load(1_000 * int(rng.integers(1, 9)), 0, 1),
            penalty_minor=10**7,
            required=True,
            banned_vehicles=frozenset({"v0"} if n % 50 == 0 else ()),
        )
        for n in range(stops)
    )
    vehicles = tuple(
        Vehicle(
            f"v{n}",
            "f",
            "d",
            20_000,
            80_000,
            Load(600_000 - 200_000 * (n % 2), 2**40, 999),
            tariff=Tariff(per_km_minor=50),
        )
        for n in range(5)
    )
    return PlanningProblem((Depot("d", 0),), orders, vehicles, Travel(metres, metres // 8))


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_first_plan_of_one_depot_is_never_dearer_than_insertion(seed, windows):
    from solvers.engines.compiled.search import Search

    problem = clustered_day(seed, windows=windows)
    inserted, begun = Search(Evaluator(problem), 1), Search(Evaluator(problem), 1)
    inserted.fill()
    begun.begin()
    assert begun.money <= inserted.money
    assert not len(begun.open)
    found = assemble(problem, begun.sequences(), engine="compiled", seed=1, solver_s=0.0, reasons=False)
    assert verify(problem, found) == []


def test_a_first_plan_by_savings_is_taken_where_it_is_cheaper():
    from solvers.engines.compiled.savings import one_depot
    from solvers.engines.compiled.search import Search

    problem = clustered_day(1, windows=False)
    inserted, begun = Search(Evaluator(problem), 1), Search(Evaluator(problem), 1)
    inserted.fill()
    assert one_depot(inserted.compiled.arrays), "what routes cost by now makes no vehicle dearer"
    begun.begin()
    assert begun.money < inserted.money


def test_savings_keep_together_what_lies_together():
    """Of four far towns, as many as there are vehicles, each has a route of its own."""
    from solvers.engines.compiled.arrays import compile_arrays
    from solvers.engines.compiled.savings import joined_routes, one_depot

    at = np.array(
        [(0, 0), *((x * 9_000 + k * 10, y * 9_000) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)) for k in range(5))]
    )
    metres = np.abs(at[:, None] - at[None]).sum(axis=2).astype(np.int64)
    orders = tuple(Order(f"o{n}", n + 1, load=Load(10), penalty_minor=10**7) for n in range(20))
    vehicles = tuple(Vehicle(f"v{n}", "f", "d", 0, 80_000, Load(50), tariff=Tariff(per_km_minor=50)) for n in range(4))
    a = compile_arrays(
        Evaluator(PlanningProblem((Depot("d", 0),), orders, vehicles, Travel(metres, metres // 8)))
    ).arrays
    assert one_depot(a)
    assert sorted(sorted(ids.tolist()) for ids in joined_routes(a)) == [list(range(k, k + 5)) for k in (0, 5, 10, 15)]


def test_a_route_that_breaks_a_limit_is_taken_over_by_nobody_not_even_its_first_order():
    from solvers.engines.compiled.search import Search

    problem = clustered_day(1, stops=200)
    search = Search(Evaluator(problem), 1)
    search.take_over({"v0": ["o0", "o1", "o2"]})  # o0 is not for v0
    assert len(search.open) == 200
    assert search.sequences() == {}


def test_a_route_whose_goods_come_late_leaves_as_late_as_costs_no_delay():
    """Slack counts from when the goods are there, not from the shift's start: tried against every departure."""
    from solvers.schedule import timing

    metres = np.array([[0, 500], [500, 0]], dtype=np.int64)
    order = Order("a", 1, service_s=60, windows=(Window(9_000, 9_500),), release_s=2_000, load=Load(1))
    van = Vehicle("v", "f", "d", 100, 20_000, Load(5), tariff=Tariff(per_hour_minor=900))
    problem = PlanningProblem((Depot("d", 0),), (order,), (van,), Travel(metres, metres))
    found = timing(Evaluator(problem).drive(van), [order])
    assert (found.start_s, found.end_s) == (8_500, 9_560)


def test_the_same_seed_and_iterations_give_the_same_plan():
    problem = mixed_day(5, count=40)
    assert searched(problem, 3).sequences() == searched(problem, 3).sequences()


def test_routes_that_break_a_limit_are_not_taken_over():
    problem = mixed_day(7)
    every = [order.order_id for order in problem.orders]
    search = searched(problem, 1, iterations=0, initial={"v0": every})
    found = assemble(problem, search.sequences(), engine="compiled", seed=1, solver_s=0.0, reasons=False)
    assert verify(problem, found) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 100_000))
def test_routes_by_the_nearest_stop_keep_every_rule(seed):
    problem = mixed_day(seed)
    found = assemble(problem, nearest_plan(Evaluator(problem)), engine="nearest", seed=1, solver_s=0.0, reasons=False)
    assert verify(problem, found) == []


def test_what_the_engine_does_not_know_is_not_covered():
    problem = mixed_day(1)
    assert covers(problem)
    locked = PlanningProblem(
        problem.depots, problem.orders, problem.vehicles, problem.travel, locks=(Lock("v1", (), "vehicle"),)
    )
    assert not startable(locked)
