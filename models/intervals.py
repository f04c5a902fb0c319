"""Conformal intervals that hold every week: rolling windows of matured scores by group, and DtACI."""

from __future__ import annotations

import bisect
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
        self._groups: dict[Any, _Window] = {}
        self._all = _Window(window)

    def learn(self, group: Any, score: float) -> None:
        """Take in the score of a matured label."""
        if not np.isfinite(score):
            return
        self._groups.setdefault(group, _Window(self.window)).add(score)
        self._all.add(score)

    def widen(self, group: Any, level: float | None = None, every: int = 1) -> float:
        """What to add on both sides; ``every``: scores that it may be behind (it is behind by none)."""
        scores = self._of(group)
        if not scores:
            return 0.0
        at = self.level if level is None else level
        return scores[min(len(scores), math.ceil((len(scores) + 1) * at)) - 1]

    def rank(self, group: Any, score: float) -> float:
        """Share of the window's scores below ``score``."""
        scores = self._of(group)
        return bisect.bisect_left(scores, score) / len(scores) if scores else self.level

    def _of(self, group: Any) -> list[float]:
        found = self._groups.get(group)
        return self._all.ordered if found is None or len(found.ordered) < self.fewest else found.ordered

    def state(self) -> dict[str, Any]:
        """Scores by group, oldest first."""
        return {
            "groups": [[group, list(window.scores)] for group, window in self._groups.items()],
            "all": list(self._all.scores),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._groups = {group: _Window(self.window, scores) for group, scores in state["groups"]}
        self._all = _Window(self.window, state["all"])


class _Window:
    """The newest scores, and the same in order of size: a score more moves one, and does not sort them all."""

    def __init__(self, size: int, scores: Sequence[float] = ()) -> None:
        self.scores = deque((float(one) for one in scores), maxlen=size)
        self.ordered = sorted(self.scores)

    def add(self, score: float) -> None:
        if len(self.scores) == self.scores.maxlen:
            del self.ordered[bisect.bisect_left(self.ordered, self.scores[0])]
        self.scores.append(score)
        bisect.insort(self.ordered, score)


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
