"""The interventions experiment in small: figures hang together, a kept world is the world played again."""

import json

import pytest

from benchmarks.interventions import kept_world, summarise


@pytest.mark.slow
def test_a_small_experiment_hangs_together(tmp_path):
    settings = (1, 60, 0.3, 1)
    worlds = [kept_world(seed, settings, tmp_path) for seed in range(2)]
    assert worlds == [kept_world(seed, settings, tmp_path) for seed in range(2)]
    result = json.loads(json.dumps(summarise(worlds), allow_nan=False))
    assert result["seeds"] == 2
    assert result["treated"] + result["held_out"] <= 2 * 42
    assert sum(result["actions"].values()) == result["treated"]
    assert result["prevented_low"] <= result["prevented_share"] <= result["prevented_high"]
    assert 0 <= result["failure_rate"] <= result["failure_rate_without"] < 0.2
    assert 0.4 < result["risk_ratio"] < 2.5
