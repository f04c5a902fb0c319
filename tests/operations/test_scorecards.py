"""Scorecards: little evidence leans on all fleets, intervals hold the truth, promises count twice."""

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError
from operations.scorecards import scorecards


def stops(sizes, p_first=0.95, seed=0):
    rng = np.random.default_rng(seed)
    fleet = np.repeat(list(sizes), list(sizes.values()))
    n = len(fleet)
    return pd.DataFrame(
        {
            "fleet_id": fleet,
            "delivered": rng.random(n) < p_first,
            "on_time_original": (rng.random(n) < 0.9).astype(object),
            "on_time_active": True,
            "scans": 4,
            "scans_expected": 4,
            "eta_error_s": rng.normal(0, 300, n),
        }
    )


def card(rows, fleet, measure):
    return rows[(rows["fleet_id"] == fleet) & (rows["measure"] == measure)].iloc[0]


def test_a_fleet_with_two_stops_is_believed_to_be_like_the_others():
    frame = stops({"a": 2_000, "b": 1_500, "c": 1_800, "new": 2})
    frame.loc[frame["fleet_id"] == "new", "delivered"] = False
    rows = scorecards(frame)
    new = card(rows, "new", "first_attempt")
    assert new["raw"] == 0
    assert new["value"] > 0.9
    assert new["high"] - new["low"] > 2 * (
        card(rows, "a", "first_attempt")["high"] - card(rows, "a", "first_attempt")["low"]
    )


def test_a_fleet_that_differs_is_told_apart():
    frame = pd.concat([stops({"a": 2_000, "b": 2_000, "c": 2_000}), stops({"bad": 800}, p_first=0.7, seed=1)])
    rows = scorecards(frame)
    bad = card(rows, "bad", "first_attempt")
    assert bad["high"] < card(rows, "a", "first_attempt")["low"]
    assert bad["low"] < 0.7 < bad["high"] + 0.03


def test_offers_costs_and_stops_without_a_promise():
    frame = stops({"a": 400, "b": 400})
    frame["on_time_original"] = None
    offers = pd.DataFrame({"fleet_id": "b", "accepted": [True] * 30 + [False] * 10})
    costs = pd.DataFrame({"fleet_id": ["a", "b", "a"], "cost_minor": [40_000, 90_000, 5], "delivered": [100, 100, 0]})
    rows = scorecards(frame, offers, costs)
    assert "on_time_original" not in set(rows["measure"])
    assert card(rows, "b", "acceptance")["raw"] == 0.75
    assert card(rows, "a", "cost_per_delivered_minor")["raw"] == 400
    assert set(rows[rows["measure"] == "acceptance"]["fleet_id"]) == {"b"}


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="scans_expected"):
        scorecards(stops({"a": 5}).drop(columns="scans_expected"))
