"""Breaks on a running day: what was taken counts, what a vehicle's rules still ask for is part of what comes.

Which breaks are due is asked of the same rules, and where they fall of the same schedule (``solvers.rests``), as in the
night. Where a rule cannot be kept any more the day goes on all the same: who has been on duty for too long rests at
once, a break whose time has passed without a word is not waited for.
"""

from __future__ import annotations

from operations.dispatch.done import breaks_told, left_s, visited
from operations.state.day import Day
from operations.state.fold import DayState
from solvers.families import REGISTRY, complete
from solvers.families.base import applies_to_vehicle
from solvers.problem import Vehicle
from solvers.rests import BreakPolicy, Rests


def policies(day: Day, vehicle: Vehicle) -> tuple[BreakPolicy, ...]:
    """Breaks that the rules of a day ask of a vehicle."""
    asking = day.worked_out("break_rules", lambda: [one for one in day.problem.rules if REGISTRY[one.type].breaks])
    if not asking:
        return ()
    known: dict[str, tuple[BreakPolicy, ...]] = day.worked_out("breaks", dict)
    if vehicle.vehicle_id not in known:
        found: list[BreakPolicy] = []
        for rule in asking:
            breaks = REGISTRY[rule.type].breaks
            if breaks is not None and applies_to_vehicle(rule, vehicle):
                found += breaks(complete(rule))
        known[vehicle.vehicle_id] = tuple(found)
    return known[vehicle.vehicle_id]


def fresh(day: Day, vehicle: Vehicle, start_s: int) -> Rests | None:
    """A route that begins: nothing driven, nothing rested; None where no rule asks for breaks."""
    asked = policies(day, vehicle)
    return Rests(asked, start_s) if asked else None


def so_far(state: DayState, vehicle_id: str, clock: int) -> tuple[Rests | None, int]:
    """What a vehicle has driven and rested, and when it goes on: ``clock``, or the end of the break that it is having.

    None where no rule asks for breaks. The first is shared: whoever goes on from it copies it.
    """
    day, base = state.day, state.day.vehicles[vehicle_id]
    asked = policies(day, base)
    if not asked:
        return None, clock
    if not state.vehicles[vehicle_id].left:
        return Rests(asked, clock), clock
    key = ("breaks", vehicle_id)
    if key not in state.memo:
        state.memo[key] = _replayed(state, vehicle_id, asked, clock)
    rests, until_s = state.memo[key]
    return rests, max(clock, until_s)


def _replayed(state: DayState, vehicle_id: str, asked: tuple[BreakPolicy, ...], now_s: int) -> tuple[Rests, int]:
    """Driving by the matrices, breaks as they were told, and the end of one that runs (0: none does).

    Who tells of no breaks is taken to have had those that fell due where the time on the way allowed for them, and to
    have rested through a halt or a wait for a window that is as long as one, as in the plan.
    """
    day, base = state.day, state.day.vehicles[vehicle_id]
    drive_s = day.problem.travel_of(base).duration_s.item
    told = breaks_told(state, vehicle_id)
    silent, shortest = not told, min(one.rest_s for one in asked)
    place, gone = day.problem.depot(base.depot_id).location, left_s(state, vehicle_id, now_s)
    rests = Rests(asked, gone)
    stops = visited(state, vehicle_id)
    for number, stop in enumerate(stops):
        leg = int(drive_s(place, stop.order.location))
        clock, left = gone, leg
        while told and told[0][0] < stop.came_s:
            begin, over_s = told.pop(0)
            driving = min(left, max(0, begin - clock))
            rests.drove(driving)
            left -= driving
            # of one that nobody said was over, what the way leaves of the time until it was there
            clock = max(begin, stop.came_s - left) if over_s is None else over_s
            rests.rest(begin, clock - begin, number)
        trial = rests.copy()
        arrival = arrive(trial, gone, leg, number, stop.order.service_s) if silent else 0
        if silent and arrival <= stop.came_s:
            rests.become(trial)
            if stop.came_s - arrival >= shortest:
                rests.rest(arrival, stop.came_s - arrival, number)
        else:
            rests.drove(left)
        if silent:
            rests.wait(stop.came_s, stop.began_s, number)
        place, gone = stop.order.location, stop.gone_s
    until_s = 0
    for begin, over_s in told:
        if over_s is None:
            until_s = max(begin + _length_s(day, vehicle_id, rests), state.clock_s)
        rests.rest(begin, (until_s if over_s is None else over_s) - begin, len(stops))
    return rests, until_s


def _length_s(day: Day, vehicle_id: str, rests: Rests) -> int:
    """How long the next break of a vehicle lasts: as planned, else as long as any rule asks for."""
    planned = next((one.breaks for one in day.plan.routes if one.vehicle_id == vehicle_id), ())
    if len(rests.taken) < len(planned):
        one = planned[len(rests.taken)]
        return one.end_s - one.start_s
    return max(one.rest_s for one in rests.policies)


def arrive(rests: Rests, clock: int, leg: int, position: int, service_s: int) -> int:
    """Arrival after a leg that leads to a service, with the breaks that fall due before it and on it."""
    if rests.undisturbed(clock, leg, service_s):
        rests.drove(leg)
        return clock + leg
    for number, policy in enumerate(rests.policies):
        if policy.counts == "window" and clock > policy.end_s:
            rests.done[number] = True
    if rests.overworked(clock):
        overdue = [
            one.rest_s
            for one, since in zip(rests.policies, rests.rested_at, strict=True)
            if one.counts == "duty" and clock - since > one.limit_s
        ]
        clock = rests.rest(clock, max(overdue), position)
    trial = rests.copy()
    arrival = trial.drive(clock, leg, position, service_s)
    if arrival < 0:  # no break makes it fit
        rests.drove(leg)
        return clock + leg
    rests.become(trial)
    return arrival
