"""Diagnosis: a planted difference is found where it is, in a small segment too, and noise is not."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from operations.diagnosis import answers, area_of, by_driver, findings

START, NEW = date(2026, 3, 2), date(2026, 3, 23)


def facts(seed=0, **planted):
    """Four weeks of stops; ``planted``: column -> (segment column, value or None for all, what is added)."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(28):
        n = 240
        route = rng.integers(0, 8, n)
        rows.append(
            pd.DataFrame(
                {
                    "service_date": START + timedelta(days=number),
                    "route_id": [f"{number}-{one}" for one in route],
                    "depot": np.where(route < 4, "d0", "d1"),
                    "fleet": np.where(route < 6, "own", "carrier"),
                    "area": "x",
                    "zone": rng.choice([f"z{one}" for one in range(12)], n, p=[0.03, *[0.97 / 11] * 11]),
                    "tenant": rng.choice(["t0", "t1"], n),
                    "travel_log_ratio": rng.normal(0, 0.3, n) + rng.normal(0, 0.05, 8)[route],
                    "not_driven": (rng.random(n) < 0.003).astype(float),
                    "failed_excess": (rng.random(n) < 0.04) - 0.04,
                    "bad_address": (rng.random(n) < 0.01).astype(float),
                    "contacts": (rng.random(n) < 0.05).astype(float),
                }
            )
        )
    frame = pd.concat(rows, ignore_index=True)
    for column, (kind, value, much) in planted.items():
        where = (frame["service_date"] >= NEW) & (True if kind is None else frame[kind] == value)
        if column in ("travel_log_ratio", "failed_excess"):
            frame.loc[where, column] += much
        else:
            frame.loc[where, column] = (rng.random(int(where.sum())) < much).astype(float)
    return frame


@pytest.mark.parametrize("seed", range(2))
def test_quiet_weeks_have_no_finding(seed):
    asked = answers(facts(seed), NEW)
    assert findings(asked) == []
    assert set(by_driver(asked).values()) == {"fine", "unanswered"}


def test_a_fault_of_all_is_attributed_to_its_driver():
    (one,) = findings(answers(facts(travel_log_ratio=(None, None, 0.2)), NEW))
    assert (one.question.driver, one.segment_kind) == ("routing", "all")
    assert one.cost_minor > 0


def test_a_fault_in_a_small_segment_that_the_whole_hides_is_found():
    found = findings(answers(facts(travel_log_ratio=("zone", "z0", 0.7)), NEW))[:3]
    assert any(one.segment == "z0" for one in found)


def test_what_a_fault_causes_is_not_a_second_finding():
    found = findings(answers(facts(not_driven=("fleet", "carrier", 0.3), contacts=("fleet", "carrier", 0.4)), NEW))
    assert [one.question.driver for one in found] == ["dispatch"]
    assert by_driver(answers(facts(bad_address=(None, None, 0.06)), NEW))["exceptions"] == "fault"


def test_areas_of_zones():
    assert area_of("881969525bfffff") == area_of(area_of("881969525bfffff"))
    assert area_of("postcode 1012") == "postcode 1012"
