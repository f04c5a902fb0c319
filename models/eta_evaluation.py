"""Rolling origin for a duration: quantiles at milestones, conformal intervals, learning from matured labels."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.availability import check_available, check_canaries
from models.eta_online import BOUNDS, LEVELS, EtaLayer, horizon_edges
from models.intervals import conformal_quantile, cqr_scores
from models.metrics import coverage_scores, interval_scores, pinball
from models.promotion import compare_arms
from models.protocol import CALENDAR, Floats, Spec, check_split, design, joined, ordered, with_calendar
from models.state import ASK, DAY_S, LATE_LEARN, LEARN, replay, seconds, timeline
from models.training import find_rounds, fit, parameters_for, recency_weights, slots_of

QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)
INNER_FOLDS = 3
MATURITY = 0.98
"""A label counts once the time that this share of durations takes has passed: early labels are the fast ones."""
FEWEST_ROWS = 100
REFIT_GROWTH = 1.02
LEAST_SCALE_S, MOST_SCALED = 1_800.0, 8.0
MEDIANS, MEDIAN_SLOWER = 10, 0.5


@dataclass
class _Scored:
    """What the arms say of the rows of one milestone; quantiles in seconds, one column a level of QUANTILES."""

    arms: dict[str, Floats]
    versions: npt.NDArray[Any]
    matured: Floats


def evaluate_eta(
    rows: pd.DataFrame,
    spec: Spec,
    train_until: pd.Timestamp | None = None,
    fold: pd.Series | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """MAE, coverage and width of quantiles of a duration (``label``, seconds), by milestone, week and group.

    ``rows``: entity, milestone (when a prediction is made), decision_time, label_time, label. Split by time
    (``train_until``) or leave-one-fold-out (``fold``: a value a row; every fold is scored by models of the others).

    Raises:
        InputError: a feature is missing or known too late, or the split leaves nothing.
    """
    features = [*spec.numbers, *spec.categories]
    check_available(rows, features, spec.known_at)
    rows = rows.assign(milestone=rows["milestone"] if "milestone" in rows.columns else "decision")
    rows = with_calendar(ordered(rows if fold is None else rows.assign(_fold=fold.astype(str))), spec.timezone)
    if fold is None:
        if train_until is None:
            raise ValueError("give train_until or fold")
        splits = [("", (rows["decision_time"] > train_until).to_numpy())]
    else:
        folds = rows["_fold"].to_numpy(object)
        splits = [(str(name), folds == name) for name in sorted(set(folds))]
    scored: list[pd.DataFrame] = []
    for name, test in splits:
        check_split(rows, test, train_until)
        for milestone, part in rows.groupby("milestone", sort=False):
            chosen = test[part.index]
            if chosen.any() and (~chosen).sum() >= FEWEST_ROWS:
                check_canaries(part[~chosen], features)
                scored.append(_milestone(part.reset_index(drop=True), chosen, spec, str(milestone), name, train_until))
    if not scored:
        check_split(rows.iloc[:0], np.zeros(0, bool), train_until)
    frame = pd.concat(scored, ignore_index=True)
    return _result(frame, rows, spec, train_until), frame.drop(columns=[c for c in frame.columns if c.startswith("_")])


def _milestone(
    rows: pd.DataFrame, test: npt.NDArray[np.bool_], spec: Spec, milestone: str, fold: str, until: pd.Timestamp | None
) -> pd.DataFrame:
    """Train on the past (or the other folds), score the test rows of one milestone."""
    y = rows["label"].to_numpy(float)
    horizon = float(np.quantile(y[~test], MATURITY))
    decision, known = seconds(rows["decision_time"]), seconds(rows["label_time"])
    matured = np.maximum(known, decision + horizon)
    gated = rows.assign(
        ended_time=rows["label_time"],
        label_time=pd.to_datetime(matured, unit="s", utc=True),
        label=_residual(rows, y, spec),
    )
    live = replay(gated, spec.entities, load=spec.load, half_lives_days=spec.half_lives_days)
    numbers = [*spec.numbers, *CALENDAR]
    plain = design(rows, numbers, spec.categories)
    slots = len(spec.categories)
    cut = plain.shape[1] - slots
    full = np.column_stack([plain[:, :cut], live.to_numpy(float), plain[:, cut:]])
    used = np.isfinite(full[~test]).any(axis=0)
    full, categories = full[:, used], int(used[len(used) - slots :].sum()) if slots else 0
    groups = rows["_fold"].to_numpy(object)[~test] if "_fold" in rows.columns else None
    scored = _score(rows, y, full, categories, test, spec, decision, matured, groups, until)
    out = rows.loc[test, ["entity"] if "entity" in rows.columns else []].copy()
    out = out.assign(
        milestone=milestone,
        fold=fold,
        as_of=rows["decision_time"][test],
        label=y[test],
        label_time=rows["label_time"][test],
        model_version=scored.versions[test],
    )
    for name, q in scored.arms.items():
        prefix = "" if name == "fivefold" else f"arm_{name}_"
        for number, level in enumerate(QUANTILES):
            out[f"{prefix}p{round(level * 100):02d}_s"] = q[test, number]
    for name in spec.segments:
        if name in rows.columns:
            out[f"_segment_{name}"] = rows[name][test].astype(str)
    if spec.cluster:
        out["_cluster"] = joined(rows[test], spec.cluster)
    distance = _distance(spec)
    if distance is not None:
        out["_line"] = _line(rows, y, test, distance)
    return out


def _plan(rows: pd.DataFrame, spec: Spec) -> Floats:
    """The plan's duration; 0 where there is none."""
    if spec.plan is None:
        return np.zeros(len(rows))
    return np.nan_to_num(pd.to_numeric(rows[spec.plan], errors="coerce").to_numpy(float, na_value=np.nan))


