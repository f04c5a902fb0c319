"""Halves of symmetric matrices, as TSPLIB and CVRPLIB write them, made whole."""

from __future__ import annotations

import re
from pathlib import Path

from solvers.formats.instance import FormatError

TRIANGLES = {
    "LOWER_ROW": (False, False),
    "UPPER_ROW": (True, False),
    "LOWER_DIAG_ROW": (False, True),
    "UPPER_DIAG_ROW": (True, True),
    "UPPER_COL": (False, False),
    "LOWER_COL": (True, False),
    "UPPER_DIAG_COL": (False, True),
    "LOWER_DIAG_COL": (True, True),
}
"""Halves of symmetric matrices: whether rows run from the diagonal on, and whether it is in them. Columns of one half
are the rows of the other."""


def full_matrix(path: Path, text: str) -> str:
    """``text`` with a triangular EDGE_WEIGHT_SECTION written as a full matrix, the one form that all readers know.

    Raises:
        FormatError: the section has not as many numbers as its format says.
    """
    form = re.search(r"^\s*EDGE_WEIGHT_FORMAT\s*:\s*(\w+)", text, re.MULTILINE)
    if form is None or form[1].upper() not in TRIANGLES:
        return text
    size = re.search(r"^\s*DIMENSION\s*:\s*(\d+)\s*$", text, re.MULTILINE)
    section = re.search(r"^\s*EDGE_WEIGHT_SECTION\s*$([^A-Z]*)", text, re.MULTILINE)
    if size is None or section is None:
        return text
    upper, diagonal = TRIANGLES[form[1].upper()]
    count, words = int(size[1]), section[1].split()
    if len(words) != count * (count + (1 if diagonal else -1)) // 2:
        raise FormatError(f"{path}: EDGE_WEIGHT_SECTION: has {len(words)} numbers, not as many as {form[1]} of {count}")
    rows = [["0"] * count for _ in range(count)]
    at = 0
    for n in range(count):
        start = n if diagonal else n + 1
        for k in range(start, count) if upper else range(n + 1 if diagonal else n):
            rows[n][k] = rows[k][n] = words[at]
            at += 1
    whole = "\n".join(" ".join(row) for row in rows)
    text = text[: section.start(1)] + "\n" + whole + "\n" + text[section.end(1) :]
    return text.replace(form[0], "EDGE_WEIGHT_FORMAT : FULL_MATRIX", 1)
