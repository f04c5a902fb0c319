"""From residuals of legs to arrivals along a route: a shared driver-day factor, silence, and hazards by exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SAMPLES = 2_000
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Residuals:
    """How reality differs from a plan: a factor on durations shared by the day, and one of each leg, both log-normal.

    ``bias``: log of actual over planned; ``day_sd`` is what the legs of one driver-day have in common, ``leg_sd`` what
    each has of its own. Independent legs summed would make intervals too narrow. ``usual``: the mean of the logs, from
    which a day's pace is told, where ``bias`` is another (one that keeps the sum of all legs); NaN: it is ``bias``.
    """

    bias: float
    day_sd: float
    leg_sd: float
    usual: float = float("nan")


def fit_residuals(planned_s: Floats, actual_s: Floats, driver_day: npt.NDArray[np.int64]) -> Residuals:
    """Variance components of log(actual / planned) by the method of moments (one-way random effects, Searle 1971)."""
    good = (planned_s > 0) & (actual_s > 0)
    ratio = np.log(actual_s[good] / planned_s[good])
    if len(ratio) < 2:
        return Residuals(0.0, 0.1, 0.3)
    low, high = np.quantile(ratio, [0.01, 0.99])
    ratio = np.clip(ratio, low, high)
    _, codes = np.unique(driver_day[good], return_inverse=True)
    count = np.bincount(codes).astype(float)
    mean = np.bincount(codes, weights=ratio) / count
    within = float(((ratio - mean[codes]) ** 2).sum() / max(len(ratio) - len(count), 1))
    overall = float(ratio.mean())
    between = float((count * (mean - overall) ** 2).sum() / max(len(count) - 1, 1))
    n0 = (count.sum() - (count**2).sum() / count.sum()) / max(len(count) - 1, 1)
    day = max(0.0, (between - within) / max(n0, 1e-9))
    return Residuals(overall, float(np.sqrt(day)), float(np.sqrt(within)))


def posterior_day_factor(residuals: Residuals, planned_s: Floats, actual_s: Floats) -> tuple[float, float]:
    """Mean and standard deviation of today's factor, given the legs driven so far (normal-normal update)."""
    good = (planned_s > 0) & (actual_s > 0)
    usual = residuals.bias if np.isnan(residuals.usual) else residuals.usual
    seen = np.log(actual_s[good] / planned_s[good]) - usual
    precision = 1 / max(residuals.day_sd**2, 1e-9) + len(seen) / max(residuals.leg_sd**2, 1e-9)
    mean = float(seen.sum() / max(residuals.leg_sd**2, 1e-9) / precision)
    return mean, float(np.sqrt(1 / precision))


def arrivals(
    planned_s: Sequence[float],
    residuals: Residuals,
    *,
    done_planned_s: Sequence[float] = (),
    done_actual_s: Sequence[float] = (),
    silent_s: float = 0.0,
    seed: int = 0,
    samples: int = SAMPLES,
) -> Floats:
    """Quantiles (stops, 5) of seconds from now until each remaining stop, at 5, 10, 50, 90 and 95 %.

    ``planned_s``: planned seconds of each remaining leg with the service before it, in order; the first leg began
    ``silent_s`` ago and its arrival has not been seen, so only worlds in which it takes longer count: a silent driver
    widens the interval. ``done_*``: today's finished legs, from which the day's factor is learned.
    """
    planned = np.maximum(np.asarray(planned_s, dtype=float), 1.0)
    mean, spread = posterior_day_factor(
        residuals, np.asarray(done_planned_s, dtype=float), np.asarray(done_actual_s, dtype=float)
    )
    rng = np.random.default_rng(seed)
    day = mean + spread * rng.standard_normal(samples)
    own = residuals.leg_sd * rng.standard_normal((samples, len(planned)))
    legs = planned * np.exp(residuals.bias + day[:, None] + own)
    if silent_s > 0:
        legs = _longer_than(legs, planned, residuals, silent_s, rng)
        legs[:, 0] -= silent_s
    return np.asarray(np.quantile(np.cumsum(legs, axis=1), LEVELS, axis=0).T)


def _longer_than(
    legs: Floats, planned: Floats, residuals: Residuals, silent_s: float, rng: np.random.Generator
) -> Floats:
    """Worlds in which the first leg takes longer than ``silent_s``, drawn by weight (importance resampling)."""
    alive = legs[:, 0] > silent_s
    if alive.sum() >= 50:
        return np.asarray(legs[rng.choice(np.flatnonzero(alive), len(legs))])
    # hardly any world is that slow: what remains of the leg is as uncertain as what has passed
    out = legs.copy()
    out[:, 0] = silent_s + silent_s * rng.exponential(max(residuals.leg_sd, 0.1), len(legs))
    return out


def chance_late(quantiles_s: Floats, window_end_s: Floats) -> Floats:
    """P(arrival > window end) for each stop, by linear interpolation between quantiles; tails are exponential."""
    out = np.empty(len(quantiles_s))
    for number, (q, end) in enumerate(zip(quantiles_s, window_end_s, strict=True)):
        if end <= q[0]:
            out[number] = 1 - LEVELS[0] * np.exp(-(q[0] - end) / max(q[1] - q[0], 1.0))
        elif end >= q[-1]:
            out[number] = (1 - LEVELS[-1]) * np.exp(-(end - q[-1]) / max(q[-1] - q[-2], 1.0))
        else:
            out[number] = 1 - np.interp(end, q, LEVELS)
    return np.clip(out, 0.0, 1.0)


def carried_hazard(rate_per_hour: float, exposure_s: Floats) -> Floats:
    """Chance that a route-level event (breakdown, storm) happens before each stop, by exposure until then.

    A constant hazard: 1 - exp(-rate x exposure); what is left of the exposure shrinks as the route goes on.
    """
    return np.asarray(1 - np.exp(-max(rate_per_hour, 0.0) * np.maximum(exposure_s, 0.0) / 3_600))


def hazard_rate(events: float, exposure_hours: float, prior_events: float = 0.5, prior_hours: float = 500.0) -> float:
    """Events an hour of a vehicle or weather cell, shrunk to a prior (gamma-Poisson)."""
    return (events + prior_events) / (exposure_hours + prior_hours)
