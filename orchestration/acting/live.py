"""The day itself: projections from what is known, messages that they call for, pages kept up to date.

Stateless: every run folds the day again from its plan and the events known at each tick of ten minutes, so that a
process that died, or one that starts again, decides the same messages under the same keys and records only new ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import cos, hypot, radians
from typing import Any

import numpy as np
import pandas as pd

from domain.codes import CONCLUDING_EVENTS, EventType, Trigger
from domain.errors import InputError
from operations.answers import Tracked
from operations.communication import Held, Preferences, Rules, Sighting, Told, compose, decide
from operations.outbox import Message
from operations.watch import TimeModel, pace, pace_spread, project
from orchestration.acting.evening import held_row, notification_row, preferences
from orchestration.acting.lockers import nearest_lockers
from orchestration.acting.relay import relay
from orchestration.lake import Lake
from orchestration.messaging.people import Person
from orchestration.messaging.store import DecisionRow, OutboxStore
from orchestration.planning.inputs import depot_timezone
from orchestration.stop_scores import NewestScore, score_history

TICK = timedelta(minutes=10)
PATHS = 120
DECLARED = np.exp(np.random.default_rng(0).normal(0.0, 0.35, 500))
"""Spread of actual over planned seconds of a leg or door, where a fleet has no history of its own yet: declared."""


@dataclass(frozen=True)
class Watched:
    """What a day's events called for so far."""

    messages: list[Message]
    held: list[Held]
    new_messages: int
    tracked: list[Tracked]

    def summary(self) -> dict[str, Any]:
        """Counts for people."""
        triggers = pd.Series([one.trigger for one in self.messages], dtype=str).value_counts().to_dict()
        status = pd.Series([one.status for one in self.tracked], dtype=str).value_counts().to_dict()
        return {
            "messages": len(self.messages),
            "new_messages": self.new_messages,
            "triggers": {str(name): int(count) for name, count in triggers.items()},
            "held_back": len(self.held),
            "orders": {str(name): int(count) for name, count in status.items()},
        }


def watch_day(
    lake: Lake,
    store: OutboxStore,
    people: list[Person],
    source: str,
    day: date,
    now: datetime,
    rules: Rules | None = None,
) -> Watched:
    """Decide what customers are told of a running day, from what was known at every tick until ``now``.

    Arrivals and P(late) are those of ``prediction.stop_scores`` where a stop was scored by a tick (``score_day`` first:
    what is due follows from the events, so that every run sees the same scores), else a projection by today's pace.

    Raises:
        InputError: the date has no plan.
    """
    zone = depot_timezone(lake, source)
    rules = rules or Rules(depot_timezone=zone.key)
    stops, events = _planned(lake, source, day), _events(lake, source, day, now)
    if stops.empty:
        raise InputError(f"{source} has no plan of {day}; make one: fivefold plan {source} {day}")
    known = {one.customer_id: preferences(one) for one in people}
    basis = {"as_of": now, "lake_snapshot": lake.snapshot_id()}
    fold = _Fold(source, rules, known, _told_before(lake, source, day, stops["starts_at"].min()))
    fold.scores = score_history(lake, source, day, now)
    routes = {str(name): own.to_dict("records") for name, own in stops.groupby("route_id")}
    rows = events.to_dict("records")
    first = stops["starts_at"].min().to_pydatetime()
    tick, done = first.replace(minute=first.minute - first.minute % 10, second=0, microsecond=0), 0
    while tick <= now:
        fresh = []
        while done < len(rows) and rows[done]["ingest_time"] <= tick:
            fresh.append(rows[done])
            done += 1
        fold.learn(fresh)
        for route_id, own in routes.items():
            fold.look(route_id, own, fresh, tick)
        tick += TICK
    decisions = [
        DecisionRow("operation.notifications", row["notification_id"], row)
        for row in [
            *(notification_row(notice, who, rules, day, basis) for notice, who in fold.notices),
            *(held_row(one, day, basis) for one in fold.held.values()),
        ]
    ]
    messages = [compose(notice, who, rules) for notice, who in fold.notices]
    new = store.record(messages, decisions)
    relay(lake, store)
    lockers = nearest_lockers(lake, source, day, stops)
    tracked = [
        replace(fold.page(stop, zone.key, now), locker=lockers.get(stop["order_id"]))
        for own in routes.values()
        for stop in own
    ]
    return Watched(messages, list(fold.held.values()), new, tracked)


