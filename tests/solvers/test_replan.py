"""Locks at three levels, warm starts, quotes: what a dispatcher builds on."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PlanningError
from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.engines import insertion
from solvers.planner import assemble
from solvers.problem import Lock
from solvers.replan import Quoter, locks_of, quotes, repair, with_order, without_orders


def day(seed, count=24, vans=4):
    chance = random.Random(seed)
    points = np.array([(5_000, 5_000)] + [(chance.randrange(10_000), chance.randrange(10_000)) for _ in range(count)])
    metres = np.rint(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))).astype(np.int64)
    orders = tuple(
        Order(
            f"o{n}",
            n + 1,
            "d",
            120,
            (Window(start, start + 14_400),) if (start := chance.randrange(0, 14_400)) % 2 else (),
            Load(1, 1, 1),
            penalty_minor=100_000,
        )
        for n in range(count)
    )
    vehicles = tuple(
        Vehicle(f"v{n}", "f", "d", 0, 40_000, Load(12, 12, 12), tariff=Tariff(500, 10, 0, 100, 1_800))
        for n in range(vans)
    )
    return PlanningProblem((Depot("d", 0),), orders, vehicles, Travel(metres, metres // 8))


def planned(problem, iterations=20):
    found = insertion.improve(problem, {}, seed=1, iterations=iterations, deadline=float("inf"))
    return assemble(problem, found, engine="insertion", seed=1, solver_s=0.0)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from(["nothing", "times", "times_and_sequence", "all"]), st.integers(0, 20_000)
)
def test_what_is_locked_stays_and_the_rest_is_planned(seed, relax, now_s):
    problem = day(seed)
    before = planned(problem)
    locked = replace(problem, locks=locks_of(before, now_s=now_s, relax=relax))
    grown = with_order(locked, Order("new", 3, "d", 60, (), Load(1, 1, 1), penalty_minor=100_000))
    after = repair(grown, before, iterations=15, seed=2)
    assert verify(grown, after) == []
    assert not {one.order_id for one in after.unserved} & {o for lock in locked.locks for o in lock.orders}
    if relax == "nothing":
        kept = {v.order_id: v.arrival_s for r in after.routes for v in r.visits}
        assert all(kept[v.order_id] == v.arrival_s for r in before.routes for v in r.visits)


def test_a_lock_that_is_broken_is_a_violation():
    problem = day(1)
    plan = planned(problem)
    route = next(r for r in plan.routes if len(r.visits) > 2)
    ids = [v.order_id for v in route.visits]
    for lock in (
        Lock(route.vehicle_id, tuple(reversed(ids))),
        Lock(route.vehicle_id, (ids[0],), "all", route.start_s + 1),
        Lock("v3" if route.vehicle_id != "v3" else "v2", (ids[0],), "vehicle"),
    ):
        assert {v.code for v in verify(replace(problem, locks=(lock,)), plan)} == {"lock"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_quote_is_feasible_and_costs_what_it_says(seed):
    problem = day(seed)
    plan = planned(problem)
    new = Order("new", 5, "d", 60, (Window(9_000, 20_000),), Load(1, 1, 1), penalty_minor=100_000)
    offered = quotes(problem, plan, new, most=9)
    assert offered
    assert [q.price_minor for q in offered] == sorted(q.price_minor for q in offered)
    grown = with_order(problem, new)
    for quote in offered:
        sequences = {r.vehicle_id: [v.order_id for v in r.visits] for r in plan.routes}
        sequences[quote.vehicle_id] = list(quote.sequence)
        taken = assemble(grown, sequences, engine="quote", seed=0, solver_s=0.0)
        assert verify(grown, taken) == []
        assert taken.cost_minor - plan.cost_minor == quote.price_minor
        visit = next(v for r in taken.routes for v in r.visits if v.order_id == "new")
        assert (visit.service_start_s, visit.arrival_s) == (quote.service_start_s, quote.arrival_s)


def test_slots_are_priced_one_by_one_and_an_accepted_quote_counts():
    problem = day(3)
    quoter = Quoter(problem, planned(problem))
    new = Order("new", 5, "d", 60, (), Load(1, 1, 1))
    slots = [Window(0, 7_200), Window(7_200, 14_400), Window(200_000, 210_000)]
    offered = quoter.quotes(new, windows=slots)
    assert {q.slot for q in offered} == set(slots[:2])
    quoter.accept(offered[0], new)
    with pytest.raises(PlanningError, match="on a route already"):
        quoter.quotes(new)
    with pytest.raises(PlanningError, match="location"):
        quoter.quotes(replace(new, order_id="x", location=10_000))


def test_cancelled_orders_leave_rules_and_locks():
    problem = replace(day(4), locks=(Lock("v0", ("o1", "o2")), Lock("v1", ("o3",))))
    smaller = without_orders(problem, {"o1", "o3"})
    assert smaller.locks == (Lock("v0", ("o2",)),)
    assert len(smaller.orders) == len(problem.orders) - 2


@pytest.mark.parametrize(
    ("locks", "words"),
    [
        ((Lock("v0", ("o1",), "all"),), "start_s"),
        ((Lock("v0", ("o1",)), Lock("v1", ("o1",))), "locked to"),
        ((Lock("v0", ("o1",)), Lock("v0", ("o2",))), "another lock"),
        ((Lock("v9", ("o1",)),), "no such vehicle"),
        ((Lock("v0", ("zz",)),), "no order"),
        ((Lock("v0", ("o1",), "tight"),), "level"),
    ],
)
def test_contradictory_locks_are_refused_by_name(locks, words):
    with pytest.raises(PlanningError, match=words):
        replace(day(1), locks=locks)
