"""State of entities: decayed counters of outcomes, one class for replaying history and for scoring live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

DAY_S = 86_400.0
HALF_LIVES_DAYS = (14.0, 90.0)
PRIOR_WEIGHT = 4.0
"""Observations the mean over all entities counts for in a rate."""
FEATURES_PER_ENTITY = 2 * len(HALF_LIVES_DAYS) + 4


@dataclass(slots=True)
class _Counter:
    count: float = 0.0
    total: float = 0.0
    decayed: list[float] = field(default_factory=lambda: [0.0] * (2 * len(HALF_LIVES_DAYS)))
    updated_s: float = 0.0
    last: float = np.nan


class EntityState:
    """Counts, decayed rates and the last outcome of every value of every entity column.

    ``learn`` takes an outcome when it becomes known; ``features`` asks at a decision. Times are seconds since an epoch
    and must not run backwards between calls that change the state.

    >>> state = EntityState(["customer_id"])
    >>> state.learn(("anna",), outcome=1.0, known_s=0.0)
    >>> state.features(("anna",), at_s=0.0)[0]
    1.0
    """

    def __init__(self, entities: Sequence[str]) -> None:
        self.entities = tuple(entities)
        self._counters: list[dict[object, _Counter]] = [{} for _ in self.entities]
        self._seen = 0.0
        self._sum = 0.0

    @property
    def names(self) -> list[str]:
        """Names of the features, in the order ``features`` gives them."""
        per = [
            "count",
            "rate",
            *(f"{kind}_{half:g}d" for half in HALF_LIVES_DAYS for kind in ("count", "rate")),
            "last",
            "days_since",
        ]
        return [f"{entity}__{one}" for entity in self.entities for one in per]

    @property
    def prior(self) -> float:
        """Mean outcome of all that was learned (0.5 of one observation before any)."""
        return (self._sum + 0.05) / (self._seen + 1.0)

    def features(self, values: Sequence[object], at_s: float) -> list[float]:
        """What is known of the entities at ``at_s``; an unseen one has counts of 0, prior rates and no last outcome."""
        prior = self.prior
        out: list[float] = []
        for counters, value in zip(self._counters, values, strict=True):
            one = counters.get(value)
            if one is None:
                out += [0.0, prior] + [0.0, prior] * len(HALF_LIVES_DAYS) + [np.nan, np.nan]
                continue
            out += [one.count, (one.total + PRIOR_WEIGHT * prior) / (one.count + PRIOR_WEIGHT)]
            age_days = (at_s - one.updated_s) / DAY_S
            for number, half in enumerate(HALF_LIVES_DAYS):
                fade = 0.5 ** (age_days / half)
                count, total = one.decayed[2 * number] * fade, one.decayed[2 * number + 1] * fade
                out += [count, (total + PRIOR_WEIGHT * prior) / (count + PRIOR_WEIGHT)]
            out += [one.last, age_days]
        return out

    def learn(self, values: Sequence[object], outcome: float, known_s: float) -> None:
        """Take in an outcome (0, 1 or any number) of the entities; missing values and NaN outcomes are passed over."""
        if not np.isfinite(outcome):
            return
        self._seen += 1.0
        self._sum += outcome
        for counters, value in zip(self._counters, values, strict=True):
            if value is None or (isinstance(value, float) and np.isnan(value)):
                continue
            one = counters.setdefault(value, _Counter(updated_s=known_s))
            fade_days = max(0.0, known_s - one.updated_s) / DAY_S
            for number, half in enumerate(HALF_LIVES_DAYS):
                fade = 0.5 ** (fade_days / half)
                one.decayed[2 * number] = one.decayed[2 * number] * fade + 1.0
                one.decayed[2 * number + 1] = one.decayed[2 * number + 1] * fade + outcome
            one.count += 1.0
            one.total += outcome
            one.updated_s = max(one.updated_s, known_s)
            one.last = outcome


def replay(rows: pd.DataFrame, entities: Sequence[str], *, freeze_after: pd.Timestamp | None = None) -> pd.DataFrame:
    """Features of every row at its ``decision_time``, from labels with ``label_time`` up to then and no later.

    ``rows`` needs decision_time, label_time, label and the entity columns. ``freeze_after`` keeps the state as it was
    at that moment: the frozen arm of an experiment.
    """
    state = EntityState(entities)
    if not entities or rows.empty:
        return pd.DataFrame(index=rows.index)
    decision = _seconds(rows["decision_time"])
    known = _seconds(rows["label_time"])
    if freeze_after is not None:
        limit = _seconds(pd.Series([freeze_after]))[0]
        known = np.where(known > limit, np.inf, known)
    known = np.where(np.isfinite(known), known, np.inf)
    # an outcome cannot be known before the decision that led to it, whatever clocks say
    known = np.maximum(known, decision)
    labels = rows["label"].to_numpy(float)
    keys = list(zip(*(rows[name].to_numpy(object) for name in entities), strict=True))
    learn_order = np.argsort(known, kind="stable")
    out = np.empty((len(rows), len(state.names)))
    next_label = 0
    for index in np.argsort(decision, kind="stable"):
        now = decision[index]
        while next_label < len(rows) and known[learn_order[next_label]] <= now:
            row = learn_order[next_label]
            if row == index or (known[row] >= now and decision[row] >= now):
                break  # decided at this very moment: not known yet
            state.learn(keys[row], labels[row], known[row])
            next_label += 1
        out[index] = state.features(keys[index], now)
    return pd.DataFrame(out, index=rows.index, columns=state.names)


def _seconds(times: pd.Series) -> npt.NDArray[np.float64]:
    moments = pd.to_datetime(times, utc=True)
    return np.asarray((moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=float)
