"""Stops scored again in the day: when, what of, and what moves the numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.codes import ScoreMoment
from models.route_risk import Hazards
from operations.rescoring import Happened, PlannedRoute, PlannedStop, rescore

STOPS = 8
LEG, DOOR = 600.0, 300.0
EVENING = -40_000.0
FAR = 40_000.0


def route(slack_s: float = 1_800.0) -> PlannedRoute:
    arrival = [LEG * (n + 1) + DOOR * n for n in range(STOPS)]
    stops = [
        PlannedStop(f"o{n}", LEG, DOOR, -np.inf, at + slack_s, at, at + DOOR, 0.05) for n, at in enumerate(arrival)
    ]
    return PlannedRoute("r1", EVENING, 0.0, tuple(stops))


def drive(done: int, pace: float = 1.0, late_s: float = 0.0, order: list[int] | None = None) -> list[Happened]:
    """The route sets out ``late_s`` late and serves ``done`` stops, each told 5 s after it happened."""
    out, at = [Happened("route_started", late_s, late_s + 5)], late_s
    for n in (order or list(range(STOPS)))[:done]:
        at += LEG * pace
        out.append(Happened("arrived", at, at + 5, f"o{n}"))
        at += DOOR * pace
        out.append(Happened("delivered", at, at + 5, f"o{n}"))
    return out


def newest(rows, order_id, until=np.inf):
    return [one for one in rows if one.order_id == order_id and one.as_of_s <= until][-1]


def test_every_stop_is_scored_by_the_plan_at_departure_and_an_hour_and_half_an_hour_before():
    rows = rescore(route(), drive(STOPS), 30_000.0)
    for moment in ("plan", "departure", "t_minus_60", "t_minus_30"):
        assert {one.order_id for one in rows if one.moment == moment} == {f"o{n}" for n in range(STOPS)}, moment
    for one in rows:
        if one.moment.startswith("t_minus"):
            ahead = one.arrival_s[2] - one.as_of_s
            asked = {"t_minus_60": 3_600, "t_minus_30": 1_800}[one.moment]
            assert abs(ahead - asked) < 400, "the median may have moved a little since the score that set the moment"
    assert {one.moment for one in rows} <= set(ScoreMoment)
    assert not any(one.moment == "silence" for one in rows), "a route on its plan is not silent"


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.floats(EVENING - 10, 30_000.0), max_size=6),
    done=st.integers(0, STOPS),
    pace=st.floats(0.7, 1.6),
    order=st.permutations(range(STOPS)),
    broken=st.booleans(),
)
def test_a_day_gone_through_in_pieces_gives_the_bits_of_the_whole(cuts, done, pace, order, broken):
    events = drive(done, pace, 300.0, list(order))
    if broken:
        events.append(Happened("vehicle_fault", events[-1].at_s + 60, events[-1].at_s + 70))
    whole = rescore(route(), events, 30_000.0)
    pieces = []
    for cut in [*sorted(cuts), 30_000.0]:
        pieces += rescore(route(), events, cut, before=pieces)
    assert pieces == whole
    for one in whole:
        assert all(0 <= p <= 1 for p in (one.p_late, one.p_vehicle, one.p_weather, one.p_any))
        assert one.p_any >= max(one.p_late, one.p_failed) - 1e-12
        assert one.arrival_s is None or list(one.arrival_s) == sorted(one.arrival_s)


@settings(max_examples=15, deadline=None)
@given(until=st.floats(0.0, 6_000.0), shuffled=st.randoms(use_true_random=False))
def test_what_is_known_later_or_told_in_another_order_changes_nothing(until, shuffled):
    events = drive(STOPS, 1.2)
    told = [one for one in events if one.seen_s <= until]
    shuffled.shuffle(told)
    assert rescore(route(), told, until) == rescore(route(), events, until)


def test_a_slow_morning_makes_the_rest_late_and_says_why():
    on_time, slow = rescore(route(), drive(3), 6_000.0), rescore(route(), drive(3, 1.8, 1_200.0), 6_000.0)
    last = f"o{STOPS - 1}"
    before, after = newest(on_time, last, 4_000.0), newest(slow, last)
    assert before.p_late < 0.35 < 0.9 < after.p_late
    why = dict(after.moved_late)
    assert why["pace of the route today"] > 0.1 or why["behind the plan"] > 0.1


def test_silence_moves_and_widens_and_never_expects_what_would_have_been_seen():
    rows = rescore(route(), drive(2), 20_000.0)
    silences = [one for one in rows if one.moment == "silence" and one.order_id == "o2"]
    assert len(silences) >= 2
    for one in silences:
        assert one.arrival_s[0] >= one.as_of_s - 1
    first, later = silences[0], silences[-1]
    assert later.arrival_s[3] - later.arrival_s[1] > first.arrival_s[3] - first.arrival_s[1]
    assert dict(later.moved_late)["no sign since"] > 0


def test_a_stop_that_was_passed_over_is_expected_at_the_end():
    rows = rescore(route(), drive(3, order=[0, 2, 3, 1, 4, 5, 6, 7]), 4_000.0)
    assert [one.moment for one in rows if one.moment == "skip"]
    assert newest(rows, "o1").arrival_s[2] > newest(rows, "o7").arrival_s[2]


def test_hazards_are_carried_by_what_is_left_of_the_exposure_and_a_fault_is_certain():
    hazards = Hazards(vehicle_per_h=0.05, weather_per_h=0.02)
    rows = rescore(route(), drive(STOPS), 30_000.0, hazards=hazards)
    plan = [one.p_vehicle for one in rows if one.moment == "departure"]
    assert plan == sorted(plan)
    assert plan[-1] == pytest.approx(1 - np.exp(-0.05 * 1.75), abs=0.03)
    assert newest(rows, "o7").p_vehicle < plan[-1] / 2, "the exposure shrinks as the route goes on"
    fault = [*drive(2), Happened("vehicle_fault", 2_000.0, 2_001.0)]
    broken = rescore(route(), fault, 2_100.0, hazards=hazards)
    assert {one.p_vehicle for one in broken if one.moment == "fault"} == {1.0}


def test_a_re_plan_a_cancellation_and_strange_events():
    planned = route()
    rest = tuple(replace(one, drive_s=300.0) for one in reversed(planned.stops[3:]))
    events = [
        *drive(3),
        Happened("delivered", 900.0, 1_300.0, "nobody"),  # of no route
        Happened("arrived", 99_000.0, 2_750.0, "o3"),  # a clock far ahead: counts when it was told
        Happened("delivered", 2_750.0, 2_760.0, "o0"),  # told twice
        Happened("cancelled", 2_800.0, 2_800.0, "o5"),
        Happened("route_set", 2_900.0, 2_900.0, stops=tuple(one for one in rest if one.order_id != "o5")),
    ]
    rows = rescore(planned, events, 3_000.0)
    assert newest(rows, "o3").arrival_s is None
    moved = [one for one in rows if one.moment == "replan"]
    assert [one.order_id for one in moved] == ["o3", "o7", "o6", "o4"]
    assert newest(rows, "o5").as_of_s < 2_800.0
    assert not [one for one in rows if one.order_id == "nobody"]


def test_nothing_is_due_before_the_plan_and_after_the_last_stop():
    assert rescore(route(), [], EVENING - 1) == []
    rows = rescore(route(), drive(STOPS), FAR)
    assert max(one.as_of_s for one in rows) < LEG * STOPS + DOOR * STOPS + 60


def test_a_scan_that_comes_hours_late_moves_nobody_back():
    """The outcome of a stop is told long after the vehicle went on: the route is where it is."""
    on_time = drive(5)
    events = [
        replace(one, seen_s=9_000.0) if one.order_id == "o1" and one.kind == "delivered" else one for one in on_time
    ]
    hidden = [replace(one, seen_s=9_000.0) if one.order_id == "o1" else one for one in on_time]
    whole = newest(rescore(route(), on_time, 4_600.0), "o7").arrival_s[2]
    for late in (events, hidden):
        rows = rescore(route(), late, 9_500.0)
        assert abs(newest(rows, "o7", 4_600.0).arrival_s[2] - whole) < 300, "not a stop or two"
        again = [one for one in rows if one.order_id == "o1" and one.as_of_s >= 9_000.0]
        assert not again, "what is over is not scored again"


def test_what_failed_before_anybody_was_there_moves_nobody():
    """A parcel that was not loaded is told as a failed attempt at the depot: the route does not begin with its stop."""
    unloaded = Happened("attempt_failed", -600.0, -595.0, "o5")
    told = rescore(route(), [unloaded, *drive(2)], 2_000.0)
    plain = rescore(route(), drive(2), 2_000.0)
    assert not [one for one in told if one.moment == "skip"]
    assert not [one for one in told if one.order_id == "o5" and one.as_of_s > -595.0]
    assert newest(told, "o3").arrival_s[2] == pytest.approx(newest(plain, "o3").arrival_s[2], abs=120)
    assert newest(told, "o7").arrival_s[2] < newest(plain, "o7").arrival_s[2] - 300, "a leg and a door less"
    # on the way too, of a stop that is not the next; of the next one the vehicle was there
    later = rescore(route(), [*drive(2), Happened("attempt_failed", 1_900.0, 1_905.0, "o6")], 2_000.0)
    assert not [one for one in later if one.moment == "skip"]
    there = rescore(route(), [*drive(2), Happened("attempt_failed", 2_500.0, 2_505.0, "o2")], 2_600.0)
    assert "completion" in {one.moment for one in there if one.as_of_s == 2_505.0}
