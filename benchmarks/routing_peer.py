"""PyVRP alone on an instance file, read by its own reader: ``python -m benchmarks.routing_peer FILE SECONDS SEED``.

Solomon's and Li and Lim's tables are written as VRPLIB first, since PyVRP reads nothing else. Prints one JSON object.
A process of its own, because PyVRP can hang on forbidden arcs.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main(path: Path, seconds: float, seed: int, clock: str = "wall") -> dict[str, object]:
    """Solve ``path`` with PyVRP's defaults; with the clock ``cpu`` seconds are processor seconds."""
    import pyvrp
    from pyvrp.stop import MaxRuntime

    from benchmarks.routing_check import convention_of

    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    lines = text.splitlines()
    convention = convention_of(path)
    if "CUSTOMER" in text[:2_000] and "SECTION" not in text[:2_000]:
        text = _from_solomon(lines)
    elif len(lines[1].split()) == 9:
        text, convention = _from_pairs(lines), "trunc"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "instance.vrp"
        file.write_text(text)
        data = pyvrp.read(file, convention)
    started, used = time.perf_counter(), time.process_time()
    stop: Any = MaxRuntime(seconds) if clock == "wall" else lambda _: time.process_time() - used >= seconds
    result = pyvrp.solve(data, stop=stop, seed=seed, display=False)
    return {
        "feasible": result.is_feasible(),
        "cost": result.cost() if result.is_feasible() else None,
        "routes": result.best.num_routes(),
        "distance": result.best.distance(),
        "wall_s": round(time.perf_counter() - started, 2),
        "iterations": result.num_iterations,
    }


def _from_solomon(lines: list[str]) -> str:
    rows = [line.split() for line in lines]
    fleet = next(row for row in rows if len(row) == 2 and row[0].isdigit())
    table = [row for row in rows if len(row) == 7 and row[0].isdigit()]
    parts = [f"NAME: x\nTYPE: VRPTW\nDIMENSION: {len(table)}\nVEHICLES: {fleet[0]}\nCAPACITY: {fleet[1]}"]
    parts.append("EDGE_WEIGHT_TYPE: EUC_2D")
    for name, columns in (("NODE_COORD", (1, 2)), ("DEMAND", (3,)), ("SERVICE_TIME", (6,)), ("TIME_WINDOW", (4, 5))):
        parts.append(f"{name}_SECTION")
        parts += [f"{n + 1} {' '.join(row[c] for c in columns)}" for n, row in enumerate(table)]
    return "\n".join([*parts, "DEPOT_SECTION", "1", "-1", "EOF", ""])


def _from_pairs(lines: list[str]) -> str:
    """Distances up to four decimals as an explicit matrix; a vehicle costs more than any detour."""
    rows = [[float(v) for v in line.split()] for line in lines if line.strip()]
    tasks, size = rows[1:], len(rows) - 1
    scale = 10_000
    legs = [[math.ceil(math.hypot(a[1] - b[1], a[2] - b[2]) * scale) for b in tasks] for a in tasks]
    price = 4 * max(map(max, legs)) * max(1, size // 10)
    parts = [f"NAME: x\nTYPE: PDPTW\nDIMENSION: {size}\nVEHICLES: {int(rows[0][0])}\nCAPACITY: {int(rows[0][1])}"]
    parts += [f"VEHICLES_FIXED_COST: {price}", "EDGE_WEIGHT_TYPE: EXPLICIT", "EDGE_WEIGHT_FORMAT: FULL_MATRIX"]
    parts += ["EDGE_WEIGHT_SECTION", *(" ".join(map(str, row)) for row in legs), "PICKUP_AND_DELIVERY_SECTION"]
    for n, row in enumerate(tasks):
        early, late, service = (int(row[c] * scale) for c in (4, 5, 6))
        partner = (int(row[7]) and int(row[7]) + 1, int(row[8]) and int(row[8]) + 1)
        parts.append(f"{n + 1} {int(row[3])} {early} {late} {service} {partner[0]} {partner[1]}")
    return "\n".join([*parts, "DEPOT_SECTION", "1", "-1", "EOF", ""])


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])))
