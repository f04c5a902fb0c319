"""Chance of a broken promise where labels take weeks: a discrete-time hazard, learned from open work too.

A label of a promise of three weeks tells of three weeks ago, and the labels that come early are the ones in time. The
time that work has been open so far is known now: every bin of age that an order lived through is a row that says
whether it ended there, and an order that is still open counts as at risk until now (right-censored; Cox 1972, Singer,
Willett 1993). P(late) is the chance to survive all bins up to the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.state import DAY_S
from models.training import Bag, fit, parameters_for, recency_weights, slots_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEAST_DELAY_DAYS = 10.0
"""Labels that mature faster than this (median) need no hazard: they tell of today themselves."""
BINS = 8
"""Bins of age up to the median promise: finer ones are more rows and rarer ends in each, and rank worse."""
MOST_BINS = 40
ROUNDS = 80
HAZARD = {"learning_rate": 0.08, "num_leaves": 8, "min_data_in_leaf": 500, "feature_fraction": 0.8}
"""Small trees that see nearly all columns: age, what is left and the work in progress are few, and each is needed."""
BOOSTERS = 5
"""Boosters with seeds of their own, averaged: waves are few, and which one a single booster took to is chance."""
PACE_DAYS = 7.0
PACE_PRIOR = 10.0
"""Ends that the pace of 1 counts for."""
FEWEST_OPEN = 20.0
"""Open orders that the share of overdue ones is shrunk by."""
THURSDAY = 3
"""1970-01-01 in days of the week from Monday = 0."""


@dataclass(frozen=True)
class Spells:
    """Orders with their clocks, seconds: decided, ended (and when that was known), promised; local: zone's offset."""

    decision: Floats
    ended: Floats
    known: Floats
    promised: Floats
    local: Floats

    @property
    def width(self) -> float:
        """Width of a bin of age, seconds: whole days where promises are of weeks."""
        width = float(np.median(self.promised - self.decision)) / BINS
        return max(DAY_S, round(width / DAY_S) * DAY_S) if width > DAY_S / 2 else max(width, 60.0)


def delayed(decision: Floats, matured: Floats) -> bool:
    """Whether labels take so long that what learns from them follows drift in opposite phase."""
    waits = (matured - decision)[np.isfinite(matured)]
    return bool(len(waits)) and float(np.median(waits)) > LEAST_DELAY_DAYS * DAY_S


@dataclass
class _Periods:
    """One row an order and bin of age it lived into: order, bin, whether it ended in it, end of the bin in time."""

    order: Ints
    age: Ints
    event: Floats
    end: Floats
    known: Floats


def _periods(spells: Spells) -> _Periods:
    width = spells.width
    last = np.maximum(spells.ended, spells.decision + 1.0)
    count = np.clip(np.ceil((last - spells.decision) / width), 1, MOST_BINS).astype(np.int64)
    order = np.repeat(np.arange(len(count)), count)
    age = np.concatenate([np.arange(one) for one in count]) if len(count) else np.empty(0, np.int64)
    end = spells.decision[order] + (age + 1) * width
    event = (last[order] <= end).astype(float)
    # an end counts when it is known; a bin survived, at its end
    known = np.where(event > 0, np.maximum(spells.known[order], spells.decision[order]), end)
    return _Periods(order, age, event, end, known)


def _pace(periods: _Periods, spells: Spells, before: float) -> tuple[Floats, float]:
    """Log of ends over expected ends by day, decayed: how fast work ends now beside how it did ``before``."""
    weekday = _weekday(spells, periods.order, periods.age)
    past = periods.known <= before
    ends, risk = np.zeros((MOST_BINS, 7)), np.zeros((MOST_BINS, 7))
    np.add.at(ends, (periods.age[past], weekday[past]), periods.event[past])
    np.add.at(risk, (periods.age[past], weekday[past]), 1.0)
    overall = ends.sum(axis=1) / np.maximum(risk.sum(axis=1), 1.0)
    expected = ((ends + 5 * overall[:, None]) / (risk + 5))[periods.age, weekday]
    first = float(spells.decision.min())
    day = np.floor((periods.known - first) / DAY_S).astype(np.int64)
    good = np.isfinite(periods.known)
    days = int(day[good].max(initial=0)) + 2
    observed = np.bincount(day[good], weights=periods.event[good], minlength=days)
    hoped = np.bincount(day[good], weights=expected[good], minlength=days)
    fade, o, e = 0.5 ** (1 / PACE_DAYS), 0.0, 0.0
    out = np.zeros(days)
    for number in range(days):  # as of the beginning of the day
        out[number] = np.log((o + PACE_PRIOR) / (e + PACE_PRIOR))
        o, e = o * fade + observed[number], e * fade + hoped[number]
    return out, first


