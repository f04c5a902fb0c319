"""Exact times of a sequence: as early as windows allow, departing as late as costs no delay.

A sequence is a list of orders; ``None`` in it is a reload at the depot, after which a new trip begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.clock import arrival_s
from solvers.plan import Break, Reload
from solvers.problem import LARGEST, PICKUP, Order, PlanningProblem, Travel, Vehicle
from solvers.rests import BreakPolicy, Rests

__all__ = ["BreakPolicy", "Drive", "Stops", "Timing", "fits", "timing"]

Stops = Sequence[Order | None]


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a feasible sequence; tuples run along its orders (reloads are apart)."""

    start_s: int
    end_s: int
    distance_m: int
    driving_s: int
    arrivals: tuple[int, ...]
    services: tuple[int, ...]
    legs: tuple[tuple[int, int], ...]
    reloads: tuple[Reload, ...] = ()
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class Drive:
    """What the times of a vehicle depend on besides its sequence: looked up once, used for every candidate."""

    vehicle: Vehicle
    depot: int
    end: int | None
    duration: Any
    distance: Any
    breaks: tuple[BreakPolicy, ...] = ()
    timed: Travel | None = None
    starts: npt.NDArray[np.int64] | None = None
    fixed_start_s: int | None = None

    @staticmethod
    def of(problem: PlanningProblem, vehicle: Vehicle, breaks: tuple[BreakPolicy, ...] = ()) -> Drive:
        """Look up depot, end and matrices of ``vehicle``."""
        travel = problem.travel_of(vehicle)
        depot = problem.depot(vehicle.depot_id).location
        fixed = next(
            (k.start_s for k in problem.locks if k.vehicle_id == vehicle.vehicle_id and k.level == "all"), None
        )
        # bound methods: item access without making a numpy scalar is three times as fast
        return Drive(
            vehicle,
            depot,
            problem.end_location(vehicle),
            travel.duration_s.item,
            travel.distance_m.item,
            breaks,
            travel if travel.timed else None,
            np.array(travel.starts_s, dtype=np.int64) if travel.timed and not travel.smooth else None,
            fixed,
        )

    def leg_s(self, here: int, there: int, leaving_s: int) -> int:
        """Seconds from ``here`` to ``there`` when leaving at ``leaving_s``."""
        if self.timed is None:
            return int(self.duration(here, there))
        if self.starts is not None:
            # loading the compiler takes half a second: only for days that need it
            from solvers.timed import arrive

            return int(arrive(self.starts, self.timed.by_start_s, here, there, leaving_s)) - leaving_s
        return arrival_s(self.timed, here, there, leaving_s) - leaving_s


def timing(drive: Drive, stops: Stops) -> Timing | None:
    """Times of ``stops``, or None where a window, the shift, a limit or a certification's end is missed.

    The departure is moved later by the forward time slack (Savelsbergh 1992, ORSA Journal on Computing 4(2)), so that
    no paid minute is spent waiting that could be spent at the depot.
    """
    vehicle = drive.vehicle
    first = _run(drive, stops, vehicle.start_s if drive.fixed_start_s is None else drive.fixed_start_s)
    if first is None:
        return None
    found, later = first
    # goods that come late move the start: slack counts from there
    earliest = vehicle.start_s if drive.timed is not None else found.start_s
    if drive.fixed_start_s is not None:
        if found.start_s != drive.fixed_start_s:
            return None
        later = 0
    elif drive.timed is not None:
        later = _later_by_time_of_day(drive, stops, found)
    if later > 0:
        shifted = _run(drive, stops, earliest + later)
        if shifted is not None and _shorter(drive, shifted[0], found):
            found = shifted[0]
    if vehicle.max_duration_s is not None and found.end_s - found.start_s > vehicle.max_duration_s:
        return None
    return found


def _shorter(drive: Drive, one: Timing, other: Timing) -> bool:
    """Whether leaving later pays: with steady legs it may not delay the end, with varying ones the duration counts."""
    if drive.timed is None:
        return one.end_s <= other.end_s
    return one.end_s - one.start_s < other.end_s - other.start_s


