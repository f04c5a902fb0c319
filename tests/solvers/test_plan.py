"""Plans keep every rule, and the verifier catches every broken one."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PlanningError
from solvers import Depot, Load, Order, Plan, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.engines import insertion
from solvers.planner import SolveSettings, assemble, plan
from solvers.problem import Rule


def travel_between(points):
    places = np.array(points, float)
    metres = np.rint(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))).astype(np.int64)
    return Travel(metres, metres // 8)


@st.composite
def problems(draw):
    count = draw(st.integers(1, 9))
    points = draw(
        st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=count + 1, max_size=count + 1)
    )
    orders = []
    for number in range(count):
        start = draw(st.integers(0, 30_000))
        orders.append(
            Order(
                f"o{number}",
                number + 1,
                "d",
                service_s=draw(st.integers(0, 900)),
                windows=(Window(start, start + draw(st.integers(0, 20_000))),) if draw(st.booleans()) else (),
                load=Load(draw(st.integers(0, 60)), draw(st.integers(0, 60)), 1),
                required_certifications=frozenset(draw(st.sets(st.sampled_from(["adr", "age"]), max_size=1))),
                banned_vehicles=frozenset(draw(st.sets(st.sampled_from(["v0", "v1"]), max_size=1))),
                penalty_minor=draw(st.sampled_from([100, 100_000])),
                failure_cost_minor={"": draw(st.integers(0, 50)), "a": 10},
            )
        )
    vehicles = tuple(
        Vehicle(
            f"v{n}",
            "ab"[n % 2],
            "d",
            0,
            draw(st.integers(10_000, 60_000)),
            Load(100, 120, 5),
            {code: draw(st.integers(0, 60_000)) for code in draw(st.sets(st.sampled_from(["adr", "age"])))},
            Tariff(
                per_route_minor=draw(st.integers(0, 500)),
                per_stop_minor=n * 30,
                per_km_minor=40,
                per_hour_minor=draw(st.sampled_from([0, 1_999])),
                overtime_per_hour_minor=77,
                overtime_after_s=9_000,
            ),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    return PlanningProblem((Depot("d", 0),), tuple(orders), vehicles, travel_between(points))


def planned(problem, iterations=15) -> Plan:
    found = insertion.improve(problem, {}, seed=1, iterations=iterations, deadline=float("inf"))
    return assemble(problem, found, engine="insertion", seed=1, solver_s=0.0)


@settings(max_examples=120, deadline=None)
@given(problems())
def test_every_plan_is_proven_and_no_order_is_lost(problem):
    result = planned(problem)
    assert verify(problem, result) == []
    assert result.served + len(result.unserved) == len(problem.orders)
    assert all(one.reason and one.explanation for one in result.unserved)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_same_seed_gives_the_same_plan(problem):
    assert planned(problem) == planned(problem)


@settings(max_examples=80, deadline=None)
@given(problems(), st.data())
def test_a_changed_plan_is_caught(problem, data):
    result = planned(problem)
    if not result.routes:
        return
    number = data.draw(st.integers(0, len(result.routes) - 1))
    route = result.routes[number]
    visit = route.visits[0]
    change = data.draw(st.sampled_from(["arrival", "leg", "cost", "end", "lose", "twice", "distance"]))
    if change == "arrival":
        broken = replace(route, visits=(replace(visit, arrival_s=visit.arrival_s + 1), *route.visits[1:]))
    elif change == "leg":
        broken = replace(route, visits=(replace(visit, leg_m=visit.leg_m + 1), *route.visits[1:]))
    elif change == "cost":
        broken = replace(route, cost_minor=route.cost_minor + 1)
    elif change == "end":
        broken = replace(route, end_s=route.end_s + 1)
    elif change == "lose":
        broken = replace(route, visits=route.visits[1:])
    elif change == "twice":
        broken = replace(route, visits=(*route.visits, route.visits[0]))
    else:
        broken = replace(route, distance_m=route.distance_m + 1)
    routes = tuple(broken if n == number else one for n, one in enumerate(result.routes))
    assert verify(problem, replace(result, routes=routes))


def small_problem(**vehicle):
    orders = (
        Order("near", 1, "d", 60, (), Load(10, 10, 1), penalty_minor=10_000),
        Order("cert", 2, "d", 60, (), Load(10, 10, 1), frozenset({"adr"}), penalty_minor=10_000),
    )
    van = Vehicle("v", "f", "d", 0, 50_000, Load(100, 100, 10), tariff=Tariff(per_km_minor=10), **vehicle)
    return PlanningProblem((Depot("d", 0),), orders, (van,), travel_between([(0, 0), (500, 0), (0, 900)]))


def test_a_missing_certification_is_the_reason():
    result = planned(small_problem())
    assert [(one.order_id, one.reason) for one in result.unserved] == [("cert", "certification")]
    assert planned(small_problem(certifications={"adr": 49_000})).unserved == ()


def test_an_expired_certification_is_a_violation():
    good = small_problem(certifications={"adr": 49_000})
    result = planned(good)
    late = replace(good, vehicles=(replace(good.vehicles[0], certifications={"adr": 10}),))
    assert {one.code for one in verify(late, result)} == {"certification"}


def test_an_empty_day_and_a_day_without_vehicles():
    problem = small_problem()
    assert plan(replace(problem, orders=()), SolveSettings(seconds=0.2)).routes == ()
    nobody = plan(replace(problem, vehicles=()), SolveSettings(seconds=0.2))
    assert {one.reason for one in nobody.unserved} == {"no_capacity"}
    assert verify(replace(problem, vehicles=()), nobody) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"service_s": -1}, "service_s"),
        ({"depot_id": "x"}, "unknown depot"),
        ({"location": 99}, "travel matrices"),
        ({"windows": (Window(9, 3),)}, "ends"),
        ({"load": Load(10**19, 0, 0)}, "mass_g"),
    ],
)
def test_impossible_orders_are_refused_by_name(change, words):
    problem = small_problem()
    with pytest.raises(PlanningError, match=words):
        replace(problem, orders=(replace(problem.orders[0], **change),))


@pytest.mark.slow
def test_pyvrp_and_mending_serve_a_mixed_day_within_the_limit():
    rng = np.random.default_rng(3)
    points = [(5_000, 5_000), *map(tuple, rng.integers(0, 10_000, (60, 2)))]
    orders = tuple(
        Order(
            f"o{n}",
            n + 1,
            "d",
            120,
            (Window(0, 20_000),) if n % 3 else (),
            Load(5, 5, 1),
            frozenset({"age"}) if n % 9 == 0 else frozenset(),
            frozenset({"v0"}) if n % 7 == 0 else frozenset(),
            50_000,
        )
        for n in range(60)
    )
    vehicles = tuple(
        Vehicle(
            f"v{n}",
            "a" if n < 3 else "b",
            "d",
            0,
            36_000,
            Load(150, 150, 40),
            {"age": 90_000} if n == 1 else {},
            Tariff(1_000, per_km_minor=30 + n),
        )
        for n in range(5)
    )
    problem = PlanningProblem((Depot("d", 0),), orders, vehicles, travel_between(points))
    result = plan(problem, SolveSettings(seconds=8, seed=2))
    assert verify(problem, result) == []
    assert result.unserved == ()
    assert result.engine == "pyvrp"
    assert result.solver_s < 8 + 2 + 0.1 * max(0.0, os.getloadavg()[0] - 2)


@pytest.mark.parametrize("far", [1, 2])
def test_an_order_beyond_the_range_is_served_by_way_of_a_charger(far):
    """30 km of range, an order 20 km away: with a charger on the way it is served, with one too far away it is not."""
    at = np.array([0, 20_000, 10_000, 500_000])
    metres = np.abs(at[:, None] - at[None, :])
    orders = [
        Order("o", 1, penalty_minor=50_000, load=Load(1)),
        *(Order(f"c{n}", 2 if n else 3, service_s=3_600, attributes={"charge_w": 20_000}) for n in range(far)),
    ]
    van = Vehicle(
        "v", "f", "d", 0, 40_000, Load(9, 9, 9), tariff=Tariff(per_km_minor=10),
        attributes={"battery_wh": 6_000, "wh_per_km": 200},
    )  # fmt: skip
    rule = Rule("range", "energy_range")
    problem = PlanningProblem((Depot("d", 0),), tuple(orders), (van,), Travel(metres, metres // 10), rules=(rule,))
    found = plan(problem, SolveSettings(iterations=20, workers=1))
    assert verify(problem, found) == []
    served = [visit.order_id for route in found.routes for visit in route.visits]
    assert set(served) == (set() if far == 1 else {"o", "c1"})
