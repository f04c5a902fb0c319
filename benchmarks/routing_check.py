"""A solution file checked from the instance file alone: no reader, evaluator or type of the solver is used.

Knows VRPLIB (with PyVRP's additions), Solomon, Li and Lim, and MAMUT's time-dependent sets. The cost is computed from
the routes, and so is every load, window, duration, release, ban, prize and pair.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROUNDING = {
    "dimacs": lambda v: int(10 * v),
    "exact": lambda v: round(1_000 * v),
    "round": lambda v: math.floor(v + 0.5),
    "none": float,
}


@dataclass
class Checked:
    """``cost`` in the convention's unit (integers; real numbers for Li and Lim), and what is broken, in words."""

    cost: float = 0.0
    vehicles: int = 0
    left: int = 0
    broken: list[str] = field(default_factory=list)


def convention_of(path: Path) -> str:
    """``dimacs``, ``exact``, ``round`` or ``none`` by the file's own words."""
    text = _text(path)
    kind = (re.search(r"^\s*TYPE\s*:\s*(\S+)", text, re.MULTILINE) or ["", ""])[1]
    if re.search(r"EDGE_WEIGHT_TYPE\s*:\s*EXPLICIT", text):
        return "round"
    if kind in {"MDVRPTW", "SDVRPTW", "HFVRP"}:
        return "exact"
    if kind in {"VRPTW", "PCVRPTW", "MTVRPTWR"} or "CUSTOMER" in text[:2_000]:
        return "dimacs"
    return "round" if kind else "none"


def check(path: Path, solution: str) -> Checked:
    """Check the routes of a solution file (``Route #1: 3 5 2`` lines; MAMUT: JSON with ``routes``)."""
    if path.name.endswith(".vrp.json"):
        return _check_mamut(path, json.loads(solution)["routes"])
    routes = [
        [int(one) for one in line.partition(":")[2].split()]
        for line in solution.splitlines()
        if line.strip().lower().startswith("route") and ":" in line
    ]
    text = _text(path)
    if len(text.split("\n", 2)[1].split()) == 9:
        return _check_pairs(text, routes)
    return _check_vrp(_vrp(text), routes, ROUNDING[convention_of(path)])


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def _vrp(text: str) -> dict[str, Any]:
    """Header and sections of VRPLIB, or of Solomon's table under the same names."""
    if "CUSTOMER" in text[:2_000] and "SECTION" not in text[:2_000]:
        rows = [line.split() for line in text.splitlines()]
        table = [[float(v) for v in row] for row in rows if len(row) == 7 and row[0].isdigit()]
        fleet = next(row for row in rows if len(row) == 2 and row[0].isdigit())
        return {
            "DIMENSION": len(table),
            "VEHICLES": int(fleet[0]),
            "CAPACITY": float(fleet[1]),
            "NODE_COORD": [row[1:3] for row in table],
            "DEMAND": [row[3:4] for row in table],
            "TIME_WINDOW": [row[4:6] for row in table],
            "SERVICE_TIME": [row[6:7] for row in table],
            "DEPOT": [[1.0]],
        }
    found: dict[str, Any] = {}
    section = None
    for line in text.splitlines():
        word = line.strip()
        if not word or word == "EOF":
            continue
        if match := re.fullmatch(r"([A-Z_]+)_SECTION\s*:?", word):
            section = match[1]
            found[section] = []
        elif match := re.fullmatch(r"([A-Z_]+)\s*:\s*(.*)", word):
            value = match[2].strip()
            found[match[1]] = float(value) if re.fullmatch(r"-?[\d.]+", value) else value
        elif section is not None:
            row = [float(v) for v in word.split()]
            found[section].append(row if section in {"DEPOT", "EDGE_WEIGHT"} else row[1:])
    found["DEPOT"] = [row for row in found.get("DEPOT", [[1.0]]) if row and row[0] > 0]
    return found


