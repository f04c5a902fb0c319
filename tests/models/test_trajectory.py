"""A gain that grows is called improving, one that stays a plateau, one that shrinks worsening; intervals hold."""

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError
from models.trajectory import trajectory

RNG = np.random.default_rng(0)
SIZE = 9_000


def arms(slope, level=0.0, seed=0):
    """Seconds: the frozen arm's error grows by ``slope`` a week, the learning arm's stays."""
    rng = np.random.default_rng(seed)
    when = pd.Series(pd.Timestamp("2026-03-02T08:00Z") + pd.to_timedelta(np.sort(rng.uniform(0, 83.5, SIZE)), unit="D"))
    week = (when - when.iloc[0]).dt.days.to_numpy() // 7
    y = rng.normal(0, 1, SIZE)
    learning = y + rng.laplace(0, 60, SIZE)
    return when, y, learning, y + rng.laplace(0, 60 + level + slope * week)


@pytest.mark.parametrize(
    ("slope", "level", "verdict"), [(5, 0, "improving"), (0, 30, "plateau"), (-3, 60, "worsening")]
)
def test_verdicts(slope, level, verdict):
    found = trajectory(*arms(slope, level), binary=False)
    assert found["verdict"] == verdict
    interval = found["slope_per_week"]
    assert interval["low"] <= interval["estimate"] <= interval["high"]
    assert found["gain"]["low"] > 0
    assert len(found["weeks"]) == 12


def test_two_arms_that_are_the_same_are_a_plateau_at_nothing():
    when, y, learning, _ = arms(0)
    found = trajectory(when, y, learning, learning, binary=False)
    assert found["verdict"] == "plateau"
    assert found["gain"]["estimate"] == 0


def test_probabilities_have_their_own_figures_and_missing_rows_are_left_out():
    when, *_ = arms(0)
    p = RNG.beta(1, 9, SIZE)
    y = (RNG.random(SIZE) < p).astype(float)
    frozen = np.full(SIZE, y.mean())
    frozen[:100] = np.nan
    found = trajectory(when, y, p, frozen)
    assert found["decisions"] == SIZE - 100
    assert found["weeks"][0]["learning_pr_auc"] > found["weeks"][0]["frozen_pr_auc"]


def test_two_weeks_are_no_trajectory():
    when, y, learning, frozen = arms(0)
    with pytest.raises(InputError, match="3 weeks"):
        trajectory(when[:1_500], y[:1_500], learning[:1_500], frozen[:1_500], binary=False)
