"""Threshold alerts, after the fact: what operations without predictions have. The arm that predictions must beat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class AlertKind(StrEnum):
    LATE_DEPARTURE = "late_departure"
    STOPPAGE = "stoppage"
    DEVIATION = "deviation"
    WINDOW_BREACH = "window_breach"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an alert is raised: seconds behind the plan, or without a sign of life."""

    late_departure_s: int = 900
    stoppage_s: int = 2_700
    deviation_s: int = 1_800


@dataclass(frozen=True, slots=True)
class RouteSeen:
    """What is known of a route: planned and actual departure, its newest event, and how far it is off the plan."""

    route_id: str
    planned_start: datetime
    started_at: datetime | None = None
    last_event_at: datetime | None = None
    behind_s: int = 0
    open_orders: Mapping[str, datetime | None] | None = None
    """Open order -> end of its promise (None: no promise)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, with the order it is about where it is about one."""

    kind: AlertKind
    at: datetime
    route_id: str
    order_id: str | None = None


def alerts(routes: Iterable[RouteSeen], now: datetime, thresholds: Thresholds | None = None) -> list[Alert]:
    """All alerts that hold at ``now``; a caller that remembers what it raised raises each once."""
    limits, found = thresholds or Thresholds(), []
    for one in routes:
        if not one.open_orders:
            continue
        if one.started_at is None:
            if now - one.planned_start > timedelta(seconds=limits.late_departure_s):
                found.append(Alert(AlertKind.LATE_DEPARTURE, now, one.route_id))
        elif one.last_event_at is not None and now - one.last_event_at > timedelta(seconds=limits.stoppage_s):
            found.append(Alert(AlertKind.STOPPAGE, now, one.route_id))
        if one.behind_s > limits.deviation_s:
            found.append(Alert(AlertKind.DEVIATION, now, one.route_id))
        found += [
            Alert(AlertKind.WINDOW_BREACH, now, one.route_id, order_id)
            for order_id, end in one.open_orders.items()
            if end is not None and now > end
        ]
    return found
