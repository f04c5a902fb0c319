"""Projections of a route: they follow what is known, wait for windows, and their intervals cover."""

import numpy as np
import pytest

from domain.errors import InputError
from operations.watch import fit_times, pace, project

RANDOM = np.random.default_rng(5)


def history(rows=4_000):
    km, service = RANDOM.uniform(0.1, 3, rows), RANDOM.uniform(40, 200, rows)
    leg = (45 + 110 * km) * np.exp(RANDOM.normal(0, 0.2, rows))
    door = (20 + 1.1 * service) * np.exp(RANDOM.normal(0, 0.4, rows))
    return km, leg, service, door


MODEL = fit_times(*history())
NONE = np.full(20, -np.inf)


def test_times_are_learned():
    assert MODEL.s_per_km == pytest.approx(110, rel=0.15)
    assert np.median(MODEL.leg_ratios) == pytest.approx(1, abs=0.05)
    with pytest.raises(InputError, match="needs 50"):
        fit_times(*(one[:10] for one in history()))


def test_intervals_cover_what_happens():
    inside, count = 0, 0
    for trial in range(60):
        km, leg, service, door = history(20)
        ahead = project(MODEL, 0.0, km, service, NONE, seed=trial)
        low, high = ahead.quantiles([0.1, 0.9])
        starts = np.cumsum(leg + np.concatenate([[0], door[:-1]]))
        inside += int(((starts >= low) & (starts <= high)).sum())
        count += 20
    assert 0.72 < inside / count < 0.88


def test_a_van_that_is_early_waits_for_the_window():
    opens = NONE.copy()
    opens[5] = 50_000.0
    km, _, service, _ = history(20)
    ahead = project(MODEL, 0.0, km, service, opens)
    assert (ahead.starts[:, 5] == 50_000).all()
    assert (ahead.starts[:, 6] > 50_000).all()


def test_a_slow_day_moves_everything_and_the_same_seed_repeats():
    km, _, service, _ = history(20)
    usual, slow = (project(MODEL, 0.0, km, service, NONE, pace_now=one, seed=1) for one in (1.0, 1.2))
    assert np.allclose(slow.starts, 1.2 * usual.starts)
    assert (project(MODEL, 0.0, km, service, NONE, seed=1).starts == usual.starts).all()
    assert usual.p_after(np.full(20, np.inf)).tolist() == [0.0] * 20
    assert usual.p_after(np.full(20, -1.0)).tolist() == [1.0] * 20


def test_a_pace_is_believed_slowly():
    assert pace(0, 0) == 1
    assert 1 < pace(1_200, 600) <= 1.1
    assert pace(40_000, 20_000) > 1.7
