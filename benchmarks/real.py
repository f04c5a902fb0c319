"""``fivefold bench real``: days of real companies planned as one decision, beside what was really assigned.

``chicago``: one day of Amazon, 12,634 parcels at 7,920 stops, four stations, 50 vans; the van that really carried each
parcel is known. Its baseline keeps every parcel on its van and plans each van's day with the same engine, roads and
prices. ``bosnia``: eight days of one distributor, whose assignment is not published: the baseline is each customer on
the vehicle that a sweep around the depot gives it (Gillett and Miller 1974, Operations Research 22(2)).
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.measure import make_machine_code
from orchestration.cli.options import fivefold_command
from solvers.plan import Plan
from solvers.problem import Depot, Load, Order, PlanningProblem, Tariff, Vehicle, Window
from solvers.travel import fit_travel

CHICAGO = "amazon/chicago_2018-08-08"
UTC_OFFSET_S = -5 * 3_600
"""Times of the file are UTC."""
SHIFT_S = (8 * 3_600, 20 * 3_600)
LONGEST_S = 12 * 3_600
VAN = Tariff(per_route_minor=80_00, per_km_minor=40, per_hour_minor=22_00)
"""What a van costs; the file has no prices. Cents: a day, a kilometre, an hour."""
OVERTIME_MINOR = 11_00
PENALTY_MINOR = 500_00


def chicago(folder: Path) -> tuple[PlanningProblem, dict[str, list[str]]]:
    """The day with one order a stop, and the stops of each van as they were."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / CHICAGO / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    depots = rows("depots.csv")
    stops: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows("customers.csv"):
        stops.setdefault((row["depot_id"], row["vehicle_id"], row["stop_id"]), []).append(row)
    orders: list[Order] = []
    carried: dict[str, list[str]] = {}
    places = [(float(one["lat"]), float(one["long"])) for one in depots]
    for (depot, van, stop), parcels in stops.items():
        first = parcels[0]
        places.append((float(first["dropoff_lat"]), float(first["dropoff_long"])))
        starts = [_second(p["dropoff_tw_start"]) for p in parcels if p["dropoff_tw_start"]]
        ends = [_second(p["dropoff_tw_end"]) for p in parcels if p["dropoff_tw_end"]]
        window = (Window(max(starts), min(ends)),) if starts and ends and max(starts) <= min(ends) else ()
        order = Order(
            f"{van}-{stop}",
            len(places) - 1,
            depot,
            round(sum(float(p["service_duration"] or 0) for p in parcels)),
            window,
            Load(0, sum(math.ceil(float(p["demand"] or 0)) for p in parcels), len(parcels)),
            penalty_minor=PENALTY_MINOR * len(parcels),
            required=True,
        )
        orders.append(order)
        carried.setdefault(van, []).append(order.order_id)
    tariff = replace(VAN, overtime_per_hour_minor=OVERTIME_MINOR, overtime_after_s=8 * 3_600)
    vehicles = tuple(
        Vehicle(
            row["vehicle_id"],
            "vans",
            row["depot_id"],
            *SHIFT_S,
            Load(2**40, int(float(row["capacity"])), 2**40),
            tariff=tariff,
            max_duration_s=LONGEST_S,
        )
        for row in rows("vehicles.csv")
    )
    nothing = np.empty(0)
    lat, lon = np.array(places).T
    travel = fit_travel(nothing, nothing, nothing, nothing, nothing, nothing).matrices(lat, lon)
    named = tuple(Depot(one["depot_id"], n) for n, one in enumerate(depots))
    return PlanningProblem(named, tuple(orders), vehicles, travel, "USD"), carried


def _second(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment.hour * 3_600 + moment.minute * 60 + moment.second + UTC_OFFSET_S) % 86_400


def as_carried(problem: PlanningProblem, groups: dict[str, list[str]], seconds: float, seed: int) -> Plan:
    """Each vehicle with its own orders, sequenced alone in ``seconds`` of processor time in all; one plan."""
    from solvers.engines.compiled.search import Search
    from solvers.engines.task import part_of
    from solvers.evaluator import Evaluator
    from solvers.planner import assemble

    by_order = {order.order_id: order for order in problem.orders}
    by_vehicle = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    sequences = {}
    for vehicle, orders in groups.items():
        search = Search(Evaluator(part_of(problem, by_order, by_vehicle, orders, [vehicle])), seed)
        search.fill()
        search.improve(seconds / len(groups), clock=time.process_time)
        sequences.update(search.sequences())
    return assemble(problem, sequences, engine="as carried", seed=seed, solver_s=seconds, deadline=0.0)


