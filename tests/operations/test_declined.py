"""Whoever was planned for something without being asked may say no: to one order, or to a whole route."""

from dataclasses import replace

from operations.decide import step
from operations.state import Approvals, Sort, digest, fold, start
from tests.operations.days import event, make_day

DAY = make_day(orders=12, vans=3, iterations=50)
VAN = max(DAY.planned, key=lambda name: len(DAY.planned[name]))
ONE = DAY.planned[VAN][1]


def no(name="n", at_s=27_000, order="", **fields):
    return event(name, "tender_declined", at_s, order_id=order, vehicle_id=VAN, **fields)


def test_an_order_that_is_declined_leaves_that_route_and_goes_elsewhere_in_the_same_step():
    state, made = step(start(DAY), no(order=ONE))
    assert state.vehicles[VAN].sequence == tuple(one for one in DAY.planned[VAN] if one != ONE)
    assert {name for one in made for name in one.order_ids} == {ONE} and made[0].kind in ("assign", "tender")
    # asked about, the matter is that a fleet has declined
    asked = replace(DAY, approvals=Approvals(("assign", "tender"), standing_after=3))
    (matter,) = step(start(asked), no(order=ONE))[0].proposals.values()
    assert (matter.cause, matter.fleet_id) == ("tender_declined", "own")
    assert Sort(matter.cause, matter.fleet_id, "assign").widest.cause == "tender_failed"


def test_a_route_that_is_declined_is_driven_by_nobody():
    state, made = step(start(DAY), no())
    assert (state.vehicles[VAN].status, state.vehicles[VAN].stopped_by) == ("broken", "n")
    assert {name for one in made for name in one.order_ids} == set(DAY.planned[VAN])
    asked = replace(DAY, approvals=Approvals(("assign", "tender"), standing_after=3))
    (matter,) = step(start(asked), no())[0].proposals.values()
    assert matter.cause == "route_declined"
    assert Sort(matter.cause, matter.fleet_id, "assign").widest.cause == "vehicle_out"


def test_a_no_that_comes_too_late_or_is_to_an_offer_of_the_day_changes_no_route():
    begun = fold(start(DAY), event("b", "route_started", 28_000, vehicle_id=VAN))
    served = fold(begun, event("d", "delivered", 29_000, order_id=ONE, vehicle_id=VAN))
    assert fold(begun, no(at_s=28_100)).vehicles[VAN] == begun.vehicles[VAN]
    assert fold(served, no(at_s=29_100, order=ONE)).vehicles[VAN] == served.vehicles[VAN]
    offered = no(order=ONE, tender_id="t1")
    assert fold(start(DAY), offered).vehicles[VAN] == start(DAY).vehicles[VAN]
    # heard of in whatever order, the day is the same
    late, gone = no(at_s=29_100, order=ONE), no(name="m", at_s=27_000)
    assert digest(fold(start(DAY), gone, late)) == digest(fold(start(DAY), late, gone))


def test_what_somebody_elses_vehicle_has_aboard_is_on_its_way():
    day = replace(DAY, offers=())
    gone = fold(start(day), event("g", "driver_no_show", 27_000, vehicle_id=VAN))
    left = {name for one in step(gone, event("t", "tick", 27_060))[1] for name in one.order_ids}
    told = fold(gone, event("l", "loaded", 27_030, order_id=ONE, vehicle_id="somebody-else"))
    others = {name for one in step(told, event("t", "tick", 27_060))[1] for name in one.order_ids}
    assert left == set(DAY.planned[VAN]) and others == left - {ONE}
    # brought back to the depot it is looked at again; in a van of the day that is out it was never on its way
    back = fold(told, event("r", "returned_to_depot", 27_050, order_id=ONE, vehicle_id="somebody-else"))
    ours = fold(gone, event("l", "loaded", 27_030, order_id=ONE, vehicle_id=VAN))
    for state in (back, ours):
        assert ONE in {name for one in step(state, event("t", "tick", 27_060))[1] for name in one.order_ids}


def test_a_van_that_was_taken_for_lost_says_that_it_goes_on():
    late = event("d", "vehicle_fault", 27_000, vehicle_id=VAN, facts={"back_s": 29_000})
    state, made = step(fold(start(DAY), late), event("t", "tick", 31_000))
    assert made[0].kind == "lost" and state.vehicles[VAN].status == "broken" and state.vehicles[VAN].presumed
    again = event("a", "vehicle_fault", 31_050, vehicle_id=VAN, facts={"back_s": 33_000})
    state = fold(state, again)
    assert (state.vehicles[VAN].status, state.vehicles[VAN].back_s) == ("delayed", 33_000)
    # one that has broken down for good does not come back by another guess
    broken = fold(start(DAY), event("b", "vehicle_fault", 27_000, vehicle_id=VAN), again)
    assert broken.vehicles[VAN].status == "broken"
