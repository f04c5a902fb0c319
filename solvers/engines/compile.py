"""A planning problem in PyVRP's words, and PyVRP's solutions in ours.

PyVRP sees money as distance: each kind of vehicle has its own matrix of prices, so that per-km, per-stop and
per-parcel prices, expected failure costs and soft rules between vehicle and order are weighed as one. Bans,
certifications and hard rules between vehicle and order are dear arrivals in that matrix, never forbidden arcs: version
0.14.1 can hang on those. Rules over routes and the whole plan, several windows apart (PyVRP gets their hull) and
rests are left to the mender (``insertion.improve``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.engines import RELOAD, Sequences
from solvers.engines.state import kind_of
from solvers.evaluator import Evaluator
from solvers.problem import DELIVERY, LARGEST, PICKUP, Order, PlanningProblem, Vehicle

SCALE = 100
"""PyVRP's money is hundredths of a minor unit where a price has parts of a unit."""
DEAREST = 2**40
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compiled:
    """PyVRP's data with what leads back: vehicles of each type, order of each client, orders of each shipment.

    ``barred``: shape (profiles, places), whom vehicles of a profile may not serve.
    """

    data: Any
    groups: list[list[str]]
    clients: list[str]
    shipments: list[tuple[str, str]]
    scale: int
    barred: npt.NDArray[np.bool_]


def needs_mending(problem: PlanningProblem, evaluator: Evaluator) -> bool:
    """Whether there is something that PyVRP cannot be told.

    A certification that holds all shift long only keeps vehicles away from orders; one that expires in it is a limit
    of time.
    """
    expiring = {code for one in problem.vehicles for code, until in one.certifications.items() if until < one.end_s}
    return (
        evaluator.rules.beyond_pairs
        or bool(problem.locks)
        or any(len(order.windows) > 1 or order.required_certifications & expiring for order in problem.orders)
        or any(vehicle.reload_s or vehicle.max_distance_m is not None for vehicle in problem.vehicles)
        or any(vehicle.tariff.piecewise or problem.travel_of(vehicle).timed for vehicle in problem.vehicles)
    )


def compile_problem(evaluator: Evaluator, *, required: bool = True) -> Compiled:
    """Compile; with ``required`` the orders marked so are required in PyVRP too (else only dear to leave)."""
    import pyvrp

    problem = evaluator.problem
    by_kind: dict[tuple[object, ...], list[Vehicle]] = {}
    kept_away = _kept_away(problem)
    for vehicle in problem.vehicles:
        by_kind.setdefault(_kind(vehicle, evaluator, kept_away), []).append(vehicle)
    depot_ids = [depot.depot_id for depot in problem.depots]
    singles = [order for order in problem.orders if order.order_id not in evaluator.pairs and not order.pickup_of]
    paired = [order for order in problem.orders if order.pickup_of]
    visited = [*singles, *(one for pickup in paired for one in (pickup, evaluator.orders[pickup.pickup_of]))]
    # one place for each depot and visit, even where several share a location: prices belong to the visit
    places = np.array([*(depot.location for depot in problem.depots), *(order.location for order in visited)])
    scale = _scale(problem)
    profiles: dict[bytes, int] = {}
    distances: list[Integers] = []
    durations: list[Integers] = []
    barred: list[npt.NDArray[np.bool_]] = []
    types = []
    for group in by_kind.values():
        vehicle = group[0]
        prices, kept_out = _prices(evaluator, vehicle, places, visited, scale)
        key = prices.tobytes() + vehicle.profile.encode() + bytes([vehicle.open_end])
        if key not in profiles:
            profiles[key] = len(distances)
            distances.append(prices)
            barred.append(kept_out)
            times = problem.travel_of(vehicle).duration_s[np.ix_(places, places)].astype(np.int64)
            if vehicle.open_end:
                times[:, : len(depot_ids)] = 0
            durations.append(times)
        types.append(_vehicle_type(pyvrp, evaluator, vehicle, len(group), profiles[key], depot_ids, scale))
    latest = max((vehicle.end_s for vehicle in problem.vehicles), default=0)
    groups: dict[str, list[int]] = {}
    for index, order in enumerate(singles):
        if order.group:
            groups.setdefault(order.group, []).append(index)
    group_numbers = {name: number for number, name in enumerate(groups)}
    first = len(depot_ids)
    dimensions, counted = _dimensions(problem), _counts_stops(problem)
    clients = [
        _client(pyvrp, order, first + n, latest, scale, required, dimensions, group_numbers.get(order.group), counted)
        for n, order in enumerate(singles)
    ]
    shipments = []
    for n, pickup in enumerate(paired):
        at = first + len(singles) + 2 * n
        shipments.append(
            _shipment(
                pyvrp, pickup, evaluator.orders[pickup.pickup_of], at, latest, scale, required, dimensions, counted
            )
        )
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in places],
        clients=clients,
        depots=[pyvrp.Depot(n) for n in range(first)],
        vehicle_types=types,
        distance_matrices=distances,
        duration_matrices=durations,
        groups=[pyvrp.ClientGroup(members, required=False) for members in groups.values()],
        shipments=shipments,
    )
    return Compiled(
        data,
        [[vehicle.vehicle_id for vehicle in group] for group in by_kind.values()],
        [order.order_id for order in singles],
        [(pickup.order_id, pickup.pickup_of) for pickup in paired],
        scale,
        np.array(barred, dtype=bool).reshape(len(barred), len(places)),
    )


