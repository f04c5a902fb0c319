"""Rules of whole routes on a running day: no decision breaks a hard one, or breaks it further.

A route counts as a whole: what was done as it happened, what is still to be done as predicted. Rests are not planned
anew in the day: what was driven and worked is measured without them. What soft rules of routes charge is not weighed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from domain.codes import EventType
from operations.dispatch.ahead import here, service, to_do
from operations.state.day import Day
from operations.state.entities import ARRIVALS, CONCLUSIONS
from operations.state.fold import DayState
from solvers.families import REGISTRY, complete
from solvers.families.base import RouteView, applies_to_vehicle, over
from solvers.problem import Order, Vehicle
from solvers.schedule import Drive, Timing, timing

Excess = Callable[[RouteView], int]


@dataclass(frozen=True)
class _Limit:
    """A hard limit of a whole route, in words, and by how much a route exceeds it."""

    words: str
    excess: Excess


def route_barred(state: DayState, vehicle_id: str, orders: Sequence[Order]) -> str:
    """Which hard rule of its whole route a vehicle would break (further) with ``orders`` to do; empty: none."""
    limits = _limits(state.day, state.day.vehicles[vehicle_id])
    if not limits or not orders:
        return ""
    before = _now(state, vehicle_id, limits)
    view = _view(state, vehicle_id, orders)
    return next((one.words for one, had in zip(limits, before, strict=True) if one.excess(view) > had), "")


def _now(state: DayState, vehicle_id: str, limits: Sequence[_Limit]) -> list[int]:
    """By how much the route exceeds each limit as it stands; nothing to do exceeds nothing."""
    key = ("whole", vehicle_id)
    if key not in state.memo:
        orders = to_do(state, state.vehicles[vehicle_id])
        view = _view(state, vehicle_id, orders) if orders else None
        state.memo[key] = [0 if view is None else one.excess(view) for one in limits]
    found: list[int] = state.memo[key]
    return found


def _limits(day: Day, vehicle: Vehicle) -> list[_Limit]:
    known: dict[str, list[_Limit]] = day.worked_out("whole_routes", dict)
    if vehicle.vehicle_id not in known:
        known[vehicle.vehicle_id] = list(_found(day, vehicle))
    return known[vehicle.vehicle_id]


def _found(day: Day, vehicle: Vehicle) -> Iterator[_Limit]:
    longest, farthest = vehicle.max_duration_s, vehicle.max_distance_m
    if longest is not None:
        yield _Limit(
            "it would be out longer than it may be", lambda view: over(view.timing.end_s - view.timing.start_s, longest)
        )
    if farthest is not None:
        yield _Limit("it would drive farther than it may", lambda view: over(view.timing.distance_m, farthest))
    for rule in day.problem.rules:
        kind = REGISTRY[rule.type]
        if kind.route is not None and rule.hard and applies_to_vehicle(rule, vehicle):
            words = f"{kind.words} (rule {rule.rule_id}, {rule.authority})"
            yield _Limit(words, partial(kind.route, complete(rule)))


def _view(state: DayState, vehicle_id: str, orders: Sequence[Order]) -> RouteView:
    """The whole route of a vehicle with ``orders`` still to do."""
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    drive = Drive.of(state.day.problem, base)
    place, clock = here(state, vehicle)
    if not vehicle.left:
        # it leaves as late as costs no delay, as in the night's plan; where somebody would be late, at once
        open_ = replace(base, start_s=clock, end_s=10**7, max_distance_m=None, max_duration_s=None)
        free = [replace(one, required_certifications=frozenset()) for one in orders]
        planned = timing(replace(drive, vehicle=open_), free)
        if planned is not None:
            return RouteView(base, orders, [0] * len(orders), planned, drive)
    stops, arrivals, services = _done(state, vehicle_id)
    spots = [one.location for one in stops]
    start_s = _left_s(state, vehicle_id, clock) if vehicle.left else clock
    for order in orders:
        arrival = clock + int(drive.duration(place, order.location))
        begin, _ = service(order, arrival)
        arrivals.append(arrival)
        services.append(begin)
        clock, place = begin + order.service_s, order.location
        spots.append(place)
    way = [drive.depot, *spots]
    legs = [(int(drive.distance(a, b)), int(drive.duration(a, b))) for a, b in pairwise(way)]
    home = (0, 0)
    if drive.end is not None:
        home = (int(drive.distance(way[-1], drive.end)), int(drive.duration(way[-1], drive.end)))
    times = Timing(
        start_s,
        clock + home[1],
        sum(metres for metres, _ in legs) + home[0],
        sum(seconds for _, seconds in legs) + home[1],
        tuple(arrivals),
        tuple(services),
        tuple(legs),
    )
    whole = [*stops, *orders]
    return RouteView(base, whole, [0] * len(whole), times, drive)


def _done(state: DayState, vehicle_id: str) -> tuple[list[Order], list[int], list[int]]:
    """Stops that a vehicle has been at, when it came and when service began."""
    came: dict[str, int] = {}
    began: dict[str, int] = {}
    for event in state.logs.get(("vehicle", vehicle_id)) or ():
        if event.order_id and (event.kind in ARRIVALS or event.kind in CONCLUSIONS):
            came.setdefault(event.order_id, event.at_s)
            if event.kind == EventType.SERVICE_STARTED:
                began.setdefault(event.order_id, event.at_s)
    stops, arrivals, services = list[Order](), list[int](), list[int]()
    for name in state.vehicles[vehicle_id].visited:
        known = state.orders.get(name)
        if known is not None and known.order is not None and name in came:
            stops.append(known.order)
            arrivals.append(came[name])
            services.append(began.get(name, service(known.order, came[name])[0]))
    return stops, arrivals, services


def _left_s(state: DayState, vehicle_id: str, clock: int) -> int:
    """When a vehicle left its depot: as it said, else as it was planned, and never after its first stop."""
    log = state.logs.get(("vehicle", vehicle_id)) or ()
    said = [one.at_s for one in log if one.kind == EventType.ROUTE_STARTED]
    first = [one.at_s for one in log if one.kind in ARRIVALS or one.kind in CONCLUSIONS]
    planned = state.day.starts.get(vehicle_id, state.day.vehicles[vehicle_id].start_s)
    return min([*(said or [planned]), *first, clock])
