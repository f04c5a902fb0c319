"""Breaks that rules ask for are part of what comes; what was taken counts."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from operations.decide import step
from operations.dispatch.ahead import ahead
from operations.state import fold, start
from solvers import Order, SolveSettings, Window
from solvers.planner import plan
from solvers.problem import Rule
from tests.operations.days import driven, event, make_day

WORK = "working_time_break"


def rule(kind, name="r1", **parameters):
    return Rule(name, kind, parameters=parameters, authority="law")


def day_with(*rules, seed=1, orders=9):
    made = make_day(orders=orders, vans=2, offers=(), iterations=1, seed=seed)
    problem = replace(made.problem, rules=rules)
    return replace(made, problem=problem, plan=plan(problem, SolveSettings(seconds=5.0, iterations=60, seed=seed)))


def route_of(day, van):
    return next(one for one in day.plan.routes if one.vehicle_id == van)


def fullest(day):
    return max(day.planned, key=lambda one: len(day.planned[one]))


def told(day, van, before_s):
    """Breaks of the plan that have begun before a moment, as events."""
    found = []
    for n, one in enumerate(route_of(day, van).breaks):
        if one.start_s < before_s:
            found.append(event(f"b{n}", "break_started", one.start_s, vehicle_id=van))
            if one.end_s <= before_s:
                found.append(event(f"e{n}", "break_ended", one.end_s, vehicle_id=van))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["eu561", WORK, "meal_break", "both"]),
    st.integers(6, 20),
    st.sampled_from([900, 1_800, 2_700]),
    st.integers(1, 4),
    st.integers(0, 9),
    st.booleans(),
)
def test_who_keeps_to_the_plan_is_predicted_to_go_on_so(kind, limit, rest_s, seed, stops, tells):
    rules = {
        "eu561": rule("eu561", "eu", driving_s=limit * 200, break_s=rest_s),
        WORK: rule(WORK, "duty", work_s=limit * 900, break_s=rest_s),
        "meal_break": rule("meal_break", "meal", earliest_s=34_000, latest_s=34_000 + limit * 300, break_s=rest_s),
    }
    day = day_with(*([rules["eu561"], rules[WORK]] if kind == "both" else [rules[kind]]), seed=seed)
    for van in day.planned:
        route, state = route_of(day, van), start(day)
        stops = min(stops, len(route.visits))
        if stops:
            events = driven(day, van, stops)
            known = told(day, van, events[-1].at_s) if tells else ()
            state = fold(state, *events, *known)
        due = ahead(state, state.vehicles[van])
        assert [one.service_start_s for one in due.stops] == [v.service_start_s for v in route.visits[stops:]]
        if stops < len(route.visits):
            assert due.end_s == route.end_s
        if not stops:
            assert due.breaks == route.breaks


def without_waits():
    """A day of one van that waits nowhere."""
    made = make_day(orders=6, vans=1, offers=(), iterations=1)
    orders = tuple(replace(one, windows=(Window(28_000, 80_000),)) for one in made.problem.orders)
    problem = replace(made.problem, orders=orders)
    return replace(made, problem=problem, plan=plan(problem, SolveSettings(seconds=5.0, iterations=50, seed=1)))


BASE = without_waits()
VAN = next(iter(BASE.planned))
PICKUP = Order("new", 8, "d", 180, (Window(30_000, 80_000),), penalty_minor=60_000, kind="pickup")
OUT_S = route_of(BASE, VAN).end_s - route_of(BASE, VAN).start_s


def ruled(*rules):
    """A day that was planned before anybody thought of these rules, with a pickup that is nobody's."""
    return replace(BASE, problem=replace(BASE.problem, orders=(*BASE.problem.orders, PICKUP), rules=rules))


def after(day, events):
    """The day after some events, and what is decided about the pickup."""
    state, made = step(fold(start(day), *events), event("t", "tick", max(one.at_s for one in events) + 1))
    return state, [one for one in made if one.order_ids == ("new",)]


