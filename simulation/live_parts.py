"""Pieces of a day that is played event by event: the clock, stops, visits, routes."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from simulation.doors import NEVER

EventRow = tuple[int, int, int, int, int, int, int, int, float | None, float | None]
"""An event: number, kind, order, route, attempt, second, planned second, code, lat, lon."""
PRIORITY = {"removed": -1, "ask": 1, "known": 2}
"""Of what is due in one second: withdrawals first, then motion, then customers who look at the clock, then news."""


class Clock:
    """What is due when. Equal seconds keep the order in which they were set, after their ``PRIORITY``."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, int, str, Any]] = []
        self.now = -NEVER
        self._serial = 0

    def push(self, second: int, kind: str, payload: Any) -> None:
        """Something of ``kind`` at ``second``, but not in the past."""
        self._serial += 1
        heapq.heappush(self.heap, (max(second, self.now), PRIORITY.get(kind, 0), self._serial, kind, payload))


@dataclass(slots=True)
class Stop:
    """One attempt that is still open: on the queue of a route. ``order`` -1 is a transfer at ``lat``, ``lon``."""

    order: int
    attempt: int
    told_s: int
    ready_s: int = -NEVER
    lat: float = 0.0
    lon: float = 0.0


@dataclass(slots=True)
class Visit:
    """One attempt with its result."""

    order: int
    route: int
    attempt: int
    told_s: int
    arrive_s: int
    start_s: int
    end_s: int
    code: int
    leg_m: int
    went: bool


@dataclass(slots=True)
class Route:
    """A vehicle on its way. Seconds from local midnight."""

    number: int
    route_id: str
    vehicle: int
    driver: int
    vehicle_id: str
    driver_id: str | None
    fleet_id: str
    depot: int
    begin: int
    clock: int
    lat: float
    lon: float
    pace: float
    service_pace: float
    fault_s: int
    fault_delay_s: int
    fault_ends: bool
    limit_s: int
    break_s: int
    dead_s: int = NEVER
    dead_code: int = 0
    begun: bool = True
    idle: bool = False
    ended_s: int = NEVER
    overrun: int = 0
    metres: int = 0
    queue: deque[Stop] = field(default_factory=deque)
    current: Stop | None = None
