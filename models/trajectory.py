"""Is the loop worth it, and is it still getting better? Weekly curves of a learning arm beside a frozen control arm.

The gain of a decision is the loss of the frozen arm minus the loss of the learning arm. Its slope over weeks is a least
squares line; intervals resample whole clusters (days), because decisions of a day hang together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import InputError
from models.metrics import pr_auc, roc_auc
from models.promotion import row_losses

Floats = npt.NDArray[np.float64]
RESAMPLES, SEED = 1_000, 17
FEWEST_WEEKS = 3
FEWEST_IN_WEEK = 50
IMPROVING, PLATEAU, WORSENING = "improving", "plateau", "worsening"


def trajectory(
    when: pd.Series,
    y: Floats,
    learning: Floats,
    frozen: Floats,
    *,
    binary: bool = True,
    timezone: str = "UTC",
    fewest: int = FEWEST_IN_WEEK,
) -> dict[str, Any]:
    """Weekly losses of both arms, the mean gain, its slope a week, and what that slope is to be called.

    Args:
        when: moment of each decision.
        y: outcome, 0 or 1 (``binary``) or seconds.
        fewest: decisions that a week must have to count.
        learning, frozen: what each arm said of the same decision; rows where one of them is missing are left out.

    Returns:
        ``weeks``; ``gain`` and ``slope_per_week``, as a share of the frozen arm's mean loss, with 95 % intervals;
        ``verdict``: improving (the slope's interval is above 0), worsening (below) or plateau (it holds 0);
        ``late_verdict``: the same of the later half of the weeks.

    Raises:
        InputError: fewer than three weeks of ``fewest`` decisions.
    """
    good = np.isfinite(learning) & np.isfinite(frozen) & np.isfinite(y)
    moment = pd.to_datetime(when, utc=True).dt.tz_convert(timezone)[good].reset_index(drop=True)
    y, learning, frozen = y[good], learning[good], frozen[good]
    day = moment.dt.normalize().dt.tz_localize(None)
    week = day - pd.to_timedelta(day.dt.dayofweek, unit="D")
    counts = week.value_counts()
    kept = week.isin(counts.index[counts >= fewest]).to_numpy()
    y, learning, frozen = y[kept], learning[kept], frozen[kept]
    day, week = day[kept].reset_index(drop=True), week[kept].reset_index(drop=True)
    starts = sorted(week.unique())
    if len(starts) < FEWEST_WEEKS:
        raise InputError(f"a trajectory needs {FEWEST_WEEKS} weeks of {fewest} decisions; there are {len(starts)}")
    number = week.map({one: place for place, one in enumerate(starts)}).to_numpy(float)
    ours, theirs = row_losses(y, learning, binary), row_losses(y, frozen, binary)
    gain, scale = theirs - ours, max(float(theirs.mean()), 1e-12)
    weeks = [
        _week(start, where, y, learning, frozen, ours, theirs, binary)
        for place, start in enumerate(starts)
        if (where := number == place).any()
    ]
    mean, slope = _resampled(gain, number, pd.factorize(day)[0])
    middle = number >= len(starts) / 2
    late = _resampled(gain[middle], number[middle], pd.factorize(day[middle])[0])[1] if len(starts) >= 6 else None
    found: dict[str, Any] = {
        "loss": "log loss" if binary else "absolute error, s",
        "decisions": len(y),
        "weeks": weeks,
        "gain": _scaled(mean, scale),
        "slope_per_week": _scaled(slope, scale),
        "verdict": _verdict(slope),
    }
    if late is not None:
        found |= {"late_slope_per_week": _scaled(late, scale), "late_verdict": _verdict(late)}
    return found


def _week(
    start: Any, where: npt.NDArray[np.bool_], y: Floats, learning: Floats, frozen: Floats, ours: Floats,
    theirs: Floats, binary: bool,
) -> dict[str, Any]:  # fmt: skip
    row: dict[str, Any] = {
        "week": pd.Timestamp(start).date().isoformat(),
        "n": int(where.sum()),
        "learning_loss": float(ours[where].mean()),
        "frozen_loss": float(theirs[where].mean()),
        "gain": float((theirs - ours)[where].mean()),
    }
    if binary:
        row["rate"] = float(y[where].mean())
        for name, p in (("learning", learning), ("frozen", frozen)):
            row[f"{name}_pr_auc"] = pr_auc(y[where], p[where])
            row[f"{name}_roc_auc"] = roc_auc(y[where], p[where])
    return row


def _line(x: Floats, total: Floats, count: Floats) -> float:
    """Slope of the least squares line through rows summed by cluster."""
    weight = count.sum()
    centre = float((x * count).sum() / weight)
    spread = float((count * (x - centre) ** 2).sum())
    return float(((x - centre) * total).sum() / spread) if spread > 0 else 0.0


def _resampled(gain: Floats, week: npt.NDArray[Any], cluster: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean and slope with the ends of their intervals: estimate, low, high."""
    size = int(cluster.max()) + 1
    total = np.asarray(np.bincount(cluster, weights=gain, minlength=size), dtype=np.float64)
    count = np.asarray(np.bincount(cluster, minlength=size), dtype=np.float64)
    x = np.asarray(np.bincount(cluster, weights=week, minlength=size) / count, dtype=np.float64)
    rng = np.random.default_rng(SEED)
    means, slopes = np.empty(RESAMPLES), np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = rng.integers(0, size, size)
        means[number] = total[drawn].sum() / count[drawn].sum()
        slopes[number] = _line(x[drawn], total[drawn], count[drawn])
    mean = np.array([gain.mean(), *np.quantile(means, [0.025, 0.975])])
    return mean, np.array([_line(x, total, count), *np.quantile(slopes, [0.025, 0.975])])


def _scaled(values: Floats, scale: float) -> dict[str, float]:
    return dict(zip(("estimate", "low", "high"), (values / scale).tolist(), strict=True))


def _verdict(slope: Floats) -> str:
    if slope[1] > 0:
        return IMPROVING
    return WORSENING if slope[2] < 0 else PLATEAU