def _check_vrp(data: dict[str, Any], routes: list[list[int]], rounded: Any) -> Checked:
    size, depots = int(data["DIMENSION"]), len(data["DEPOT"])
    count = int(data.get("VEHICLES", size - depots))

    def column(name: str, number: int, default: float, length: int = size) -> list[float]:
        value = data.get(name, default)
        return [value] * length if isinstance(value, float | int) else [row[number] for row in value]

    demand = column("DEMAND", 0, 0.0)
    service = [0 if at < depots and not isinstance(data.get("SERVICE_TIME", 0), list) else rounded(v)
               for at, v in enumerate(column("SERVICE_TIME", 0, 0.0))]  # fmt: skip
    early = [rounded(v) for v in column("TIME_WINDOW", 0, 0.0)]
    late = [rounded(v) for v in column("TIME_WINDOW", 1, 1e12)]
    release = [rounded(v) for v in column("RELEASE_TIME", 0, 0.0)]
    prize = [rounded(v) for v in column("PRIZE", 0, 0.0)]
    capacity = column("CAPACITY", 0, 1e15, count)
    home = [int(v) - 1 for v in column("VEHICLES_DEPOT", 0, 1.0, count)]
    fixed = [rounded(v) for v in column("VEHICLES_FIXED_COST", 0, 0.0, count)]
    unit = column("VEHICLES_UNIT_DISTANCE_COST", 0, 1.0, count)
    longest = [rounded(v) for v in column("VEHICLES_MAX_DURATION", 0, 1e12, count)]
    allowed = data.get("VEHICLES_ALLOWED_CLIENTS")
    explicit, coord = data.get("EDGE_WEIGHT"), data.get("NODE_COORD")

    def leg(a: int, b: int) -> int:
        return rounded(explicit[a][b] if explicit else math.hypot(coord[a][0] - coord[b][0], coord[a][1] - coord[b][1]))  # type: ignore[no-any-return]

    done = Checked()
    seen: set[int] = set()
    if len(routes) > count:
        done.broken.append(f"{len(routes)} routes for {count} vehicles")
    for number, stops in enumerate(routes[:count]):
        if not stops:
            continue
        done.vehicles += 1
        depot, name = home[number], f"route {number + 1}"
        trips: list[list[int]] = [[]]
        for stop in stops:
            if stop < depots:
                if "VEHICLES_RELOAD_DEPOT" not in data:
                    done.broken.append(f"{name} reloads and may not")
                trips.append([])
            elif stop >= size:
                done.broken.append(f"{name}: there is no place {stop}")
            else:
                if stop in seen:
                    done.broken.append(f"place {stop} is visited twice")
                seen.add(stop)
                if allowed and stop + 1 not in allowed[number]:
                    done.broken.append(f"{name} may not serve place {stop}")
                trips[-1].append(stop)
        # the duration is the shortest possible: forward with the latest departure that costs nothing
        clock, waited, slack, metres = early[depot], 0, 10**15, 0
        clock = max(clock, max((release[s] for s in trips[0]), default=0))
        start = clock
        for index, trip in enumerate(trips):
            if index:
                ready = max((release[s] for s in trip), default=0)
                if ready > clock:
                    waited += ready - clock
                    clock = ready
            if sum(demand[s] for s in trip) > capacity[number]:
                done.broken.append(f"{name} carries {sum(demand[s] for s in trip)} of {capacity[number]}")
            here = depot
            for stop in [*trip, depot]:
                metres += leg(here, stop)
                clock += leg(here, stop)
                if stop >= depots:
                    begin = max(clock, early[stop])
                    waited += begin - clock
                    clock = begin
                if clock > late[stop]:
                    done.broken.append(f"{name}: place {stop} at {clock}, latest {late[stop]}")
                slack = min(slack, waited + late[stop] - clock)
                clock += service[stop] if stop >= depots else 0
                here = stop
        if clock - start - min(waited, max(0, slack)) > longest[number]:
            done.broken.append(f"{name} takes {clock - start - min(waited, slack)}, may {longest[number]}")
        done.cost += metres * unit[number] + fixed[number]
    for at in range(depots, size):
        if at not in seen:
            done.left += 1
            if prize[at]:
                done.cost += prize[at]
            else:
                done.broken.append(f"place {at} is not served")
    return done


