"""State of a day that is played event by event: routes, stops, the clock, and what has been recorded."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import floor, sqrt
from typing import Any

import numpy as np

from simulation.actions import DoorActions
from simulation.batch import (
    BREAK_AFTER_S,
    CASCADE_S,
    CLOSED_S,
    NOT_BEGUN,
    RESCUE_S,
    DayLog,
    route_beginnings,
)
from simulation.doors import CODE, NEVER
from simulation.habits import logit
from simulation.plans import DayPlan
from simulation.records import CONCLUSION, KIND, ROUTE_KIND, Rows, event_numbers, scans_of
from simulation.setup import LOADING_S, NEAR_KM, DaySetup
from simulation.streams import uniforms
from simulation.world import KM_PER_DEGREE

TRANSFER_S = 600
"""Taking parcels over from another vehicle or back at the depot."""
WEATHER, DIVERTED, DAMAGED = CODE["weather"], CODE["diverted"], CODE["damaged"]
MENDABLE = (CODE["address_wrong"], CODE["access_denied"])
FAILED_KIND, DELIVERED_KIND = KIND["attempt_failed"], KIND["delivered"]


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


class Day:
    """All state of a live day, and the handlers that move it."""

    def __init__(self, setup: DaySetup, door: DoorActions, clock: Clock) -> None:
        self.setup, self.door, self.clock = setup, door, clock
        self.event_prefix = f"e{setup.orders.day:%Y%m%d}-"
        self.visits: list[Visit] = []
        self.rows: list[tuple[int, int, int, int, int, int, int, int]] = []
        """Events as they happened: number, kind, order, route, attempt, second, planned second, code."""
        self.open_route: dict[int, int] = {}
        self.concluded: dict[int, Visit] = {}
        self.extended: dict[int, int] = {}
        self._serials: dict[int, int] = {}
        self._arrays()
        self.routes = self._planned_routes()
        self._precompute_delays()
        self._schedule_beginnings()

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """What to do when something of a kind is due."""
        return {
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

    # -- preparation ----------------------------------------------------------------------------------------------

    def _arrays(self) -> None:
        """Arrays of the day as lists: reading one number of a list is what a scalar step does most."""
        orders, doors, today = self.setup.orders, self.setup.doors, self.setup.conditions
        self.lat, self.lon, self.city = orders.lat.tolist(), orders.lon.tolist(), orders.city.tolist()
        self.quarter = orders.quarter.tolist()
        self.opens, self.closes = orders.window_start_s.tolist(), orders.window_end_s.tolist()
        self.standard = orders.service_s.tolist()
        self.log_odds, self.strength, self.habit = (
            doors.log_odds.tolist(),
            doors.strength.tolist(),
            doors.habit.tolist(),
        )
        self.threshold, self.trouble, self.closed = (
            doors.threshold.tolist(),
            doors.trouble.tolist(),
            doors.closed.tolist(),
        )
        self.business = doors.business.tolist()
        self.service_s, self.failed_s = doors.service_s.tolist(), doors.failed_s.tolist()
        self.search_s, self.leg_noise = doors.search_s.tolist(), doors.leg_noise.tolist()
        self.table, self.travel, self.quarter_factor = (
            doors.table.tolist(),
            today.travel.tolist(),
            today.quarter.tolist(),
        )
        self.barred_s, self.barred_code = self.setup.barred_s.tolist(), self.setup.barred_code.tolist()
        self.familiarity = self.setup.world.familiarity.tolist()
        self.planned_start = self.setup.start_s.tolist()

    def _planned_routes(self) -> list[Route]:
        setup, plan = self.setup, self.setup.plan
        begin, dead_s, dead_code, self._beginnings = route_beginnings(setup)
        stops, told = plan.stops.tolist(), setup.told_s.tolist()
        routes = []
        for number, route_id in enumerate(plan.route_ids):
            route = self.new_route(
                number,
                route_id,
                int(plan.vehicle[number]),
                int(plan.driver[number]),
                int(plan.depot[number]),
                int(begin[number]),
            )
            route.driver_id = plan.driver_ids[number]
            route.dead_s, route.dead_code = int(dead_s[number]), int(dead_code[number])
            route.begun = route.dead_s == NEVER
            for row in range(int(plan.offsets[number]), int(plan.offsets[number + 1])):
                route.queue.append(Stop(stops[row], 1, told[row]))
                self.open_route[stops[row]] = number
            routes.append(route)
        return routes

    def new_route(self, number: int, route_id: str, vehicle: int, driver: int, depot: int, begin: int) -> Route:
        """A route of ``vehicle`` with ``driver`` that leaves its depot at ``begin``."""
        crews, places, people = self.setup.crews, self.setup.world.places, self.setup.world.drivers
        return Route(
            number=number,
            route_id=route_id,
            vehicle=vehicle,
            driver=driver,
            vehicle_id=people[vehicle].vehicle_id,
            driver_id=people[driver].driver_id,
            depot=depot,
            begin=begin,
            clock=begin,
            lat=float(places.depot_lat[depot]),
            lon=float(places.depot_lon[depot]),
            pace=float(crews.pace[driver]),
            service_pace=float(crews.service_pace[driver]),
            fault_s=int(crews.fault_s[vehicle]),
            fault_delay_s=int(crews.fault_delay_s[vehicle]),
            fault_ends=bool(crews.fault_ends[vehicle]),
            limit_s=int(crews.limit_s[driver]),
            break_s=int(crews.break_s[driver]),
        )

    def _precompute_delays(self) -> None:
        """Delays of the events every stop has, drawn for all stops at once."""
        setup, stops = self.setup, self.setup.plan.stops
        self._scans: dict[int, dict[int, tuple[int, bool]]] = {}
        for name in ("arrived", "service_started", "delivered", "loaded"):
            rows = Rows.of(KIND[name], len(stops), order=stops, time_s=np.zeros(len(stops), dtype=np.int64))
            _, scans = event_numbers(setup, rows)
            delay, twice = scans_of(setup, scans)
            both = zip(delay.tolist(), twice.tolist(), strict=True)
            self._scans[KIND[name]] = dict(zip(stops.tolist(), both, strict=True))

    def _schedule_beginnings(self) -> None:
        setup, push = self.setup, self.clock.push
        doors = setup.doors
        for kind, _, route, second in self._beginnings:
            push(second, "note", (kind, -1, route))
        for route in self.routes:
            if route.begun:
                push(route.begin - LOADING_S, "depart", (route, "load"))
            else:
                push(route.dead_s + RESCUE_S, "give_up", route)
        chance, late = doors.contact_chance.tolist(), doors.late_contact_chance.tolist()
        asks, asks_late = doors.contact_s.tolist(), doors.late_contact_s.tolist()
        for order in self.setup.plan.stops.tolist():
            if self.barred_s[order] < NEVER:
                push(self.barred_s[order], "barred", order)
            if self.door.removed_s[order] < NEVER:
                push(self.door.removed_s[order], "removed", order)
            if chance[order] < 1:
                push(asks[order], "ask", (order, chance[order], asks[order]))
            if late[order] < 1:
                push(asks_late[order], "ask", (order, late[order], asks_late[order]))
            if int(setup.tender_s[order]) < NEVER:
                sent, answered = int(setup.tender_s[order]), int(setup.answer_s[order])
                accepted = self.barred_code[order] != CODE["carrier_declined"]
                push(sent, "fact", (KIND["tender_sent"], order, -1, 1, sent))
                kind = KIND["tender_accepted" if accepted else "tender_declined"]
                push(answered, "fact", (kind, order, -1, 1, answered))

    # -- recording ------------------------------------------------------------------------------------------------

    def record(
        self, kind: int, order: int, route: int, attempt: int, time_s: int, planned_s: int = NEVER, code: int = -1
    ) -> None:
        """An event happened; it becomes known after its delay."""
        entity = order if order >= 0 else self.routes[route].vehicle
        base = ((kind if order >= 0 else kind + ROUTE_KIND) * 10 + attempt) * 1_000_000 + entity
        serial = self._serials.get(base, 0)
        self._serials[base] = serial + 1
        scan_kind = DELIVERED_KIND if order >= 0 and kind in (FAILED_KIND, KIND["diverted"]) else kind
        scan = self._scans.get(scan_kind, {}).get(order) if attempt == 1 and serial == 0 and order >= 0 else None
        if scan is None:
            scan_base = ((scan_kind if order >= 0 else kind + ROUTE_KIND) * 10 + attempt) * 1_000_000 + entity
            delays, twices = scans_of(self.setup, np.array([scan_base * 10 + serial % 10]))
            scan = (int(delays[0]), bool(twices[0]))
        row = (base * 10 + serial % 10, kind, order, route, attempt, time_s, planned_s, code)
        self.rows.append(row)
        self.clock.push(time_s + scan[0], "known", row)
        if scan[1]:
            self.clock.push(time_s + scan[0], "known", row)

    def _note(self, payload: tuple[str, int, int]) -> None:
        kind, order, route = payload
        self.record(KIND[kind], order, route, 1, self.clock.now)

    def _ask(self, payload: tuple[int, float, int]) -> None:
        order, chance, second = payload
        told = self.door.message_s[order] <= second
        limit = self.setup.world.scenario.effects.message_contact_factor if told else 1.0
        if chance < limit and order not in self.concluded:
            self.record(KIND["contact_received"], order, -1, 1, second)

    def queued(self, order: int) -> tuple[Route, Stop] | None:
        """Route and stop of an order nobody is driving to yet."""
        number = self.open_route.get(order)
        if number is None:
            return None
        route = self.routes[number]
        stop = next((one for one in route.queue if one.order == order), None)
        return None if stop is None else (route, stop)

    def _removed(self, order: int) -> None:
        """Cancelled or put off before the van set off for it."""
        found = self.queued(order)
        if found is None or self.door.removed_s[order] > self.clock.now or self.barred_code[order] > 0:
            return
        route, stop = found
        route.queue.remove(stop)
        self.conclude(stop, route, self.door.removed_s[order], self.door.removed_code[order])

    def _loaded(self, payload: tuple[int, Route]) -> None:
        order, route = payload
        if self.open_route.get(order) == route.number:
            self.record(KIND["loaded"], order, route.number, 1, self.clock.now)

    def _call(self, payload: tuple[int, int]) -> None:
        self.record(KIND["contact_received"], payload[0], -1, 1, payload[1])

    def conclude(self, stop: Stop, route: Route, end_s: int, code: int, *, went: Visit | None = None) -> None:
        """An attempt is over: note it, tell it, and let a disappointed customer call."""
        visit = went or Visit(
            stop.order, route.number, stop.attempt, stop.told_s, NEVER, NEVER, end_s, code, 0, went=False
        )
        self.visits.append(visit)
        self.concluded[stop.order] = visit
        self.open_route.pop(stop.order, None)
        kind = int(CONCLUSION[code])
        reason = code if kind == FAILED_KIND else -1
        self.record(kind, stop.order, route.number, stop.attempt, end_s, stop.told_s, reason)
        after = int(self.setup.doors.failure_contact_s[stop.order])
        if kind == FAILED_KIND and after < NEVER and stop.attempt == 1:
            self.clock.push(end_s + after, "call", (stop.order, end_s + after))

    # -- motion ---------------------------------------------------------------------------------------------------

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
        near, far = min(km, NEAR_KM), max(km - NEAR_KM, 0.0)
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

    def _barred(self, order: int) -> None:
        """A parcel that is not there, or that no courier took, and nobody else did in time."""
        number = self.open_route.get(order)
        if number is None or self.barred_code[order] == 0:
            return
        if self.barred_code[order] == CODE["missing"]:
            self.record(KIND["load_missing"], order, number, 1, self.clock.now)
        route = self.routes[number]
        stop = next((one for one in route.queue if one.order == order), None)
        if stop is not None:
            route.queue.remove(stop)
            self.conclude(stop, route, self.barred_s[order], self.barred_code[order])

    def _give_up(self, route: Route) -> None:
        """What is left on a route that ended early has failed."""
        while route.queue:
            stop = route.queue.popleft()
            if stop.order >= 0:
                self.conclude(stop, route, route.dead_s + RESCUE_S, route.dead_code)

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

    # -- the played day -------------------------------------------------------------------------------------------

    def final_setup(self) -> DaySetup:
        """The setup with the routes as they became, so that records and truth are made as for a planned day."""
        setup = self.setup
        by_route: list[list[Visit]] = [[] for _ in self.routes]
        for visit in self._ordered():
            by_route[visit.route].append(visit)
        lengths = [len(one) for one in by_route]
        plan = DayPlan(
            route_ids=tuple(one.route_id for one in self.routes),
            vehicle=np.array([one.vehicle for one in self.routes], dtype=np.int64),
            driver=np.array([one.driver for one in self.routes], dtype=np.int64),
            driver_ids=tuple(one.driver_id for one in self.routes),
            depot=np.array([one.depot for one in self.routes], dtype=np.int64),
            starts_s=np.array([one.begin for one in self.routes], dtype=np.int64),
            stops=np.array([one.order for part in by_route for one in part], dtype=np.int64),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            told_s=np.array([one.told_s for part in by_route for one in part], dtype=np.int64),
        )
        start = np.array(
            [
                self.planned_start[one.number] if one.number < len(self.planned_start) else one.begin
                for one in self.routes
            ],
            dtype=np.int64,
        )
        return replace(
            setup,
            plan=plan,
            actions=self.door,
            start_s=start,
            told_s=plan.told_s,
        )

    def _ordered(self) -> list[Visit]:
        """Visits by route, in the order of the plan where nothing was changed."""
        place = {int(order): number for number, order in enumerate(self.setup.plan.stops.tolist())}
        moved = {int(o): int(r) for o, r in zip(self.setup.plan.stops, self.setup.plan.route_of_stop, strict=True)}

        def key(visit: Visit) -> tuple[int, int, int]:
            planned = visit.attempt == 1 and moved.get(visit.order) == visit.route
            return (visit.route, 0 if planned else 1, place[visit.order] if planned else visit.end_s)

        return sorted(self.visits, key=key)

    def log(self) -> DayLog:
        """The day as arrays, for records, invoices and truth."""
        visits, routes = self._ordered(), self.routes

        def column(name: str) -> np.ndarray:
            return np.array([getattr(one, name) for one in visits], dtype=np.int64)

        return DayLog(
            order=column("order"),
            route=column("route"),
            attempt=column("attempt"),
            told_s=column("told_s"),
            arrive_s=column("arrive_s"),
            start_s=column("start_s"),
            end_s=column("end_s"),
            code=column("code"),
            leg_m=column("leg_m"),
            went=np.array([one.went for one in visits], dtype=bool),
            route_start_s=np.array([one.begin if one.begun else NOT_BEGUN for one in routes], dtype=np.int64),
            route_end_s=np.array([one.ended_s if one.begun else NEVER for one in routes], dtype=np.int64),
            route_m=np.array([one.metres for one in routes], dtype=np.int64),
            notes=[],
        )

    def event_rows(self) -> Rows:
        """What was recorded, as arrays."""
        columns = np.array(self.rows, dtype=np.int64).reshape(-1, 8)[:, 1:]
        return Rows(*(np.ascontiguousarray(columns[:, number]) for number in range(columns.shape[1])))
