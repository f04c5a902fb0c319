"""Drift: a loss that rises raises one alarm in its segment, calm ones none; poisoned labels are refused."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from models.drift import Monitor, chunk_means, feature_shifts, flipped, psi
from models.metrics import roc_auc
from models.promotion import judge, should_roll_back

START = date(2026, 3, 2)


def watched(rise, days=60, shift=30, seed=0):
    rng, monitor, alarms = np.random.default_rng(seed), Monitor(), []
    for number in range(days):
        for segment in ("north", "south"):
            level = 0.1 * (1 + rise * (segment == "south" and number >= shift))
            found = monitor.observe("loss", segment, START + timedelta(days=number), rng.gamma(4, level / 4, 8))
            alarms += [found] if found else []
    return alarms


def test_a_rise_raises_one_alarm_in_its_segment():
    (alarm,) = watched(1.0)
    assert (alarm.stream, alarm.segment) == ("loss", "south")
    late = (alarm.day - START).days - 30
    assert 0 <= late <= 12
    assert alarm.after > 1.5 * alarm.before
    # the evidence that is kept begins near the change
    assert abs(alarm.values_since / 8 - (late + 1)) <= 4


@pytest.mark.parametrize("seed", range(2))
def test_calm_days_and_falling_losses_raise_none(seed):
    assert watched(0.0, seed=seed) == []
    assert watched(-0.6, seed=seed) == []


def test_what_is_proven_but_small_raises_none():
    assert watched(0.1, days=120, shift=50) == []


def test_psi_sees_a_shift_and_not_a_redraw():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 3_000), rng.normal(0, 1, 1_000)
    assert psi(a, b) < 0.05
    assert psi(a, b + 1) > 0.25
    assert psi(a, np.where(rng.random(1_000) < 0.4, np.nan, b)) > 0.25
    assert psi(a[:50], b) is None
    before, now = pd.DataFrame({"x": a, "y": a}), pd.DataFrame({"x": b, "y": b + 2, "z": b})
    found = feature_shifts(before, now, ["x", "y", "z"])
    assert [(one["feature"], one["shifted"]) for one in found] == [("y", True), ("x", False)]


def test_a_batch_with_a_fifth_of_its_labels_flipped_is_refused():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, 8_000)
    p = 1 / (1 + np.exp(3.2 - 1.3 * x))
    y = (rng.random(8_000) < p).astype(float)
    weak = 1 / (1 + np.exp(3.2 - 0.9 * x + rng.normal(0, 0.5, 8_000)))
    before = {"rate": y.mean(), "roc_auc": roc_auc(y, weak)}
    days = np.array([f"d{number % 40}" for number in range(8_000)], dtype=object)
    assert judge(y, weak, p, days, before=before).promote
    verdict = judge(flipped(y, 0.2), weak, p, days, before=before)
    assert not verdict.promote
    assert "poisoned" in " ".join(verdict.reasons)


def test_a_champion_that_is_worse_than_the_one_before_is_rolled_back_and_one_that_is_not_stays():
    rng = np.random.default_rng(4)
    p = rng.beta(1, 12, 6_000)
    y = (rng.random(6_000) < p).astype(float)
    days = np.array([f"d{number % 30}" for number in range(6_000)], dtype=object)
    wrong = rng.permutation(p)
    assert should_roll_back(y, wrong, p, days).promote
    assert not should_roll_back(y, p, wrong, days).promote
    assert not should_roll_back(y, p, p, days).promote


def test_chunks_keep_their_mean():
    assert chunk_means(np.arange(10.0), 4).tolist() == [1.5, 5.5, 8.5]
    assert chunk_means(np.arange(9.0), 4).tolist() == [1.5, 5.5]
    assert chunk_means(np.array([]), 4).tolist() == []
