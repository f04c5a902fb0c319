"""What soft rules of whole routes and a tariff's overtime charge is weighed in the day as in the night's plan."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.decide import step
from operations.dispatch.repair import MOST_PLACES, insertion_into
from operations.state import Approvals, Event, fold, start
from operations.state.entities import OrderState
from operations.state.events import ROUTE_SET
from orchestration.live.suppose import standing
from solvers import SolveSettings
from solvers.judgement import judge
from solvers.planner import plan
from solvers.problem import Rule
from tests.operations.days import driven, event, make_day
from tests.operations.test_rules_of_the_day import FEW, GONE, STANDING, gone, holder, with_rules


def soft(kind, price_minor=1, vehicles=(), authority="policy", **parameters):
    names = (frozenset(), frozenset(vehicles), frozenset())
    return Rule("r1", kind, *names, parameters, hard=False, price_minor=price_minor, authority=authority)


def way_s(day, *places):
    """Seconds of driving from place to place."""
    duration = day.problem.travel.duration_s
    return sum(int(duration[a, b]) for a, b in pairwise(places))


ONE = replace(FEW, problem=replace(FEW.problem, vehicles=FEW.problem.vehicles[:2]))
"""A day of two vans, of which one does not come."""


def test_an_order_costs_what_its_route_exceeds_a_soft_rule_by_and_says_so():
    state, made = gone(FEW)
    free = holder(state, "o1")
    before = {one.order_ids: one.price_minor for one in made}
    # a price that changes no choice: all vans have the rule
    state, made = gone(with_rules(FEW, soft("max_driving", 2, limit_s=100)))
    first = made[0]
    place = int(first.order_ids[0][1:])
    over_s = way_s(FEW, 0, place, 0) - 100
    assert first.price_minor == before[first.order_ids] + 2 * over_s and over_s > 0
    said = f"driving time of the route (rule r1, policy) {over_s} s more: {2 * over_s / 100:.2f} EUR"
    assert first.reason.endswith(said)
    # of one van only: another is dearer by less, and what that van would cost stands beside it
    state, made = gone(with_rules(FEW, soft("max_driving", 90_000, [free], limit_s=100)))
    assert holder(state, "o1") not in (free, GONE) and "rule r1" not in made[0].reason
    beside = {one.what: one.price_minor for one in made[0].alternatives}
    assert beside[f"vehicle {free}"] == before[made[0].order_ids] + 90_000 * over_s
    # and where no other is left, it is dearer than leaving the order
    only_one = with_rules(ONE, soft("max_driving", 90_000, limit_s=100))
    assert "assign" in {one.kind for one in gone(ONE)[1]} and "assign" not in {one.kind for one in gone(only_one)[1]}


def test_what_mends_a_soft_rule_is_cheaper_by_what_that_saves():
    # a van should have one order more
    day = make_day(orders=3, vans=2, offers=(), iterations=50)
    van = next(iter(day.planned))
    pickup = replace(day.problem.orders[0], order_id="new", kind="pickup", penalty_minor=60_000)
    day = replace(day, problem=replace(day.problem, orders=(*day.problem.orders, pickup)))
    limit = len(day.planned[van]) + 1
    tick = event("t", "tick", 27_000)
    (free,) = step(start(day), tick)[1]
    (cheaper,) = step(start(with_rules(day, soft("min_stops", 700, limit=limit))), tick)[1]
    assert free.vehicle_id == cheaper.vehicle_id == van
    assert cheaper.price_minor == free.price_minor - 700
    assert cheaper.reason.endswith("a route worth driving (rule r1, policy) 1 stop less: -7.00 EUR")


def test_overtime_of_a_tariff_is_paid_in_the_day_too():
    def paid(**more):
        fleet = tuple(replace(one, tariff=replace(one.tariff, **more)) for one in FEW.problem.vehicles)
        return gone(replace(FEW, problem=replace(FEW.problem, vehicles=fleet)))[1][0]

    usual, dear = paid(), paid(overtime_after_s=0, overtime_per_hour_minor=3_600)
    place = int(usual.order_ids[0][1:])
    out_s = way_s(FEW, 0, place, 0) + 180
    assert dear.order_ids == usual.order_ids and dear.price_minor == usual.price_minor + out_s
    assert dear.reason.endswith(f"overtime, hours and steps of its tariff: {out_s / 100:.2f} EUR")
    assert paid(overtime_after_s=out_s, overtime_per_hour_minor=3_600) == usual
    wheel = paid(per_driving_hour_minor=3_600)
    assert wheel.price_minor == usual.price_minor + way_s(FEW, 0, place, 0)
    assert paid(minimum_minor=9_000).price_minor >= 9_000


def test_a_route_of_its_own_is_charged_too():
    day = make_day(orders=8, vans=2, offers=(), iterations=100)
    lost = event("g", "driver_no_show", 27_000, vehicle_id=next(iter(day.planned)))
    many = max(step(start(day), lost)[1], key=lambda one: len(one.order_ids))
    same = max(step(start(with_rules(day, soft("max_stops", 3, limit=2))), lost)[1], key=lambda one: len(one.order_ids))
    over_by = len(many.order_ids) - 2
    assert over_by > 1 and same.order_ids == many.order_ids
    assert same.price_minor == many.price_minor + 3 * over_by
    assert f"stops on a route (rule r1, policy) {over_by} stop more: {3 * over_by / 100:.2f} EUR" in same.reason
    dear = step(start(with_rules(day, soft("max_stops", 10**6, limit=2))), lost)[1]
    assert all(len(one.order_ids) <= 2 for one in dear)


def test_a_new_sequence_is_not_worth_what_a_soft_rule_charges_for_it():
    day = make_day(orders=12, vans=1, window_s=3_600, seed=3, iterations=300)
    delayed = driven(day, "v0", 1, late_s=4_000)

    def changed(day):
        state, found = start(day), []
        for one in delayed:
            state, made = step(state, one)
            found += [one for one in made if one.kind == "resequence"]
        return found

    (free,) = changed(day)
    sequence = day.planned["v0"]
    moved = free.order_ids[-1]
    before = sequence[sequence.index(moved) - 1]  # it is moved to before this one, which a rule wants after it
    kept = soft("precedence", 1, sequence=(before, moved))
    (same,) = changed(with_rules(day, kept))
    assert before not in free.order_ids and same.order_ids == free.order_ids
    assert same.price_minor == free.price_minor + 1
    assert same.reason.endswith("; orders in the wrong order (rule r1, policy) 1 pair more: 0.01 EUR")
    dear = changed(with_rules(day, replace(kept, price_minor=-2 * free.price_minor)))
    assert all(free.price_minor < one.price_minor < 0 and "rule r1" not in one.reason for one in dear)
    # a hard one bars that sequence, and not every other
    (barred,) = changed(with_rules(day, replace(kept, hard=True, price_minor=0)))
    assert [barred.order_ids] == [one.order_ids for one in dear]


def test_a_delayed_van_is_relieved_of_what_would_cost_it_a_soft_rule():
    day = make_day(orders=4, vans=2, offers=(), iterations=50)
    van = next(iter(day.planned))
    late = event("g", "driver_no_show", 27_000, vehicle_id=van, facts={"back_s": 30_000})
    state, made = step(start(day), late)
    assert not made and len(state.vehicles[van].sequence) > 1
    ruled = with_rules(day, soft("latest_return", 50, [van], end_s=30_000))
    made = step(start(ruled), late)[1]
    assert made and {one.kind for one in made} == {"assign"} and all(one.vehicle_id != van for one in made)


@pytest.mark.parametrize("authority", ["law", "contract", "promise", "policy", "preference"])
def test_no_standing_answer_exceeds_a_soft_rule_of_others(authority):
    rules = {"approvals": Approvals(("assign",), standing_after=3), "standing": (STANDING,)}
    _, made = gone(with_rules(FEW, soft("max_driving", authority=authority, limit_s=0), **rules))
    own = authority in ("policy", "preference")
    assert {one.kind for one in made} == {"assign" if own else "propose"}
    assert own or "not a dispatcher's to allow in advance" in made[0].reason
    # what it does not exceed keeps nothing back
    _, made = gone(with_rules(FEW, soft("max_driving", authority=authority, limit_s=50_000), **rules))
    assert {one.kind for one in made} == {"assign"}


KINDS = {
    "max_driving": {"limit_s": 900},
    "max_working": {"limit_s": 3_000},
    "max_duration": {"limit_s": 2_000},
    "max_distance": {"limit_m": 9_000},
    "max_stops": {"limit": 2},
    "min_stops": {"limit": 7},
    "latest_return": {"end_s": 33_000},
    "max_leg": {"limit_s": 200},
    "min_duration": {"limit_s": 20_000},
    "lateness": {"end_s": 31_000},
    "max_waiting": {"limit_s": 0},
}
"""Rules that charge for something on these days."""


def ruled_day(names, price, *, overtime=False, seed=1):
    made = make_day(orders=9, vans=2, offers=(), iterations=1, seed=seed)
    rules = tuple(
        Rule(name, name, parameters=KINDS[name], hard=False, price_minor=price + number)
        for number, name in enumerate(names)
    )
    fleet = made.problem.vehicles
    if overtime:
        tariff = replace(fleet[0].tariff, overtime_after_s=1_800, overtime_per_hour_minor=7_200)
        fleet = tuple(replace(one, tariff=tariff) for one in fleet)
    orders = tuple(replace(one, penalty_minor=10**6) for one in made.problem.orders)
    problem = replace(made.problem, orders=orders, rules=rules, vehicles=fleet)
    return replace(made, problem=problem, plan=plan(problem, SolveSettings(seconds=5.0, iterations=60, seed=seed)))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 9),
)
def test_an_untouched_route_is_charged_what_the_nights_proof_charges(names, price, overtime, seed, stops):
    day = ruled_day(names, price, overtime=overtime, seed=seed)
    night = sum(one.charged_minor for one in judge(day.problem, day.plan).charges)
    if overtime:
        night += sum(2 * max(0, one.end_s - one.start_s - 1_800) for one in day.plan.routes)
    state = start(day)
    assert standing(state)["rules_minor"] == night
    # it stays so while every van keeps to the plan
    for name in day.planned:
        state = fold(state, *driven(day, name, min(stops, len(day.planned[name]))))
    assert standing(state)["rules_minor"] == night


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 4),
)
def test_the_place_that_is_chosen_is_the_cheapest_with_what_rules_charge(names, price, overtime, seed, stops):
    day = ruled_day(names, price, overtime=overtime, seed=seed)
    van = max(day.planned, key=lambda one: len(day.planned[one]))
    state = fold(start(day), *(driven(day, van, stops) if stops else ()))
    order = replace(day.problem.orders[0], order_id="new", location=10, kind="pickup")
    state = replace(state, orders=state.orders.changed({"new": OrderState("new", order)}))

    def cost(sequence):
        facts = {"orders": json.dumps(sequence), "version": 1}
        at_s = state.clock_s
        stands = standing(fold(state, Event("set", ROUTE_SET, at_s, at_s, vehicle_id=van, facts=facts)))
        return stands["routes_minor"] + stands["rules_minor"]

    sequence = day.planned[van]
    held = min(stops + (stops > 0), len(sequence))  # what it drives to stays
    if len(sequence) - held > MOST_PLACES - 1:
        return
    costs = [cost([*sequence[:n], "new", *sequence[n:]]) for n in range(held, len(sequence) + 1)]
    flat = day.vehicles[van].tariff.per_stop_minor + day.vehicles[van].tariff.per_parcel_minor
    found = insertion_into(state, van, order)
    assert not isinstance(found, str)
    assert found.price_minor == min(costs) - cost(sequence) + flat
