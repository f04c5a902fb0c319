"""Late, doubled, disordered events give the same day; what cannot be of this day is kept apart, with its reason."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.state import Event, digest, fold, start
from operations.state.events import why_refused
from tests.operations.days import created, driven, event, make_day

DAY = make_day(orders=6, vans=2, iterations=50)
KINDS = st.sampled_from(
    [
        "order_created",
        "order_changed",
        "loaded",
        "route_started",
        "arrived",
        "delivered",
        "attempt_failed",
        "cancelled",
        "position",
        "vehicle_fault",
        "route_ended",
        "tender_sent",
        "tender_accepted",
        "tender_declined",
        "tick",
        "nonsense",
    ]
)
EVENTS = st.builds(
    Event,
    st.sampled_from([f"e{n}" for n in range(30)]),
    KINDS,
    st.integers(-100_000, 200_000),
    st.integers(0, 90_000),
    st.sampled_from(["", "o1", "o2", "new"]),
    st.sampled_from(["", "v0", "v1", "stranger"]),
    st.just("gig-a"),
    st.sampled_from(["", "t1", "t2"]),
    st.sampled_from(["", "", "", "e1", "e2"]),
    st.dictionaries(
        st.sampled_from(["location", "expires_s", "price_minor", "lat_e6", "lon_e6", "window_start_s", "window_end_s"]),
        st.one_of(st.integers(-5, 60_000_000), st.just("text")),
        max_size=4,
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(EVENTS, max_size=25), st.randoms(use_true_random=False), st.data())
def test_any_order_any_doubles_any_batches_give_the_same_state(events, random, data):
    whole = fold(start(DAY), *events)
    mixed = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=8))] if events else []
    random.shuffle(mixed)
    state = start(DAY)
    while mixed:
        size = random.randint(1, len(mixed))
        state, mixed = fold(state, *mixed[:size]), mixed[size:]
    assert digest(state) == digest(whole)
    assert state.orders == whole.orders and state.vehicles == whole.vehicles and state.tenders == whole.tenders
    assert state.tenders_of == whole.tenders_of and state.logs == whole.logs
    assert state.tracks == whole.tracks


@settings(max_examples=40, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_nothing_is_lost_but_a_position_that_a_newer_one_of_its_minute_took_the_place_of(events):
    state = fold(start(DAY), *events)
    kept = {one.event_id for log in state.logs.values() for one in log}
    kept |= {one.event_id for track in state.tracks.values() for one in track.positions()}
    lost = [one for one in events if one.kind != "tick" and one.event_id not in kept and not why_refused(one)]
    for one in lost:
        assert one.kind == "position" and not one.corrects
        later = [other for other in state.tracks[one.vehicle_id].positions() if other.at_s // 60 == one.at_s // 60]
        assert [other.moment >= one.moment for other in later] == [True]


POSITIONS = st.builds(
    Event,
    st.sampled_from([f"p{n}" for n in range(12)]),
    st.sampled_from(["position", "position", "position", "position", "route_started", "arrived"]),
    st.integers(30_000, 30_400),
    st.integers(30_400, 30_500),
    st.sampled_from(["", "o1"]),
    st.sampled_from(["v0", "v0", "v1"]),
    corrects=st.sampled_from(["", "", "", "", "p1", "p2"]),
    facts=st.fixed_dictionaries({"lat_e6": st.integers(60_000_000, 60_040_000), "lon_e6": st.just(24_900_000)}),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(POSITIONS, max_size=40), st.randoms(use_true_random=False))
def test_positions_late_doubled_or_corrected_lead_to_one_track(events, random):
    whole = fold(start(DAY), *events)
    mixed = [*events, *events[::2]]
    random.shuffle(mixed)
    state = start(DAY)
    for one in mixed:
        state = fold(state, one)
    assert digest(state) == digest(whole)
    assert (state.tracks, state.logs, state.vehicles) == (whole.tracks, whole.logs, whole.vehicles)
    # what is believed is what a look at the newest of each minute says, and no more than those are kept
    minutes = {(e.vehicle_id, e.at_s // 60) for e in events if e.kind == "position" and not e.corrects}
    assert sum(len(list(track.positions())) for track in state.tracks.values()) == len(minutes)


def test_what_is_kept_of_positions_and_of_passing_time_grows_with_the_minutes_and_not_with_the_messages():
    def kept(each_s):
        events = [
            event(f"p{n}", "position", n, vehicle_id=f"v{n // each_s % 2}", facts={"lat_e6": 60_100_000, "lon_e6": 0})
            for n in range(30_000, 33_600, each_s)
        ]
        state = fold(start(DAY), *events, *(event(f"t{n}", "tick", n) for n in range(30_000, 33_600, each_s)))
        return (
            sum(len(list(one.positions())) for one in state.tracks.values()),
            sum(map(len, state.logs.values())) + len(state.names),
        )

    assert kept(1) == kept(5) == (120, 0)


def test_a_position_of_nobody_is_refused():
    assert why_refused(event("x", "position", 40_000, order_id="o1")) == "a position names its vehicle"


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({}, "lat_e6"),
        ({"lat_e6": 60_100_000}, "lon_e6"),
        ({"lat_e6": 999_000_000, "lon_e6": 0}, "lat_e6"),
        ({"lat_e6": "north", "lon_e6": 0}, "lat_e6"),
        ({"lat_e6": 60_100_000, "lon_e6": -180_000_001}, "lon_e6"),
    ],
)
def test_a_position_that_is_nowhere_is_refused_and_leaves_the_vehicle_where_it_was(facts, name):
    here = event("a", "position", 30_000, vehicle_id="v0", facts={"lat_e6": 60_100_000, "lon_e6": 24_900_000})
    nowhere = event("b", "position", 30_600, vehicle_id="v0", facts=facts)
    assert why_refused(nowhere).startswith(f"a position has {name}")
    van = fold(start(DAY), here, nowhere).vehicles["v0"]
    assert (van.lat, van.lon, van.impossible) == (60.1, 24.9, 0)


def test_the_state_before_is_as_it_was():
    before = start(DAY)
    name = digest(before)
    fold(before, *driven(DAY, "v0", 2))
    assert digest(before) == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.clock_s = 5


def test_a_van_on_its_way():
    planned = DAY.planned["v0"]
    state = fold(start(DAY), *driven(DAY, "v0", 2))
    van = state.vehicles["v0"]
    assert van.status == "moving" and van.visited == planned[:2] and van.remaining == planned[2:]
    assert state.orders[planned[0]].status == "served"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (event("x", "arrived", 200_000, order_id="o1"), "on another day"),
        (event("x", "arrived", -90_000, order_id="o1"), "on another day"),
        (event("x", "arrived", 40_000, 30_000, order_id="o1"), "in the future"),
        (event("x", "teleported", 40_000, order_id="o1"), "there is no event 'teleported'"),
        (event("x", "arrived", 40_000), "names no order, vehicle or tender"),
        (event("", "arrived", 40_000, order_id="o1"), "no event_id"),
    ],
)
def test_what_cannot_be_of_this_day_is_refused_and_leaves_no_trace_in_the_state(wrong, reason):
    assert reason in why_refused(wrong)
    assert fold(start(DAY), wrong) == start(DAY)


def test_an_order_that_nobody_has_described_waits_until_somebody_does():
    early = event("a", "loaded", 30_000, order_id="new")
    state = fold(start(DAY), early)
    assert state.unknown_orders == ["new"]
    state = fold(state, created("b", "new", 7, 29_000))
    assert state.unknown_orders == [] and state.orders["new"].status == "aboard"


def test_a_correction_takes_the_place_of_what_it_corrects():
    wrong = event("a", "delivered", 30_000, order_id="o1", vehicle_id="v0")
    right = event("b", "attempt_failed", 30_000, order_id="o1", vehicle_id="v0", corrects="a")
    assert fold(start(DAY), wrong).orders["o1"].status == "served"
    for events in ([wrong, right], [right, wrong]):
        assert fold(start(DAY), *events).orders["o1"].status == "failed"


def test_the_first_answer_to_a_tender_holds_and_one_after_its_end_is_none():
    sent = event("s", "tender_sent", 30_000, order_id="o1", fleet_id="g", tender_id="t", facts={"expires_s": 31_000})
    yes, no = event("y", "tender_accepted", 30_500, tender_id="t"), event("n", "tender_declined", 30_600, tender_id="t")
    tender = fold(start(DAY), no, yes, sent).tenders["t"]
    assert (tender.status, tender.contradictions) == ("accepted", 1)
    late = event("l", "tender_accepted", 31_001, tender_id="t")
    assert fold(start(DAY), sent, late).tenders["t"].status == "expired"


def test_a_van_that_would_have_to_fly_is_not_believed():
    def position(name, at_s, lat_e6):
        return event(name, "position", at_s, vehicle_id="v0", facts={"lat_e6": lat_e6, "lon_e6": 24_900_000})

    there, near = position("a", 30_000, 60_100_000), position("c", 30_120, 60_105_000)
    flown = position("b", 30_060, 61_100_000)
    van = fold(start(DAY), there, flown, near).vehicles["v0"]
    assert (van.impossible, van.lat) == (1, 60.105)


def test_ten_thousand_events_at_once():
    at = [{"lat_e6": n, "lon_e6": 0} for n in range(1_600)]
    events = [event(f"p{n}", "position", 30_000 + n, vehicle_id=f"v{n % 2}", facts=at[n]) for n in range(1_600)]
    events += [created(f"c{n}", f"n{n}", 7, 20_000) for n in range(6_000)]
    state = fold(start(DAY), *events)
    assert len(state.orders) == 6_006 and state.vehicles["v0"].position_s == 31_598
    assert len(list(state.tracks["v0"].positions())) == 27


@pytest.mark.parametrize("every", [1, 3, 16])
def test_a_late_event_of_a_long_day_leads_where_the_whole_day_does(every, monkeypatch):
    monkeypatch.setattr("operations.state.persistent.MARK_EVERY", every)
    kinds = ("arrived", "service_started", "delivered", "departed", "position", "break_ended", "vehicle_fault")

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 900)), min_size=20, max_size=60), st.data())
    def held(rows, data):
        facts = {"lat_e6": 60_000_000, "lon_e6": 24_000_000}
        events = [
            event(f"e{n:02d}", kind, at_s, 60_000, vehicle_id="v0", order_id=f"o{at_s % 6 + 1}", facts=facts)
            for n, (kind, at_s) in enumerate(rows)
        ]
        whole = fold(start(DAY), *sorted(events, key=lambda one: one.moment))
        # what is late goes into one future of a state, and other things into another
        late = data.draw(st.lists(st.sampled_from(events), max_size=6, unique_by=lambda one: one.event_id))
        state = start(DAY)
        for one in events:
            if one not in late:
                state = fold(state, one)
        other = fold(state, event("x", "vehicle_fault", 450, 60_000, vehicle_id="v0"), *late)
        for one in late:
            state = fold(state, one)
        assert digest(state) == digest(whole) and state.logs == whole.logs
        assert digest(fold(other, event("y", "tick", 60_000, 60_000))) == digest(
            fold(start(DAY), *late, event("x", "vehicle_fault", 450, 60_000, vehicle_id="v0"), *events)
        )

    held()
