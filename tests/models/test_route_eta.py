"""Arrivals along a route: shared factors, silence, hazards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.route_eta import (
    Residuals,
    arrivals,
    carried_hazard,
    chance_late,
    fit_residuals,
    hazard_rate,
    posterior_day_factor,
)

RESIDUALS = Residuals(bias=0.05, day_sd=0.2, leg_sd=0.35)
LEGS = [600.0] * 12


def world(days=300, legs=15, seed=0):
    rng = np.random.default_rng(seed)
    planned = rng.uniform(200, 1_200, (days, legs))
    factor = RESIDUALS.bias + RESIDUALS.day_sd * rng.standard_normal((days, 1))
    actual = planned * np.exp(factor + RESIDUALS.leg_sd * rng.standard_normal((days, legs)))
    return planned, actual, np.repeat(np.arange(days), legs)


def test_variance_components_are_found_again():
    planned, actual, day = world()
    found = fit_residuals(planned.ravel(), actual.ravel(), day)
    assert found.bias == pytest.approx(0.05, abs=0.03)
    assert found.day_sd == pytest.approx(0.2, abs=0.04)
    assert found.leg_sd == pytest.approx(0.35, abs=0.03)


def test_intervals_along_the_route_cover_and_independent_legs_would_not():
    planned, actual, _ = world(400, seed=2)
    inside, independent = [], []
    own = Residuals(RESIDUALS.bias, 1e-6, float(np.hypot(0.2, 0.35)))
    for day in range(120):
        q, flat = arrivals(planned[day], RESIDUALS, seed=day), arrivals(planned[day], own, seed=day)
        y = actual[day].cumsum()[-1]
        inside.append(q[-1, 1] <= y <= q[-1, 3])
        independent.append(flat[-1, 1] <= y <= flat[-1, 3])
    assert np.mean(inside) == pytest.approx(0.8, abs=0.1)
    assert np.mean(independent) < 0.65


def test_a_slow_morning_moves_the_rest_of_the_day():
    mean, spread = posterior_day_factor(RESIDUALS, np.full(8, 600.0), np.full(8, 900.0))
    assert 0.2 < mean < 0.4
    assert spread < RESIDUALS.day_sd
    slow = arrivals(LEGS, RESIDUALS, done_planned_s=[600] * 8, done_actual_s=[900] * 8)
    assert (slow[:, 2] > arrivals(LEGS, RESIDUALS)[:, 2]).all()


@settings(max_examples=25, deadline=None)
@given(st.floats(1, 20_000), st.integers(1, 20))
def test_silence_widens_and_nothing_arrives_in_the_past(silent_s, stops):
    q = arrivals([600.0] * stops, RESIDUALS, silent_s=silent_s)
    assert (q >= 0).all()
    assert (np.diff(q, axis=1) >= 0).all()
    assert (np.diff(q, axis=0) >= 0).all()


def test_a_silent_driver_has_a_wider_interval():
    widths = [np.diff(arrivals([600.0], RESIDUALS, silent_s=s)[0, [1, 3]])[0] for s in (0.0, 3_600.0, 7_200.0)]
    assert widths[0] < widths[1] < widths[2]


def test_chance_of_being_late_follows_the_quantiles():
    q = arrivals(LEGS, RESIDUALS)
    late = chance_late(q, q[:, 2])
    assert late == pytest.approx(np.full(12, 0.5))
    assert chance_late(q, np.zeros(12)).min() > 0.94
    assert chance_late(q, q[:, 4] * 5).max() < 0.01


def test_hazards_are_carried_by_exposure():
    chance = carried_hazard(hazard_rate(4, 1_500), np.array([0.0, 3_600.0, 36_000.0]))
    assert chance[0] == 0
    assert chance[2] == pytest.approx(1 - (1 - chance[1]) ** 10)
