"""A van that may come back is waited for while that is cheaper; the route of one that is lost is taken over whole."""

from dataclasses import replace

from models.parameters import ACCEPTANCE, Beliefs
from operations.decide import step
from operations.dispatch.acceptance import expecting, price_band
from operations.dispatch.maker import PATIENCE_S
from operations.state import Offer, start
from solvers import Vehicle
from tests.operations.days import OFFERS, created, driven, event, make_day

DAY = make_day(orders=12, vans=2, iterations=100, window_s=21_600)
VAN = max(DAY.planned, key=lambda one: len(DAY.planned[one]))


def run(day, *events):
    state, made = start(day), []
    for one in events:
        state, decisions = step(state, one)
        made += decisions
    return state, made


def with_spare(day, **fields):
    base = day.vehicles[VAN]
    spare = replace(base, vehicle_id="spare", **fields)
    vehicles = (*day.problem.vehicles, spare)
    return replace(day, problem=replace(day.problem, vehicles=vehicles))


def no_show(at_s, **facts):
    return event("gone", "driver_no_show", at_s, vehicle_id=VAN, facts=facts)


def test_a_van_that_is_sure_to_come_back_soon_keeps_its_orders():
    state, made = run(DAY, no_show(27_000, back_s=29_400))
    assert made == [] and state.vehicles[VAN].status == "delayed" and state.vehicles[VAN].ready_s >= 29_400


def test_the_less_sure_it_is_the_more_orders_leave_it():
    def moved(back_bp):
        _, made = run(with_spare(DAY), no_show(27_000, back_s=29_400, back_bp=back_bp))
        return {order for one in made for order in one.order_ids}

    assert moved(10_000) <= moved(5_000) <= moved(500)
    assert moved(500)
    assert moved(0) == set(DAY.planned[VAN])  # no chance at all: it is out of the day


def test_a_van_that_gives_no_sign_is_taken_to_be_lost_and_comes_back_with_one():
    gone = no_show(27_000, back_s=29_400)
    late = event("t", "tick", 29_400 + PATIENCE_S + 1)
    state, made = run(DAY, gone, late)
    assert made[0].kind == "lost" and state.vehicles[VAN].status == "broken"
    assert {order for one in made[1:] for order in one.order_ids} == set(DAY.planned[VAN])
    state, _ = step(state, event("s", "route_started", 32_000, vehicle_id=VAN))
    assert state.vehicles[VAN].status == "moving"
    broken, _ = run(DAY, event("b", "vehicle_fault", 27_000, vehicle_id=VAN))
    assert step(broken, event("s", "route_started", 32_000, vehicle_id=VAN))[0].vehicles[VAN].status == "broken"


def test_a_lost_route_is_taken_over_as_a_whole_where_that_is_cheaper():
    # one by one nobody pays for the spare van's route; together they do
    day = replace(with_spare(DAY), offers=(OFFERS[1],))
    other = next(name for name in DAY.vehicles if name != VAN)
    state, made = run(day, event("o", "driver_no_show", 26_900, vehicle_id=other), no_show(27_000))
    whole = [one for one in made if one.kind == "assign" and len(one.order_ids) > 2]
    assert whole and whole[0].vehicle_id == "spare"
    assert whole[0].price_minor < whole[0].alternatives[0].price_minor
    assert set(whole[0].order_ids) <= set(state.vehicles["spare"].sequence)
    held = [order for van in state.vehicles.values() for order in van.remaining]
    assert len(held) == len(set(held))


def test_goods_at_another_depot_are_fetched_there_first():
    day = with_spare(DAY)
    from solvers import Depot

    depots = (*day.problem.depots, Depot("e", 15))
    vehicles = tuple(replace(one, depot_id="e") if one.vehicle_id == "spare" else one for one in day.problem.vehicles)
    day = replace(day, problem=replace(day.problem, depots=depots, vehicles=vehicles), offers=())
    other = next(name for name in DAY.vehicles if name != VAN)
    state, made = run(day, event("o", "driver_no_show", 26_900, vehicle_id=other), no_show(27_000))
    taken = [one for one in made if one.vehicle_id == "spare" and len(one.order_ids) > 2]
    assert taken and state.vehicles["spare"].sequence[0].startswith("handover/@d/")


def test_a_fleet_is_asked_for_no_more_than_it_can_have():
    day = replace(DAY, offers=(replace(OFFERS[0], most=1),), problem=replace(DAY.problem))
    vans = [event(f"{v}-gone", "route_started", 33_000, vehicle_id=v) for v in day.vehicles]
    asked = [created(f"n{n}", f"new{n}", 13 + n % 4, 34_000 + n) for n in range(3)]
    state, made = run(day, *vans, *asked)
    assert [one.kind for one in made] == ["tender"]
    _, made = step(state, event("no", "tender_declined", 34_100, tender_id="new0@gig-a"))
    assert [one.order_ids for one in made] == [("new1",)]


def test_a_fleet_that_may_say_no_costs_what_is_expected_of_that():
    beliefs = Beliefs({(ACCEPTANCE, "fleet=own"): 0.25})
    expected = expecting(DAY.problem, beliefs, {"own": True, "absent": True}, 1_000)
    for before, order in zip(DAY.problem.orders, expected.orders, strict=True):
        assert order.expected_failure_minor("own") == before.expected_failure_minor("own") + 750
        assert "absent" not in order.failure_cost_minor
    band = price_band(DAY.problem, DAY.problem.orders[0], "own")
    dear = Beliefs({(ACCEPTANCE, "fleet=own"): 0.25, (ACCEPTANCE, f"fleet=own|price={band}"): 0.5})
    first = expecting(DAY.problem, dear, {"own": True}, 1_000).orders[0]
    assert first.expected_failure_minor("own") == DAY.problem.orders[0].expected_failure_minor("own") + 500
    unknown = expecting(DAY.problem, Beliefs(), {"own": False}, 1_000).orders[0]
    assert unknown.expected_failure_minor("own") == DAY.problem.orders[0].expected_failure_minor("own") + 300
    assert isinstance(expected.vehicles[0], Vehicle) and isinstance(OFFERS[0], Offer)


def test_who_was_to_take_over_goods_and_is_lost_too_leaves_the_goods_where_they_were():
    day = make_day(orders=12, vans=4, iterations=100, window_s=21_600)
    first = max(day.planned, key=lambda one: len(day.planned[one]))
    begun = driven(day, first, 1)
    state, made = run(day, *begun, event("b", "vehicle_fault", begun[-1].at_s + 60, vehicle_id=first))
    second = next(one.vehicle_id for one in made if one.kind == "assign")
    stop = f"handover/{first}/{second}"
    assert stop in state.vehicles[second].remaining
    goods = set(day.planned[first][1:])

    state, made = step(state, event("b2", "vehicle_fault", begun[-1].at_s + 120, vehicle_id=second))
    told = {one for decision in made if decision.kind != "lost" for one in decision.order_ids}
    assert stop not in told
    for decision in made:
        if decision.kind == "assign" and goods & set(decision.order_ids):
            sequence = state.vehicles[decision.vehicle_id].sequence
            fetched = sequence.index(f"handover/{first}/{decision.vehicle_id}")
            assert fetched < sequence.index(decision.order_ids[0])
    assert goods & told
