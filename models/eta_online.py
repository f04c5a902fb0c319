"""The online layer of an ETA: a correction of the median that must earn its weight, and conformal intervals.

Learned from matured labels only. The state is plain numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.experts import FixedShare, OnlineResidual
from models.intervals import DtACI, RollingConformal

Floats = npt.NDArray[np.float64]
LEVELS = {0.8: (1, 3), 0.9: (0, 4)}
"""Level of an interval -> its columns in the quantiles 5, 10, 50, 90, 95 %."""
BOUNDS = {0: 0.05, 1: 0.1, 3: 0.9, 4: 0.95}
"""Column of a bound -> its level."""
STEP = 0.005
"""Share of the interval's width by which a bound moves for a miss (tracking of quantiles: Angelopoulos, Candes,
Tibshirani 2023). Bounds in flight times the step stay far below 1."""
MIN_WIDTH_S = 60.0
EXPERTS = ("static", "corrected")
RESIDUAL_RATE = 0.002


def horizon_edges(median_s: Floats) -> list[float]:
    """Edges of the groups by predicted horizon: quarters of what was predicted in training."""
    return [float(one) for one in np.quantile(median_s, [0.25, 0.5, 0.75])]


class EtaLayer:
    """Quantiles in (seconds, five levels), corrected and conformalised quantiles out."""

    def __init__(self, edges: list[float], window: int = 5_000) -> None:
        self.edges = edges
        self.residual = OnlineResidual(RESIDUAL_RATE)
        self.mixture = FixedShare(EXPERTS, rate=0.05, share=1e-3, first="static")
        self.windows = {level: RollingConformal(level, window) for level in LEVELS}
        self.adaptive = {level: DtACI(level) for level in LEVELS}
        self.shift = dict.fromkeys(BOUNDS, 0.0)

    def _group(self, median_s: float) -> int:
        return int(np.searchsorted(self.edges, median_s))

    @staticmethod
    def _inputs(raw: Floats) -> dict[str, float]:
        return {"median": min(float(raw[2]), 7_200.0) / 3_600, "spread": min(float(raw[3] - raw[1]), 7_200.0) / 3_600}

    def warm(self, raw: Floats, label_s: float) -> None:
        """Take in the score of a training row that the quantiles had not seen."""
        self._score(raw, label_s, adapt=False)

    def _score(self, q: Floats, label_s: float, adapt: bool = True) -> None:
        group = self._group(float(q[2]))
        for level, (lo, hi) in LEVELS.items():
            width = max(float(q[hi] - q[lo]), MIN_WIDTH_S)
            score = max(float(q[lo]) - label_s, label_s - float(q[hi])) / width
            if adapt:  # what level of the window would have covered it just so
                self.adaptive[level].learn(self.windows[level].rank(group, score))
            self.windows[level].learn(group, score)

    def predict(self, raw: Floats) -> tuple[Floats, tuple[float, Floats]]:
        """Corrected and widened quantiles, and what ``learn`` needs to know of them."""
        correction = self.residual.predict(self._inputs(raw))
        weights = self.mixture.weights
        moved = raw + weights["corrected"] * correction
        out = moved.copy()
        group = self._group(float(raw[2]))
        for level, (lo, hi) in LEVELS.items():
            wide = self.windows[level].widen(group, self.adaptive[level].level()) * max(
                float(raw[hi] - raw[lo]), MIN_WIDTH_S
            )
            own = max(float(raw[hi] - raw[lo]), MIN_WIDTH_S)
            out[lo], out[hi] = moved[lo] - wide + self.shift[lo] * own, moved[hi] + wide + self.shift[hi] * own
        return np.maximum(np.sort(out), 0.0), (correction, moved)

    def judge(self, column: int, raw: Floats, below: bool) -> None:
        """A bound's time has come: had it ended by then (``below``)? That is known of open work too, so that it is no
        early label: the bound is moved towards the share of its level without waiting for the whole duration."""
        self.shift[column] += STEP * (BOUNDS[column] - float(below))

    def learn(self, said: tuple[float, Floats], raw: Floats, label_s: float) -> None:
        """Take in a matured label."""
        correction, moved = said
        errors = np.abs(label_s - np.array([raw[2], raw[2] + correction])) / 600.0
        self.mixture.learn(np.minimum(errors, 6.0))
        self.residual.learn(self._inputs(raw), label_s - float(raw[2]))
        self._score(moved, label_s)

    def state(self) -> dict[str, Any]:
        """Everything as plain numbers and texts."""
        return {
            "edges": self.edges,
            "residual": self.residual.state(),
            "mixture": self.mixture.state(),
            "windows": {str(level): window.state() for level, window in self.windows.items()},
            "shift": [self.shift[column] for column in BOUNDS],
            "adaptive": {str(level): one.state() for level, one in self.adaptive.items()},
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> EtaLayer:
        """A layer from what ``state`` gave."""
        layer = cls([float(one) for one in state["edges"]])
        layer.residual.restore(state["residual"])
        layer.mixture.restore(state["mixture"])
        layer.shift = {column: float(one) for column, one in zip(BOUNDS, state["shift"], strict=True)}
        for level, window in layer.windows.items():
            window.restore(state["windows"][str(level)])
            layer.adaptive[level].restore(state["adaptive"][str(level)])
        return layer
