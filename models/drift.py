"""Drift: has the loss of what decisions believed risen in a segment (ADWIN), have its inputs moved (PSI)?

An alarm asks for a retrain and shortens the evidence to what came after the change. It never promotes anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
DELTA = 5e-4
"""ADWIN's confidence. Its theory (Bifet, Gavalda 2007) wants independent values; means of a day's groups are only
nearly so, and there is a stream for every segment: hence a quarter of River's default."""
LEAST_RISE = 0.15
"""Share of its mean before by which a loss must have risen: what is proven but small changes no decision."""
WARM_UP, HEADROOM, RECENT = 20, 3.0, 400
PSI_BINS, PSI_ALARM = 10, 0.25
"""Above 0.25 a distribution has shifted (Siddiqi 2006)."""
FEWEST_FOR_PSI = 200


@dataclass(frozen=True, slots=True)
class Alarm:
    """A loss that rose, or (``both_ways``) a level that moved: in which stream and segment, when, since when.

    ``values_since``: how many of the stream's newest values are from after the change.
    """

    stream: str
    segment: str
    day: date
    before: float
    after: float
    values_since: int

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "stream": self.stream,
            "segment": self.segment,
            "day": self.day.isoformat(),
            "before": round(self.before, 5),
            "after": round(self.after, 5),
            "values_since": self.values_since,
        }


@dataclass
class Monitor:
    """ADWIN a stream and segment.

    ADWIN's bound assumes values of 0..1, and sees nothing where they fill a hundredth of it: the first ``WARM_UP``
    values of a stream set a scale of ``HEADROOM`` times their mean, at which later ones are cut.
    """

    delta: float = DELTA
    _windows: dict[tuple[str, str], Any] = field(default_factory=dict)
    _warming: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    _scales: dict[tuple[str, str], float] = field(default_factory=dict)
    _recent: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def observe(
        self,
        stream: str,
        segment: str,
        day: date,
        values: Iterable[float],
        *,
        least: float = 0.0,
        scale: float | None = None,
        both_ways: bool = False,
    ) -> Alarm | None:
        """Take in a day's values of a stream in order; the alarm they raise, if they do.

        ``least``: what the mean must have moved by, in the stream's own unit, to be worth an alarm. ``scale``: of
        values whose range is known (a share: 1). After an alarm the window holds only what came after the change, so
        one change raises one alarm.
        """
        key, fed = (stream, segment), [float(one) for one in values if np.isfinite(one)]
        if key not in self._scales:
            warming = self._warming.setdefault(key, [])
            warming += fed
            if len(warming) < WARM_UP:
                return None
            self._scales[key] = scale or max(HEADROOM * float(np.mean(warming)), 1e-9)
            self._windows[key] = self._new()
            fed = self._warming.pop(key)
        found, width = None, self._scales[key]
        recent = self._recent.setdefault(key, [])
        for value in fed:
            cut = min(max(value / width, 0.0), 1.0)
            recent.append(cut)
            del recent[:-RECENT]
            self._windows[key].update(cut)
            if not self._windows[key].drift_detected:
                continue
            # ADWIN proves that the mean moved; it lets go of the past only slowly, so the moment is looked for here
            place = _change(np.array(recent))
            before, after = float(np.mean(recent[:place])), float(np.mean(recent[place:]))
            moved = after - before if not both_ways else abs(after - before)
            if moved > before * LEAST_RISE and moved * width >= least:
                found = Alarm(stream, segment, day, before * width, after * width, len(recent) - place)
                del recent[:place]
                self._windows[key] = self._new(recent)
        return found

    def _new(self, values: Iterable[float] = ()) -> Any:
        from river.drift import ADWIN

        window = ADWIN(delta=self.delta, clock=1, min_window_length=3, grace_period=10)
        for value in values:
            window.update(value)
        return window


def _change(values: Floats) -> int:
    """Where the mean moved most clearly: the split with the largest gain in squared error (at least 3 on each side)."""
    size = len(values)
    places = np.arange(3, size - 2)
    if not len(places):
        return size // 2
    sums = np.cumsum(values)
    left, total = sums[places - 1], sums[-1]
    gap = (total - left) / (size - places) - left / places
    return int(places[np.argmax(gap * gap * places * (size - places))])


def chunk_means(values: Floats, size: int) -> Floats:
    """Means of consecutive groups of ``size``; the rest of less than half of it is dropped."""
    whole = len(values) // size
    means = values[: whole * size].reshape(whole, size).mean(axis=1)
    rest = values[whole * size :]
    return np.append(means, rest.mean()) if len(rest) * 2 >= size else means


def psi(expected: Floats, actual: Floats, bins: int = PSI_BINS) -> float | None:
    """Population stability index of a number over the deciles of ``expected``; missing values are a bin of their own.

    None where either side has fewer than ``FEWEST_FOR_PSI`` values.
    """
    if min(len(expected), len(actual)) < FEWEST_FOR_PSI:
        return None
    there = expected[np.isfinite(expected)]
    if not len(there):
        return 0.0 if not np.isfinite(actual).any() else None
    edges = np.unique(np.quantile(there, np.linspace(0, 1, bins + 1)[1:-1]))

    def shares(values: Floats) -> Floats:
        good = values[np.isfinite(values)]
        counts = np.bincount(np.searchsorted(edges, good, side="right"), minlength=len(edges) + 1)
        counts = np.append(counts, len(values) - len(good))
        return np.asarray((counts + 0.5) / (len(values) + 0.5 * len(counts)))

    p, q = shares(expected), shares(actual)
    return float(((q - p) * np.log(q / p)).sum())


def feature_shifts(before: pd.DataFrame, now: pd.DataFrame, names: Iterable[str]) -> list[dict[str, Any]]:
    """PSI of each number that is in both frames, the largest first; ``shifted`` above ``PSI_ALARM``."""
    found = []
    for name in names:
        if name not in before.columns or name not in now.columns:
            continue
        a, b = (pd.to_numeric(one[name], errors="coerce").to_numpy(float, na_value=np.nan) for one in (before, now))
        value = psi(a, b)
        if value is not None:
            found.append({"feature": name, "psi": round(value, 4), "shifted": value > PSI_ALARM})
    return sorted(found, key=lambda one: -one["psi"])


def flipped(y: Floats, share: float, seed: int = 0) -> Floats:
    """Labels of which a share was flipped: what a poisoned batch looks like, for drills."""
    rng = np.random.default_rng(seed)
    chosen = rng.random(len(y)) < share
    return np.where(chosen, 1 - y, y)
