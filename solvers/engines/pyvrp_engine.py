"""PyVRP's hybrid genetic search (Wouda, Lan, Kool 2024, INFORMS J. on Computing) in a process that can be killed.

PyVRP sees money as distance: each kind of vehicle has its own matrix of prices, so that per-km, per-stop and
per-parcel prices and expected failure costs of every fleet are weighed as one. Rules that PyVRP has no word for (bans,
certifications) are dear arrivals in that matrix, never forbidden arcs: version 0.14.1 can hang on those. What slips
through is mended by ``insertion.improve``.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from solvers.engines import Sequences
from solvers.problem import Order, PlanningProblem, Vehicle
from solvers.schedule import may_serve

SCALE = 100
"""PyVRP's money is hundredths of a minor unit, so that prices per metre keep their weight."""
GRACE_S = 2.0


def solve(problem: PlanningProblem, *, seconds: float, seed: int, iterations: int | None = None) -> Sequences | None:
    """Sequences of one depot's problem, or None where PyVRP failed or had to be killed."""
    if not problem.orders or not problem.vehicles:
        return {}
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(sender, problem, seconds, seed, iterations), daemon=True)
    child.start()
    sender.close()
    try:
        # the child imports and builds first: its own limit counts the search only
        limit = seconds + GRACE_S + 0.002 * len(problem.orders)
        return receiver.recv() if receiver.poll(limit) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()
        receiver.close()


def _child(sender: Connection, problem: PlanningProblem, seconds: float, seed: int, iterations: int | None) -> None:
    from pyvrp import solve as pyvrp_solve
    from pyvrp.stop import MaxIterations, MaxRuntime

    data, groups, clients = compile_problem(problem)
    stop = MaxIterations(iterations) if iterations is not None else MaxRuntime(seconds)
    result = pyvrp_solve(data, stop=stop, seed=seed, display=False, collect_stats=False)
    free = {kind: list(ids) for kind, ids in enumerate(groups)}
    sequences: Sequences = {}
    for route in result.best.routes():
        visits = [clients[visit] for visit in _client_indices(route)]
        if visits:
            sequences[free[route.vehicle_type()].pop(0)] = visits
    sender.send(sequences)


def _client_indices(route: Any) -> list[int]:
    return [activity.idx for activity in route if activity.is_client()]


def _kind(vehicle: Vehicle, problem: PlanningProblem) -> tuple[object, ...]:
    """Vehicles of one kind are interchangeable for every order of the problem."""
    allowed = tuple(may_serve(vehicle, order) for order in problem.orders)
    return (
        vehicle.fleet_id,
        vehicle.start_s,
        vehicle.end_s,
        vehicle.capacity,
        vehicle.tariff,
        vehicle.max_stops,
        allowed,
    )


def _prices(problem: PlanningProblem, vehicle: Vehicle, locations: np.ndarray, orders: list[Order]) -> np.ndarray:
    """Money of going from row to column, hundredths of a minor unit; arrivals at orders carry their own prices."""
    metres = problem.travel.distance_m[np.ix_(locations, locations)].astype(float)
    prices = metres * vehicle.tariff.per_km_minor * SCALE / 1_000
    dear = SCALE * (10 * max((o.penalty_minor for o in orders), default=0) + 1_000_000)
    arrivals = [0.0]
    for order in orders:
        price = (
            vehicle.tariff.per_stop_minor
            + vehicle.tariff.per_parcel_minor * order.load.parcels
            + order.expected_failure_minor(vehicle.fleet_id)
        )
        arrivals.append(float(price * SCALE if may_serve(vehicle, order) else dear))
    prices += np.array(arrivals)[None, :]
    np.fill_diagonal(prices, 0)
    return np.rint(prices).astype(np.int64)


def compile_problem(problem: PlanningProblem) -> tuple[Any, list[list[str]], list[str]]:
    """PyVRP's data, the vehicle ids of each of its types, and the order id of each of its clients."""
    import pyvrp

    orders = list(problem.orders)
    depot_location = problem.depots[0].location
    locations = np.array([depot_location, *(order.location for order in orders)])
    groups: dict[tuple[object, ...], list[Vehicle]] = {}
    for vehicle in problem.vehicles:
        groups.setdefault(_kind(vehicle, problem), []).append(vehicle)
    durations = problem.travel.duration_s[np.ix_(locations, locations)]
    latest = max(vehicle.end_s for vehicle in problem.vehicles)
    model = _Builder(pyvrp, latest)
    for order in orders:
        model.client(order)
    types, distances = [], []
    for number, group in enumerate(groups.values()):
        vehicle = group[0]
        distances.append(_prices(problem, vehicle, locations, orders))
        types.append(model.vehicle_type(vehicle, len(group), number))
    data = model.data(types, distances, [durations.astype(np.int64)] * len(types))
    return data, [[vehicle.vehicle_id for vehicle in group] for group in groups.values()], [o.order_id for o in orders]


class _Builder:
    """Calls PyVRP's constructors; several windows become their hull, which the mender then keeps exactly."""

    def __init__(self, pyvrp: Any, latest: int) -> None:
        self.pyvrp = pyvrp
        self.latest = latest
        self.clients: list[Any] = []

    def client(self, order: Order) -> None:
        early = min((window.start_s for window in order.windows), default=0)
        late = max((window.end_s for window in order.windows), default=self.latest)
        self.clients.append(
            self.pyvrp.Client(
                len(self.clients) + 1,
                delivery=[order.load.mass_g, order.load.volume_ml, order.load.parcels, 1],
                service_duration=order.service_s,
                tw_early=min(early, late),
                tw_late=late,
                prize=order.penalty_minor * SCALE,
                required=False,
            )
        )

    def vehicle_type(self, vehicle: Vehicle, count: int, profile: int) -> Any:
        tariff = vehicle.tariff
        paid_s = vehicle.end_s - vehicle.start_s
        overtime_after = paid_s if tariff.overtime_after_s is None else min(tariff.overtime_after_s, paid_s)
        stops = vehicle.max_stops if vehicle.max_stops is not None else len(self.clients)
        return self.pyvrp.VehicleType(
            count,
            capacity=[vehicle.capacity.mass_g, vehicle.capacity.volume_ml, vehicle.capacity.parcels, stops],
            fixed_cost=tariff.per_route_minor * SCALE,
            tw_early=vehicle.start_s,
            tw_late=vehicle.end_s,
            shift_duration=overtime_after,
            max_overtime=paid_s - overtime_after,
            unit_distance_cost=1,
            unit_duration_cost=round(tariff.per_hour_minor * SCALE / 3_600),
            unit_overtime_cost=round(tariff.overtime_per_hour_minor * SCALE / 3_600),
            profile=profile,
        )

    def data(self, types: list[Any], distances: list[np.ndarray], durations: list[np.ndarray]) -> Any:
        locations = [self.pyvrp.Location(0, 0) for _ in range(len(self.clients) + 1)]
        return self.pyvrp.ProblemData(
            locations=locations,
            clients=self.clients,
            depots=[self.pyvrp.Depot(0)],
            vehicle_types=types,
            distance_matrices=distances,
            duration_matrices=durations,
        )
