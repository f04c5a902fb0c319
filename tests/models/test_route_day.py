"""Arrivals of planned routes: what past routes teach covers the routes of other days."""

from dataclasses import replace

import numpy as np
import pytest

from models.route_day import PastRoute, PlannedRoute, RouteDay, stops_ahead
from models.route_eta import posterior_day_factor
from models.route_risk import AT_DOOR, DRIVING, Hazards, OpenStops, Progress, learn_under_way, score


def played(day, rng, stops=20):
    """A route with a shared factor of the day, noise of each leg, a late departure and a window to wait for."""
    drive, service = rng.uniform(120, 900, stops), rng.uniform(60, 400, stops)
    earliest = np.where(np.arange(stops) == 8, 9_000.0, -np.inf)
    factor, slow = 0.15 * rng.standard_normal(), 0.25 * rng.standard_normal()
    now = start = 300 * rng.random()
    arrived, served, ended = np.empty(stops), np.empty(stops), np.empty(stops)
    for one in range(stops):
        arrived[one] = now + drive[one] * np.exp(0.1 + factor + 0.4 * rng.standard_normal())
        served[one] = max(arrived[one], earliest[one])
        now = ended[one] = served[one] + service[one] * np.exp(slow + 0.4 * rng.standard_normal())
    return PastRoute(day, PlannedRoute(0.0, drive, service, earliest), start, arrived, served, ended)


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(5)
    return RouteDay.learn([played(day, rng) for day in range(30) for _ in range(4)])


def test_intervals_cover_other_days_at_every_number_of_stops_ahead(learned):
    rng = np.random.default_rng(6)
    inside, group = [], []
    for number in range(250):
        one = played(99, rng)
        q = learned.quantiles(one.plan, seed=number)
        assert (np.diff(q, axis=1) >= 0).all()
        inside.append((one.arrived_s >= q[:, 1]) & (one.arrived_s <= q[:, 3]))
        group.append(stops_ahead(len(q)))
    inside, group = np.concatenate(inside), np.concatenate(group)
    assert inside.mean() == pytest.approx(0.8, abs=0.05)
    for one in range(1, 4):
        assert inside[group == one].mean() == pytest.approx(0.8, abs=0.08)


def test_widths_grow_along_the_route_and_shrink_where_a_window_is_waited_for(learned):
    one = played(99, np.random.default_rng(7)).plan
    far = learned.quantiles(one)
    width = far[:, 3] - far[:, 1]
    assert width[7] > width[0] and width[9] < width[7]
    assert (learned.quantiles(one) == far).all()


def test_too_little_history_teaches_nothing():
    rng = np.random.default_rng(8)
    assert RouteDay.learn([played(day, rng) for day in range(3)]) is None
    assert RouteDay.learn([]) is None


def driven(days=60, stops=14, seed=0):
    """Past routes whose short legs take many times what is planned, with a factor that the day shares."""
    rng = np.random.default_rng(seed)
    out = []
    for day in range(days):
        for _ in range(2):
            drive, service = rng.choice([30.0, 400.0, 900.0], stops), rng.uniform(100, 400, stops)
            plan = PlannedRoute(0.0, drive, service, np.full(stops, -np.inf))
            pace = 0.15 * rng.standard_normal()
            took = (drive + 60.0) * np.exp(pace + 0.3 * rng.standard_normal(stops))
            doors = service * np.exp(pace + 0.4 * rng.standard_normal(stops))
            there = np.cumsum(took) + np.append(0.0, np.cumsum(doors)[:-1])
            out.append(PastRoute(day, plan, 0.0, there, there, there + doors))
    return out


@pytest.mark.parametrize("phase", [DRIVING, AT_DOOR])
def test_intervals_of_a_route_under_way_cover_what_comes(phase):
    learned, inside = learn_under_way(driven(seed=2)), []
    assert learned is not None and set(learned.under_way) == {0.8, 0.9}
    for number, one in enumerate(driven(60, seed=1)):
        before = np.append(0.0, one.concluded_s[:-1])
        for stop in range(0, 14, 4):
            since = one.arrived_s[stop] if phase == AT_DOOR else before[stop]
            legs = np.column_stack([one.plan.drive_s, one.arrived_s - before])[: stop + (phase == AT_DOOR)]
            doors = np.column_stack([one.plan.service_s, one.concluded_s - one.served_s])[:stop]
            none = np.full(14 - stop, np.inf)
            ahead = OpenStops(
                one.plan.drive_s[stop:], one.plan.service_s[stop:], one.plan.earliest_s[stop:], none, none * np.nan
            )
            q = score(ahead, Progress(since, phase, since, since, legs, doors), learned, Hazards(), number).arrival_s
            actual = one.arrived_s[stop:]
            inside += ((actual >= q[:, 1]) & (actual <= q[:, 3]))[phase == AT_DOOR :].tolist()
    assert np.mean(inside) == pytest.approx(0.8, abs=0.07)  # stops of a route miss together


def test_short_legs_that_take_longer_as_they_always_do_are_no_news_of_a_slow_day():
    learned, paces, alarmed = RouteDay.learn(driven(seed=2)), [], []
    for one in driven(60, seed=1):
        took = one.arrived_s - np.append(0.0, one.concluded_s[:-1])
        paces.append(posterior_day_factor(learned.drive, one.plan.drive_s, took)[0])
        sums = replace(learned.drive, usual=float("nan"))
        alarmed.append(posterior_day_factor(sums, one.plan.drive_s, took)[0])
    assert abs(np.mean(paces)) < 0.05 and np.mean(alarmed) > 0.15


def test_too_little_of_the_past_teaches_nothing_of_routes_under_way():
    assert learn_under_way(driven(3)) is None
