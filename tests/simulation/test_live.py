"""A day event by event: equal to the day played at once, and decisions change it by the declared rules only."""

import doctest
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

import simulation
from domain.errors import InputError
from simulation import City, LiveEvent, live_events, scenario_from
from tests.simulation.conftest import SMALL

DAY = date(2026, 3, 3)
ROUGH = {
    **SMALL,
    "customers": {**SMALL["customers"], "cancelled_share": 0.05, "failed_share": 0.12},
    "fleets": [
        {
            "fleet_id": name,
            "kind": kind,
            "control_mode": mode,
            "name": name,
            "drivers": 4,
            "breakdown_share": 0.4,
            "no_show_share": 0.2,
            "break_s": 1_800,
            "starts": 8,
            "ends": 13,
            "overtime_limit_s": 600,
            "acceptance": {"route_decline_share": 0.2},
            "tariff": {"per_stop": 300, "per_km": 30, "failed_attempt": 50},
        }
        for name, kind, mode in (
            ("own", "captive", "routed"),
            ("third", "3pl", "tendered_route"),
            ("gig", "gig", "tendered_order"),
        )
    ],
}
"""A world in which everything that can go wrong does so often."""


def at(hour: float, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


@pytest.fixture(scope="module")
def rough():
    return City(scenario_from(ROUGH))


def rough_plan(city: City, day: date) -> pd.DataFrame:
    """The dispatcher's plan with its last stops given to couriers, so that every control mode occurs."""
    plan = city.baseline_plan(day)
    couriers = city.shifts_for(day).query("fleet_id == 'gig'")
    taken = plan.groupby("route_id").tail(6).index
    plan["starts_at"] = plan["starts_at"].astype("datetime64[us, UTC]")
    for number, (_, shift) in enumerate(couriers.iterrows()):
        rows = [one for one in taken[number :: len(couriers)] if plan.loc[one, "depot_id"] == shift["depot_id"]]
        plan.loc[rows, ["vehicle_id", "driver_id", "fleet_id"]] = (shift["vehicle_id"], shift["driver_id"], "gig")
        plan.loc[rows, "route_id"] = f"gig-{number}"
        plan.loc[rows, "starts_at"] = pd.Timestamp(shift["starts_at"])
    return plan


@pytest.mark.parametrize("number", range(6))
def test_a_live_day_without_decisions_is_the_day_played_at_once_to_the_second(rough, number):
    day = DAY + timedelta(days=number)
    plan = rough_plan(rough, day)
    once = rough.play_day(day, plan)
    live = rough.live_day(day, plan)
    seen = pd.DataFrame(list(live), columns=LiveEvent._fields)
    assert live.refusals == []
    for name in ("events", "invoices"):
        pd.testing.assert_frame_equal(getattr(live.result(), name), getattr(once, name))
    for name, frame in once.truth.frames.items():
        pd.testing.assert_frame_equal(live.result().truth.frames[name], frame)
    shown = once.events[list(LiveEvent._fields)]
    assert len(seen) == len(shown)
    key = ["ingest_time", "event_id"]
    left, right = (one.sort_values(key).reset_index(drop=True) for one in (seen, shown))
    for name in LiveEvent._fields:
        assert (left[name].isna() == right[name].isna()).all(), name
        assert (left[name].dropna() == right[name].dropna()).all(), name


def test_the_rough_world_is_rough(rough):
    types = set()
    for number in range(6):
        day = DAY + timedelta(days=number)
        types |= set(rough.play_day(day, rough_plan(rough, day)).events["event_type"])
    assert {
        "vehicle_fault", "driver_no_show", "tender_declined", "tender_accepted", "break_started", "load_missing",
        "cancelled", "attempt_failed", "contact_received", "route_ended",
    } <= types  # fmt: skip


def test_events_come_in_the_order_of_knowledge_and_the_view_follows_them(rough):
    plan = rough_plan(rough, DAY)
    live = rough.live_day(DAY, plan)
    before = at(-48)
    for event in live:
        assert event.ingest_time >= before
        assert event.event_time <= event.ingest_time == live.view.now
        before = event.ingest_time
    assert all(live.view.open_orders(route) == () for route in live.view.routes())
    assert set(live.view.outcomes) == set(plan["order_id"])


def test_the_view_does_not_know_what_has_not_arrived(city, plan):
    live = city.live_day(DAY, plan)
    concluded = set()
    for event in live:
        if event.event_type in {"delivered", "attempt_failed", "cancelled"}:
            concluded.add(event.order_id)
        assert set(live.view.outcomes) == concluded
        if len(concluded) > 30:
            break


def test_a_handler_that_decides_nothing_changes_nothing(city, plan):
    pd.testing.assert_frame_equal(
        city.drive(DAY, plan, lambda view, event: None).events, city.play_day(DAY, plan).events
    )


def test_batches_and_the_generator_are_the_same_day(city, plan):
    once = city.play_day(DAY, plan).events
    live = city.live_day(DAY, plan)
    found = [event for hour in range(-12, 48) for event in live.until(at(hour))]
    assert found == list(city.live_day(DAY, plan))
    assert sorted(one.event_id for one in found) == sorted(once["event_id"])
    stepped = live_events(city.live_day(DAY, plan))
    result = None
    try:
        next(stepped)
        while True:
            stepped.send([])
    except StopIteration as stop:
        result = stop.value
    pd.testing.assert_frame_equal(result.events, once)
    with pytest.raises(InputError, match="no time zone"):
        live.until(datetime(2026, 3, 3))


def test_the_result_of_an_unfinished_day_is_refused(city, plan):
    live = city.live_day(DAY, plan)
    next(iter(live))
    with pytest.raises(InputError, match="not over"):
        live.result()


def test_the_examples_of_the_package_run():
    found = doctest.testmod(simulation)
    assert found.attempted > 8
    assert found.failed == 0
