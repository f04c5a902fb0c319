"""A small risk model for experiments: logistic regression on soft labels with a customer memory. Numpy only.

The product's predictors are in ``models``; this one is quick enough to be refitted every week of many worlds, and is
calibrated, so that what an experiment shows is the effect of its labels and not of its learner.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HOURS = range(8, 20)
SHRINK = (2.0, 20.0)
RIDGE = 2.0


class CustomerMemory:
    """Sums of (soft) failures and attempts by customer."""

    def __init__(self, customers: int) -> None:
        self.failures, self.attempts = np.zeros(customers), np.zeros(customers)

    def features(self, customer: npt.NDArray[np.int64], mean: float) -> Floats:
        """Log odds of two shrunken rates and the log of the attempts."""
        f, n = self.failures[customer], self.attempts[customer]
        rates = [(f + m * mean) / (n + m) for m in SHRINK]
        return np.column_stack([*(np.log(r) - np.log1p(-r) for r in rates), np.log1p(n)])

    def learn(self, customer: npt.NDArray[np.int64], label: Floats) -> None:
        """Outcomes that became known."""
        np.add.at(self.failures, customer, label)
        np.add.at(self.attempts, customer, 1.0)


class RiskModel:
    """Ridge logistic regression by Newton's method; labels may lie between 0 and 1."""

    def __init__(self, mean: float) -> None:
        self.mean = mean
        self.weights: Floats | None = None
        self.centre, self.scale = np.zeros(0), np.ones(0)

    def fit(self, x: Floats, y: Floats) -> None:
        """Fit on all rows."""
        self.centre, self.scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        z = np.column_stack([np.ones(len(x)), (x - self.centre) / self.scale])
        ridge = np.diag([0.0, *[RIDGE] * x.shape[1]])
        w = np.zeros(z.shape[1])
        w[0] = np.log(max(y.mean(), 1e-4)) - np.log1p(-max(y.mean(), 1e-4))
        for _ in range(25):
            p = 1 / (1 + np.exp(-z @ w))
            step = np.linalg.solve(z.T @ (z * (p * (1 - p))[:, None]) + ridge, z.T @ (y - p) - ridge @ w)
            w += step / max(1.0, float(np.abs(step).max()))  # a full step from far away would overshoot
            if np.abs(step).max() < 1e-6:
                break
        self.weights, self.mean = w, float(y.mean())

    def predict(self, x: Floats) -> Floats:
        """Probability of failure of each row; the mean before the first fit."""
        if self.weights is None:
            return np.full(len(x), self.mean)
        z = np.column_stack([np.ones(len(x)), (x - self.centre) / self.scale])
        return 1 / (1 + np.exp(-z @ self.weights))