def test_an_order_that_makes_a_break_necessary_costs_its_time():
    on_its_way = driven(BASE, VAN, 2)
    (free,) = after(ruled(), on_its_way)[1]
    (same,) = after(ruled(rule(WORK, work_s=OUT_S + 20_000)), on_its_way)[1]
    assert free.kind == "assign" and same.price_minor == free.price_minor
    (due,) = after(ruled(rule(WORK, work_s=OUT_S + 10, break_s=1_200)), on_its_way)[1]
    assert due.price_minor == free.price_minor + 600  # 1,200 seconds at 18.00 an hour
    # nobody may be out for so long: with the break it does not fit any more
    longest = rule("latest_return", "back", end_s=route_of(BASE, VAN).end_s + 1_300)
    without = after(ruled(longest), on_its_way)[1]
    within = after(ruled(longest, rule(WORK, work_s=OUT_S + 10, break_s=1_200)), on_its_way)[1]
    assert [one.kind for one in without] == ["assign"] and not within


def test_a_break_that_was_taken_is_no_work_and_a_slow_customer_is_no_break():
    first, second, *_ = route_of(BASE, VAN).visits
    begun = driven(BASE, VAN, 1)
    rest = [
        event("b", "break_started", first.departure_s, vehicle_id=VAN),
        event("e", "break_ended", first.departure_s + 1_800, vehicle_id=VAN),
    ]
    at = {"vehicle_id": VAN, "order_id": second.order_id}
    came, slow_s = second.arrival_s + 1_800, second.departure_s + 1_800
    late = [event("a2", "arrived", came, **at), event("d2", "delivered", slow_s, **at)]
    rules = (rule(WORK, "rest", work_s=40_000), rule("max_working", "most", limit_s=OUT_S + 2_000))
    (taken,) = after(ruled(*rules), [*begun, *rest, *late])[1]
    assert taken.kind == "assign"
    # the same times, but the customer was slow
    until_s = first.departure_s + 1_800
    slow = [*begun[:-1], replace(begun[-1], at_s=until_s, seen_s=until_s), *late]
    assert not after(ruled(*rules), slow)[1]
    # of who tells of no breaks a halt as long as one counts; of who does, what was told
    assert [one.kind for one in after(ruled(*rules), [*begun, *late])[1]] == ["assign"]
    short = event("e", "break_ended", first.departure_s + 300, vehicle_id=VAN)
    assert not after(ruled(*rules), [*begun, rest[0], short, *late])[1]


def test_who_is_having_a_break_goes_on_after_it():
    first, second, *_ = route_of(BASE, VAN).visits
    began = event("b", "break_started", first.departure_s + 60, vehicle_id=VAN)
    day = ruled(rule(WORK, work_s=40_000, break_s=2_400))
    state = fold(start(day), *driven(BASE, VAN, 1), began)
    leg = second.arrival_s - first.departure_s
    assert ahead(state, state.vehicles[VAN]).stops[0].arrival_s == began.at_s + 2_400 + leg
    # longer than it should be: it is over at the earliest now
    state = fold(state, event("t", "tick", began.at_s + 3_000))
    assert ahead(state, state.vehicles[VAN]).stops[0].arrival_s == began.at_s + 3_000 + leg
    # it has come to the next stop: nothing is due any more
    at = {"vehicle_id": VAN, "order_id": second.order_id}
    state = fold(state, event("a", "arrived", began.at_s + 3_000 + leg, **at))
    assert not ahead(state, state.vehicles[VAN]).breaks
    without = fold(start(ruled()), *driven(BASE, VAN, 1), began)
    assert ahead(without, without.vehicles[VAN]).stops[0].arrival_s == second.arrival_s


def test_what_was_not_taken_in_its_time_is_taken_at_once_and_a_meal_that_is_over_is_not_waited_for():
    first, second, *_ = route_of(BASE, VAN).visits
    leg, begun = second.arrival_s - first.departure_s, driven(BASE, VAN, 1)
    over = ruled(rule(WORK, work_s=first.departure_s - begun[0].at_s - 10, break_s=900))
    state = fold(start(over), *begun)
    due = ahead(state, state.vehicles[VAN])
    assert due.stops[0].arrival_s == first.departure_s + 900 + leg and due.breaks[0].start_s == first.departure_s
    meal = {"earliest_s": begun[0].at_s, "break_s": 900}
    gone = ruled(rule("meal_break", latest_s=first.departure_s - 10, **meal))
    soon = ruled(rule("meal_break", latest_s=first.departure_s + 10, **meal))
    for day, waits in ((gone, 0), (soon, 900)):
        state = fold(start(day), *begun)
        assert ahead(state, state.vehicles[VAN]).stops[0].arrival_s == second.arrival_s + waits
