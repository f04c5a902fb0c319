"""Bad input: a clear error that names the field, or the order left out and explained; never a crash, a hang, a loss."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import FivefoldError, PlanningError
from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.engines import insertion
from solvers.families import REGISTRY
from solvers.families.rows import rule_from_row, rules_from_rows
from solvers.planner import SolveSettings, assemble, plan
from solvers.problem import Lock, Rule

ODD = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=6),
    st.just("x" * 1_000_000),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
)


def base():
    metres = np.array([[0, 900, 1_800], [900, 0, 900], [1_800, 900, 0]], dtype=np.int64)
    orders = (
        Order("a", 1, "d", 60, (Window(0, 9_000),), Load(5, 5, 1), penalty_minor=9_000),
        Order("b", 2, "d", 60, (), Load(5, 5, 1), penalty_minor=9_000),
    )
    van = Vehicle("v", "f", "d", 0, 20_000, Load(50, 50, 5), tariff=Tariff(100, 5, 0, 50, 900))
    return PlanningProblem((Depot("d", 0),), orders, (van,), Travel(metres, metres // 5))


def planned(problem):
    found = insertion.improve(problem, {}, seed=1, iterations=3, deadline=time.monotonic() + 20)
    return assemble(problem, found, engine="insertion", seed=1, solver_s=0.0)


def answered(change):
    """The plan is proven and complete, or the error is ours and short."""
    begun = time.monotonic()
    try:
        problem = change()
    except FivefoldError as error:
        assert len(str(error)) < 1_000
        assert ":" in str(error)
        return str(error)
    plan = planned(problem)
    least = {one.type for one in problem.rules if one.hard and one.type.startswith("min_")}  # no plan may reach it
    assert {one.code for one in verify(problem, plan)} <= least
    assert plan.served + len(plan.unserved) == len(problem.orders)
    assert all(one.reason and one.explanation for one in plan.unserved)
    assert time.monotonic() - begun < 30
    return None


ORDER_FIELDS = ("location", "service_s", "penalty_minor", "release_s", "depot_id", "pickup_of", "kind", "group")
VEHICLE_FIELDS = (
    "start_s", "end_s", "max_stops", "max_distance_m", "max_duration_s", "max_trips", "reload_s", "depot_id",
    "end_depot_id", "profile",
)  # fmt: skip
TARIFF_FIELDS = ("per_route_minor", "per_km_minor", "per_hour_minor", "overtime_after_s", "minimum_minor", "km_steps")


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["order", "load", "window", "vehicle", "capacity", "tariff"]), st.data())
def test_any_value_in_any_field_is_refused_by_name_or_planned(part, data):
    problem = base()
    first, van, value = problem.orders[0], problem.vehicles[0], data.draw(ODD)

    def change():
        if part == "order":
            order = replace(first, **{data.draw(st.sampled_from(ORDER_FIELDS)): value})
            return replace(problem, orders=(order, problem.orders[1]))
        if part == "load":
            load = replace(first.load, **{data.draw(st.sampled_from(["mass_g", "volume_ml", "parcels"])): value})
            return replace(problem, orders=(replace(first, load=load), problem.orders[1]))
        if part == "window":
            window = replace(Window(0, 9_000), **{data.draw(st.sampled_from(["start_s", "end_s"])): value})
            return replace(problem, orders=(replace(first, windows=(window,)), problem.orders[1]))
        if part == "vehicle":
            return replace(problem, vehicles=(replace(van, **{data.draw(st.sampled_from(VEHICLE_FIELDS)): value}),))
        if part == "capacity":
            load = replace(van.capacity, **{data.draw(st.sampled_from(["mass_g", "volume_ml", "parcels"])): value})
            return replace(problem, vehicles=(replace(van, capacity=load),))
        tariff = replace(van.tariff, **{data.draw(st.sampled_from(TARIFF_FIELDS)): value})
        return replace(problem, vehicles=(replace(van, tariff=tariff),))

    answered(change)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(REGISTRY)), st.data())
def test_any_parameter_of_any_rule_is_refused_by_name_or_planned(code, data):
    names = [*REGISTRY[code].parameters, "strange"]
    parameters = data.draw(st.dictionaries(st.sampled_from(names), ODD, max_size=4))
    rule = Rule("r", code, parameters=parameters, hard=data.draw(st.booleans()), price_minor=1)
    told = answered(lambda: replace(base(), rules=(rule,)))
    assert told is None or "'r'" in told


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["rule_id", "type", "orders", "parameters", "hardness", "authority", "x"]), ODD))
def test_any_row_of_a_rule_is_refused_by_name_or_a_rule(row):
    try:
        rule_from_row({"rule_id": "r", "type": "max_driving", "parameters": {"limit_s": 5}} | row)
    except PlanningError as error:
        assert len(str(error)) < 1_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance_m": np.zeros((3, 2), dtype=np.int64)}, "square"),
        ({"duration_s": np.zeros((2, 2), dtype=np.int64)}, "duration_s"),
        ({"duration_s": np.full((3, 3), np.nan)}, "integers"),
        ({"distance_m": -np.ones((3, 3), dtype=np.int64)}, "negative"),
        ({"distance_m": np.full((3, 3), 2**50, dtype=np.int64)}, "above"),
    ],
)
def test_matrices_that_cannot_be_are_refused(change, words):
    problem = base()
    with pytest.raises(PlanningError, match=words):
        replace(problem, travel=replace(problem.travel, **change))


def test_matrices_that_can_hardly_be_meant_are_warned_of():
    from solvers.contradictions import contradictions

    problem = base()
    seconds = problem.travel.duration_s.copy()
    seconds[0, 2] = 90_000
    found = contradictions(replace(problem, travel=replace(problem.travel, duration_s=seconds)))
    assert any("detour" in one.words and one.severity == "warning" for one in found)
    assert any("way back" in one.words for one in found)
    assert not any("detour" in one.words or "way back" in one.words for one in contradictions(problem))


def test_what_no_vehicle_can_do_is_unserved_and_explained():
    problem = base()
    heavy = replace(problem.orders[0], load=Load(10**9, 10**9, 10**9))
    night = replace(problem.orders[1], windows=(Window(90_000, 95_000),))
    plan = planned(replace(problem, orders=(heavy, night)))
    assert {one.order_id: one.reason for one in plan.unserved} == {"a": "capacity", "b": "time_window"}
    nobody = planned(replace(problem, vehicles=()))
    assert {one.reason for one in nobody.unserved} == {"no_capacity"}
    many = tuple(replace(heavy, order_id=f"h{n}") for n in range(50))
    assert len(planned(replace(problem, orders=many)).unserved) == 50  # sums of 10^9 do not overflow


def test_a_rule_that_no_plan_keeps_is_refused_before_planning():
    rule = Rule("van-days", "min_vehicles", parameters={"limit": 2})
    with pytest.raises(PlanningError, match="asks for 2 vehicles"):
        plan(replace(base(), rules=(rule,)), SolveSettings(seconds=0.2))


def test_names_that_are_there_twice_or_nowhere_are_refused():
    problem = base()
    twice = (problem.orders[0], replace(problem.orders[1], order_id="a"))
    for change, words in (
        ({"orders": twice}, "there twice"),
        ({"vehicles": (*problem.vehicles, *problem.vehicles)}, "there twice"),
        ({"orders": (replace(problem.orders[0], order_id=""),)}, "empty"),
        ({"rules": (Rule("r", "max_stops", frozenset({"zz"}), parameters={"limit": 1}),)}, "unknown 'zz'"),
        ({"locks": (Lock("v", ("a",)), Lock("v", ("b",)))}, "another lock"),
    ):
        with pytest.raises(PlanningError, match=words):
            replace(problem, **change)
    with pytest.raises(PlanningError, match="no field"):
        rules_from_rows([{"rule_id": "r", "type": "window", "wehn": 1}])
