"""Promises of weeks: hazards of open work tell of today, labels tell of weeks ago."""

import numpy as np
import pandas as pd
import pytest

from models.evaluation import evaluate_binary
from models.metrics import log_loss, roc_auc
from models.protocol import Spec
from models.state import DAY_S
from models.survival import Spells, delayed, hazard_arms

DAYS, BREAK = 160, 100


@pytest.fixture(scope="module")
def orders():
    """Durations of about 12 days against promises of 20; from day 100 on everything takes half as long again."""
    rng = np.random.default_rng(3)
    decided = np.sort(rng.uniform(0, DAYS, 1_600))
    far = rng.random(len(decided))
    slow = np.where(decided + 6 > BREAK, 1.5, 1.0)
    took = slow * (8 + 8 * far) * np.exp(0.3 * rng.standard_normal(len(decided)))
    return decided * DAY_S, took * DAY_S, far


def spells(orders):
    decided, took, _ = orders
    return Spells(decided, decided + took, decided + took, decided + 20 * DAY_S, decided)


def test_hazards_follow_a_break_that_labels_show_three_weeks_later(orders):
    decided, took, far = orders
    one = spells(orders)
    assert delayed(decided, np.maximum(one.promised, one.known)) and not delayed(decided, decided + DAY_S)
    until = 90 * DAY_S
    arms = hazard_arms(one, far[:, None], 0, [until + n * 7 * DAY_S for n in (0, 3, 4, 5, 7)], until, 60.0)
    late = (took > 20 * DAY_S).astype(float)
    after = decided > 115 * DAY_S  # two weeks in: no label of the new time has matured
    known = after & (decided < 121 * DAY_S)
    assert late[known].mean() > 0.2
    # a label of a decision after the break is not known before day 114; the hazard has moved by then
    assert arms["survival"][known].mean() > 1.5 * late[decided < 90 * DAY_S].mean()
    ours, frozen = arms["survival"][after], arms["survival_frozen"][after]
    assert log_loss(late[after], np.clip(ours, 0, 1)) < log_loss(late[after], np.clip(frozen, 0, 1))
    assert roc_auc(late[after], ours) > 0.6


def test_a_model_fitted_once_sees_the_next_wave_in_what_is_overdue():
    rng = np.random.default_rng(5)
    decided = np.sort(rng.uniform(0, DAYS, 3_000))
    wave = ((decided > 35) & (decided < 60)) | (decided > 110)
    took = np.where(wave, 1.6, 1.0) * 13 * np.exp(0.3 * rng.standard_normal(len(decided)))
    at, until = decided * DAY_S, 90 * DAY_S
    one = Spells(at, at + took * DAY_S, at + took * DAY_S, at + 20 * DAY_S, at)
    said = hazard_arms(one, np.zeros((len(at), 1)), 0, [until], until, 1e6)["survival_frozen"]
    calm, under_way = (decided > 95) & (decided < 108), (decided > 128) & (decided < 140)
    assert said[under_way].mean() > 2 * said[calm].mean()


def test_what_ends_later_changes_no_earlier_prediction(orders):
    decided, _, far = orders
    until, origin = 90 * DAY_S, [90 * DAY_S, 97 * DAY_S]
    one = spells(orders)
    seen = decided <= 104 * DAY_S
    first = hazard_arms(one, far[:, None], 0, origin, until, 60.0)["survival"]
    ended = np.where(one.ended > 104 * DAY_S, one.ended + 30 * DAY_S, one.ended)
    other = Spells(decided, ended, ended, one.promised, one.local)
    again = hazard_arms(other, far[:, None], 0, origin, until, 60.0)["survival"]
    assert np.array_equal(first[seen], again[seen], equal_nan=True)


def test_the_evaluation_takes_them_where_labels_take_weeks(orders):
    decided, took, far = orders
    moments = lambda s: pd.to_datetime(s, unit="s", utc=True, origin="2025-01-01")  # noqa: E731
    promised, ended = moments(decided + 20 * DAY_S), moments(decided + took)
    rows = pd.DataFrame(
        {
            "entity": np.arange(len(decided)),
            "decision_time": moments(decided),
            "concluded_at": ended,
            "ended_time": ended,
            "promised_time": promised,
            "label_time": np.where(took > 20 * DAY_S, promised, ended),
            "mature_time": promised,
            "label": (took > 20 * DAY_S).astype(float),
            "far": far,
        }
    )
    rows["label_time"] = pd.to_datetime(rows["label_time"], utc=True)
    until = pd.Timestamp("2025-04-20 23:59:59", tz="UTC")
    result, scored = evaluate_binary(rows, Spec(("far",), recency_days=60.0), until)
    arms = result["baselines"]
    assert result["log_loss"] < min(arms["no_history"]["log_loss"], arms["live_history_weekly_refit"]["log_loss"])
    assert {"arm_survival", "arm_survival_frozen"} <= set(scored.columns)
    assert set(result["expert_weights"][0]) >= {"survival", "survival_frozen", "no_history"}
