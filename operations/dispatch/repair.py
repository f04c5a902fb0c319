"""Local repair: who is affected, what a change saves, and whether that is worth the disruption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operations.dispatch.ahead import ahead, here, to_do
from operations.dispatch.line import Line, line, line_of
from operations.dispatch.rules import charged_minor, forbidden
from operations.state.entities import ABOARD, BROKEN, ENDED, OPEN, VehicleState
from operations.state.fold import DayState
from solvers.evaluator import may_serve
from solvers.problem import Order, Vehicle

MOST_VEHICLES = 6
MOST_PLACES = 6
"""Vehicles and places of a route that are looked at exactly: those of the shortest detours."""
OVERRUN_S = 3_600
"""How far beyond its shift a repair may keep a vehicle; what is beyond the shift is priced as lateness."""
HANDOVER_S = 600
"""What taking over the goods of a vehicle that has broken down takes."""
HANDOVER = "handover/"
"""How the name of a stop begins where a vehicle takes over goods: from whom, and which vehicle, follow. It is that
vehicle's alone: lost with it, it is nobody else's to make."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """An order at a place of a vehicle's route ahead.

    ``price_minor`` is what the route costs more, lateness included; ``handover`` is the stop at the broken vehicle
    that has to come first, where the goods are aboard one.
    """

    vehicle_id: str
    position: int
    price_minor: int
    late_s: int
    sequence: tuple[str, ...]
    handover: Order | None = None


def insertions(state: DayState, order: Order, *, most: int = 5) -> list[Insertion]:
    """The cheapest place of each vehicle that may still take ``order``, cheapest first; the nearest are asked."""
    goods = aboard_broken(state, order)
    near = []
    for vehicle_id in sorted(state.vehicles):
        base = state.day.vehicles.get(vehicle_id)
        if base is not None and takes(state, base, state.vehicles[vehicle_id], order, rescued=goods is not None):
            near.append((_detour(state, vehicle_id, order), vehicle_id))
    found = [_insertion(state, vehicle_id, order, goods) for _, vehicle_id in sorted(near)[: max(most, MOST_VEHICLES)]]
    return sorted((one for one in found if one), key=lambda one: (one.price_minor, one.vehicle_id))[:most]


def aboard_broken(state: DayState, order: Order) -> VehicleState | None:
    """The broken vehicle that has an order's goods aboard, or None."""
    for vehicle_id in sorted(state.vehicles):
        vehicle = state.vehicles[vehicle_id]
        if vehicle.status != BROKEN or order.order_id not in (rest := vehicle.remaining):
            continue
        before = rest[: rest.index(order.order_id)]
        source = next((one.split("/")[1] for one in before if one.startswith(HANDOVER)), None)
        if source is not None and order.order_id not in state.day.planned.get(vehicle_id, ()):
            # it broke down before it had taken the goods over: they are where they were
            return state.vehicles.get(source)
        if vehicle.left:
            return vehicle
    return None


def _detour(state: DayState, vehicle_id: str, order: Order) -> int:
    """Shortest detour in seconds by way of ``order``, windows not looked at."""
    way = line_of(state, vehicle_id)
    places, travel = way.rows, way.day.problem.travel_of(way.vehicle)
    there = travel.duration_s[places, order.location]
    if len(places) == 1:
        return int(2 * there[0])
    back = travel.duration_s[order.location, places]
    return int((there[:-1] + back[1:] - travel.duration_s[places[:-1], places[1:]]).min(initial=int(there[-1])))


def _insertion(state: DayState, vehicle_id: str, order: Order, goods: VehicleState | None) -> Insertion | None:
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    way = line_of(state, vehicle_id)
    before, orders = way.priced, list(way.orders)
    first_use = base.tariff.per_route_minor if not vehicle.left and not orders else 0
    fixed = (
        first_use
        + base.tariff.per_stop_minor
        + base.tariff.per_parcel_minor * order.load.parcels
        + order.expected_failure_minor(base.fleet_id)
        + charged_minor(state.day, base, order)
    )
    handover, first = None, 1 if vehicle.left and orders else 0
    if goods is not None:
        name = f"{HANDOVER}{goods.vehicle_id}/{vehicle_id}"
        at = next((n for n, one in enumerate(orders) if one.order_id == name), None)
        if at is None and name not in vehicle.visited:
            handover = Order(name, here(state, goods)[0], service_s=HANDOVER_S, kind="pickup")
            met = handover
            at = min(_places(way, met, first), key=lambda n: way.with_order(n, met).cost_minor)
            orders = [*orders[:at], handover, *orders[at:]]
            way = line(state, vehicle_id, orders)
        first = first if at is None else at + 1
    best: Insertion | None = None
    for position in _places(way, order, first):
        after = way.with_order(position, order)
        if after.end_s > base.end_s + OVERRUN_S:
            continue
        price = after.cost_minor - before.cost_minor + fixed
        if best is None or price < best.price_minor:
            changed = [*orders[:position], order, *orders[position:]]
            sequence = (*vehicle.visited, *(one.order_id for one in changed))
            best = Insertion(vehicle_id, position, price, after.late_s - before.late_s, sequence, handover)
    return best


def takes(state: DayState, base: Vehicle, vehicle: VehicleState, order: Order, *, rescued: bool = False) -> bool:
    """Whether a vehicle may take one more order."""
    return not _obstacle(state, base, vehicle, order, rescued=rescued)


