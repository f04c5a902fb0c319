"""Train on the past, score the future: rolling origin, the same rows for every model, baselines beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from models.metrics import binary_scores, interval_scores
from models.state import PRIOR_WEIGHT, replay
from models.training import train

REFIT_DAYS = 7
CALENDAR = ("weekday", "hour")


def with_calendar(rows: pd.DataFrame) -> pd.DataFrame:
    """Weekday and hour of the decision; never a running index of time, which would be a trend, not a feature."""
    moment = pd.to_datetime(rows["decision_time"], utc=True)
    return rows.assign(weekday=moment.dt.weekday, hour=moment.dt.hour)


def check_available(rows: pd.DataFrame, names: Sequence[str], known_at: dict[str, pd.Series] | None = None) -> None:
    """Refuse features that are not there, or (``known_at``) were only known after the decision.

    Raises:
        InputError: names the feature.
    """
    for name in names:
        if name not in rows.columns:
            raise InputError(f"feature {name!r} is not in the rows; they have {', '.join(map(str, rows.columns[:30]))}")
        moments = (known_at or {}).get(name)
        if moments is not None and (pd.to_datetime(moments, utc=True) > rows["decision_time"]).any():
            raise InputError(f"feature {name!r} is known only after the decision; it would leak the outcome")


def evaluate_binary(
    rows: pd.DataFrame,
    numbers: Sequence[str],
    categories: Sequence[str],
    entities: Sequence[str],
    train_until: pd.Timestamp,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Scores of a probability on decisions after ``train_until``, refitted every week on what was known by then.

    ``rows``: decision_time, label_time, label (0, 1), features and entities. Returns the scores (with baselines and
    months) and the scored rows.
    """
    check_available(rows, [*numbers, *categories, *entities])
    rows = with_calendar(rows.dropna(subset=["label"])).sort_values("decision_time", kind="stable", ignore_index=True)
    test = rows["decision_time"] > train_until
    if not test.any() or test.all():
        raise InputError(
            f"there must be decisions before and after {train_until.date()}; the data run from "
            f"{rows['decision_time'].min().date()} to {rows['decision_time'].max().date()}"
        )
    live, frozen = replay(rows, entities), replay(rows, entities, freeze_after=train_until)
    base = [*numbers, *CALENDAR]
    history = list(live.columns)
    weekly = _rolling(
        pd.concat([rows, live], axis=1), [*base, *history], categories, train_until, test, every=REFIT_DAYS
    )
    arms = {
        "static_live_history": _rolling(
            pd.concat([rows, live], axis=1), [*base, *history], categories, train_until, test, every=None
        ),
        "frozen_history": _rolling(
            pd.concat([rows, frozen], axis=1), [*base, *history], categories, train_until, test, every=None
        ),
        "no_history": _rolling(rows, base, categories, train_until, test, every=None),
    }
    if entities:
        arms[f"{entities[0].removesuffix('_id')}_rate"] = live.loc[test, f"{entities[0]}__rate"].to_numpy()
    y = rows.loc[test, "label"].to_numpy(float)
    scored = rows.loc[test, ["decision_time", "label", "label_time", *entities]].assign(prediction=weekly)
    month = pd.to_datetime(scored["decision_time"], utc=True).dt.strftime("%Y-%m")
    result: dict[str, Any] = {
        **binary_scores(y, weekly),
        "n_train": int((~test).sum()),
        "n_test": int(test.sum()),
        "rate": float(y.mean()),
        "baselines": {name: binary_scores(y, p) for name, p in arms.items()},
        "by_month": {name: binary_scores(y[month == name], weekly[month == name]) for name in sorted(month.unique())},
    }
    frozen_p = arms["frozen_history"]
    result["loop_gap_by_month"] = {
        name: _gap(
            binary_scores(y[month == name], weekly[month == name]),
            binary_scores(y[month == name], frozen_p[month == name]),
        )
        for name in sorted(month.unique())
    }
    return result, scored


def _gap(ours: dict[str, float | None], theirs: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: None if ours[name] is None or theirs[name] is None else float(ours[name]) - float(theirs[name])  # type: ignore[arg-type]
        for name in ("roc_auc", "pr_auc")
    }


def _rolling(
    rows: pd.DataFrame,
    numbers: Sequence[str],
    categories: Sequence[str],
    train_until: pd.Timestamp,
    test: pd.Series,
    every: int | None,
) -> Any:
    """Predictions of the test rows; ``every`` days the model is fitted again on labels known by then."""
    out = np.full(len(rows), np.nan)
    start, rounds = train_until, None
    last = rows.loc[test, "decision_time"].max()
    while start <= last:
        end = last if every is None else min(last, start + pd.Timedelta(days=every))
        chosen = test & (rows["decision_time"] > start) & (rows["decision_time"] <= end)
        if chosen.any():
            known = (rows["decision_time"] <= start) & (rows["label_time"] <= start)
            model = train("failed", rows[known], rows.loc[known, "label"], numbers, categories, rounds=rounds)
            rounds = rounds or model.boosters["p"].current_iteration()
            out[chosen.to_numpy()] = model.predict(rows[chosen])["probability"]
        start = end
        if every is None or end >= last:
            break
    return out[test.to_numpy()]


def evaluate_eta(
    rows: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str], test: pd.Series
) -> tuple[dict[str, Any], pd.DataFrame]:
    """MAE, coverage and width of quantiles of a duration (``label``, seconds) on held-out rows.

    The baseline is distance / speed: a line through the training rows.
    """
    check_available(rows, [*numbers, *categories])
    rows = with_calendar(rows)
    usable = rows["label"].notna()
    rows, test = rows[usable].reset_index(drop=True), test[usable].reset_index(drop=True)
    if not test.any() or test.all():
        raise InputError("the split leaves no rows to train on or none to score")
    past = rows[~test]
    # the newest tail of `train` calibrates; rows without a true order are shuffled by a fixed seed first
    past = past.sample(frac=1.0, random_state=17)
    model = train("eta", past, past["label"], [*numbers, *CALENDAR], categories)
    future = rows[test]
    q = model.predict(future)
    y = future["label"].to_numpy(float)
    km = "distance_m" if "distance_m" in numbers else numbers[0]
    slope, intercept = np.polyfit(past[km].fillna(past[km].median()).to_numpy(float), past["label"].to_numpy(float), 1)
    line = slope * future[km].fillna(past[km].median()).to_numpy(float) + intercept
    residual = past["label"].to_numpy(float) - (slope * past[km].fillna(past[km].median()).to_numpy(float) + intercept)
    lo, hi = np.quantile(residual, [0.1, 0.9])
    result: dict[str, Any] = {
        **interval_scores(y, q["p10_s"].to_numpy(), q["p50_s"].to_numpy(), q["p90_s"].to_numpy()),
        "n_train": len(past),
        "n_test": len(future),
        "baselines": {"distance_speed": interval_scores(y, line + lo, line, line + hi)},
    }
    return result, future[["decision_time", "label", "label_time"]].join(q)


__all__ = ["PRIOR_WEIGHT", "check_available", "evaluate_binary", "evaluate_eta"]
