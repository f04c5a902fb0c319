"""Files of invoicing: contracts (YAML), what ran (two CSV files), what a carrier asks for (CSV)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from domain.errors import InputError
from solvers.contracts import Asked, Contract, ContractError, RouteWork, VisitWork, read_contract

ROUTE_COLUMNS = ("service_date", "route_id", "distance_m", "duration_s")
STOP_COLUMNS = ("service_date", "route_id", "order_id")
ASKED_COLUMNS = ("service_date", "rule_id", "route_id", "order_id", "amount_minor")
YES, NO = ("true", "1", "yes"), ("false", "0", "no")


def load_contract(path: Path) -> Contract:
    """The contract of a YAML file; ``ContractError`` names file, rule and field."""
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML: {str(error).splitlines()[0]}") from error
    try:
        return read_contract(data)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None


def load_work(routes: Path, stops: Path) -> dict[date, list[RouteWork]]:
    """Service date -> routes with their stops in the order of the file.

    Raises:
        InputError: names file, row and field: a stop of no route, a route twice, a number that is none.
    """
    visits: dict[tuple[date, str], list[VisitWork]] = {}
    where_stop: dict[tuple[date, str], str] = {}
    for where, row in _rows(stops, STOP_COLUMNS):
        key = (_date(row, where), _text(row, "route_id", where))
        visits.setdefault(key, []).append(
            VisitWork(
                _text(row, "order_id", where),
                _whole(row, "start_s", where, 0),
                row.get("zone") or "",
                row.get("service") or "",
                _whole(row, "mass_g", where, 0),
                _whole(row, "parcels", where, 1),
                _whole(row, "waiting_s", where, 0),
                bool(_flag(row, "failed", where)),
                _flag(row, "on_time", where),
            )
        )
        where_stop.setdefault(key, where)
    days: dict[date, list[RouteWork]] = {}
    seen: set[tuple[date, str]] = set()
    for where, row in _rows(routes, ROUTE_COLUMNS):
        key = (_date(row, where), _text(row, "route_id", where))
        if key in seen:
            raise InputError(f"{where}: route {key[1]!r} is there twice on {key[0]}")
        seen.add(key)
        days.setdefault(key[0], []).append(
            RouteWork(
                key[1],
                _whole(row, "distance_m", where),
                _whole(row, "duration_s", where),
                _whole(row, "start_s", where, 0),
                row.get("vehicle_class") or "",
                tuple(visits.get(key, ())),
            )
        )
    for key, where in where_stop.items():
        if key not in seen:
            raise InputError(f"{where}: route {key[1]!r} of {key[0]} is not in {routes}")
    return days


def load_asked(path: Path) -> list[Asked]:
    """The lines of a carrier's invoice; ``number`` is the row in the file."""
    found = []
    for number, (where, row) in enumerate(_rows(path, ASKED_COLUMNS), start=2):
        found.append(
            Asked(
                number,
                _date(row, where),
                _text(row, "rule_id", where),
                row["route_id"] or "",
                row["order_id"] or "",
                _whole(row, "amount_minor", where, low=-(10**12)),
            )
        )
    return found


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Any], value: Callable[[Any, str], Any]) -> None:
    """A CSV file; text that a spreadsheet would run as a formula is kept as text."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        for row in rows:
            out.writerow([_inert(value(row, name)) for name in columns])


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t") else value


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in needed if name not in (reader.fieldnames or [])]:
                raise InputError(
                    f"{path}: column {missing[0]!r} is missing; it has {', '.join(reader.fieldnames or [])}"
                )
            for number, row in enumerate(reader, start=2):
                if None in row:
                    raise InputError(f"{path}, row {number}: more fields than the header has")
                yield f"{path}, row {number}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _text(row: dict[str, str], name: str, where: str) -> str:
    if not (value := (row.get(name) or "").strip()):
        raise InputError(f"{where}: {name} is empty")
    return value


def _whole(row: dict[str, str], name: str, where: str, default: int | None = None, low: int = 0) -> int:
    text = (row.get(name) or "").strip()
    if not text and default is not None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise InputError(f"{where}: {name} must be a whole number, is {text[:40]!r}") from None
    if not low <= value <= 10**12:
        raise InputError(f"{where}: {name} must be between {low} and 10^12, is {value}")
    return value


def _flag(row: dict[str, str], name: str, where: str) -> bool | None:
    text = (row.get(name) or "").strip().lower()
    if text in YES:
        return True
    if text in NO:
        return False
    if text:
        raise InputError(f"{where}: {name} must be true or false, is {text[:40]!r}")
    return None


def _date(row: dict[str, str], where: str) -> date:
    text = (row.get("service_date") or "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: service_date must be a date such as 2026-01-31, is {text[:40]!r}") from None