def _scale(problem: PlanningProblem) -> int:
    """1 where every price per metre and second is whole already (benchmarks), else ``SCALE``."""
    whole = all(
        v.tariff.per_km_minor % 1_000 == 0
        and v.tariff.per_hour_minor % 3_600 == 0
        and v.tariff.overtime_per_hour_minor % 3_600 == 0
        and v.tariff.per_driving_hour_minor % 3_600 == 0
        for v in problem.vehicles
    )
    return 1 if whole else SCALE


def _dimensions(problem: PlanningProblem) -> list[int]:
    """Load dimensions that bind at all: those that somebody uses and somebody limits."""
    count = max((len(v.capacity.amounts()) for v in problem.vehicles), default=3)
    used = []
    for dimension in range(count):
        limited = any(
            dimension < len(v.capacity.amounts()) and v.capacity.amounts()[dimension] < LARGEST
            for v in problem.vehicles
        )
        if limited and any(_load(order, dimension) for order in problem.orders):
            used.append(dimension)
    return used


def _counts_stops(problem: PlanningProblem) -> bool:
    """Whether the number of stops is a load dimension of its own."""
    return any(vehicle.max_stops is not None for vehicle in problem.vehicles)


def _load(order: Order, dimension: int) -> int:
    amounts = order.load.amounts()
    return amounts[dimension] if dimension < len(amounts) else 0


def _kept_away(problem: PlanningProblem) -> dict[str, list[int]]:
    """Vehicle -> numbers of the orders that a ban or a certification keeps it from."""
    found: dict[str, list[int]] = {}
    for number, order in enumerate(problem.orders):
        for vehicle_id in order.banned_vehicles:
            found.setdefault(vehicle_id, []).append(number)
        if order.required_certifications:
            for vehicle in problem.vehicles:
                if not order.required_certifications <= vehicle.certifications.keys():
                    found.setdefault(vehicle.vehicle_id, []).append(number)
    return found


def _kind(vehicle: Vehicle, evaluator: Evaluator, kept_away: dict[str, list[int]]) -> tuple[object, ...]:
    """Vehicles of one kind are interchangeable for every order of the problem."""
    if not evaluator.rules.pair:
        return (*kind_of(vehicle), tuple(kept_away.get(vehicle.vehicle_id, ())))
    return (*kind_of(vehicle), tuple(evaluator.pair_price(vehicle, order) for order in evaluator.problem.orders))


