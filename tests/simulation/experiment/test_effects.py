"""Effects against brute force, and the laws they keep for any values."""

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simulation.experiment import effects
from simulation.experiment.arms import ALL, COUNT, SETS, Arm, every_arm

values = arrays(np.float64, SETS, elements=st.floats(-1e4, 1e4, allow_nan=False)).map(lambda v: v - v[0])


def brute_shapley(v):
    """Mean marginal value over all 120 orders in which the drivers may come."""
    total = np.zeros(COUNT)
    for order in permutations(range(COUNT)):
        mask = 0
        for driver in order:
            total[driver] += v[mask | 1 << driver] - v[mask]
            mask |= 1 << driver
    return total / 120


@given(values)
@settings(max_examples=60, deadline=None)
def test_shapley_is_the_mean_over_all_orders_and_adds_up(v):
    found = effects.effect("shapley", v)
    np.testing.assert_allclose(found, brute_shapley(v), atol=1e-7)
    np.testing.assert_allclose(found.sum(), v[ALL], atol=1e-6)


@given(values, st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
@settings(max_examples=60, deadline=None)
def test_effects_by_hand(v, i, j):
    a, b = 1 << i, 1 << j
    np.testing.assert_allclose(effects.effect("alone", v)[i], v[a])
    np.testing.assert_allclose(effects.effect("last", v)[i], v[ALL] - v[ALL ^ a])
    without = [m for m in range(SETS) if not m & a]
    np.testing.assert_allclose(
        effects.effect("factorial", v)[i], np.mean([v[m | a] - v[m] for m in without]), atol=1e-7
    )
    if i < j:
        row = effects.PAIRS.index((i, j))
        np.testing.assert_allclose(effects.effect("pairs", v)[row], v[a | b] - v[a] - v[b], atol=1e-7)
        rest = [m for m in range(SETS) if not m & (a | b)]
        by_hand = np.mean([v[m | a | b] - v[m | a] - v[m | b] + v[m] for m in rest])
        np.testing.assert_allclose(effects.effect("factorial_pairs", v)[row], by_hand, atol=1e-7)
    np.testing.assert_allclose(effects.super_additivity(v), v[ALL] - sum(v[1 << d] for d in range(COUNT)), atol=1e-6)


@given(arrays(np.float64, COUNT, elements=st.floats(-100, 100, allow_nan=False)))
@settings(max_examples=30, deadline=None)
def test_an_additive_value_has_no_interaction_and_every_effect_is_its_own_share(own):
    v = np.array([sum(own[d] for d in range(COUNT) if m >> d & 1) for m in range(SETS)])
    for name in ("alone", "last", "factorial", "shapley"):
        np.testing.assert_allclose(effects.effect(name, v), own, atol=1e-8)
    for name in ("pairs", "factorial_pairs"):
        np.testing.assert_allclose(effects.effect(name, v), 0, atol=1e-8)
    assert abs(effects.super_additivity(v)) < 1e-8


@given(values, st.permutations(range(COUNT)))
@settings(max_examples=30, deadline=None)
def test_shapley_does_not_depend_on_how_drivers_are_numbered(v, order):
    moved = np.array([v[sum(1 << order[d] for d in range(COUNT) if m >> d & 1)] for m in range(SETS)])
    np.testing.assert_allclose(effects.effect("shapley", moved), effects.effect("shapley", v)[list(order)], atol=1e-7)


@given(arrays(np.float64, (4, SETS), elements=st.floats(1, 1e4)))
@settings(max_examples=30, deadline=None)
def test_scales_and_directions(kpi):
    lower, higher = (effects.improvement(kpi, better, "absolute") for better in ("lower", "higher"))
    np.testing.assert_allclose(lower, -higher)
    log = effects.improvement(kpi, "lower", "log")
    np.testing.assert_allclose(np.exp(-log), kpi / kpi[:, :1], rtol=1e-9)
    assert (lower[:, 0] == 0).all() and (log[:, 0] == 0).all()


def test_shares_that_multiply_are_additive_on_the_log_scale_and_sub_additive_on_the_other():
    left = np.array([0.9, 0.8, 0.95, 0.7, 0.99])
    kpi = np.array([600 * np.prod([left[d] for d in range(COUNT) if m >> d & 1]) for m in range(SETS)])
    assert abs(effects.super_additivity(effects.improvement(kpi, "lower", "log"))) < 1e-9
    assert effects.super_additivity(effects.improvement(kpi, "lower", "absolute")) < -10


def test_arms_are_the_sets_by_mask_and_one_more():
    arms = every_arm()
    assert [one.mask for one in arms] == [*range(SETS), ALL]
    assert len({one.name for one in arms}) == len(arms) == 33
    assert not arms[-1].shared and all(one.shared for one in arms[:-1])
    assert Arm(0b00101).on("routing") and Arm(0b00101).on("exceptions") and not Arm(0b00101).on("learning")
