"""State of a day that is played event by event: what is open on which route, and what happens to an order."""

from __future__ import annotations

from simulation.actions import DoorActions
from simulation.batch import RESCUE_S, DayLog, route_beginnings
from simulation.doors import CODE, NEVER
from simulation.live_parts import Clock, Route, Stop, Visit
from simulation.live_played import day_log, final_setup
from simulation.live_record import FAILED_KIND, Recorder
from simulation.records import CONCLUSION, KIND, Rows
from simulation.setup import LOADING_S, DaySetup


class Day:
    """All state of a live day, and what happens to orders on it. ``live_motion.MovingDay`` moves its vans."""

    def __init__(self, setup: DaySetup, door: DoorActions, clock: Clock) -> None:
        self.setup, self.door, self.clock = setup, door, clock
        self.event_prefix = f"e{setup.orders.day:%Y%m%d}-"
        self.visits: list[Visit] = []
        self.open_route: dict[int, int] = {}
        self.concluded: dict[int, Visit] = {}
        self.extended: dict[int, int] = {}
        self._arrays()
        self.routes = self._planned_routes()
        self.record = Recorder(setup, self.routes, clock)
        self._schedule_beginnings()

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
            fleet_id=self.setup.world.scenario.fleets[people[vehicle].fleet].fleet_id,
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

    def _schedule_beginnings(self) -> None:
        setup, push = self.setup, self.clock.push
        doors = setup.doors
        for name, _, number, second in self._beginnings:
            push(second, "note", (name, -1, number))
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

    # -- the played day -------------------------------------------------------------------------------------------

    def final_setup(self) -> DaySetup:
        """The setup with the routes as they became."""
        return final_setup(self.setup, self.door, self.routes, self.visits, self.planned_start)

    def log(self) -> DayLog:
        """The day as arrays."""
        return day_log(self.setup, self.routes, self.visits)

    def event_rows(self) -> Rows:
        """What was recorded, as arrays."""
        return self.record.as_rows()
