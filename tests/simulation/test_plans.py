"""A plan that cannot be of this day is refused in one line that names what is wrong."""

from datetime import date

import pandas as pd
import pytest

from domain.errors import InputError

DAY = date(2026, 3, 3)


def changed(plan: pd.DataFrame, column: str, row: int, value: object) -> pd.DataFrame:
    plan = plan.astype({column: object})
    plan.loc[row, column] = value
    return plan


def every(plan: pd.DataFrame, route: str, column: str, value: object) -> pd.DataFrame:
    plan = plan.astype({column: object})
    plan.loc[plan["route_id"] == route, column] = value
    return plan


def test_a_plan_for_the_wrong_day_is_refused(city, plan):
    with pytest.raises(InputError, match=r"plan of 2026-03-04: order 'o20260303-\d+' is not of this day"):
        city.play_day(date(2026, 3, 4), plan)
    with pytest.raises(InputError, match="it is a plan for 2026-03-04"):
        city.play_day(DAY, plan.assign(service_date="2026-03-04"))


def test_unknown_stops_drivers_vehicles_and_depots_are_refused(city, plan):
    route = plan["route_id"].iloc[0]
    for broken, message in (
        (changed(plan, "order_id", 0, "o20260303-999999"), "order 'o20260303-999999' is not of this day"),
        (changed(plan, "order_id", 0, None), "is not of this day"),
        (changed(plan, "order_id", 0, plan["order_id"].iloc[1]), "is planned twice"),
        (every(plan, route, "vehicle_id", "captive-v0O"), "no vehicle 'captive-v0O'. Did you mean"),
        (every(plan, route, "driver_id", "captive-dO1"), "no driver 'captive-dO1'. Did you mean"),
        (every(plan, route, "driver_id", "gig-d00"), "is not of the fleet of vehicle"),
        (every(plan, route, "fleet_id", "gig"), "is of fleet"),
        (every(plan, route, "depot_id", "depot-9"), "there is no depot 'depot-9'"),
        (changed(plan, "sequence", 0, "first"), "sequence must be a number"),
        (changed(plan, "route_id", 0, None), "route_id is missing"),
        (changed(plan, "vehicle_id", 0, "carrier-v00"), "has more than one vehicle_id"),
        (plan.rename(columns={"sequence": "sequense"}), "column 'sequence' is missing. Did you mean 'sequense'"),
    ):
        with pytest.raises(InputError, match=message):
            city.play_day(DAY, broken)
        with pytest.raises(InputError, match=message):
            city.live_day(DAY, broken)


def test_a_driver_or_a_vehicle_twice_is_refused(city, plan):
    first, second = plan["route_id"].unique()[:2]
    for column in ("driver_id", "vehicle_id"):
        own = plan.loc[plan["route_id"] == first, column].iloc[0]
        with pytest.raises(InputError, match=f"{column} '{own}' is on two routes"):
            city.play_day(DAY, every(plan, second, column, own))


def test_an_empty_plan_is_a_day_without_visits(city, plan):
    played = city.play_day(DAY, plan.head(0))
    assert len(played.events) == 0
    assert len(played.invoices) == 0
    assert list(city.live_day(DAY, plan.head(0))) == []


def test_the_promise_and_the_departure_of_a_plan_are_kept(city, plan):
    told = pd.Timestamp("2026-03-03 11:00", tz="UTC")
    leaves = pd.Timestamp("2026-03-03 09:30", tz="UTC")
    events = city.play_day(DAY, plan.assign(arrival=told, starts_at=leaves)).events
    assert (events[events["event_type"] == "arrived"]["planned_time"] == told).all()
    assert events[events["event_type"] == "route_started"]["event_time"].min() == leaves
