"""VROOM's JSON, in and out (https://github.com/VROOM-Project/vroom/blob/master/docs/API.md).

What VROOM minimises is what is priced here: driving time, distance and fixed costs of vehicles, after every task that
can be served is served, those of higher priority first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.engines import Sequences
from solvers.formats.instance import FormatError, Instance
from solvers.formats.vroom_output import write
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

HOUR_S = 3_600
FOREVER = LARGEST // 4
PROFILE = "car"
HIGHEST_PRIORITY = 100

Integers = npt.NDArray[np.int64]


def parse(path: Path, content: dict[str, Any]) -> Instance:
    """Read VROOM input.

    Raises:
        FormatError: names the field by its path (``jobs[3].time_windows``).
    """
    try:
        reader = _Reader(content)
        problem = reader.problem()
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path}: is not as VROOM has it ({type(error).__name__}: {error})") from error
    return Instance(
        name=path.name.split(".")[0],
        dialect="vroom",
        problem=problem,
        writer=write,
        scale=reader.scale,
        decimals=0 if reader.scale == 1 else 2,
        suffix=".json",
        initial=reader.initial() or None,
        notes=tuple(reader.notes),
        raw=content,
        extra={
            "type": "VROOM",
            "penalties_apart": True,
            "tasks": reader.tasks,
            "places": reader.places,
            "metres": reader.metres,
        },
    )


class _Reader:
    """One input: places first, then tasks and vehicles by their places."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.notes: list[str] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.vehicles = [self._object(one, f"vehicles[{n}]") for n, one in enumerate(self._list("vehicles"))]
        self.jobs = [self._object(one, f"jobs[{n}]") for n, one in enumerate(self._list("jobs"))]
        self.shipments = [self._object(one, f"shipments[{n}]") for n, one in enumerate(self._list("shipments"))]
        if not self.vehicles:
            raise FormatError("vehicles: there is none")
        self.index: dict[tuple[float, float], int] = {}
        self.places: dict[int, Any] = {}
        self.given = self._given_matrices()
        self._read_places()
        self.nowhere = self._size()
        self.metres: dict[str, Integers] = {}
        costs = [self._costs(one) for one in self.vehicles]
        whole = all(c["per_hour"] % HOUR_S == 0 and c["per_km"] % 1_000 == 0 for c in costs)
        self.scale = 1 if whole else 100
        self.dimensions = max(
            [len(one.get("capacity", [])) for one in self.vehicles]
            + [len(one.get(key, [])) for one in self.jobs for key in ("delivery", "pickup", "amount")]
            + [len(one.get("amount", [])) for one in self.shipments]
        )

    # --- fields

    def _list(self, name: str) -> list[Any]:
        value = self.content.get(name, [])
        if not isinstance(value, list):
            raise FormatError(f"{name}: must be a list")
        return value

    def _object(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise FormatError(f"{where}: must be an object")
        return value

    def _whole(self, owner: dict[str, Any], name: str, where: str, default: int | None = None) -> int:
        value = owner.get(name, default)
        if isinstance(value, float) and value.is_integer() and name != "id":  # an id is repeated as it is
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise FormatError(f"{where}.{name}: must be a whole number from 0, is {value!r}")
        return value

    def _windows(self, value: Any, where: str) -> tuple[Window, ...]:
        found = []
        for n, one in enumerate(value if isinstance(value, list) else [value]):
            good = isinstance(one, list) and len(one) == 2 and all(isinstance(v, int | float) for v in one)
            if not good or not 0 <= one[0] <= one[1]:
                raise FormatError(f"{where}[{n}]: must be [start, end] with 0 <= start <= end, is {str(one)[:60]}")
            found.append(Window(int(one[0]), min(int(one[1]), FOREVER)))
        return tuple(found)

    def _amounts(self, value: Any, where: str) -> tuple[int, ...]:
        if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in value):
            raise FormatError(f"{where}: must be a list of whole numbers from 0")
        return tuple(value) + (0,) * (self.dimensions - len(value))

    def _costs(self, vehicle: dict[str, Any]) -> dict[str, float]:
        given = vehicle.get("costs", {})
        return {
            "fixed": float(given.get("fixed", 0)),
            "per_hour": float(given.get("per_hour", HOUR_S)),
            "per_km": float(given.get("per_km", 0)),
        }

    # --- places and matrices

    def _given_matrices(self) -> dict[str, dict[str, Integers]]:
        found: dict[str, dict[str, Integers]] = {}
        matrices = self.content.get("matrices")
        if matrices is None and "matrix" in self.content:
            matrices = {PROFILE: {"durations": self.content["matrix"]}}
        for profile, kinds in (matrices or {}).items():
            for kind, rows in self._object(kinds, f"matrices.{profile}").items():
                try:
                    matrix = np.array(rows, dtype=np.int64)
                except (ValueError, TypeError, OverflowError) as error:
                    raise FormatError(f"matrices.{profile}.{kind}: must be rows of whole numbers") from error
                if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                    raise FormatError(f"matrices.{profile}.{kind}: must be square, is {matrix.shape}")
                if matrix.size and matrix.min() < 0:
                    raise FormatError(f"matrices.{profile}.{kind}: holds a negative number")
                found.setdefault(profile, {})[kind] = matrix
            if "durations" not in found.get(profile, {}):
                raise FormatError(f"matrices.{profile}: durations are missing")
        return found

    def _size(self) -> int:
        if self.given:
            return len(next(iter(self.given.values()))["durations"])
        return len(self.index)

    def _read_places(self) -> None:
        for owner, where in self._with_places():
            self._place(owner, where)

    def _with_places(self) -> list[tuple[dict[str, Any], str]]:
        found = []
        for n, one in enumerate(self.vehicles):
            found += [
                (self._end(one, end), f"vehicles[{n}].{end}")
                for end in ("start", "end")
                if end in one or f"{end}_index" in one
            ]
            if "start" not in one and "start_index" not in one and "end" not in one and "end_index" not in one:
                raise FormatError(f"vehicles[{n}]: has neither start nor end")
        found += [(one, f"jobs[{n}]") for n, one in enumerate(self.jobs)]
        for n, one in enumerate(self.shipments):
            for part in (PICKUP, DELIVERY):
                found.append((self._object(one.get(part), f"shipments[{n}].{part}"), f"shipments[{n}].{part}"))
        return found

    def _end(self, vehicle: dict[str, Any], end: str) -> dict[str, Any]:
        return {"location": vehicle.get(end), "location_index": vehicle.get(f"{end}_index")}

    def _place(self, owner: dict[str, Any], where: str) -> int:
        """The row of a place in the matrices."""
        index = owner.get("location_index")
        location: Any = owner.get("location")
        if self.given:
            if isinstance(index, bool) or not isinstance(index, int):
                raise FormatError(f"{where}: location_index is missing, though matrices are given")
            if not 0 <= index < self._size():
                raise FormatError(f"{where}: location_index {index} is not in the matrices (0 to {self._size() - 1})")
            self.places.setdefault(index, location)
            return index
        good = isinstance(location, list) and len(location) == 2 and all(isinstance(v, int | float) for v in location)
        if not good or not (abs(location[0]) <= 180 and abs(location[1]) <= 90):
            raise FormatError(f"{where}: location must be [longitude, latitude], is {str(location)[:60]}")
        key = (float(location[0]), float(location[1]))
        row = self.index.setdefault(key, len(self.index))
        self.places[row] = location
        return row

    def _travel(self, vehicle: dict[str, Any], where: str) -> tuple[str, Travel]:
        """Matrices of a vehicle's profile and speed, with one more place that costs nothing to reach or leave."""
        name = str(vehicle.get("profile", PROFILE))
        speed = vehicle.get("speed_factor", 1.0)
        if not isinstance(speed, int | float) or isinstance(speed, bool) or not 0 < speed <= 5:
            raise FormatError(f"{where}.speed_factor: must be above 0 and at most 5, is {speed!r}")
        key = f"{name}/{speed}"
        metres: Any
        if self.given:
            if name not in self.given:
                raise FormatError(f"{where}.profile: there are no matrices of {name!r}")
            durations, metres = self.given[name]["durations"], self.given[name].get("distances")
            self.metres[key] = durations * 0 if metres is None else metres
            driven = self.given[name].get("costs", metres)
            metres = durations * 0 if driven is None else driven
        else:
            estimated = self._estimated()
            durations, metres = estimated.duration_s, estimated.distance_m
            self.metres[key] = metres
        wide = np.zeros((2, self.nowhere + 1, self.nowhere + 1), dtype=np.int64)
        wide[0, :-1, :-1] = metres
        wide[1, :-1, :-1] = np.rint(durations / float(speed))
        return key, Travel(wide[0], wide[1])

    def _estimated(self) -> Travel:
        from solvers.travel import fit_travel

        places = np.array(list(self.index), dtype=float).reshape(-1, 2)
        none = np.array([])
        if not self.notes:
            self.notes.append("no matrices are given: distances and durations are estimated from the coordinates")
        return fit_travel(none, none, none, none, none, none).matrices(places[:, 1], places[:, 0])

    # --- the problem

    def problem(self) -> PlanningProblem:
        depots: dict[int, Depot] = {}
        travels: dict[str, Travel] = {}
        rules: list[Rule] = []
        fleet = [self._vehicle(n, one, depots, travels, rules) for n, one in enumerate(self.vehicles)]
        priced = [v.tariff for v in fleet]
        longest = max((int(t.duration_s.max(initial=0)) for t in travels.values()), default=0)
        farthest = max((int(t.distance_m.max(initial=0)) for t in travels.values()), default=0)
        dear = 1 + 4 * (
            max(t.per_driving_hour_minor for t in priced) * longest // HOUR_S
            + max(t.per_km_minor for t in priced) * farthest // 1_000
        ) + max(t.per_route_minor for t in priced)  # fmt: skip
        orders = self._jobs(dear) + self._shipments(dear)
        if any(order.attributes for order in orders):
            rules.append(Rule("skills", "driver_skill", authority="law"))
        first = next(iter(travels))
        return PlanningProblem(
            depots=tuple(depots.values()),
            orders=tuple(orders),
            vehicles=tuple(fleet),
            travel=travels[first],
            currency="",
            rules=tuple(rules),
            profiles={key: one for key, one in travels.items() if key != first},
        )

    def _vehicle(
        self, n: int, one: dict[str, Any], depots: dict[int, Depot], travels: dict[str, Travel], rules: list[Rule]
    ) -> Vehicle:
        where = f"vehicles[{n}]"
        vehicle_id = str(self._whole(one, "id", where))
        starts = "start" in one or "start_index" in one
        start = self._place(self._end(one, "start"), f"{where}.start") if starts else self.nowhere
        ends = "end" in one or "end_index" in one
        end = self._place(self._end(one, "end"), f"{where}.end") if ends else None
        for place in (start, end):
            if place is not None:
                depots.setdefault(place, Depot(f"place-{place}", place))
        key, travel = self._travel(one, where)
        travels.setdefault(key, travel)
        window = self._windows([one["time_window"]], f"{where}.time_window")[0] if "time_window" in one else None
        costs = self._costs(one)
        capacity = self._amounts(one["capacity"], f"{where}.capacity") if "capacity" in one else (LARGEST,) * 0
        rules.extend(self._breaks(one, where, vehicle_id, window))
        if "max_travel_time" in one:
            limit = self._whole(one, "max_travel_time", where)
            rules.append(
                Rule(
                    f"travel-{vehicle_id}",
                    "max_driving",
                    vehicles=frozenset({vehicle_id}),
                    parameters={"limit_s": limit},
                )
            )
        if "max_distance" in one and "costs" in self.given.get(str(one.get("profile", PROFILE)), {}):
            raise FormatError(f"{where}.max_distance: cannot be kept where a matrix of costs is given")
        return Vehicle(
            vehicle_id,
            str(one.get("profile", PROFILE)),
            f"place-{start}",
            window.start_s if window else 0,
            window.end_s if window else FOREVER,
            Load(LARGEST, LARGEST, LARGEST, capacity),
            tariff=Tariff(
                per_route_minor=round(costs["fixed"] * self.scale),
                per_km_minor=self._per_km(one, costs),
                per_driving_hour_minor=self._per_hour(one, costs),
            ),
            max_stops=self._whole(one, "max_tasks", where) if "max_tasks" in one else None,
            max_distance_m=self._whole(one, "max_distance", where) if "max_distance" in one else None,
            end_depot_id=f"place-{end}" if end is not None else None,
            open_end=end is None,
            profile="" if key == next(iter(travels)) else key,
            attributes={"skills": tuple(str(s) for s in one.get("skills", []))},
        )

    def _own_costs(self, vehicle: dict[str, Any]) -> bool:
        return "costs" in self.given.get(str(vehicle.get("profile", PROFILE)), {})

    def _per_km(self, vehicle: dict[str, Any], costs: dict[str, float]) -> int:
        # a matrix of costs lies where distances would: one unit of it costs one
        return 1_000 * self.scale if self._own_costs(vehicle) else round(costs["per_km"] * self.scale)

    def _per_hour(self, vehicle: dict[str, Any], costs: dict[str, float]) -> int:
        return 0 if self._own_costs(vehicle) else round(costs["per_hour"] * self.scale)

    def _breaks(self, one: dict[str, Any], where: str, vehicle_id: str, shift: Window | None) -> list[Rule]:
        found = []
        for number, rest in enumerate(one.get("breaks", [])):
            at = f"{where}.breaks[{number}]"
            windows = self._windows(self._object(rest, at).get("time_windows", []), f"{at}.time_windows")
            window = windows[0] if windows else shift or Window(0, FOREVER)
            if len(windows) > 1:
                self.notes.append(f"{at}: only the first of its time windows is used")
            if "max_load" in rest:
                self.notes.append(f"{at}: max_load is not used")
            found.append(
                Rule(
                    f"break-{vehicle_id}-{number}",
                    "meal_break",
                    vehicles=frozenset({vehicle_id}),
                    parameters={
                        "earliest_s": window.start_s,
                        "latest_s": window.end_s,
                        "break_s": self._whole(rest, "service", at, 0),
                    },
                )
            )
        return found

    def _jobs(self, dear: int) -> list[Order]:
        orders = []
        for n, one in enumerate(self.jobs):
            where = f"jobs[{n}]"
            given = self._amounts(one.get("delivery", one.get("amount", [])), f"{where}.delivery")
            taken = self._amounts(one.get("pickup", []), f"{where}.pickup")
            both = any(given) and any(taken)
            if both and (
                self.shipments or any(any(o.get("pickup", [])) and not any(o.get("delivery", [])) for o in self.jobs)
            ):
                raise FormatError(
                    f"{where}: delivers and picks up, while other tasks only pick up; split it into two jobs"
                )
            if both:
                self.notes.append(f"{where}: room for both its delivery and its pickup is kept for the whole route")
                given = tuple(a + b for a, b in zip(given, taken, strict=True))
            kind = PICKUP if any(taken) and not both else DELIVERY
            order_id = f"job-{self._whole(one, 'id', where)}"
            self.tasks[order_id] = {"type": "job", "task": one}
            orders.append(self._order(order_id, one, where, kind, taken if kind == PICKUP else given, dear, one, ""))
        return orders

    def _shipments(self, dear: int) -> list[Order]:
        orders = []
        for n, one in enumerate(self.shipments):
            where = f"shipments[{n}]"
            amount = self._amounts(one.get("amount", []), f"{where}.amount")
            names = {part: f"{part}-{self._whole(one[part], 'id', f'{where}.{part}')}" for part in (PICKUP, DELIVERY)}
            for part in (PICKUP, DELIVERY):
                self.tasks[names[part]] = {"type": part, "task": one[part], "shipment": one}
                partner = names[DELIVERY] if part == PICKUP else ""
                orders.append(self._order(names[part], one[part], f"{where}.{part}", part, amount, dear, one, partner))
        return orders

    def _order(
        self,
        order_id: str,
        one: dict[str, Any],
        where: str,
        kind: str,
        amounts: tuple[int, ...],
        dear: int,
        owner: dict[str, Any],
        pickup_of: str,
    ) -> Order:
        priority = self._whole(owner, "priority", where, 0)
        if priority > HIGHEST_PRIORITY:
            raise FormatError(f"{where}.priority: must be at most {HIGHEST_PRIORITY}, is {priority}")
        windows = self._windows(one["time_windows"], f"{where}.time_windows") if "time_windows" in one else ()
        skills = tuple(str(s) for s in owner.get("skills", []))
        # setup is paid by every visit, though VROOM spares it between tasks of one place: times are never too short
        service = self._whole(one, "service", where, 0) + self._whole(one, "setup", where, 0)
        return Order(
            order_id,
            self._place(one, where),
            service_s=service,
            windows=windows,
            load=Load(more=amounts),
            penalty_minor=min(LARGEST // 8, dear * (1 + 10 * priority)),
            kind=kind,
            pickup_of=pickup_of,
            attributes={"skills": skills} if skills else {},
        )

    def initial(self) -> Sequences:
        """Routes of vehicles whose ``steps`` are given."""
        found: Sequences = {}
        for n, vehicle in enumerate(self.vehicles):
            given = vehicle.get("steps", [])
            if not isinstance(given, list):
                raise FormatError(f"vehicles[{n}].steps: must be a list")
            steps = [f"{s.get('type')}-{s.get('id')}" for s in given if isinstance(s, dict)]
            known = [one for one in steps if one in self.tasks]
            if known:
                found[str(vehicle["id"])] = known
        return found


def dumps(content: dict[str, Any]) -> str:
    """JSON as VROOM writes it."""
    return json.dumps(content) + "\n"
