"""Rolling origin for a probability: delayed labels, experts and their mixture, the same rows for every arm."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import InputError
from models.availability import check_available, check_canaries
from models.experts import FIRST
from models.metrics import binary_scores, reliability
from models.online import EXTRA, FEW_FIRST, OnlineLayer, linear_inputs
from models.promotion import compare_arms
from models.protocol import CALENDAR, Floats, Spec, check_split, design, joined, ordered, with_calendar
from models.state import ASK, DAY_S, LATE_LEARN, LEARN, as_entities, replay, seconds, timeline
from models.survival import Spells, delayed, hazard_arms
from models.training import (
    SMALL,
    find_rounds,
    fit,
    fit_bag,
    parameters_for,
    recency_weights,
    refit_leaves,
    slots_of,
)

WARM_UP_SHARE, WARM_UP_DAYS = 0.3, 28.0
FEWEST_ROWS = 200
REFIT_WINDOW_DAYS = 21.0
TOLD = {
    "bagged": "bagged_weekly_refit",
    "weekly": "live_history_weekly_refit",
    "static": "frozen_model_live_state",
    "frozen_history": "frozen_model_frozen_state",
}
"""Arms under the names that results tell them by."""


@dataclass
class _Arms:
    """Predictions of every row (NaN where an arm had none), and the model version behind the weekly ones."""

    values: dict[str, Floats]
    versions: npt.NDArray[Any]


def evaluate_binary(rows: pd.DataFrame, spec: Spec, train_until: pd.Timestamp) -> tuple[dict[str, Any], pd.DataFrame]:
    """Scores of a probability on decisions after ``train_until``, every arm on the same rows.

    ``rows``: entity, decision_time, label_time, label (0, 1), features and entities. A label counts in the state of
    its entities and teaches models from its mature_time (else label_time) on. With ``promised_time`` and labels that
    take weeks, hazards of open work are the champion (``models.survival``). Weeks before
    ``train_until`` warm up the online layer with models that had not seen them. Returns the scores (baselines, months,
    loop curves, cold start, weights of the experts) and the scored rows.

    Raises:
        InputError: a feature is missing or known too late, or the split leaves nothing.
    """
    features = [*spec.numbers, *spec.categories]
    check_available(rows, features, spec.known_at)
    rows = with_calendar(ordered(rows), spec.timezone)
    test = (rows["decision_time"] > train_until).to_numpy()
    check_split(rows, test, train_until)
    before = rows.loc[~test, "label"].unique()
    if len(before) < 2:
        raise InputError(f"every label before {train_until.date()} is {before[0]:g}; there is nothing to learn")
    check_canaries(rows[~test], features)
    outcomes = ("label", *spec.outcomes)
    told = rows.assign(label_time=pd.to_datetime(_matured(rows), unit="s", utc=True))
    live = replay(told, spec.entities, outcomes=outcomes, load=spec.load, half_lives_days=spec.half_lives_days)
    frozen = replay(
        told, spec.entities, outcomes=outcomes, load=spec.load, freeze_after=train_until,
        half_lives_days=spec.half_lives_days,
    )  # fmt: skip
    numbers = [*spec.numbers, *CALENDAR]
    plain = design(rows, numbers, spec.categories)
    arms = _arms(rows, spec, plain, live, frozen, train_until, test)
    arms.values.update(_hazards(rows, spec, plain, train_until, test))
    online, weights = _online(rows, spec, arms, live, test)
    arms.values.update(online)
    return _result(rows, spec, arms, live, weights, test)


def _join(plain: Floats, state: pd.DataFrame, categories: int) -> Floats:
    """State before the categories, which stay last."""
    cut = plain.shape[1] - categories
    return np.column_stack([plain[:, :cut], state.to_numpy(float), plain[:, cut:]])


def _origins(times: Floats, until_s: float, days: int) -> list[float]:
    """Weekly origins from the warm-up on; ``until_s`` is one of them."""
    warm = min(WARM_UP_DAYS * DAY_S, WARM_UP_SHARE * (until_s - times[0]))
    step = days * DAY_S
    back = int(warm // step)
    last = times[-1]
    ahead = int(np.ceil((last - until_s) / step)) if last > until_s else 0
    return [until_s + n * step for n in range(-back, max(1, ahead))]


def _arms(
    rows: pd.DataFrame,
    spec: Spec,
    plain: Floats,
    live: pd.DataFrame,
    frozen: pd.DataFrame,
    train_until: pd.Timestamp,
    test: npt.NDArray[np.bool_],
) -> _Arms:
    """Models fitted at each origin on labels known by then, and what they say until the next one."""
    count = len(spec.categories)
    full, cold = _join(plain, live, count), _join(plain, frozen, count)
    y = rows["label"].to_numpy(float)
    decision, known = seconds(rows["decision_time"]), _matured(rows)
    known = np.maximum(np.where(np.isfinite(known), known, np.inf), decision)
    until_s = float(seconds(pd.Series([train_until]))[0])
    origins = _origins(decision, until_s, spec.refit_days)
    names = ("bagged", "weekly", "static", "leaf_refit", "weekly_no_history", "frozen_history", "no_history")
    out = {name: np.full(len(rows), np.nan) for name in names}
    versions = np.full(len(rows), "", dtype=object)
    models: dict[str, Any] = {}
    rounds: dict[str, int] = {}
    fitted = 0
    for number, start in enumerate(origins):
        end = origins[number + 1] if number + 1 < len(origins) else np.inf
        chosen = (decision > start) & (decision <= end)
        past = np.flatnonzero((decision <= start) & (known <= start))
        if len(past) < FEWEST_ROWS or len(np.unique(y[past])) < 2:
            continue
        first = "weekly" not in models
        anew = first or start == until_s
        if anew or len(past) >= fitted * 1.005:
            weight = recency_weights((start - decision[past]) / DAY_S, spec.recency_days)
            for name, matrix, fitting in (("bagged", full, fit_bag), ("weekly_no_history", plain, fit)):
                parameters = parameters_for("binary", len(past))
                slots = slots_of(matrix.shape[1] - count, count)
                if anew:
                    rounds[name] = find_rounds(matrix[past], y[past], slots, parameters, weight)
                models[name] = fitting(matrix[past], y[past], slots, parameters, rounds[name], weight)
            # ours is the mean of several; the baseline is one LightGBM of the same rows, as anybody would fit it
            models["weekly"] = models["bagged"].boosters[0]
            fitted = len(past)
        if anew:
            models["static"], models["no_history"] = models["bagged"], models["weekly_no_history"]
        if not chosen.any():
            continue
        version = hashlib.sha256(models["bagged"].model_to_string().encode()).hexdigest()[:10]
        versions[chosen] = f"{pd.Timestamp(start, unit='s'):%Y-%m-%d}-{version}"
        for name, matrix in (
            ("bagged", full), ("weekly", full), ("static", full), ("weekly_no_history", plain),
            ("frozen_history", cold), ("no_history", plain),
        ):  # fmt: skip
            booster = models["static" if name == "frozen_history" else name]
            out[name][chosen] = booster.predict(matrix[chosen], num_threads=1)
        _nightly(
            out["leaf_refit"], models["static"].boosters[0], full, y, decision, known, start, min(end, decision[-1])
        )
    for entity in as_entities(spec.entities):
        out[f"{_short(entity.name)}_rate"] = _rate(live, entity.name, spec)
    return _Arms(out, versions)


def _hazards(
    rows: pd.DataFrame, spec: Spec, plain: Floats, train_until: pd.Timestamp, test: npt.NDArray[np.bool_]
) -> dict[str, Floats]:
    """Arms that learn from open work, where labels take too long to tell of today."""
    decision, matured = seconds(rows["decision_time"]), _matured(rows)
    if "promised_time" not in rows.columns or not delayed(decision[~test], matured[~test]):
        return {}
    local = pd.to_datetime(rows["decision_time"], utc=True).dt.tz_convert(spec.timezone).dt.tz_localize(None)
    spells = Spells(
        decision, seconds(rows["concluded_at"]), seconds(rows["ended_time"]), seconds(rows["promised_time"]),
        seconds(local),
    )  # fmt: skip
    count = len(spec.categories)
    cut = plain.shape[1] - count
    own = np.column_stack([plain[:, : cut - len(CALENDAR)], plain[:, cut:]])  # the bins have a calendar of their own
    until_s = float(seconds(pd.Series([train_until]))[0])
    origins = _origins(decision, until_s, spec.refit_days)
    return hazard_arms(spells, own, count, origins, until_s, spec.recency_days)


def _matured(rows: pd.DataFrame) -> Floats:
    """When a label may teach a model: ``mature_time`` where the rows have one, never before it is known."""
    known = seconds(rows["label_time"])
    return known if "mature_time" not in rows.columns else np.maximum(known, seconds(rows["mature_time"]))


def _short(name: str) -> str:
    """``attributes.mode*zone_id`` -> ``mode*zone``."""
    return "*".join(one.split(".")[-1].removesuffix("_id") for one in name.split("*"))


def _rate(live: pd.DataFrame, name: str, spec: Spec) -> Floats:
    """The rate of an entity over the middle half-life."""
    half = sorted(spec.half_lives_days)[len(spec.half_lives_days) // 2]
    return live[f"{name}__rate_{half:g}d"].to_numpy(float)


def _nightly(
    out: Floats, booster: Any, matrix: Floats, y: Floats, decision: Floats, known: Floats, start: float, end: float
) -> None:
    """Leaves refitted every night on the labels of the last weeks that are known by then."""
    night, seen, refitted = start, -1, booster
    while night < end:
        chosen = (decision > night) & (decision <= min(night + DAY_S, end))
        if chosen.any():
            past = (known <= night) & (decision <= night) & (decision > night - REFIT_WINDOW_DAYS * DAY_S)
            if past.sum() >= FEWEST_ROWS and past.sum() - seen >= 20 and len(np.unique(y[past])) == 2:
                seen, refitted = int(past.sum()), refit_leaves(booster, matrix[past], y[past])
            out[chosen] = refitted.predict(matrix[chosen], num_threads=1)
        night += DAY_S


def _online(
    rows: pd.DataFrame, spec: Spec, arms: _Arms, live: pd.DataFrame, test: npt.NDArray[np.bool_]
) -> tuple[dict[str, Floats], list[dict[str, Any]]]:
    """Go through decisions and matured labels in order of time; every label is learned once, when it is known."""
    y = rows["label"].to_numpy(float)
    rates = [name for name in arms.values if name.endswith("_rate")]
    names: tuple[str, ...] = ("bagged", "weekly", "static", "leaf_refit", "weekly_no_history", "no_history", *rates)
    if "survival" in arms.values:
        # what learns from labels of weeks ago follows drift in opposite phase: only what does not, competes
        names = ("survival", "survival_frozen", "no_history")
    table = np.column_stack([arms.values[name] for name in names])
    linear = linear_inputs(live, ~test)
    extra, first_weight = "survival" not in arms.values, FEW_FIRST if (~test).sum() < SMALL else FIRST
    layer = OnlineLayer(names, linear.shape[1], float(y[~test].mean()), extra, first_weight)
    said = np.full((len(rows), layer.slots), np.nan)
    out = {name: np.full(len(rows), np.nan) for name in ("fivefold", "mixture", *EXTRA)}
    log: list[dict[str, Any]] = []
    noted = -np.inf
    kinds, who, times = timeline(seconds(rows["decision_time"]), _matured(rows))
    for kind, row, now in zip(kinds.tolist(), who.tolist(), times.tolist(), strict=True):
        if kind == ASK:
            if np.isfinite(table[row, 0]):
                out["fivefold"][row], out["mixture"][row] = layer.predict(table[row], linear[row], now, said[row])
                if now >= noted + spec.refit_days * DAY_S:
                    noted = now
                    log.append({"as_of": pd.Timestamp(now, unit="s").isoformat(), **layer.mixture.weights})
        elif kind in (LEARN, LATE_LEARN):
            layer.learn(said[row], linear[row], y[row], out["mixture"][row], now)
    for number, name in enumerate(EXTRA, len(names)):
        out[name] = said[:, number]
    return out, log


def _result(
    rows: pd.DataFrame,
    spec: Spec,
    arms: _Arms,
    live: pd.DataFrame,
    weights: list[dict[str, Any]],
    test: npt.NDArray[np.bool_],
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Scores of every arm on the test rows, cut by month and by number of known outcomes."""
    y = rows["label"].to_numpy(float)
    moment = pd.to_datetime(rows["decision_time"], utc=True).dt.tz_convert(spec.timezone)
    day = moment.dt.strftime("%Y-%m-%d").to_numpy(object)
    month = moment.dt.strftime("%Y-%m").to_numpy(object)
    scored = test & np.isfinite(arms.values["fivefold"])

    def scores(name: str, where: npt.NDArray[np.bool_]) -> dict[str, float | None]:
        p = arms.values[name]
        good = where & np.isfinite(p)
        return binary_scores(y[good], p[good], day[good]) if good.any() else {}

    baselines = {name: scores(name, scored) for name in arms.values if name != "fivefold"}
    for name, told in TOLD.items():
        baselines[told] = baselines.pop(name)
    months = {str(one): scored & (month == one) for one in sorted(set(month[scored]))}
    curves = {
        name: {
            "full_loop": scores("fivefold", where),
            "frozen_model_live_state": scores("static", where),
            "frozen_model_frozen_state": scores("frozen_history", where),
        }
        for name, where in months.items()
    }
    result: dict[str, Any] = {
        **scores("fivefold", scored),
        "n_train": int((~test).sum()),
        "n_test": int(scored.sum()),
        "n_unscored": int((test & ~scored).sum()),
        "rate": float(y[scored].mean()),
        "baselines": baselines,
        "by_month": {name: {"n": int(where.sum())} | scores("fivefold", where) for name, where in months.items()},
        "loop_gap_by_month": {name: _gaps(curve) for name, curve in curves.items()},
        "loop_curves_by_month": curves,
        "cold_start": _cold_start(y, arms, live, spec, scored),
        "reliability": reliability(y[scored], arms.values["fivefold"][scored]),
        "expert_weights": weights,
        "paired_bootstrap": compare_arms(
            y[scored],
            arms.values["fivefold"][scored],
            {TOLD.get(name, name): p[scored] for name, p in arms.values.items() if name != "fivefold"},
            _clusters(rows, spec, day)[scored],
            binary=True,
        ),
    }
    entity = rows["entity"] if "entity" in rows.columns else pd.Series(rows.index, index=rows.index)
    frame = pd.DataFrame(
        {
            "entity": entity,
            "as_of": rows["decision_time"],
            "prediction": arms.values["fivefold"],
            "label": y,
            "label_time": rows["label_time"],
            "model_version": arms.versions,
            **{f"arm_{name}": p for name, p in arms.values.items() if name != "fivefold"},
        }
    )
    return result, frame[scored].reset_index(drop=True)