def _scale(rows: pd.DataFrame, spec: Spec) -> Floats:
    """What a residual of the plan is measured in (a window's width); 1 second where there is nothing."""
    if spec.scale is None:
        return np.ones(len(rows))
    found = pd.to_numeric(rows[spec.scale], errors="coerce").to_numpy(float, na_value=np.nan)
    return np.maximum(np.where(np.isfinite(found), found, np.nanmedian(found)), LEAST_SCALE_S)


def _residual(rows: pd.DataFrame, y: Floats, spec: Spec) -> Floats:
    """Actual minus planned, in units of the scale; far tails are clipped so that a few rows do not rule the trees."""
    residual = (y - _plan(rows, spec)) / _scale(rows, spec)
    return residual if spec.scale is None else np.clip(residual, -MOST_SCALED, MOST_SCALED)


def _distance(spec: Spec) -> str | None:
    return next((name for name in spec.numbers if name.endswith("distance_m")), None)


def _line(rows: pd.DataFrame, y: Floats, test: npt.NDArray[np.bool_], name: str) -> Floats:
    """Duration as a line of the distance: the baseline everyone has."""
    x = pd.to_numeric(rows[name], errors="coerce").to_numpy(float, na_value=np.nan)
    x = np.where(np.isfinite(x), x, np.nanmedian(x[~test]) if np.isfinite(x[~test]).any() else 0.0)
    slope, intercept = np.polyfit(x[~test], y[~test], 1)
    return np.asarray(slope * x[test] + intercept)


def _origins(decision: Floats, test: npt.NDArray[np.bool_], days: int, until: pd.Timestamp | None) -> list[float]:
    """When models are fitted: once for folds, every week for a split in time."""
    if until is None:
        return [-np.inf]
    start = float(seconds(pd.Series([until]))[0])
    count = max(1, int(np.ceil((decision[test].max() - start) / (days * DAY_S))))
    return [start + number * days * DAY_S for number in range(count)]


