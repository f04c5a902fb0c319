"""Driven sequences (Amazon, Austin) teach the order of areas; plans with and without it on held-out routes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from models.promotion import paired_bootstrap
from models.sequences import DrivenRoute, Preferences, closeness, fit_preferences
from solvers import Depot, Order, PlanningProblem, SolveSettings, Tariff, Travel, Vehicle, plan
from solvers.travel import TravelModel, fit_travel, haversine_m

COLUMNS = ("route", "stop", "lat", "lon", "distance_to_next_stop(km)", "duration(min)")
FILE = "austin_driven_sequences.csv"
CELLS = (10, 9, 7)
"""H3 resolutions of a street (0.015 km2), an area (0.1 km2) and a district (5 km2)."""
HELD_OUT = 5
"""Every fifth route, by a hash of its name."""
FEWEST_STOPS = 10
DAY_S = 86_400


def read_driven(folder: Path) -> list[tuple[str, pd.DataFrame]]:
    """Routes in the order in which they were driven.

    Raises:
        InputError: the file is not there, or lacks a column.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{path} does not exist; point to the folder that holds {FILE} with --data DIR")
    frame = pd.read_csv(path, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in frame.columns]:
        raise InputError(f"{path}: column {missing[0]!r} is missing; it has {', '.join(frame.columns)}")
    for name in COLUMNS[2:]:
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    bad = frame["lat"].isna() | frame["lon"].isna()
    if bad.any():
        raise InputError(f"{path}: row {int(np.argmax(bad)) + 2}: lat and lon must be numbers")
    return [(str(name), part.reset_index(drop=True)) for name, part in frame.groupby("route", sort=True)]


def _travel(routes: list[pd.DataFrame]) -> TravelModel:
    parts = []
    for one in routes:
        nxt = one[["lat", "lon"]].shift(-1)
        legs = [one["lat"], one["lon"], nxt["lat"], nxt["lon"], one[COLUMNS[4]] * 1_000, one[COLUMNS[5]] * 60]
        parts.append(np.column_stack([x.to_numpy(float) for x in legs])[:-1])
    return fit_travel(*np.concatenate(parts).T)


def _driven(frame: pd.DataFrame, base: TravelModel) -> DrivenRoute:
    import h3

    lat, lon = frame["lat"].to_numpy(float), frame["lon"].to_numpy(float)
    _, seconds = base.leg(haversine_m(lat[:, None], lon[:, None], lat[None, :], lon[None, :]))
    cells = [tuple(h3.latlng_to_cell(a, b, one) for a, b in zip(lat, lon, strict=True)) for one in CELLS]
    return DrivenRoute(np.asarray(seconds), *cells)


def planned_order(route: DrivenRoute, costs: np.ndarray, iterations: int) -> list[int]:
    """The order in which the planner visits the stops of a route from its first one, and back to it."""
    size = len(costs)
    orders = tuple(Order(str(number), number, "start", penalty_minor=10**9) for number in range(1, size))
    problem = PlanningProblem(
        depots=(Depot("start", 0),),
        orders=orders,
        vehicles=(Vehicle("van", "own", "start", 0, 2**30, tariff=Tariff(per_km_minor=1_000)),),
        travel=Travel(costs, np.ones_like(costs)),
        currency="XXX",
    )
    made = plan(problem, SolveSettings(seconds=120.0, seed=0, iterations=iterations))
    return [int(visit.order_id) for one in made.routes for visit in one.visits]


def compare(
    folder: Path, most: int | None = None, iterations: int = 300, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Fit on four fifths of the routes, plan the others by time alone and as drivers prefer.

    Raises:
        InputError: see ``read_driven``; or nothing is left to fit or to hold out.
    """
    routes = [(name, one) for name, one in read_driven(folder) if len(one) >= FEWEST_STOPS]
    held = [one for name, one in routes if int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT == 0]
    seen = [one for name, one in routes if int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT != 0]
    if not held or not seen:
        raise InputError(f"{folder / FILE}: {len(routes)} routes are too few to learn from some and hold out others")
    base = _travel(seen)
    preferences: Preferences = fit_preferences([_driven(one, base) for one in seen])
    rows = []
    for number, frame in enumerate(held[:most]):
        route = _driven(frame, base)
        by_time = planned_order(route, np.rint(route.seconds * 10).astype(np.int64), iterations)
        as_drivers = planned_order(route, preferences.leg_costs(route), iterations)
        arms = {"by_time": by_time, "as_drivers": as_drivers}
        row = {f"{arm}_{key}": value for arm, order in arms.items() for key, value in closeness(order).items()}
        for arm, order in {**arms, "driven": list(range(1, len(frame)))}.items():
            path = np.concatenate([[0], order, [0]])
            row[f"{arm}_seconds"] = float(route.seconds[path[:-1], path[1:]].sum())
        rows.append(row)
        if progress:
            progress(f"route {number + 1} of {len(held[:most])}")
    table = pd.DataFrame(rows)
    clusters = np.arange(len(table))
    gains = {}
    for key in ("sequence_deviation", "same_legs", "in_order"):
        difference = (table[f"as_drivers_{key}"] - table[f"by_time_{key}"]).to_numpy(float)
        gains[key] = dict(zip(("estimate", "low", "high"), paired_bootstrap(difference, clusters), strict=True))
    return {
        "routes_learned_from": len(seen),
        "routes_held_out": len(table),
        "weights": dict(
            zip(("near", "street", "area", "district", "usual"), preferences.weights.tolist(), strict=True)
        ),
        "by_time": {key: float(table[f"by_time_{key}"].mean()) for key in gains},
        "as_drivers": {key: float(table[f"as_drivers_{key}"].mean()) for key in gains},
        "change": gains,
        "driving_more_than_by_time": float(table["as_drivers_seconds"].sum() / table["by_time_seconds"].sum() - 1),
        "driven_more_than_by_time": float(table["driven_seconds"].sum() / table["by_time_seconds"].sum() - 1),
    }
