"""``fivefold bench large``: generated days of thousands of stops, beside PyVRP on the whole problem at the same time.

PyVRP is told the same problem in its own words, as its users would: one matrix of metres and one of seconds for each
set of skills, unit prices on the vehicle types, required clients. Its plan is priced by the same exact evaluator.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from typing import Any

import click
import numpy as np

from benchmarks.measure import make_machine_code
from orchestration.cli.options import fivefold_command

FORBIDDEN_M = 2**27


def peer_sequences(problem: Any, seconds: float, seed: int, clock: str, connection: Any) -> None:
    """PyVRP's routes of the whole problem, sent through ``connection``; None where it finds nothing feasible."""
    import pyvrp

    metres, durations = problem.travel.distance_m, problem.travel.duration_s
    depots = [depot.depot_id for depot in problem.depots]
    skills = sorted({tuple(sorted(v.certifications)) for v in problem.vehicles})
    distances, times = [], []
    for known in skills:
        # who lacks a skill pays for arriving more than any plan costs: forbidden arcs make PyVRP 0.14.1 hang
        own = metres.copy()
        for order in problem.orders:
            if not order.required_certifications <= set(known):
                own[:, order.location] = FORBIDDEN_M
        np.fill_diagonal(own, 0)
        distances.append(own)
        times.append(durations)
    kinds: dict[Any, list[Any]] = {}
    for vehicle in problem.vehicles:
        kinds.setdefault((vehicle.fleet_id, vehicle.depot_id), []).append(vehicle)
    # prices a metre and a second in millionths of a minor unit
    types = [
        pyvrp.VehicleType(
            len(group),
            capacity=[group[0].capacity.mass_g],
            start_depot=depots.index(group[0].depot_id),
            end_depot=depots.index(group[0].depot_id),
            fixed_cost=group[0].tariff.per_route_minor * 100,
            tw_early=group[0].start_s,
            tw_late=group[0].end_s,
            unit_distance_cost=round(group[0].tariff.per_km_minor / 10),
            unit_duration_cost=round(group[0].tariff.per_hour_minor / 36),
            profile=skills.index(tuple(sorted(group[0].certifications))),
        )
        for group in kinds.values()
    ]
    latest = max(v.end_s for v in problem.vehicles)
    clients = [
        pyvrp.Client(
            order.location,
            delivery=[order.load.mass_g],
            service_duration=order.service_s,
            tw_early=order.windows[0].start_s if order.windows else 0,
            tw_late=order.windows[0].end_s if order.windows else latest,
        )
        for order in problem.orders
    ]
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in range(len(metres))],
        clients=clients,
        depots=[pyvrp.Depot(n) for n in range(len(depots))],
        vehicle_types=types,
        distance_matrices=distances,
        duration_matrices=times,
    )
    now = time.perf_counter if clock == "wall" else time.process_time
    begun = now()
    result = pyvrp.solve(data, stop=lambda _: now() - begun >= seconds, seed=seed, display=False)
    found: dict[str, list[str]] | None = None
    if result.is_feasible():
        groups = list(kinds.values())
        found = {}
        for route in result.best.routes():
            ids = [problem.orders[one.idx].order_id for one in list(route) if one.is_client()]
            if ids:
                found[groups[route.vehicle_type()].pop(0).vehicle_id] = ids
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    connection.send((found, result.num_iterations, memory))


def run_peer(problem: Any, seconds: float, seed: int, clock: str, cores: int) -> tuple[Any, list[dict[str, Any]]]:
    """The best of one seed a core; what each took."""
    context = multiprocessing.get_context("fork")
    running = []
    for n in range(cores):
        mine, theirs = context.Pipe()
        process = context.Process(target=peer_sequences, args=(problem, seconds, seed + n, clock, theirs), daemon=True)
        process.start()
        running.append((mine, process))
    best, told = None, []
    for mine, process in running:
        # building and the first local search are not stopped by its time: it is waited for
        if mine.poll(10 * seconds + 300):
            found, iterations, memory = mine.recv()
            told.append({"iterations": iterations, "peak_mb": memory, "feasible": found is not None})
            cost = _cost(problem, found)
            if cost is not None and (best is None or cost < best):
                best = cost
        else:
            told.append({"iterations": 0, "peak_mb": 0, "feasible": False})
        process.kill()
        process.join()
    return best, told


def _cost(problem: Any, sequences: dict[str, list[str]] | None) -> int | None:
    from solvers.planner import assemble

    if sequences is None:
        return None
    try:
        found = assemble(problem, sequences, engine="pyvrp", seed=0, solver_s=0.0, reasons=False)
    except AssertionError:
        return None
    return None if found.unserved else found.cost_minor


@fivefold_command(
    "Plan generated days of thousands of stops (clusters, four depots, three fleets, capacity, windows, skills) beside "
    "PyVRP on the whole problem, one seed a core, the same seconds. Every plan is proven.",
    example="fivefold bench large --stops 4000 --seconds 60 --json\n"
    "fivefold bench large --stops 10000 --seconds 240 --peer none --json",
)
def command(stops: int, seconds: float, seed: int, peer: str, clock: str, home: Any) -> Any:
    from benchmarks.large_days import large_day
    from solvers.planner import SolveSettings, plan
    from solvers.verifier import verify

    problem = large_day(stops, seed)
    cores = os.cpu_count() or 1
    make_machine_code()
    begun = time.monotonic()
    found = plan(
        problem,
        SolveSettings(seconds=seconds, seed=seed, workers=cores, clock=clock),
        lambda line: click.echo(f"{time.monotonic() - begun:7.1f} s  {line}", err=True),
    )
    wall_s = time.monotonic() - begun
    own, children = (
        resource.getrusage(one).ru_maxrss // 1_024 for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    result: dict[str, Any] = {
        "stops": stops,
        "vehicles": len(problem.vehicles),
        "seconds": seconds,
        "clock": clock,
        "cores": cores,
        "proven": not verify(problem, found),
        "cost_minor": found.cost_minor,
        "unserved": len(found.unserved),
        "routes": len(found.routes),
        "wall_s": round(wall_s, 1),
        "peak_mb": own,
        "peak_mb_largest_process": children,
        "matrices_mb": int(np.sum([m.nbytes for m in (problem.travel.distance_m, problem.travel.duration_s)])) >> 20,
    }
    if peer == "pyvrp":
        begun = time.monotonic()
        cost, told = run_peer(problem, seconds, seed, clock, cores)
        result |= {
            "peer_cost_minor": cost,
            "peer_wall_s": round(time.monotonic() - begun, 1),
            "peer": told,
            "against_peer_percent": None if cost is None else round(100 * (found.cost_minor / cost - 1), 2),
        }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>24}  {value}")

    return result, show


command = click.option("--stops", default=4_000, show_default=True, type=click.IntRange(10, 20_000))(command)
command = click.option("--seconds", default=60.0, show_default=True, help="Time of each side.")(command)
command = click.option("--seed", default=1, show_default=True, help="Seed of the day and of the searches.")(command)
command = click.option("--peer", type=click.Choice(["pyvrp", "none"]), default="pyvrp", show_default=True)(command)
command = click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: seconds are processor seconds of each process, ours and the peer's.",
)(command)
