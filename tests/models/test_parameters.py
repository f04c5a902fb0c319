"""Learned parameters: planted worlds are recovered, noise is not told apart, nothing known changes nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parameters import (
    ACCEPTANCE,
    ACCEPTANCE_LEVELS,
    ACCEPTANCE_PRIOR,
    ALL,
    SERVICE,
    TRAVEL,
    Beliefs,
    risk_parameters,
    service_parameters,
    share_parameters,
    travel_parameters,
)
from models.posterior import Beta, beta_strength, shrunk_betas, shrunk_effects

NOW = pd.Timestamp("2026-03-30T18:00Z")


def stamped(rows, days=20):
    moments = NOW - pd.to_timedelta(np.linspace(days, 0.1, len(rows)), unit="D")
    return rows.assign(event_time=moments, known_at=moments)


def legs(size=6_000, zone_effect=0.3, noise=0.2, seed=5):
    rng = np.random.default_rng(seed)
    zones = np.array(["a", "b", "c", "d"])
    start, end = zones[rng.integers(0, 4, size)], zones[rng.integers(0, 4, size)]
    hour, wet = rng.integers(8, 18, size), rng.random(size) < 0.3
    base = rng.uniform(60, 600, size)
    effect = 0.1 + zone_effect * (end == "d") + 0.15 * wet
    frame = {"from_zone": start, "to_zone": end, "hour": hour, "wet": wet, "base_s": base, "base_m": base * 8}
    return stamped(pd.DataFrame({**frame, "actual_s": base * np.exp(effect + rng.normal(0, noise, size))}))


def value(rows, name):
    return rows.set_index("subject")["value"].get(name, 1.0)


def test_planted_travel_is_recovered_by_zone_and_weather():
    rows = travel_parameters(legs(), NOW)
    assert value(rows, "to=d") / value(rows, "to=a") == pytest.approx(np.exp(0.3), rel=0.04)
    wet, dry = (np.mean([value(rows, f"hour={h}|weather={w}") for h in range(8, 18)]) for w in ("wet", "dry"))
    assert wet / dry == pytest.approx(np.exp(0.15), rel=0.04)
    assert set(rows["feeds"]) == {"routing"}
    assert rows["newest_outcome"].max() <= NOW


def test_places_that_differ_by_chance_only_are_not_told_apart():
    rows = travel_parameters(legs(size=3_000, zone_effect=0.0, noise=0.4), NOW)
    assert rows[rows["subject"].str.startswith("to=")]["value"].sub(1).abs().max() < 0.05 or value(rows, "to=d") == 1


def test_factors_on_a_matrix_are_those_of_the_rows():
    rows = travel_parameters(legs(), NOW)
    beliefs = Beliefs.of(rows.assign(as_of=NOW))
    metres = np.full((3, 3), 1_200)
    hours = dict.fromkeys(range(8, 18), 0.1)
    dry = beliefs.travel_factors(metres, ["a", "d", "elsewhere"], hours, {})
    wet = beliefs.travel_factors(metres, ["a", "d", "elsewhere"], hours, dict.fromkeys(hours, True))
    assert dry[2, 1] / dry[1, 2] == pytest.approx(value(rows, "to=d"), rel=1e-9)
    assert wet[2, 2] > dry[2, 2] * 1.1
    assert (TRAVEL, ALL) in beliefs.used
    assert (TRAVEL, "hour=9|weather=wet") in beliefs.used


def test_service_times_by_building_lean_on_all_where_few_are_seen():
    rng = np.random.default_rng(1)
    building = np.where(rng.random(2_000) < 0.5, "house", "flat")
    building[:3] = "castle"
    declared = rng.uniform(60, 300, 2_000)
    actual = declared * np.exp(0.4 * (building == "flat") + 1.2 * (building == "castle") + rng.normal(0, 0.3, 2_000))
    frame = stamped(pd.DataFrame({"building": building, "declared_s": declared, "actual_s": actual}))
    rows = service_parameters(frame, NOW)
    beliefs = Beliefs.of(rows.assign(as_of=NOW))
    assert beliefs.service_factor("flat") / beliefs.service_factor("house") == pytest.approx(np.exp(0.4), rel=0.05)
    assert 1 < value(rows, "building=castle") / value(rows, "building=house") < np.exp(1.2)
    assert beliefs.service_factor(None) == pytest.approx(value(rows, ALL))
    assert Beliefs().service_factor("flat") == 1.0


def test_acceptance_by_fleet_hour_and_zone():
    rng = np.random.default_rng(2)
    hour = rng.integers(10, 20, 3_000)
    fleet = np.where(rng.random(3_000) < 0.7, "gig", "other")
    p = np.where(fleet == "other", 0.9, np.where(hour >= 18, 0.3, 0.7))
    trials = {"fleet": fleet, "hour": hour, "zone": "z", "success": rng.random(3_000) < p}
    rows = share_parameters(ACCEPTANCE, stamped(pd.DataFrame(trials)), NOW, ACCEPTANCE_LEVELS, ACCEPTANCE_PRIOR)
    beliefs = Beliefs.of(rows.assign(as_of=NOW))
    assert beliefs.acceptance("gig", "z", 12) == pytest.approx(0.7, abs=0.06)
    assert beliefs.acceptance("gig", "z", 19) == pytest.approx(0.3, abs=0.08)
    assert beliefs.acceptance("other") == pytest.approx(0.9, abs=0.03)
    assert beliefs.acceptance("never asked") is None
    assert Beliefs().acceptance("gig") is None


def test_old_evidence_fades():
    early = pd.DataFrame({"building": "x", "declared_s": 100.0, "actual_s": 100.0}, index=range(300))
    late = early.assign(actual_s=200.0)
    frame = stamped(pd.concat([early, late], ignore_index=True), days=120)
    found = Beliefs.of(service_parameters(frame, NOW, half_life_days=14).assign(as_of=NOW))
    assert found.values[SERVICE, ALL] > 1.8


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_a_shrunk_share_lies_between_its_parent_and_its_data(groups, parent):
    wins = np.array([min(a, b) for a, b in groups], float)
    tries = np.array([max(a, b) for a, b in groups], float)
    for one, s, n in zip(shrunk_betas(wins, tries, parent), wins, tries, strict=True):
        raw = s / n if n else parent
        assert min(raw, parent) - 1e-9 <= one.mean <= max(raw, parent) + 1e-9
        low, high = one.interval()
        assert 0 <= low <= one.mean <= high <= 1
    assert beta_strength(wins, tries) > 0


@given(st.integers(0, 1_000))
def test_shrunk_effects_never_exceed_what_was_seen(seed):
    rng = np.random.default_rng(seed)
    group, y = rng.integers(0, 6, 60), rng.normal(0, 1, 60)
    found = shrunk_effects(y, group, 6, np.ones(60), 1.0)
    for number in range(6):
        mean = y[group == number].mean() if (group == number).any() else 0.0
        assert abs(found.mean[number]) <= abs(mean) + 1e-9
    assert (found.sd >= 0).all()


def test_beta_updates_are_conjugate():
    assert Beta(2, 3).updated(1, 4) == Beta(3, 6)


def test_a_shipper_that_fails_more_than_predicted_is_known_by_it():
    rng = np.random.default_rng(6)
    tenant = rng.choice(["a", "b", "c", "few"], 6_000, p=[0.4, 0.3, 0.299, 0.001])
    p = rng.uniform(0.02, 0.08, 6_000)
    failed = rng.random(6_000) < p * np.where(tenant == "b", 2.0, 1.0)
    rows = risk_parameters(stamped(pd.DataFrame({"tenant": tenant, "p": p, "failed": failed})), NOW)
    beliefs = Beliefs.of(rows.assign(as_of=NOW))
    assert beliefs.risk_factor("b") == pytest.approx(2.0, rel=0.2)
    assert beliefs.risk_factor("a") == pytest.approx(1.0, rel=0.2)
    assert 0.5 < beliefs.risk_factor("few") < 2
    assert beliefs.risk_factor("new") == 1.0
    assert set(rows["feeds"]) == {"exceptions"}