def _later_by_time_of_day(drive: Drive, stops: Stops, found: Timing) -> int:
    """How much after the shift's start the departure with the shortest duration lies, travel times varying.

    Exact for one trip of stops with one window each, no rests and travel times in steps; else a departure that does
    without the wait at the first stop.
    """
    vehicle, travel = drive.vehicle, drive.timed
    real = [order for order in stops if order is not None]
    if travel is None or not real:
        return 0
    simple = len(real) == len(stops) and not drive.breaks and all(len(order.windows) <= 1 for order in real)
    if not simple or drive.starts is None:
        return max(0, found.start_s + found.services[0] - found.arrivals[0] - vehicle.start_s)
    ends = [] if drive.end is None else [drive.end]
    from solvers.timed import best_start

    start = max(vehicle.start_s, _release(stops, 0))
    back = [vehicle.end_s] * len(ends)
    early = [start, *(order.windows[0].start_s if order.windows else 0 for order in real), *(0 for _ in ends)]
    latest = (order.windows[0].end_s if order.windows else vehicle.end_s for order in real)
    late = [vehicle.end_s, *(min(_expiry(vehicle, o), end) for o, end in zip(real, latest, strict=True)), *back]
    places = [drive.depot, *(order.location for order in real), *ends]
    service = [0, *(order.service_s for order in real), *(0 for _ in ends)]
    vectors = (np.array(values, dtype=np.int64) for values in (places, early, late, service))
    at, _ = best_start(drive.starts, travel.by_start_s, *vectors)
    return int(at) - vehicle.start_s if at >= 0 else 0


def _expiry(vehicle: Vehicle, order: Order) -> int:
    """The latest start of service that every certification asked for outlasts."""
    ends = (vehicle.certifications[code] - order.service_s for code in order.required_certifications)
    return min(ends, default=LARGEST)


