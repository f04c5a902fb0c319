"""Two levels of adaptation: a shipper's own rates and a customer's own, each only as far as it proves itself.

Three beliefs about an order are held: the pooled rate of its cell (hour, weekday), the shipper's rate, shrunk to the
pooled one, and the customer's, shrunk to the shipper's. They are mixed by how well each foretold the shipper's orders
so far (Bayesian mixture with a fixed share, Herbster and Warmuth 1998), beginning with the pooled one. So a new
shipper is served as well as everyone, and worse by no more than the regret of the mixture, spread over all its orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.posterior import beta_strength

Floats = npt.NDArray[np.float64]
LEVELS = ("pooled", "tenant", "customer")
FIRST_WEIGHTS = (0.8, 0.1, 0.1)
SHARE = 0.01
"""Weight that is spread evenly every day: what was wrong once may be right later."""
EDGE = 1e-4


@dataclass
class TwoLevel:
    """Rates of an event by cell, tenant and customer; ``cells``, ``tenant``, ``customer`` name columns of the rows."""

    cells: tuple[str, ...]
    tenant: str = "tenant_id"
    customer: str = "customer_id"
    weights: dict[str, Floats] = field(default_factory=dict)
    _rows: list[pd.DataFrame] = field(default_factory=list)
    _fitted: dict[str, Any] = field(default_factory=dict)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Probabilities by level and ``mixed``, one row each."""
        cell = _keys(rows, self.cells)
        base = self._fitted.get("base", 0.05)
        pooled = cell.map(self._fitted.get("cells", {})).fillna(base).to_numpy(float)
        whole = rows[self.tenant].map(self._fitted.get("tenants", {})).fillna(1.0).to_numpy(float)
        own = (rows[self.tenant].astype(str) + "|" + cell).map(self._fitted.get("tenant_cells", {}))
        tenant = pooled * own.fillna(pd.Series(whole, index=rows.index)).to_numpy(float)
        ratio = rows[self.customer].map(self._fitted.get("customers", {})).fillna(1.0).to_numpy(float)
        out = pd.DataFrame({"pooled": pooled, "tenant": tenant, "customer": tenant * ratio}, index=rows.index)
        out = out.clip(EDGE, 0.95)
        first = np.array(FIRST_WEIGHTS)
        weights = np.stack([self.weights.get(str(one), first) for one in rows[self.tenant]])
        return out.assign(mixed=(out[list(LEVELS)].to_numpy(float) * weights).sum(axis=1))

    def learn(self, rows: pd.DataFrame, event: Floats) -> None:
        """Take in outcomes of a day: weigh the levels by what they had said, then refit the rates."""
        said = self.predict(rows)[list(LEVELS)].to_numpy(float)
        y = event[:, None]
        losses = -(y * np.log(said) + (1 - y) * np.log(1 - said))
        for name, own in pd.Series(range(len(rows))).groupby(rows[self.tenant].astype(str).to_numpy()):
            before = self.weights.get(str(name), np.array(FIRST_WEIGHTS))
            total = losses[own.to_numpy()].sum(axis=0)
            after = before * np.exp(-(total - total.min()))
            after /= after.sum()
            self.weights[str(name)] = (1 - SHARE) * after + SHARE / len(after)
        kept = rows[[*self.cells, self.tenant, self.customer]].assign(_event=event)
        self._rows.append(kept)
        self._fit(pd.concat(self._rows, ignore_index=True))

    def _fit(self, rows: pd.DataFrame) -> None:
        y = rows["_event"].to_numpy(float)
        base = float((y.sum() + 0.5) / (len(y) + 10))
        cell = _keys(rows, self.cells)
        cells = _shrunk(cell, y, np.full(len(y), base))
        pooled = cell.map(cells).to_numpy(float) * base
        names = rows[self.tenant].astype(str)
        tenants = _shrunk(names, y, pooled)
        of_tenant = pooled * names.map(tenants).to_numpy(float)
        both = names + "|" + cell
        by_cell = _shrunk(both, y, of_tenant)
        each = names.map(tenants).to_numpy(float) * both.map(by_cell).to_numpy(float)
        customers = _shrunk(rows[self.customer].astype(str), y, np.asarray(np.clip(pooled * each, EDGE, 0.95), float))
        self._fitted = {
            "base": base,
            "cells": {name: ratio * base for name, ratio in cells.items()},
            "tenants": tenants,
            "tenant_cells": dict(zip(both, each, strict=True)),
            "customers": customers,
        }


def _keys(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    found = rows[names[0]].astype(str)
    for name in names[1:]:
        found = found + "|" + rows[name].astype(str)
    return found


def _shrunk(group: pd.Series, y: Floats, expected: npt.NDArray[Any]) -> dict[str, float]:
    """Ratio of events to expected ones by group, shrunk to 1 by as much as groups differ (gamma-Poisson)."""
    codes, names = pd.factorize(group)
    seen = np.bincount(codes, weights=y, minlength=len(names)).astype(float)
    hoped = np.bincount(codes, weights=expected, minlength=len(names)).astype(float)
    rate = float(y.sum() / max(len(y), 1))
    size = np.bincount(codes, minlength=len(names)).astype(float)
    strength = beta_strength(seen, size) * max(rate, EDGE) if len(names) > 2 else 2.0
    ratios = (seen + strength) / (hoped + strength)
    return dict(zip((str(one) for one in names), ratios.tolist(), strict=True))
