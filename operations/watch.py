"""When will each open stop of a route be served? A projection from what is known, as seeded paths.

Expected times of legs and doors come from history; how far reality strays from them is resampled from history too
(a bootstrap of ratios), scaled by the day's pace. A van that is early waits for the window to open, so that delays do
not simply add up: paths know that, a normal approximation does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import InputError

Floats = npt.NDArray[np.float64]
PRIOR_S = 5_400.0
"""Seconds of expected work that stand for a pace of 1: what a route has to show before its pace is believed."""
PACE_SPREAD = 0.15
"""Log spread of the pace of routes about what is expected before they set out; it shrinks as work is seen."""


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Expected seconds of a leg (``access_s + s_per_km * km``) and a door (``door_s + s_per_unit * service_s``), and
    the ratios actual / expected that history held."""

    access_s: float
    s_per_km: float
    door_s: float
    s_per_unit: float
    leg_ratios: Floats
    door_ratios: Floats

    def leg(self, km: Floats) -> Floats:
        """Expected seconds of legs."""
        return self.access_s + self.s_per_km * km

    def door(self, service_s: Floats) -> Floats:
        """Expected seconds at doors."""
        return self.door_s + self.s_per_unit * service_s


def fit_times(km: Floats, leg_s: Floats, service_s: Floats, door_s: Floats) -> TimeModel:
    """Least squares on history, robust by leaving out the slowest and quickest hundredth; ratios of all rows.

    Raises:
        InputError: fewer than 50 rows.
    """
    if min(len(km), len(service_s)) < 50:
        raise InputError(f"a time model needs 50 observed stops, has {min(len(km), len(service_s))}")

    def line(x: Floats, y: Floats) -> tuple[float, float]:
        low, high = np.quantile(y, [0.01, 0.99])
        keep = (y >= low) & (y <= high)
        slope, constant = np.polyfit(x[keep], y[keep], 1)
        if slope < 0 or constant < 0:
            return 0.0, float(y[keep].mean() / max(x[keep].mean(), 1e-9))
        return float(constant), float(slope)

    access, per_km = line(km, leg_s)
    door, per_unit = line(service_s, door_s)
    bare = TimeModel(access, per_km, door, per_unit, np.ones(1), np.ones(1))
    legs, doors = leg_s / np.maximum(bare.leg(km), 1.0), door_s / np.maximum(bare.door(service_s), 1.0)
    return TimeModel(access, per_km, door, per_unit, np.sort(np.maximum(legs, 0)), np.sort(np.maximum(doors, 0)))


def pace(actual_s: float, expected_s: float, prior_s: float = PRIOR_S) -> float:
    """How much slower than expected a route is, shrunk towards 1."""
    return (actual_s + prior_s) / (expected_s + prior_s)


def pace_spread(expected_s: float, prior: float = PACE_SPREAD, prior_s: float = PRIOR_S) -> float:
    """Log spread of the pace that is left after ``expected_s`` seconds of work were seen.

    The paths of one route share their pace: without it the hours ahead look surer than they are, and far stops get
    promises, or alarms, that do not hold.
    """
    return prior * float(np.sqrt(prior_s / (prior_s + max(expected_s, 0.0))))


@dataclass(frozen=True, slots=True)
class Projection:
    """Starts of service of the open stops, paths by stops, in the same seconds as the input."""

    starts: Floats

    def p_after(self, limits: Floats) -> Floats:
        """Probability of each stop starting after its limit (infinity: never)."""
        return np.asarray((self.starts > limits).mean(axis=0))

    def quantiles(self, q: Sequence[float]) -> Floats:
        """Quantiles by stops."""
        return np.asarray(np.quantile(self.starts, q, axis=0))


def project(
    model: TimeModel,
    clock_s: float,
    km: Floats,
    service_s: Floats,
    opens_s: Floats,
    *,
    pace_now: float | Floats = 1.0,
    spread: float = 0.0,
    paths: int = 200,
    seed: int = 0,
) -> Projection:
    """Paths of a route from ``clock_s`` (ready to leave for the first open stop).

    Args:
        model: from history.
        km, service_s: leg to, and expected door time of, each open stop in sequence.
        opens_s: start of each window (minus infinity: none).
        pace_now: factor on legs and doors; a column (paths, 1) where paths differ in it.
        spread: log spread of what that factor may be (``pace_spread``).
        paths, seed: how many, and of which draws; the same seed gives the same paths.
    """
    random, stops = np.random.default_rng(seed), len(km)
    own = pace_now * np.exp(spread * random.standard_normal((paths, 1)) - spread * spread / 2)
    legs = random.choice(model.leg_ratios, (paths, stops)) * (model.leg(km) * own)
    doors = random.choice(model.door_ratios, (paths, stops)) * (model.door(service_s) * own)
    starts, now = np.empty((paths, stops)), np.full(paths, float(clock_s))
    for stop in range(stops):
        now = np.maximum(now + legs[:, stop], opens_s[stop])
        starts[:, stop] = now
        now = now + doors[:, stop]
    return Projection(starts)
