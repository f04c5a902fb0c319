"""Posteriors of learned parameters: conjugate updates, shrunk towards what is known of the many.

Small groups lean on their parent by as much as the groups really differ (empirical Bayes: Efron, Morris 1975). Older
evidence counts less, so that a parameter follows a world that changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEAST_STRENGTH, MOST_STRENGTH = 4.0, 400.0


@dataclass(frozen=True, slots=True)
class Beta:
    """A posterior of a probability.

    >>> Beta(7.0, 3.0).updated(3, 3).mean
    0.7692307692307693
    """

    a: float = 1.0
    b: float = 1.0

    def updated(self, successes: float, trials: float) -> Beta:
        """After so many more trials (weights may be fractions)."""
        return Beta(self.a + successes, self.b + trials - successes)

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        """Posterior standard deviation."""
        size = self.a + self.b
        return float(np.sqrt(self.a * self.b / (size * size * (size + 1))))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The central interval."""
        from scipy.special import betaincinv

        tail = (1 - level) / 2
        return float(betaincinv(self.a, self.b, tail)), float(betaincinv(self.a, self.b, 1 - tail))


def beta_strength(successes: Floats, trials: Floats) -> float:
    """Pseudo-trials by which a group leans on the mean of all: large where groups differ by no more than chance.

    Moments of the beta-binomial (Kleinman 1973). With fewer than three groups there is nothing to compare.
    """
    there = trials > 0
    s, n = successes[there], trials[there]
    if len(n) < 3:
        return 10.0
    p = float(s.sum() / n.sum())
    if not 0 < p < 1:
        return MOST_STRENGTH
    size = float(n.sum() - (n * n).sum() / n.sum())
    spread = float((n * (s / n - p) ** 2).sum()) - (len(n) - 1) * p * (1 - p)
    between = spread / size if size > 0 else 0.0
    if between <= 0:
        return MOST_STRENGTH
    return float(np.clip(p * (1 - p) / between - 1, LEAST_STRENGTH, MOST_STRENGTH))


def shrunk_betas(successes: Floats, trials: Floats, parent: float, strength: float | None = None) -> list[Beta]:
    """A posterior a group, each begun at its parent's mean with ``strength`` pseudo-trials (estimated if None)."""
    size = beta_strength(successes, trials) if strength is None else strength
    mean = min(max(parent, 1e-4), 1 - 1e-4)
    prior = Beta(mean * size, (1 - mean) * size)
    return [prior.updated(float(s), float(n)) for s, n in zip(successes, trials, strict=True)]


@dataclass(frozen=True, slots=True)
class Effects:
    """Deviations of groups from 0: posterior mean and standard deviation, and the evidence behind each.

    ``count``: rows; ``size``: what they are worth after old ones are discounted. ``between``: variance of the groups.
    """

    mean: Floats
    sd: Floats
    count: Ints
    size: Floats
    between: float


def shrunk_effects(y: Floats, group: Ints, groups: int, weight: Floats, noise: float) -> Effects:
    """Random effects of ``group`` on ``y`` (rows of known noise variance), weighted.

    The variance between groups is that of DerSimonian and Laird (1986), not below 0; a group without rows is 0 with
    that variance.
    """
    count = np.bincount(group, minlength=groups).astype(np.int64)
    w = np.bincount(group, weights=weight, minlength=groups)
    squares = np.bincount(group, weights=weight * weight, minlength=groups)
    size = np.divide(w * w, squares, out=np.zeros(groups), where=squares > 0)
    means = np.divide(np.bincount(group, weights=weight * y, minlength=groups), w, out=np.zeros(groups), where=w > 0)
    precision = size / max(noise, 1e-12)
    there = size > 0
    between = 0.0
    if there.sum() > 1:
        centre = float((precision * means).sum() / precision.sum())
        q = float((precision * (means - centre) ** 2).sum())
        scale = float(precision.sum() - (precision**2).sum() / precision.sum())
        between = max(0.0, (q - (int(there.sum()) - 1)) / max(scale, 1e-12))
    if between <= 0:
        return Effects(np.zeros(groups), np.zeros(groups), count, size, 0.0)
    posterior = 1 / (precision + 1 / between)
    return Effects(posterior * precision * means, np.sqrt(posterior), count, size, between)


def ages_to_weights(age_days: Floats, half_life_days: float) -> Floats:
    """1 for evidence of now, a half after each half-life."""
    return np.asarray(np.exp2(-np.maximum(age_days, 0.0) / half_life_days))