def sooner(
    drive: Drive, stops: Stops, found: Timing, moments: Sequence[int], latest: Sequence[int] | None = None
) -> list[Timing]:
    """The same sequence, leaving at ``moments``, and half-way between the first of them and ``found``.

    Leaving early buys slack: what is waited on the way is time that a delay may use up. With ``latest``, the moments
    until which each service may begin without being late, the latest departure that makes nobody late is tried too.
    """
    options: list[Timing] = []
    longest = drive.vehicle.max_duration_s
    for start in sorted({*moments, (moments[0] + found.start_s) // 2} if moments else ()):
        _add_option(drive, stops, found, start, longest, options)
    if latest is not None and options:
        early, waited, shift = options[0], 0, LARGEST
        first_trip = next((n for n, one in enumerate(stops) if one is None), len(stops))
        for arrival, service, end in zip(
            early.arrivals[:first_trip], early.services[:first_trip], latest[:first_trip], strict=True
        ):
            waited += service - arrival
            shift = min(shift, waited + max(0, end - service))
        if 0 < shift < LARGEST:
            _add_option(drive, stops, found, early.start_s + shift, longest, options)
    return options


def _add_option(
    drive: Drive, stops: Stops, found: Timing, start: int, longest: int | None, options: list[Timing]
) -> None:
    run = _run(drive, stops, start) if drive.vehicle.start_s <= start < found.start_s else None
    if run is None or run[0].start_s >= found.start_s:
        return
    if longest is None or run[0].end_s - run[0].start_s <= longest:
        options.append(run[0])


def _window(order: Order, arrival: int) -> tuple[int, int] | None:
    """Start of service and latest start of the window it falls in; None where every window has passed."""
    windows = order.windows
    if not windows:
        return arrival, LARGEST
    if len(windows) > 1:
        windows = tuple(sorted(windows, key=lambda one: one.end_s))
    for window in windows:
        if arrival <= window.end_s:
            return max(arrival, window.start_s), window.end_s
    return None


def _release(stops: Stops, first: int) -> int:
    """When everything that the trip beginning at ``first`` brings from the depot is there."""
    latest = 0
    for order in stops[first:]:
        if order is None:
            break
        latest = max(latest, order.release_s)
    return latest


def _run(drive: Drive, stops: Stops, start_s: int) -> tuple[Timing, int] | None:  # noqa: PLR0911, PLR0912, PLR0915 - one pass
    """Times when leaving at ``start_s``, and by how much the departure may move later without any delay."""
    vehicle, distance = drive.vehicle, drive.distance
    duration = drive.duration if drive.timed is None else None
    start_s = clock = max(start_s, _release(stops, 0))
    here, metres, driving = drive.depot, 0, 0
    waited, slack, first_trip = 0, LARGEST, True
    arrivals: list[int] = []
    services: list[int] = []
    legs: list[tuple[int, int]] = []
    reloads: list[Reload] = []
    rests = Rests(drive.breaks, start_s) if drive.breaks else None
    for index, order in enumerate(stops):
        if order is None:
            leg = duration(here, drive.depot) if duration else drive.leg_s(here, drive.depot, clock)
            metres += distance(here, drive.depot)
            driving += leg
            position = len(arrivals)
            clock = clock + leg if rests is None else rests.drive(clock, leg, position, 0)
            if clock < 0:
                return None
            gone = max(clock + vehicle.reload_s, _release(stops, index + 1))
            reloads.append(Reload(clock, gone))
            clock, here, first_trip = gone, drive.depot, False
            continue
        place = order.location
        leg_m = distance(here, place)
        leg = duration(here, place) if duration else drive.leg_s(here, place, clock)
        legs.append((leg_m, leg))
        metres += leg_m
        driving += leg
        if rests is None:
            clock += leg
        else:
            clock = rests.drive(clock, leg, len(arrivals), order.service_s)
            if clock < 0:
                return None
        found = _window(order, clock)
        if found is None:
            return None
        start, latest = found
        if rests is not None:
            clock = rests.wait(clock, start, len(arrivals))
            start = max(start, clock)
        arrivals.append(clock)
        services.append(start)
        if first_trip:
            waited += start - clock
            slack = min(slack, waited + latest - start)
        clock = start + order.service_s
        if rests is not None and rests.overworked(clock):
            return None
        for code in order.required_certifications:
            expiry = vehicle.certifications[code]
            if clock > expiry:
                return None
            if first_trip:
                slack = min(slack, waited + expiry - clock)
        here = place
    if drive.end is not None:
        leg = duration(here, drive.end) if duration else drive.leg_s(here, drive.end, clock)
        metres += distance(here, drive.end)
        driving += leg
        clock = clock + leg if rests is None else rests.drive(clock, leg, len(arrivals), 0)
    if clock < 0 or clock > vehicle.end_s:
        return None
    if rests is not None and not rests.finish(clock):
        return None
    if vehicle.max_distance_m is not None and metres > vehicle.max_distance_m:
        return None
    breaks = tuple(rests.taken) if rests is not None else ()
    found_timing = Timing(
        start_s, clock, metres, driving, tuple(arrivals), tuple(services), tuple(legs), tuple(reloads), breaks
    )
    return found_timing, min(slack, waited)


def fits(vehicle: Vehicle, stops: Stops) -> bool:
    """Whether loads on every leg, the number of stops and of trips, and pairs are within the vehicle's limits."""
    if vehicle.max_stops is not None and sum(order is not None for order in stops) > vehicle.max_stops:
        return False
    trip: list[Order] = []
    trips = 1
    for order in stops:
        if order is not None:
            trip.append(order)
            continue
        trips += 1
        if not _trip_fits(vehicle, trip):
            return False
        trip = []
    return trips <= vehicle.max_trips and _trip_fits(vehicle, trip)


def _trip_fits(vehicle: Vehicle, trip: list[Order]) -> bool:
    capacity = vehicle.capacity
    if all(order.kind != PICKUP for order in trip):
        # the common case: everything is aboard when the trip begins
        if (
            sum(order.load.mass_g for order in trip) > capacity.mass_g
            or sum(order.load.volume_ml for order in trip) > capacity.volume_ml
            or sum(order.load.parcels for order in trip) > capacity.parcels
        ):
            return False
        for number, limit in enumerate(capacity.more):
            if sum(order.load.more[number] for order in trip if number < len(order.load.more)) > limit:
                return False
        return True
    return _loads_fit(capacity.amounts(), trip)


def _loads_fit(limits: tuple[int, ...], trip: list[Order]) -> bool:
    """Loads along a trip with pickups: pairs come aboard where they are taken, the rest at the depot."""
    paired = {order.pickup_of for order in trip if order.pickup_of}
    aboard = [0] * len(limits)
    for order in trip:
        if order.kind != PICKUP and order.order_id not in paired:
            for number, amount in enumerate(order.load.amounts()[: len(limits)]):
                aboard[number] += amount
    if any(used > limit for used, limit in zip(aboard, limits, strict=True)):
        return False
    for order in trip:
        sign = 1 if order.kind == PICKUP else -1
        for number, amount in enumerate(order.load.amounts()[: len(limits)]):
            aboard[number] += sign * amount
        if any(used > limit for used, limit in zip(aboard, limits, strict=True)):
            return False
    return True
