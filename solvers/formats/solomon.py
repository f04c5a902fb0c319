"""Solomon's and Gehring and Homberger's text files: one depot, equal vehicles, windows. Truncated to one decimal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from solvers.formats import vrplib
from solvers.formats.instance import FormatError, Instance


def parse(path: Path, text: str, convention: str = "auto") -> Instance:
    """Read a Solomon file.

    Raises:
        FormatError: names the line that cannot be right.
    """
    lines = [line.split() for line in text.splitlines()]
    numbers = [(n, row) for n, row in enumerate(lines, start=1) if row and _is_number(row[0])]
    fleet = next(((n, row) for n, row in numbers if len(row) == 2), None)
    if fleet is None:
        raise FormatError(f"{path}: has no line with the number of vehicles and their capacity")
    # a customer whose number is misspelt must not be lost: every line with some number in it counts
    rows = [(n, row) for n, row in enumerate(lines, start=1) if n > fleet[0] and any(map(_is_number, row))]
    if not rows:
        raise FormatError(f"{path}: has no customers")
    table = []
    for n, row in rows:
        if len(row) != 7 or not all(_is_number(one) for one in row):
            raise FormatError(f"{path}: line {n}: must hold 7 numbers (number, x, y, demand, ready, due, service)")
        table.append([float(one) for one in row])
    values = np.array(table)
    if (values[:, 0] != np.arange(len(values))).any():
        raise FormatError(f"{path}: customers must be numbered 0, 1, 2 in sequence")
    if not all(_is_number(one) for one in fleet[1]):
        raise FormatError(f"{path}: line {fleet[0]}: must hold the number of vehicles and their capacity")
    count, capacity = (float(one) for one in fleet[1])
    if count % 1 or count < 0:
        raise FormatError(f"{path}: line {fleet[0]}: the number of vehicles must be whole")
    name = next((line.strip() for line in text.splitlines() if line.strip()), path.stem)
    raw: dict[str, Any] = {
        "name": name,
        "type": "VRPTW",
        "dimension": len(values),
        "vehicles": int(count),
        "capacity": capacity,
        "edge_weight_type": "EUC_2D",
        "node_coord": values[:, 1:3],
        "demand": values[:, 3],
        "time_window": values[:, 4:6],
        "service_time": values[:, 6],
        "depot": np.array([0]),
    }
    return vrplib.build(path, raw, convention, dialect="solomon")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
