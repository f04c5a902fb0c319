"""Local repair: who is affected, what a change saves, and whether that is worth the disruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from operations.dispatch.ahead import ahead, here, to_do
from operations.dispatch.line import Line, Priced, line, line_of
from operations.dispatch.rules import charged_minor, forbidden
from operations.dispatch.whole_routes import NOTHING, Weighed, least_minor, weigh
from operations.state.entities import ABOARD, BROKEN, ENDED, OPEN, VehicleState
from operations.state.fold import DayState
from solvers.evaluator import may_serve
from solvers.problem import Order, Vehicle

MOST_VEHICLES = 6
MOST_PLACES = 6
"""Vehicles and places of a route that are looked at exactly: those of the shortest detours."""
MOST_SEQUENCES = 16
"""Sequences of a round that are measured by rules and with breaks: those that cost least without."""
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

    ``price_minor`` is what the route costs more, lateness and soft rules included; ``handover`` is the stop at the
    broken vehicle that has to come first, where the goods are aboard one; ``rules`` is what rules of the whole route
    charge.
    """

    vehicle_id: str
    position: int
    price_minor: int
    late_s: int
    sequence: tuple[str, ...]
    handover: Order | None = None
    rules: Weighed = NOTHING


def insertions(
    state: DayState, order: Order, *, most: int = 5, without: frozenset[str] = frozenset()
) -> list[Insertion]:
    """The cheapest place of each vehicle that may still take ``order``, cheapest first; the nearest are asked.

    ``without``: vehicles that are left out.
    """
    goods = aboard_broken(state, order)
    able = []
    for vehicle_id in sorted(state.vehicles):
        base = state.day.vehicles.get(vehicle_id)
        if base is None or vehicle_id in without:
            continue
        if takes(state, base, state.vehicles[vehicle_id], order, rescued=goods is not None):
            able.append(vehicle_id)
    near = list(zip(_detours_s(state, able, order), able, strict=True))
    found = [_insertion(state, vehicle_id, order, goods) for _, vehicle_id in sorted(near)[: max(most, MOST_VEHICLES)]]
    places = [one for one in found if isinstance(one, Insertion)]
    return sorted(places, key=lambda one: (one.price_minor, one.vehicle_id))[:most]


def served_late_s(state: DayState, best: Insertion) -> int:
    """By how much the orders of a route that an insertion makes later are served later than promised: the most of them.

    What is late by no more than is material, or becomes later by no more than that, counts as served in time.
    """
    vehicle, material = state.vehicles[best.vehicle_id], state.day.prices.material_s
    names = best.sequence[len(vehicle.visited) :]
    new = {best.handover.order_id: best.handover} if best.handover is not None else {}
    orders = [new.get(name) or state.orders[name].order for name in names]
    before = {one.order_id: one.late_s for one in ahead(state, vehicle).stops}
    after = ahead(state, vehicle, [one for one in orders if one is not None]).stops
    worse = (one.late_s for one in after if one.late_s - before.get(one.order_id, 0) > material)
    return max(worse, default=0)


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


def _detours_s(state: DayState, vehicle_ids: Sequence[str], order: Order) -> list[int]:
    """Shortest detour of each vehicle in seconds by way of ``order``, windows not looked at."""
    found = dict[str, int]()
    by_roads: dict[int, list[Line]] = {}
    for name in vehicle_ids:
        way = line_of(state, name)
        by_roads.setdefault(id(way.day.problem.travel_of(way.vehicle)), []).append(way)
    for ways in by_roads.values():
        # all their places in one row: a leg that would lead from one vehicle's to the next one's is none
        rows, seconds = np.concatenate([way.rows for way in ways]), ways[0].day.problem.travel_of(ways[0].vehicle)
        ends = np.cumsum([len(way.rows) for way in ways]) - 1
        there = seconds.duration_s[rows, order.location].astype(np.int64)
        back = seconds.duration_s[order.location, rows[1:]].astype(np.int64)
        by_way = there.copy()
        by_way[:-1] += back - seconds.duration_s[rows[:-1], rows[1:]]
        by_way[ends] = there[ends]
        begins = np.concatenate([[0], ends[:-1] + 1])
        alone = ends == begins
        shortest = np.minimum.reduceat(by_way, begins)
        shortest[alone] *= 2
        found.update((way.vehicle.vehicle_id, int(one)) for way, one in zip(ways, shortest, strict=True))
    return [found[name] for name in vehicle_ids]


def _insertion(state: DayState, vehicle_id: str, order: Order, goods: VehicleState | None) -> Insertion | str:
    """The cheapest place of one vehicle, or why there is none."""
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    way = line_of(state, vehicle_id)
    before, orders = way.priced, list(way.orders)
    fixed = first_use_minor(state, vehicle_id) + flat_minor(state, base, order)
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
    places = [(way.at_least(position, order), position) for position in _places(way, order, first)]
    barred = f"{vehicle_id} would be out too long"
    best: tuple[int, Priced, int, list[Order], Weighed] | None = None
    least = least_minor(state, vehicle_id)
    for bound, position in sorted(places, key=lambda one: (one[0].cost_minor, one[1])):
        if best is not None and bound.cost_minor + least >= best[0]:
            break
        after = bound if way.rests is None else way.with_order(position, order)
        if after.end_s > base.end_s + OVERRUN_S:
            continue
        changed = [*orders[:position], order, *orders[position:]]
        rules = weigh(state, vehicle_id, changed)
        if rules.barred:
            barred = f"{vehicle_id} may not take it: {rules.barred}" if best is None else barred
            continue
        cost = after.cost_minor + rules.charged_minor
        if best is None or cost < best[0]:
            best = cost, after, position, changed, rules
    if best is None:
        return barred
    cost, after, position, changed, rules = best
    sequence = (*vehicle.visited, *(one.order_id for one in changed))
    late_s = after.late_s - before.late_s
    return Insertion(vehicle_id, position, cost - before.cost_minor + fixed, late_s, sequence, handover, rules)


