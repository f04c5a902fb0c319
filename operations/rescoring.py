"""A route's stops scored again whenever that is due: by the plan, at departure, 60 and 30 minutes before each stop, and
on every material event (arrival, completion, skip, re-plan, cancellation, fault, silence).

Pure: the same plan and events give the same rows, whether a day is gone through at once or a piece at a time from the
rows that were written before. Times are seconds on one clock of the route.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from domain.codes import CONCLUDING_EVENTS, EventType, ScoreMoment
from models.route_day import RouteDay
from models.route_risk import AT_DOOR, DRIVING, WAITING, Hazards, OpenStops, Progress, Scores, score, silence_s

T_MINUS = {ScoreMoment.T_MINUS_60: 3_600.0, ScoreMoment.T_MINUS_30: 1_800.0}
EVERY_STOP = frozenset(
    {ScoreMoment.PLAN, ScoreMoment.DEPARTURE, ScoreMoment.REPLAN, ScoreMoment.FAULT, ScoreMoment.SILENCE}
)
"""Moments that are written for every open stop; at others only what changed is."""
MATERIAL_S, MATERIAL_P = 60.0, 0.01
MOST_SILENCES = 6
"""A silence is scored when nine in ten routes would have said something, then after twice the time, and so on."""
ROUTE_SET = "route_set"


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A stop of the plan: leg to it and door, earliest service (-inf: any), end of the promise (inf: none), planned
    arrival and departure, chance of a failed attempt (NaN: not predicted)."""

    order_id: str
    drive_s: float
    service_s: float
    earliest_s: float
    latest_s: float
    arrival_s: float
    departure_s: float
    p_failed: float = float("nan")


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """A route as it was published at ``planned_at_s``, to leave at ``start_s``."""

    route_id: str
    planned_at_s: float
    start_s: float
    stops: tuple[PlannedStop, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, when it happened and when it was known; ``stops``: what is left of the route, of a re-plan."""

    kind: str
    at_s: float
    seen_s: float
    order_id: str = ""
    stops: tuple[PlannedStop, ...] = ()


@dataclass(frozen=True, slots=True)
class StopScore:
    """One stop scored at one moment. ``arrival_s``: 5, 10, 50, 90, 95 %; None where it has arrived."""

    moment: ScoreMoment
    as_of_s: float
    order_id: str
    stops_before: int
    arrival_s: tuple[float, ...] | None
    p_late: float
    p_failed: float | None
    p_vehicle: float
    p_weather: float
    p_any: float
    moved_late: tuple[tuple[str, float], ...] = ()


@dataclass
class _Last:
    """What was last written of a stop."""

    median_s: float = float("nan")
    p_any: float = float("nan")
    moments: set[ScoreMoment] = field(default_factory=set)


def rescore(
    route: PlannedRoute,
    happened: Sequence[Happened],
    until_s: float,
    learned: RouteDay | None = None,
    hazards: Hazards | None = None,
    before: Sequence[StopScore] = (),
) -> list[StopScore]:
    """Rows that are due after the newest of ``before`` and up to ``until_s``.

    An event counts from when it is known; one that claims to be from the future counts as of when it was known. What
    is said of stops that the route does not have changes nothing.
    """
    fold = _Fold(route, learned, hazards or Hazards())
    for one in before:
        fold.note(one)
    done_s = max((one.as_of_s for one in before), default=-np.inf)
    out: list[StopScore] = []
    now = route.planned_at_s
    if now > done_s and now <= until_s:
        out += fold.scored(ScoreMoment.PLAN, now)
    known = sorted((one for one in happened if one.seen_s <= until_s), key=lambda one: (one.seen_s, one.at_s))
    for seen_s, group in groupby(known, key=lambda one: max(one.seen_s, route.planned_at_s)):
        out += fold.timers(max(now, done_s), seen_s, inclusive=False)
        moment = fold.take(list(group))
        now = seen_s
        if moment is not None and seen_s > done_s:
            out += fold.scored(moment, seen_s)
    out += fold.timers(max(now, done_s), until_s, inclusive=True)
    return out


class _Fold:
    """Where the route is, and what was last written of its stops."""

    def __init__(self, route: PlannedRoute, learned: RouteDay | None, hazards: Hazards) -> None:
        self.route, self.learned, self.hazards = route, learned, hazards
        self.stops = list(route.stops)
        self.started_s: float | None = None
        self.arrived: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.gone: set[str] = set()
        self.skipped: set[str] = set()
        self.left: set[str] = set()  # the vehicle has been there and was seen further on; the outcome is not told yet
        self.reached_s = -np.inf
        self.free_s, self.planned_free_s = route.start_s, route.start_s
        self.drives: list[tuple[float, float]] = []
        self.doors: list[tuple[float, float]] = []
        self.last: dict[str, _Last] = {}

    def note(self, one: StopScore) -> None:
        last = self.last.setdefault(one.order_id, _Last())
        last.median_s = float("nan") if one.arrival_s is None else one.arrival_s[2]
        last.p_any = one.p_any
        last.moments.add(one.moment)

    def take(self, events: list[Happened]) -> ScoreMoment | None:
        """Take in what became known at one moment; the most telling of what happened, or None for nothing material."""
        told = [kind for one in events if (kind := self._take(one)) is not None]
        order = (
            ScoreMoment.FAULT,
            ScoreMoment.REPLAN,
            ScoreMoment.DEPARTURE,
            ScoreMoment.SKIP,
            ScoreMoment.CANCELLED,
            ScoreMoment.COMPLETION,
            ScoreMoment.ARRIVAL,
        )
        return next((kind for kind in order if kind in told), None)

    def _take(self, one: Happened) -> ScoreMoment | None:
        at = min(one.at_s, one.seen_s)
        if one.kind == EventType.VEHICLE_FAULT:
            self.hazards = replace(self.hazards, broken=True)
            return ScoreMoment.FAULT
        if one.kind == ROUTE_SET:
            kept = [stop for stop in self.stops if stop.order_id in self.ended]
            self.stops = [*kept, *one.stops]
            self.hazards = replace(self.hazards, broken=False)
            self.skipped.clear()
            return ScoreMoment.REPLAN
        if one.kind in (EventType.ROUTE_STARTED, EventType.DEPARTED):
            return self._depart(at) if self.started_s is None else None
        stop = next((stop for stop in self.stops if stop.order_id == one.order_id), None)
        if stop is None or one.order_id in self.ended or one.order_id in self.gone:
            return None
        return self._at_stop(one.kind, stop, at)

    def _at_stop(self, kind: str, stop: PlannedStop, at: float) -> ScoreMoment | None:
        """An event of a stop that is open."""
        name = stop.order_id
        if kind in (EventType.CANCELLED, EventType.RESCHEDULED):
            self.gone.add(name)
            return ScoreMoment.CANCELLED
        if kind == EventType.ARRIVED and name not in self.arrived:
            return self._arrive(stop, at)
        if kind == EventType.SERVICE_STARTED and name not in self.begun:
            told = self._arrive(stop, at) if name not in self.arrived else None
            self.begun[name] = max(at, self.arrived[name])
            return told or ScoreMoment.ARRIVAL
        if kind == EventType.ATTEMPT_FAILED and name not in self.arrived and self._elsewhere(name):
            self.gone.add(name)  # not loaded, say: it failed without anybody having been there
            return ScoreMoment.CANCELLED
        return self._conclude(stop, at) if kind in CONCLUDING_EVENTS else None

    def _elsewhere(self, name: str) -> bool:
        """Has the route not begun, or is another stop the one that it is at or drives to?"""
        return self.started_s is None or self.ahead()[0].order_id != name

    def _depart(self, at: float) -> ScoreMoment:
        self.started_s = self.free_s = at
        self.planned_free_s = self.route.start_s
        return ScoreMoment.DEPARTURE

    def _arrive(self, stop: PlannedStop, at: float) -> ScoreMoment:
        if at < self.reached_s:  # told late, of a stop that lies behind
            self.arrived[stop.order_id] = at
            self.left.add(stop.order_id)
            self.skipped.discard(stop.order_id)
            return ScoreMoment.ARRIVAL
        if self.started_s is None:  # the departure was not told
            self._depart(at - stop.drive_s)
        self.reached_s = at = max(at, self.free_s)
        self.left |= {name for name in self.arrived if name not in self.ended}
        self.arrived[stop.order_id] = at
        passed = []
        for one in self.stops:
            if one.order_id == stop.order_id:
                break
            if not self._over(one.order_id):
                passed.append(one.order_id)
        fresh = set(passed) - self.skipped
        self.skipped = (self.skipped | set(passed)) - {stop.order_id}
        if not fresh and stop.drive_s > 0:
            self.drives.append((stop.drive_s, max(at - self.free_s, 1.0)))
        return ScoreMoment.SKIP if fresh else ScoreMoment.ARRIVAL

    def _over(self, name: str) -> bool:
        return name in self.ended or name in self.gone or name in self.left

    def _conclude(self, stop: PlannedStop, at: float) -> ScoreMoment:
        name = stop.order_id
        seen = name in self.arrived
        told = ScoreMoment.ARRIVAL
        if not seen:  # its arrival was not told
            behind = at < self.reached_s
            told = self._arrive(stop, at if behind else max(self.free_s, self.reached_s, at - stop.service_s))
        if name in self.left:
            self.ended[name] = at
            return ScoreMoment.COMPLETION
        begun = self.begun.get(name, max(self.arrived[name], stop.earliest_s))
        at = max(at, self.arrived[name])
        if seen and at > begun:
            self.doors.append((max(stop.service_s, 1.0), at - begun))
        self.ended[name] = self.free_s = at
        self.planned_free_s = stop.departure_s
        self.skipped.discard(name)
        return ScoreMoment.SKIP if told == ScoreMoment.SKIP else ScoreMoment.COMPLETION

    def ahead(self) -> list[PlannedStop]:
        """Open stops in the order they will be served: the one at whose door the vehicle is, the rest, skipped ones."""
        still = [one for one in self.stops if not self._over(one.order_id)]
        here = [one for one in still if one.order_id in self.arrived]
        passed = [one for one in still if one.order_id in self.skipped and one.order_id not in self.arrived]
        rest = [one for one in still if one.order_id not in self.arrived and one.order_id not in self.skipped]
        return [*here[-1:], *rest, *passed, *here[:-1]]

    def situation(self, now_s: float) -> tuple[list[PlannedStop], OpenStops, Progress]:
        ahead = self.ahead()
        columns = np.array(
            [[one.drive_s, one.service_s, one.earliest_s, one.latest_s, one.p_failed] for one in ahead], dtype=float
        ).reshape(-1, 5)
        phase, since, planned = WAITING, self.route.start_s, self.route.start_s
        if self.started_s is not None:
            phase, since, planned = DRIVING, self.free_s, self.planned_free_s
        if ahead and ahead[0].order_id in self.arrived:
            first = ahead[0].order_id
            phase, since, planned = AT_DOOR, self.arrived[first], ahead[0].arrival_s
            if first in self.begun:
                since = columns[0, 2] = self.begun[first]
        progress = Progress(
            now_s, phase, since, planned, np.array(self.drives).reshape(-1, 2), np.array(self.doors).reshape(-1, 2)
        )
        return ahead, OpenStops(*columns.T), progress

    def timers(self, after_s: float, until_s: float, inclusive: bool) -> list[StopScore]:
        """What falls due in between without an event."""
        out: list[StopScore] = []
        now = after_s
        while True:
            due = self._next(now)
            if due is None or due[0] > until_s or (due[0] == until_s and not inclusive):
                return out
            at, moment, order_id = due
            rows = self.scored(moment, at, order_id)
            if not rows:
                return out
            out += rows
            now = at

    def _next(self, now_s: float) -> tuple[float, ScoreMoment, str] | None:
        ahead, stops, progress = self.situation(now_s)
        found: list[tuple[float, ScoreMoment, str]] = []
        for one in ahead:
            last = self.last.get(one.order_id)
            if last is None or one.order_id in self.arrived or np.isnan(last.median_s):
                continue
            left = last.median_s - now_s
            if ScoreMoment.T_MINUS_30 not in last.moments:
                found.append(
                    (max(now_s, last.median_s - T_MINUS[ScoreMoment.T_MINUS_30]), ScoreMoment.T_MINUS_30, one.order_id)
                )
                if ScoreMoment.T_MINUS_60 not in last.moments and left > T_MINUS[ScoreMoment.T_MINUS_30]:
                    found.append(
                        (
                            max(now_s, last.median_s - T_MINUS[ScoreMoment.T_MINUS_60]),
                            ScoreMoment.T_MINUS_60,
                            one.order_id,
                        )
                    )
        if ahead:
            span = silence_s(stops, progress, self.learned)
            waits = (float(np.ceil(progress.since_s + span * 2**number)) for number in range(MOST_SILENCES))
            if (at := next((one for one in waits if one > now_s), None)) is not None:
                found.append((at, ScoreMoment.SILENCE, ""))
        return min(found, default=None)

    def scored(self, moment: ScoreMoment, now_s: float, order_id: str = "") -> list[StopScore]:
        """Rows of one moment; of ``order_id`` alone where it is about one stop."""
        ahead, stops, progress = self.situation(now_s)
        if not ahead:
            return []
        seed = zlib.crc32(f"{self.route.route_id}|{now_s:.3f}".encode())
        found = score(stops, progress, self.learned, self.hazards, seed)
        out = []
        for number, one in enumerate(ahead):
            if order_id and one.order_id != order_id:
                continue
            row = _row(moment, now_s, one.order_id, number, found)
            if order_id or moment in EVERY_STOP or self._material(row):
                out.append(row)
                self.note(row)
        return out

    def _material(self, row: StopScore) -> bool:
        last = self.last.get(row.order_id)
        if last is None or (row.arrival_s is None) != np.isnan(last.median_s):
            return True
        moved = row.arrival_s is not None and abs(row.arrival_s[2] - last.median_s) >= MATERIAL_S
        return bool(moved or abs(row.p_any - last.p_any) >= MATERIAL_P)


def _row(moment: ScoreMoment, now_s: float, order_id: str, number: int, found: Scores) -> StopScore:
    arrival = found.arrival_s[number]
    failed = float(found.p_failed[number])
    return StopScore(
        moment,
        now_s,
        order_id,
        number,
        None if np.isnan(arrival).any() else tuple(float(round(one)) for one in arrival),
        float(found.p_late[number]),
        None if np.isnan(failed) else failed,
        float(found.p_vehicle[number]),
        float(found.p_weather[number]),
        float(found.p_any[number]),
        found.moved_late[number],
    )


__all__ = ["Happened", "PlannedRoute", "PlannedStop", "StopScore", "rescore"]