class _Fold:
    """The day as it becomes known."""

    def __init__(self, source: str, rules: Rules, people: Mapping[str, Preferences], told: Mapping[str, Told]) -> None:
        self.source, self.rules, self.people, self.told = source, rules, people, dict(told)
        self.notices: list[tuple[Any, Preferences]] = []
        self.held: dict[tuple[str, Trigger], Held] = {}
        self.started: dict[str, datetime] = {}
        self.outcome: dict[str, tuple[str, datetime, str | None]] = {}
        self.seen: dict[str, Sighting] = {}
        self.place: dict[str, tuple[float, float]] = {}
        self.scores: Mapping[str, list[NewestScore]] = {}

    def learn(self, events: list[dict[str, Any]]) -> None:
        """Events that became known."""
        for one in events:
            kind, route, order = one["event_type"], one["route_id"], one["order_id"]
            if kind == EventType.ROUTE_STARTED and route:
                self.started.setdefault(route, one["event_time"].to_pydatetime())
            if order and (kind in CONCLUDING_EVENTS or kind in (EventType.CANCELLED, EventType.RESCHEDULED)):
                self.outcome[order] = (kind, one["event_time"].to_pydatetime(), one["failure_reason"])
            if route and not pd.isna(one["lat"]):
                self.place[route] = (float(one["lat"]), float(one["lon"]))

    def look(self, route_id: str, stops: list[dict[str, Any]], fresh: list[dict[str, Any]], tick: datetime) -> None:
        """One route at one tick: what its open stops' customers should hear, and those whose stop just ended."""
        ended = {one["order_id"] for one in fresh if one["order_id"] in self.outcome}
        for stop in stops:
            if stop["order_id"] in ended:
                kind, _, reason = self.outcome[stop["order_id"]]
                self._decide(self._sighting(stop, tick, event=kind, reason=reason))
        open_stops = [one for one in stops if one["order_id"] not in self.outcome]
        if route_id not in self.started or not open_stops:
            return
        set_out = any(one["event_type"] == EventType.ROUTE_STARTED and one["route_id"] == route_id for one in fresh)
        clock, speed, worked_s = self._progress(route_id, stops)
        legs = np.array([float(one["leg_s"]) for one in open_stops])
        doors = np.array([max(1.0, (one["departure"] - one["service_start"]).total_seconds()) for one in open_stops])
        zero = clock.timestamp()
        opens = np.array([_second(one["window_start"], zero, -np.inf) for one in open_stops])
        closes = np.array([_second(one["window_end"], zero, np.inf) for one in open_stops])
        planned = TimeModel(0.0, 1.0, 0.0, 1.0, DECLARED, DECLARED)
        seed = int(tick.timestamp()) % 2**31
        spread = pace_spread(worked_s)
        ahead = project(planned, 0.0, legs, doors, opens, pace_now=speed, spread=spread, paths=PATHS, seed=seed)
        # a stop that has not begun by now begins later than now
        ahead = replace(ahead, starts=np.maximum(ahead.starts, tick.timestamp() - zero))
        late, (low, high) = ahead.p_after(closes), ahead.quantiles([0.1, 0.9])
        early = 1 - ahead.p_after(np.where(np.isfinite(opens), opens, -np.inf) - 1)
        for place, stop in enumerate(open_stops):
            span = (clock + timedelta(seconds=float(low[place])), clock + timedelta(seconds=float(high[place])))
            chance = float(late[place])
            if (said := self._said(stop, tick)) is not None:
                span, chance = said
            self._decide(
                self._sighting(
                    stop,
                    tick,
                    event=str(EventType.ROUTE_STARTED) if set_out else None,
                    interval=span,
                    p_late=chance,
                    p_early=float(early[place]),
                    stops_before=place,
                    reason="previous_stop_overrun" if speed > 1 else None,
                )
            )

    def _said(self, stop: dict[str, Any], tick: datetime) -> tuple[tuple[datetime, datetime], float] | None:
        """When service starts (80 %) and P(late) by the newest score of a stop at a tick, where it has one."""
        own = self.scores.get(stop["order_id"], [])
        place = bisect_right(own, tick, key=lambda one: one.as_of)
        if not place or (newest := own[place - 1]).eta_p10 is None or newest.eta_p90 is None:
            return None
        # a stop that has not begun by now begins later than now, and none before it opens
        low = max(newest.eta_p10, tick)
        if not pd.isna(stop["window_start"]):
            low = max(low, stop["window_start"].to_pydatetime())
        return (low, max(newest.eta_p90, low)), newest.p_late

    def _progress(self, route_id: str, stops: list[dict[str, Any]]) -> tuple[datetime, float, float]:
        """When the van was last known to be free, how its pace compares with the plan, seconds that were planned."""
        started = self.started[route_id]
        over = [(self.outcome[one["order_id"]][1], one) for one in stops if one["order_id"] in self.outcome]
        if not over:
            return started, 1.0, 0.0
        clock, last = max(over, key=lambda row: row[0])
        planned = max(0.0, (last["departure"] - last["starts_at"]).total_seconds())
        return max(clock, started), pace((clock - started).total_seconds(), planned), planned

    def _sighting(self, stop: dict[str, Any], tick: datetime, **more: Any) -> Sighting:
        promise = None
        if not pd.isna(stop["window_start"]) and not pd.isna(stop["window_end"]):
            promise = (stop["window_start"].to_pydatetime(), stop["window_end"].to_pydatetime())
        return Sighting(self.source, stop["order_id"], str(stop["customer_id"]), tick, promise=promise, **more)

    def _decide(self, seen: Sighting) -> None:
        who = self.people.get(seen.customer_id, Preferences())
        told, notice, held = decide(self.told.get(seen.order_id, Told()), seen, who, self.rules)
        self.told[seen.order_id] = told
        if seen.interval is not None:
            self.seen[seen.order_id] = seen
        if notice is not None:
            self.notices.append((notice, who))
        for one in held:  # a guard that holds at every tick is told once
            self.held.setdefault((seen.order_id, one.trigger), one)

    def page(self, stop: dict[str, Any], timezone: str, now: datetime) -> Tracked:
        """An order as its page shows it now."""
        order_id, seen = stop["order_id"], self.seen.get(stop["order_id"])
        outcome = self.outcome.get(order_id)
        status = outcome[0] if outcome else "on_the_way" if stop["route_id"] in self.started else "planned"
        interval = (stop["low"].to_pydatetime(), max(stop["low"], stop["high"]).to_pydatetime())
        metres = None
        if (at := self.place.get(stop["route_id"])) is not None and seen is not None:
            north = (at[0] - stop["lat"]) * 111_200
            metres = round(hypot(north, (at[1] - stop["lon"]) * 111_200 * cos(radians(at[0]))))
        return Tracked(
            self.source,
            order_id,
            str(status),
            self._sighting(stop, now).promise,
            seen.interval if seen else interval,
            outcome[2] if outcome else seen.reason if seen else None,
            frozenset(one for one in stop["needs"].split("+") if one),
            seen.stops_before if seen and not outcome else None,
            metres,
            timezone,
            now,
        )


