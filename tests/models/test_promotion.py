"""The promotion gate proves a challenger better, or says why not."""

import numpy as np
import pandas as pd

from models.metrics import binary_scores
from models.promotion import judge, paired_bootstrap


def world(count=8_000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    chance = 1 / (1 + np.exp(-(x * 1.2 - 2.5)))
    y = (rng.random(count) < chance).astype(float)
    dull = np.full(count, y.mean()) + 0.02 * x
    return y, chance, np.clip(dull, 0.001, 0.999), np.arange(count) // 20, rng


def test_a_better_model_is_promoted_and_a_worse_one_is_not():
    y, good, dull, cluster, _ = world()
    assert judge(y, dull, good, cluster).promote
    verdict = judge(y, good, dull, cluster)
    assert not verdict.promote
    assert "not proven better" in verdict.reasons[0]
    assert verdict.high < 0


def test_the_same_model_is_not_better():
    y, good, _, cluster, _ = world()
    assert not judge(y, good, good, cluster).promote


def test_a_segment_that_gets_worse_stops_it():
    y, good, dull, cluster, _ = world()
    segment = np.where(np.arange(len(y)) < 1_000, "old town", "rest")
    mixed = np.where(segment == "old town", np.clip(dull * 4, 0, 0.99), good)
    verdict = judge(y, dull, mixed, cluster, {"zone": segment})
    assert not verdict.promote
    assert any("zone is old town" in reason for reason in verdict.reasons)


def test_a_poisoned_batch_is_refused_and_it_says_why():
    y, good, _, cluster, rng = world()
    before = {**binary_scores(y, good), "rate": float(y.mean())}
    flip = rng.random(len(y)) < 0.2
    poisoned = np.where(flip, 1 - y, y)
    fits_the_poison = good * 0.8 + (1 - good) * 0.2
    verdict = judge(poisoned, good, fits_the_poison, cluster, before=before)
    assert verdict.low > 0  # on the poisoned labels alone it would win
    assert not verdict.promote
    assert any("poisoned" in reason for reason in verdict.reasons)


def test_clustered_intervals_are_wider_when_days_hang_together():
    rng = np.random.default_rng(3)
    day = np.arange(4_000) // 100
    difference = rng.normal(size=40)[day] + rng.normal(size=4_000)
    _, low, high = paired_bootstrap(difference, day)
    _, low_rows, high_rows = paired_bootstrap(difference, np.arange(4_000))
    assert high - low > 3 * (high_rows - low_rows)


def test_a_cluster_with_a_part_that_is_not_known_yet_is_one_all_the_same():
    from models.protocol import joined

    rows = pd.DataFrame({"rider": ["r1", None, np.nan], "day": [1, 1, 2]})
    assert joined(rows, ["rider", "day"]).tolist() == ["r1|1", "|1", "|2"]
