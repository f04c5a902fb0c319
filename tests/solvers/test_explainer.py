"""Reasons: minimal conflicts against brute force, relaxations that hold, contradictions said before planning."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.conflicts import every_plan, planted
from solvers import Load, Window, verify
from solvers.conflicts import explain_conflict, with_conflicts
from solvers.contradictions import contradictions
from solvers.engines import insertion
from solvers.planner import assemble
from solvers.problem import Lock, Rule
from solvers.route_reasons import explain_routes
from solvers.softened import items_of, relaxed
from tests.solvers.days import day


def planned(problem, iterations=40):
    found = insertion.improve(problem, {}, seed=1, iterations=iterations, deadline=float("inf"))
    return assemble(problem, found, engine="insertion", seed=1, solver_s=0.0)


def conflicts(count):
    seed, found = 0, []
    while len(found) < count:
        seed += 1
        problem = planted(seed)
        plan = planned(problem)
        if len(plan.unserved) == 1:
            found.append((problem, plan, plan.unserved[0].order_id))
    return found


def test_minimal_sets_prices_and_relaxations_are_those_of_brute_force():
    for problem, plan, order_id in conflicts(12):
        items = items_of(problem)
        table = every_plan(problem, list(items))
        answer = explain_conflict(problem, plan, order_id)
        hard = {item.key for item in answer.items}
        assert not table.feasible(hard)
        assert all(table.feasible(hard - {key}) for key in hard)
        for relaxation, given in zip(answer.relaxations, answer.excesses, strict=True):
            assert relaxation.certified
            assert relaxation.authority != "law"
            assert not any(items[key].authority == "law" for key in given)
        if answer.relaxations:
            sold = np.array([items[key].for_sale for key in table.keys])
            prices = np.array([items[key].price_minor for key in table.keys])
            allowed = (table.excess[:, ~sold] == 0).all(axis=1)
            best = int((table.cost + table.excess @ prices)[allowed].min()) - plan.transport_minor
            assert answer.relaxations[0].price_minor == best
            assert [r.price_minor for r in answer.relaxations] == sorted(r.price_minor for r in answer.relaxations)


def test_what_is_given_makes_room_for_the_order():
    for problem, plan, order_id in conflicts(8):
        answer = explain_conflict(problem, plan, order_id)
        for given in answer.excesses:
            wider = relaxed(problem, items_of(problem), given)
            again = planned(wider, 200)
            assert verify(wider, again) == []
            assert order_id not in {one.order_id for one in again.unserved}


def test_a_larger_day_is_explained_in_time_and_words():
    base = day(5, count=24, vans=2, pairs=False)
    late = replace(base.orders[3], windows=(Window(0, 60),), required_certifications=frozenset({"adr"}))
    problem = replace(base, orders=(*base.orders[:3], late, *base.orders[4:]))
    plan = with_conflicts(problem, planned(problem, 10), seconds=200)
    told = {one.order_id: one for one in plan.unserved}["o3"]
    assert any("window of order o3" in words for words in told.conflict)
    assert told.relaxations and told.relaxations[0].certified
    assert verify(problem, plan) == []


def test_an_order_that_is_only_too_dear_says_what_it_would_cost():
    base = day(2, count=6, vans=2, pairs=False)
    cheap = replace(base.orders[5], penalty_minor=1)
    problem = replace(base, orders=(*base.orders[:5], cheap))
    plan = planned(problem)
    assert [one.order_id for one in plan.unserved] == ["o5"]
    answer = explain_conflict(problem, plan, "o5")
    assert answer.items == ()
    assert answer.relaxations[0].certified and answer.relaxations[0].price_minor > 1


def test_routes_tell_what_binds_them():
    problem = day(3, pairs=False)
    rule = Rule("few", "max_stops", parameters={"limit": 4})
    soft = Rule("late", "lateness", parameters={"end_s": 0}, hard=False, price_minor=1)
    problem = replace(problem, rules=(rule, soft))
    plan = planned(problem)
    reasons = explain_routes(problem, plan)
    assert {one.vehicle_id for one in reasons} == {route.vehicle_id for route in plan.routes}
    full = [one for one, route in zip(reasons, plan.routes, strict=True) if len(route.visits) == 4]
    assert full and all("rule few" in one.binding for one in full)
    assert sum(sum(one.charged_minor.values()) for one in reasons) == plan.rule_minor


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((Rule("a", "min_vehicles", parameters={"limit": 9}),), "9 vehicles"),
        ((Rule("a", "min_volume", parameters={"limit": 99}),), "all orders of the day"),
        (
            (Rule("a", "max_stops", parameters={"limit": 2}), Rule("b", "min_stops", parameters={"limit": 5})),
            "at least 5",
        ),
        (
            (
                Rule("a", "precedence", parameters={"sequence": ("o5", "o6")}),
                Rule("b", "precedence", parameters={"sequence": ("o6", "o5")}),
            ),
            "cannot ride together",
        ),
        (
            (
                Rule("a", "same_vehicle", frozenset({"o5", "o6"})),
                Rule("b", "different_vehicles", frozenset({"o5", "o6", "o7"})),
            ),
            "on different ones",
        ),
        (
            (
                Rule("a", "window", frozenset({"o5"}), parameters={"start_s": 0, "end_s": 60}),
                Rule("b", "window", frozenset({"o5"}), parameters={"start_s": 90, "end_s": 120}),
            ),
            "do not meet",
        ),
        (
            (
                Rule("a", "earliest_departure", parameters={"start_s": 9_000}),
                Rule("b", "latest_return", parameters={"end_s": 8_000}),
            ),
            "no departure before",
        ),
        (
            (
                Rule("a", "vehicle_only", frozenset({"o5"}), parameters={"allowed": ("b",)}),
                Rule("b", "vehicle_forbidden", frozenset({"o5"}), frozenset({"v1"})),
            ),
            "keep order o5 from all",
        ),
    ],
)
def test_contradicting_instances_are_said_before_planning(rules, words):
    found = contradictions(replace(day(1), rules=rules))
    assert any(words in str(one) and {f"rule {r.rule_id}" for r in rules} <= set(one.instances) for one in found)


def test_locks_and_orders_that_cannot_be_are_said():
    base = day(1)
    rule = Rule("a", "vehicle_forbidden", frozenset({"o5"}), frozenset({"v1"}))
    found = contradictions(replace(base, rules=(rule,), locks=(Lock("v1", ("o5",)),)))
    assert any("locked to a vehicle" in str(one) for one in found)
    heavy = replace(base.orders[5], load=Load(10**9, 0, 0))
    night = replace(base.orders[6], windows=(Window(10**6, 10**6 + 5),))
    found = contradictions(replace(base, orders=(*base.orders[:5], heavy, night, *base.orders[7:])))
    assert {one.instances for one in found} >= {("order o5",), ("order o6",)}
    assert contradictions(replace(base, vehicles=())) and not [c for c in contradictions(base) if c.severity == "error"]
