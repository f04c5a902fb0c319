"""What an action prevents, from the randomised holdout: a Beta posterior an action, seeded draws, no peeking.

Of the orders that the policy would treat, a share is not treated. With failure rates t (treated) and c (holdout), the
efficacy is 1 - t / c: the share of failures that the action prevents. t and c are binomial; the declared prior enters
as pseudo-counts of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from domain.codes import InterventionAction as Action
from operations.interventions.catalogue import CATALOGUE

DRAWS = 4_000
FLOOR = 1e-6
GROUP_SIZE = 2.0
"""Pseudo-count of the declared level of all actions together: little, so that the holdout decides it."""
KNOWN_ACTION = 4.0
"""Most that one action's data say of the others, as a pseudo-count: actions differ."""


@dataclass(frozen=True, slots=True)
class Efficacy:
    """Counts of one action: orders and failures, treated and held out; ``prior`` as in the catalogue."""

    action: Action
    treated: int = 0
    treated_failed: int = 0
    held: int = 0
    held_failed: int = 0
    prior: tuple[float, float] = (1.0, 1.0)

    @staticmethod
    def believed(action: Action) -> Efficacy:
        """Before any outcome."""
        return Efficacy(action, prior=CATALOGUE[action].prior)

    def learned(self, *, treated: bool, failed: bool) -> Efficacy:
        """One more outcome that is known."""
        if treated:
            return replace(self, treated=self.treated + 1, treated_failed=self.treated_failed + failed)
        return replace(self, held=self.held + 1, held_failed=self.held_failed + failed)

    def beta(self) -> tuple[float, float]:
        """Parameters of the posterior of the efficacy.

        The data's likelihood is summarised by a Beta with the mean and variance of 1 - t / c (delta method on the logs
        of two Jeffreys posteriors, cut to [0, 1]), and multiplied with the prior.
        """
        a, b = self.prior
        if self.held_failed == 0 or self.treated == 0:
            return a, b
        t = (self.treated_failed + 0.5) / (self.treated + 1)
        c = (self.held_failed + 0.5) / (self.held + 1)
        spread = (1 - t) / (self.treated_failed + 0.5) + (1 - c) / (self.held_failed + 0.5)
        mean, size = _summary(t / c, spread)
        return a + mean * size, b + (1 - mean) * size

    @property
    def mean(self) -> float:
        """Posterior mean."""
        a, b = self.beta()
        return a / (a + b)

    def draw(self, u: float) -> float:
        """The quantile ``u`` of the posterior: Thompson sampling with a seeded ``u``."""
        from scipy.special import betaincinv

        a, b = self.beta()
        return float(betaincinv(a, b, min(max(u, 1e-6), 1 - 1e-6)))


def _summary(ratio: float, spread: float) -> tuple[float, float]:
    """Mean and pseudo-count of the Beta that stands for a risk ratio with variance ``spread`` of its log."""
    mean = min(max(1 - ratio, 0.005), 0.995)
    variance = min(ratio * ratio * spread, mean * (1 - mean) * 0.99)
    return mean, max(mean * (1 - mean) / max(variance, FLOOR) - 1, 0.0)


def pooled(beliefs: Mapping[Action, Efficacy]) -> dict[Action, Efficacy]:
    """The beliefs with priors whose level all actions against the same risk decide together.

    A holdout of 10 % knows little of one action: a dozen failures in a quarter. Of all actions it knows enough to tell
    whether the declared beliefs are too high. So the catalogue decides what is believed of one action beside another,
    and the holdout decides the level: the risk ratio of all actions by Mantel and Haenszel (1959), strata are actions.
    """
    found = dict(beliefs)
    for task in ("failed", "late"):
        mine = [one for name, one in beliefs.items() if _of(name) == task]
        level = _level(mine)
        for one in mine:
            declared = CATALOGUE[one.action].prior
            size = sum(declared)
            mean = min(level * declared[0] / size, 0.95)
            found[one.action] = replace(one, prior=(mean * size, (1 - mean) * size))
    return found


def _of(action: Action) -> str:
    return "failed" if "failed" in CATALOGUE[action].against else "late"


def _level(group: Sequence[Efficacy]) -> float:
    """How the actions of a group do beside what is declared of them: 1 is as declared."""
    known = [one for one in group if one.treated > 0 and one.held > 0]
    both = [(one.treated, one.held, one.treated + one.held) for one in known]
    acted = sum(one.treated_failed * held / n for one, (_, held, n) in zip(known, both, strict=True))
    left = sum(one.held_failed * treated / n for one, (treated, _, n) in zip(known, both, strict=True))
    if left == 0:
        return 1.0
    weights = [one.treated for one in known]
    shares = [one.prior[0] / sum(one.prior) for one in (Efficacy.believed(each.action) for each in known)]
    declared = float(np.average(shares, weights=weights))
    events = sum(one.treated_failed for one in known), sum(one.held_failed for one in known)
    mean, size = _summary(acted / left, 1 / (events[0] + 0.5) + 1 / (events[1] + 0.5))
    size = min(size, KNOWN_ACTION * len(known))
    return (declared * GROUP_SIZE + mean * size) / (GROUP_SIZE + size) / declared


def prevented_share(
    treated: int, treated_failed: int, held: int, held_failed: int, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """1 - rate(treated) / rate(holdout) with its interval: draws of two Jeffreys posteriors; NaN without a holdout."""
    if treated == 0 or held_failed == 0:
        return float("nan"), float("nan"), float("nan")
    random = np.random.default_rng(seed)
    t = random.beta(treated_failed + 0.5, treated - treated_failed + 0.5, DRAWS)
    c = random.beta(held_failed + 0.5, held - held_failed + 0.5, DRAWS)
    low, high = np.quantile(1 - t / np.maximum(c, FLOOR), [(1 - level) / 2, (1 + level) / 2])
    return 1 - (treated_failed / treated) / (held_failed / held), float(low), float(high)
