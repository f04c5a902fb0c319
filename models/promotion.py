"""The promotion gate: a challenger serves only if the outcomes prove it better, nowhere worse, on honest labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.metrics import roc_auc

Floats = npt.NDArray[np.float64]
RESAMPLES = 1_000
SEGMENT_TOLERANCE = 0.02
FEWEST_IN_SEGMENT = 500
MOST_RATE_CHANGE = 2.0
MOST_AUC_DROP = 0.08


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to promote, why (not), and the relative improvement of the loss with its 95 % interval."""

    promote: bool
    reasons: tuple[str, ...]
    improvement: float
    low: float
    high: float

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "promote": self.promote,
            "reasons": list(self.reasons),
            "improvement": self.improvement,
            "low": self.low,
            "high": self.high,
        }


def row_losses(y: Floats, prediction: Floats, binary: bool) -> Floats:
    """Log loss of probabilities, absolute error of medians; one a row."""
    if not binary:
        return np.asarray(np.abs(y - prediction))
    p = np.clip(prediction, 1e-6, 1 - 1e-6)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log(1 - p)))


def paired_bootstrap(
    difference: Floats, cluster: npt.NDArray[Any], resamples: int = RESAMPLES, seed: int = 17
) -> tuple[float, float, float]:
    """Mean difference and its 95 % interval, whole clusters (driver-days) drawn with replacement."""
    codes, clusters = pd.factorize(cluster)
    total = np.bincount(codes, weights=difference, minlength=len(clusters))
    count = np.bincount(codes, minlength=len(clusters))
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = rng.integers(0, len(clusters), len(clusters))
        means[number] = total[drawn].sum() / max(count[drawn].sum(), 1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def compare_arms(
    y: Floats, ours: Floats, arms: Mapping[str, Floats], cluster: npt.NDArray[Any], binary: bool
) -> dict[str, dict[str, float | bool]]:
    """How much less each row costs with ours than with each arm on the same rows: mean and 95 % interval.

    ``better``, ``worse``: the interval leaves 0 out. Log loss of probabilities in nats, absolute error in seconds.
    """
    mine = row_losses(y, ours, binary)
    out: dict[str, dict[str, float | bool]] = {}
    for name, values in arms.items():
        both = np.isfinite(values) & np.isfinite(ours)
        if both.any():
            theirs = row_losses(y[both], values[both], binary)
            mean, low, high = paired_bootstrap(theirs - mine[both], cluster[both])
            out[name] = {"gain": mean, "low": low, "high": high, "better": low > 0, "worse": high < 0}
    return out


def suspicious_labels(y: Floats, champion: Floats, before: Mapping[str, float]) -> list[str]:
    """Reasons to distrust a batch of labels: a share of positives or an AUC that no week before had.

    ``before``: ``rate`` and ``roc_auc`` of the champion when it was registered.
    """
    reasons = []
    rate, usual = float(y.mean()), before.get("rate")
    if usual:
        spread = 4 * float(np.sqrt(max(usual * (1 - usual), 1e-6) / len(y)))
        if (rate > usual * MOST_RATE_CHANGE or rate < usual / MOST_RATE_CHANGE) and abs(rate - usual) > spread:
            reasons.append(
                f"the labels look poisoned: {rate:.1%} positive, {usual:.1%} before; check them before training on them"
            )
    area, known = roc_auc(y, champion), before.get("roc_auc")
    if area is not None and known and known - area > MOST_AUC_DROP and min(y.sum(), len(y) - y.sum()) >= 30:
        reasons.append(
            f"the champion's AUC falls from {known:.3f} to {area:.3f} on these labels; either the world or the labels "
            "changed: look before promoting"
        )
    return reasons


def judge(
    y: Floats,
    champion: Floats,
    challenger: Floats,
    cluster: npt.NDArray[Any],
    segments: Mapping[str, npt.NDArray[Any]] | None = None,
    *,
    binary: bool = True,
    before: Mapping[str, float] | None = None,
) -> Verdict:
    """Compare two models on the same held-out rows.

    Promote if the 95 % interval of the improvement (clustered bootstrap) lies above 0, no segment of 500 rows or more
    is more than 2 % worse, and the labels themselves are believable.
    """
    ours, theirs = row_losses(y, challenger, binary), row_losses(y, champion, binary)
    scale = max(float(theirs.mean()), 1e-12)
    mean, low, high = (one / scale for one in paired_bootstrap(theirs - ours, cluster))
    reasons = suspicious_labels(y, champion, before or {}) if binary else []
    if low <= 0:
        reasons.append(f"not proven better: {mean:+.2%}, 95 % interval {low:+.2%} to {high:+.2%}")
    for name, values in (segments or {}).items():
        for value in pd.unique(values):
            where = values == value
            if where.sum() < FEWEST_IN_SEGMENT:
                continue
            change = float(ours[where].mean() / max(float(theirs[where].mean()), 1e-12) - 1)
            if change > SEGMENT_TOLERANCE:
                reasons.append(f"worse by {change:.1%} where {name} is {value} ({int(where.sum())} rows)")
    promote = not reasons
    if promote:
        reasons.append(f"better by {mean:.2%}, 95 % interval {low:+.2%} to {high:+.2%}")
    return Verdict(promote, tuple(reasons), mean, low, high)


def should_roll_back(
    y: Floats, present: Floats, earlier: Floats, cluster: npt.NDArray[Any], *, binary: bool = True
) -> Verdict:
    """Whether the champion before the present one is proven better on what came since (``promote`` of the verdict).

    The same bar as for a promotion the other way, without the guard of segments: a champion that lost has no claim on
    the segments in which it is better.
    """
    return judge(y, present, earlier, cluster, binary=binary)
