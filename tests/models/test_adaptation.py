"""Two levels of adaptation: shippers that differ are told apart; a new one is never much worse than pooled."""

import numpy as np
import pandas as pd
import pytest

from models.adaptation import TwoLevel
from models.promotion import row_losses


def play(rates, days=32, seed=0, joins=None):
    """Log loss of each level by tenant; ``rates``: tenant -> probability by cell. ``joins``: first day of a tenant."""
    rng, model, parts = np.random.default_rng(seed), TwoLevel(("cell",)), []
    for day in range(days):
        names = [one for one in rates if day >= (joins or {}).get(one, 0)]
        tenant = rng.choice(names, 200)
        cell = rng.choice(["am", "pm"], 200)
        p = np.array([rates[t][c] for t, c in zip(tenant, cell, strict=True)])
        y = (rng.random(200) < p).astype(float)
        rows = pd.DataFrame({"tenant_id": tenant, "customer_id": rng.integers(0, 2_000, 200).astype(str), "cell": cell})
        if day >= 20:
            said = model.predict(rows)
            parts.append(said.apply(lambda one, y=y: row_losses(y, one.to_numpy(float), True)).assign(tenant_id=tenant))
        model.learn(rows, y)
    return pd.concat(parts).groupby("tenant_id").mean()


def test_two_tenants_that_differ_gain_each():
    losses = play({"a": {"am": 0.02, "pm": 0.02}, "b": {"am": 0.03, "pm": 0.25}, "c": {"am": 0.06, "pm": 0.06}})
    assert losses.loc["a", "mixed"] < losses.loc["a", "pooled"] * 0.99
    assert losses.loc["b", "mixed"] < losses.loc["b", "pooled"] * 0.98


def test_a_new_tenant_and_tenants_that_are_all_alike_lose_nothing_worth_telling():
    same = {"am": 0.05, "pm": 0.1}
    losses = play({"a": same, "b": same, "new": same}, days=36, joins={"new": 24})
    assert (losses["mixed"] <= losses["pooled"] * 1.02).all()


def test_before_anything_is_learned_everyone_is_pooled():
    rows = pd.DataFrame({"tenant_id": ["a"], "customer_id": ["c"], "cell": ["am"]})
    said = TwoLevel(("cell",)).predict(rows).iloc[0]
    assert said["pooled"] == said["tenant"] == pytest.approx(said["mixed"])