def _clusters(rows: pd.DataFrame, spec: Spec, day: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What hangs together in the bootstrap: the declared columns (a driver-day), else the day."""
    if not spec.cluster:
        return day
    return joined(rows, spec.cluster)


def _gaps(curve: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    """Full loop minus the frozen arms."""
    out: dict[str, Any] = {}
    for score in ("roc_auc", "pr_auc"):
        ours = curve["full_loop"].get(score)
        for arm, suffix in (("frozen_model_frozen_state", ""), ("frozen_model_live_state", "_to_live_state")):
            theirs = curve[arm].get(score)
            out[f"{score}{suffix}"] = None if ours is None or theirs is None else ours - theirs
    return out


def _cold_start(
    y: Floats, arms: _Arms, live: pd.DataFrame, spec: Spec, scored: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Scores by number of outcomes of the entity (``cold_start``, else the first) known at the decision."""
    if not spec.entities:
        return []
    entity = spec.cold_start or as_entities(spec.entities)[0].name
    known = live[f"{entity}__count"].to_numpy(float)
    out: list[dict[str, Any]] = []
    for low, high in ((0, 0), (1, 2), (3, 5), (6, 15), (16, np.inf)):
        where = scored & (known >= low) & (known <= high)
        if where.any():
            name = f"{low}" if low == high else f"{low}-{high:g}" if np.isfinite(high) else f"{low}+"
            p = arms.values["fivefold"][where]
            out.append({"known_outcomes": name, "n": int(where.sum())} | binary_scores(y[where], p))
    return out
