"""Decisions that change routes while they run: what can still be done, and what it does.

Parcels decide: before loading an order may go to any van; once loaded it stays on its van unless that van is out of the
day, and then the one that takes over drives to it first.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domain.codes import ControlMode
from domain.errors import InputError
from simulation.actions import Action
from simulation.doors import CODE, NEVER
from simulation.fates import answer_offers, draw_absences
from simulation.live_parts import Route, Stop
from simulation.live_state import Day
from simulation.records import KIND
from simulation.setup import LOADING_S

EXTRA_AFTER_S = 3_600
"""Wait before a second attempt where the decision does not say."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision that came too late or cannot be carried out, and why."""

    action: Action
    reason: str


class RouteDecisions:
    """Applies route actions to a live day. ``apply`` returns why an action cannot be done, or nothing."""

    def __init__(self, day: Day, changed: Callable[[int], None]) -> None:
        """``changed`` is told the number of every route that got another sequence."""
        self._day, self._changed = day, changed
        self._absent = draw_absences(day.setup.world, day.setup.orders.day).absent

    def apply(self, action: Action, orders: list[int]) -> str | None:
        """Carry out ``action`` on order numbers ``orders`` now.

        Raises:
            InputError: the decision names a route or vehicle that does not exist, or lacks one.
        """
        act = {
            "resequence": self._resequence,
            "add_slack": self._add_slack,
            "pull_forward": self._pull_forward,
            "defer_zone": self._defer,
            "move_to_other_fleet": self._move,
            "split_route": self._move,
            "swap_driver_or_vehicle": self._swap,
            "tender_to_gig": self._tender,
            "extra_attempt": self._again,
        }[action.action]
        return act(action, orders)

    def _route(self, action: Action) -> Route:
        for route in self._day.routes:
            if route.route_id == action.route_id:
                return route
        near = difflib.get_close_matches(str(action.route_id), [one.route_id for one in self._day.routes], n=1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"decision {action.action}: there is no route {action.route_id!r}{hint}")

    def _resequence(self, action: Action, orders: list[int]) -> str | None:
        route = self._route(action)
        waiting = {stop.order: stop for stop in route.queue if stop.order >= 0}
        if sorted(orders) != sorted(waiting):
            return "the open stops of the route are others by now"
        transfers = [stop for stop in route.queue if stop.order < 0]
        route.queue = deque([*transfers, *(waiting[one] for one in orders)])
        self._changed(route.number)
        return None

    def _pull_forward(self, action: Action, orders: list[int]) -> str | None:
        found = [self._day.queued(one) for one in orders]
        if any(one is None for one in found):
            return "an order is served, on its way or not planned"
        for pair in reversed([one for one in found if one is not None]):
            route, stop = pair
            route.queue.remove(stop)
            route.queue.appendleft(stop)
            self._changed(route.number)
        return None

    def _add_slack(self, action: Action, orders: list[int]) -> str | None:
        """A later promise: customers told before the old one ended wait longer."""
        day, now = self._day, self._day.clock.now
        for one in orders:
            until = day.extended.get(one, day.closes[one])
            if now <= until and one not in day.concluded:
                day.extended[one] = until + (action.delay_s or EXTRA_AFTER_S)
                day.record(KIND["promise_set"], one, -1, 1, now)
        return None

    def _defer(self, action: Action, orders: list[int]) -> str | None:
        """Orders go to another day; their customers are told now."""
        now = self._day.clock.now
        for one in orders:
            if self._day.queued(one) is not None and now < self._day.door.removed_s[one]:
                self._day.door.removed_s[one], self._day.door.removed_code[one] = now, CODE["rescheduled"]
                self._day.barred_code[one] = 0
                self._day.clock.push(now, "removed", one)
        return None

    def _swap(self, action: Action, orders: list[int]) -> str | None:
        route = self._route(action)
        return self._take_over(action, [stop.order for stop in route.queue if stop.order >= 0])

    def _move(self, action: Action, orders: list[int]) -> str | None:
        return self._take_over(action, orders)

    def _take_over(self, action: Action, orders: list[int]) -> str | None:
        """All orders or none go to ``vehicle_id``."""
        target, reason = self._target(action)
        if target is None:
            return reason
        found = [self._day.queued(one) for one in orders]
        if any(one is None for one in found):
            return "an order is served, on its way or not planned"
        pairs = [one for one in found if one is not None]
        for route, stop in pairs:
            if self._aboard(route, stop) and route.dead_s == NEVER:
                return f"order {self._day.setup.orders.prefix}{stop.order:06d} is already loaded in {route.vehicle_id}"
        for source in {id(route): route for route, _ in pairs}.values():
            self._transfer(target, source, [stop for route, stop in pairs if route is source])
        return None

    def _aboard(self, route: Route, stop: Stop) -> bool:
        day = self._day
        if not route.begun or day.clock.now < route.begin - LOADING_S or stop.attempt > 1:
            return False
        # what a courier has declined is not taken along
        return day.barred_code[stop.order] != CODE["carrier_declined"]

    def _transfer(self, target: Route, source: Route, stops: list[Stop]) -> None:
        """Move stops, with a leg to where the parcels are unless the target still loads at the depot they are in."""
        day, now = self._day, self._day.clock.now
        places = day.setup.world.places
        aboard = any(self._aboard(source, stop) for stop in stops)
        lat, lon = float(places.depot_lat[source.depot]), float(places.depot_lon[source.depot])
        if aboard:
            lat, lon = source.lat, source.lon
        still_loads = now < target.begin - LOADING_S and target.depot == source.depot and not aboard
        if not still_loads:
            target.queue.append(Stop(-1, 1, NEVER, ready_s=now, lat=lat, lon=lon))
        for stop in stops:
            source.queue.remove(stop)
            target.queue.append(stop)
            day.open_route[stop.order] = target.number
            day.barred_code[stop.order] = (
                0 if day.barred_code[stop.order] == CODE["carrier_declined"] else day.barred_code[stop.order]
            )
        self._changed(target.number)
        self._wake(target)

    def _wake(self, route: Route) -> None:
        """A van that had nothing left turns round where it is; for a van on its way home that is the last stop."""
        if route.idle and route.dead_s == NEVER:
            now = self._day.clock.now
            route.idle = False
            route.clock = max(route.clock + 1, now)
            self._day.clock.push(route.clock, "depart", (route, "go"))

    def _target(self, action: Action) -> tuple[Route | None, str]:
        world = self._day.setup.world
        driver = world.driver_of_vehicle.get(str(action.vehicle_id))
        if driver is None:
            near = difflib.get_close_matches(str(action.vehicle_id), list(world.driver_of_vehicle), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"decision {action.action}: there is no vehicle {action.vehicle_id!r}{hint}")
        for route in self._day.routes:
            if route.vehicle == driver.number:
                if route.dead_s < NEVER:
                    return None, f"{route.vehicle_id} is out of the day"
                return route, ""
        if self._absent[driver.number]:
            return None, f"{driver.vehicle_id} has nobody to drive it today"
        return self._spare(driver.number), ""

    def _spare(self, vehicle: int) -> Route:
        """A new route of a vehicle that had none."""
        day, crews = self._day, self._day.setup.crews
        person = day.setup.world.drivers[vehicle]
        begin = max(day.clock.now + LOADING_S + 1, int(crews.starts_s[vehicle]))
        name = f"r-{day.setup.orders.day}-{person.vehicle_id}"
        taken = {one.route_id for one in day.routes}
        route = day.new_route(
            len(day.routes), name if name not in taken else f"{name}-2", vehicle, vehicle, person.depot, begin
        )
        day.routes.append(route)
        day.clock.push(begin - LOADING_S, "depart", (route, "load"))
        return route

    def _tender(self, action: Action, orders: list[int]) -> str | None:
        """Offer orders one by one to couriers at a price; who accepts fetches the parcel where it is."""
        day, world = self._day, self._day.setup.world
        fleets = [n for n, one in enumerate(world.scenario.fleets) if one.control_mode is ControlMode.TENDERED_ORDER]
        if not fleets:
            return "there is no fleet that takes single orders"
        now = day.clock.now
        which = np.array(orders, dtype=np.int64)
        price = None if action.price_minor is None else np.full(len(which), action.price_minor, dtype=np.int64)
        hour = np.full(len(which), max(0, now // 3_600), dtype=np.int64)
        answers = answer_offers(world, day.setup.orders, which, fleets[0], price, hour)
        refused = None
        for row, order in enumerate(orders):
            found = day.queued(order)
            if found is None:
                refused = "an order is served, on its way or not planned"
                continue
            if self._aboard(*found) and found[0].dead_s == NEVER:
                refused = f"order {day.setup.orders.prefix}{order:06d} is already loaded in {found[0].vehicle_id}"
                continue
            day.record(KIND["tender_sent"], order, -1, 1, now)
            answer = (order, fleets[0], bool(answers.accepted[row]))
            day.clock.push(now + int(answers.answer_s[row]), "courier", answer)
        return refused

    def courier_answers(self, answer: tuple[int, int, bool]) -> None:
        """An offer is answered: who takes it fetches the parcel, unless it is served, loaded or withdrawn by now."""
        order, fleet, willing = answer
        day, found = self._day, self._day.queued(order)
        if found is None or (self._aboard(*found) and found[0].dead_s == NEVER):
            day.record(KIND["tender_expired"], order, -1, 1, day.clock.now)
            return
        courier = self._free_courier(fleet) if willing else None
        if courier is None:
            day.record(KIND["tender_declined"], order, -1, 1, day.clock.now)
            return
        day.record(KIND["tender_accepted"], order, -1, 1, day.clock.now)
        self._transfer(self._spare(courier), found[0], [found[1]])

    def _free_courier(self, fleet: int) -> int | None:
        busy = {one.vehicle for one in self._day.routes}
        limit = self._day.setup.crews.limit_s
        for one in self._day.setup.world.drivers:
            free = one.fleet == fleet and one.number not in busy and not self._absent[one.number]
            if free and int(limit[one.number]) > self._day.clock.now:
                return one.number
        return None

    def _again(self, action: Action, orders: list[int]) -> str | None:
        """A second attempt the same day by the van that still has the parcel."""
        day, now, refused = self._day, self._day.clock.now, None
        for order in orders:
            done = day.concluded.get(order)
            if done is None or not done.went or done.code in (0, CODE["diverted"]):
                refused = "an order has no failed attempt to repeat"
                continue
            route = day.routes[done.route]
            if route.dead_s < NEVER or route.ended_s < NEVER:
                refused = f"{route.vehicle_id} is back at the depot"
                continue
            ready = now + (action.delay_s if action.delay_s is not None else EXTRA_AFTER_S)
            route.queue.append(Stop(order, done.attempt + 1, ready, ready_s=ready))
            day.open_route[order] = route.number
            self._changed(route.number)
            self._wake(route)
        return refused
