"""What one event calls for is proposed as one plan: the one that would be carried out if nobody were asked."""

import json
from dataclasses import replace

import pytest

from operations.decide import step
from operations.state import Approvals, fold, start
from tests.operations.days import event, make_day

ALL = Approvals(("assign", "tender", "leave"))


def out_of_the_day(day):
    van = max(day.planned, key=lambda name: (len(day.planned[name]), name))
    return event("g", "driver_no_show", 27_000, vehicle_id=van)


def orders_of(made, kind="assign"):
    return [(name, one.vehicle_id) for one in made if one.kind == kind for name in one.order_ids]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_proposed_is_what_would_be_done_and_yes_does_it(seed):
    day = make_day(orders=16, vans=3, offers=(), iterations=50, seed=seed)
    if seed % 2:  # a route of its own is one of the choices
        idle = replace(day.problem.vehicles[0], vehicle_id="idle")
        day = replace(day, problem=replace(day.problem, vehicles=(*day.problem.vehicles, idle)))
    free, made = step(start(day), out_of_the_day(day))
    asked = replace(day, approvals=ALL)
    waits, proposed = step(start(asked), out_of_the_day(day))
    assert len(orders_of(made)) > 2 and orders_of(proposed, "propose") == orders_of(made)
    items = waits.proposals["g"].items
    assert sum(one.price_minor for one in items) == sum(one.price_minor for one in made if one.kind == "assign")
    # nothing is done before somebody says so, and then all of it
    assert {name: one.sequence for name, one in waits.vehicles.items()} == {
        name: one.sequence for name, one in start(asked).vehicles.items()
    }
    state, done = step(waits, event("y", "approved", 27_060, facts={"proposal": "g", "by": "Ana"}))
    assert sorted(orders_of(done)) == sorted(orders_of(made)) and not state.proposals.keys() - {"g"}
    # on the routes that were planned for it, each told once
    assert {name: one.sequence for name, one in state.vehicles.items()} == {
        name: one.sequence for name, one in free.vehicles.items()
    }
    assert len(done) == len({one.vehicle_id for one in done})


def test_what_does_not_wait_is_done_beside_what_does_on_the_routes_as_they_are():
    # the most urgent has no time for a question: it goes at once, while the rest waits
    day = make_day(orders=16, vans=3, offers=(), iterations=50)
    lost = out_of_the_day(day)
    own = day.planned[lost.vehicle_id]
    last = {name: day.latest_dispatch_s(day.orders[name]) for name in own}
    urgent = min(own, key=lambda name: (last[name], name))
    late = replace(lost, at_s=last[urgent] - 1, seen_s=last[urgent] - 1)
    day = replace(day, approvals=replace(ALL, answer_s=1))
    assert min(last[name] for name in own if name != urgent) > late.at_s + 1
    state, made = step(start(day), late)
    waiting = {one.order_id for one in state.proposals["g"].items}
    done = {name for one in made if one.kind == "assign" for name in one.order_ids}
    assert waiting | done == set(own) and waiting and not waiting & done
    for name, van in state.vehicles.items():
        if name != lost.vehicle_id:
            assert set(van.sequence) - done == set(day.planned.get(name, ()))
    state, _ = step(state, event("y", "approved", late.at_s, facts={"proposal": "g", "by": "Ana"}))
    assert {state.vehicle_of(name) for name in own} <= set(day.vehicles) - {lost.vehicle_id}


def test_where_nothing_else_can_be_done_there_is_nothing_to_ask():
    day = make_day(orders=4, vans=1, offers=(), iterations=50)
    van = next(iter(day.planned))
    gone, end = event("g", "driver_no_show", 27_000, vehicle_id=van), event("t", "tick", 50_000)

    def left(approvals):
        state, made = start(replace(day, approvals=approvals)), []
        for one in (gone, end):
            state, now = step(state, one)
            made += now
        return sorted(name for one in made if one.kind == "leave" for name in one.order_ids), state.proposals

    # dear, and nobody could bring them: it is said, and the customers are told; where leaving waits it still does
    assert left(Approvals(above_minor=1)) == (sorted(day.planned[van]), {})
    done, asked = left(ALL)
    assert not done and {one.kind for matter in asked.values() for one in matter.items} == {"leave"}


def broken_on_its_way():
    day = make_day(orders=16, vans=3, offers=(), iterations=50)
    idle = replace(day.problem.vehicles[0], vehicle_id="idle")
    day = replace(day, problem=replace(day.problem, vehicles=(*day.problem.vehicles, idle)))
    van = out_of_the_day(day).vehicle_id
    first = day.planned[van][0]
    events = [
        event("s", "route_started", 28_000, vehicle_id=van),
        event("d", "delivered", 29_000, order_id=first, vehicle_id=van),
    ]
    return day, fold(start(replace(day, approvals=ALL)), *events), event("g", "vehicle_fault", 29_100, vehicle_id=van)


def test_goods_aboard_a_van_that_has_broken_down_are_taken_over_as_it_was_planned():
    day, state, fault = broken_on_its_way()
    free, _ = step(fold(start(day), *(one for log in state.logs.values() for one in log)), fault)
    state, _ = step(state, fault)
    assert {one.order_id for one in state.proposals["g"].items} == set(day.planned[fault.vehicle_id][1:])
    state, done = step(state, event("y", "approved", 29_100, facts={"proposal": "g", "by": "Ana"}))
    assert {one.kind for one in done} == {"assign"}
    assert {name: one.sequence for name, one in state.vehicles.items()} == {
        name: one.sequence for name, one in free.vehicles.items()
    }
    assert any(name.startswith("handover/") for one in state.vehicles.values() for name in one.sequence)


def test_what_was_agreed_to_is_placed_anew_where_the_route_has_become_another():
    day = replace(make_day(orders=110, vans=4, offers=(), iterations=20), approvals=ALL)
    lost = out_of_the_day(day)
    assert len(day.planned) > 2
    state, _ = step(start(day), lost)
    items = state.proposals["g"].items
    van = next(one.vehicle_id for one in items if one.vehicle_id in day.planned)
    # one order of the proposal is decided otherwise, one of the route is cancelled, and the rest is turned round
    own = [one for one in items if one.vehicle_id == van]
    gone, other = own[0].order_id, next(one for one in day.vehicles if one not in (van, lost.vehicle_id))
    says = {"proposal": "g", "by": "Ana", "reason": "as she likes"}
    state, _ = step(state, event("o", "override", 27_030, order_id=gone, vehicle_id=other, facts=says))
    state, _ = step(state, event("c", "cancelled", 27_040, order_id=day.planned[van][0]))
    turned = json.dumps(state.vehicles[van].sequence[::-1])
    state = fold(state, event("r", "route_set", 27_050, vehicle_id=van, facts={"orders": turned, "version": 99}))
    state, _ = step(state, event("y", "approved", 27_060, facts={"proposal": "g", "by": "Ana"}))
    assert state.vehicle_of(gone) == other
    # what has become dearer than was agreed to is asked about again, and nothing is lost
    again = {one.order_id for matter in state.proposals.values() if matter.status == "open" for one in matter.items}
    placed = {one.order_id for one in items if state.vehicle_of(one.order_id) not in ("", None, lost.vehicle_id)}
    assert placed | again >= {one.order_id for one in items} and len(placed) > len(items) // 2
    assert day.planned[van][0] not in state.vehicles[van].sequence
    assert [one for one in state.vehicles[van].sequence if one in json.loads(turned)] == json.loads(turned)
