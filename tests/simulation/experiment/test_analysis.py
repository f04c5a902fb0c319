"""Intervals cover what they claim to cover, stay paired, and the planted truths are found."""

import numpy as np
import pytest

from simulation.experiment import planted
from simulation.experiment.analysis import analyse, difference, panel_from
from simulation.experiment.arms import SETS
from simulation.experiment.resampling import day_weights, estimate, holm, ratios


def test_a_draw_has_as_many_days_as_there_are_in_blocks_of_whole_worlds():
    weights = day_weights(4, 10, draws=50, seed=3)
    assert (weights.sum(axis=1) == 40).all()
    by_world = weights.reshape(50, 4, 10).sum(axis=2)
    assert (by_world % 10 == 0).all()
    assert (by_world == 0).any() and (by_world > 10).any()
    np.testing.assert_array_equal(weights, day_weights(4, 10, draws=50, seed=3))


def test_days_come_in_weeks():
    weights = day_weights(1, 21, draws=200, seed=1)
    # a day and the next are drawn together, a day and the one two weeks on are not
    near = np.corrcoef(weights[:, 5], weights[:, 6])[0, 1]
    far = np.corrcoef(weights[:, 3], weights[:, 17])[0, 1]
    assert near > 0.5 and far < 0.2


def test_ratios_weigh_days_by_their_orders():
    top, bottom = np.array([[[10.0, 30.0]]]), np.array([[[1.0, 9.0]]])
    np.testing.assert_allclose(ratios(top, bottom), [4.0])
    np.testing.assert_allclose(ratios(top, bottom, np.array([[2.0, 0.0]])), [[10.0]])
    np.testing.assert_allclose(ratios(top, 0 * bottom), [0.0])


def test_intervals_cover_a_known_mean_about_as_often_as_they_say():
    held = 0
    for trial in range(120):
        random = np.random.default_rng(trial)
        world = random.normal(0, 3, (10, 1)) + random.normal(0, 2, (10, 14))
        panel = panel_from("x", "higher", np.stack([np.zeros((10, 14)), 5 + world]), np.ones((2, 10, 14)))
        row = difference(panel, 1, 0, draws=400, seed=trial)
        held += row["low"] <= 5 <= row["high"]
    assert 0.88 <= held / 120 <= 1.0


def test_what_all_arms_share_does_not_widen_their_difference():
    random = np.random.default_rng(0)
    shared = random.normal(500, 80, (10, 14))
    panel = panel_from("x", "lower", np.stack([shared, shared - 3]), np.ones((2, 10, 14)))
    row = difference(panel, 0, 1, draws=300)
    np.testing.assert_allclose([row["low"], row["value"], row["high"]], 3, atol=1e-9)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_one_world_has_an_interval_from_its_days_alone():
    found = estimate(1.0, np.linspace(0, 2, 101), seeds=1)
    assert found.low == pytest.approx(0.05) and found.high == pytest.approx(1.95)


@pytest.mark.parametrize("world", planted.WORLDS, ids=lambda one: one.name)
def test_planted_truths_are_recovered(world):
    found = planted.recover(world)
    assert found["recovered"], found


def test_a_wrong_analysis_would_not_recover(monkeypatch):
    """The check can fail: an analysis that loses the pairs finds no super-additivity."""
    world = planted.WORLDS[1]
    lonely = planted.PlantedWorld(world.name, world.own)
    monkeypatch.setattr(planted, "play", lambda one, *rest: PLAY(lonely, *rest))
    assert not planted.recover(world)["recovered"]


PLAY = planted.play


def test_a_null_world_shows_no_effect_after_holm():
    found = analyse(planted.play(planted.WORLDS[2], 8, 21, 300, seed=5), draws=1_000)["absolute"]
    assert min(row["p_holm"] for row in found["pairs"]) > 0.01
    assert found["all_minus_none"]["low"] <= 0 <= found["all_minus_none"]["high"]


def test_the_report_has_both_scales_and_every_arm():
    panel = planted.play(planted.WORLDS[0], 3, 7, 60)
    found = analyse(panel, draws=100)
    assert len(found["arms"]) == SETS
    for scale in ("absolute", "log"):
        assert len(found[scale]["pairs"]) == 10 and len(found[scale]["shapley"]) == 5
        total = sum(row["value"] for row in found[scale]["shapley"])
        assert total == pytest.approx(found[scale]["all_minus_none"]["value"])
