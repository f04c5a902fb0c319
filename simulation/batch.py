"""Play a whole day at once: all routes advance together, stop by stop, as arrays.

``live.py`` plays the same day event by event; a test holds the two equal to the second. Every sum and product is
written in the same order in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.doors import CODE, NEVER
from simulation.fates import TENDER_EVENING_S
from simulation.setup import DaySetup, leg_km, leg_seconds
from simulation.streams import Integers

REPAIR_NOTE, BREAK_NOTE = "vehicle_fault", "break"
BREAK_AFTER_S = 16_200
"""A break is due after four and a half hours of work (EU regulation 561/2006)."""
CASCADE_S = 600
"""Seconds lost to overlong stops from which a lateness counts as their doing."""
CLOSED_S = 30
RESCUE_S = 1_800
"""Stops of a route that ended early count as failed after half an hour: until then somebody else may take them."""
NOT_BEGUN = -NEVER


@dataclass(frozen=True)
class DayLog:
    """What happened. Visits are in order of route and position; seconds from local midnight, ``NEVER`` if not.

    ``went`` says whether the van drove there. ``notes`` are other events: (type, order or -1, route or -1, second).
    """

    order: Integers
    route: Integers
    attempt: Integers
    told_s: Integers
    arrive_s: Integers
    start_s: Integers
    end_s: Integers
    code: Integers
    leg_m: Integers
    went: np.ndarray
    route_start_s: Integers
    route_end_s: Integers
    route_m: Integers
    notes: list[tuple[str, int, int, int]]


def route_beginnings(setup: DaySetup) -> tuple[Integers, Integers, Integers, list[tuple[str, int, int, int]]]:
    """First second, last second (``NEVER`` if alive) and code of each route, with the events that explain them."""
    plan, crews = setup.plan, setup.crews
    begin = setup.start_s.copy()
    dead_s, dead_code = np.full(len(begin), NEVER, dtype=np.int64), np.zeros(len(begin), dtype=np.int64)
    notes: list[tuple[str, int, int, int]] = []
    modes = [one.control_mode.value for one in setup.world.scenario.fleets]
    for route in range(len(begin)):
        vehicle, driver = int(plan.vehicle[route]), int(plan.driver[route])
        mode = modes[setup.world.drivers[vehicle].fleet]
        if mode == "tendered_route":
            notes.append(("tender_sent", -1, route, TENDER_EVENING_S))
            if crews.declines_route[vehicle]:
                notes.append(("tender_declined", -1, route, TENDER_EVENING_S + 3_600))
                dead_s[route], dead_code[route] = begin[route], CODE["carrier_declined"]
                continue
            notes.append(("tender_accepted", -1, route, TENDER_EVENING_S + 1_800))
        if crews.no_show[driver]:
            notes.append(("driver_no_show", -1, route, int(begin[route])))
            if crews.replaced_s[driver] == NEVER:
                dead_s[route], dead_code[route] = begin[route] + 5_400, CODE["driver_unavailable"]
            else:
                begin[route] += crews.replaced_s[driver]
    return begin, dead_s, dead_code, notes


def play_batch(setup: DaySetup) -> DayLog:
    """The day as arrays."""
    plan = setup.plan
    begin, dead_s, dead_code, notes = route_beginnings(setup)
    count, stops = len(begin), len(plan.stops)
    arrive, start, end = (np.full(stops, NEVER, dtype=np.int64) for _ in range(3))
    code, leg_m = np.zeros(stops, dtype=np.int64), np.zeros(stops, dtype=np.int64)
    went = np.zeros(stops, dtype=bool)
    by_length = np.argsort(-plan.lengths, kind="stable")
    lengths = plan.lengths[by_length]
    first = plan.offsets[:-1][by_length]
    state = _Routes(setup, by_length, begin, dead_s, dead_code)
    removed_s, removed_code = _removals(setup)
    for step in range(int(lengths.max(initial=0))):
        active = int(np.searchsorted(-lengths, -step, side="left"))
        rows = first[:active] + step
        order = plan.stops[rows]
        barred = setup.barred_s[order] < NEVER
        alive = state.dead_s[:active] == NEVER
        gone = removed_s[order] <= np.where(alive, state.clock[:active], state.dead_s[:active] + RESCUE_S)
        go = np.flatnonzero(alive & ~barred & ~gone)
        if len(go):
            visit = _visit(setup, state, go, order[go])
            at, moved = rows[go], visit.moved
            arrive[at], start[at], end[at], code[at] = visit.arrive, visit.start, visit.end, visit.code
            leg_m[at], went[at] = visit.leg_m, moved
        dead = state.dead_s[:active] < NEVER
        # the stop at which a route ends may be withdrawn while it waits for rescue, as those after it
        gone |= dead & ~went[rows] & (removed_s[order] <= state.dead_s[:active] + RESCUE_S)
        stopped = np.flatnonzero(~went[rows] & dead & ~barred & ~gone)
        at = rows[stopped]
        end[at], code[at] = state.dead_s[stopped] + RESCUE_S, state.dead_code[stopped]
        for chosen, when, what in (
            (np.flatnonzero(gone & ~barred), removed_s[order], removed_code[order]),
            (np.flatnonzero(barred), setup.barred_s[order], setup.barred_code[order]),
        ):
            end[rows[chosen]], code[rows[chosen]] = when[chosen], what[chosen]
    notes += [(kind, -1, int(by_length[route]), second) for kind, route, second in state.notes]
    route_end, route_m = state.finish(setup)
    begin, back, metres = (np.empty(count, dtype=np.int64) for _ in range(3))
    begin[by_length] = np.where(state.begun, state.begin, NOT_BEGUN)
    back[by_length], metres[by_length] = route_end, route_m
    if setup.actions is not None:
        planned = set(plan.stops.tolist())
        notes += [(kind, number, -1, second) for kind, number, second in setup.actions.notes if number in planned]
    return DayLog(
        order=plan.stops,
        route=plan.route_of_stop,
        attempt=np.ones(stops, dtype=np.int64),
        told_s=setup.told_s,
        arrive_s=arrive,
        start_s=start,
        end_s=end,
        code=code,
        leg_m=leg_m,
        went=went,
        route_start_s=begin,
        route_end_s=back,
        route_m=metres,
        notes=notes,
    )


def _removals(setup: DaySetup) -> tuple[Integers, Integers]:
    if setup.actions is None:
        return setup.doors.cancelled_s, np.full(len(setup.orders), CODE["cancelled"], dtype=np.int64)
    return np.array(setup.actions.removed_s, dtype=np.int64), np.array(setup.actions.removed_code, dtype=np.int64)


class _Routes:
    """State of all routes, longest first."""

    def __init__(
        self, setup: DaySetup, by_length: Integers, begin: Integers, dead_s: Integers, dead_code: Integers
    ) -> None:
        plan, crews, places = setup.plan, setup.crews, setup.world.places
        driver, vehicle, depot = plan.driver[by_length], plan.vehicle[by_length], plan.depot[by_length]
        self.begin, self.clock = begin[by_length], begin[by_length].copy()
        self.dead_s, self.dead_code = dead_s[by_length], dead_code[by_length]
        self.begun = self.dead_s == NEVER
        self.driver, self.depot = driver, depot
        self.lat, self.lon = places.depot_lat[depot].copy(), places.depot_lon[depot].copy()
        self.pace, self.service_pace = crews.pace[driver], crews.service_pace[driver]
        self.fault_s, self.limit_s = crews.fault_s[vehicle].copy(), crews.limit_s[driver]
        self.fault_delay, self.fault_ends = crews.fault_delay_s[vehicle], crews.fault_ends[vehicle]
        self.break_s = crews.break_s[driver].copy()
        self.overrun = np.zeros(len(driver), dtype=np.int64)
        self.metres = np.zeros(len(driver), dtype=np.int64)
        self.notes: list[tuple[str, int, int]] = []

    def finish(self, setup: DaySetup) -> tuple[Integers, Integers]:
        """Return legs: end second and metres of each route (begun routes only)."""
        places = setup.world.places
        city = places.depot_city[self.depot]
        home = places.depot_lat[self.depot], places.depot_lon[self.depot]
        km = leg_km(setup.roads, city, self.lat, self.lon, *home)
        seconds = leg_seconds(setup.roads, city, km)
        hour = np.minimum(self.clock // 3_600, 29)
        back = np.floor(seconds * setup.conditions.travel[city, hour] * self.pace + 0.5).astype(np.int64)
        returns = self.metres > 0
        self.metres += np.where(returns, np.floor(km * 1_000 + 0.5).astype(np.int64), 0)
        end = np.where(returns, self.clock + back, self.clock)
        return np.where(self.begun, end, NEVER), self.metres


@dataclass(frozen=True)
class _Visit:
    arrive: Integers
    start: Integers
    end: Integers
    code: Integers
    leg_m: Integers
    moved: np.ndarray


def _visit(setup: DaySetup, state: _Routes, go: Integers, order: Integers) -> _Visit:
    """Drive routes ``go`` to their next ``order`` and serve it."""
    orders, doors, today = setup.orders, setup.doors, setup.conditions
    clock = state.clock[go]
    moved = np.ones(len(go), dtype=bool)
    broken = np.flatnonzero(clock >= state.fault_s[go])
    for at in broken.tolist():
        route = int(go[at])
        state.notes.append((REPAIR_NOTE, route, int(clock[at])))
        state.fault_s[route] = NEVER
        if state.fault_ends[route]:
            state.dead_s[route], state.dead_code[route] = clock[at], CODE["breakdown"]
            moved[at] = False
        else:
            clock[at] += state.fault_delay[route]
    city = orders.city[order]
    km = leg_km(setup.roads, city, state.lat[go], state.lon[go], orders.lat[order], orders.lon[order])
    seconds = leg_seconds(setup.roads, city, km)
    hour = np.minimum(clock // 3_600, 29)
    slow = today.travel[city, hour] * today.quarter[orders.quarter[order]]
    drive = np.floor(seconds * slow * state.pace[go] * doors.leg_noise[order] + 0.5).astype(np.int64)
    known = setup.world.familiarity[state.driver[go], orders.quarter[order]]
    arrive = clock + drive + np.floor(doors.search_s[order] * (1.2 - known) + 0.5).astype(np.int64)
    late = moved & (arrive > state.limit_s[go])
    if late.any():
        state.dead_s[go[late]], state.dead_code[go[late]] = clock[late], CODE["ran_out_of_time"]
        moved &= ~late
    start = np.maximum(arrive, orders.window_start_s[order])
    code = outcome_codes(setup, order, start, state.overrun[go])
    good = np.floor(doors.service_s[order] * state.service_pace[go] + 0.5).astype(np.int64)
    quick = (code == 0) | (code == CODE["diverted"])
    service = np.where(quick, good, np.where(code == CODE["weather"], CLOSED_S, doors.failed_s[order]))
    end = start + service
    metres = np.floor(km * 1_000 + 0.5).astype(np.int64)
    here = go[moved]
    extra = np.where(quick, np.maximum(0, good - 3 * orders.service_s[order]), 0)
    state.overrun[here] += extra[moved]
    state.clock[go] = np.where(moved, end, clock)
    state.lat[here], state.lon[here] = orders.lat[order][moved], orders.lon[order][moved]
    state.metres[here] += metres[moved]
    due = here[(state.break_s[here] > 0) & (state.clock[here] - state.begin[here] >= BREAK_AFTER_S)]
    for route in due.tolist():
        state.notes.append(("break_started", route, int(state.clock[route])))
        state.clock[route] += state.break_s[route]
        state.notes.append(("break_ended", route, int(state.clock[route])))
        state.break_s[route] = 0
    none = np.where(moved, 0, NEVER)
    return _Visit(
        np.where(moved, arrive, none),
        np.where(moved, start, none),
        np.where(moved, end, none),
        np.where(moved, code, 0),
        np.where(moved, metres, 0),
        moved,
    )


def outcome_codes(setup: DaySetup, order: Integers, start: Integers, overrun: Integers) -> Integers:
    """Code of an attempt that starts at ``start``: weather, then trouble, then absence, else delivered."""
    doors, orders, actions = setup.doors, setup.orders, setup.actions
    hour = np.minimum(start // 3_600, 29)
    at_home = doors.log_odds[order] + doors.strength[order] * doors.table[doors.habit[order], hour]
    trouble = doors.trouble[order]
    safe = locker = None
    if actions is not None:
        effects = setup.world.scenario.effects
        message, confirm, call, safe, locker, fixed = (
            np.array([since[one] for one in order.tolist()], dtype=np.int64) <= start
            for since in (
                actions.message_s,
                actions.confirm_s,
                actions.call_s,
                actions.safe_s,
                actions.locker_s,
                actions.fix_s,
            )
        )
        at_home = at_home + np.where(message, effects.message_log_odds, 0.0)
        at_home = at_home + np.where(confirm, effects.confirm_log_odds, 0.0)
        at_home = at_home + np.where(call, effects.call_log_odds, 0.0)
        several = message.astype(np.int64) + confirm + call >= 2
        at_home = at_home + np.where(several, effects.together_log_odds, 0.0)
        mendable = (trouble == CODE["address_wrong"]) | (trouble == CODE["access_denied"])
        trouble = np.where(fixed & mendable, 0, trouble)
    late_h = np.maximum(start - orders.window_end_s[order], 0) / 3_600
    absent = at_home + setup.world.scenario.customers.late_log_odds * late_h > doors.threshold[order]
    only_late = absent & ~(at_home > doors.threshold[order]) & (overrun >= CASCADE_S)
    usual = np.where(doors.business[order], CODE["business_closed"], CODE["recipient_absent"])
    code = np.where(absent, np.where(only_late, CODE["previous_stop_overrun"], usual), 0)
    if safe is not None:
        code = np.where(safe, 0, code)
    code = np.where(trouble > 0, trouble, code)
    if locker is not None:
        code = np.where(locker & (trouble != CODE["damaged"]), CODE["diverted"], code)
    return np.where(doors.closed[order], CODE["weather"], code)
