"""What waits for a person: proposed, answered, overridden; nothing waits for ever, and nothing is answered twice."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from operations.decide import step
from operations.state import Approvals, digest, fold, start, why_refused
from solvers import Load
from tests.operations.days import created, event, make_day

DAY = make_day(orders=6, vans=2, iterations=50)
ASKED = replace(DAY, approvals=Approvals(("assign", "tender", "leave")))


def run(day, *events):
    state, made = start(day), []
    for one in events:
        state, decisions = step(state, one)
        made += decisions
    return state, made


def said(name, kind, at_s, order="", vehicle="", fleet="", **facts):
    facts = {"reason": "the customer called", "by": "Ana", "handled_ms": 4_000, **facts}
    return event(name, kind, at_s, order_id=order, vehicle_id=vehicle, fleet_id=fleet, facts=facts)


NEW = created("n", "new", 9, 27_000)


def test_what_must_be_approved_is_proposed_with_its_price_and_changes_no_route():
    state, (made,) = run(ASKED, NEW)
    free = run(DAY, NEW)[1][0]
    assert (made.kind, made.vehicle_id, made.price_minor) == ("propose", free.vehicle_id, free.price_minor)
    assert made.alternatives == free.alternatives and state.vehicles == start(ASKED).vehicles
    (item,) = state.proposals["n"].items
    assert item.price_minor == free.price_minor and item.alternatives
    # it is proposed once, and nothing else is done with the order meanwhile
    assert step(state, event("t", "tick", 27_300))[1] == ()


def test_yes_does_it_and_no_takes_the_next_best():
    state, made = run(ASKED, NEW, said("y", "approved", 27_100, proposal="n", reason=""))
    assert made[-1].kind == "assign" and made[-1].reason.startswith("approved by Ana")
    assert "new" in state.vehicles[made[-1].vehicle_id].sequence
    assert (state.desk.touches, state.desk.handled_ms) == (1, 4_000)
    state, made = run(ASKED, NEW, said("x", "rejected", 27_100, proposal="n"))
    assert [one.kind for one in made] == ["propose", "reject", "propose"] and "the customer called" in made[1].reason
    assert made[2].vehicle_id != made[0].vehicle_id and made[2].price_minor >= made[0].price_minor


def test_what_nobody_answers_is_done_as_proposed():
    state, made = run(ASKED, NEW, event("t", "tick", 27_601))
    assert [one.kind for one in made] == ["propose", "expire", "assign"] and state.desk.touches == 0
    late = said("y", "approved", 27_700, proposal="n")
    assert [one.reason for one in step(state, late)[1]] == ["nobody answered in time: it is done"]


@pytest.mark.parametrize("first", ["approved", "rejected"])
def test_an_answer_given_twice_counts_once(first):
    other = "rejected" if first == "approved" else "approved"
    state, _ = run(ASKED, NEW, said("a", first, 27_100, proposal="n"))
    before = {name: van.sequence for name, van in state.vehicles.items()}
    for name, again in (("b", other), ("c", first)):
        state, made = step(state, said(name, again, 27_110, proposal="n"))
        assert [one.kind for one in made] == ["refuse"] and made[0].reason == f"it was {first} by Ana before"
    assert {name: van.sequence for name, van in state.vehicles.items()} == before


def test_an_override_moves_an_order_and_keeps_its_reason():
    holder = next(name for name, van in start(DAY).vehicles.items() if "o1" in van.remaining)
    other = next(name for name in DAY.vehicles if name != holder)
    state, made = run(DAY, said("o", "override", 27_000, order="o1", vehicle=other))
    assert made[0].kind == "assign" and made[0].reason.startswith("override by Ana: the customer called")
    assert "o1" in state.vehicles[other].sequence and "o1" not in state.vehicles[holder].sequence
    state, made = run(DAY, said("o", "override", 27_000, order="o1", fleet="gig-b"))
    assert [one.kind for one in made] == ["drop", "tender"] and state.tenders["o1@gig-b"].status == "open"
    state, made = run(DAY, said("o", "override", 27_000, order="o1", leave="yes"))
    assert state.orders["o1"].status == "left"


def test_an_override_of_one_order_leaves_the_rest_of_its_proposal():
    van = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    gone = event("g", "driver_no_show", 27_000, vehicle_id=van)
    first, *rest = DAY.planned[van]
    one = said("o", "override", 27_100, order=first, leave="yes", proposal="g")
    state, made = run(ASKED, gone, one)
    assert state.orders[first].status == "left" and state.proposals["g"].status == "open"
    state, made = step(state, said("y", "approved", 27_200, proposal="g"))
    assert {order for decision in made for order in decision.order_ids} == set(rest)
    assert state.desk.touches == 2


@pytest.mark.parametrize(
    ("said_", "reason"),
    [
        (said("o", "override", 27_000, order="stranger", vehicle="v0"), "the order is unknown"),
        (said("o", "override", 27_000, order="o1", vehicle="lorry"), "there is no vehicle lorry"),
        (said("o", "override", 27_000, order="o1", fleet="own"), "takes no single orders"),
        (said("o", "approved", 27_000, proposal="nothing"), "there is no proposal nothing"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(said_, reason):
    state, (made,) = run(DAY, said_)
    assert made.kind == "refuse" and reason in made.reason
    assert state.vehicles == start(DAY).vehicles and state.orders["o1"].status == "open"


@pytest.mark.parametrize(
    ("kind", "facts", "reason"),
    [
        ("approved", {}, "names its proposal"),
        ("rejected", {"proposal": "n", "reason": " "}, "gives no reason"),
        ("override", {"reason": "because"}, "names the order"),
    ],
)
def test_an_answer_that_says_too_little_is_refused(kind, facts, reason):
    answer = event("a", kind, 27_000, facts=facts)
    assert reason in why_refused(answer) and fold(start(DAY), answer).desk.touches == 0


def test_attention_has_a_limit_and_the_last_chance_is_not_waited_away():
    few = replace(DAY, approvals=Approvals(("assign",), most_per_hour=1))
    _, made = run(few, NEW, created("m", "more", 10, 27_010))
    assert [one.kind for one in made] == ["propose", "assign"]
    dear = replace(DAY, approvals=Approvals(above_minor=10**6))
    assert run(dear, NEW)[1][0].kind == "assign"
    with pytest.raises(InputError, match="no decision 'teleport'"):
        Approvals(("teleport",))


def test_what_one_event_calls_for_is_weighed_as_one_against_what_may_be_decided_without_asking():
    broken = event("b", "vehicle_fault", 27_000, vehicle_id="v0")
    # without offers and another depot's help, each of a van's orders is moved or left, each for its own price
    _, free = run(DAY, broken, event("t", "tick", 27_060))
    whole = sum(one.price_minor for one in free if one.decision_id.startswith("b/") and one.kind != "expire")
    dearest = max(one.price_minor for one in free)
    assert len(free) > 1 and dearest < whole
    for limit, asked in ((2 * whole, False), (dearest + 1, True)):
        state, made = run(replace(DAY, approvals=Approvals(above_minor=limit)), broken)
        assert ({one.kind for one in made} == {"propose"}) == asked
        assert len(state.proposals) == asked
        assert run(replace(DAY, approvals=Approvals(above_minor=limit)), broken) == (state, made)


def test_what_follows_from_what_was_agreed_to_is_covered_by_it_up_to_its_price():
    from operations.dispatch.approval import agreed_minor, still_agreed

    # no van can take it: it is asked for by tender, with a person's yes; the first fleet declines, the next is asked
    busy = replace(DAY, approvals=Approvals(("assign", "tender", "leave")))
    gone = [event(f"gone-{name}", "vehicle_fault", 26_000, vehicle_id=name) for name in DAY.vehicles]
    state = start(busy)
    for one in gone:
        state = fold(state, one)
    for name in busy.orders:
        state = fold(state, event(f"x-{name}", "cancelled", 26_100, order_id=name))
    state, (asked,) = step(state, NEW)
    assert asked.kind == "propose" and asked.price_minor > 0
    state, answered = step(state, said("y", "approved", 27_100, proposal="n"))
    sent = next(one for one in answered if one.kind == "tender").events[0]
    declined = event("no", "tender_declined", 27_200, order_id="new", tender_id=sent.tender_id, fleet_id=sent.fleet_id)
    after, follow = step(state, declined)
    agreed = agreed_minor(after, "new", "no")
    assert agreed == asked.price_minor
    # a dearer fleet is asked without a person only within a tenth of what was agreed to
    within = still_agreed(agreed, follow[-1].price_minor)
    assert follow[-1].kind == ("tender" if within else "propose") and len(after.proposals) == 1 + (not within)
    assert still_agreed(agreed, agreed * 11 // 10) and not still_agreed(agreed, agreed * 11 // 10 + 200)
    no = said("x", "rejected", 27_100, proposal="n")
    assert agreed_minor(step(fold(start(busy), *asked.events), no)[0], "new", "n") is None


MANY = make_day(orders=46, vans=1, iterations=1)
LOADED = event("all", "route_set", 26_000, vehicle_id="v0", facts={"orders": json.dumps([*MANY.orders]), "version": 1})
BROKEN = event("b", "vehicle_fault", 27_000, vehicle_id="v0")


@pytest.mark.parametrize(
    "rule", [Approvals(("assign", "tender", "leave"), most_per_hour=1), Approvals(above_minor=10_000)]
)
def test_what_one_cause_calls_for_is_one_proposal_however_many_orders_that_are(rule):
    # one event moves 40 orders; the rest is taken up by the next, and joins what waits
    state, _ = run(replace(MANY, approvals=rule), LOADED, BROKEN)
    assert len(state.proposals["b"].items) == 40
    before = state.proposals["b"]
    state, made = step(state, event("t", "tick", 27_005))
    assert {one.kind for one in made} == {"propose"} and set(state.proposals) == {"b"}
    whole = state.proposals["b"]
    assert {one.order_id for one in whole.items} == set(MANY.orders)
    assert (whole.proposed_s, whole.until_s) == (before.proposed_s, before.until_s)
    state, made = step(state, said("y", "approved", 27_060, proposal="b"))
    assert {name for one in made for name in one.order_ids} == set(MANY.orders) and state.desk.touches == 1


def test_what_is_left_over_of_a_matter_that_was_answered_is_covered_up_to_its_dearest_order():
    rule = Approvals(("assign", "tender", "leave"))
    state, _ = run(replace(MANY, approvals=rule), LOADED, BROKEN)
    dearest = max(one.price_minor for one in state.proposals["b"].items)
    yes, made = step(state, said("y", "approved", 27_004, proposal="b"))
    asked = {one.order_ids[0]: one.price_minor for one in made if one.kind == "propose"}
    done = {name for one in made if one.kind == "tender" for name in one.order_ids}
    assert len(done) >= 40 and done | set(asked) == set(MANY.orders)
    assert all(price > dearest for price in asked.values()) and set(yes.proposals) <= {"b", "y"}
    # a no is a no for those orders only: what is left over is asked anew, as one matter
    no, made = step(state, said("x", "rejected", 27_004, proposal="b"))
    left = set(MANY.orders) - {one.order_id for one in no.proposals["b"].items}
    assert [one.kind for one in made if one.kind == "tender"] == [] and set(no.proposals) == {"b", "x"}
    assert {one.order_id for one in no.proposals["x"].items} == left


def test_a_van_that_is_delayed_and_then_lost_is_one_cause():
    late = event("d", "vehicle_fault", 27_000, vehicle_id="v0", facts={"back_s": 30_000, "back_bp": 5_000})
    state = fold(start(DAY), late, event("lost", "vehicle_fault", 31_900, vehicle_id="v0"))
    assert (state.vehicles["v0"].status, state.vehicles["v0"].stopped_by) == ("broken", "d")
    again = [
        event("go", "route_started", 31_000, vehicle_id="v0"),
        event("e", "vehicle_fault", 33_000, vehicle_id="v0"),
    ]
    assert fold(start(DAY), late, *again).vehicles["v0"].stopped_by == "e"


def test_what_is_material_to_a_day_grows_with_the_day():
    cost = DAY.plan.cost_minor
    assert replace(DAY, approvals=Approvals(above_bp=100)).asks_from_minor == pytest.approx(cost / 100, abs=1)
    assert replace(DAY, approvals=Approvals(above_minor=cost, above_bp=100)).asks_from_minor == cost
    assert DAY.asks_from_minor is None
    with pytest.raises(InputError, match="must not be below 0"):
        Approvals(above_bp=-1)


@settings(max_examples=25, deadline=None)
@given(st.permutations(["y", "x", "o", "n", "t"]), st.integers(0, 3))
def test_people_and_events_in_any_order_lead_to_one_state(order, cut):
    given_ = {
        "n": NEW,
        "y": said("y", "approved", 27_100, proposal="n"),
        "x": said("x", "rejected", 27_100, proposal="n"),
        "o": said("o", "override", 27_200, order="new", vehicle="v0", proposal="n"),
        "t": event("t", "tick", 28_000),
    }
    proposed = run(ASKED, NEW)[1][0].events
    events = [given_[name] for name in order]
    whole = fold(start(ASKED), *proposed, *events)
    state = fold(fold(start(ASKED), *events[cut:]), *events[:cut], *proposed, *events[:2])
    assert digest(state) == digest(whole)


def test_two_vans_out_at_once_are_not_promised_the_same_idle_van():
    day = make_day(orders=40, vans=2, offers=(), iterations=50)
    spare = tuple(replace(day.problem.vehicles[0], vehicle_id=name) for name in ("s1", "s2"))
    problem = replace(day.problem, vehicles=(*day.problem.vehicles, *spare))
    day = replace(day, problem=problem, approvals=Approvals(("assign", "tender", "leave")))
    assert len(day.planned) == 2
    state = start(day)
    for van in sorted(day.planned):
        state, _ = step(state, event(van, "driver_no_show", 27_000, vehicle_id=van))
    whom = [{one.vehicle_id for one in state.proposals[van].items} for van in sorted(day.planned)]
    assert whom[0] and whom[1] and not whom[0] & whom[1]
    for n, van in enumerate(sorted(day.planned)):
        yes = event(f"y{n}", "approved", 27_060, facts={"proposal": van, "by": "Ana"})
        state, made = step(state, yes)
        assert {one.kind for one in made} == {"assign"}  # as it was agreed to, and nothing is asked anew
    assert all(one.status == "approved" for one in state.proposals.values())


def test_what_is_on_no_route_any_more_is_of_the_cause_that_stopped_its_own_van():
    day = replace(make_day(orders=4, vans=2, offers=(), iterations=50), approvals=Approvals(("assign", "leave")))
    van = next(iter(day.planned))
    gone = event("g", "driver_no_show", 27_000, vehicle_id=van)
    off = event("r", "route_set", 27_001, vehicle_id=van, facts={"orders": "[]", "version": 9})
    state, _ = step(fold(start(day), gone, off), event("t", "tick", 27_010))
    assert set(state.proposals) == {"g"} and len(state.proposals["g"].items) == 4


def test_a_proposal_promises_a_van_no_more_than_it_has_room_for():
    day = make_day(orders=6, vans=1, offers=(), iterations=50)
    small = replace(day.problem.vehicles[0], vehicle_id="small", capacity=Load(2_000, 40_000, 40))
    problem = replace(day.problem, vehicles=(*day.problem.vehicles, small))
    day = replace(day, problem=problem, approvals=Approvals(("assign", "leave")))
    state, _ = step(start(day), event("g", "driver_no_show", 27_000, vehicle_id=next(iter(day.planned))))
    assert sum(one.vehicle_id == "small" for one in state.proposals["g"].items) == 2
