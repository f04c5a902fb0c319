"""Days watched event by event: who is told of a delay in time, and who is told of one that does not come.

Times are learned from the days before; each route is projected when one of its stops ends (at most every ten minutes),
from what is known then. ``operations.communication.decide`` decides the messages; an arm of threshold alerts (a route
half an hour behind what was expected in the morning) writes to every open stop of the route, as operations without
predictions do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.intervention_worlds import FIRST_DAY
from operations.alerts import AlertKind, RouteSeen, alerts
from operations.communication import Preferences, Rules, Sighting, Told, decide
from operations.watch import TimeModel, fit_times, pace, pace_spread, project

LEAD = timedelta(minutes=30)
EVERY_S = 600
SLOW_S = 0.2
"""A decision about one event should take no longer; an event concerns one route, however many stops are open."""
SCAN_S = 60
"""Events are known within a minute; the few that come hours late are left out of the projection as they come."""
RULES = Rules(quiet_from=0, quiet_until=0)
WHO = Preferences(channels=("sms",))


@dataclass
class MessageCounts:
    """Late orders and those told in time; delay messages and those of orders on time; the same for alerts."""

    stops: int = 0
    late: int = 0
    informed: int = 0
    messages: int = 0
    false: int = 0
    alert_informed: int = 0
    alert_messages: int = 0
    alert_false: int = 0
    decisions: int = 0
    decision_us: int = 0
    slow_decisions: int = 0

    def as_dict(self) -> dict[str, int]:
        """Plain numbers."""
        return asdict(self)


def watch_days(city: Any, recent: list[Any], first: int, count: int) -> MessageCounts:
    """Learn times from ``recent`` days, then watch ``count`` days after them."""
    seen = [_visits(city, table, played) for _, table, played in recent]
    legs = [_observed(day) for day in seen]
    model = fit_times(*(np.concatenate(parts) for parts in zip(*legs, strict=True)))
    counts = MessageCounts()
    for number in range(count):
        day = FIRST_DAY + timedelta(days=first + number)
        orders, plan = city.orders_for(day), city.baseline_plan(day)
        table = plan.merge(orders, on="order_id", suffixes=("", "_order"))
        for route in _visits(city, table, city.play_day(day, plan)):
            _watch_route(model, route, counts)
    return counts


@dataclass(frozen=True)
class Route:
    """Visits of a route in the order they were made; seconds from local midnight, arrays of one length."""

    route_id: str
    origin: datetime
    start_s: float
    order_ids: list[str]
    km: Any
    service_s: Any
    opens_s: Any
    closes_s: Any
    arrive_s: Any
    begin_s: Any
    end_s: Any


def _visits(city: Any, table: Any, played: Any) -> list[Route]:
    log, setup = played.log, played.setup
    rows = table.set_index("order_id")
    depots = city.reference(setup.orders.day)["depots"].set_index("depot_id")
    origin = setup.orders.origin.to_pydatetime()
    went = log.went & (log.attempt == 1)
    found = []
    for number, route_id in enumerate(setup.plan.route_ids):
        mine = np.flatnonzero(went & (log.route == number))
        if len(mine) < 2:
            continue
        mine = mine[np.argsort(log.arrive_s[mine], kind="stable")]
        ids = [f"{setup.orders.prefix}{one:06d}" for one in log.order[mine].tolist()]
        own = rows.loc[ids]
        depot = depots.loc[own["depot_id"].iloc[0]]
        lat = np.concatenate([[depot["lat"]], own["lat"].to_numpy()])
        lon = np.concatenate([[depot["lon"]], own["lon"].to_numpy()])
        km = 111.2 * np.hypot(np.diff(lat), np.diff(lon) * np.cos(np.radians(lat[0])))
        opens = (own["window_start"] - setup.orders.origin).dt.total_seconds().fillna(-np.inf).to_numpy()
        closes = (own["window_end"] - setup.orders.origin).dt.total_seconds().fillna(np.inf).to_numpy()
        found.append(
            Route(
                route_id, origin, float(log.route_start_s[number]), ids, km, own["service_s"].to_numpy(dtype=float),
                opens, closes, log.arrive_s[mine].astype(float), log.start_s[mine].astype(float),
                log.end_s[mine].astype(float),
            )
        )  # fmt: skip
    return found


def _observed(routes: list[Route]) -> tuple[Any, ...]:
    """Kilometres and seconds of legs, expected and actual seconds at doors (without waiting for a window)."""
    km, leg, service, door = [], [], [], []
    for one in routes:
        left = np.concatenate([[one.start_s], one.end_s[:-1]])
        km.append(one.km)
        leg.append(one.arrive_s - left)
        service.append(one.service_s)
        door.append(one.end_s - np.maximum(one.arrive_s, one.opens_s))
    return tuple(np.concatenate(part) for part in (km, leg, service, door))


def _watch_route(model: TimeModel, route: Route, counts: MessageCounts) -> None:
    import time

    late = route.begin_s > route.closes_s
    told = [Told() for _ in route.order_ids]
    told_late: dict[int, float] = {}
    alerted: dict[int, float] = {}
    morning = project(model, route.start_s, route.km, route.service_s, route.opens_s, paths=50)
    expected = np.median(morning.starts, axis=0)
    last = -float("inf")
    for done in range(-1, len(route.order_ids) - 1):
        clock = route.start_s if done < 0 else float(route.end_s[done])
        now = clock + SCAN_S
        if done >= 0 and now - last < EVERY_S:
            continue
        last, rest = now, slice(done + 1, None)
        behind = 0 if done < 0 else int(route.begin_s[done] - expected[done])
        _alert(route, done, now, behind, alerted)
        if not np.isfinite(route.closes_s[rest]).any():
            continue
        started = time.process_time()
        actual, expected_work = _worked(model, route, done)
        ahead = project(
            model,
            clock,
            route.km[rest],
            route.service_s[rest],
            route.opens_s[rest],
            pace_now=pace(actual, expected_work),
            spread=pace_spread(expected_work),
            seed=done + 1,
        )
        risks = ahead.p_after(route.closes_s[rest])
        low, high = ahead.quantiles([0.1, 0.9])
        for place, index in enumerate(range(done + 1, len(route.order_ids))):
            sight = _sighting(route, index, now, risks[place], low[place], high[place])
            told[index], notice, _ = decide(told[index], sight, WHO, RULES)
            if notice is not None and notice.delay and index not in told_late:
                told_late[index] = now
        took_s = time.process_time() - started
        counts.decisions += 1
        counts.decision_us += int(took_s * 1e6)
        counts.slow_decisions += took_s > SLOW_S
    lead = LEAD.total_seconds()
    counts.stops += len(route.order_ids)
    counts.late += int(late.sum())
    counts.informed += sum(1 for one, at in told_late.items() if late[one] and at <= route.closes_s[one] - lead)
    counts.messages += len(told_late)
    counts.false += sum(1 for one in told_late if not late[one])
    counts.alert_informed += sum(1 for one, at in alerted.items() if late[one] and at <= route.closes_s[one] - lead)
    counts.alert_messages += len(alerted)
    counts.alert_false += sum(1 for one in alerted if not late[one])


def _worked(model: TimeModel, route: Route, done: int) -> tuple[float, float]:
    """Actual and expected seconds of the legs and doors that are done."""
    if done < 0:
        return 0.0, 0.0
    upto = slice(0, done + 1)
    left = np.concatenate([[route.start_s], route.end_s[:done]])
    actual = (route.arrive_s[upto] - left) + (route.end_s[upto] - np.maximum(route.arrive_s[upto], route.opens_s[upto]))
    expected = model.leg(route.km[upto]) + model.door(route.service_s[upto])
    return float(actual.sum()), float(expected.sum())


def _sighting(route: Route, index: int, now: float, risk: float, low: float, high: float) -> Sighting:
    moments = [route.origin + timedelta(seconds=float(one)) for one in (now, max(now, low), max(now, high))]
    promise = None
    if np.isfinite(route.closes_s[index]):
        opens, closes = float(route.opens_s[index]), float(route.closes_s[index])
        promise = (route.origin + timedelta(seconds=opens), route.origin + timedelta(seconds=closes))
    return Sighting(
        "bench", route.order_ids[index], "c", moments[0], promise=promise, interval=(moments[1], moments[2]),
        p_late=float(risk),
    )  # fmt: skip


def _alert(route: Route, done: int, now: float, behind: int, alerted: dict[int, float]) -> None:
    moment = route.origin + timedelta(seconds=now)
    rest = range(done + 1, len(route.order_ids))
    bounded = [one for one in rest if np.isfinite(route.closes_s[one])]
    ends = {route.order_ids[one]: route.origin + timedelta(seconds=float(route.closes_s[one])) for one in bounded}
    seen = RouteSeen(route.route_id, route.origin, moment, moment, behind, ends)
    kinds = {(one.kind, one.order_id) for one in alerts([seen], moment)}
    for one in bounded:
        if (AlertKind.DEVIATION, None) in kinds or (AlertKind.WINDOW_BREACH, route.order_ids[one]) in kinds:
            alerted.setdefault(one, now)