def why_not(state: DayState, vehicle_id: str, order: Order) -> str:
    """Why a vehicle may not take one more order, in words; empty where it may."""
    base, vehicle = state.day.vehicles.get(vehicle_id), state.vehicles.get(vehicle_id)
    if base is None or vehicle is None:
        return f"there is no vehicle {vehicle_id}"
    return _obstacle(state, base, vehicle, order, rescued=aboard_broken(state, order) is not None)


def _obstacle(state: DayState, base: Vehicle, vehicle: VehicleState, order: Order, *, rescued: bool) -> str:
    """In use or idle, allowed, with room, the goods within reach: what of it does not hold.

    A delivery is loaded at the depot: a van that has left cannot take it, unless another van hands it over.
    """
    name = base.vehicle_id
    if vehicle.status == BROKEN:
        return f"{name} is out of the day"
    if vehicle.status == ENDED:
        return f"{name} has ended its route"
    if not may_serve(base, order):
        return f"{name} may not serve the order"
    if broken := forbidden(state.day, base, order):
        return f"{name} may not serve the order: {broken}"
    if order.kind == "delivery" and vehicle.left and not rescued:
        return f"{name} has left, the goods are at the depot"
    way = line_of(state, name)
    if base.max_stops is not None and len(vehicle.visited) + len(way.orders) + 1 > base.max_stops:
        return f"{name} has {base.max_stops} stops already"
    more = order.load.amounts()
    limits = base.capacity.amounts()
    used = [own + (more[n] if n < len(more) else 0) for n, own in enumerate(way.used)]
    return "" if all(a <= b for a, b in zip(used, limits, strict=True)) else f"{name} is full"


def insertion_into(state: DayState, vehicle_id: str, order: Order) -> Insertion | None:
    """The cheapest place of one vehicle; None where it may not take the order or would be out too long."""
    if why_not(state, vehicle_id, order):
        return None
    return _insertion(state, vehicle_id, order, aboard_broken(state, order))


def _places(way: Line, order: Order, first: int) -> list[int]:
    """The places of the shortest detours, from ``first`` on, and the last."""
    detours = way.detours_s(order)[first:]
    nearest = (np.argsort(detours, kind="stable")[:MOST_PLACES] + first).tolist()
    return sorted({*nearest, len(way.orders)})


@dataclass(frozen=True, slots=True)
class Resequence:
    """A better order of what a vehicle has left. ``saved_minor`` is before, ``churn_minor`` is the price of change."""

    vehicle_id: str
    sequence: tuple[str, ...]
    saved_minor: int
    churn_minor: int
    moved: tuple[str, ...]


def resequence(state: DayState, vehicle_id: str, rounds: int = 4) -> Resequence | None:
    """Move late orders to better places, one after another, as long as it saves more than the change costs.

    The next stop is driven to already and stays. None where nothing is worth it.
    """
    vehicle = state.vehicles[vehicle_id]
    churn = state.day.prices.resequenced_minor
    orders = to_do(state, vehicle)
    begun = ahead(state, vehicle, orders)
    held = 1 if vehicle.left else 0
    now, moved = begun, set[str]()
    for _ in range(rounds):
        best: tuple[int, list[Order], str] | None = None
        for stop in now.stops[held:]:
            if not stop.late_s:
                continue
            index = next(n for n, one in enumerate(orders) if one.order_id == stop.order_id)
            rest = [*orders[:index], *orders[index + 1 :]]
            price = churn if stop.order_id not in moved else 0
            for position in range(held, len(orders)):
                changed = [*rest[:position], orders[index], *rest[position:]]
                cost = ahead(state, vehicle, changed).cost_minor + price
                if cost < now.cost_minor and (best is None or cost < best[0]):
                    best = (cost, changed, stop.order_id)
        if best is None:
            break
        orders = best[1]
        moved.add(best[2])
        now = ahead(state, vehicle, orders)
    saved, price = begun.cost_minor - now.cost_minor, churn * len(moved)
    if not moved or saved <= price:
        return None
    sequence = (*vehicle.visited, *(one.order_id for one in orders))
    return Resequence(vehicle_id, sequence, saved, price, tuple(sorted(moved)))


def affected(state: DayState, vehicle_id: str) -> tuple[str, ...]:
    """Orders of a vehicle that are predicted to be late beyond what is material."""
    if vehicle_id not in state.day.vehicles:
        return ()
    route = ahead(state, state.vehicles[vehicle_id])
    return tuple(stop.order_id for stop in route.stops if stop.late_s > state.day.prices.material_s)


def stranded(state: DayState) -> list[Order]:
    """Open orders that no working vehicle will serve, most urgent first; where one is at the door, it is served."""
    if "stranded" not in state.memo:
        state.memo["stranded"] = _stranded(state)
    return list(state.memo["stranded"])


def _stranded(state: DayState) -> list[Order]:
    assigned = set[str]()
    for vehicle in state.vehicles.values():
        working = vehicle.status not in (BROKEN, ENDED) and vehicle.vehicle_id in state.day.vehicles
        assigned.update(vehicle.visited, vehicle.sequence if working else ())
    found = [
        one.order
        for one in state.orders.values()
        if one.order is not None
        and one.status in (OPEN, ABOARD)
        and one.order_id not in assigned
        and not one.order_id.startswith(HANDOVER)
    ]
    return sorted(found, key=lambda one: (state.day.latest_dispatch_s(one), one.order_id))
