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
GROUP_SPREAD, ACTION_SPREAD = 0.35, 0.25
"""Standard deviations of log risk ratios: of all actions' level about what is declared, of one about the level."""
LEAST, MOST = 0.005, 0.95


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
        ratio = t / c
        mean = min(max(1 - ratio, LEAST), 1 - LEAST)
        variance = min(ratio * ratio * spread, mean * (1 - mean) * 0.99)
        size = max(mean * (1 - mean) / max(variance, FLOOR) - 1, 0.0)
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


def pooled(beliefs: Mapping[Action, Efficacy]) -> dict[Action, Efficacy]:
    """Beliefs that learned from one another; their counts are in the Beta of ``prior``, and none is left.

    A holdout of 10 % knows little of one action: a dozen failures in a quarter. Of all actions it knows enough to tell
    whether the declared beliefs are too high. Log risk ratios are normal (a random-effects model, DerSimonian and
    Laird, 1986, with declared spreads): the level of all actions against the same risk comes from their risk ratio by
    Mantel and Haenszel (1959), strata are actions; each action lies about that level as the catalogue declares it, and
    its own counts move it. On this scale an action that prevents nothing is not pushed above 0 by its noise, as it
    would be by a Beta alone.
    """
    found: dict[Action, Efficacy] = {}
    for task in ("failed", "late"):
        mine = [one for name, one in beliefs.items() if _of(name) == task]
        known = [one for one in mine if one.treated > 0 and one.held > 0]
        if not known:
            found |= {one.action: one for one in mine}
            continue
        shift, variance = _level(known)
        for one in mine:
            found[one.action] = _of_group(one, shift, variance)
    return found


def _of(action: Action) -> str:
    return "failed" if "failed" in CATALOGUE[action].against else "late"


def _declared(action: Action) -> float:
    """Log risk ratio that the catalogue declares."""
    prior = CATALOGUE[action].prior
    return float(np.log(prior[1] / sum(prior)))


def _level(known: Sequence[Efficacy]) -> tuple[float, float]:
    """How far the log risk ratio of all actions is from the declared, and the variance of that."""
    acted = sum(one.treated_failed * one.held / (one.treated + one.held) for one in known)
    left = sum(one.held_failed * one.treated / (one.treated + one.held) for one in known)
    failed = sum(one.treated_failed for one in known), sum(one.held_failed for one in known)
    expected = float(np.average([_declared(one.action) for one in known], weights=[one.treated for one in known]))
    seen = float(np.log((acted + 0.25) / (left + 0.25)))
    noise = 1 / (failed[0] + 0.5) + 1 / (failed[1] + 0.5)
    weight = GROUP_SPREAD**2 / (GROUP_SPREAD**2 + noise)
    return weight * (seen - expected), (1 - weight) * GROUP_SPREAD**2


def _of_group(one: Efficacy, shift: float, variance: float) -> Efficacy:
    """One action's posterior within its group, as a Beta with the same mean and variance."""
    middle, spread = _declared(one.action) + shift, ACTION_SPREAD**2 + variance
    if one.treated > 0 and one.held > 0:
        t, c = (one.treated_failed + 0.5) / (one.treated + 1), (one.held_failed + 0.5) / (one.held + 1)
        noise = (1 - t) / (one.treated_failed + 0.5) + (1 - c) / (one.held_failed + 0.5)
        weight = spread / (spread + noise)
        middle, spread = middle + weight * (float(np.log(t / c)) - middle), (1 - weight) * spread
    ratio = float(np.exp(middle))
    mean = min(max(1 - ratio, LEAST), MOST)
    size = max(mean * (1 - mean) / max(min(ratio * ratio * spread, 0.9 * mean * (1 - mean)), FLOOR) - 1, 0.1)
    return Efficacy(one.action, prior=(mean * size, (1 - mean) * size))


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
