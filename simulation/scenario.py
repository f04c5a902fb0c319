"""Read a scenario file: a typo, an impossible rate or an unknown zone is refused with its path and the nearest name."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from domain.errors import InputError
from simulation.schema import Scenario
from simulation.schema_shocks import Dated

SCENARIOS = Path(__file__).parent / "scenarios"
IN_PLAIN_WORDS = {
    "tuple_type": "must be a list (lines that begin with '-')",
    "model_type": "must be a section of its own parameters",
    "dict_type": "must be a section of names and values",
    "missing": "is missing",
}
"""What a file's author did, where pydantic speaks of its own types."""

__all__ = ["SCENARIOS", "Scenario", "load_scenario", "scenario_from"]


def load_scenario(name: str | Path = "default") -> Scenario:
    """A shipped scenario by name, or a YAML file.

    Raises:
        InputError: no such file, not YAML, an unknown key (with the nearest valid one) or an impossible value, always
            with the path inside the file.
    """
    path = Path(name) if str(name).endswith((".yml", ".yaml")) else SCENARIOS / f"{name}.yml"
    if not path.is_file():
        known = sorted(one.stem for one in SCENARIOS.glob("*.yml"))
        raise InputError(f"there is no scenario {str(name)!r}; there are {', '.join(known)}{_near(str(name), known)}")
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: is not YAML: {str(error).splitlines()[0]}") from error
    return scenario_from(content if content is not None else {}, path.name)


def scenario_from(content: Any, name: str = "scenario") -> Scenario:
    """A scenario from plain data; ``name`` begins every message.

    Raises:
        InputError: see ``load_scenario``.
    """
    if not isinstance(content, dict):
        raise InputError(f"{name}: must be a mapping of sections")
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        raise InputError(_explained(name, error)) from error
    _check_names(name, scenario)
    return scenario


def _check_names(name: str, scenario: Scenario) -> None:
    for where, values in (
        ("cities", [one.name for one in scenario.cities]),
        ("fleets", [one.fleet_id for one in scenario.fleets]),
        ("demand.tenants", [one.name for one in scenario.demand.tenants]),
    ):
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise InputError(f"{name}: {where}: {min(twice)!r} is there twice")
    for where, weights in (
        ("demand.tenants", [one.weight for one in scenario.demand.tenants]),
        *((f"cities.{n}.buildings", list(c.buildings.model_dump().values())) for n, c in enumerate(scenario.cities)),
        *((f"demand.tenants.{n}.slots", [s.weight for s in t.slots]) for n, t in enumerate(scenario.demand.tenants)),
    ):
        if sum(weights) <= 0:
            raise InputError(f"{name}: {where}: at least one weight must be above 0")
    if not any(one.drivers for one in scenario.fleets):
        raise InputError(f"{name}: fleets: no fleet has a driver")
    quarters, fleets = scenario.quarter_names(), [one.fleet_id for one in scenario.fleets]
    for number, shock in enumerate(scenario.shocks):
        for place, zone in enumerate(getattr(shock, "zones", ())):
            if zone not in quarters:
                raise InputError(
                    f"{name}: shocks.{number}.zones.{place}: there is no zone {zone!r}{_near(zone, quarters)}"
                )
        fleet = getattr(shock, "fleet", None)
        if fleet is not None and fleet not in fleets:
            raise InputError(f"{name}: shocks.{number}.fleet: there is no fleet {fleet!r}{_near(fleet, fleets)}")


def _explained(name: str, error: ValidationError) -> str:
    """The first mistake in one line: path, what is wrong, and the nearest valid name where a key is unknown."""
    first = error.errors()[0]
    # a union's branch (the shock's kind) is part of pydantic's path but not of the file's
    path = [str(part) for part in first["loc"] if part != "[key]"]
    model, shown = _walk(path)
    where = f"{name}: {'.'.join(shown)}"
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown parameter{_near(path[-1], list(model.model_fields) if model else [])}"
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = [one.strip().strip("'") for one in str(first.get("ctx", {}).get("expected_tags", "")).split(",")]
        tag = str(first.get("ctx", {}).get("tag", ""))
        return f"{where}: kind {tag!r} is not one of {', '.join(sorted(k for k in kinds if k))}{_near(tag, kinds)}"
    value = first.get("input")
    if first["type"] in IN_PLAIN_WORDS:
        return f"{where}: {IN_PLAIN_WORDS[first['type']]}"
    shown_value = f" (is {value!r})" if isinstance(value, str | int | float | bool) else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{shown_value}"


def _walk(path: list[str]) -> tuple[type[BaseModel] | None, list[str]]:
    """The section that holds the last key of a path, and the path without the names of union branches."""
    model: Any = Scenario
    shown: list[str] = []
    for number, part in enumerate(path):
        branches = {
            typing.get_args(one.model_fields["kind"].annotation)[0]: one
            for one in _models(model)
            if issubclass(one, Dated)
        }
        if part in branches and not any(part in _keys(one) for one in _models(model)):
            model = branches[part]
            continue
        shown.append(part)
        if part.isdigit() or number == len(path) - 1:
            continue
        holders = [one for one in _models(model) if part in _keys(one)]
        model = holders[0].model_fields[part].annotation if holders else None
    found = _models(model)
    return (found[0] if found else None), shown


def _keys(model: type[BaseModel]) -> Iterable[str]:
    return model.model_fields


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every section class inside an annotation such as ``tuple[Annotated[A | B, ...], ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models(part)]


def _near(name: str, valid: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f". Did you mean {near[0]!r}?" if near else ""
