"""The online layer: what learns from every matured label, one at a time, and the mixture that weighs the experts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EDGE = 1e-4
BASE = "base"
FIRST = 0.65
"""Weight that the champion begins with, and returns to."""


def logit(p: float) -> float:
    """Log odds of a probability, kept away from 0 and 1."""
    q = min(max(p, EDGE), 1 - EDGE)
    return math.log(q / (1 - q))


def sigmoid(x: float) -> float:
    """Probability of log odds."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


class OnlineLogit:
    """River's logistic regression, learned online by stochastic gradient; its state is plain numbers.

    With the input ``base`` (log odds of a model) it is a linear correction of that model and starts as the model
    itself: the weight of ``base`` begins at 1, all others at 0.

    >>> one = OnlineLogit()
    >>> round(one.predict({"base": logit(0.2), "rate": 0.3}), 6)
    0.2
    """

    def __init__(self, rate: float = 0.01, l2: float = 0.0) -> None:
        self.rate, self.l2 = rate, l2
        self._set({BASE: 1.0}, 0.0)

    def _set(self, weights: Mapping[str, float], intercept: float) -> None:
        from river import linear_model, optim
        from river.utils.vectordict import VectorDict

        self._model = linear_model.LogisticRegression(
            optimizer=optim.SGD(self.rate), l2=self.l2, intercept_lr=self.rate, intercept_init=intercept
        )
        self._model._weights = VectorDict(dict(weights))

    def predict(self, inputs: Mapping[str, float]) -> float:
        """Probability."""
        return float(self._model.predict_proba_one(inputs)[True])

    def learn(self, inputs: Mapping[str, float], outcome: float) -> None:
        """Take in an outcome (0 or 1)."""
        self._model.learn_one(inputs, outcome > 0.5)

    def state(self) -> dict[str, Any]:
        """Weights as plain numbers."""
        return {"weights": {str(k): float(v) for k, v in self._model.weights.items()}, "intercept": self._intercept}

    @property
    def _intercept(self) -> float:
        return float(self._model.intercept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._set({str(k): float(v) for k, v in state["weights"].items()}, float(state["intercept"]))


class OnlineResidual:
    """River's linear regression of a residual in seconds, by absolute error (heavy tails), for ETA.

    Outcomes are scaled by ``scale_s``; squared error with Adam on heavy tails doubles the error, so neither is used.

    >>> OnlineResidual().predict({"one": 1.0})
    0.0
    """

    def __init__(self, rate: float = 0.002, scale_s: float = 600.0) -> None:
        self.rate, self.scale_s = rate, scale_s
        self._set({}, 0.0)

    def _set(self, weights: Mapping[str, float], intercept: float) -> None:
        from river import linear_model, optim
        from river.utils.vectordict import VectorDict

        self._model = linear_model.LinearRegression(
            optimizer=optim.SGD(self.rate),
            loss=optim.losses.Absolute(),
            intercept_lr=self.rate,
            intercept_init=intercept,
        )
        self._model._weights = VectorDict(dict(weights))

    def predict(self, inputs: Mapping[str, float]) -> float:
        """Correction in seconds."""
        return float(self._model.predict_one(inputs)) * self.scale_s

    def learn(self, inputs: Mapping[str, float], residual_s: float) -> None:
        """Take in what the base model was wrong by."""
        self._model.learn_one(inputs, residual_s / self.scale_s)

    def state(self) -> dict[str, Any]:
        """Weights as plain numbers."""
        weights = {str(k): float(v) for k, v in self._model.weights.items()}
        return {"weights": weights, "intercept": float(self._model.intercept)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._set({str(k): float(v) for k, v in state["weights"].items()}, float(state["intercept"]))


class FixedShare:
    """Weights of experts by fixed share (Herbster, Warmuth 1998): losses lower a weight, a share
    of all goes back to where the weights began (``first_weight`` of them with ``first``, where one is named).

    It never loses to the best sequence of experts by more than its regret; the weights are the learning curve. A
    loss is the log loss of a probability, or any loss scaled by ``scale``.

    >>> mix = FixedShare(["static", "weekly"])
    >>> mix.learn({"static": 2.0, "weekly": 0.1})
    >>> mix.weights["weekly"] > mix.weights["static"]
    True
    """

    def __init__(
        self,
        names: Sequence[str],
        rate: float = 1.0,
        share: float = 1e-3,
        first: str | None = None,
        first_weight: float = FIRST,
    ) -> None:
        self.names, self.rate, self.share = tuple(names), rate, share
        count = len(self.names)
        self._w = np.full(count, 1.0 / count)
        if first is not None and count > 1:
            others = (1 - first_weight) / (count - 1)
            self._w = np.array([first_weight if name == first else others for name in self.names])
        self._prior = self._w.copy()

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every expert; they add up to 1."""
        return dict(zip(self.names, self._w.tolist(), strict=True))

    def mix(self, predictions: Floats) -> float:
        """Weighted mean; experts without a prediction (NaN) are left out of it."""
        there = np.isfinite(predictions)
        total = self._w[there].sum()
        return float((self._w[there] * predictions[there]).sum() / total) if total > 0 else math.nan

    def pool(self, chances: Floats) -> float:
        """Chance at the weighted mean of the log odds; experts without a prediction (NaN) are left out.

        Log loss is convex in the log odds, so that it never costs more than the experts do by their weights.
        """
        there = np.isfinite(chances)
        total = self._w[there].sum()
        if total <= 0:
            return math.nan
        p = np.clip(chances[there], EDGE, 1 - EDGE)
        return sigmoid(float((self._w[there] * np.log(p / (1 - p))).sum() / total))

    def learn(self, losses: Mapping[str, float] | Floats) -> None:
        """Take in the losses of one matured label; an expert that said nothing (NaN) keeps the mixture's own loss."""
        values = np.array([losses[name] for name in self.names]) if isinstance(losses, Mapping) else losses
        there = np.isfinite(values)
        if not there.any():
            return
        factors = np.exp(-self.rate * (values[there] - values[there].min()))
        mean = float((self._w[there] * factors).sum() / max(self._w[there].sum(), 1e-300))
        w = self._w.copy()
        w[there] *= factors
        w[~there] *= mean
        w /= w.sum()
        self._w = (1 - self.share) * w + self.share * self._prior

    def state(self) -> list[float]:
        """Weights in the order of the names."""
        return [float(one) for one in self._w]

    def restore(self, state: Sequence[float]) -> None:
        """Put back what ``state`` gave."""
        self._w = np.array(state, dtype=float)


def offset(p: Floats, y: Floats, weight: float, steps: int = 12) -> float:
    """What added to the log odds makes the mean right, by maximum likelihood, tied to 0 by ``weight`` rows.

    A slope of its own would fit the noise of the rare outcomes at the top, where the order of the ranks is decided.
    """
    x = np.log(np.clip(p, EDGE, 1 - EDGE) / (1 - np.clip(p, EDGE, 1 - EDGE)))
    ridge, beta = weight * float(np.mean(p * (1 - p))), 0.0
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-np.clip(x + beta, -30, 30)))
        step = float((fitted - y).sum() + ridge * beta) / float((fitted * (1 - fitted)).sum() + ridge)
        beta -= step
        if abs(step) < 1e-8:
            break
    return beta


def recalibrate(p: Floats, slope: float, intercept: float) -> Floats:
    """Probabilities whose log odds are a line of the given ones."""
    q = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(1 / (1 + np.exp(-(slope * np.log(q / (1 - q)) + intercept))))