def swept(problem: PlanningProblem, places: list[tuple[float, float]]) -> dict[str, list[str]]:
    """Orders by their angle around the depot, each to the first vehicle that has room and time and is not banned.

    Time: driven in the sequence of angles and back, with service, within the shift.
    """
    legs = problem.travel.duration_s
    home = problem.depots[0].location

    def angle(order: Order) -> float:
        lat, lon = (a - b for a, b in zip(places[order.location], places[home], strict=True))
        return math.atan2(lat, lon * math.cos(math.radians(places[home][0])))

    groups: dict[str, list[str]] = {vehicle.vehicle_id: [] for vehicle in problem.vehicles}
    rooms = {vehicle.vehicle_id: vehicle.capacity.amounts() for vehicle in problem.vehicles}
    clocks = {vehicle.vehicle_id: (vehicle.start_s, home) for vehicle in problem.vehicles}
    for order in sorted(problem.orders, key=angle):
        for vehicle in problem.vehicles:
            clock, here = clocks[vehicle.vehicle_id]
            begin = max(clock + int(legs[here, order.location]), order.windows[0].start_s)
            gone = begin + order.service_s
            if begin > order.windows[0].end_s or gone + int(legs[order.location, home]) > vehicle.end_s:
                continue
            left = tuple(b - a for a, b in zip(order.load.amounts(), rooms[vehicle.vehicle_id], strict=True))
            if vehicle.vehicle_id not in order.banned_vehicles and min(left) >= 0:
                rooms[vehicle.vehicle_id] = left
                clocks[vehicle.vehicle_id] = (gone, order.location)
                groups[vehicle.vehicle_id].append(order.order_id)
                break
    return {vehicle: ids for vehicle, ids in groups.items() if ids}


def bosnia(folder: Path) -> list[tuple[str, PlanningProblem, list[tuple[float, float]]]]:
    """The eight days: number, problem, places. Roads are fitted on the depot legs of all days; a euro is 100 minor."""

    def days(name: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        with (folder / "bosnia" / name).open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["ROUTE_ID"], []).append(row)
        return found

    customers, depots, vehicles = days("customers.csv"), days("depots.csv"), days("vehicles.csv")
    bans, legs = days("constraints_customer_vehicle.csv"), days("customer_depot_distances.csv")
    trips = []
    for number, rows in ((n, r) for n, r in legs.items() if n in customers):
        by_number = {row["CUSTOMER_NUMBER"]: row for row in customers[number]}
        depot = depots[number][0]
        for row in rows:
            at = by_number.get(row["CUSTOMER_NUMBER"])
            if at is None:
                continue
            trips.append(
                (
                    float(depot["DEPOT_LATITUDE"]),
                    float(depot["DEPOT_LONGITUDE"]),
                    float(at["CUSTOMER_LATITUDE"]),
                    float(at["CUSTOMER_LONGITUDE"]),
                    1_000 * float(row["DISTANCE_KM"]),
                    60 * float(row["TIME_DISTANCE_MIN"]),
                )
            )
    model = fit_travel(*np.array(trips).T)
    found = []
    for number in sorted(customers, key=int):
        depot = depots[number][0]
        places = [(float(depot["DEPOT_LATITUDE"]), float(depot["DEPOT_LONGITUDE"]))]
        barred: dict[str, set[str]] = {}
        for row in bans.get(number, []):
            barred.setdefault(row["SDVRP_CONSTRAINT_CUSTOMER_CODE"], set()).add(row["SDVRP_CONSTRAINT_VEHICLE_CODE"])
        orders = []
        for row in customers[number]:
            places.append((float(row["CUSTOMER_LATITUDE"]), float(row["CUSTOMER_LONGITUDE"])))
            early, late = (60 * int(row[f"CUSTOMER_TIME_WINDOW_{name}_MIN"]) for name in ("FROM", "TO"))
            grams, litres = (float(row[name]) * 1_000 for name in ("TOTAL_WEIGHT_KG", "TOTAL_VOLUME_M3"))
            orders.append(
                Order(
                    row["CUSTOMER_NUMBER"],
                    len(places) - 1,
                    service_s=math.ceil(60 * float(row["CUSTOMER_DELIVERY_SERVICE_TIME_MIN"])),
                    windows=(Window(early, late),),
                    load=Load(math.ceil(grams), math.ceil(1_000 * litres)),
                    banned_vehicles=frozenset(barred.get(row["CUSTOMER_CODE"], ())),
                    penalty_minor=PENALTY_MINOR,
                    required=True,
                )
            )
        fleet = {v.vehicle_id: v for v in map(_truck, vehicles[number])}
        orders = [replace(one, banned_vehicles=one.banned_vehicles & fleet.keys()) for one in orders]
        travel = model.matrices(*np.array(places).T)
        found.append(
            (number, PlanningProblem((Depot("depot", 0),), tuple(orders), tuple(fleet.values()), travel), places)
        )
    return found


