"""Intervals of arrival for every stop of a planned route, before it departs: learned from how past routes went.

A route is played many times: departure as late as departures were, legs and services longer or shorter by what the
driver-days of the past had in common and what each had of its own, waiting at windows as planned. What the newest days
then show beyond their intervals, by number of stops ahead, is added (conformalised quantiles).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from models.intervals import FEWEST, conformal_quantile, cqr_scores
from models.route_eta import LEVELS, Residuals, fit_residuals

Floats = npt.NDArray[np.float64]
SAMPLES = 600
STOPS_AHEAD = (1, 5, 15)
"""Last stop of each group of horizons; the rest is the last group."""
FOLDS = 4
FEWEST_STOPS = 200
INTERVALS = {0.8: (1, 3), 0.9: (0, 4)}
MIN_WIDTH_S = 60.0


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """Seconds of one route: planned start; drive to and service at each stop, earliest service (-inf: any time)."""

    start_s: float
    drive_s: Floats
    service_s: Floats
    earliest_s: Floats


@dataclass(frozen=True, slots=True)
class PastRoute:
    """How a planned route of day number ``day`` went; NaN where a moment is not known."""

    day: int
    plan: PlannedRoute
    started_s: float
    arrived_s: Floats
    served_s: Floats
    concluded_s: Floats


@dataclass(frozen=True)
class RouteDay:
    """What is learned of past routes; ``widen``: by level and group of horizons, in widths of the interval.

    ``under_way``: the same of routes that are on their way, by level and ``models.route_risk``'s groups; empty where
    that was not learned.
    """

    drive: Residuals
    service: Residuals
    delays_s: Floats
    widen: dict[float, dict[int, float]] = field(default_factory=dict)
    routes: int = 0
    under_way: dict[float, dict[int, float]] = field(default_factory=dict)

    @classmethod
    def learn(cls, past: Sequence[PastRoute]) -> RouteDay | None:
        """From past routes, calibrated on whole days held out in turn; None where there are too few stops or days."""
        days = sorted({one.day for one in past})
        if sum(len(one.arrived_s) for one in past) < FEWEST_STOPS or len(days) < FOLDS:
            return None
        scores = [rest._misses(held) for rest, held in cls.held_out(past, {})]
        return replace(cls._fitted(past), widen=widening(np.concatenate(scores), len(past)))

    @classmethod
    def held_out(
        cls, past: Sequence[PastRoute], widen: dict[float, dict[int, float]]
    ) -> list[tuple[RouteDay, list[PastRoute]]]:
        """What each fold's rest teaches, with ``widen``, and the routes of the fold's days, which it has not seen."""
        days = sorted({one.day for one in past})
        fold = {day: number % FOLDS for number, day in enumerate(days)}
        out = []
        for number in range(FOLDS):
            rest, held = ([one for one in past if (fold[one.day] == number) == own] for own in (False, True))
            out.append((replace(cls._fitted(rest), widen=widen), held))
        return out

    @classmethod
    def _fitted(cls, past: Sequence[PastRoute]) -> RouteDay:
        drives, services, delays = [], [], []
        for number, one in enumerate(past):
            before = np.append(one.started_s, one.concluded_s[:-1])
            drives.append(np.column_stack([one.plan.drive_s, one.arrived_s - before, np.full(len(before), number)]))
            took = one.concluded_s - one.served_s
            services.append(np.column_stack([one.plan.service_s, took, np.full(len(took), number)]))
            delays.append(one.started_s - one.plan.start_s)
        known = np.array([one for one in delays if np.isfinite(one)])
        return cls(
            _residuals(np.concatenate(drives)), _residuals(np.concatenate(services)),
            known if len(known) else np.zeros(1), {}, len(past),
        )  # fmt: skip

    def _misses(self, held: Sequence[PastRoute]) -> Floats:
        """Group of horizons, and how far outside its 80 and 90 % interval each stop lay (in widths); a row a stop."""
        rows = [np.empty((0, 1 + len(INTERVALS)))]
        for number, one in enumerate(held):
            q = self.quantiles(one.plan, seed=number)
            good = np.isfinite(one.arrived_s)
            columns = [stops_ahead(len(q)).astype(float)]
            for lo, hi in INTERVALS.values():
                width = np.maximum(q[:, hi] - q[:, lo], MIN_WIDTH_S)
                columns.append(cqr_scores(one.arrived_s, q[:, lo], q[:, hi]) / width)
            rows.append(np.column_stack(columns)[good])
        return np.concatenate(rows)

    def quantiles(self, plan: PlannedRoute, seed: int = 0) -> Floats:
        """Arrival at every stop (stops, 5), seconds on the plan's clock, at 5, 10, 50, 90 and 95 %."""
        rng = np.random.default_rng(seed)
        stops = len(plan.drive_s)
        drive = _drawn(plan.drive_s, self.drive, rng)
        service = _drawn(plan.service_s, self.service, rng)
        now = plan.start_s + rng.choice(self.delays_s, SAMPLES)
        seen = np.empty((SAMPLES, stops))
        for number in range(stops):
            now = now + drive[:, number]
            seen[:, number] = now
            now = np.maximum(now, plan.earliest_s[number]) + service[:, number]
        q = np.quantile(seen, LEVELS, axis=0).T
        group = stops_ahead(stops)
        for level, (lo, hi) in INTERVALS.items():
            if level in self.widen:
                share = np.array([self.widen[level][one] for one in group.tolist()])
                wide = share * np.maximum(q[:, hi] - q[:, lo], MIN_WIDTH_S)
                q[:, lo], q[:, hi] = q[:, lo] - wide, q[:, hi] + wide
        q.sort(axis=1)
        return np.asarray(q)


