"""A route under way: arrivals, lateness, failures and the route's own hazards of its open stops, as things stand.

Worlds of the rest of the route are drawn as ``models.route_day`` draws them before it departs. Today's finished legs
and services tell the factors that the driver-day shares, and only worlds count in which what has not been seen by now
has not happened by now: silence widens and moves what comes after. A hazard (breakdown, storm) is carried to every
stop by the exposure until then. P(late) comes with what moved it: the same worlds, with one thing put back to the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from models.intervals import cqr_scores
from models.route_day import (
    FEWEST_STOPS,
    INTERVALS,
    MIN_WIDTH_S,
    STOPS_AHEAD,
    PastRoute,
    RouteDay,
    stops_ahead,
    widening,
)
from models.route_eta import LEVELS, Residuals, carried_hazard, posterior_day_factor

Floats = npt.NDArray[np.float64]
SAMPLES = 400
FEWEST_WORLDS = 40
"""Fewer worlds than this agree with a silence: what remains is taken to be as uncertain as what has passed."""
LEAST_SHARE = 0.01
"""A factor that moves a chance by less is not told."""
PACE, BEHIND, AHEAD, SILENT = "pace of the route today", "behind the plan", "ahead of the plan", "no sign since"
WAITING, DRIVING, AT_DOOR = "waiting", "driving", "at_door"
MOMENTS = (DRIVING, AT_DOOR)
HORIZONS = len(STOPS_AHEAD) + 1
MOST_ROUTES, MOST_MOMENTS = 60, 8
"""Past routes that are gone through, and stops of each at which its rest is scored: a second or two."""
UNKNOWN = RouteDay(Residuals(0.0, 0.15, 0.35), Residuals(0.0, 0.15, 0.45), np.array([0.0, 300.0, 900.0]))
"""Spread of legs, doors and departures where nothing of the past is known: declared, wide."""


@dataclass(frozen=True, slots=True)
class Hazards:
    """Events an hour that put the rest of a route at risk; ``broken``: the vehicle's fault has been reported."""

    vehicle_per_h: float = 0.0
    weather_per_h: float = 0.0
    broken: bool = False


