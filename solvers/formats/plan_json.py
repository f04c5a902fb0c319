"""Our own JSON: the planning problem and the plan, field by field as their types have them (JSON Schema published).

``{"format": "fivefold-problem", "version": 1, "depots": [...], "orders": [...], "vehicles": [...], "travel": {...}}``.
``travel`` holds integer matrices, or ``places`` (latitude, longitude), from which roads are estimated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from solvers.formats import codec
from solvers.formats.instance import FormatError, Instance
from solvers.plan import Plan
from solvers.problem import PlanningProblem, Travel

FORMAT = "fivefold-problem"
PLAN_FORMAT = "fivefold-plan"
VERSION = 1


def parse(path: Path, content: dict[str, Any]) -> Instance:
    """The instance of a JSON object.

    Raises:
        FormatError: names the field by its path.
    """
    try:
        problem = problem_from(content)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return Instance(
        name=path.stem, dialect="fivefold", problem=problem, writer=_write, suffix=".json", extra={"type": "plan"}
    )


def problem_from(content: dict[str, Any]) -> PlanningProblem:
    """A problem from JSON."""
    body = {key: value for key, value in content.items() if key not in {"format", "version", "$schema"}}
    if content.get("version", VERSION) != VERSION:
        raise FormatError(f"version: must be {VERSION}, is {content['version']!r}")
    travel = body.get("travel")
    if isinstance(travel, dict) and "places" in travel:
        body["travel"] = codec.to_json(_estimated(travel))
    return codec.from_json(PlanningProblem, body, "problem")


def _estimated(travel: dict[str, Any]) -> Travel:
    from solvers.travel import fit_travel

    places = travel["places"]
    try:
        at = np.array(places, dtype=float)
    except (TypeError, ValueError) as error:
        raise FormatError("travel.places: must be a list of [latitude, longitude]") from error
    if at.ndim != 2 or at.shape[1] != 2 or not np.isfinite(at).all() or (np.abs(at) > (90, 180)).any():
        raise FormatError("travel.places: must be a list of [latitude, longitude] in degrees")
    none = np.array([])
    return fit_travel(none, none, none, none, none, none).matrices(at[:, 0], at[:, 1])


def problem_json(problem: PlanningProblem) -> dict[str, Any]:
    """A problem as JSON."""
    return {"format": FORMAT, "version": VERSION, **codec.to_json(problem)}


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON, its total cost stated."""
    return {"format": PLAN_FORMAT, "version": VERSION, "cost_minor": plan.cost_minor, **codec.to_json(plan)}


def plan_from(content: Any) -> Plan:
    """A plan from JSON.

    Raises:
        FormatError: names the field by its path.
    """
    if not isinstance(content, dict):
        raise FormatError("plan: must be an object")
    left_out = {"format", "version", "cost_minor", "$schema"}
    found = codec.from_json(Plan, {key: value for key, value in content.items() if key not in left_out}, "plan")
    stated = content.get("cost_minor", found.cost_minor)
    if isinstance(stated, bool) or stated != found.cost_minor:
        raise FormatError(f"plan.cost_minor: is {str(stated)[:40]!r}, its parts add up to {found.cost_minor}")
    return found


def _write(instance: Instance, plan: Plan) -> str:
    return json.dumps(plan_json(plan), indent=1) + "\n"


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema, as published in ``docs/schemas``."""
    found = {}
    for name, kind, label in (
        ("problem", PlanningProblem, FORMAT),
        ("plan", Plan, PLAN_FORMAT),
    ):
        one = codec.schema(kind, f"Fivefold {name}")
        top = one["$defs"][kind.__name__]
        extra: dict[str, Any] = {
            "format": {"const": label},
            "version": {"const": VERSION},
            "$schema": {"type": "string"},
        }
        if name == "plan":
            extra["cost_minor"] = {"type": "integer"}
        top["properties"] = {**extra, **top["properties"]}
        if name == "problem":
            places = {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 2}}
            top["properties"]["travel"] = {
                "anyOf": [
                    top["properties"]["travel"],
                    {"type": "object", "properties": {"places": places}, "required": ["places"]},
                ]
            }
        found[f"{name}.schema.json"] = one
    return found