def _score(
    rows: pd.DataFrame,
    y: Floats,
    matrix: Floats,
    categories: int,
    test: npt.NDArray[np.bool_],
    spec: Spec,
    decision: Floats,
    matured: Floats,
    groups: npt.NDArray[Any] | None,
    until: pd.Timestamp | None,
) -> _Scored:
    plan, scale, residual = _plan(rows, spec), _scale(rows, spec), _residual(rows, y, spec)
    slots = slots_of(matrix.shape[1] - categories, categories)
    origins = _origins(decision, test, spec.refit_days, until)
    raw = np.full((len(y), len(QUANTILES)), np.nan)
    versions = np.full(len(y), "", dtype=object)
    known_s = seconds(rows["label_time"])
    models: list[Any] = []
    rounds: int | None = None
    fitted, static_cqr = 0, {}
    for number, start in enumerate(origins):
        end = origins[number + 1] if number + 1 < len(origins) else np.inf
        past = np.flatnonzero(~test) if until is None else np.flatnonzero((decision <= start) & (known_s <= start))
        if not models or len(past) >= fitted * REFIT_GROWTH:
            weight = None if until is None else recency_weights((start - decision[past]) / DAY_S, spec.recency_days)
            if spec.scale is not None:  # errors count in seconds, not in units of the scale
                weight = scale[past] / scale[past].mean() * (1.0 if weight is None else weight)
            target = residual[past]
            if rounds is None:
                rounds = _rounds(matrix[past], target, slots, weight)
                inner = _inner_folds(len(past), groups)
                held = _held_out(matrix[past], target, slots, weight, rounds, inner)
                raw[past] = held * scale[past][:, None] + plan[past][:, None]
                first, warm = past, [(past, raw[past])]
                if groups is not None and (count := len(np.unique(inner))) >= 2:
                    mixed = _held_out(matrix[past], target, slots, weight, rounds, _mixed_folds(rows.iloc[past], spec))
                    seen = np.maximum(np.sort(mixed * scale[past][:, None] + plan[past][:, None], axis=1), 0.0)
                    warm = [*warm * (count - 1), (past, seen)]
            models = [_fit_level(matrix[past], target, slots, q, rounds, weight) for q in QUANTILES]
            fitted = len(past)
        chosen = test & (decision > start) & (decision <= end)
        if chosen.any():
            raw[chosen] = np.column_stack([m.predict(matrix[chosen], num_threads=1) for m in models])
            raw[chosen] = raw[chosen] * scale[chosen][:, None] + plan[chosen][:, None]
            version = hashlib.sha256("".join(m.model_to_string() for m in models).encode()).hexdigest()[:10]
            when = "folds" if until is None else f"{pd.Timestamp(start, unit='s'):%Y-%m-%d}"
            versions[chosen] = f"{when}-{version}"
    raw = np.maximum(np.sort(raw, axis=1), 0.0)
    warm[: len(warm) - (len(warm) > 1)] = [(first, raw[first])] * max(1, len(warm) - 1)
    for level, (lo, hi) in LEVELS.items():
        misses = np.concatenate([cqr_scores(y[who], q[:, lo], q[:, hi]) for who, q in warm])
        static_cqr[level] = conformal_quantile(misses, level)
    arms = {"raw_quantiles": raw, "static_cqr": _widened(raw, static_cqr)}
    arms |= _learned(y, raw, warm, test, decision, matured)
    return _Scored(arms, versions, matured)


@dataclass
class _Mean:
    """Several boosters of one quantile, averaged."""

    boosters: list[Any]

    def predict(self, matrix: Floats, num_threads: int = 1) -> Floats:
        return np.asarray(np.mean([one.predict(matrix, num_threads=num_threads) for one in self.boosters], axis=0))

    def model_to_string(self) -> str:
        return "".join(one.model_to_string() for one in self.boosters)


def _fit_level(matrix: Floats, y: Floats, slots: list[int], q: float, rounds: int, weight: Floats | None) -> Any:
    """A booster of one level; the median, which people see, is the mean of several that were sampled differently."""
    parameters = parameters_for("quantile", len(y), q)
    if q != 0.5:
        return fit(matrix, y, slots, parameters, rounds, weight)
    slower = parameters | {"learning_rate": parameters["learning_rate"] * MEDIAN_SLOWER}
    several = [
        fit(matrix, y, slots, slower | {"seed": 17 + n, "bagging_seed": 3 + n}, int(rounds / MEDIAN_SLOWER), weight)
        for n in range(MEDIANS)
    ]
    return _Mean(several)


def _rounds(matrix: Floats, y: Floats, slots: list[int], weight: Floats | None) -> int:
    """Rounds by early stopping of the median on the newest part."""
    return find_rounds(matrix, y, slots, parameters_for("quantile", len(y), 0.5), weight)


