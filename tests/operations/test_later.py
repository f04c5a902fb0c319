"""Orders that may wait: decided by what may come, the same on every run, and never beyond their last chance."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from operations.decide import step
from operations.dispatch.later import bundled, hold_until_s, idle_vans
from operations.state import Coming, digest, start
from orchestration.live.dayfile import read_day, write_day
from orchestration.live.engine import Engine, replay
from orchestration.live.journal import Journal
from orchestration.live.view import overview
from solvers import Window
from tests.operations.days import OFFERS, created, event, make_day

NINE = 9 * 3_600
WINDOW = (NINE, NINE + 4 * 3_600)


def day_with(per_hour, spare=24, **fields):
    """A day whose vans stand idle, with twenty places that orders come from."""
    day = make_day(orders=2, vans=2, spare=spare, iterations=20)
    like = tuple(
        replace(day.problem.orders[0], order_id=f"e{n}", location=n, windows=(Window(0, 4 * 3_600),))
        for n in range(3, 3 + spare)
    )
    vans = tuple(replace(one, start_s=28_000, end_s=64_800) for one in day.problem.vehicles)
    nothing = replace(day.plan, routes=())
    problem = replace(day.problem, orders=(), vehicles=vans)
    return replace(day, problem=problem, plan=nothing, coming=Coming((float(per_hour),) * 24, like, **fields), seed=7)


BUSY = day_with(4)


def run(day, events):
    state, made = start(day), []
    for one in events:
        state, decisions = step(state, one)
        made += decisions
    return state, made


def new(n, at_s=NINE, location=None):
    return created(f"n{n}", f"x{n}", location or 3 + n % 20, at_s, window=(at_s, at_s + 4 * 3_600))


def test_an_order_waits_where_more_are_expected_and_goes_at_once_where_nothing_is():
    state, (made,) = run(BUSY, [new(1)])
    assert made.kind == "hold" and made.price_minor < 0 and "futures" in made.reason
    assert not state.tenders and state.vehicles == start(BUSY).vehicles
    # the day knows that it waits, until when and why
    known = state.orders["x1"]
    assert known.held_until_s == hold_until_s(BUSY, known.order) > NINE and "saves" in known.held_why
    for other in (day_with(0), replace(BUSY, coming=None), replace(BUSY, coming=Coming((0.0,) * 24, ()))):
        assert run(other, [new(1)])[1][0].kind == "tender"


def test_what_has_waited_leaves_together():
    orders = [new(n, NINE + 60 * n) for n in range(8)]
    first_s = min(hold_until_s(BUSY, start_order) for start_order in _orders(orders))
    ticks = [event(f"t{at}", "tick", at) for at in range(NINE + 600, first_s + 600, 300)]
    state, made = run(BUSY, [*orders, *ticks])
    routes = [one for one in made if one.kind == "assign" and len(one.order_ids) >= 3]
    # less than all of them by tender, at the expected cost of asking both fleets in turn
    assert routes and routes[0].price_minor < len(routes[0].order_ids) * round(0.7 * 900 + 0.3 * (0.9 * 1_400 + 600))
    assert {one.kind for one in made[: made.index(routes[0])]} == {"hold"}
    at_once = run(replace(BUSY, coming=None), [*orders, *ticks])[1]
    assert sum(one.kind == "tender" for one in at_once) > sum(one.kind == "tender" for one in made)
    assert state.clock_s >= first_s


def test_by_the_fixed_rule_all_wait_until_one_must_go_whatever_is_expected():
    fixed = replace(BUSY, coming=Coming((0.0,) * 24, (), policy="last_chance"))
    orders = [new(n, NINE + 60 * n) for n in range(8)]
    first_s = min(hold_until_s(fixed, one) for one in _orders(orders))
    state, made = run(fixed, [*orders, event("t", "tick", first_s - 1)])
    assert [one.kind for one in made] == ["hold"] * 8 and "futures" not in made[0].reason
    _, after = step(state, event("u", "tick", first_s))
    assert {name for one in after for name in one.order_ids} == {f"x{n}" for n in range(8)}
    none = replace(BUSY, coming=replace(BUSY.coming, policy="at_once"))
    assert run(none, [new(1)])[1] == run(replace(BUSY, coming=None), [new(1)])[1]


def _orders(events):
    state, _ = run(BUSY, events)
    return [one.order for one in state.orders.values() if one.order is not None and one.order_id.startswith("x")]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(NINE, NINE + 9_000), st.integers(3, 22)), min_size=1, max_size=10),
    st.sampled_from([60, 300]),
    st.sampled_from([3.0, 20.0]),
)
def test_no_order_is_held_beyond_its_last_chance_and_every_run_is_the_same(coming, every, per_hour):
    day = day_with(per_hour)
    events = [new(n, at_s, location) for n, (at_s, location) in enumerate(coming)]
    events += [event(f"t{at:06d}", "tick", at) for at in range(NINE, NINE + 24_000, every)]
    events.sort(key=lambda one: (one.seen_s, one.event_id))
    state, made = run(day, events)
    bound = {}
    at_of = {one.event_id: one.seen_s for one in events}
    for one in made:
        if one.kind in ("assign", "tender", "leave"):
            for order_id in one.order_ids:
                bound.setdefault(order_id, at_of[one.decision_id.rsplit("/", 1)[0]])
    for n in range(len(coming)):
        order = state.orders[f"x{n}"].order
        # there was time left for each fleet to be asked in turn
        last_s = max(day.latest_dispatch_s(order, one) for one in OFFERS) - sum(one.answer_s for one in OFFERS)
        assert bound[f"x{n}"] <= last_s
    again, same = run(day, events)
    assert same == made and digest(again) == digest(state)


def test_a_day_with_futures_is_replayed_to_the_bit_from_its_files(tmp_path):
    write_day(tmp_path, BUSY)
    day = read_day(tmp_path)
    assert day.coming == BUSY.coming
    with Journal(tmp_path) as journal:
        engine = Engine(day, journal)
        engine.submit([new(n, NINE + 200 * n) for n in range(12)]).result(60)
        engine.submit([event(f"t{at}", "tick", at) for at in range(NINE + 2_500, NINE + 14_000, 300)]).result(60)
        engine.close()
        found = replay(read_day(tmp_path), journal)
        assert found.identical and found.decisions > 12
        assert {one["kind"] for one in journal.decisions()} >= {"hold", "assign"}


def test_the_page_tells_what_waits_until_when_and_why_and_what_nobody_will_serve(tmp_path):
    day = replace(BUSY, offers=())  # no fleets to ask: without vans there is nobody
    with Journal(tmp_path) as journal:
        engine = Engine(day, journal)
        engine.submit([new(1)]).result(60)
        told = overview(engine)
        (waits,) = told["held"]
        assert waits["order_id"] == "x1" and waits["until_s"] == hold_until_s(day, engine.state.orders["x1"].order)
        assert "futures" in waits["why"] and told["unplaced"] == told["tendered"] == []
        # nothing to wait for any more: it should go, and nobody can take it
        engine.submit([event(f"b{name}", "vehicle_fault", NINE + 60, vehicle_id=name) for name in day.vehicles]).result(
            60
        )
        told = overview(engine)
        assert told["held"] == [] and told["unplaced"] == ["x1"]
        assert journal.decisions()[-1]["kind"] == "release"
        # that is said once, and no passing minute makes it wait again
        count = journal.counts()[1]
        engine.submit([event(f"t{n}", "tick", NINE + 120 + 60 * n) for n in range(5)]).result(60)
        assert overview(engine)["unplaced"] == ["x1"] and journal.counts()[1] == count
        engine.close()


def test_orders_that_leave_together_cost_a_route_or_each_its_own_price_whichever_is_less():
    from operations.dispatch.later import Priced

    state = start(BUSY)
    vans = idle_vans(state, "d")
    orders = [Priced(one, 900) for one in BUSY.coming_examples[:12]]
    moved = [
        Priced(replace(one.order, order_id=f"m{n}", windows=(Window(*WINDOW),)), 900) for n, one in enumerate(orders)
    ]
    one_by_one = bundled(BUSY, [], "d", moved, NINE)
    assert one_by_one == (12 * 900, 0)
    together, used = bundled(BUSY, vans, "d", moved, NINE)
    assert together < one_by_one[0] and used >= 1
    assert bundled(BUSY, vans, "d", moved[:2], NINE) == (1_800, 0)


def test_the_work_of_a_decision_is_bounded_by_a_count():
    orders = [new(n, NINE + n) for n in range(20)]
    few = replace(BUSY, coming=replace(BUSY.coming, most_looks=1))
    _, made = run(few, orders)
    assert all("in 4 futures" in one.reason for one in made if one.kind == "hold")
    assert run(few, orders)[1] == made


@pytest.mark.parametrize(
    "fields",
    [
        {"per_hour": (1.0,)},
        {"per_hour": (-1.0,) * 24},
        {"samples": 0},
        {"per_hour": (float("nan"),) * 24},
        {"policy": "never"},
    ],
)
def test_expectations_that_cannot_be_are_refused(fields):
    with pytest.raises(InputError, match="what is coming"):
        Coming(**{"per_hour": (1.0,) * 24, "examples": (), **fields})
