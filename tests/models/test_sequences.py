"""Driven sequences: a planted order of areas is learned, closeness is measured."""

import numpy as np
import pytest

from models.sequences import DrivenRoute, closeness, fit_preferences, usual_areas


def route(seed, order="abcd"):
    """Four areas of six stops at the corners of a square, always driven in ``order``."""
    rng = np.random.default_rng(seed)
    corner = {"a": (0, 0), "b": (1, 1), "c": (0, 1), "d": (1, 0)}
    cells = ["depot", *(one for one in order for _ in range(6))]
    places = np.array([corner.get(one, (0.5, 0.5)) for one in cells]) * 600 + rng.normal(0, 120, (len(cells), 2))
    seconds = np.hypot(*(places[:, None, :] - places[None, :, :]).transpose(2, 0, 1))
    streets = tuple(f"{one}{number % 2}" for number, one in enumerate(cells))
    return DrivenRoute(seconds, streets, tuple(cells), tuple("one" for _ in cells))


def nearest(costs):
    here, left, out = 0, set(range(1, len(costs))), []
    while left:
        here = min(left, key=lambda one: costs[here, one])
        left.remove(here)
        out.append(here)
    return out


def test_a_planted_order_of_areas_is_learned():
    found = fit_preferences([route(seed) for seed in range(24)])
    assert found.usual["a", "b"] > 0.8 > found.usual["a", "c"]
    assert found.weights[2] > 0
    gains = []
    for seed in range(100, 106):
        held = route(seed)
        by_time, as_driven = nearest(held.seconds), nearest(found.leg_costs(held))
        gains.append(closeness(by_time)["sequence_deviation"] - closeness(as_driven)["sequence_deviation"])
        assert (found.leg_costs(held) >= 0).all()
    assert np.mean(gains) > 0.02


def test_closeness():
    assert closeness([1, 2, 3, 4]) == {"sequence_deviation": 0.0, "same_legs": 1.0, "in_order": 1.0}
    assert closeness([4, 3, 2, 1])["in_order"] == 0
    assert closeness([4, 3, 2, 1])["same_legs"] == pytest.approx(0.75)
    assert closeness([1, 3, 2, 4])["sequence_deviation"] > 0
    assert usual_areas([]) == {}
