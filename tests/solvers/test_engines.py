"""Engines keep their limits, repeat themselves where they promise to, and are never worse than their members."""

import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.engines import core
from solvers.engines.ils import history_length
from solvers.engines.insertion import improve
from solvers.engines.master import Pool, recombine
from solvers.evaluator import Evaluator
from solvers.planner import SolveSettings, assemble, plan


def busy():
    """Seconds more that a machine busy with other things may take."""
    return 0.1 * max(0.0, os.getloadavg()[0] - (os.cpu_count() or 1))


def day(count=60, seed=1, banned=False, required=True):
    rng = np.random.default_rng(seed)
    places = np.vstack([[5_000, 5_000], rng.integers(0, 10_000, (count, 2))]).astype(float)
    metres = np.rint(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))).astype(np.int64)
    orders = []
    for n in range(count):
        start = int(rng.integers(0, 20_000))
        orders.append(
            Order(
                f"o{n}",
                n + 1,
                service_s=60,
                windows=(Window(start, start + 8_000),),
                load=Load(int(rng.integers(1, 20))),
                banned_vehicles=frozenset({"v0", "v1"}) if banned and n % 3 == 0 else frozenset(),
                penalty_minor=10**6,
                required=required,
            )
        )
    vehicles = tuple(
        Vehicle(f"v{n}", "f", "d", 0, 40_000, Load(120), tariff=Tariff(500, per_km_minor=100))
        for n in range(count // 4)
    )
    return PlanningProblem((Depot("d", 0),), tuple(orders), vehicles, Travel(metres, metres // 8))


def test_the_same_seed_and_iterations_give_the_same_plan_through_pyvrp():
    problem = day()
    settings_ = SolveSettings(seconds=1, seed=4, iterations=150)
    one, other = plan(problem, settings_), plan(problem, settings_)
    assert one.engine == "pyvrp" and verify(problem, one) == []
    assert (one.routes, one.cost_minor) == (other.routes, other.cost_minor)


@pytest.mark.parametrize(
    "problem", [day(), day(320, seed=2), day(90, seed=3, banned=True)], ids=["small", "parts", "bans"]
)
def test_the_plan_is_there_within_the_limit_and_two_seconds(problem):
    said = []
    started = time.monotonic()
    found = plan(problem, SolveSettings(seconds=2, seed=1), progress=said.append)
    assert time.monotonic() - started < 2 + 2 + busy()
    assert verify(problem, found) == [] and found.unserved == ()
    assert said


def test_a_search_that_is_called_off_gives_its_plan_at_once():
    problem = day(120, seed=5)
    started = time.monotonic()
    found = plan(problem, SolveSettings(seconds=60, seed=1), cancel=lambda: time.monotonic() - started > 1)
    assert time.monotonic() - started < 8 + 5 * busy()
    assert verify(problem, found) == []
    assert found.served + len(found.unserved) == 120


@pytest.fixture
def forked(monkeypatch):
    """Workers are forked, so that they share a fault planted here, whatever threads earlier tests left running."""
    monkeypatch.setattr("solvers.engines.worker.can_fork", lambda: True)
    return monkeypatch


def test_a_process_that_dies_is_replaced_and_the_plan_still_comes(forked):
    def deadly(*_):
        os._exit(9)

    forked.setattr("solvers.engines.worker.solve", deadly)
    problem = day(20)
    found = plan(problem, SolveSettings(seconds=1, seed=1))
    assert found.engine == "insertion" and verify(problem, found) == [] and found.served == 20


def test_a_process_that_hangs_is_killed_at_the_limit(forked):
    forked.setattr("solvers.engines.worker.solve", lambda *_: time.sleep(60))
    problem = day(20)
    started = time.monotonic()
    found = plan(problem, SolveSettings(seconds=1, seed=1))
    assert time.monotonic() - started < 1 + 2 + busy()
    assert found.engine == "insertion" and found.served == 20


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_the_master_is_never_worse_than_the_best_plan_it_is_given(seed):
    problem = day(14, seed=seed % 50, required=False)
    evaluator = Evaluator(problem)
    pool = Pool(evaluator)
    members = [improve(problem, {}, seed=seed + n, iterations=n, deadline=float("inf")) for n in range(4)]
    for one in members:
        pool.add(one)
    best = min(members, key=lambda one: pool.cost(one) or 0)
    found = recombine(pool, best, seconds=2, workers=1, seed=1)
    result = assemble(problem, found, engine="master", seed=0, solver_s=0.0, reasons=False)
    assert verify(problem, result) == []
    assert result.cost_minor == pool.cost(found) <= min(pool.cost(one) for one in members)


def test_the_master_puts_routes_of_two_plans_together():
    """Two plans, each right in one half of the town: the master takes the right half of both."""
    points = np.array([[0, 0], [-10, 0], [-10, 1], [10, 0], [10, 1]]) * 1_000.0
    metres = np.rint(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))).astype(np.int64)
    orders = tuple(Order(f"o{n}", n, load=Load(1), penalty_minor=10**7) for n in range(1, 5))
    vehicles = tuple(Vehicle(f"v{n}", "f", "d", 0, 10**6, Load(2), tariff=Tariff(per_km_minor=100)) for n in range(4))
    pool = Pool(Evaluator(PlanningProblem((Depot("d", 0),), orders, vehicles, Travel(metres, metres))))
    left = {"v0": ["o1", "o2"], "v1": ["o3"], "v2": ["o4"]}
    right = {"v0": ["o1"], "v1": ["o2"], "v2": ["o3", "o4"]}
    pool.add(left)
    pool.add(right)
    found = recombine(pool, left, seconds=5, workers=1, seed=1)
    assert sorted(map(sorted, found.values())) == [["o1", "o2"], ["o3", "o4"]]


def test_histories_grow_with_the_time_there_is():
    assert history_length(1, 1_000, None) <= history_length(60, 1_000, None) <= history_length(600, 100, None) <= 300


def test_a_search_in_processes_of_their_own_works_beside_threads_too():
    """Where threads run, nothing is forked: the problem goes to fresh processes as files."""
    import threading

    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert core.search(day(12), seconds=30, seed=1, workers=1, iterations=20)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("problem", [day(40), day(300, seed=2)], ids=["small", "parts"])
def test_however_short_the_limit_required_orders_are_served_in_time(problem, seconds):
    """A search that hardly gets a turn leaves nothing out that a first insertion can serve."""
    started = time.monotonic()
    found = plan(problem, SolveSettings(seconds=seconds, seed=1))
    assert time.monotonic() - started < seconds + 2 + busy()
    assert verify(problem, found) == [] and found.unserved == ()


def test_processes_that_never_answer_leave_a_large_day_a_plan(forked):
    forked.setattr("solvers.engines.worker.solve", lambda *_: time.sleep(60))
    problem = day(300, seed=2)
    started = time.monotonic()
    found = plan(problem, SolveSettings(seconds=1, seed=1))
    assert time.monotonic() - started < 1 + 2 + busy()
    assert verify(problem, found) == [] and found.unserved == ()


def test_who_had_no_time_is_not_said_to_have_no_room(forked):
    """Routes that the search had no time to change are no proof that vehicles are full."""
    problem = day(40)
    forked.setattr("solvers.engines.worker.solve", lambda *_: time.sleep(60))
    forked.setattr("solvers.engines.insertion.INSERTION_GRACE_S", -10.0)
    found = plan(problem, SolveSettings(seconds=0.1, seed=1))
    assert found.unserved and {one.reason for one in found.unserved} == {"out_of_time"}
    assert all("time" in one.explanation for one in found.unserved)


def test_the_master_serves_days_with_rules_over_the_whole_plan_and_never_for_the_worse():
    """What the master puts together counts with the fleet's rules, which its model does not have."""
    from dataclasses import replace

    from solvers.engines.crew import Crew
    from solvers.problem import Rule

    rule = Rule("few", "max_vehicles", parameters={"limit": 2}, hard=False, price_minor=10**6)
    problem = replace(day(12, required=False), rules=(rule,))
    crew = Crew(problem, [], 60.0, lambda _: None, False)
    members = [improve(problem, {}, seed=n, iterations=n, deadline=float("inf")) for n in range(3)]
    for member in members:
        crew.pool.add(member)
    best = min(members, key=crew.worth)
    assert crew.worth(crew.recombined(best)) <= crew.worth(best)


def test_a_search_that_begins_with_a_compiled_plan_serves_all_however_few_iterations_it_has():
    from solvers.engines.task import Task, solve

    problem = day(60)
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    task = Task(1.0, 1, iterations=1, seeded=True)
    answer = solve(problem, orders, vehicles, {}, task, time.perf_counter())
    assert answer.sequences is not None
    assert answer.left == 0
    assert answer.before is not None
    assert answer.cost <= answer.before


def test_a_rule_over_the_whole_plan_is_kept_however_little_time_there_is_to_choose_what_it_costs():
    """With time the cheapest orders are given up; after the deadline the first that help, one look each."""
    from dataclasses import replace

    from solvers.problem import Rule

    free = day(60, required=False)
    orders = tuple(replace(one, penalty_minor=10**6 - 1_000 * n) for n, one in enumerate(free.orders))
    free = replace(free, orders=orders)
    initial = improve(free, {}, seed=1, iterations=0, deadline=float("inf"))
    served = {one for ids in initial.values() for one in ids}
    assert served == {order.order_id for order in orders}
    rule = Rule("few", "max_volume", parameters={"measure": "orders", "limit": 40})
    problem = replace(free, rules=(rule,))

    def given_up(deadline):
        found = improve(problem, initial, seed=1, iterations=0, deadline=deadline)
        made = assemble(problem, found, engine="insertion", seed=1, solver_s=0.0, reasons=False)
        assert verify(problem, made) == []
        return {one.order_id for one in made.unserved}

    assert given_up(float("inf")) == {f"o{n}" for n in range(40, 60)}
    hurried = given_up(time.monotonic() - 60)
    assert len(hurried) == 20
    assert hurried != {f"o{n}" for n in range(40, 60)}


def classed_day(count=120, classes=6, seed=3):
    """Vehicles in six classes; every other order may ride with one class only."""
    from dataclasses import replace

    problem = day(count, seed=seed)
    fleet = [replace(one, fleet_id=f"f{n % classes}") for n, one in enumerate(problem.vehicles)]
    orders = tuple(
        replace(
            order,
            banned_vehicles=frozenset(
                one.vehicle_id for one in fleet if n % 2 and one.fleet_id != f"f{n // 2 % classes}"
            ),
        )
        for n, order in enumerate(problem.orders)
    )
    return replace(problem, orders=orders, vehicles=tuple(fleet))


def test_orders_are_moved_beside_those_that_a_vehicle_may_serve_together_with_them():
    from solvers.engines.compile import compile_problem
    from solvers.engines.compiled.arrays import INSERTION_NEAR, compile_arrays
    from solvers.engines.neighbours import LONGEST, neighbours

    problem = classed_day()
    serving = [
        {one.vehicle_id for one in problem.vehicles if one.vehicle_id not in order.banned_vehicles}
        for order in problem.orders
    ]
    evaluator = Evaluator(problem)
    compiled = compile_problem(evaluator)
    near = neighbours(compiled.data, compiled.barred, 8)
    assert len(near) == len(problem.orders)
    for activity, others in near.items():
        assert all(serving[activity.idx] & serving[one.idx] for one in others)
        fitting = sum(len(serving[activity.idx] & serving[one.idx]) / len(serving[one.idx]) for one in others)
        assert fitting > 7 or len(others) == 8 * LONGEST
    arrays = compile_arrays(evaluator).arrays
    for row in (arrays.near, arrays.around):
        for n, others in enumerate(row.tolist()):
            assert all(serving[n] & serving[one] for one in others if one >= 0)
    for n, row in enumerate(arrays.near.tolist()):
        others = [one for one in row if one >= 0]
        fitting = sum(len(serving[n] & serving[one]) / len(serving[one]) for one in others)
        sharing = sum(bool(serving[n] & one) for one in serving) - 1
        assert fitting > INSERTION_NEAR - 1 or len(others) == min(sharing, 5 * INSERTION_NEAR)
    equal = compile_problem(Evaluator(day(120, seed=3)))
    assert {len(others) for others in neighbours(equal.data, equal.barred, 8).values()} == {8}


def test_days_of_few_long_routes_are_searched_whole_without_interruption(monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(core, "SHORT_S", 2.0)
    problem = day(270, seed=6)
    long = replace(
        problem,
        orders=tuple(replace(one, load=Load(1), windows=(Window(0, 40_000),)) for one in problem.orders),
        vehicles=problem.vehicles[:9],
    )
    said: list[str] = []
    found = plan(long, SolveSettings(seconds=3, seed=1), progress=said.append)
    assert verify(long, found) == [] and found.unserved == ()
    assert any("side by side" in one for one in said)
    assert not any("gained a second" in one for one in said)
    said.clear()
    plan(day(320, seed=2), SolveSettings(seconds=3, seed=1), progress=said.append)
    assert any("gained a second" in one for one in said)


def test_a_search_with_pyvrps_own_parameters_says_what_its_plan_costs():
    from solvers.engines.task import Task, solve

    problem = day(80, seed=9)
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    answer = solve(problem, orders, vehicles, {}, Task(1.0, 1, usual=True, iterations=60), time.perf_counter())
    assert answer.sequences is not None
    made = assemble(problem, answer.sequences, engine="pyvrp", seed=1, solver_s=0.0)
    assert verify(problem, made) == []
    assert made.unserved == ()
    assert abs(answer.cost - made.cost_minor) <= len(made.routes)
