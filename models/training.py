"""LightGBM heads: a probability, or quantiles with conformal intervals. Native text models, no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import ModelError
from models.intervals import conformal_quantile, cqr_scores

BINARY = {
    "objective": "binary",
    "learning_rate": 0.02,
    "num_leaves": 24,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
}
QUANTILE = {
    "objective": "quantile",
    "learning_rate": 0.08,
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
FEWEST_ROUNDS = 20
SMALL = 8_000
"""Rows below which trees are kept small."""
FEW_BINARY = {"num_leaves": 8, "min_data_in_leaf": 50, "feature_fraction": 0.2}
"""A probability from few rows. History of many entities is many columns that say nearly the same, so each tree sees
few of them, of few rows too; chosen on what lies before the scored rows of two sources, one small with strong drift."""
FEW_QUANTILE = {"num_leaves": 12, "min_data_in_leaf": 30}
BAGS = ((SMALL, 5), (300_000, 2))
"""Up to so many rows, so many boosters that saw other rows and columns are averaged: what one of few rows says is noise
to a good part. Of more rows than the last, one."""
TAIL_SHARE = 0.15
"""Newest share of the rows: stops the training early and calibrates the intervals."""
QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)
INTERVALS = {0.8: ("q10", "q90"), 0.9: ("q05", "q95")}


def head_name(level: float) -> str:
    """``q05`` of 0.05."""
    return f"q{round(level * 100):02d}"


@dataclass(frozen=True)
class Model:
    """Boosters by quantile (``p``, ``p1``, ... for a probability), columns they read, conformal widening by level."""

    task: str
    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    boosters: dict[str, Any]
    widen_s: dict[str, float]
    rows: int

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``probability``, or ``p05_s`` to ``p95_s`` that never cross; one row a row of ``frame``.

        Raises:
            ModelError: a column is missing.
        """
        matrix = encode(frame, self.numbers, self.categories)
        if "p" in self.boosters:
            chance = Bag(list(self.boosters.values())).predict(matrix, num_threads=THREADS)
            return pd.DataFrame({"probability": chance}, index=frame.index)
        names = [head_name(q) for q in QUANTILES]
        raw = np.column_stack([self.boosters[name].predict(matrix, num_threads=THREADS) for name in names])
        raw.sort(axis=1)
        for low, high in INTERVALS.values():
            raw[:, names.index(low)] -= self.widen_s.get(low, 0.0)
            raw[:, names.index(high)] += self.widen_s.get(low, 0.0)
        raw.sort(axis=1)
        return pd.DataFrame(raw, columns=[f"p{name[1:]}_s" for name in names], index=frame.index)

    def factors(self, frame: pd.DataFrame, top: int = 3) -> list[list[tuple[str, float]]]:
        """The ``top`` features that moved each prediction most (SHAP, Lundberg, Lee 2017; log odds or s).

        Of several boosters the first is asked: they differ in their seeds, and asking each takes as long as the rest of
        a night's predictions.
        """
        matrix = encode(frame, self.numbers, self.categories)
        head = self.boosters.get("p") or self.boosters["q50"]
        shares = np.asarray(head.predict(matrix, pred_contrib=True, num_threads=THREADS))[:, :-1]
        names = [*self.numbers, *self.categories]
        order = np.argsort(-np.abs(shares), axis=1)[:, :top]
        return [[(names[k], float(row[k])) for k in chosen] for row, chosen in zip(shares, order, strict=True)]


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


def slots_of(numbers: int, categories: int) -> list[int]:
    """Positions of the categories in the matrix, behind the numbers."""
    return list(range(numbers, numbers + categories))


def recency_weights(age_days: npt.NDArray[np.float64], half_life_days: float) -> npt.NDArray[np.float64]:
    """Weights that halve with every ``half_life_days`` of age; a mean of 1."""
    weights = 0.5 ** (np.maximum(age_days, 0.0) / half_life_days)
    return np.asarray(weights / max(weights.mean(), 1e-12))


def parameters_for(objective: str, rows: int, alpha: float | None = None) -> dict[str, Any]:
    """LightGBM parameters of a head; small tables get smaller trees."""
    kind, few = (BINARY, FEW_BINARY) if objective == "binary" else (QUANTILE, FEW_QUANTILE)
    chosen = COMMON | kind | (few if rows < SMALL else {})
    return chosen | ({} if alpha is None else {"alpha": alpha})


def find_rounds(
    matrix: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    slots: list[int],
    parameters: dict[str, Any],
    weight: npt.NDArray[np.float64] | None = None,
    tail_share: float = TAIL_SHARE,
) -> int:
    """Rounds by early stopping on the newest ``tail_share`` of rows that are in order of time."""
    import lightgbm as lgb

    cut = int(len(y) * (1 - tail_share))
    if parameters["objective"] == "binary" and len(np.unique(y[:cut])) < 2:
        return FEWEST_ROUNDS
    head = lgb.Dataset(
        matrix[:cut], y[:cut], categorical_feature=slots, weight=None if weight is None else weight[:cut]
    )
    tail = lgb.Dataset(matrix[cut:], y[cut:], reference=head)
    found = lgb.train(
        parameters, head, ROUNDS, valid_sets=[tail], callbacks=[lgb.early_stopping(PATIENCE, verbose=False)]
    )
    return max(FEWEST_ROUNDS, int(found.best_iteration))


