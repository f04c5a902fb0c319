"""The day before it is played: everything both engines read, made once from world, date and plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from domain.codes import ControlMode
from simulation.actions import Action, DoorActions, door_actions
from simulation.conditions import Conditions, conditions_of
from simulation.demand import DayOrders
from simulation.doors import CODE, NEVER, Doors, draw_doors
from simulation.fates import TENDER_LEAD_S, Crews, answer_offers, draw_crews, missing_parcels
from simulation.plans import DayPlan
from simulation.streams import Floats, Integers
from simulation.world import KM_PER_DEGREE, World

LOADING_S = 1_200
"""Loading before departure; a missing parcel is noticed then."""


@dataclass(frozen=True)
class Roads:
    """Travel constants by city (seconds, kilometres): a leg is access + near km x pace + far km x pace."""

    circuity: list[float]
    access_s: list[float]
    near_s_per_km: list[float]
    far_s_per_km: list[float]
    near_km: list[float]
    km_per_lon: list[float]


def roads_of(world: World) -> Roads:
    """The traffic laws as plain numbers."""
    laws = [one.traffic for one in world.scenario.cities]
    return Roads(
        [one.circuity for one in laws],
        [float(one.access_s) for one in laws],
        [3_600 / one.speed_kmh for one in laws],
        [3_600 / one.fast_kmh for one in laws],
        [one.near_km for one in laws],
        world.places.km_per_lon.tolist(),
    )


@dataclass(frozen=True)
class DaySetup:
    """A date with its plan. ``barred_s``/``barred_code`` are orders no van will have, and since when."""

    world: World
    orders: DayOrders
    doors: Doors
    crews: Crews
    plan: DayPlan
    conditions: Conditions
    roads: Roads
    actions: DoorActions | None
    start_s: Integers
    barred_s: Integers
    barred_code: Integers
    told_s: Integers
    tender_s: Integers
    """By order: when it was offered to couriers, ``NEVER`` if it was not."""
    answer_s: Integers


def set_up(world: World, orders: DayOrders, plan: DayPlan, actions: Iterable[Action]) -> DaySetup:
    """Everything that is settled before the first van leaves."""
    doors, crews = draw_doors(world, orders), draw_crews(world, orders.day)
    actions = list(actions)
    state = door_actions(orders, doors, world.scenario.effects, actions) if actions else None
    starts = crews.starts_s[plan.driver] if len(plan.driver) else np.empty(0, dtype=np.int64)
    start = np.where(plan.starts_s >= 0, plan.starts_s, starts)
    barred_s = np.full(len(orders), NEVER, dtype=np.int64)
    barred_code = np.zeros(len(orders), dtype=np.int64)
    stop_start = start[plan.route_of_stop]
    lost = missing_parcels(doors)[plan.stops]
    barred_s[plan.stops[lost]] = stop_start[lost] - LOADING_S // 2
    barred_code[plan.stops[lost]] = CODE["missing"]
    tender_s, answer_s = (np.full(len(orders), NEVER, dtype=np.int64) for _ in range(2))
    by_order = np.array([one.control_mode is ControlMode.TENDERED_ORDER for one in world.scenario.fleets])
    fleet = np.array([one.fleet for one in world.drivers], dtype=np.int64)[plan.vehicle][plan.route_of_stop]
    for number in np.flatnonzero(by_order).tolist():
        rows = np.flatnonzero(fleet == number)
        which, offered = plan.stops[rows], stop_start[rows] - TENDER_LEAD_S
        answers = answer_offers(world, orders, which, number, None, stop_start[rows] // 3_600)
        tender_s[which], answer_s[which] = offered, offered + answers.answer_s
        declined = which[~answers.accepted]
        # until the courier would have left, somebody else may take it
        barred_s[declined] = stop_start[rows[~answers.accepted]]
        barred_code[declined] = CODE["carrier_declined"]
    roads = roads_of(world)
    return DaySetup(
        world=world,
        orders=orders,
        doors=doors,
        crews=crews,
        plan=plan,
        conditions=conditions_of(world, orders.day),
        roads=roads,
        actions=state,
        start_s=start,
        barred_s=barred_s,
        barred_code=barred_code,
        told_s=np.where(plan.told_s >= 0, plan.told_s, _nominal_arrivals(world, orders, plan, start, roads)),
        tender_s=tender_s,
        answer_s=answer_s,
    )


def leg_km(roads: Roads, city: Integers, lat0: Floats, lon0: Floats, lat: Floats, lon: Floats) -> Floats:
    """Road kilometres of legs inside cities."""
    north = (lat - lat0) * KM_PER_DEGREE
    east = (lon - lon0) * np.asarray(roads.km_per_lon)[city]
    return np.asarray(roads.circuity)[city] * np.sqrt(north * north + east * east)


def leg_seconds(roads: Roads, city: Integers, km: Floats) -> Floats:
    """Seconds of legs in ordinary traffic."""
    near = np.asarray(roads.near_km)[city]
    return (
        np.asarray(roads.access_s)[city]
        + np.minimum(km, near) * np.asarray(roads.near_s_per_km)[city]
        + np.maximum(km - near, 0.0) * np.asarray(roads.far_s_per_km)[city]
    )


def _nominal_arrivals(world: World, orders: DayOrders, plan: DayPlan, start: Integers, roads: Roads) -> Integers:
    """Arrivals a dispatcher would promise: ordinary traffic, standard times, waiting for windows."""
    if not len(plan.stops):
        return np.empty(0, dtype=np.int64)
    lat, lon = orders.lat[plan.stops], orders.lon[plan.stops]
    before_lat, before_lon = np.roll(lat, 1), np.roll(lon, 1)
    first = plan.offsets[:-1]
    before_lat[first], before_lon[first] = world.places.depot_lat[plan.depot], world.places.depot_lon[plan.depot]
    city = orders.city[plan.stops]
    leg = leg_seconds(roads, city, leg_km(roads, city, before_lat, before_lon, lat, lon)) + 30
    told = np.empty(len(plan.stops), dtype=np.int64)
    clock = start.astype(np.float64)
    order = np.argsort(-plan.lengths, kind="stable")
    lengths = plan.lengths[order]
    for step in range(int(lengths.max(initial=0))):
        routes = order[: int(np.searchsorted(-lengths, -step, side="left"))]
        rows = first[routes] + step
        arrival = clock[routes] + leg[rows]
        told[rows] = np.floor(arrival + 0.5)
        stop = plan.stops[rows]
        clock[routes] = np.maximum(arrival, orders.window_start_s[stop]) + orders.service_s[stop]
    return told
