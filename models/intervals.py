"""Conformal intervals that hold every week: rolling windows of matured scores by group, and DtACI."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
WINDOW = 3_000
FEWEST = 100
"""Scores below which a group falls back to the window of all groups."""


def conformal_quantile(scores: Floats, level: float) -> float:
    """The ceil((n + 1) level)-th smallest score (Romano, Patterson, Candes 2019); the largest where n is too small."""
    if len(scores) == 0:
        return 0.0
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * level)))
    return float(np.partition(scores, rank - 1)[rank - 1])


def cqr_scores(y: Floats, lo: Floats, hi: Floats) -> Floats:
    """How far each outcome lies outside its interval; negative inside."""
    return np.maximum(lo - y, y - hi)


class RollingConformal:
    """Widening of an interval from the last ``window`` matured scores of its group, else of all groups.

    The caller gives a score only once its label has matured, so that early (fast) labels do not narrow it.

    >>> rolling = RollingConformal(0.8, window=10, fewest=2)
    >>> rolling.learn("near", 5.0); rolling.learn("near", 9.0)
    >>> rolling.widen("near")
    9.0
    """

    def __init__(self, level: float, window: int = WINDOW, fewest: int = FEWEST) -> None:
        self.level, self.window, self.fewest = level, window, fewest
        self._groups: dict[Any, deque[float]] = {}
        self._all: deque[float] = deque(maxlen=window)
        self._known: dict[Any, tuple[int, Floats]] = {}
        self._learned = 0

    def learn(self, group: Any, score: float) -> None:
        """Take in the score of a matured label."""
        if not np.isfinite(score):
            return
        self._groups.setdefault(group, deque(maxlen=self.window)).append(score)
        self._all.append(score)
        self._learned += 1

    def widen(self, group: Any, level: float | None = None, every: int = 1) -> float:
        """What to add on both sides; ``every``: how many scores a value may be behind (speed)."""
        scores = self._sorted(group, every)
        if not len(scores):
            return 0.0
        at = self.level if level is None else level
        return float(scores[min(len(scores), math.ceil((len(scores) + 1) * at)) - 1])

    def rank(self, group: Any, score: float, every: int = 1) -> float:
        """Share of the window's scores below ``score``."""
        scores = self._sorted(group, every)
        return float(np.searchsorted(scores, score)) / len(scores) if len(scores) else self.level

    def _sorted(self, group: Any, every: int) -> Floats:
        known = self._known.get(group)
        if known is not None and self._learned - known[0] < every:
            return known[1]
        scores = self._groups.get(group)
        if scores is None or len(scores) < self.fewest:
            scores = self._all
        found = np.sort(np.fromiter(scores, float, len(scores)))
        self._known[group] = (self._learned, found)
        return found

    def state(self) -> dict[str, Any]:
        """Scores by group, oldest first."""
        return {
            "groups": [[group, list(scores)] for group, scores in self._groups.items()],
            "all": list(self._all),
            "learned": self._learned,
            # a value that is a few scores behind must be behind after a crash, too
            "known": [[group, learned, scores.tolist()] for group, (learned, scores) in self._known.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._groups = {group: deque(scores, maxlen=self.window) for group, scores in state["groups"]}
        self._all = deque(state["all"], maxlen=self.window)
        self._learned = int(state["learned"])
        self._known = {group: (int(n), np.array(scores, dtype=float)) for group, n, scores in state["known"]}


class DtACI:
    """Dynamically tuned adaptive conformal inference (Gibbs, Candes 2024): the level to ask a window for.

    Several step sizes compete by their pinball loss. With many labels in flight the step must be far below one over
    their number, so ``gammas`` are small.

    >>> DtACI(0.8).level()
    0.8
    """

    def __init__(self, target: float, gammas: Sequence[float] = (0.0002, 0.0005, 0.001, 0.002)) -> None:
        self.target = target
        self.gammas = np.array(gammas)
        self._alphas = np.full(len(gammas), 1 - target)
        self._weights = np.full(len(gammas), 1.0)
        self._share, self._rate = 1 / 1_000, 2.7

    def level(self) -> float:
        """Coverage to ask for now."""
        weights = self._weights / self._weights.sum()
        return float(np.clip(1 - (weights * self._alphas).sum(), 0.01, 0.999))

    def learn(self, rank: float) -> None:
        """``rank``: share of the window's scores below the matured score (0..1), so 1 - rank is its best alpha."""
        beta = 1.0 - rank
        alpha = 1 - self.target
        losses = alpha * (beta - self._alphas) - np.minimum(0.0, beta - self._alphas)
        weights = self._weights * np.exp(-self._rate * losses)
        total = weights.sum()
        self._weights = (1 - self._share) * weights + self._share * total / len(weights)
        self._weights /= self._weights.sum()
        misses = (self._alphas > beta).astype(float)
        self._alphas = np.clip(self._alphas + self.gammas * (alpha - misses), 0.001, 0.999)

    def state(self) -> dict[str, list[float]]:
        """Step-size experts as plain numbers."""
        return {"alphas": self._alphas.tolist(), "weights": self._weights.tolist()}

    def restore(self, state: dict[str, list[float]]) -> None:
        """Put back what ``state`` gave."""
        self._alphas, self._weights = np.array(state["alphas"]), np.array(state["weights"])