def fit(
    matrix: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    slots: list[int],
    parameters: dict[str, Any],
    rounds: int,
    weight: npt.NDArray[np.float64] | None = None,
) -> Any:
    """A LightGBM booster of so many rounds."""
    import lightgbm as lgb

    return lgb.train(parameters, lgb.Dataset(matrix, y, categorical_feature=slots, weight=weight), rounds)


@dataclass(frozen=True)
class Bag:
    """Boosters of one probability, averaged in log odds; says what one booster says."""

    boosters: list[Any]

    def predict(self, matrix: npt.NDArray[np.float64], num_threads: int = THREADS) -> npt.NDArray[np.float64]:
        """Probability of each row."""
        if len(self.boosters) == 1:
            return np.clip(self.boosters[0].predict(matrix, num_threads=num_threads), 0, 1)
        raw = [one.predict(matrix, raw_score=True, num_threads=num_threads) for one in self.boosters]
        return np.asarray(1 / (1 + np.exp(-np.clip(np.mean(raw, axis=0), -30, 30))))

    def model_to_string(self) -> str:
        """The texts of all."""
        return "".join(one.model_to_string() for one in self.boosters)


def fit_bag(
    matrix: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    slots: list[int],
    parameters: dict[str, Any],
    rounds: int,
    weight: npt.NDArray[np.float64] | None = None,
) -> Bag:
    """As many boosters as their rows call for (``BAGS``), each with a seed of its own; the first is that of ``fit``."""
    count = next((many for rows, many in BAGS if len(y) < rows), 1)
    seeds = [parameters | {"seed": parameters.get("seed", 0) + number} for number in range(count)]
    return Bag([fit(matrix, y, slots, one, rounds, weight) for one in seeds])


def refit_leaves(
    booster: Any,
    matrix: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    decay: float = 0.9,
) -> Any:
    """The same trees with leaf values moved towards newer rows; binary heads only (harmful with an L1 objective).

    Raises:
        ModelError: the booster is not a binary head.
    """
    if "binary" not in booster.model_to_string(num_iteration=1)[:600]:
        raise ModelError("leaf refit is for binary heads; with absolute or quantile loss it makes errors larger")
    return booster.refit(matrix, y, decay_rate=decay, num_threads=THREADS, verbose=-1)


def train(
    task: str,
    frame: pd.DataFrame,
    label: pd.Series,
    numbers: Sequence[str],
    categories: Sequence[str] = (),
    *,
    rounds: int | None = None,
    age_days: npt.NDArray[np.float64] | None = None,
    recency_days: float = 180.0,
    tuned: dict[str, Any] | None = None,
) -> Model:
    """Train on rows in order of time (oldest first); with ``age_days`` newer rows weigh more. ``tuned``: LightGBM
    parameters in place of the defaults.

    A binary task gets one head without class weights (they ruin calibration); ``eta`` gets five quantiles, widened
    on the newest rows until 80 and 90 % are covered (conformalised quantiles, Romano, Patterson, Candes 2019).

    Raises:
        ModelError: too few rows, or a label that is always the same.
    """
    keep = np.isfinite(label.to_numpy(float))
    frame, y = frame[keep], label[keep].to_numpy(float)
    weight = None if age_days is None else recency_weights(age_days[keep], recency_days)
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
    slots = slots_of(len(numbers), len(levels))
    cut = int(len(frame) * (1 - TAIL_SHARE))
    if binary:
        parameters = parameters_for("binary", len(frame)) | (tuned or {})
        best = rounds or find_rounds(matrix, y, slots, parameters, weight)
        # the newest rows say most about tomorrow: learn from them too, as long as the tail said
        heads = fit_bag(matrix, y, slots, parameters, best, weight).boosters
        named = {f"p{number or ''}": one for number, one in enumerate(heads)}
        return Model(task, tuple(numbers), levels, named, {}, len(frame))
    best = rounds or find_rounds(matrix[:cut], y[:cut], slots, parameters_for("quantile", cut, 0.5))
    early = None if weight is None else weight[:cut]
    # the tail stays unseen: it calibrates the intervals
    boosters = {
        head_name(q): fit(matrix[:cut], y[:cut], slots, parameters_for("quantile", cut, q), best, early)
        for q in QUANTILES
    }
    tail = np.sort(np.column_stack([boosters[head_name(q)].predict(matrix[cut:]) for q in QUANTILES]), axis=1)
    widen = {
        low: conformal_quantile(
            cqr_scores(
                y[cut:], tail[:, QUANTILES.index(int(low[1:]) / 100)], tail[:, QUANTILES.index(int(high[1:]) / 100)]
            ),
            level,
        )
        for level, (low, high) in INTERVALS.items()
    }
    return Model(task, tuple(numbers), levels, boosters, widen, len(frame))