def _inner_folds(count: int, groups: npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
    """Folds inside the training rows: the outer kind of groups where there are any, else blocks of time."""
    if groups is not None and len(set(groups)) >= 2:
        return np.asarray(pd.factorize(groups)[0], dtype=np.int64)
    return np.minimum(np.arange(count) * INNER_FOLDS // max(count, 1), INNER_FOLDS - 1)


def _mixed_folds(rows: pd.DataFrame, spec: Spec) -> npt.NDArray[np.int64]:
    """Folds that leave out whole clusters (driver-days) and have every group on both sides."""
    if not spec.cluster:
        return np.arange(len(rows), dtype=np.int64) % INNER_FOLDS
    return np.asarray(pd.factorize(joined(rows, spec.cluster))[0] % INNER_FOLDS, dtype=np.int64)


def _held_out(
    matrix: Floats,
    y: Floats,
    slots: list[int],
    weight: Floats | None,
    rounds: int,
    inner: npt.NDArray[np.int64],
) -> Floats:
    """Quantiles of every training row by models that had not seen its fold (cross-conformal, Vovk 2015)."""
    out = np.empty((len(y), len(QUANTILES)))
    for one in np.unique(inner):
        rest, held = inner != one, inner == one
        for number, q in enumerate(QUANTILES):
            model = fit(
                matrix[rest], y[rest], slots, parameters_for("quantile", int(rest.sum()), q), rounds,
                None if weight is None else weight[rest],
            )  # fmt: skip
            out[held, number] = model.predict(matrix[held], num_threads=1)
    return np.sort(out, axis=1)


def _widened(raw: Floats, widen: dict[float, float]) -> Floats:
    out = raw.copy()
    for level, (lo, hi) in LEVELS.items():
        out[:, lo] -= widen[level]
        out[:, hi] += widen[level]
    return np.maximum(np.sort(out, axis=1), 0.0)


def _learned(
    y: Floats,
    raw: Floats,
    warm: list[tuple[npt.NDArray[np.int64], Floats]],
    test: npt.NDArray[np.bool_],
    decision: Floats,
    matured: Floats,
) -> dict[str, Floats]:
    """The online layer over the test rows, with and without learning from them."""
    edges = horizon_edges(warm[0][1][:, 2])
    learning, still = EtaLayer(edges), EtaLayer(edges)
    for layer in (learning, still):
        for place, row in enumerate(warm[0][0].tolist()):
            for _, q in warm:
                layer.warm(q[place], float(y[row]))
    out = {name: np.full_like(raw, np.nan) for name in ("fivefold", "without_learning")}
    said: dict[int, Any] = {}
    passed: list[tuple[float, int, int]] = []
    kinds, who, times = timeline(decision, matured)
    for kind, row, now in zip(kinds.tolist(), who.tolist(), times.tolist(), strict=True):
        if not test[row]:
            continue
        while passed and passed[0][0] < now:  # a bound is judged when its time has come, whether or not it has ended
            _, other, column = heapq.heappop(passed)
            learning.judge(column, raw[other], bool(y[other] <= out["fivefold"][other, column]))
        if kind == ASK:
            out["fivefold"][row], said[row] = learning.predict(raw[row])
            out["without_learning"][row], _ = still.predict(raw[row])
            for column in BOUNDS:
                heapq.heappush(passed, (now + float(out["fivefold"][row, column]), row, column))
        elif kind in (LEARN, LATE_LEARN) and row in said:
            learning.learn(said.pop(row), raw[row], float(y[row]))
    return out


def _scores(frame: pd.DataFrame, prefix: str = "") -> dict[str, float]:
    y = frame["label"].to_numpy(float)
    q = {level: frame[f"{prefix}p{level}_s"].to_numpy(float) for level in ("05", "10", "50", "90", "95")}
    return {
        "n": len(frame),
        **interval_scores(y, q["10"], q["50"], q["90"], 0.8),
        **coverage_scores(y, q["05"], q["95"], 0.9),
        "p90_abs_error_s": float(np.quantile(np.abs(y - q["50"]), 0.9)),
        "within_10_min": float(np.mean(np.abs(y - q["50"]) <= 600)),
        "within_15_min": float(np.mean(np.abs(y - q["50"]) <= 900)),
        "pinball_s": float(np.mean([pinball(y, q[n], int(n) / 100) for n in q])),
    }


def _groups(frame: pd.DataFrame, key: str, fewest: int) -> dict[str, dict[str, float]]:
    wanted = ("n", "coverage_80", "width_80_s", "interval_score_80_s", "coverage_90", "width_90_s", "mae_s")
    out = {}
    for name, part in frame.groupby(key, sort=True):
        if len(part) >= fewest:
            scores = _scores(part)
            out[str(name)] = {key: scores[key] for key in wanted}
    return out


def _result(frame: pd.DataFrame, rows: pd.DataFrame, spec: Spec, until: pd.Timestamp | None) -> dict[str, Any]:
    moment = pd.to_datetime(frame["as_of"], utc=True).dt.tz_convert(spec.timezone).dt.tz_localize(None)
    frame["_week"] = moment.dt.strftime("%G-W%V")
    frame["_month"] = moment.dt.strftime("%Y-%m")
    frame["_day"] = moment.dt.strftime("%Y-%m-%d")
    frame["_horizon"] = pd.cut(
        frame["p50_s"] / 60, [-1, 15, 30, 60, 120, 1e9], labels=["<15", "15-30", "30-60", "60-120", "120+"]
    )
    names = sorted({c[4:].rsplit("_p", 1)[0] for c in frame.columns if c.startswith("arm_")})
    baselines: dict[str, Any] = {name: _scores(frame, f"arm_{name}_") for name in names}
    if "_line" in frame.columns:
        error = np.abs(frame["label"] - frame["_line"])
        baselines["distance_speed"] = {"n": len(frame), "mae_s": float(error.mean())}
    milestones = {}
    for name, part in frame.groupby("milestone", sort=False):
        line = {"distance_speed_mae_s": float(np.abs(part["label"] - part["_line"]).mean())} if "_line" in part else {}
        milestones[str(name)] = {**_scores(part), "mae_min": float(_scores(part)["mae_s"] / 60), **line}
    coverage: dict[str, Any] = {
        "by_week": _groups(frame, "_week", 1),
        "by_day": _groups(frame, "_day", 1),
        "by_horizon_min": _groups(frame.assign(_horizon=frame["_horizon"].astype(str)), "_horizon", 1),
        "by_milestone": _groups(frame, "milestone", 1),
        "by_fold": _groups(frame, "fold", 1),
        "by_group": {
            column.removeprefix("_segment_"): _groups(frame, column, 100)
            for column in frame.columns
            if column.startswith("_segment_")
        },
    }
    coverage["worst_week_80"] = _worst(coverage["by_week"], 100)
    coverage["worst_group_80"] = _worst(
        {
            f"{k} {n}": v
            for k, g in {**coverage["by_group"], "milestone": coverage["by_milestone"]}.items()
            for n, v in g.items()
        },
        500,
    )
    months = {str(name): part for name, part in frame.groupby("_month")}
    gaps = {
        name: {"mae_s": _scores(part)["mae_s"] - _scores(part, "arm_without_learning_")["mae_s"]}
        for name, part in months.items()
    }
    return {
        **_scores(frame),
        "split": "leave one fold out" if until is None else f"decisions after {until.date()}",
        "n_train": len(rows) - len(frame) if until is not None else len(rows),
        "n_test": len(frame),
        "milestones": milestones,
        "baselines": baselines,
        "by_month": {name: _scores(part) for name, part in months.items()},
        "loop_gap_by_month": gaps,
        "coverage": coverage,
        "paired_bootstrap": compare_arms(
            frame["label"].to_numpy(float),
            frame["p50_s"].to_numpy(float),
            {name: frame[f"arm_{name}_p50_s"].to_numpy(float) for name in names},
            (frame["_cluster"] if "_cluster" in frame else frame["_day"]).to_numpy(object),
            binary=False,
        ),
    }


def _worst(groups: dict[str, dict[str, float]], fewest: int) -> dict[str, Any] | None:
    """The group of at least ``fewest`` rows that is covered least."""
    big = {name: one for name, one in groups.items() if one["n"] >= fewest}
    if not big:
        return None
    name = min(big, key=lambda key: big[key]["coverage_80"])
    return {"group": name, **big[name]}
