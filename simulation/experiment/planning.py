"""From belief and orders to the plan of a day, by the drivers that are on.

===============  ==================================================  =============================================
driver           on                                                  off
===============  ==================================================  =============================================
routing          capacity in every dimension, certification,         assign by place, fill by parcels, move what
                 promises, hours, departure: one objective           needs a certificate, then sequence by what
                                                                     can begin first; all leave with the first wave
orchestration    every fleet competes for every order by money,      orders are split before planning, by rostered
                 offers that may be declined included                capacity; each fleet plans its own
exceptions       (with routing) the risk of each hour has its price  failures are not foreseen
learning         legs, doors, acceptance as learned until yesterday  as they were after the burn-in
===============  ==================================================  =============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.codes import ControlMode, TariffComponent
from simulation.columns import moments
from simulation.demand import DayOrders
from simulation.experiment import kernels
from simulation.experiment.arms import Arm
from simulation.experiment.belief import FLEETS, HOURS, Belief, great_circle_km
from simulation.experiment.kernels import Arrays
from simulation.experiment.settings import (
    DECLINED_MINOR,
    LATE_HOUR_MINOR,
    OVERTIME_AFTER_S,
    PROMISE_SLACK_S,
    SOFTEST,
    Settings,
)
from simulation.fates import draw_absences
from simulation.world import World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NEIGHBOURS = 30
LARGEST_RUIN = 12
MOST_STOPS = 200
LATER_S = 3 * 3_600
"""Every second van of the one-objective plan is first thought to leave so much later; then each departure is chosen."""
DEPARTURES = tuple(1_800 * step for step in range(11))


@dataclass(frozen=True)
class Known:
    """Orders of a day as a company knows them the evening before, and who works."""

    day: date
    origin: pd.Timestamp
    prefix: str
    customer: Ints
    zone: Ints
    building: Ints
    tenant: Ints
    lat: Floats
    lon: Floats
    opens: Ints
    closes: Ints
    bound: npt.NDArray[np.bool_]
    standard_s: Ints
    loads: Ints
    needs: npt.NDArray[np.bool_]
    depot_lat: float
    depot_lon: float
    vehicle: Ints
    """Numbers of the vehicles whose driver works, by fleet."""
    fleet: Ints
    certified: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer)


def known_of(world: World, orders: DayOrders) -> Known:
    """The part of a day's orders and roster that is no secret. One depot."""
    absent = draw_absences(world, orders.day).absent
    crew = [one for one in world.drivers if not absent[one.number]]
    return Known(
        day=orders.day,
        origin=orders.origin,
        prefix=orders.prefix,
        customer=orders.customer,
        zone=orders.zone,
        building=world.customers.building[orders.customer],
        tenant=orders.tenant,
        lat=orders.lat,
        lon=orders.lon,
        opens=orders.window_start_s,
        closes=orders.window_end_s,
        bound=orders.windowed,
        standard_s=orders.service_s,
        loads=np.column_stack([orders.parcels, orders.mass_g, orders.volume_ml]),
        needs=orders.certified,
        depot_lat=float(world.places.depot_lat[0]),
        depot_lon=float(world.places.depot_lon[0]),
        vehicle=np.array([one.number for one in crew], dtype=np.int64),
        fleet=np.array([one.fleet for one in crew], dtype=np.int64),
        certified=np.array([one.certified_until_day is not None for one in crew], dtype=bool),
    )


@dataclass
class DayPlan:
    """Routes by vehicle row of ``known.vehicle``; ``arrays`` is the belief they were made from."""

    arrays: Arrays
    routes: Ints
    lengths: Ints
    starts: Ints
    near: Ints
    begin: Floats
    """Believed beginning of service by order; NaN where it is on no route."""
    km_out: Floats

    def sequence(self, row: int) -> Ints:
        """Order numbers of a vehicle's route."""
        return self.routes[row, : self.lengths[row]]


