"""Driven sequences from a file: fitted on some routes, planned on others; a wrong file is named."""

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError
from orchestration.loop.sequences import FILE, compare


def driven(folder, routes=30):
    rng, rows = np.random.default_rng(0), []
    for number in range(routes):
        order = np.argsort(np.arctan2(*(spots := rng.normal(0, 0.01, (11, 2))).T))
        for place, (lat, lon) in enumerate(spots[order]):
            leg = {"distance_to_next_stop(km)": 1.2, "duration(min)": 3}
            rows.append({"route": f"r{number}", "stop": f"s{place}", "lat": 30.3 + lat, "lon": -97.7 + lon, **leg})
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / FILE, index=False)
    return frame


def test_plans_are_compared_with_what_was_driven_on_routes_that_were_held_out(tmp_path):
    driven(tmp_path)
    found = compare(tmp_path, most=2, iterations=10)
    assert found["routes_held_out"] == 2
    assert found["routes_learned_from"] + 2 <= 30
    for arm in ("by_time", "as_drivers"):
        assert all(0 <= value <= 1 for value in found[arm].values())
    for change in found["change"].values():
        assert change["low"] <= change["estimate"] <= change["high"]


def test_a_wrong_file_is_named(tmp_path):
    with pytest.raises(InputError, match=FILE):
        compare(tmp_path)
    driven(tmp_path).drop(columns="lat").to_csv(tmp_path / FILE, index=False)
    with pytest.raises(InputError, match="'lat'"):
        compare(tmp_path)
