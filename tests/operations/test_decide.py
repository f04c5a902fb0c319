"""Decisions are pure, priced, and leave nobody behind: new orders, cancellations, breakdowns, delays, tenders."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.decide import decide, step
from operations.dispatch.ahead import ahead, to_do
from operations.dispatch.tenders import expected_minor, standing
from operations.state import digest, fold, start
from tests.operations.days import OFFERS, created, driven, event, make_day

DAY = make_day()
SMALL = make_day(orders=5, vans=2, iterations=50)


def run(day, events):
    state, made = start(day), []
    for one in events:
        state, decisions = step(state, one)
        made += decisions
    return state, made


def vans_gone(day, at_s=33_000):
    return [event(f"{v}-gone", "route_started", at_s, vehicle_id=v) for v in day.vehicles]


def test_a_new_order_goes_to_the_van_it_costs_least():
    state, (decision,) = run(DAY, [created("n", "new", 14, 20_000)])
    assert decision.kind == "assign" and "new" in state.vehicles[decision.vehicle_id].sequence
    # the price is what the route costs more, by the same clock that drives it
    van, before = state.vehicles[decision.vehicle_id], start(DAY).vehicles[decision.vehicle_id]
    base = DAY.vehicles[van.vehicle_id].tariff
    first_use = base.per_route_minor if not before.remaining else 0
    more = ahead(state, van).cost_minor - ahead(replace(state, vehicles={van.vehicle_id: before}), before).cost_minor
    assert decision.price_minor == more + first_use + base.per_stop_minor
    assert all(one.price_minor >= decision.price_minor for one in decision.alternatives if "vehicle" in one.what)
    assert {"tender", "leave"} <= {one.what for one in decision.alternatives}


def test_a_van_that_has_left_cannot_load_what_is_at_the_depot():
    state, made = run(DAY, [*vans_gone(DAY), created("n", "new", 14, 34_000)])
    assert [one.kind for one in made] == ["tender"]
    assert state.tenders["new@gig-a"].status == "open"


def test_a_pickup_joins_a_van_on_its_way():
    day = make_day()
    order = replace(day.problem.orders[0], order_id="p", location=13, kind="pickup", windows=())
    day = replace(day, problem=replace(day.problem, orders=(*day.problem.orders, order)))
    state, made = run(day, [*vans_gone(day), event("t", "tick", 34_000)])
    assert made[0].kind == "assign" and made[0].order_ids == ("p",)
    assert state.vehicles[made[0].vehicle_id].left


def test_a_cancelled_stop_leaves_its_route_and_a_doubled_cancellation_does_nothing_more():
    gone = event("c", "cancelled", 20_000, order_id="o1")
    state, made = run(DAY, [gone])
    assert [one.kind for one in made] == ["drop"]
    assert all("o1" not in one.sequence for one in state.vehicles.values())
    assert step(state, gone)[1] == ()


def test_an_order_whose_customer_chose_another_day_leaves_its_route_and_one_of_today_stays():
    state, made = run(DAY, [event("r", "rescheduled", 20_000, order_id="o1")])
    assert [(one.kind, one.reason) for one in made] == [("drop", "the customer chose another day")]
    assert state.orders["o1"].status == "left"
    today = {"window_start_s": 40_000, "window_end_s": 50_000}
    state, _ = run(DAY, [event("r", "rescheduled", 20_000, order_id="o1", facts=today)])
    assert state.orders["o1"].status == "open"
    assert state.orders["o1"].order.windows[0].start_s == 40_000


def test_a_cancellation_of_what_was_delivered_changes_nothing():
    vehicle = next(iter(DAY.planned))
    first = DAY.planned[vehicle][0]
    state, made = run(DAY, [*driven(DAY, vehicle, 1), event("c", "cancelled", 50_000, order_id=first)])
    assert state.orders[first].status == "served" and not any(one.kind == "drop" for one in made)


def test_a_breakdown_splits_the_route_and_loses_no_order():
    vehicle = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    begun = driven(DAY, vehicle, 1)
    state, made = run(DAY, [*begun, event("b", "vehicle_fault", begun[-1].at_s + 60, vehicle_id=vehicle)])
    placed = {one for decision in made for one in decision.order_ids}
    assert placed == set(DAY.planned[vehicle][1:])
    for decision in made:
        assert decision.kind in ("assign", "tender")
        if decision.kind == "assign":
            sequence = state.vehicles[decision.vehicle_id].sequence
            handover = f"handover/{vehicle}/{decision.vehicle_id}"
            assert decision.vehicle_id != vehicle
            # the goods are aboard the broken van: whoever brings them has been there before
            assert sequence.index(handover) < sequence.index(decision.order_ids[0])


def test_a_driver_who_does_not_come_leaves_the_goods_at_the_depot():
    vehicle = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    _, made = run(DAY, [event("n", "driver_no_show", 27_000, vehicle_id=vehicle)])
    assert {one for decision in made for one in decision.order_ids} == set(DAY.planned[vehicle])
    assert not any("handover" in one.order_id for decision in made for one in decision.events)


def test_a_late_route_is_resequenced_only_where_it_saves_more_than_the_change_costs():
    day = make_day(orders=12, vans=1, window_s=3_600, seed=3, iterations=300)
    delayed = driven(day, "v0", 1, late_s=4_000)
    state, made = run(day, delayed)
    better = [one for one in made if one.kind == "resequence"]
    assert better and all(one.price_minor < 0 for one in better)
    assert sorted(state.vehicles["v0"].sequence) == sorted(day.planned["v0"])
    costly = replace(day, prices=replace(day.prices, resequenced_minor=10**9))
    assert not [one for one in run(costly, delayed)[1] if one.kind == "resequence"]


def test_an_order_whose_driver_is_at_the_door_is_not_given_to_another():
    vehicle = next(iter(DAY.planned))
    arrived = driven(DAY, vehicle, 1)[:2]
    state, made = run(DAY, [*arrived, event("t", "tick", arrived[-1].at_s + 60)])
    assert made == [] and state.vehicles[vehicle].in_service


def test_a_small_delay_changes_nothing():
    assert run(DAY, driven(DAY, "v0", 2, late_s=30))[1] == []


def test_deciding_changes_no_state_and_is_the_same_again():
    one = created("n", "new", 14, 20_000)
    state = fold(start(DAY), one)
    name = digest(state)
    assert decide(state, one) == decide(state, one)
    assert digest(state) == name


def test_an_event_that_was_refused_decides_nothing():
    assert run(DAY, [event("x", "cancelled", 900_000, order_id="o1")])[1] == []


def test_an_unknown_order_decides_nothing_until_it_is_known():
    state, made = run(DAY, [event("a", "loaded", 20_000, order_id="new")])
    assert made == [] and state.unknown_orders == ["new"]
    assert [one.kind for one in step(state, created("b", "new", 14, 20_010))[1]] == ["assign"]


# --- tenders


def last_chance():
    """An order that must leave within 800 s of a fleet that leads by 300: no time for two answers."""
    return created(
        "n", "new", 14, 34_000, window=(34_000, 34_000 + 800 + 300 + int(DAY.problem.travel.duration_s[0, 14]))
    )


def test_a_waterfall_asks_one_after_another_and_all_at_once_when_it_is_the_last_chance():
    plenty = run(DAY, [*vans_gone(DAY), created("n", "new", 14, 34_000, window=(36_000, 50_000))])[0]
    assert sorted(plenty.tenders) == ["new@gig-a"]
    state, made = step(plenty, event("d", "tender_declined", 34_100, tender_id="new@gig-a"))
    assert [one.fleet_id for one in made] == ["gig-b"] and standing(state, "new").asked == {"gig-a", "gig-b"}
    pressed = run(DAY, [*vans_gone(DAY), last_chance()])[0]
    assert sorted(pressed.tenders) == ["new@gig-a", "new@gig-b"]


def test_what_is_accepted_twice_is_withdrawn_from_the_second():
    pressed = run(DAY, [*vans_gone(DAY), last_chance()])[0]
    early = event("a", "tender_accepted", 34_010, tender_id="new@gig-b")
    late = event("b", "tender_accepted", 34_020, tender_id="new@gig-a")
    for first, second in ((early, late), (late, early)):  # whichever we hear of first
        state, _ = step(pressed, first)
        state, made = step(state, second)
        assert [(one.kind, one.fleet_id) for one in made] == [("withdraw", "gig-a")]
        assert standing(state, "new").accepted == "gig-b"


def test_a_fleet_whose_answer_does_not_count_is_told_why():
    asked = run(DAY, [*vans_gone(DAY), created("n", "new", 14, 34_000)])[0]
    ends = asked.tenders["new@gig-a"].expires_s
    yes, no = (event(name, f"tender_{name}", 34_100, tender_id="new@gig-a") for name in ("accepted", "declined"))
    for first, second, words in ((yes, no, "accepted"), (no, yes, "declined")):
        later = replace(second, at_s=34_200, seen_s=34_200)
        _, made = step(step(asked, first)[0], later)
        assert [(one.kind, one.fleet_id, one.reason) for one in made][:1] == [
            ("refuse", "gig-a", f"gig-a had {words} it at 09:28: the first answer holds")
        ]
        # said again under another name it is no contradiction
        assert step(step(asked, first)[0], replace(first, event_id="again", at_s=34_300, seen_s=34_300))[1] == ()
    late = event("l", "tender_accepted", ends + 1, tender_id="new@gig-a")
    made = step(asked, late)[1]
    assert ("refuse", f"the offer ended at {ends // 3_600:02d}:{ends // 60 % 60:02d}") in [
        (one.kind, one.reason) for one in made
    ]
    made = step(asked, event("m", "tender_accepted", 34_100, tender_id="never-sent"))[1]
    assert [(one.kind, one.reason) for one in made] == [("refuse", "no offer never-sent is known")]


def test_the_expected_cost_of_a_waterfall_computed_by_hand():
    state = fold(start(DAY), *vans_gone(DAY), created("n", "new", 14, 34_000))
    # 0.7 x 900; of the other 0.3, 0.9 x 1400; of the last 0.03, the penalty of 6000
    assert expected_minor(state, state.orders["new"].order) == round(0.7 * 900 + 0.3 * 0.9 * 1_400 + 0.03 * 6_000)


def test_an_order_that_costs_more_than_it_is_worth_is_left_at_its_last_chance_and_not_before():
    events = [*vans_gone(DAY), created("n", "new", 14, 34_000, penalty_minor=100)]
    state, made = run(DAY, events)
    assert made == []
    latest = DAY.latest_dispatch_s(state.orders["new"].order)
    state, made = step(state, event("t", "tick", latest))
    assert [one.kind for one in made] == ["leave"] and state.orders["new"].status == "left"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["tender_accepted", "tender_declined", "nothing"]), st.integers(1, 1_200)), max_size=4
    ),
    st.integers(35_500, 50_000),
    st.integers(30, 600),
)
def test_no_order_is_left_untendered_beyond_its_latest_dispatch_time(answers, ends, every):
    state, _ = run(SMALL, [*vans_gone(SMALL), created("n", "new", 6, 34_000, window=(34_000, ends))])
    order, answers, sent = state.orders["new"].order, list(answers), set()
    latest = max(SMALL.latest_dispatch_s(order, offer) for offer in OFFERS)
    for clock in range(34_000, SMALL.latest_dispatch_s(order) + every, every):
        now = standing(state, "new")
        chances = [o for o in OFFERS if clock <= SMALL.latest_dispatch_s(order, o) and o.fleet_id not in now.asked]
        # while somebody could still be asked, somebody is being asked, has accepted, or the tender just ran out
        if clock <= latest and not now.accepted and chances:
            assert now.open_until_s or clock == 34_000 or state.orders["new"].status == "left"
        for tender in [one for one in state.tenders.values() if one.status == "open" and one.tender_id not in sent]:
            sent.add(tender.tender_id)
            kind, after = answers.pop() if answers else ("nothing", 1)
            if kind != "nothing" and tender.sent_s + after <= tender.expires_s:
                answer = event(f"{tender.tender_id}/answer", kind, tender.sent_s + after, tender_id=tender.tender_id)
                state, _ = step(state, answer)
        state, _ = step(state, event(f"tick{clock}", "tick", clock))
    for tender in state.tenders.values():
        offer = next(one for one in OFFERS if one.fleet_id == tender.fleet_id)
        assert tender.sent_s <= SMALL.latest_dispatch_s(order, offer)
    end = standing(state, "new")
    assert end.accepted or end.open_until_s or state.orders["new"].status == "left"


# --- whole days


ORDERS = [f"o{n}" for n in range(1, 6)]
CLOCK = st.integers(27_000, 50_000)


def cancelled(order_id, at):
    return event(f"c{order_id}{at}", "cancelled", at, order_id=order_id)


def broken(vehicle_id, at):
    return event(f"f{vehicle_id}{at}", "vehicle_fault", at, vehicle_id=vehicle_id)


def ordered(n, at):
    return created(f"n{n}{at}", f"new{n}", 6 + n, at)


HAPPENINGS = st.lists(
    st.one_of(
        st.builds(cancelled, st.sampled_from(ORDERS), CLOCK),
        st.builds(broken, st.sampled_from(["v0", "v1"]), CLOCK),
        st.builds(ordered, st.integers(0, 3), st.integers(20_000, 40_000)),
        st.builds(lambda at: event(f"t{at}", "tick", at), CLOCK),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(HAPPENINGS, st.integers(0, 3), st.integers(-300, 5_000))
def test_a_day_replayed_is_the_same_to_the_bit_and_every_order_is_accounted_for(happenings, stops, late_s):
    driven_events = [one for vehicle in SMALL.planned for one in driven(SMALL, vehicle, stops, late_s)]
    events = sorted([*happenings, *driven_events], key=lambda one: one.seen_s)
    state, made = run(SMALL, events)
    again, made_again = run(SMALL, events)
    assert made == made_again and digest(state) == digest(again)
    served_by: dict[str, list[str]] = {}
    for vehicle in state.vehicles.values():
        if vehicle.status not in ("broken", "ended"):
            for order in to_do(state, vehicle):
                served_by.setdefault(order.order_id, []).append(vehicle.vehicle_id)
    assert all(len(vehicles) == 1 for vehicles in served_by.values())
    # the facts that were taken in, with the decisions among them, are the state: in any order
    events_and_ours = [*events, *(one for decision in made for one in decision.events)]
    assert digest(fold(start(SMALL), *reversed(events_and_ours))) == digest(state)


@pytest.mark.parametrize("field", ["accept_p", "answer_s"])
def test_an_offer_that_cannot_be_is_refused(field):
    from domain.errors import InputError

    with pytest.raises(InputError, match=field):
        replace(OFFERS[0], **{field: 0})
