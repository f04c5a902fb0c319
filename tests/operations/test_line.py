"""Insertions priced on a line are what driving the whole route again comes to, to the unit."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.dispatch.ahead import ahead, to_do
from operations.dispatch.line import line_of
from operations.state import fold, start
from solvers.problem import Rule
from tests.operations.days import driven, make_day

DAYS = [make_day(orders=10, vans=2, iterations=50, window_s=length) for length in (1_200, 14_400)]
BREAKS = (
    Rule("duty", "working_time_break", parameters={"work_s": 7_200, "break_s": 900}),
    Rule("wheel", "eu561", parameters={"driving_s": 2_400, "break_s": 1_200}),
    Rule("meal", "meal_break", parameters={"earliest_s": 36_000, "latest_s": 39_600}),
)
DAYS += [replace(one, problem=replace(one.problem, rules=BREAKS)) for one in DAYS]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DAYS), st.integers(0, 4), st.sampled_from([0, 900, 20_000]), st.data())
def test_a_line_is_driven_as_the_day_is(day, stops, late_s, data):
    name = next(one.vehicle_id for one in day.plan.routes if len(one.visits) >= 2)
    stops = min(stops, len(day.planned[name]))
    state = fold(start(day), *(driven(day, name, stops, late_s) if stops else ()))
    vehicle, way = state.vehicles[name], line_of(state, name)
    orders = to_do(state, vehicle)
    assert list(way.orders) == orders and line_of(state, name) is way
    driven_now = ahead(state, vehicle)
    assert (way.priced.cost_minor, way.priced.late_s, way.priced.end_s) == (
        driven_now.cost_minor,
        driven_now.late_s,
        driven_now.end_s,
    )
    order = data.draw(st.sampled_from(day.problem.orders))
    for position in range(len(orders) + 1):
        after = ahead(state, vehicle, [*orders[:position], order, *orders[position:]])
        priced = way.with_order(position, order)
        assert (priced.cost_minor, priced.late_s, priced.end_s) == (after.cost_minor, after.late_s, after.end_s)
        least = way.at_least(position, order)
        assert least.cost_minor <= priced.cost_minor and least.end_s <= priced.end_s


@pytest.mark.parametrize("open_end", [False, True])
def test_a_vehicle_that_need_not_come_back_is_done_at_its_last_stop(open_end):
    day = DAYS[1]
    vehicles = tuple(replace(one, open_end=open_end) for one in day.problem.vehicles)
    day = replace(day, problem=replace(day.problem, vehicles=vehicles))
    state = start(day)
    for name in state.vehicles:
        way, orders = line_of(state, name), to_do(state, state.vehicles[name])
        order = day.problem.orders[0]
        for position in range(len(orders) + 1):
            after = ahead(state, state.vehicles[name], [*orders[:position], order, *orders[position:]])
            priced = way.with_order(position, order)
            assert (priced.cost_minor, priced.end_s) == (after.cost_minor, after.end_s)