def arrays_of(known: Known, belief: Belief, world: World, arm: Arm, settings: Settings) -> tuple[Arrays, Floats]:
    """The day as believed, and each order's kilometres from the depot."""
    fleets = world.scenario.fleets
    lat, lon = np.append(known.lat, known.depot_lat), np.append(known.lon, known.depot_lon)
    km = great_circle_km(lat[:, None], lon[:, None], lat[None, :], lon[None, :])
    zone = np.append(belief.zone.value()[known.zone], 1.0)
    risk = np.zeros((len(known), HOURS))
    if arm.on("routing") and arm.on("exceptions") and arm.shared:
        chance = belief.risk.by_hour(known.customer, known.day.weekday() >= 5, known.building, known.tenant)
        risk = settings.failure_minor * chance
    tariffs = [[one.tariff.get(part, 0) for part in _PARTS] for one in fleets]
    pace = np.sqrt(belief.fleet_leg.value() * belief.fleet_door.value())
    out = km[-1, :-1]
    declined = np.zeros((len(known), FLEETS))
    if arm.on("orchestration"):
        for number, one in enumerate(fleets):
            if one.control_mode is ControlMode.TENDERED_ROUTE:
                declined[:, number] = DECLINED_MINOR * belief.route_declines()[number]
            elif one.control_mode is ControlMode.TENDERED_ORDER:
                declined[:, number] = DECLINED_MINOR * belief.declines(out)
    own = [fleets[one] for one in known.fleet]
    arrays = Arrays(
        seconds=belief.leg_s(km) * zone[None, :],
        metres=1_000 * belief.circuity * km,
        hour_factor=belief.hour.value(),
        door_s=belief.door_of(known.standard_s.astype(float), known.building, known.customer),
        opens=known.opens.astype(float),
        closes=known.closes.astype(float) - PROMISE_SLACK_S,
        bound=known.bound,
        loads=known.loads.astype(np.int64),
        needs=known.needs,
        risk_minor=risk,
        allowed=np.ones((len(known), FLEETS), dtype=bool),
        turned_down=declined,
        fleet=known.fleet,
        starts=np.array([one.starts * 3_600 for one in own], dtype=np.int64),
        limits=np.array([one.ends * 3_600 + one.overtime_limit_s // 2 for one in own], dtype=np.int64),
        certified=known.certified,
        capacity=np.array(
            [(one.capacity_parcels, one.capacity_g, one.capacity_ml) for one in own], dtype=np.int64
        ).reshape(-1, 3),
        prices=np.column_stack([np.array(tariffs, dtype=float), pace]),
        knobs=np.array(
            # an order that stays in the depot has failed, and its promise is broken too
            [LATE_HOUR_MINOR, settings.late_minor, settings.failure_minor + settings.late_minor, OVERTIME_AFTER_S],
            dtype=float,
        ),
    )
    return arrays, out


_PARTS = (
    TariffComponent.PER_ROUTE,
    TariffComponent.PER_STOP,
    TariffComponent.PER_KM,
    TariffComponent.PER_HOUR,
    TariffComponent.OVERTIME_PER_HOUR,
)


def split_by_capacity(known: Known, arrays: Arrays, out_km: Floats, settings: Settings) -> Ints:
    """The usual pre-split: couriers get a fixed share nearest the depot, the others sectors by rostered parcels."""
    count = len(known)
    fleet = np.zeros(count, dtype=np.int64)
    small = (known.loads <= np.array([6, 20_000, 80_000])).all(axis=1) & ~known.needs
    gig = np.flatnonzero(small)[np.argsort(out_km[small], kind="stable")][: round(settings.gig_share * count)]
    if (known.fleet == 2).any():
        fleet[gig] = 2
    rest = np.flatnonzero(fleet != 2)
    rest = rest[np.argsort(_angle(known)[rest], kind="stable")]
    rostered = [int(arrays.capacity[known.fleet == one, 0].sum()) for one in (0, 1)]
    own = rostered[0] / max(1, sum(rostered))
    cut = round(own * len(rest))
    fleet[rest[cut:]] = 1
    return fleet


def _angle(known: Known) -> Floats:
    return np.arctan2(known.lat - known.depot_lat, (known.lon - known.depot_lon) * np.cos(np.radians(known.lat)))


def usual_routes(known: Known, arrays: Arrays, split: Ints | None) -> tuple[Ints, Ints]:
    """Assign by place, fill by parcels, hand certified orders over, sequence: (routes, lengths).

    ``split``: fleet of each order; None: vans are filled in the order of what a full one costs an order, couriers
    take what is left.
    """
    most = min(len(known), MOST_STOPS) + 2
    vehicles = len(known.vehicle)
    groups: list[list[int]] = [[] for _ in range(vehicles)]
    turn = np.argsort(_angle(known), kind="stable")
    if split is None:
        rows = np.concatenate([np.flatnonzero(known.fleet == one) for one in (0, 1, 2)])
        _fill(known, arrays, turn, rows, groups)
    else:
        for fleet in range(FLEETS):
            mine = turn[split[turn] == fleet]
            _fill(known, arrays, mine, np.flatnonzero(known.fleet == fleet), groups)
    _hand_over(known, groups, split)
    routes, lengths = np.zeros((vehicles, most), dtype=np.int64), np.zeros(vehicles, dtype=np.int64)
    for row, group in enumerate(groups):
        if group:
            stops = np.array(group, dtype=np.int64)
            kernels.sequence_greedily(arrays, stops, len(stops), row, routes[row])
            lengths[row] = len(stops)
    return routes, lengths


def _fill(known: Known, arrays: Arrays, orders: Ints, rows: Ints, groups: list[list[int]]) -> None:
    """Vans in turn, each with the next orders by angle until its parcels or its hours are full; shared out evenly."""
    if not len(orders) or not len(rows):
        return
    typical = float(np.partition(arrays.seconds + 1e9 * np.eye(len(arrays.seconds)), 3, axis=1)[:, :3].mean())
    parcels, work = known.loads[orders, 0], arrays.door_s[orders] + typical
    need = [float(known.loads[orders, 0].sum()), float(work.sum())]
    room_parcels = SOFTEST * arrays.capacity[rows, 0]
    room_work = np.where(known.fleet[rows] == 2, 3.0, 7.5) * 3_600
    used = len(rows)
    for count in range(1, len(rows) + 1):
        if room_parcels[:count].sum() >= need[0] and room_work[:count].sum() >= need[1]:
            used = count
            break
    full = min(1.0, max(need[0] / max(1.0, room_parcels[:used].sum()), need[1] / max(1.0, room_work[:used].sum())))
    at, load, time = 0, 0.0, 0.0
    for order, boxes, seconds in zip(orders.tolist(), parcels.tolist(), work.tolist(), strict=True):
        over = load + boxes > max(boxes, full * room_parcels[at]) or time + seconds > full * room_work[at]
        if over and groups[int(rows[at])]:
            if at + 1 < used:
                at, load, time = at + 1, 0.0, 0.0
            elif load + boxes > arrays.capacity[rows[at], 0]:
                continue  # nobody has room: it stays in the depot
        groups[int(rows[at])].append(order)
        load, time = load + boxes, time + seconds


def _hand_over(known: Known, groups: list[list[int]], split: Ints | None) -> None:
    """The filter: orders that need a certificate go to the nearest route whose driver has one (of the same fleet)."""
    used = [row for row, group in enumerate(groups) if group and known.certified[row]]
    lat, lon = ([float(place[groups[row]].mean()) for row in used] for place in (known.lat, known.lon))
    for row, group in enumerate(groups):
        if known.certified[row]:
            continue
        for order in [one for one in group if known.needs[one]]:
            fitting = [n for n, one in enumerate(used) if split is None or known.fleet[one] == split[order]]
            if fitting:
                away = [float(great_circle_km(known.lat[order], known.lon[order], lat[n], lon[n])) for n in fitting]
                group.remove(order)
                groups[used[fitting[int(np.argmin(away))]]].append(order)


def make_plan(known: Known, belief: Belief, world: World, arm: Arm, settings: Settings) -> DayPlan:
    """The plan of the evening before."""
    arrays, out_km = arrays_of(known, belief, world, arm, settings)
    split = None if arm.on("orchestration") else split_by_capacity(known, arrays, out_km, settings)
    if split is not None:
        arrays = arrays._replace(allowed=np.equal.outer(split, np.arange(FLEETS)))
    routes, lengths = usual_routes(known, arrays, split)
    near = np.empty((len(known), 0), dtype=np.int64)
    if arm.on("routing"):
        first = arrays.starts
        nearest = np.argsort(arrays.seconds[:-1, :-1], axis=1, kind="stable")
        near = np.ascontiguousarray(nearest[:, 1 : 1 + min(NEIGHBOURS, len(known) - 1)])
        arrays = arrays._replace(starts=first + LATER_S * (np.arange(len(first)) % 2) * (known.fleet != 2))
        kernels.improve(arrays, routes, lengths, near, settings.iterations, LARGEST_RUIN, known.day.toordinal())
        arrays = arrays._replace(starts=_departures(arrays, routes, lengths, first))
    return _finished(DayPlan(arrays, routes, lengths, arrays.starts, near, np.empty(0), out_km))


def _departures(arrays: Arrays, routes: Ints, lengths: Ints, first: Ints) -> Ints:
    """The cheapest departure of each route, in half hours from the fleet's first."""
    best, chosen = np.full(len(first), np.inf), first.copy()
    for later in DEPARTURES:
        moved = arrays._replace(starts=first + later)
        for row in range(len(first)):
            if lengths[row]:
                cost = kernels.route_cost(moved, routes[row], lengths[row], row)
                if cost < best[row]:
                    best[row], chosen[row] = cost, first[row] + later
    return chosen


def _finished(plan: DayPlan) -> DayPlan:
    """With the believed beginning of each stop."""
    depot = len(plan.arrays.door_s)
    begin = np.full(depot, np.nan)
    for row in range(len(plan.lengths)):
        if plan.lengths[row]:
            pace = plan.arrays.prices[plan.arrays.fleet[row], kernels.PACE]
            times = kernels.schedule(
                plan.arrays, plan.routes[row], plan.lengths[row], depot, float(plan.arrays.starts[row]), pace
            )
            begin[plan.sequence(row)] = times[1]
    plan.begin, plan.starts = begin, plan.arrays.starts
    return plan


def without(plan: DayPlan, rows: list[int]) -> DayPlan:
    """The plan once the vehicles of ``rows`` are out: their orders go to the cheapest places of the others."""
    routes, lengths = plan.routes.copy(), plan.lengths.copy()
    capacity = plan.arrays.capacity.copy()
    lengths[rows] = 0
    capacity[rows] = 0
    arrays = plan.arrays._replace(capacity=capacity)
    kernels.improve(arrays, routes, lengths, plan.near, 0, LARGEST_RUIN, 1)
    return _finished(DayPlan(arrays, routes, lengths, arrays.starts, plan.near, plan.begin, plan.km_out))


def loaded(known: Known, plan: DayPlan) -> list[Ints]:
    """What really goes into each van, in its sequence: what does not fit stays in the depot (last stops first in)."""
    out = []
    for row in range(len(plan.lengths)):
        sequence = plan.sequence(row)
        # vans are loaded from the last stop to the first, so what does not fit is among the first stops' parcels
        total = np.cumsum(known.loads[sequence[::-1]], axis=0)[::-1]
        out.append(sequence[(total <= plan.arrays.capacity[row]).all(axis=1)])
    return out


def frame_of(known: Known, plan: DayPlan, world: World) -> pd.DataFrame:
    """The plan in the twin's columns; couriers' and vans' loads as ``loaded`` lets them be."""
    rows: dict[str, list[Any]] = {name: [] for name in ("row", "sequence", "order")}
    for number, sequence in enumerate(loaded(known, plan)):
        rows["row"] += [number] * len(sequence)
        rows["sequence"] += range(1, len(sequence) + 1)
        rows["order"] += sequence.tolist()
    row, order = np.array(rows["row"], dtype=np.int64), np.array(rows["order"], dtype=np.int64)
    people = [world.drivers[one] for one in known.vehicle]
    fleets = world.scenario.fleets
    begin = np.nan_to_num(plan.begin[order], nan=43_200.0)

    def column(values: list[str]) -> Any:
        return np.array(values, dtype=object)[row] if len(row) else np.empty(0, dtype=object)

    return pd.DataFrame(
        {
            "route_id": column([route_id(known, one.vehicle_id) for one in people]),
            "vehicle_id": column([one.vehicle_id for one in people]),
            "driver_id": column([one.driver_id for one in people]),
            "fleet_id": column([fleets[one.fleet].fleet_id for one in people]),
            "depot_id": column(["depot-0"] * len(people)),
            "sequence": rows["sequence"],
            "order_id": [f"{known.prefix}{one:06d}" for one in rows["order"]],
            "starts_at": moments(known.origin, plan.starts[row]) if len(row) else pd.DatetimeIndex([], tz="UTC"),
            "arrival": moments(known.origin, begin.astype(np.int64)) if len(row) else pd.DatetimeIndex([], tz="UTC"),
        }
    )


def route_id(known: Known, vehicle_id: str) -> str:
    """The route of a vehicle."""
    return f"r-{known.day}-{vehicle_id}"
