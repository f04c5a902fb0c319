"""A classifier that tries to tell twin rows from real ones: its AUC, and which columns give the twin away.

The test of two samples by a classifier: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017. An AUC
of 0.5 cannot tell; folds keep routes, customers or couriers whole, so that none is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulation.realism.subjects import Subject
from simulation.streams import stream

MOST_ROWS = 8_000
FOLDS = 4
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 1,
}
ROUNDS = 120


@dataclass(frozen=True)
class Verdict:
    """``auc`` over held-out groups with the folds' deviation; ``gives_away``: feature, its share of the gain, and its
    AUC alone, worst first."""

    auc: float
    deviation: float
    rows: int
    gives_away: tuple[dict[str, float | str], ...]


def tell_apart(subject: Subject, real: pd.DataFrame, twin: pd.DataFrame, seed: int = 1) -> Verdict:
    """Train on some groups, score the others, real against twin in equal numbers."""
    import lightgbm

    rows, label, group = _mixed(subject, real, twin, seed)
    fold = _folds(group, seed)
    scores, gains, held = np.zeros(len(rows)), np.zeros(len(subject.features)), []
    for number in range(FOLDS):
        train, test = fold != number, fold == number
        model = lightgbm.train(PARAMETERS, lightgbm.Dataset(rows[train], label[train]), ROUNDS)
        scores[test] = np.asarray(model.predict(rows[test]))
        gains += model.feature_importance("gain")
        held.append(auc(label[test], scores[test]))
    share = gains / max(gains.sum(), 1e-12)
    alone = [_alone(rows[name].to_numpy(dtype=float), label) for name in subject.features]
    found: list[dict[str, float | str]] = [
        {"feature": name, "gain_share": round(float(part), 3), "auc_alone": round(one, 3)}
        for name, part, one in zip(subject.features, share, alone, strict=True)
    ]
    found.sort(key=lambda one: -float(one["gain_share"]))
    return Verdict(round(auc(label, scores), 3), round(float(np.std(held)), 3), len(rows), tuple(found))


def _mixed(
    subject: Subject, real: pd.DataFrame, twin: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Equal numbers of both, groups whole as far as they fit."""
    count = min(len(real), len(twin), MOST_ROWS)
    parts, groups = [], []
    for side, rows in (("real", real), ("twin", twin)):
        names = rows[subject.group].to_numpy()
        codes, unique = pd.factorize(names)
        turn = stream(seed, "realism", subject.name, side).permutation(len(unique))
        order = np.argsort(turn[codes], kind="stable")[:count]
        parts.append(rows.iloc[order][list(subject.features)].astype(float))
        groups.append(np.array([f"{side}-{one}" for one in codes[order]]))
    label = np.repeat([0, 1], [len(parts[0]), len(parts[1])])
    return pd.concat(parts, ignore_index=True), label, np.concatenate(groups)


def _folds(group: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int64]:
    codes, unique = pd.factorize(group)
    return np.asarray(stream(seed, "folds").permutation(len(unique)) % FOLDS)[codes]


def auc(label: npt.NDArray[Any], score: npt.NDArray[np.float64]) -> float:
    """Area under the curve by ranks, ties counted half (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative:
        return 0.5
    ranks = rankdata(score)
    return float((ranks[label == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _alone(values: npt.NDArray[np.float64], label: npt.NDArray[Any]) -> float:
    """AUC of one column as a score, whichever way round; missing values below all others."""
    filled = np.where(np.isnan(values), np.nanmin(values) - 1 if np.isfinite(values).any() else 0.0, values)
    one = auc(label, filled)
    return max(one, 1 - one)