def widening(misses: Floats, routes: int, groups: int = len(STOPS_AHEAD) + 1) -> dict[float, dict[int, float]]:
    """By level and group, from rows of group and misses. A group of fewer than 100 takes the misses of all.

    Stops of a route miss together, so the small-sample correction counts routes, not stops.
    """
    out: dict[float, dict[int, float]] = {}
    for column, level in enumerate(INTERVALS, 1):
        asked = min(1.0, level * (1 + 1 / max(routes, 1)))
        out[level] = {}
        for group in range(groups):
            own = misses[misses[:, 0] == group, column]
            out[level][group] = conformal_quantile(own if len(own) >= FEWEST else misses[:, column], asked)
    return out


def stops_ahead(stops: int) -> npt.NDArray[np.int64]:
    """Group of horizons of each stop of a route: 1, 2-5, 6-15, 16 and more stops ahead."""
    return np.searchsorted(np.array(STOPS_AHEAD), np.arange(1, stops + 1)).astype(np.int64)


def _drawn(planned: Floats, residuals: Residuals, rng: np.random.Generator) -> Floats:
    day = residuals.day_sd * rng.standard_normal(SAMPLES)
    own = residuals.leg_sd * rng.standard_normal((SAMPLES, len(planned)))
    return np.asarray(np.maximum(planned, 1.0) * np.exp(residuals.bias + day[:, None] + own))


def _residuals(table: Floats) -> Residuals:
    """Of (planned, actual, driver-day) where both are known and above 0; sums of legs keep their mean.

    The mean of the logs counts a leg of 20 s like one of 20 min, and short legs take many times what is planned: the
    bias is the one that makes all legs together as long as they were.
    """
    good = np.isfinite(table).all(axis=1) & (table[:, 0] > 0) & (table[:, 1] > 0)
    planned, actual = table[good, 0], table[good, 1]
    found = fit_residuals(planned, actual, table[good, 2].astype(np.int64))
    if len(actual) < 2:
        return found
    total = np.minimum(actual, np.quantile(actual, 0.995)).sum() / planned.sum()
    bias = float(np.log(total)) - (found.day_sd**2 + found.leg_sd**2) / 2
    return replace(found, bias=bias, usual=found.bias)
