"""How vans move through a live day: load, drive, arrive, serve, go home. ``batch.py``'s physics, a step at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, sqrt
from typing import Any

import numpy as np

from simulation.actions import DoorActions
from simulation.batch import BREAK_AFTER_S, CASCADE_S, CLOSED_S, RESCUE_S
from simulation.doors import CODE, NEVER
from simulation.habits import logit
from simulation.live_parts import Clock, Route, Stop, Visit
from simulation.live_state import Day
from simulation.records import KIND
from simulation.setup import LOADING_S, DaySetup
from simulation.streams import uniforms
from simulation.world import KM_PER_DEGREE

TRANSFER_S = 600
"""Taking parcels over from another vehicle or back at the depot."""
WEATHER, DIVERTED, DAMAGED = CODE["weather"], CODE["diverted"], CODE["damaged"]
MENDABLE = (CODE["address_wrong"], CODE["access_denied"])


class MovingDay(Day):
    """A day whose vans move. ``handlers``: what to do when something of a kind is due."""

    def __init__(self, setup: DaySetup, door: DoorActions, clock: Clock) -> None:
        super().__init__(setup, door, clock)
        self.handlers: dict[str, Callable[[Any], None]] = {
            "depart": self._depart,
            "arrive": self._arrive,
            "serve": self._serve,
            "free": self._free,
            "note": self._note,
            "loaded": self._loaded,
            "removed": self._removed,
            "ask": self._ask,
            "barred": self._barred,
            "give_up": self._give_up,
            "end": self._end,
            "fact": lambda row: self.record(*row),
            "call": self._call,
        }

    def _load(self, route: Route) -> None:
        """The van is loaded and leaves."""
        start = self.planned_start[route.number] if route.number < len(self.planned_start) else route.begin
        for stop in route.queue:
            if stop.order >= 0 and self.barred_code[stop.order] == 0:
                at = route.begin - LOADING_S + (stop.order * 37) % LOADING_S
                self.clock.push(at, "loaded", (stop.order, route))
        self.record(KIND["route_started"], -1, route.number, 1, route.begin, start)
        self.clock.push(route.begin, "depart", (route, "go"))

    def _depart(self, payload: tuple[Route, str]) -> None:
        """The driver takes the next stop of the queue, if there is one that can be driven to."""
        route, what = payload
        if what == "load":
            self._load(route)
            return
        if route.dead_s < NEVER or route.current is not None:
            return
        while route.queue:
            stop = route.queue.popleft()
            if stop.order >= 0 and self.barred_code[stop.order] > 0 and stop.attempt == 1:
                continue  # concluded when it was noticed
            if self._drive(route, stop):
                return
            if route.dead_s < NEVER:
                route.queue.appendleft(stop)
                self.clock.push(route.dead_s + RESCUE_S, "give_up", route)
                break
        self._go_home(route)

    def _drive(self, route: Route, stop: Stop) -> bool:
        """Set off for ``stop``; false if a fault or the end of the shift stops the route."""
        if route.clock >= route.fault_s:
            self.record(KIND["vehicle_fault"], -1, route.number, 1, route.clock)
            route.fault_s = NEVER
            if route.fault_ends:
                route.dead_s, route.dead_code = route.clock, CODE["breakdown"]
                return False
            route.clock += route.fault_delay_s
        place = stop.order
        lat, lon = (self.lat[place], self.lon[place]) if place >= 0 else (stop.lat, stop.lon)
        city = self.city[place] if place >= 0 else int(self.setup.world.places.depot_city[route.depot])
        km, seconds = self._leg(city, route.lat, route.lon, lat, lon)
        hour = min(route.clock // 3_600, 29)
        slow = self.travel[city][hour] * (self.quarter_factor[self.quarter[place]] if place >= 0 else 1.0)
        noise = self.leg_noise[place] if place >= 0 else 1.0
        drive = floor(seconds * slow * route.pace * noise + 0.5)
        search = 0
        if place >= 0:
            known = self.familiarity[route.driver][self.quarter[place]]
            search = floor(self.search_s[place] * (1.2 - known) + 0.5)
        arrive = max(route.clock, stop.ready_s) + drive + search
        if arrive > route.limit_s:
            route.dead_s, route.dead_code = route.clock, CODE["ran_out_of_time"]
            return False
        route.current = stop
        self.clock.push(arrive, "arrive", (route, stop, arrive, floor(km * 1_000 + 0.5)))
        return True

    def _leg(self, city: int, lat0: float, lon0: float, lat: float, lon: float) -> tuple[float, float]:
        roads = self.setup.roads
        north = (lat - lat0) * KM_PER_DEGREE
        east = (lon - lon0) * roads.km_per_lon[city]
        km = roads.circuity[city] * sqrt(north * north + east * east)
        near, far = min(km, roads.near_km[city]), max(km - roads.near_km[city], 0.0)
        return km, roads.access_s[city] + near * roads.near_s_per_km[city] + far * roads.far_s_per_km[city]

    def _arrive(self, payload: tuple[Route, Stop, int, int]) -> None:
        route, stop, arrive, metres = payload
        route.metres += metres
        if stop.order < 0:
            route.lat, route.lon, route.clock = stop.lat, stop.lon, arrive + TRANSFER_S
            route.current = None
            self.clock.push(route.clock, "depart", (route, "go"))
            return
        route.lat, route.lon = self.lat[stop.order], self.lon[stop.order]
        self.record(KIND["arrived"], stop.order, route.number, stop.attempt, arrive, stop.told_s)
        start = max(arrive, self.opens[stop.order])
        self.clock.push(start, "serve", (route, stop, arrive, start, metres))

    def _serve(self, payload: tuple[Route, Stop, int, int, int]) -> None:
        """Service starts: what is in force now decides what happens."""
        route, stop, arrive, start, metres = payload
        order = stop.order
        code = self._outcome(stop, start, route.overrun)
        good = floor(self.service_s[order] * route.service_pace + 0.5)
        quick = code in (0, DIVERTED)
        service = good if quick else CLOSED_S if code == WEATHER else self.failed_s[order]
        if code != WEATHER:
            self.record(KIND["service_started"], order, route.number, stop.attempt, start, stop.told_s)
        if quick:
            route.overrun += max(0, good - 3 * self.standard[order])
        end = start + service
        visit = Visit(order, route.number, stop.attempt, stop.told_s, arrive, start, end, code, metres, went=True)
        self.clock.push(end, "free", (route, stop, visit))

    def _outcome(self, stop: Stop, start: int, overrun: int) -> int:
        """Code of an attempt that starts at ``start``; see ``batch.outcome_codes``."""
        order, door = stop.order, self.door
        if self.closed[order]:
            return WEATHER
        law, effects = self.setup.world.scenario.customers, self.setup.world.scenario.effects
        at_home = self.log_odds[order] + self.strength[order] * self.table[self.habit[order]][min(start // 3_600, 29)]
        message, confirm, call = (since[order] <= start for since in (door.message_s, door.confirm_s, door.call_s))
        at_home += effects.message_log_odds if message else 0.0
        at_home += effects.confirm_log_odds if confirm else 0.0
        at_home += effects.call_log_odds if call else 0.0
        at_home += effects.together_log_odds if message + confirm + call >= 2 else 0.0
        trouble = self.trouble[order]
        if door.fix_s[order] <= start and trouble in MENDABLE:
            trouble = 0
        if door.locker_s[order] <= start and trouble != DAMAGED:
            return DIVERTED
        if trouble > 0:
            return trouble
        if door.safe_s[order] <= start:
            return 0
        threshold = self.threshold[order]
        if stop.attempt > 1:
            again = uniforms(
                self.setup.world.scenario.seed,
                "presence again",
                self.setup.orders.day,
                stop.attempt,
                keys=np.array([order]),
            )
            threshold = float(logit(again)[0])
        late_h = max(start - self.extended.get(order, self.closes[order]), 0) / 3_600
        if not at_home + law.late_log_odds * late_h > threshold:
            return 0
        if not at_home > threshold and overrun >= CASCADE_S:
            return CODE["previous_stop_overrun"]
        return CODE["business_closed"] if self.business[order] else CODE["recipient_absent"]

    def _free(self, payload: tuple[Route, Stop, Visit]) -> None:
        route, stop, visit = payload
        route.clock, route.current = visit.end_s, None
        self.conclude(stop, route, visit.end_s, visit.code, went=visit)
        if route.break_s > 0 and route.clock - route.begin >= BREAK_AFTER_S:
            for kind, at in (("break_started", route.clock), ("break_ended", route.clock + route.break_s)):
                self.record(KIND[kind], -1, route.number, 1, at)
            route.clock += route.break_s
            route.break_s = 0
        self.clock.push(route.clock, "depart", (route, "go"))

    def _go_home(self, route: Route) -> None:
        km, seconds = self._home_leg(route)
        city = int(self.setup.world.places.depot_city[route.depot])
        hour = min(route.clock // 3_600, 29)
        back = floor(seconds * self.travel[city][hour] * route.pace + 0.5)
        returns = route.metres > 0
        end = route.clock + back if returns else route.clock
        route.idle = True
        self.clock.push(end, "end", (route, route.clock, end, floor(km * 1_000 + 0.5) if returns else 0))

    def _home_leg(self, route: Route) -> tuple[float, float]:
        places = self.setup.world.places
        depot = route.depot
        return self._leg(
            int(places.depot_city[depot]),
            route.lat,
            route.lon,
            float(places.depot_lat[depot]),
            float(places.depot_lon[depot]),
        )

    def _end(self, payload: tuple[Route, int, int, int]) -> None:
        route, since, end, metres = payload
        if not route.idle or route.clock != since:
            return  # it was given more work on the way home
        route.metres += metres
        route.ended_s = end
        places = self.setup.world.places
        route.lat, route.lon = float(places.depot_lat[route.depot]), float(places.depot_lon[route.depot])
        self.record(KIND["route_ended"], -1, route.number, 1, end)
