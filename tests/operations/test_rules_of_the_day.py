"""Rules hold in the running day, and no standing answer allows what is not a dispatcher's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from operations.decide import step
from operations.dispatch.asking import SERVED_LATE
from operations.state import Approvals, Sort, StandingAnswer, start
from solvers import Order, Window
from solvers.problem import Rule
from tests.operations.days import DATE, driven, event, make_day

BASE = make_day(orders=2, vans=3, offers=(), iterations=50)
DEAR = tuple(replace(one, penalty_minor=60_000) for one in BASE.problem.orders)
FEW = replace(BASE, problem=replace(BASE.problem, orders=DEAR))
"""Two orders that are worth a van of their own."""
GONE = next(iter(FEW.planned))
OTHERS = sorted(set(FEW.vehicles) - {GONE})
STANDING = StandingAnswer(
    "let", Sort("driver_no_show", "own", "assign"), 10**6, 4, DATE + timedelta(days=9), by="Ana", reason="as agreed"
)


def with_rules(day, *rules, **changed):
    return replace(day, problem=replace(day.problem, rules=rules), **changed)


def forbidden(authority="law", vehicles=OTHERS[:1], hard=True, price_minor=0, orders=("o1",)):
    names = (frozenset(orders), frozenset(vehicles), frozenset())
    return Rule("r1", "vehicle_forbidden", *names, {}, hard, price_minor, authority)


def gone(day):
    return step(start(day), event("g", "driver_no_show", 27_600, vehicle_id=GONE))


def holder(state, order_id):
    return state.vehicle_of(order_id)


def word(order, **whom):
    facts = {"by": "Ana", "reason": "it is near", **({"leave": "yes"} if not whom else {})}
    return event("w", "override", 27_700, order_id=order, facts=facts, **whom)


def test_a_hard_rule_keeps_an_order_from_a_vehicle_whoever_says_so():
    state, _ = gone(FEW)
    free = holder(state, "o1")
    assert free in OTHERS
    day = with_rules(FEW, forbidden(vehicles=[free]))
    state, made = gone(day)
    assert holder(state, "o1") not in (free, GONE) and {one.kind for one in made} == {"assign"}
    state, made = step(state, word("o1", vehicle_id=free))
    assert made[0].kind == "refuse"
    assert made[0].reason == f"{free} may not serve the order: this vehicle may not serve the order (rule r1, law)"
    # nobody is left: it is not taken anywhere, and left at its last chance
    state, _ = gone(with_rules(FEW, forbidden(vehicles=OTHERS)))
    assert holder(state, "o1") == GONE and holder(state, "o2") in OTHERS
    state, made = step(state, event("t", "tick", 60_000))
    assert [(one.kind, one.order_ids) for one in made] == [("leave", ("o1",))]


def test_a_soft_rule_is_priced_as_in_the_nights_plan():
    state, before = gone(FEW)
    free = holder(state, "o1")
    state, _ = gone(with_rules(FEW, forbidden("policy", [free], hard=False, price_minor=90_000)))
    assert holder(state, "o1") != free  # another van is dearer by less
    only = with_rules(FEW, forbidden("policy", OTHERS, hard=False, price_minor=700))
    own = {one.order_ids: one.price_minor for one in before}
    assert sum(one.price_minor for one in gone(only)[1]) == sum(own.values()) + 700


def test_a_new_route_for_what_is_stranded_keeps_the_rules_too():
    day = make_day(orders=8, vans=2, offers=(), iterations=100)
    van = next(iter(day.planned))
    (other,) = set(day.vehicles) - {van} if len(day.planned) == 1 else [max(set(day.vehicles) - {van})]
    inside = day.planned[van]
    ruled = with_rules(day, forbidden(vehicles=[other], orders=inside[:1]))
    lost = event("g", "driver_no_show", 27_000, vehicle_id=van)
    free, kept = step(start(day), lost), step(start(ruled), lost)
    assert any(len(one.order_ids) > 2 for one in free[1])  # a route of its own
    assert inside[0] in free[0].vehicles[other].sequence and inside[0] not in kept[0].vehicles[other].sequence
    assert set(inside[1:]) <= set(kept[0].vehicles[other].sequence)


def test_a_fleet_is_not_asked_for_what_a_rule_or_the_law_keeps_from_it():
    day = make_day(orders=2, vans=1, iterations=50)
    van = next(iter(day.planned))
    lost = event("g", "driver_no_show", 27_600, vehicle_id=van)
    assert {one.kind for one in step(start(day), lost)[1]} == {"tender"}
    only = Rule("own-only", "vehicle_only", frozenset({"o1"}), parameters={"allowed": ("own",)}, authority="contract")
    known = replace(day.problem.orders[0], required_certifications=frozenset({"age_check"}))
    certified = replace(day, problem=replace(day.problem, orders=(known, *day.problem.orders[1:])))
    for ruled, why in (
        (with_rules(day, only), "only certain vehicles or fleets may serve the order (rule own-only, contract)"),
        (certified, "it needs a certificate that nobody known there holds"),
    ):
        state, made = step(start(ruled), lost)
        assert {one.order_ids for one in made if one.kind == "tender"} == {("o2",)}
        refused = step(state, word("o1", fleet_id="gig-a"))[1][0]
        assert refused.kind == "refuse" and refused.reason == f"gig-a may not serve the order: {why}"
    # of a fleet whose vehicles are known, one that may is enough
    courier = replace(day.problem.vehicles[0], vehicle_id="bike", fleet_id="gig-a", certifications={"age_check": 10**6})
    with_bike = replace(certified, problem=replace(certified.problem, vehicles=(*day.problem.vehicles, courier)))
    asked = [one for one in step(start(with_bike), lost)[1] if one.kind in ("tender", "assign")]
    assert ("o1",) in {one.order_ids for one in asked}


@pytest.mark.parametrize("authority", ["law", "contract", "promise", "policy", "preference"])
def test_a_standing_answer_allows_what_is_the_dispatchers_own_and_nothing_of_others(authority):
    rules = Approvals(("assign",), standing_after=3)
    soft = forbidden(authority, OTHERS, hard=False, price_minor=10)
    named = Rule("by-noon", "done_by", frozenset({"o1"}), parameters={"end_s": 86_000}, authority=authority)
    for rule in (soft, named):
        day = with_rules(FEW, rule, approvals=rules, standing=(STANDING,))
        state, made = gone(day)
        if authority in ("policy", "preference"):
            assert {one.kind for one in made} == {"assign"} and len(state.standing.uses) == 2
            continue
        assert {one.kind for one in made} == {"propose"} and not state.standing.uses
        waits = {item.order_id: item.reason for item in state.proposals["g"].items}
        assert f"(rule {rule.rule_id}, {authority}): not a dispatcher's to allow in advance" in waits["o1"]
        assert "rule" not in waits["o2"]
        # a person may say yes each time
        facts = {"proposal": "g", "by": "Ana"}
        state, made = step(state, event("y", "approved", 27_660, facts=facts))
        assert sorted(name for one in made if one.kind == "assign" for name in one.order_ids) == ["o1", "o2"]
        assert {one.kind for one in made} == {"assign", "said"}
    # a rule that does not concern the choice keeps nothing back
    elsewhere = forbidden(authority, [GONE], hard=False, price_minor=10)
    assert {one.kind for one in gone(with_rules(FEW, elsewhere, approvals=rules, standing=(STANDING,)))[1]} == {
        "assign"
    }


def test_leaving_what_a_contract_names_is_asked_whatever_a_day_lets_stand():
    rules = Approvals(("leave",), standing_after=3, standing_kinds=("leave",))
    orders = tuple(replace(one, windows=(Window(28_000, 28_100),)) for one in FEW.problem.orders)
    day = replace(FEW, problem=replace(FEW.problem, orders=orders, vehicles=FEW.problem.vehicles[:1]))
    let = replace(STANDING, sort=Sort("driver_no_show", "own", "leave"))
    named = Rule("by-noon", "done_by", frozenset({"o1"}), parameters={"end_s": 86_000}, authority="contract")
    assert FEW.problem.vehicles[0].vehicle_id == GONE
    late = event("g", "driver_no_show", 28_050, vehicle_id=GONE)
    for ruled, kind in ((day, "leave"), (with_rules(day, named), "propose")):
        _, made = step(start(replace(ruled, approvals=rules, standing=(let,))), late)
        assert {one.kind for one in made} == {kind}


def whole(kind, authority="law", hard=True, **parameters):
    return Rule("r1", kind, parameters=parameters, hard=hard, authority=authority)


def out_s(day, vehicle_id):
    """How long a vehicle would be out, by the plan."""
    route = next(one for one in day.plan.routes if one.vehicle_id == vehicle_id)
    return route.end_s - route.start_s


@pytest.mark.parametrize("authority", ["law", "policy"])
def test_no_decision_breaks_a_hard_rule_of_a_whole_route_whoever_says_so(authority):
    free = holder(gone(FEW)[0], "o1")
    limited = tuple(replace(one, max_duration_s=600, max_distance_m=100) for one in FEW.problem.vehicles)
    short = replace(FEW, problem=replace(FEW.problem, vehicles=limited))
    rules = (
        (whole("max_working", authority, limit_s=600), f"(rule r1, {authority})"),
        (whole("max_driving", authority, limit_s=60), f"(rule r1, {authority})"),
        (whole("latest_return", authority, end_s=28_100), f"(rule r1, {authority})"),
        (whole("max_stops", authority, limit=0), f"(rule r1, {authority})"),
    )
    for ruled, words in (*((with_rules(FEW, rule), words) for rule, words in rules), (short, "it would be out longer")):
        state, made = gone(ruled)
        assert not [one for one in made if one.kind == "assign"], words
        assert holder(state, "o1") == GONE
        refused = step(state, word("o1", vehicle_id=free))[1][0]
        assert refused.kind == "refuse" and refused.reason.startswith(f"{free} may not take it: ")
        assert words in refused.reason
    # a soft one, or one of somebody else, keeps nothing back
    for rule in (whole("max_driving", hard=False, limit_s=60), replace(rules[0][0], vehicles=frozenset({GONE}))):
        assert holder(gone(with_rules(FEW, rule))[0], "o1") in OTHERS


def test_what_a_van_has_driven_counts_and_what_is_too_long_already_may_not_become_longer():
    day = make_day(orders=6, vans=1, offers=(), iterations=50)
    van = next(iter(day.planned))
    pickup = Order("new", 8, "d", 180, (Window(30_000, 80_000),), penalty_minor=60_000, kind="pickup")
    known = replace(day, problem=replace(day.problem, orders=(*day.problem.orders, pickup)))
    on_its_way = driven(day, van, 3)

    def placed(limit_s, late_s=0):
        state = start(with_rules(known, whole("max_working", limit_s=limit_s)))
        for one in driven(day, van, 3, late_s) if late_s else on_its_way:
            state, _ = step(state, one)
        before = state.vehicles[van].sequence
        state, made = step(state, event("t", "tick", state.clock_s + 1))
        return "new" in state.vehicles[van].sequence, before, made

    assert placed(10 * 3_600)[0]
    # with what it has driven, the pickup would come after the limit, though what is ahead alone would not
    longer = out_s(day, van) + 60
    assert not placed(longer)[0]
    # late already: it is not broken further, and nothing that was planned is taken away
    inside, before, _ = placed(longer, late_s=900)
    assert not inside and set(before) == set(day.planned[van])


def test_a_route_of_its_own_keeps_the_rules_of_whole_routes():
    day = make_day(orders=8, vans=2, offers=(), iterations=100)
    van = next(iter(day.planned))
    lost = event("g", "driver_no_show", 27_000, vehicle_id=van)
    _, free = step(start(day), lost)
    made_for = max((one for one in free if len(one.order_ids) > 2), key=lambda one: len(one.order_ids))
    state, kept = step(start(with_rules(day, whole("max_stops", limit=4))), lost)
    assert len(made_for.order_ids) > 4
    assert all(len(one.order_ids) <= 4 for one in kept if one.kind == "assign")
    assert 0 < len(state.vehicles[made_for.vehicle_id].sequence) <= 4


def test_no_standing_answer_covers_what_serves_somebody_later_than_promised():
    # one van for both, in opposite directions: whoever comes second is served late
    orders = tuple(replace(one, windows=(Window(27_000, 29_300),)) for one in FEW.problem.orders)
    day = replace(FEW, problem=replace(FEW.problem, orders=orders, vehicles=FEW.problem.vehicles[:2]))
    assert GONE in day.vehicles
    rules = replace(day, approvals=Approvals(("assign",), standing_after=3), standing=(STANDING,))
    state, made = gone(rules)
    assert [one.kind for one in made] == ["assign", "propose"]
    (on_time,), (late,) = (one.order_ids for one in made)
    assert [one.order_id for one in state.standing.uses] == [on_time]
    (item,) = state.proposals["g"].items
    assert (
        item.order_id == late
        and item.reason.endswith("38 min later than promised, " + SERVED_LATE)
        and item.late_s == 2_251
    )
    state, made = step(state, event("y", "approved", 27_660, facts={"proposal": "g", "by": "Ana"}))
    assert [one.kind for one in made if one.kind != "said"] == ["assign"]
    # a standing answer may go so far, where the day lets it: whole minutes of both
    far = replace(STANDING, late_s=2_400)
    for allowed, day_s, covered in ((far, 2_251, 2), (far, 2_250, 1), (replace(far, late_s=2_250), 2_400, 1)):
        known = replace(rules, approvals=Approvals(("assign",), standing_after=3, standing_late_s=day_s))
        state, made = gone(replace(known, standing=(allowed,)))
        assert len(state.standing.uses) == covered and len(state.proposals) == (covered < 2)
    # one limit for the whole cause, in time or late
    known = replace(rules, approvals=Approvals(("assign",), standing_after=3, standing_late_s=2_400))
    price = sum(one.price_minor for one in gone(replace(known, standing=(far,)))[1])
    assert len(gone(replace(known, standing=(replace(far, limit_minor=price),)))[0].standing.uses) == 2
    assert len(gone(replace(known, standing=(replace(far, limit_minor=price - 1),)))[0].standing.uses) == 1
    # late by no more than what is material to the day is not late
    state, made = gone(replace(rules, prices=replace(rules.prices, material_s=2_251)))
    assert len(state.standing.uses) == 2
    # below what is material nobody is asked, late or not, and then by nobody's word
    dear = Approvals(above_minor=10**6, standing_after=3)
    state, made = gone(replace(rules, approvals=dear))
    assert {one.kind for one in made} == {"assign"} and not state.standing.uses