def _check_pairs(text: str, routes: list[list[int]]) -> Checked:
    rows = [[float(v) for v in line.split()] for line in text.splitlines() if line.strip()]
    count, capacity, tasks = int(rows[0][0]), rows[0][1], rows[1:]
    done = Checked()
    seen: set[int] = set()
    for number, stops in enumerate(routes):
        if not stops:
            continue
        done.vehicles += 1
        clock, here, load = tasks[0][4], 0, 0.0
        for stop in [*stops, 0]:
            length = math.hypot(tasks[here][1] - tasks[stop][1], tasks[here][2] - tasks[stop][2])
            done.cost += length
            clock = max(clock + length, tasks[stop][4])
            if clock > tasks[stop][5] + 1e-6:
                done.broken.append(f"route {number + 1}: task {stop} at {clock:.4f}, latest {tasks[stop][5]}")
            clock += tasks[stop][6]
            load += tasks[stop][3]
            if load > capacity or load < 0:
                done.broken.append(f"route {number + 1} carries {load} of {capacity}")
            pickup, delivery = int(tasks[stop][7]), int(tasks[stop][8])
            if stop and (stop in seen or (delivery and delivery not in stops) or (pickup and pickup not in seen)):
                done.broken.append(f"route {number + 1}: task {stop} is there twice or its partner is not before it")
            seen.add(stop)
            here = stop
    if done.vehicles > count:
        done.broken.append(f"{done.vehicles} routes for {count} vehicles")
    done.left = sum(at not in seen for at in range(1, len(tasks)))
    if done.left:
        done.broken.append(f"{done.left} tasks are not served")
    return done


def _check_mamut(path: Path, routes: list[list[int]]) -> Checked:
    data = json.loads(path.read_text())
    name = data["td"]["atf_path"]
    curves = {(a, b): (xs, ys) for a, b, xs, ys in json.loads(_text(path.parent / name))["arcs"]}

    def arrival(a: int, b: int, t: float) -> float:
        xs, ys = curves[a, b]
        at = bisect_left(xs, t)
        if at >= len(xs):
            return math.inf
        if xs[at] == t or at == 0:
            return float(ys[at])
        return float(ys[at - 1] + (ys[at] - ys[at - 1]) * (t - xs[at - 1]) / (xs[at] - xs[at - 1]))

    def latest(a: int, b: int, t: float) -> float:
        """The last departure that arrives by ``t``."""
        xs, ys = curves[a, b]
        at = bisect_right(ys, t)
        if at == 0:
            return -math.inf
        if at == len(ys):
            return float(xs[-1])
        if ys[at] == ys[at - 1] or xs[at] == xs[at - 1]:
            return float(xs[at - 1])
        return float(xs[at - 1] + (t - ys[at - 1]) * (xs[at] - xs[at - 1]) / (ys[at] - ys[at - 1]))

    windows, service, depot = data["time_windows"], data["service_times"], data["depot"]
    done = Checked()
    seen: set[int] = set()

    def run(stops: list[int], start: float) -> float:
        clock, here = start, depot
        for stop in [*stops, depot]:
            clock = max(arrival(here, stop, clock), windows[stop][0])
            if clock > windows[stop][1] + 1e-9:
                return math.inf
            clock += service[stop] if stop != depot else 0
            here = stop
        return clock

    for number, stops in enumerate(one for one in routes if one):
        done.vehicles += 1
        if sum(data["demands"][s] for s in stops) > data["vehicle_capacity"]:
            done.broken.append(f"route {number + 1} is overloaded")
        # the shortest duration begins where a kink of some leg, or a window, pulled back to the depot, lies
        starts = {float(windows[depot][0])}
        places = [depot, *stops, depot]
        for leg in range(len(places) - 1):
            kinks = list(curves[places[leg], places[leg + 1]][0]) if leg < len(places) - 1 else []
            kinks += [latest(places[leg], places[leg + 1], w) for w in windows[places[leg + 1]]]
            for kink in kinks:
                t = kink
                for back in range(leg, 0, -1):
                    t = min(t - service[places[back]], windows[places[back]][1])
                    if t < windows[places[back]][0]:
                        t = -math.inf
                        break
                    t = latest(places[back - 1], places[back], t)
                if windows[depot][0] <= t <= windows[depot][1]:
                    starts.add(t)
        best = min(run(stops, t) - t for t in starts)
        if not math.isfinite(best):
            done.broken.append(f"route {number + 1} misses a window")
        else:
            done.cost += best
        for stop in stops:
            if stop in seen:
                done.broken.append(f"customer {stop} is visited twice")
            seen.add(stop)
    if done.vehicles > data["num_vehicles"]:
        done.broken.append(f"{done.vehicles} routes for {data['num_vehicles']} vehicles")
    done.left = data["num_customers"] - len(seen)
    if done.left:
        done.broken.append(f"{done.left} customers are not served")
    return done