@dataclass(frozen=True, slots=True)
class OpenStops:
    """Stops still to be served, in the order they will be: seconds of the legs and doors as planned, earliest service
    (-inf: any time), end of the promise (inf: none), on one clock; chance of a failed attempt by the plan."""

    drive_s: Floats
    service_s: Floats
    earliest_s: Floats
    latest_s: Floats
    p_failed: Floats

    def __len__(self) -> int:
        return len(self.drive_s)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a route is at ``now_s``, on the same clock.

    ``phase``: waiting at the depot, driving to the first open stop, or at its door; ``since_s``: planned start, when
    the leg began, or when it arrived. ``planned_since_s``: when that should have been, by the plan. ``done_*``: legs
    and doors finished today, planned beside actual seconds.
    """

    now_s: float
    phase: str
    since_s: float
    planned_since_s: float
    done_drive_s: Floats = field(default_factory=lambda: np.empty((0, 2)))
    done_service_s: Floats = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class Scores:
    """Of each open stop: arrival at 5, 10, 50, 90, 95 % (NaN where it has arrived); chances; what moved P(late)."""

    arrival_s: Floats
    p_late: Floats
    p_failed: Floats
    p_vehicle: Floats
    p_weather: Floats
    p_any: Floats
    moved_late: tuple[tuple[tuple[str, float], ...], ...]


def score(stops: OpenStops, progress: Progress, learned: RouteDay | None, hazards: Hazards, seed: int) -> Scores:
    """Scores of the open stops of a route; the same seed gives the same bits."""
    belief = learned or UNKNOWN
    arrival, begin = _worlds(stops, progress, belief, seed)
    late = (begin > stops.latest_s).mean(axis=0)
    quantiles = _widened(np.quantile(arrival, LEVELS, axis=0).T, belief, progress)
    exposure = np.maximum(quantiles[:, 2] - progress.now_s, 0.0)
    if progress.phase == AT_DOOR and len(stops):
        quantiles[0], exposure[0] = np.nan, 0.0
    vehicle = np.ones(len(stops)) if hazards.broken else carried_hazard(hazards.vehicle_per_h, exposure)
    weather = carried_hazard(hazards.weather_per_h, exposure)
    failed = np.nan_to_num(stops.p_failed, nan=0.0)
    whole = 1 - (1 - failed) * (1 - late) * (1 - vehicle) * (1 - weather)
    moved = _moved(stops, progress, belief, seed, late)
    return Scores(quantiles, late, stops.p_failed, vehicle, weather, whole, moved)


def silence_s(stops: OpenStops, progress: Progress, learned: RouteDay | None) -> float:
    """Seconds after ``since_s`` by which nine in ten routes would have said something."""
    belief = learned or UNKNOWN
    if progress.phase == WAITING:
        return float(max(np.quantile(belief.delays_s, 0.9), 60.0))
    planned = stops.drive_s if progress.phase == DRIVING else stops.service_s
    residuals = belief.drive if progress.phase == DRIVING else belief.service
    spread = float(np.hypot(residuals.day_sd, residuals.leg_sd))
    wait = max(0.0, float(stops.earliest_s[0]) - progress.since_s) if progress.phase == AT_DOOR else 0.0
    return wait + max(60.0, float(planned[0]) * float(np.exp(residuals.bias + 1.2816 * spread)))


def _worlds(stops: OpenStops, progress: Progress, belief: RouteDay, seed: int) -> tuple[Floats, Floats]:
    """Arrival and begin of service of each stop (worlds, stops) that agree with what is known."""
    rng = np.random.default_rng(seed)
    drive = _drawn(stops.drive_s, belief.drive, progress.done_drive_s, rng)
    service = _drawn(stops.service_s, belief.service, progress.done_service_s, rng)
    since = np.full(SAMPLES, progress.since_s)
    at_door = progress.phase == AT_DOOR
    if progress.phase == WAITING:
        since = progress.since_s + rng.choice(belief.delays_s, SAMPLES)
        seen = since.copy()
    elif at_door:
        seen = np.maximum(since, stops.earliest_s[0]) + service[:, 0] if len(stops) else since
    else:
        seen = since + drive[:, 0] if len(stops) else since
    # what would have been seen by now has not been: worlds in which it happened are out
    alive = np.flatnonzero(seen > progress.now_s)
    shift = np.zeros(SAMPLES)
    if len(alive) >= FEWEST_WORLDS:
        chosen = rng.choice(alive, SAMPLES)
        drive, service, since = drive[chosen], service[chosen], since[chosen]
    else:
        waited = max(progress.now_s - progress.since_s, 60.0)
        spread = belief.service.leg_sd if at_door else belief.drive.leg_sd
        shift = progress.now_s + waited * rng.exponential(max(spread, 0.1), SAMPLES) - seen
    arrival, begin = np.empty((SAMPLES, len(stops))), np.empty((SAMPLES, len(stops)))
    clock = since + (shift if progress.phase == WAITING else 0.0)
    for number in range(len(stops)):
        here = at_door and number == 0
        arrival[:, number] = clock if here else clock + drive[:, number]
        if number == 0 and progress.phase == DRIVING:
            arrival[:, 0] += shift
        begin[:, number] = np.maximum(arrival[:, number], stops.earliest_s[number])
        clock = begin[:, number] + service[:, number] + (shift if here else 0.0)
    return arrival, begin


def _drawn(planned_s: Floats, residuals: Residuals, done: Floats, rng: np.random.Generator) -> Floats:
    """Seconds of the legs (or doors) ahead, with the day's factor as today's finished ones tell it."""
    mean, spread = posterior_day_factor(residuals, done[:, 0], done[:, 1])
    day = mean + spread * rng.standard_normal(SAMPLES)
    own = residuals.leg_sd * rng.standard_normal((SAMPLES, len(planned_s)))
    return np.asarray(np.maximum(planned_s, 1.0) * np.exp(residuals.bias + day[:, None] + own))


def _widened(q: Floats, belief: RouteDay, progress: Progress) -> Floats:
    """Quantiles with what past days showed beyond theirs, by the kind of moment and stops ahead."""
    group = stops_ahead(len(q))
    for level, (lo, hi) in INTERVALS.items():
        learned, groups = belief.widen.get(level), group
        if progress.phase in MOMENTS and level in belief.under_way:
            learned, groups = belief.under_way[level], group + _moment(progress) * HORIZONS
        if learned is not None:
            share = np.array([learned[one] for one in groups.tolist()])
            wide = share * np.maximum(q[:, hi] - q[:, lo], MIN_WIDTH_S)
            q[:, lo], q[:, hi] = q[:, lo] - wide, q[:, hi] + wide
    q.sort(axis=1)
    return q


def _moment(progress: Progress) -> int:
    """Kind of moment: just left a stop, just there, and the same after a silence."""
    return MOMENTS.index(progress.phase) + len(MOMENTS) * (progress.now_s > progress.since_s)


def learn_under_way(past: Sequence[PastRoute]) -> RouteDay | None:
    """As ``RouteDay.learn``, and how far arrivals lie outside the intervals that are given on the way.

    Some arrivals, completions and silences of past routes are scored by what the other days teach (each day held out
    in turn); None where there is too little.
    """
    learned = RouteDay.learn(past)
    if learned is None:
        return None
    every = max(1, len(past) // MOST_ROUTES)
    misses, number = [np.empty((0, 1 + len(INTERVALS)))], 0
    for rest, held in RouteDay.held_out(past, {}):
        for route in held[::every]:
            number += 1
            misses += [_misses(route, progress, first, rest, number) for progress, first in _on_the_way(route, rest)]
    table = np.concatenate(misses)
    if len(table) < FEWEST_STOPS:
        return learned
    return replace(learned, under_way=widening(table, number, 2 * len(MOMENTS) * HORIZONS))


def _open(route: PastRoute, first: int) -> OpenStops:
    plan, none = route.plan, np.full(len(route.arrived_s) - first, np.inf)
    return OpenStops(plan.drive_s[first:], plan.service_s[first:], plan.earliest_s[first:], none, none * np.nan)


def _on_the_way(route: PastRoute, belief: RouteDay) -> Iterator[tuple[Progress, int]]:
    """Moments of a past route, and its first open stop at each: some arrivals and completions, and silences there."""
    before = np.append(route.started_s, route.concluded_s[:-1])
    drives = np.column_stack([route.plan.drive_s, np.maximum(route.arrived_s - before, 1.0)])
    doors = np.column_stack([np.maximum(route.plan.service_s, 1.0), route.concluded_s - route.served_s])
    count = len(drives)
    for stop in np.unique(np.linspace(0, count - 1, MOST_MOMENTS).astype(int)).tolist():
        for phase, since, until, legs, first in (
            (AT_DOOR, route.arrived_s[stop], route.concluded_s[stop], stop + 1, stop),
            (DRIVING, before[stop], route.arrived_s[stop], stop, stop),
        ):
            if not np.isfinite(since) or not np.isfinite(until):
                continue
            done = [
                rows[np.isfinite(rows).all(axis=1) & (rows > 0).all(axis=1)] for rows in (drives[:legs], doors[:stop])
            ]
            progress = Progress(since, phase, since, since, *done)
            yield progress, first
            silent = since + silence_s(_open(route, first), progress, belief)
            if silent < until:
                yield replace(progress, now_s=silent), first


def _misses(route: PastRoute, progress: Progress, first: int, belief: RouteDay, seed: int) -> Floats:
    """Group, and how far outside its 80 and 90 % interval each stop that is not reached yet lay (in widths)."""
    arrival, _ = _worlds(_open(route, first), progress, belief, seed)
    q = np.quantile(arrival, LEVELS, axis=0).T
    actual = route.arrived_s[first:]
    good = np.isfinite(actual) & (np.arange(len(q)) >= (progress.phase == AT_DOOR))
    columns = [(stops_ahead(len(q)) + _moment(progress) * HORIZONS).astype(float)]
    for lo, hi in INTERVALS.values():
        columns.append(cqr_scores(actual, q[:, lo], q[:, hi]) / np.maximum(q[:, hi] - q[:, lo], MIN_WIDTH_S))
    return np.column_stack(columns)[good]


def _moved(
    stops: OpenStops, progress: Progress, belief: RouteDay, seed: int, late: Floats
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Per stop, what moved P(late) from the plan: pace today, how far behind the plan, and how long without a sign.

    The share of each is the mean of what taking it out of all and putting it alone into the plan change: two causes
    that each suffice would both count for nothing if they were only taken out.
    """
    if not len(stops) or late.max(initial=0.0) < LEAST_SHARE:
        return ((),) * len(stops)
    behind = progress.since_s - progress.planned_since_s
    names = {
        PACE: len(progress.done_drive_s) + len(progress.done_service_s) > 0,
        BEHIND if behind > 0 else AHEAD: abs(behind) >= 1,
        SILENT: progress.now_s > progress.since_s,
    }
    there = tuple(name for name, it_is in names.items() if it_is)

    def chance(kept: tuple[str, ...]) -> Floats:
        _, begin = _worlds(stops, _with(progress, behind, kept), belief, seed)
        return np.asarray((begin > stops.latest_s).mean(axis=0))

    plan = chance(()) if len(there) > 1 else None
    found: list[list[tuple[str, float]]] = [[] for _ in range(len(stops))]
    for name in there:
        share = late - chance(tuple(one for one in there if one != name))
        if plan is not None:
            share = (share + chance((name,)) - plan) / 2
        for number, one in enumerate(share.tolist()):
            if abs(one) >= LEAST_SHARE:
                found[number].append((name, one))
    return tuple(tuple(sorted(one, key=lambda pair: -abs(pair[1]))) for one in found)


def _with(progress: Progress, behind: float, kept: tuple[str, ...]) -> Progress:
    """The same place on the route with only the ``kept`` differences from the plan."""
    none = np.empty((0, 2))
    out = progress if PACE in kept else replace(progress, done_drive_s=none, done_service_s=none)
    if BEHIND not in kept and AHEAD not in kept:
        out = replace(out, since_s=out.since_s - behind, now_s=out.now_s - behind)
    return out if SILENT in kept else replace(out, now_s=min(out.now_s, out.since_s))
