"""Common random numbers: a draw belongs to its name and key, not to its position, company or process."""

from concurrent.futures import ProcessPoolExecutor
from datetime import date
from hashlib import sha256
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation import City, scenario_from
from simulation.streams import normals, poissons, stream, uniforms, whole
from tests.simulation.conftest import SMALL

DAY = date(2026, 3, 3)
KEYS = st.lists(st.integers(0, 2**40), min_size=1, max_size=40)


@given(KEYS, st.randoms(use_true_random=False))
def test_a_draw_does_not_depend_on_order_or_company(keys, shuffler):
    drawn = dict(zip(keys, uniforms(1, "a", keys=np.array(keys)).tolist(), strict=True))
    mixed = list(keys)
    shuffler.shuffle(mixed)
    again = dict(zip(mixed, uniforms(1, "a", keys=np.array(mixed)).tolist(), strict=True))
    assert drawn == again
    alone = uniforms(1, "a", keys=np.array(keys[:1])).tolist()[0]
    assert alone == drawn[keys[0]]


def test_draws_are_uniform_and_independent_between_names():
    one, two = uniforms(1, "a", keys=200_000), uniforms(1, "b", keys=200_000)
    assert one.min() > 0
    assert one.max() < 1
    assert abs(one.mean() - 0.5) < 0.003
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.01
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.01
    counts = np.histogram(one, 50)[0]
    assert ((counts - 4_000) ** 2 / 4_000).sum() < 100  # chi-square, 49 degrees of freedom
    assert abs(normals(1, "a", keys=200_000).std() - 1) < 0.01


def test_counts_and_whole_numbers_have_their_laws():
    assert abs(poissons(1, "p", keys=100_000, mean=0.6).mean() - 0.6) < 0.01
    numbers = whole(1, "w", keys=100_000, low=-3, high=4)
    assert set(numbers.tolist()) == set(range(-3, 4))


def test_a_generator_depends_on_its_names_only():
    before = stream(1, "weather", DAY).random(3)
    stream(1, "demand", DAY).random(1_000)
    assert (stream(1, "weather", DAY).random(3) == before).all()


def digest_of_day(day: date) -> str:
    city = City(scenario_from(SMALL))
    events = city.play_day(day, city.baseline_plan(day)).events
    return sha256(pd.util.hash_pandas_object(events, index=False).to_numpy().tobytes()).hexdigest()


@pytest.mark.slow
def test_another_process_plays_the_same_day():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(digest_of_day, DAY).result() == digest_of_day(DAY)


def test_a_surge_leaves_the_orders_it_adds_to_as_they_were():
    calm = City(scenario_from(SMALL)).orders_for(DAY)
    shock = {"kind": "surge", "first_day": "2026-03-01", "factor": 2.0}
    busy = City(scenario_from({**SMALL, "shocks": [shock]})).orders_for(DAY)
    assert len(busy) > 1.7 * len(calm)
    pd.testing.assert_frame_equal(busy.iloc[: len(calm)], calm)