def first_use_minor(state: DayState, vehicle_id: str) -> int:
    """What a vehicle that has nothing to do yet costs for going out at all."""
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    return base.tariff.per_route_minor if not vehicle.left and not to_do(state, vehicle) else 0


def flat_minor(state: DayState, base: Vehicle, order: Order) -> int:
    """What an order costs on a vehicle wherever its place is: stop, parcels, expected failure, soft rules."""
    return (
        base.tariff.per_stop_minor
        + base.tariff.per_parcel_minor * order.load.parcels
        + order.expected_failure_minor(base.fleet_id)
        + charged_minor(state.day, base, order)
    )


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
    return no_room(state, base, vehicle, [order])


def no_room(state: DayState, base: Vehicle, vehicle: VehicleState, more: Sequence[Order]) -> str:
    """Why a vehicle has no room for all of these orders beside those that it has; empty where it has."""
    way, name = line_of(state, base.vehicle_id), base.vehicle_id
    if base.max_stops is not None and len(vehicle.visited) + len(way.orders) + len(more) > base.max_stops:
        return f"{name} has {base.max_stops} stops already"
    loads = [one.load.amounts() for one in more]
    used = [own + sum(load[n] for load in loads if n < len(load)) for n, own in enumerate(way.used)]
    return "" if all(a <= b for a, b in zip(used, base.capacity.amounts(), strict=True)) else f"{name} is full"


def promised_away(state: DayState, order: Order, promised: Mapping[str, Sequence[Order]]) -> frozenset[str]:
    """Vehicles that would have no room for an order once they have all that proposals that wait would give them."""
    known = ((state.day.vehicles.get(name), orders) for name, orders in promised.items())
    return frozenset(
        base.vehicle_id
        for base, orders in known
        if base is not None and no_room(state, base, state.vehicles[base.vehicle_id], [*orders, order])
    )


def insertion_into(state: DayState, vehicle_id: str, order: Order) -> Insertion | str:
    """The cheapest place of one vehicle, or why it may not take the order, in words."""
    if no := why_not(state, vehicle_id, order):
        return no
    return _insertion(state, vehicle_id, order, aboard_broken(state, order))


def _places(way: Line, order: Order, first: int) -> list[int]:
    """The places of the shortest detours, from ``first`` on, and the last."""
    detours = way.detours_s(order)[first:]
    nearest = (np.argsort(detours, kind="stable")[:MOST_PLACES] + first).tolist()
    return sorted({*nearest, len(way.orders)})


@dataclass(frozen=True, slots=True)
class Resequence:
    """A better order of what a vehicle has left.

    ``saved_minor`` is before ``churn_minor``, the price of change; ``rules``: what rules of the whole route say.
    """

    vehicle_id: str
    sequence: tuple[str, ...]
    saved_minor: int
    churn_minor: int
    moved: tuple[str, ...]
    rules: Weighed = NOTHING


def resequence(state: DayState, vehicle_id: str, rounds: int = 4) -> Resequence | None:
    """Move late orders to better places, one after another, as long as it saves more than the change costs.

    The next stop is driven to already and stays. None where nothing is worth it.
    """
    vehicle = state.vehicles[vehicle_id]
    churn = state.day.prices.resequenced_minor
    orders = to_do(state, vehicle)
    begun = ahead(state, vehicle, orders)
    held = 1 if vehicle.left else 0
    now, moved, rules, least = begun, set[str](), NOTHING, least_minor(state, vehicle_id)
    for _ in range(rounds):
        below = now.cost_minor + rules.charged_minor
        tried, ways = list[tuple[int, int, int]](), dict[int, Line]()
        for index, stop in enumerate(now.stops):
            if index < held or not stop.late_s:
                continue
            ways[index] = line(state, vehicle_id, [*orders[:index], *orders[index + 1 :]])
            price = churn if stop.order_id not in moved else 0
            for position in range(held, len(orders)):
                cost = ways[index].at_least(position, orders[index]).cost_minor + price
                if cost + least < below:
                    tried.append((cost, index, position))
        best: tuple[int, list[Order], str, Weighed] | None = None
        for bound, index, position in sorted(tried)[:MOST_SEQUENCES]:
            if bound + least >= (below if best is None else best[0]):
                break
            way, order = ways[index], orders[index]
            rest = way.orders
            changed = [*rest[:position], order, *rest[position:]]
            weighed = weigh(state, vehicle_id, changed)
            cost = bound + weighed.charged_minor
            if way.rests is not None:
                cost += way.with_order(position, order).cost_minor - way.at_least(position, order).cost_minor
            if not weighed.barred and cost < (below if best is None else best[0]):
                best = (cost, changed, order.order_id, weighed)
        if best is None:
            break
        _, orders, name, rules = best
        moved.add(name)
        now = ahead(state, vehicle, orders)
    saved, price = begun.cost_minor - now.cost_minor - rules.charged_minor, churn * len(moved)
    if not moved or saved <= price:
        return None
    sequence = (*vehicle.visited, *(one.order_id for one in orders))
    return Resequence(vehicle_id, sequence, saved, price, tuple(sorted(moved)), rules)


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
        # aboard a vehicle that is none of the day's it is on its way with whoever that is
        and (not one.loaded_in or one.loaded_in in state.day.vehicles)
        and not one.order_id.startswith(HANDOVER)
    ]
    return sorted(found, key=lambda one: (state.day.latest_dispatch_s(one), one.order_id))
