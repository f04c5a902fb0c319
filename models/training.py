"""LightGBM heads: a probability, or quantiles with conformal intervals. Native text models, no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import ModelError

BINARY = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 24,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
}
QUANTILE = {
    "objective": "quantile",
    "learning_rate": 0.05,
    "num_leaves": 24,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 2.0,
}
THREADS = 1
"""LightGBM's threads wait by spinning: two trainings at once on a small machine with several threads each take 20 times
as long, one thread each loses little on the tables of a day."""
COMMON = {"verbose": -1, "num_threads": THREADS, "deterministic": True, "force_row_wise": True, "seed": 17}
ROUNDS = 600
PATIENCE = 40
TAIL_SHARE = 0.15
"""Newest share of the rows: stops the training early and calibrates the intervals."""
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Model:
    """Boosters by quantile (``p`` for a probability), the columns they read, and conformal widening in seconds."""

    task: str
    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    boosters: dict[str, Any]
    widen_s: float
    rows: int

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``probability``, or ``p10_s``, ``p50_s``, ``p90_s`` that never cross; one row a row of ``frame``.

        Raises:
            ModelError: a column is missing.
        """
        matrix = encode(frame, self.numbers, self.categories)
        if "p" in self.boosters:
            return pd.DataFrame(
                {"probability": np.clip(self.boosters["p"].predict(matrix, num_threads=THREADS), 0, 1)},
                index=frame.index,
            )
        raw = np.column_stack(
            [self.boosters[f"q{round(q * 100)}"].predict(matrix, num_threads=THREADS) for q in QUANTILES]
        )
        raw[:, 0] -= self.widen_s
        raw[:, 2] += self.widen_s
        raw.sort(axis=1)
        return pd.DataFrame(raw, columns=["p10_s", "p50_s", "p90_s"], index=frame.index)


def encode(
    frame: pd.DataFrame, numbers: Sequence[str], categories: dict[str, tuple[str, ...]]
) -> npt.NDArray[np.float64]:
    """A matrix for LightGBM: infinities and unseen categories become missing."""
    if missing := [name for name in (*numbers, *categories) if name not in frame.columns]:
        raise ModelError(f"the rows have no column {missing[0]!r} that the model reads")
    columns = [pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan) for name in numbers]
    for name, levels in categories.items():
        codes = pd.Categorical(frame[name].astype("object"), categories=list(levels)).codes.astype(float)
        columns.append(np.where(codes < 0, np.nan, codes))
    matrix = np.column_stack(columns) if columns else np.empty((len(frame), 0))
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def train(
    task: str,
    frame: pd.DataFrame,
    label: pd.Series,
    numbers: Sequence[str],
    categories: Sequence[str] = (),
    *,
    rounds: int | None = None,
) -> Model:
    """Train on rows in order of time (oldest first).

    A binary task gets one head without class weights (they ruin calibration); ``eta`` gets three quantiles, widened
    on the newest rows until 80 % are covered (conformalised quantiles, Romano, Patterson, Candes 2019).

    Raises:
        ModelError: too few rows, or a label that is always the same.
    """
    import lightgbm as lgb

    keep = np.isfinite(label.to_numpy(float))
    frame, y = frame[keep], label[keep].to_numpy(float)
    if len(frame) < 200:
        raise ModelError(f"{task}: {len(frame)} rows with a label; 200 are needed to learn from")
    binary = task != "eta"
    if binary and (y.min() == y.max()):
        raise ModelError(f"{task}: every label is {y[0]:g}; there is nothing to learn")
    levels = {name: tuple(frame[name].dropna().astype(str).value_counts().index[:500]) for name in categories}
    frame = frame.assign(
        **{
            name: frame[name]
            .astype("object")
            .where(frame[name].notna())
            .map(lambda value: None if pd.isna(value) else str(value))
            for name in categories
        }
    )
    matrix = encode(frame, numbers, levels)
    cut = int(len(frame) * (1 - TAIL_SHARE))
    slots = list(range(len(numbers), len(numbers) + len(levels)))

    def fit(parameters: dict[str, Any]) -> Any:
        head = lgb.Dataset(matrix[:cut], y[:cut], categorical_feature=slots, free_raw_data=False)
        if rounds is None:
            tail = lgb.Dataset(matrix[cut:], y[cut:], reference=head)
            found = lgb.train(
                parameters, head, ROUNDS, valid_sets=[tail], callbacks=[lgb.early_stopping(PATIENCE, verbose=False)]
            )
            best = max(20, found.best_iteration)
        else:
            best = rounds
        if not binary:  # the tail must stay unseen: it calibrates the intervals
            return lgb.train(parameters, head, best)
        # the newest rows say most about tomorrow: learn from them too, as long as the tail said
        return lgb.train(parameters, lgb.Dataset(matrix, y, categorical_feature=slots), best)

    if binary:
        return Model(task, tuple(numbers), levels, {"p": fit(BINARY | COMMON)}, 0.0, len(frame))
    boosters = {f"q{round(q * 100)}": fit(QUANTILE | COMMON | {"alpha": q}) for q in QUANTILES}
    low, high = boosters["q10"].predict(matrix[cut:]), boosters["q90"].predict(matrix[cut:])
    misses = np.maximum(low - y[cut:], y[cut:] - high)
    rank = min(1.0, np.ceil((len(misses) + 1) * 0.8) / len(misses))
    return Model(task, tuple(numbers), levels, boosters, float(np.quantile(misses, rank)), len(frame))