def _truck(row: dict[str, str]) -> Vehicle:
    return Vehicle(
        row["VEHICLE_CODE"],
        "own",
        "depot",
        60 * int(row["VEHICLE_AVAILABLE_TIME_FROM_MIN"]),
        60 * int(row["VEHICLE_AVAILABLE_TIME_TO_MIN"]),
        Load(
            round(1_000 * float(row["VEHICLE_TOTAL_WEIGHT_KG"])),
            round(1e6 * float(row["VEHICLE_TOTAL_VOLUME_M3"])),
            2**40,
        ),
        tariff=Tariff(per_km_minor=round(100 * float(row["VEHICLE_VARIABLE_COST_KM"]))),
    )


def _row(name: str, found: Plan, wall_s: float) -> dict[str, Any]:
    hours = [route.duration_s / 3_600 for route in found.routes]
    return {
        "plan": name,
        "cost_minor": found.cost_minor,
        "transport_minor": found.transport_minor,
        "vans": len(found.routes),
        "km": round(sum(route.distance_m for route in found.routes) / 1_000, 1),
        "hours": round(sum(hours), 1),
        "longest_h": round(max(hours, default=0.0), 2),
        "served": found.served,
        "unserved": len(found.unserved),
        "wall_s": round(wall_s, 1),
    }


def _beside(
    problem: PlanningProblem,
    groups: dict[str, list[str]],
    seconds: float,
    seed: int,
    clock: str,
    say: Callable[[str], None],
) -> tuple[list[dict[str, Any]], bool]:
    """Our plan with ``seconds`` on two cores and the baseline with as much on one; whether the proof accepts both."""
    from solvers.planner import SolveSettings, plan
    from solvers.verifier import verify

    begun = time.monotonic()
    ours = plan(problem, SolveSettings(seconds=seconds, seed=seed, clock=clock), say)
    middle = time.monotonic()
    given = as_carried(problem, groups, 2 * seconds, seed)
    rows = [_row("as one decision", ours, middle - begun), _row("as assigned", given, time.monotonic() - middle)]
    return rows, not verify(problem, ours) and not verify(problem, given)


@fivefold_command(
    "Plan days of real companies as one decision, beside what was really assigned: 'chicago' (Amazon, 12,634 parcels, "
    "four stations, the vans that carried them), 'bosnia' (eight days of a distributor, beside a sweep).",
    example="fivefold bench real --day chicago --seconds 60 --json",
)
def command(day: str, seconds: float, seed: int, clock: str, data: Path, home: Path) -> Any:
    from domain.errors import InputError

    if not (data / (CHICAGO if day == "chicago" else "bosnia")).is_dir():
        raise InputError(f"{data} does not hold the files of {day}; point to them with --data DIR")

    def say(line: str) -> None:
        click.echo(line, err=True)

    make_machine_code()
    days: dict[str, Any] = {}
    proven = True
    if day == "chicago":
        problem, carried = chicago(data)
        days["2018-08-08"], proven = _beside(problem, carried, seconds, seed, clock, say)
    else:
        for number, problem, places in bosnia(data):
            days[number], held = _beside(problem, swept(problem, places), seconds, seed, clock, say)
            proven = proven and held
    sums = [sum(rows[n]["cost_minor"] for rows in days.values()) for n in (0, 1)]
    result = {
        "day": day,
        "seconds": seconds,
        "proven": proven,
        "cost_minor": sums[0],
        "assigned_cost_minor": sums[1],
        "against_assigned_percent": round(100 * (sums[0] / sums[1] - 1), 2),
        "days": days,
    }

    def show() -> None:
        for name, rows in days.items():
            for row in rows:
                click.echo(
                    f"{name} {row['plan']:<16} {row['cost_minor']:>10} minor  {row['vans']:>3} vans  {row['km']:>7} km "
                    f"{row['hours']:>6} h  {row['unserved']} unserved  {row['wall_s']} s"
                )
        click.echo(f"{result['against_assigned_percent']} % against what was assigned; proven: {proven}")

    return result, show


command = click.option("--day", type=click.Choice(["chicago", "bosnia"]), default="chicago", show_default=True)(command)
command = click.option("--seconds", default=60.0, show_default=True, help="Wall time of each side, for each day.")(
    command
)
command = click.option("--seed", default=1, show_default=True, help="Seed.")(command)
command = click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: seconds of ours are processor seconds of each process, as the baseline's always are.",
)(command)
command = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("../shared/data"),
    show_default=True,
    help="Folder with amazon/ and bosnia/.",
)(command)
