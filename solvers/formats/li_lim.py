"""Li and Lim's pickup-and-delivery files. Vehicles count first, then distance, as their results are published.

Distances are rounded up to four decimals, so that what keeps the windows here keeps them in real numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solvers.formats.instance import FormatError, Instance
from solvers.formats.numbers import CONVENTIONS, euclidean
from solvers.formats.vrplib import MOST_VEHICLES, solution_text
from solvers.problem import (
    DELIVERY,
    LARGEST,
    PICKUP,
    Depot,
    Load,
    Order,
    PlanningProblem,
    Tariff,
    Travel,
    Vehicle,
    Window,
)

COLUMNS = 9


def looks_like(text: str) -> bool:
    """Whether the first line is a fleet and the second a depot of nine numbers."""
    lines = [line.split() for line in text.splitlines()[:3] if line.strip()]
    return len(lines) >= 2 and len(lines[0]) == 3 and len(lines[1]) == COLUMNS


def parse(path: Path, text: str) -> Instance:
    """Read a Li and Lim file.

    Raises:
        FormatError: names the line that cannot be right.
    """
    lines = [(n, line.split()) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    table = []
    for n, row in lines:
        try:
            table.append([float(one) for one in row])
        except ValueError as error:
            raise FormatError(f"{path}: line {n}: holds something that is no number") from error
        if n > 1 and len(row) != COLUMNS:
            raise FormatError(f"{path}: line {n}: must hold {COLUMNS} numbers")
    if len(table) < 2 or len(table[0]) < 2 or not np.isfinite(table[0]).all():
        raise FormatError(f"{path}: has no depot")
    count, capacity = int(table[0][0]), table[0][1]
    values = np.array(table[1:])
    if not np.isfinite(values).all():
        raise FormatError(f"{path}: holds something that is no number")
    if (values[:, 0] != np.arange(len(values))).any():
        raise FormatError(f"{path}: tasks must be numbered 0, 1, 2 in sequence")
    convention = CONVENTIONS["ceil"]
    if np.abs(values).max() > LARGEST / convention.scale:
        raise FormatError(f"{path}: holds a number above {LARGEST // convention.scale}")
    try:
        matrix = euclidean(values[:, 1:3], convention)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    if not 0 <= count <= MOST_VEHICLES:
        raise FormatError(f"{path}: line 1: the number of vehicles must be from 0 to {MOST_VEHICLES}, is {count}")
    windows = np.asarray(values[:, 4:6] * convention.scale).round().astype(np.int64)
    service = np.asarray(values[:, 6] * convention.scale).round().astype(np.int64)
    farthest = int(matrix.max())
    vehicle_price = 4 * farthest * max(1, len(values) // 10)
    must = min(LARGEST // 8, 2 * vehicle_price + 4 * farthest)
    orders = []
    for at in range(1, len(values)):
        amount, pickup, delivery = values[at, 3], int(values[at, 7]), int(values[at, 8])
        other = delivery or pickup
        if not 0 < other < len(values) or values[other, 3] != -amount:
            raise FormatError(f"{path}: task {at}: its partner {other} does not take the same load the other way")
        orders.append(
            Order(
                str(at),
                at,
                service_s=int(service[at]),
                windows=(Window(int(windows[at, 0]), int(windows[at, 1])),),
                load=Load(abs(int(amount))),
                penalty_minor=must // 2,
                kind=PICKUP if delivery else DELIVERY,
                pickup_of=str(delivery) if delivery else "",
                required=True,
            )
        )
    fleet = tuple(
        Vehicle(
            str(n + 1),
            "fleet",
            "0",
            int(windows[0, 0]),
            int(windows[0, 1]),
            Load(int(capacity), LARGEST, LARGEST),
            tariff=Tariff(per_route_minor=vehicle_price, per_km_minor=1_000),
        )
        for n in range(min(count, len(orders)))  # no plan uses more
    )
    problem = PlanningProblem((Depot("0", 0),), tuple(orders), fleet, Travel(matrix, matrix), currency="")
    return Instance(
        name=path.name.split(".")[0],
        dialect="li_lim",
        problem=problem,
        writer=solution_text,
        scale=convention.scale,
        decimals=2,
        extra={"type": "PDPTW", "vehicle_price": vehicle_price, "places": values[:, 1:3]},
    )
