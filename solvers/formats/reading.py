"""Which format a file is in, by its content."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any

from solvers.formats.instance import FormatError, Instance

LARGEST_FILE = 2 * 10**9
"""Bytes of text that are read at most, unpacked: a file that unpacks to more is refused."""


def read(path: str | Path, *, convention: str = "auto") -> Instance:
    """Read ``path`` (``.gz`` too) in whatever known format it is.

    ``convention`` is how VRPLIB files' real numbers become integers (``vrplib.CONVENTIONS``); ``auto``: as the
    benchmark set of the file's type does.

    Raises:
        FormatError: no known format, or the file breaks its format's rules; the message names the field.
        PlanningError: the problem read cannot be meant.
    """
    path = Path(path)
    text = read_text(path)
    head = text.lstrip()[:1]
    if head in {"{", "["}:
        return _read_json(path, text, convention)
    from solvers.formats import li_lim, solomon, vrplib

    if re.search(r"^\s*(CUST(OMER)?\b|VEHICLE\s*$)", text[:2_000], re.MULTILINE | re.IGNORECASE):
        return solomon.parse(path, text, convention)
    if re.search(r"^\s*[A-Z_0-9]+\s*(:|_SECTION|SECTION)", text[:4_000], re.MULTILINE):
        return vrplib.parse(path, text, convention)
    if li_lim.looks_like(text):
        return li_lim.parse(path, text)
    raise FormatError(
        f"{path}: no known format (known: VRPLIB, Solomon, Li and Lim, and JSON of VROOM, MAMUT and Fivefold)"
    )


def read_text(path: Path) -> str:
    """The file's text, unpacked where its name ends in ``.gz``."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                data = packed.read(LARGEST_FILE + 1)
        else:
            data = path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > LARGEST_FILE:
        raise FormatError(f"{path}: is larger than {LARGEST_FILE} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _not_a_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _read_json(path: Path, text: str, convention: str) -> Instance:
    try:
        content = json.loads(text, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path}: must hold one JSON object, holds a list")
    from solvers.formats import mamut, plan_json, vroom

    if content.get("format") == plan_json.FORMAT or "travel" in content:
        return plan_json.parse(path, content)
    if "td" in content or "num_customers" in content:
        return mamut.parse(path, content)
    if "vehicles" in content and ("jobs" in content or "shipments" in content):
        return vroom.parse(path, content)
    raise FormatError(
        f"{path}: JSON of no known format (VROOM has vehicles and jobs or shipments, MAMUT has td, "
        f'Fivefold says "format": "{plan_json.FORMAT}")'
    )
