"""Events of a live day as they are recorded: numbered, delayed, doubled and placed as in ``records.py``."""

from __future__ import annotations

import numpy as np

from simulation.doors import NEVER
from simulation.live_parts import Clock, EventRow, Route
from simulation.records import AT_DOOR, AT_YARD, KIND, ROUTE_KIND, Rows, event_numbers, gps_of, scans_of
from simulation.setup import DaySetup

FAILED_KIND, DELIVERED_KIND = KIND["attempt_failed"], KIND["delivered"]
DIVERTED_KIND = KIND["diverted"]
Scan = tuple[int, bool, float | None, float | None]
"""Delay in seconds, whether it is sent twice, where the hand-held was."""


class Recorder:
    """Takes down what happens and lets it become known after its delay. ``rows`` are in the order of happening."""

    def __init__(self, setup: DaySetup, routes: list[Route], clock: Clock) -> None:
        self.rows: list[EventRow] = []
        self._setup, self._routes, self._clock = setup, routes, clock
        self._serials: dict[int, int] = {}
        self._scans = self._usual_scans()

    def _usual_scans(self) -> dict[int, dict[int, Scan]]:
        """Scans of the events every stop has, drawn for all stops at once."""
        setup, stops = self._setup, self._setup.plan.stops
        scans: dict[int, dict[int, Scan]] = {}
        for name in ("arrived", "service_started", "delivered", "loaded"):
            rows = Rows.of(KIND[name], len(stops), order=stops, time_s=np.zeros(len(stops), dtype=np.int64))
            _, keys = event_numbers(setup, rows)
            delay, twice = scans_of(setup, keys)
            lat: list[float | None]
            lon: list[float | None]
            lat, lon = [None] * len(stops), [None] * len(stops)
            if KIND[name] in AT_DOOR:
                there = gps_of(setup, stops, keys)
                lat, lon = there[0].tolist(), there[1].tolist()
            every = zip(delay.tolist(), twice.tolist(), lat, lon, strict=True)
            scans[KIND[name]] = dict(zip(stops.tolist(), every, strict=True))
        return scans

    def __call__(
        self, kind: int, order: int, route: int, attempt: int, time_s: int, planned_s: int = NEVER, code: int = -1
    ) -> None:
        """An event happened; it becomes known after its delay."""
        about_order = order >= 0
        entity = order if about_order else self._routes[route].vehicle
        base = ((kind if about_order else kind + ROUTE_KIND) * 10 + attempt) * 1_000_000 + entity
        serial = self._serials.get(base, 0)
        self._serials[base] = serial + 1
        scan_kind = DELIVERED_KIND if about_order and kind in (FAILED_KIND, DIVERTED_KIND) else kind
        scan = self._scans.get(scan_kind, {}).get(order) if attempt == 1 and serial == 0 and about_order else None
        if scan is None:
            scan_base = ((scan_kind if about_order else kind + ROUTE_KIND) * 10 + attempt) * 1_000_000 + entity
            scan = self._scan(kind, order, route, scan_base * 10 + serial % 10)
        delay, twice, lat, lon = scan
        row = (base * 10 + serial % 10, kind, order, route, attempt, time_s, planned_s, code, lat, lon)
        self.rows.append(row)
        self._clock.push(time_s + delay, "known", row)
        if twice:
            self._clock.push(time_s + delay, "known", row)

    def _scan(self, kind: int, order: int, route: int, key: int) -> Scan:
        setup, keys = self._setup, np.array([key])
        delays, twices = scans_of(setup, keys)
        lat = lon = None
        if order >= 0 and kind in AT_DOOR:
            there = gps_of(setup, np.array([order]), keys)
            lat, lon = float(there[0][0]), float(there[1][0])
        elif order < 0 and kind in AT_YARD:
            places, depot = setup.world.places, self._routes[route].depot
            lat, lon = round(float(places.depot_lat[depot]), 6), round(float(places.depot_lon[depot]), 6)
        return int(delays[0]), bool(twices[0]), lat, lon

    def as_rows(self) -> Rows:
        """What was recorded, as arrays."""
        columns = np.array([row[:8] for row in self.rows], dtype=np.int64).reshape(-1, 8)[:, 1:]
        return Rows(*(np.ascontiguousarray(columns[:, number]) for number in range(columns.shape[1])))
