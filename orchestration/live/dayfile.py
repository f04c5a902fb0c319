"""What a day begins with, as files: one JSON document and its matrices. No pickle: files are data and never code."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np

from domain.errors import InputError
from operations.state import Approvals, Coming, Day, Offer, Prices, Said, Sort, StandingAnswer
from solvers import contracts, problem
from solvers.contracts import terms
from solvers.plan import Break, Plan, Relaxation, Reload, Route, Unserved, Visit

KINDS: dict[str, Any] = {
    one.__name__: one
    for one in (
        *(problem.Window, problem.Load, problem.Depot, problem.Order, problem.Vehicle, problem.Tariff, problem.Rule),
        *(problem.Lock, Visit, Reload, Break, Route, Relaxation, Unserved, Plan),
        *(terms.When, terms.Tier, terms.MonthRule, terms.Version, contracts.Contract, Offer, Prices, Approvals, Coming),
        *(Sort, Said, StandingAnswer),
    )
}
TARIFF_RULE = "TariffRule"  # solvers.problem.Rule and solvers.contracts.Rule share a name
KINDS[TARIFF_RULE] = terms.Rule


def write_day(folder: Path, day: Day, midnight: datetime | None = None) -> None:
    """Write ``day.json`` and ``matrices.npz`` into ``folder``, the document last: without it there is no day.

    ``midnight``: of the depots' zone, by which the seconds of the day count; None: UTC.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole, matrices = (
        day.problem,
        {"distance_m": day.problem.travel.distance_m, "duration_s": day.problem.travel.duration_s},
    )
    for name, travel in whole.profiles.items():
        matrices |= {f"distance_m/{name}": travel.distance_m, f"duration_s/{name}": travel.duration_s}
    np.savez(folder / "matrices.npz", **matrices)
    document = {
        "format": 1,
        "service_date": day.service_date.isoformat(),
        "midnight": (midnight or datetime.combine(day.service_date, time(), UTC)).isoformat(),
        "seed": day.seed,
        "currency": whole.currency,
        "depots": _plain(whole.depots),
        "orders": _plain(whole.orders),
        "vehicles": _plain(whole.vehicles),
        "rules": _plain(whole.rules),
        "profiles": sorted(whole.profiles),
        "plan": _plain(day.plan),
        "offers": _plain(day.offers),
        "prices": _plain(day.prices),
        "approvals": _plain(day.approvals),
        "places": _plain(day.places),
        "coming": _plain(day.coming),
        "standing": _plain(day.standing),
        "said": _plain(day.said),
    }
    draft = folder / "day.json.tmp"
    draft.write_text(json.dumps(document, sort_keys=True))
    draft.replace(folder / "day.json")


def midnight_of(folder: Path) -> datetime:
    """The midnight that a written day's seconds count from."""
    try:
        return datetime.fromisoformat(json.loads((folder / "day.json").read_text())["midnight"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder / 'day.json'}: is damaged: {error}") from error


def read_day(folder: Path) -> Day:
    """The day of a folder that ``write_day`` wrote.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = folder / "day.json"
    try:
        document = json.loads(path.read_text())
        with np.load(folder / "matrices.npz", allow_pickle=False) as file:
            matrices = {name: file[name] for name in file.files}
        profiles = {
            name: problem.Travel(matrices[f"distance_m/{name}"], matrices[f"duration_s/{name}"])
            for name in document["profiles"]
        }
        whole = problem.PlanningProblem(
            depots=_value(document["depots"]),
            orders=_value(document["orders"]),
            vehicles=_value(document["vehicles"]),
            travel=problem.Travel(matrices["distance_m"], matrices["duration_s"]),
            currency=document["currency"],
            rules=_value(document["rules"]),
            profiles=profiles,
        )
        return Day(
            date.fromisoformat(document["service_date"]),
            whole,
            _value(document["plan"]),
            _value(document["offers"]),
            _value(document["prices"]),
            document["seed"],
            _value(document["approvals"]) if "approvals" in document else Approvals(),
            _value(document.get("places", [])),
            _value(document.get("coming")),
            _value(document.get("standing", [])),
            _value(document.get("said", [])),
        )
    except FileNotFoundError:
        raise InputError(f"{folder} holds no day; begin one with: fivefold live SOURCE DATE") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged: {error}") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = TARIFF_RULE if isinstance(value, terms.Rule) else type(value).__name__
        fields = {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"$": name, **fields}
    if isinstance(value, frozenset | set):
        return {"$": "set", "of": sorted(_plain(one) for one in value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return {"$": "date", "is": value.isoformat()}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {"$": "map", "of": [[key, _plain(one)] for key, one in value.items()]}
    return value.item() if hasattr(value, "item") else value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(one) for one in value)
    if not isinstance(value, dict):
        return value
    kind = value["$"]
    if kind == "set":
        return frozenset(_value(value["of"]))
    if kind == "map":
        return {key: _value(one) for key, one in value["of"]}
    if kind == "date":
        return date.fromisoformat(value["is"])
    fields = {name: _value(one) for name, one in value.items() if name != "$"}
    return KINDS[kind](**fields)