def _in_progress(spells: Spells, first: float, days: int) -> Floats:
    """By day, as of its beginning: how long the open orders last at the pace at which orders end (days, log; Little's
    law), and the share of them whose promise has passed: a first sign of a wave, weeks before its labels are whole."""

    def day_of(moments: Floats) -> Ints:
        return np.clip(np.floor((moments - first) / DAY_S), 0, days).astype(np.int64)

    known = np.where(np.isfinite(spells.known), np.maximum(spells.known, spells.decision), np.inf)
    begun, ended, due = day_of(spells.decision), day_of(known), day_of(spells.promised)
    ends = np.bincount(ended, minlength=days + 1)[:days].astype(float)
    waiting = np.cumsum(np.bincount(begun, minlength=days + 1)[:days] - ends)
    late = ended > due
    overdue = np.cumsum(
        np.bincount(due[late], minlength=days + 1)[:days] - np.bincount(ended[late], minlength=days + 1)[:days]
    )
    fade, o, weight = 0.5 ** (1 / PACE_DAYS), 0.0, 0.0
    out = np.zeros((days, 2))
    for number in range(days):  # as of the beginning of the day
        there, beyond = (waiting[number - 1], overdue[number - 1]) if number else (0.0, 0.0)
        a_day = (o + 1.0) / (weight + 0.2)
        out[number] = np.log((there + 5.0) / (a_day + 0.1)), (beyond + 1.0) / (there + FEWEST_OPEN)
        o, weight = o * fade + ends[number], weight * fade + 1.0
    return out


def _weekday(spells: Spells, order: Ints, age: Ints) -> Ints:
    local = spells.local[order] + age * spells.width
    return np.asarray((np.floor(local / DAY_S) + THURSDAY) % 7, dtype=np.int64)


def hazard_arms(
    spells: Spells, plain: Floats, categories: int, origins: Sequence[float], until: float, recency_days: float
) -> dict[str, Floats]:
    """P(late) of every order after the first origin by models fitted at each origin, and by the one of ``until``.

    ``plain``: features known at the decision, the last ``categories`` columns are codes. Returns ``survival`` (refitted
    at every origin on what was known by then, open orders at risk) and ``survival_frozen`` (fitted once).
    """
    periods = _periods(spells)
    pace, first = _pace(periods, spells, origins[0])
    progress = _in_progress(spells, first, len(pace))
    cut = plain.shape[1] - categories
    width = spells.width

    def matrix(order: Ints, age: Ints, moment: Floats) -> Floats:
        day = np.clip(np.floor((moment - first) / DAY_S), 0, len(pace) - 1).astype(np.int64)
        left = (spells.promised[order] - spells.decision[order]) / width - age
        own = np.column_stack([age, left, _weekday(spells, order, age), pace[day], progress[day]])
        return np.column_stack([plain[order][:, :cut], own, plain[order][:, cut:]])

    # a bin is seen with the pace at its beginning
    x = matrix(periods.order, periods.age, periods.end - width)
    out = {name: np.full(len(plain), np.nan) for name in ("survival", "survival_frozen")}
    frozen: Any = None
    for number, start in enumerate(origins):
        stop = origins[number + 1] if number + 1 < len(origins) else np.inf
        past = (periods.known <= start) & (periods.end <= start)
        chosen = np.flatnonzero((spells.decision > start) & (spells.decision <= stop))
        if past.sum() < 1_000 or not 0 < periods.event[past].sum() < past.sum():
            continue
        parameters = parameters_for("binary", int(past.sum())) | HAZARD
        slots = slots_of(x.shape[1] - categories, categories)
        weight = recency_weights((start - periods.end[past]) / DAY_S, recency_days)
        seeds = [parameters | {"seed": number} for number in range(BOOSTERS)]
        model = Bag([fit(x[past], periods.event[past], slots, one, ROUNDS, weight) for one in seeds])
        if frozen is None or start == until:
            frozen = model
        if len(chosen):
            out["survival"][chosen] = _late(model, spells, chosen, matrix)
            out["survival_frozen"][chosen] = _late(frozen, spells, chosen, matrix)
    return out


def _late(model: Any, spells: Spells, chosen: Ints, matrix: Any) -> Floats:
    """Chance to be open at the promise: the product over the bins until then, the last one in part."""
    lead = np.maximum(spells.promised[chosen] - spells.decision[chosen], 0.0) / spells.width
    count = np.clip(np.ceil(lead), 1, MOST_BINS).astype(np.int64)
    owner = np.repeat(np.arange(len(chosen)), count)
    age = np.concatenate([np.arange(one) for one in count])
    hazard = model.predict(matrix(chosen[owner], age, spells.decision[chosen[owner]]), num_threads=1)
    part = np.clip(lead[owner] - age, 0.0, 1.0)
    logs = part * np.log1p(-np.clip(hazard, 0.0, 0.999))
    return np.exp(np.bincount(owner, weights=logs, minlength=len(chosen)))
