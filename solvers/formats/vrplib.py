"""VRPLIB, with PyVRP's additions: https://pyvrp.org/dev/supported_vrplib_fields.html

Every distance is a duration too, as in those sets. Prices are the convention's integers; what must be served carries a
penalty above any detour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.engines import RELOAD
from solvers.formats.instance import FormatError, Instance, cost_text
from solvers.formats.numbers import CONVENTIONS, Convention, euclidean, scaled
from solvers.formats.triangles import full_matrix
from solvers.plan import Plan
from solvers.problem import (
    DELIVERY,
    LARGEST,
    PICKUP,
    Depot,
    Load,
    Order,
    PlanningProblem,
    Rule,
    Tariff,
    Travel,
    Vehicle,
    Window,
)

IN_TENTHS = {"VRPTW", "PCVRPTW", "MTVRPTWR"}
IN_THOUSANDTHS = {"MDVRPTW", "SDVRPTW", "HFVRP"}
MOST_VEHICLES = 100_000
WHOLE = {"FLOOR_2D": CONVENTIONS["trunc"], "CEIL_2D": Convention(1, scaled(1, np.ceil))}
"""Distances that the file itself says how to make whole."""
ENDLESS = LARGEST // 4
"""Latest time where the file gives no windows."""


def parse(path: Path, text: str, convention: str = "auto") -> Instance:
    """Read VRPLIB text.

    Raises:
        FormatError: names the section that cannot be right.
    """
    from vrplib.parse import parse_vrplib

    text = full_matrix(path, text)
    try:
        raw: dict[str, Any] = parse_vrplib(text, compute_edge_weights=False)
    except Exception as error:  # the library raises whatever its parsing steps raise
        raise FormatError(f"{path}: is not valid VRPLIB ({type(error).__name__}: {error})") from error
    return build(path, raw, convention)


def build(path: Path, raw: dict[str, Any], convention: str = "auto", dialect: str = "vrplib") -> Instance:
    """The instance of what ``vrplib`` read (also of Solomon's files, brought to the same names)."""
    kind = str(raw.get("type", "")).upper()
    explicit = "edge_weight" in raw
    name, chosen = _convention(path, kind, explicit, convention)
    try:
        fields = _Fields(path, raw, chosen)
        problem = fields.problem(kind)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        # a section of a shape that no check above has foreseen
        raise FormatError(f"{path}: a section is not as VRPLIB has it ({type(error).__name__}: {error})") from error
    scale, decimals = chosen.scale, (1 if name == "dimacs" else 0)
    if kind in {"PCVRPTW", "MTVRPTWR", "MDVRPTW", "SDVRPTW", "HFVRP"}:
        scale, decimals = 1, 0  # their results are published as the integers themselves
    elif name == "exact":
        decimals = 3
    return Instance(
        name=str(raw.get("name", path.name.split(".")[0])),
        dialect=dialect,
        problem=problem,
        writer=solution_text,
        scale=scale,
        decimals=decimals,
        extra={"type": kind, "convention": name, "all_routes": fields.mixed},
    )


def _convention(path: Path, kind: str, explicit: bool, asked: str) -> tuple[str, Convention]:
    if asked != "auto":
        if asked not in CONVENTIONS:
            raise FormatError(f"{path}: convention must be auto or one of {', '.join(CONVENTIONS)}, is {asked!r}")
        return asked, CONVENTIONS[asked]
    if explicit:
        return "round", CONVENTIONS["round"]
    if kind in IN_TENTHS:
        return "dimacs", CONVENTIONS["dimacs"]
    if kind in IN_THOUSANDTHS:
        return "exact", CONVENTIONS["exact"]
    return ("round", CONVENTIONS["round"]) if kind in {"CVRP", "TSP", "VRPB"} else ("exact", CONVENTIONS["exact"])


class _Fields:
    """The sections of one file as arrays over places and over vehicles."""

    def __init__(self, path: Path, raw: dict[str, Any], convention: Convention) -> None:
        self.path, self.raw, self.convention = path, raw, convention
        self.size = self._size()
        depots = np.atleast_1d(raw.get("depot", np.array([0])))
        self.depots = [int(one) for one in depots]
        if not self.depots or sorted(self.depots) != list(range(len(self.depots))):
            raise self._error("DEPOT_SECTION: the depots must be the first places, from 1")
        self.clients = range(len(self.depots), self.size)
        self.count = self._vehicles()
        self.mixed = (
            any(key in raw for key in ("vehicles_depot", "vehicles_allowed_clients", "vehicles_reload_depot"))
            or np.ndim(raw.get("capacity", 0)) > 0
        )

    def _error(self, words: str) -> FormatError:
        return FormatError(f"{self.path}: {words}")

    def _size(self) -> int:
        raw = self.raw
        size = raw.get("dimension")
        if size is None:
            size = len(raw["node_coord"]) if "node_coord" in raw else 0
        if not isinstance(size, int) or size < 1:
            raise self._error(f"DIMENSION must be a whole number from 1, is {size!r}")
        return size

    def _vehicles(self) -> int:
        count = self.raw.get("vehicles", len(self.clients))
        if not isinstance(count, int) or count < 0:
            raise self._error(f"VEHICLES must be a whole number, is {count!r}")
        if count > MOST_VEHICLES:
            raise self._error(f"VEHICLES must be at most {MOST_VEHICLES}, is {count}")
        alike = all(np.isscalar(self.raw[key]) for key in self.raw if key == "capacity" or key.startswith("vehicles_"))
        return min(count, len(self.clients)) if alike else count  # no plan uses more

    def _over(self, key: str, count: int, default: Any, columns: int = 1) -> npt.NDArray[Any]:
        """A section of ``count`` rows as numbers; one number in its place is the same for all."""
        value = self.raw.get(key, default)
        section = key.upper()
        try:
            found = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._error(f"{section}: rows must hold {columns} number(s) each") from error
        if found.ndim == 0:
            found = np.full(count, float(found))
        if len(found) != count:
            raise self._error(f"{section}: has {len(found)} rows, must have {count}")
        if columns > 1 and (found.ndim != 2 or found.shape[1] != columns):
            raise self._error(f"{section}: rows must hold {columns} numbers each")
        if not np.isfinite(found).all():
            raise self._error(f"{section}: row {int(np.argwhere(~np.isfinite(found))[0][0]) + 1} is not a number")
        return found

    def _lists(self, key: str, count: int | None = None) -> list[list[int]]:
        """A section whose rows hold any number of places; empty lists where there is no such section."""
        if key not in self.raw:
            return [[]] * (count or 0)
        try:
            found = [[int(one) for one in np.atleast_1d(row)] for row in self.raw[key]]
        except (TypeError, ValueError) as error:
            raise self._error(f"{key.upper()}_SECTION: rows must hold whole numbers") from error
        if count is not None and len(found) != count:
            raise self._error(f"{key.upper()}_SECTION: has {len(found)} rows, must have {count}")
        return found

    def integers(self, values: Any) -> list[int]:
        """By the convention, never above what a problem may hold."""
        return np.minimum(self.convention.integers(values), LARGEST).tolist()

    def amounts(self, key: str, count: int) -> list[tuple[int, ...]]:
        """Loads: whole as they are, else times 1,000."""
        if key not in self.raw:
            return [()] * count
        value = self._over(key, count, 0)
        rows = value.reshape(count, -1)
        given = dict.fromkeys(("demand", "linehaul", "backhaul"), self.size) | {"capacity": self.count}
        whole = all(bool(np.all(self._over(one, n, 0) % 1 == 0)) for one, n in given.items() if one in self.raw)
        scaled = rows if whole else rows * 1_000
        if key != "capacity" and (scaled < 0).any():
            raise self._error(f"{key.upper()}_SECTION: row {int(np.argwhere(scaled < 0)[0][0]) + 1} is negative")
        rounded = np.minimum(np.floor(scaled) if key == "capacity" else np.ceil(scaled), LARGEST)
        return [tuple(int(one) for one in row) for row in rounded]

    def travel(self) -> Travel:
        raw = self.raw
        if "edge_weight" in raw:
            weights = raw["edge_weight"]
            try:
                given = np.asarray(weights, dtype=np.float64)
            except ValueError as error:
                raise self._error("EDGE_WEIGHT_SECTION: rows are not of the same length") from error
            if given.shape != (self.size, self.size):
                raise self._error(f"EDGE_WEIGHT_SECTION: is {given.shape}, must be {(self.size, self.size)}")
            if not np.isfinite(given).all() or given.min() < 0:
                raise self._error("EDGE_WEIGHT_SECTION: holds a negative number or none")
            matrix = self.convention.integers(given)
        elif "node_coord" in raw:
            places = self._over("node_coord", self.size, 0, columns=2)
            weight_type = str(raw.get("edge_weight_type", "EUC_2D")).upper()
            if weight_type not in {"EUC_2D", "FLOOR_2D", "CEIL_2D", "EXACT_2D"}:
                raise self._error(f"EDGE_WEIGHT_TYPE: {weight_type[:40]!r} is not known (EUC_2D, EXPLICIT)")
            convention = self.convention
            if convention.scale == 1 and weight_type in WHOLE:
                convention = WHOLE[weight_type]
            try:
                matrix = euclidean(places, convention)
            except ValueError as error:
                raise self._error(f"NODE_COORD_SECTION: {error}") from error
        else:
            raise self._error("has neither NODE_COORD_SECTION nor EDGE_WEIGHT_SECTION")
        np.fill_diagonal(matrix, 0)
        return Travel(matrix, matrix)

    def windows(self) -> npt.NDArray[np.int64]:
        if "time_window" not in self.raw:
            return np.tile(np.array([0, ENDLESS], dtype=np.int64), (self.size, 1))
        found = self.convention.integers(self._over("time_window", self.size, 0, columns=2))
        late = np.argwhere(found[:, 1] < found[:, 0])
        if late.size:
            raise self._error(f"TIME_WINDOW_SECTION: row {int(late[0][0]) + 1} ends before it starts")
        return np.minimum(found, ENDLESS)

    def problem(self, kind: str) -> PlanningProblem:
        travel, windows = self.travel(), self.windows()
        fleet = self._fleet(windows)
        priciest = max((one.tariff.per_km_minor for one in fleet), default=1_000)
        dearest = max((one.tariff.per_route_minor for one in fleet), default=0)
        farthest = int(travel.distance_m.max()) if travel.size else 0
        must = min(LARGEST // 8, 4 * farthest * priciest // 1_000 + 2 * dearest + 1_000)
        orders = self._orders(windows, must)
        rules: tuple[Rule, ...] = ()
        if kind == "VRPB":
            back = frozenset(one.order_id for one in orders if one.kind == PICKUP)
            rules = (Rule("backhauls_last", "served_last", orders=back),) if back else ()
        return PlanningProblem(
            depots=tuple(Depot(str(one), one) for one in self.depots),
            orders=tuple(orders),
            vehicles=tuple(fleet),
            travel=travel,
            currency="",
            rules=rules,
        )

    def _orders(self, windows: npt.NDArray[np.int64], must: int) -> list[Order]:
        demand = self.amounts("demand" if "demand" in self.raw else "linehaul", self.size)
        backhaul = self.amounts("backhaul", self.size)
        service = self.integers(self._over("service_time", self.size, 0))
        release = self.integers(self._over("release_time", self.size, 0))
        prizes = self._over("prize", self.size, 0)
        prize = self.integers(prizes)
        group: dict[int, str] = {}
        for number, members in enumerate(self._lists("mutually_exclusive_group")):
            if len(members) > 1:
                group.update({one - 1: f"group-{number}" for one in members})
        banned = self._banned()
        orders = []
        for at in self.clients:
            taken = any(backhaul[at]) and not any(demand[at])
            if any(backhaul[at]) and any(demand[at]):
                raise self._error(f"BACKHAUL_SECTION: place {at + 1} has a demand as well")
            if service[at] < 0 or release[at] < 0 or prize[at] < 0:
                raise self._error(f"place {at + 1}: service, release or prize is negative")
            required = bool(np.isclose(prizes[at], 0))
            orders.append(
                Order(
                    str(at),
                    at,
                    service_s=service[at],
                    windows=(Window(int(windows[at, 0]), int(windows[at, 1])),) if "time_window" in self.raw else (),
                    load=_load(backhaul[at] if taken else demand[at]),
                    banned_vehicles=banned.get(at, frozenset()),
                    penalty_minor=must if required else prize[at],
                    kind=PICKUP if taken else DELIVERY,
                    release_s=release[at],
                    required=required,
                    group=group.get(at, ""),
                )
            )
        return orders

    def _banned(self) -> dict[int, frozenset[str]]:
        if "vehicles_allowed_clients" not in self.raw:
            return {}
        allowed = [{one - 1 for one in row} for row in self._lists("vehicles_allowed_clients", self.count)]
        return {
            at: frozenset(str(n + 1) for n, clients in enumerate(allowed) if at not in clients) for at in self.clients
        }

    def _fleet(self, windows: npt.NDArray[np.int64]) -> list[Vehicle]:
        count = self.count
        capacity = self.amounts("capacity", count)
        depots = (self._over("vehicles_depot", count, 1) - 1).astype(int).tolist()
        # DISTANCE of VRPLIB: the longest a route may take, service included
        longest = self._limits("vehicles_max_duration" if "vehicles_max_duration" in self.raw else "distance")
        farthest = self._limits("vehicles_max_distance")
        fixed = self.integers(self._over("vehicles_fixed_cost", count, 0))
        unit = self._over("vehicles_unit_distance_cost", count, 1)
        reload_at = self._lists("vehicles_reload_depot", count)
        reloads = self._over("vehicles_max_reloads", count, len(self.clients)).astype(int).tolist()
        fleet = []
        for n in range(count):
            home = depots[n]
            if home not in self.depots:
                raise self._error(f"VEHICLES_DEPOT_SECTION: vehicle {n + 1} has the unknown depot {home + 1}")
            places = {one - 1 for one in reload_at[n]}
            if places - {home}:
                raise self._error(f"VEHICLES_RELOAD_DEPOT_SECTION: vehicle {n + 1} may reload at its own depot only")
            fleet.append(
                Vehicle(
                    str(n + 1),
                    "fleet",
                    str(home),
                    int(windows[home, 0]),
                    int(windows[home, 1]),
                    _load(capacity[n], LARGEST),
                    tariff=Tariff(per_route_minor=fixed[n], per_km_minor=round(1_000 * float(unit[n]))),
                    max_duration_s=longest[n],
                    max_distance_m=farthest[n],
                    max_trips=1 + reloads[n] if places else 1,
                )
            )
        return fleet

    def _limits(self, key: str) -> list[int | None]:
        return [*self.integers(self._over(key, self.count, 0))] if key in self.raw else [None] * self.count


def _load(amounts: tuple[int, ...], missing: int = 0) -> Load:
    first, more = (amounts[0], amounts[1:]) if amounts else (missing, ())
    return Load(first, missing, missing, more)


def solution_text(instance: Instance, plan: Plan) -> str:
    """A ``.sol`` file. Where vehicles differ each has its line, empty ones too: the line says which vehicle it is."""
    routes = {route.vehicle_id: route for route in plan.routes}
    lines = []
    if instance.extra.get("all_routes"):
        for number, vehicle in enumerate(instance.problem.vehicles, start=1):
            lines.append(_line(number, routes.get(vehicle.vehicle_id)))
    else:
        lines = [_line(number, route) for number, route in enumerate(plan.routes, start=1)]
    label = "Cost" if instance.decimals == 1 else "Cost:"
    lines.append(f"{label} {cost_text(instance.cost(plan), instance.decimals)}")
    return "\n".join(lines) + "\n"


def _line(number: int, route: Any) -> str:
    stops: list[str] = []
    if route is not None:
        trip = 0
        for visit in route.visits:
            if visit.trip != trip:
                stops.append(route.depot_id)
                trip = visit.trip
            stops.append(visit.order_id)
    return f"Route #{number}: {' '.join(stops)}".rstrip()


def sequences_from(instance: Instance, text: str) -> dict[str, list[str]]:
    """The routes of a ``.sol`` file as sequences of ``instance``.

    Raises:
        FormatError: a line names a place that is no client.
    """
    orders = {order.order_id for order in instance.problem.orders}
    depots = {depot.depot_id for depot in instance.problem.depots}
    vehicles = [vehicle.vehicle_id for vehicle in instance.problem.vehicles]
    found: dict[str, list[str]] = {}
    number = 0
    for line in text.splitlines():
        head, separator, tail = line.partition(":")
        if not separator or not head.strip().lower().startswith("route"):
            continue
        stops = [RELOAD if one in depots else one for one in tail.split()]
        if strange := [one for one in stops if one != RELOAD and one not in orders]:
            raise FormatError(f"{head.strip()}: there is no place {strange[0][:40]!r}")
        if number >= len(vehicles):
            raise FormatError(f"{head.strip()}: the problem has only {len(vehicles)} vehicles")
        if stops:
            found[vehicles[number]] = stops
        number += 1
    return found
