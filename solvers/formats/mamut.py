"""MAMUT's time-dependent JSON (ANR MAMUT routing benchmarks): travel times by time of day, duration to be shortest.

An arrival-time function of the sidecar file is brought back to the stepwise travel times that it is the lower envelope
of; the reader checks that the envelope of the steps is the function again, at every breakpoint.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from solvers.clock import arrival_s, mean_duration_s
from solvers.formats.instance import FormatError, Instance
from solvers.formats.reading import read_text
from solvers.formats.vrplib import MOST_VEHICLES
from solvers.plan import Plan
from solvers.problem import (
    LARGEST,
    Depot,
    IntegerMatrix,
    Load,
    Order,
    PlanningProblem,
    Tariff,
    Travel,
    Vehicle,
    Window,
)

HOUR_S = 3_600
FINEST_STEP_S = 30
MOST_CELLS = 100_000_000
LARGEST_HORIZON_S = 14 * 24 * HOUR_S


def parse(path: Path, content: dict[str, Any]) -> Instance:
    """Read an instance with the sidecar that it names, which must lie beside it.

    Raises:
        FormatError: names the field that cannot be right.
    """

    def field(name: str, kind: type | tuple[type, ...]) -> Any:
        value = content.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise FormatError(f"{path}: {name}: is missing or of the wrong kind")
        return value

    demands, services, windows = field("demands", list), field("service_times", list), field("time_windows", list)
    size = len(demands)
    depot, count, capacity = field("depot", int), field("num_vehicles", int), field("vehicle_capacity", (int, float))
    if not size == len(services) == len(windows) or not 0 <= depot < size:
        raise FormatError(f"{path}: demands, service_times and time_windows must be of one length and hold the depot")
    _numbers(path, "demands", demands)
    _numbers(path, "service_times", services)
    for at, window in enumerate(windows):
        if _pair(path, f"time_windows[{at}]", window)[0] > window[1]:
            raise FormatError(f"{path}: time_windows[{at}]: ends before it starts")
    if not 0 <= capacity <= LARGEST or not 0 <= count <= MOST_VEHICLES:
        raise FormatError(f"{path}: vehicle_capacity and num_vehicles must be from 0, the latter to {MOST_VEHICLES}")
    horizon = _pair(path, "horizon", field("horizon", list))
    if not 1 <= horizon[1] <= LARGEST_HORIZON_S:
        raise FormatError(f"{path}: horizon: must end between 1 and {LARGEST_HORIZON_S} seconds")
    starts, table = _steps(path, field("td", dict), size, float(horizon[1]))
    duration = mean_duration_s(starts, table, int(horizon[1]))
    must = min(LARGEST // 8, 8 * int(duration.max()) + 4 * HOUR_S)
    orders = tuple(
        Order(
            str(at),
            at,
            service_s=int(services[at]),
            windows=(Window(math.ceil(windows[at][0]), math.floor(windows[at][1])),),
            load=Load(math.ceil(demands[at])),
            penalty_minor=must,
            required=True,
        )
        for at in range(size)
        if at != depot
    )
    early, late = windows[depot]
    fleet = tuple(
        Vehicle(
            str(n + 1),
            "fleet",
            str(depot),
            math.ceil(early),
            math.floor(late),
            Load(int(capacity), LARGEST, LARGEST),
            tariff=Tariff(per_hour_minor=HOUR_S),
        )
        for n in range(min(count, len(orders)))  # no plan uses more
    )
    travel = Travel(duration, duration, starts, table)
    problem = PlanningProblem((Depot(str(depot), depot),), orders, fleet, travel, currency="")
    return Instance(
        name=str(content.get("instance_name", path.stem)),
        dialect="mamut",
        problem=problem,
        writer=_write,
        suffix=".json",
        extra={"type": "TDVRPTW"},
    )


def _numbers(path: Path, name: str, values: list[Any]) -> None:
    """Refuse what is no number from 0 to ``LARGEST``."""
    for at, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
            raise FormatError(f"{path}: {name}[{at}]: must be a number from 0, is {str(value)[:40]!r}")


def _pair(path: Path, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise FormatError(f"{path}: {name}: must be a start and an end")
    _numbers(path, name, value)
    return value


def _steps(path: Path, td: dict[str, Any], size: int, horizon: float) -> tuple[tuple[int, ...], IntegerMatrix]:
    """Starts of the steps and the matrix of each.

    At the border of two steps an arrival function has the value of the quicker one: a step of one second says so.
    """
    name = td.get("atf_path")
    if not isinstance(name, str) or Path(name).name != name:
        raise FormatError(f"{path}: td.atf_path: must name a file beside this one")
    sidecar = path.parent / name
    text = read_text(sidecar)
    stated = td.get("atf_sha256")
    if isinstance(stated, str) and hashlib.sha256(text.encode()).hexdigest() != stated:
        raise FormatError(f"{sidecar}: its sha256 is not the one stated in {path.name}")
    try:
        arcs = {
            (int(a), int(b)): (np.array(xs, float), np.array(ys, float)) for a, b, xs, ys in json.loads(text)["arcs"]
        }
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise FormatError(f"{sidecar}: arcs must be lists of from, to, times, arrivals ({error})") from error
    for (a, b), (xs, ys) in arcs.items():
        where = f"{sidecar}: arc {a}, {b}"
        if not (0 <= a < size and 0 <= b < size):
            raise FormatError(f"{where}: there are only {size} places")
        if xs.ndim != 1 or xs.shape != ys.shape or not len(xs):
            raise FormatError(f"{where}: times and arrivals are not of one length")
        if not (np.isfinite(xs).all() and np.isfinite(ys).all()) or max(abs(xs).max(), abs(ys).max()) > LARGEST:
            raise FormatError(f"{where}: holds something that is no time")
        if (np.diff(xs) < 0).any() or (ys < xs).any():
            raise FormatError(f"{where}: times must rise, and nobody arrives before leaving")
    jumps = {int(horizon)}
    for xs, _ in arcs.values():
        jumps |= set(xs[1:][np.diff(xs) == 0].astype(int).tolist())
    step = math.gcd(*jumps)
    if step < FINEST_STEP_S:
        raise FormatError(f"{sidecar}: travel times are not stepwise (the steps would be {step} s long)")
    count = round(horizon / step)
    if count * size * size > MOST_CELLS:
        raise FormatError(f"{sidecar}: {count} steps between {size} places are more than can be held")
    starts = np.arange(count) * step
    found = np.zeros((count, size, size), dtype=np.int64)
    for (a, b), (xs, ys) in arcs.items():
        found[:, a, b] = np.rint(_right_limit(xs, ys, starts) - starts)
    starts_s = (0, *(moment for start in starts[1:].tolist() for moment in (start, start + 1)))
    table = np.zeros((2 * count - 1, size, size), dtype=np.int64)
    table[0::2] = found
    table[1::2] = np.minimum(found[:-1], found[1:])
    travel = Travel(found[0], found[0], starts_s, table)
    for a, b in list(arcs)[:: max(1, len(arcs) // 200)]:
        xs, ys = arcs[a, b]
        first = np.append(True, np.diff(xs) > 0)
        for x, y in zip(xs[first].tolist(), ys[first].tolist(), strict=True):
            if x < horizon and arrival_s(travel, a, b, int(x)) != round(y):
                raise FormatError(f"{sidecar}: arc {a}, {b}: is no lower envelope of stepwise travel times")
    return starts_s, table


def _right_limit(xs: Any, ys: Any, at: Any) -> Any:
    """Values just after the moments ``at``."""
    index = np.searchsorted(xs, at, side="right") - 1
    after = np.minimum(index + 1, len(xs) - 1)
    width = np.where(xs[after] > xs[index], xs[after] - xs[index], 1.0)
    return ys[index] + (ys[after] - ys[index]) * (at - xs[index]) / width


def _write(instance: Instance, plan: Plan) -> str:
    return (
        json.dumps(
            {
                "instance_name": instance.name,
                "routes": [[int(visit.order_id) for visit in route.visits] for route in plan.routes],
                "cost": float(instance.cost(plan)),
                "metadata": {
                    "source": f"fivefold {plan.engine} (seed={plan.seed})",
                    "route_durations": [route.duration_s for route in plan.routes],
                    "route_departure_times": [route.start_s for route in plan.routes],
                },
                "objective_function": "Duration",
            },
            indent=1,
        )
        + "\n"
    )
