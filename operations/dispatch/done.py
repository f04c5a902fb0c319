"""What a vehicle has done: stops that it has been at, when it left its depot, breaks that events tell of."""

from __future__ import annotations

from dataclasses import dataclass

from domain.codes import EventType
from operations.state.entities import ARRIVALS, CONCLUSIONS, standing
from operations.state.events import Event
from operations.state.fold import DayState
from solvers.problem import Order


@dataclass(frozen=True, slots=True)
class Visited:
    """A stop a vehicle has been at: when it came, when service began, and when it was last heard of there."""

    order: Order
    came_s: int
    began_s: int
    gone_s: int


def service(order: Order, arrival: int) -> tuple[int, int]:
    """When service begins, and how late that is."""
    if not order.windows:
        return arrival, 0
    for window in order.windows:
        if arrival <= window.end_s:
            return max(arrival, window.start_s), 0
    return arrival, arrival - order.windows[-1].end_s


def visited(state: DayState, vehicle_id: str) -> list[Visited]:
    """Stops that a vehicle has been at, in their order."""
    came: dict[str, int] = {}
    began: dict[str, int] = {}
    gone: dict[str, int] = {}
    for event in _log(state, vehicle_id):
        if event.order_id and (event.kind in ARRIVALS or event.kind in CONCLUSIONS):
            came.setdefault(event.order_id, event.at_s)
            gone[event.order_id] = event.at_s
            if event.kind == EventType.SERVICE_STARTED:
                began.setdefault(event.order_id, event.at_s)
    found = []
    for name in state.vehicles[vehicle_id].visited:
        known = state.orders.get(name)
        if known is not None and known.order is not None and name in came:
            begin = began.get(name, service(known.order, came[name])[0])
            found.append(Visited(known.order, came[name], begin, gone[name]))
    return found


def left_s(state: DayState, vehicle_id: str, clock: int) -> int:
    """When a vehicle left its depot: as it said, else as it was planned, and never after its first stop."""
    log = _log(state, vehicle_id)
    said = [one.at_s for one in log if one.kind == EventType.ROUTE_STARTED]
    first = [one.at_s for one in log if one.kind in ARRIVALS or one.kind in CONCLUSIONS]
    planned = state.day.starts.get(vehicle_id, state.day.vehicles[vehicle_id].start_s)
    return min([*(said or [planned]), *first, clock])


def breaks_told(state: DayState, vehicle_id: str) -> list[tuple[int, int | None]]:
    """Breaks that a vehicle has told of: from when to when; None: nothing has told that it is over."""
    found: list[tuple[int, int | None]] = []
    for event in _log(state, vehicle_id):
        running = bool(found) and found[-1][1] is None
        if event.kind == EventType.BREAK_STARTED and not running:
            found.append((event.at_s, None))
        elif event.kind == EventType.BREAK_ENDED and running:
            found[-1] = (found[-1][0], event.at_s)
    return found


def _log(state: DayState, vehicle_id: str) -> list[Event]:
    return list(standing(list(state.logs.get(("vehicle", vehicle_id)) or ())))
