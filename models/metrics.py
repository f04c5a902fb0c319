"""Measures of predictions, as defined in ``docs/kpis.md``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def roc_auc(y: Floats, score: Floats) -> float | None:
    """Area under the ROC curve by ranks (Mann-Whitney), ties at half; None where only one class is there."""
    positives = int((y > 0).sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[inverse]
    return float((ranks[y > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def pr_auc(y: Floats, score: Floats) -> float | None:
    """Average precision: the step-wise area under precision over recall; equal scores are one step."""
    positives = float(y.sum())
    if positives == 0:
        return None
    order = np.argsort(-score, kind="stable")
    hits, sorted_score = np.cumsum(y[order]), score[order]
    last = np.append(np.flatnonzero(np.diff(sorted_score)), len(y) - 1)
    precision = hits[last] / (last + 1)
    recall = hits[last] / positives
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


def ece(y: Floats, p: Floats, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return float(sum(len(part) * abs(y[part].mean() - p[part].mean()) for part in parts if len(part)) / len(p))


def reliability(y: Floats, p: Floats, bins: int = 15) -> list[dict[str, float]]:
    """Mean prediction and share of positives in bins of equal mass."""
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return [{"predicted": float(p[x].mean()), "observed": float(y[x].mean()), "n": len(x)} for x in parts if len(x)]


def brier(y: Floats, p: Floats) -> float:
    """Mean squared error of probabilities."""
    return float(np.mean((p - y) ** 2))


def recall_at(y: Floats, score: Floats, share: float = 0.1) -> float | None:
    """Share of positives among the ``share`` of rows with the highest score."""
    if y.sum() == 0:
        return None
    count = max(1, round(share * len(y)))
    return float(y[np.argsort(-score, kind="stable")[:count]].sum() / y.sum())


def log_loss(y: Floats, p: Floats) -> float:
    """Mean negative log likelihood, in nats; probabilities are kept 1e-6 away from 0 and 1."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.mean(y * np.log(q) + (1 - y) * np.log(1 - q)))


def recall_per_day(y: Floats, score: Floats, day: npt.NDArray[Any], share: float = 0.1) -> float | None:
    """Share of positives among the ``share`` of rows with the highest score of every day: an alert budget a day."""
    if y.sum() == 0:
        return None
    order = np.lexsort((-score, day))
    _, starts, counts = np.unique(day[order], return_index=True, return_counts=True)
    rank = np.arange(len(y)) - np.repeat(starts, counts)
    chosen = rank < np.round(share * np.repeat(counts, counts))
    return float(y[order][chosen].sum() / y.sum())


def binary_scores(y: Floats, p: Floats, day: npt.NDArray[Any] | None = None) -> dict[str, float | None]:
    """All scores of probabilities ``p`` of outcomes ``y`` (0 or 1); with ``day`` the alert budget is a day's."""
    overall = recall_at(y, p)
    return {
        "roc_auc": roc_auc(y, p),
        "pr_auc": pr_auc(y, p),
        "ece": ece(y, p),
        "brier": brier(y, p),
        "log_loss": log_loss(y, p),
        "recall_at_10": overall if day is None else recall_per_day(y, p, day),
        "recall_at_10_overall": overall,
    }


def pinball(y: Floats, q: Floats, level: float) -> float:
    """Mean pinball loss of the quantile ``q`` at ``level``, in the units of ``y``."""
    return float(np.mean(np.maximum(level * (y - q), (level - 1) * (y - q))))


def interval_scores(y: Floats, lo: Floats, mid: Floats, hi: Floats, level: float = 0.8) -> dict[str, float]:
    """MAE of the median; coverage, width and interval score (Gneiting, Raftery 2007) of [lo, hi]; seconds."""
    return {
        "mae_s": float(np.mean(np.abs(y - mid))),
        "bias_s": float(np.mean(mid - y)),
        **coverage_scores(y, lo, hi, level),
    }


def coverage_scores(y: Floats, lo: Floats, hi: Floats, level: float) -> dict[str, float]:
    """Coverage, mean width and interval score (Gneiting, Raftery 2007) of [lo, hi] at ``level``; seconds."""
    alpha, name = 1 - level, round(level * 100)
    score = (hi - lo) + 2 / alpha * (np.maximum(lo - y, 0) + np.maximum(y - hi, 0))
    return {
        f"coverage_{name}": float(np.mean((y >= lo) & (y <= hi))),
        f"width_{name}_s": float(np.mean(hi - lo)),
        f"interval_score_{name}_s": float(np.mean(score)),
    }