def _second(moment: Any, zero: float, otherwise: float) -> float:
    return otherwise if pd.isna(moment) else float(moment.timestamp() - zero)


def _planned(lake: Lake, source: str, day: date) -> pd.DataFrame:
    return lake.query(
        """
        with newest as (
            select * from raw.orders where source = ? and service_date = ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        )
        select stops.route_id, stops.sequence, stops.order_id, newest.customer_id, stops.leg_s, stops.service_start,
            stops.departure, stops.window_start, stops.window_end, stops.lat, stops.lon, routes.starts_at,
            coalesce(stops.eta_p10, stops.arrival) as low, coalesce(stops.eta_p90, stops.departure) as high,
            coalesce(newest.required_certifications, '') as needs
        from plan.plan_stops as stops join plan.routes as routes using (plan_id, route_id) join newest using (order_id)
        where stops.source = ? and stops.service_date = ? order by stops.route_id, stops.sequence
        """,
        [source, day, source, day],
    )


def _events(lake: Lake, source: str, day: date, now: datetime) -> pd.DataFrame:
    """Each event once, as it first became known by ``now``."""
    return lake.query(
        """
        select event_id, event_type, order_id, route_id, failure_reason, lat, lon, event_time, ingest_time
        from raw.delivery_events where source = ? and service_date = ? and ingest_time <= ? and not retracted
        qualify row_number() over (partition by event_id order by ingest_time) = 1
        order by ingest_time, event_time, event_id
        """,
        [source, day, now],
    )


def _told_before(lake: Lake, source: str, day: date, start: pd.Timestamp) -> dict[str, Told]:
    """What was told before the day began: the evening's messages."""
    rows = lake.query(
        """
        select order_id, trigger, version, decided_at, interval_from, interval_until from operation.notifications
        where source = ? and service_date = ? and held_because is null and decided_at < ? order by decided_at
        """,
        [source, day, start.to_pydatetime()],
    )
    told: dict[str, Told] = {}
    for one in rows.itertuples():
        before = told.get(one.order_id, Told())
        interval = before.interval
        if not pd.isna(one.interval_from):
            interval = (one.interval_from.to_pydatetime(), one.interval_until.to_pydatetime())
        told[one.order_id] = replace(
            before,
            interval=interval,
            versions={**before.versions, one.trigger: int(one.version)},
            last_at=one.decided_at.to_pydatetime(),
            count=before.count + 1,
        )
    return told
