"""Arrivals of planned routes: what past routes teach covers the routes of other days."""

import numpy as np
import pytest

from models.route_day import PastRoute, PlannedRoute, RouteDay, stops_ahead


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