def _prices(
    evaluator: Evaluator, vehicle: Vehicle, places: Integers, visited: list[Order], scale: int
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Money of going from row to column, and which places ``vehicle`` may not serve.

    Arrivals at orders carry their own prices.
    """
    problem, tariff = evaluator.problem, vehicle.tariff
    depots = len(problem.depots)
    metres = problem.travel_of(vehicle).distance_m[np.ix_(places, places)].astype(np.float64)
    if vehicle.open_end:
        metres[:, :depots] = 0
    prices = metres * (tariff.per_km_minor * scale / 1_000)
    if tariff.per_driving_hour_minor:
        seconds = problem.travel_of(vehicle).duration_s[np.ix_(places, places)].astype(np.float64)
        if vehicle.open_end:
            seconds[:, :depots] = 0
        prices += seconds * (tariff.per_driving_hour_minor * scale / 3_600)
    dear = min(DEAREST, scale * (10 * max((o.penalty_minor for o in visited), default=0) + 1_000_000))
    arrivals, barred = np.zeros(len(places)), np.zeros(len(places), dtype=bool)
    for number, order in enumerate(visited):
        extra = evaluator.pair_price(vehicle, order)
        if extra is None:
            arrivals[depots + number], barred[depots + number] = dear, True
        else:
            arrivals[depots + number] = scale * (
                tariff.per_stop_minor
                + tariff.per_parcel_minor * order.load.parcels
                + order.expected_failure_minor(vehicle.fleet_id)
                + extra
            )
    prices += arrivals[None, :]
    np.fill_diagonal(prices, 0)
    return np.rint(prices).astype(np.int64), barred


def _hull(order: Order, latest: int) -> tuple[int, int]:
    late = max((window.end_s for window in order.windows), default=max(latest, 0))
    return min(min((window.start_s for window in order.windows), default=0), late), late


def _client(
    pyvrp: Any,
    order: Order,
    at: int,
    latest: int,
    scale: int,
    required: bool,
    dimensions: list[int],
    group: int | None,
    counted: bool,
) -> Any:
    early, late = _hull(order, latest)
    amounts = [_load(order, dimension) for dimension in dimensions]
    nothing = [0] * len(amounts)
    one = [1] if counted else []
    return pyvrp.Client(
        at,
        delivery=[*(amounts if order.kind == DELIVERY else nothing), *one],
        pickup=[*(amounts if order.kind == PICKUP else nothing), *(0 for _ in one)],
        service_duration=order.service_s,
        tw_early=early,
        tw_late=late,
        release_time=order.release_s,
        prize=order.penalty_minor * scale,
        required=required and order.required and group is None,
        group=group,
    )


def _shipment(
    pyvrp: Any,
    pickup: Order,
    delivery: Order,
    at: int,
    latest: int,
    scale: int,
    required: bool,
    dimensions: list[int],
    counted: bool,
) -> Any:
    pickup_window, delivery_window = _hull(pickup, latest), _hull(delivery, latest)
    return pyvrp.Shipment(
        at,
        at + 1,
        *pickup_window,
        pickup.service_s,
        *delivery_window,
        delivery.service_s,
        amount=[*(_load(pickup, dimension) for dimension in dimensions), *([0] if counted else [])],
        prize=(pickup.penalty_minor + delivery.penalty_minor) * scale,
        required=required and delivery.required,
    )


def _vehicle_type(
    pyvrp: Any, evaluator: Evaluator, vehicle: Vehicle, count: int, profile: int, depot_ids: list[str], scale: int
) -> Any:
    tariff = vehicle.tariff
    shift = vehicle.end_s - vehicle.start_s
    longest = min(shift, vehicle.max_duration_s) if vehicle.max_duration_s is not None else shift
    overtime_after = longest if tariff.overtime_after_s is None else min(tariff.overtime_after_s, longest)
    problem = evaluator.problem
    stops = vehicle.max_stops if vehicle.max_stops is not None else len(problem.orders)
    limits = vehicle.capacity.amounts()
    capacity = [limits[d] if d < len(limits) else LARGEST for d in _dimensions(problem)]
    if _counts_stops(problem):
        capacity.append(stops)
    start = depot_ids.index(vehicle.depot_id)
    end = start if vehicle.open_end else depot_ids.index(vehicle.end_depot_id or vehicle.depot_id)
    more: dict[str, Any] = {}
    if vehicle.max_trips > 1:
        more = {"reload_depots": [start], "max_reloads": min(vehicle.max_trips, len(problem.orders)) - 1}
    stop_prices = tariff.per_stop_minor or tariff.per_parcel_minor
    if vehicle.max_distance_m is not None and tariff.per_km_minor and not stop_prices:
        # distances are prices here; stops' own prices would count as metres, so the limit holds where there are none
        more["max_distance"] = vehicle.max_distance_m * tariff.per_km_minor * scale // 1_000
    return pyvrp.VehicleType(
        count,
        capacity=capacity,
        start_depot=start,
        end_depot=end,
        fixed_cost=tariff.per_route_minor * scale,
        tw_early=vehicle.start_s,
        tw_late=vehicle.end_s,
        shift_duration=overtime_after,
        max_overtime=longest - overtime_after,
        unit_distance_cost=1,
        unit_duration_cost=round(tariff.per_hour_minor * scale / 3_600),
        unit_overtime_cost=round(tariff.overtime_per_hour_minor * scale / 3_600),
        profile=profile,
        **more,
    )


def sequences_of(compiled: Compiled, solution: Any) -> Sequences:
    """PyVRP's routes as sequences; each takes a vehicle of its type."""
    free = {kind: list(ids) for kind, ids in enumerate(compiled.groups)}
    sequences: Sequences = {}
    for route in solution.routes():
        ids: list[str] = []
        for activity in list(route):
            if activity.is_client():
                ids.append(compiled.clients[activity.idx])
            elif activity.is_pickup():
                ids.append(compiled.shipments[activity.idx][0])
            elif activity.is_delivery():
                ids.append(compiled.shipments[activity.idx][1])
            elif ids and ids[-1] != RELOAD:
                ids.append(RELOAD)
        while ids and ids[-1] == RELOAD:
            ids.pop()
        if ids:
            sequences[free[route.vehicle_type()].pop(0)] = ids
    return sequences


def solution_of(compiled: Compiled, evaluator: Evaluator, sequences: Sequences) -> Any:
    """Sequences as a PyVRP solution, to start from; orders that it does not know are left out."""
    import pyvrp

    client = {order_id: n for n, order_id in enumerate(compiled.clients)}
    pickup = {pair[0]: n for n, pair in enumerate(compiled.shipments)}
    delivery = {pair[1]: n for n, pair in enumerate(compiled.shipments)}
    kind = {vehicle_id: n for n, ids in enumerate(compiled.groups) for vehicle_id in ids}
    depot_ids = [depot.depot_id for depot in evaluator.problem.depots]
    routes = []
    for vehicle_id, ids in sequences.items():
        home = depot_ids.index(evaluator.vehicles[vehicle_id].depot_id)
        activities = []
        for one in ids:
            if one == RELOAD:
                activities.append(pyvrp.Activity(pyvrp.ActivityType.DEPOT, home))
            elif one in client:
                activities.append(pyvrp.Activity(pyvrp.ActivityType.CLIENT, client[one]))
            elif one in pickup:
                activities.append(pyvrp.Activity(pyvrp.ActivityType.PICKUP, pickup[one]))
            elif one in delivery:
                activities.append(pyvrp.Activity(pyvrp.ActivityType.DELIVERY, delivery[one]))
        if activities:
            routes.append(pyvrp.Route(compiled.data, activities, kind[vehicle_id]))
    return pyvrp.Solution(compiled.data, routes)
