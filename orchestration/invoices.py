"""Files of invoicing: contracts (YAML), what ran (two CSV files), what a carrier asks for (CSV)."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import yaml

from domain.errors import InputError
from solvers.contracts import Asked, Contract, ContractError, RouteWork, VisitWork, read_contract

ROUTE_COLUMNS = ("service_date", "route_id", "distance_m", "duration_s")
STOP_COLUMNS = ("service_date", "route_id", "order_id")
ASKED_COLUMNS = ("service_date", "rule_id", "route_id", "order_id", "amount_minor")
AMOUNT = "amount"
"""In the place of ``amount_minor``: money as people write it."""
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


def load_asked(
    path: Path, columns: Mapping[str, str] | None = None, rules: Mapping[str, str] | None = None
) -> list[Asked]:
    """The lines of a carrier's invoice; ``number`` is the row in the file.

    ``columns``: our column -> what the carrier calls it; ``rules``: our rule -> the carrier's word for it. Money is in
    minor units (``amount_minor``) or as people write it (``amount``: ``40.00``, ``3,10``). A month's line names no
    route and no order.

    Raises:
        InputError: names file, row and field, and how another name is given.
    """
    ours = {name: theirs for name, theirs in (columns or {}).items() if name in (*ASKED_COLUMNS, AMOUNT)}
    if strange := sorted(set(columns or {}) - set(ours)):
        known = ", ".join((*ASKED_COLUMNS, AMOUNT))
        raise InputError(f"--column {strange[0]}=...: an invoice has no column {strange[0]!r}; it has {known}")
    own_words = {theirs: name for name, theirs in (rules or {}).items()}
    found = []
    for number, (where, row) in enumerate(_rows(path, ASKED_COLUMNS, ours), start=2):
        rule = _text(row, "rule_id", where)
        found.append(
            Asked(
                number,
                _date(row, where),
                own_words.get(rule, rule),
                (row["route_id"] or "").strip(),
                (row["order_id"] or "").strip(),
                _money(row, where) if AMOUNT in row else _whole(row, "amount_minor", where, low=-(10**12)),
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


def _rows(
    path: Path, needed: Sequence[str], columns: Mapping[str, str] | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows by our names; ``columns``: ours -> what the file calls it. Fields lie between commas, semicolons or tabs."""
    ours = {theirs: name for name, theirs in (columns or {}).items()}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=_delimiter(file))
            there = list(reader.fieldnames or [])
            names = [ours.get(one, one) for one in there]
            if absent := [theirs for theirs in ours if theirs not in there]:
                raise InputError(f"{path}: there is no column {absent[0]!r}; {_header(there)}")
            missing = [one for one in needed if one not in names and not (one == "amount_minor" and AMOUNT in names)]
            if missing:
                named = " ".join(f"--column {one}=NAME" for one in missing)
                hint = f"; where it is called otherwise: {named}" if columns is not None and there else ""
                either = " (or 'amount', such as 40.00)" if missing[0] == "amount_minor" else ""
                raise InputError(f"{path}: column {missing[0]!r}{either} is missing; {_header(there)}{hint}")
            for number, row in enumerate(reader, start=2):
                if None in row:
                    raise InputError(f"{path}, row {number}: more fields than the header has")
                yield f"{path}, row {number}", dict(zip(names, row.values(), strict=True))
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save the sheet as CSV (UTF-8)") from None
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _header(there: Sequence[str]) -> str:
    return f"it has {', '.join(there)}" if there else "the file is empty: its first row names the columns"


def _delimiter(file: TextIO) -> str:
    """What lies between fields, by the header."""
    header = file.readline()
    file.seek(0)
    return max((",", ";", "\t"), key=header.count)


def _money(row: dict[str, str], where: str) -> int:
    """An amount as people write it, in minor units."""
    text = (row.get(AMOUNT) or "").strip()
    if re.fullmatch(r"-?\d{1,9}([.,]\d{1,2})?", text) is None:
        raise InputError(f"{where}: amount must be money such as 40.00 or 3,10 (no thousands' marks), is {text[:40]!r}")
    return int((Decimal(text.replace(",", ".")) * 100).to_integral_value())


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
        # with dots it is day, month, year everywhere; with slashes it may be either
        return datetime.strptime(text, "%d.%m.%Y").date() if "." in text else date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{where}: service_date must be a date such as 2026-01-31 or 31.01.2026, is {text[:40]!r}"
        ) from None
