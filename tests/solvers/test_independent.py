"""Days that have nothing to do with each other are planned apart, and only they."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import Depot, Travel, verify
from solvers.engines import core
from solvers.engines.independent import LEAST_ORDERS, independents
from solvers.engines.nearest import nearest_plan
from solvers.evaluator import Evaluator, may_serve
from solvers.planner import SolveSettings, plan
from solvers.problem import Rule
from tests.solvers.test_engines import day

STATIONS = ("north", "south", "west")


def stations(count=180, free=0, certified=0):
    """A day whose orders and vans belong to three stations in turn; the first ``free`` orders to none."""
    problem = day(count, seed=5)
    orders = tuple(
        replace(
            order,
            depot_id="" if n < free else STATIONS[n % 3],
            required_certifications=frozenset({"adr"}) if n < certified else frozenset(),
        )
        for n, order in enumerate(problem.orders)
    )
    vehicles = tuple(replace(one, depot_id=STATIONS[n % 3]) for n, one in enumerate(problem.vehicles))
    depots = tuple(Depot(name, n) for n, name in enumerate(STATIONS))
    return replace(problem, depots=depots, orders=orders, vehicles=vehicles)


def test_each_station_is_planned_apart():
    problem = stations()
    found = independents(problem, 60.0)
    by_order = {order.order_id: order for order in problem.orders}
    assert sorted({by_order[one].depot_id for one in part.orders} for part in found) == [{one} for one in STATIONS]


def test_one_order_that_any_station_may_serve_ties_all_together():
    assert len(independents(stations(free=1), 60.0)) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(0, 7), max_size=8), min_size=1, max_size=200), st.floats(0.1, 60.0), st.booleans())
def test_who_may_serve_whom_and_what_belongs_together_stays_together(bans, seconds, grouped):
    problem = day(len(bans) + 32, seed=2)
    vans = problem.vehicles[:8]
    orders = [
        replace(order, banned_vehicles=frozenset(f"v{n}" for n in banned))
        for order, banned in zip(problem.orders, bans, strict=False)
    ]
    if grouped and len(orders) > 2:
        orders[0], orders[1] = replace(orders[0], group="g"), replace(orders[1], group="g")
    problem = replace(problem, orders=tuple(orders), vehicles=vans)
    found = independents(problem, seconds)

    place = {one: n for n, part in enumerate(found) for one in part.orders}
    where = {one: n for n, part in enumerate(found) for one in part.vehicles}
    assert sum(len(part.orders) for part in found) == len(place)
    assert sum(len(part.vehicles) for part in found) == len(where)
    for order in problem.orders:
        for vehicle in problem.vehicles:
            if may_serve(vehicle, order):
                assert place[order.order_id] == where[vehicle.vehicle_id]
    if grouped and len(orders) > 2 and place.keys() >= {"o0", "o1"}:
        assert place["o0"] == place["o1"]
    assert len(found) <= max(1, seconds / 2)
    assert len(found) == 1 or all(len(part.orders) >= LEAST_ORDERS for part in found)


def test_vans_of_one_driver_are_planned_together():
    problem = stations()
    vans = [replace(one, driver_id="anna") if n < 2 else one for n, one in enumerate(problem.vehicles)]
    assert len(independents(replace(problem, vehicles=tuple(vans)), 60.0)) == 2


@pytest.mark.parametrize("kind", ["plan", "time of day"])
def test_what_looks_at_the_whole_plan_or_the_clock_is_not_cut(kind):
    problem = stations()
    if kind == "plan":
        fleet = Rule("few", "max_vehicles", fleets=frozenset("f"), parameters={"limit": 40})
        problem = replace(problem, rules=(fleet,))
    else:
        same = problem.travel.duration_s
        problem = replace(problem, travel=Travel(problem.travel.distance_m, same, (0,), same[None]))
    assert len(independents(problem, 60.0)) == 1


def test_a_plan_of_independent_days_holds_all_of_them_and_an_order_nobody_may_serve_is_named():
    problem = stations(certified=1)
    said = []
    found = plan(problem, SolveSettings(seconds=8, seed=1, workers=1), said.append)
    assert verify(problem, found) == []
    assert [one.order_id for one in found.unserved] == ["o0"] and found.unserved[0].reason
    assert sum("independent day" in line for line in said) == 3


def test_a_plan_goes_on_from_the_initial_one_in_each_day():
    problem = stations()
    ways = Evaluator(problem)
    first = nearest_plan(ways)
    again = core.search(problem, seconds=6, seed=2, workers=1, initial=first)
    served = [one for ids in again.values() for one in ids]
    assert sorted(served) == sorted(order.order_id for order in problem.orders)
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    orders = {one.order_id: one for one in problem.orders}
    before, after = (
        sum(ways.evaluate(vehicles[one], [orders[stop] for stop in ids]).cost for one, ids in sequences.items())
        for sequences in (first, again)
    )
    assert sum(map(len, first.values())) == len(orders) and after < before


def test_called_off_it_still_gives_a_plan_of_every_day_at_once():
    problem = stations()
    found = plan(problem, SolveSettings(seconds=30, seed=1), cancel=lambda: True)
    assert verify(problem, found) == []
    assert found.solver_s < 10 and found.served > 0.8 * len(problem.orders)


def test_called_off_a_day_that_has_a_plan_keeps_it():
    problem = stations()
    first = nearest_plan(Evaluator(problem))
    assert core.search(problem, seconds=30, seed=2, workers=1, initial=first, cancel=lambda: True) == first


def test_a_day_whose_search_found_nothing_in_its_time_still_has_a_plan():
    problem = stations()
    days = independents(problem, 60.0)
    found = core._apart(problem, days, lambda part, **_: None, 9.0, None, None, None, None)
    assert sum(len(ids) for ids in found.values()) > 0.8 * len(problem.orders)
