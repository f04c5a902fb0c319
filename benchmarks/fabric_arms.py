"""The arms of the fabric benchmark: who plans which orders, with what knowledge; one planner, the same iterations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from benchmarks.fabric_world import CARRIER, GIG, OWN, World
from models.parameters import Beliefs
from operations.dispatch.acceptance import expecting
from solvers import PlanningProblem
from solvers.plan import Plan

FALLBACK_MINOR = 700
"""What it is expected to cost to bring a declined order otherwise, beyond its price. Declared."""
ASKED = {GIG: True, CARRIER: False}
Parts = list[tuple[PlanningProblem, Plan]]


def fabric(world: World, problem: PlanningProblem, beliefs: Beliefs) -> Parts:
    """One decision over all fleets, declines expected as learned."""
    made = world.solve(expecting(problem, beliefs, ASKED, FALLBACK_MINOR))
    return [(problem, made)]


def oracle(world: World, problem: PlanningProblem, day: date) -> Parts:
    """One decision that knows who will not come, which routes and orders will be declined, which vans break down."""
    from simulation.demand import draw_orders
    from simulation.doors import NEVER
    from simulation.fates import answer_offers, draw_crews

    truth, orders = world.city.world, draw_orders(world.city.world, day)
    crews = draw_crews(truth, day)
    gone = (
        crews.declines_route
        | (crews.no_show & (crews.replaced_s == NEVER))
        | (crews.fault_ends & (crews.fault_s < NEVER))
    )
    lost = {one.vehicle_id for one in truth.drivers if gone[one.number]}
    numbers = [one.fleet_id for one in truth.scenario.fleets]
    every = np.arange(len(orders))
    answers = answer_offers(truth, orders, every, numbers.index(GIG), None, np.full(len(every), 10))
    couriers = frozenset(one.vehicle_id for one in problem.vehicles if one.fleet_id == GIG)
    accepted = dict(zip(orders.order_ids().to_pylist(), answers.accepted.tolist(), strict=True))
    known = replace(
        problem,
        vehicles=tuple(one for one in problem.vehicles if one.vehicle_id not in lost),
        orders=tuple(
            one if accepted[one.order_id] else replace(one, banned_vehicles=one.banned_vehicles | couriers)
            for one in problem.orders
        ),
    )
    return [(known, world.solve(known))]


def silos(world: World, problem: PlanningProblem, shares: dict[str, float]) -> Parts:
    """Each fleet alone on its part of the map: couriers the nearest orders, the others sectors, by usual shares.

    What a fleet cannot take goes to the fleets that have vehicles left, one fleet after another.
    """
    travel, near = problem.travel, []
    for order in problem.orders:
        depot = problem.depot(order.depot_id or problem.depots[0].depot_id).location
        near.append((int(travel.distance_m[depot, order.location]), order.order_id))
    couriers = {name for _, name in sorted(near)[: round(shares.get(GIG, 0.0) * len(near))]}
    rest = [one for one in problem.orders if one.order_id not in couriers]
    # sectors: by the first coordinate of the map of distances (classical scaling), which needs no positions
    rows = np.array([one.location for one in rest])
    where = _line(travel.distance_m[np.ix_(rows, rows)])
    share = shares.get(OWN, 0.0) / max(1e-9, shares.get(OWN, 0.0) + shares.get(CARRIER, 0.0))
    own = {rest[n].order_id for n in np.argsort(where, kind="stable")[: round(share * len(rest))]}
    parts = {GIG: couriers, OWN: own, CARRIER: {one.order_id for one in rest} - own}
    return _alone(world, problem, parts)


def _line(distance: Any) -> Any:
    """The first principal coordinate of a matrix of distances (Torgerson 1952)."""
    squared = ((distance + distance.T) / 2.0) ** 2
    centred = -0.5 * (squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean())
    _, vectors = np.linalg.eigh(centred)
    return vectors[:, -1]


def cheapest(world: World, problem: PlanningProblem, per_route: dict[str, int]) -> Parts:
    """Rate shopping: each order goes to the fleet whose quote for it is least, while that fleet has room.

    A quote is the rate card's: the stop, its parcels, the kilometres to it over the usual stops of a route, the route's
    and the hours' price over the same.
    """
    fleets = sorted({one.fleet_id for one in problem.vehicles})
    room = {name: sum(one.capacity.parcels for one in problem.vehicles if one.fleet_id == name) for name in fleets}
    parts: dict[str, set[str]] = {name: set() for name in fleets}
    for order in problem.orders:
        quotes = sorted((_quote(problem, order, name, per_route.get(name, 1)), name) for name in fleets)
        chosen = next((name for _, name in quotes if room[name] >= order.load.parcels), quotes[0][1])
        room[chosen] -= order.load.parcels
        parts[chosen].add(order.order_id)
    return _alone(world, problem, parts)


def _quote(problem: PlanningProblem, order: Any, fleet: str, stops: int) -> float:
    vehicle = next(one for one in problem.vehicles if one.fleet_id == fleet)
    tariff, depot = vehicle.tariff, problem.depot(order.depot_id or vehicle.depot_id).location
    metres = int(problem.travel_of(vehicle).distance_m[depot, order.location])
    price = tariff.per_stop_minor + tariff.per_parcel_minor * order.load.parcels + tariff.per_km_minor * metres // 1_000
    hours = (2 * int(problem.travel.duration_s[depot, order.location]) / stops + order.service_s + 180) / 3_600
    flat = price - tariff.per_km_minor * metres // 1_000
    return (
        flat
        + tariff.per_km_minor * 2 * metres / 1_000 / stops
        + (tariff.per_route_minor / stops)
        + tariff.per_hour_minor * hours
    )


def _alone(world: World, problem: PlanningProblem, parts: dict[str, set[str]]) -> Parts:
    made: Parts = []
    left: set[str] = set()
    for fleet in sorted(parts):
        left |= parts[fleet]
        part = _only(problem, parts[fleet], (one for one in problem.vehicles if one.fleet_id == fleet))
        if part is not None:
            solved = world.solve(part)
            made.append((part, solved))
            left -= {visit.order_id for route in solved.routes for visit in route.visits}
    used = {route.vehicle_id for _, plan in made for route in plan.routes}
    for fleet in sorted(parts):
        spare = [one for one in problem.vehicles if one.fleet_id == fleet and one.vehicle_id not in used]
        part = _only(problem, left, spare) if left and spare else None
        if part is not None:
            solved = world.solve(part)
            made.append((part, solved))
            left -= {visit.order_id for route in solved.routes for visit in route.visits}
    return made


def _only(problem: PlanningProblem, orders: set[str], vehicles: Iterable[Any]) -> PlanningProblem | None:
    own, crew = tuple(one for one in problem.orders if one.order_id in orders), tuple(vehicles)
    return replace(problem, orders=own, vehicles=crew) if own and crew else None
