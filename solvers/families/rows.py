"""Rules from rows of data: what a company writes into a table, checked field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from domain.errors import PlanningError
from solvers.families import REGISTRY, refuse_malformed
from solvers.problem import AUTHORITIES, Attribute, Rule

HARDNESS = ("hard", "soft")
FIELDS = ("rule_id", "type", "orders", "vehicles", "fleets", "parameters", "hardness", "price_minor", "authority")


def rules_from_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules of ``rows``; fields are ``FIELDS``, all but ``rule_id`` and ``type`` may be missing or None.

    ``parameters`` is a mapping or its JSON text; scopes are lists of ids or one id; ``hardness`` is ``hard`` (the
    default) or ``soft``; ``authority`` is the type's own where it is missing.

    Raises:
        PlanningError: names the rule and the field.
    """
    return tuple(rule_from_row(row, f"rule {number}") for number, row in enumerate(rows))


def rule_from_row(row: Mapping[str, Any], owner: str = "rule") -> Rule:
    """One rule of one row.

    Raises:
        PlanningError: names the rule and the field.
    """
    if strange := sorted(set(row) - set(FIELDS)):
        raise PlanningError(f"{owner}: there is no field {strange[0][:80]!r} (there are: {', '.join(FIELDS)})")
    rule_id, code = row.get("rule_id"), row.get("type")
    if not isinstance(rule_id, str) or not rule_id:
        raise PlanningError(f"{owner}: rule_id must be a text, is {str(rule_id)[:80]!r}")
    owner = f"rule {rule_id[:80]!r}"
    if not isinstance(code, str):
        raise PlanningError(f"{owner}: type must be a text, is {str(code)[:80]!r}")
    hardness = row.get("hardness") or "hard"
    if hardness not in HARDNESS:
        raise PlanningError(f"{owner}: hardness must be hard or soft, is {str(hardness)[:80]!r}")
    price = row.get("price_minor") or 0
    if isinstance(price, bool) or not isinstance(price, int):
        raise PlanningError(f"{owner}: price_minor must be a whole number, is {str(price)[:80]!r}")
    usual = REGISTRY[code].authority if code in REGISTRY else "policy"
    authority = row.get("authority") or usual
    if authority not in AUTHORITIES:
        raise PlanningError(f"{owner}: authority must be one of {', '.join(AUTHORITIES)}, is {str(authority)[:80]!r}")
    rule = Rule(
        rule_id,
        code,
        _ids(owner, "orders", row.get("orders")),
        _ids(owner, "vehicles", row.get("vehicles")),
        _ids(owner, "fleets", row.get("fleets")),
        _parameters(owner, row.get("parameters")),
        hardness == "hard",
        price,
        authority,
    )
    refuse_malformed(rule)
    return rule


def _ids(owner: str, name: str, value: Any) -> frozenset[str]:
    if value is None or value == "":
        return frozenset()
    if isinstance(value, str):
        return frozenset([value])
    ids = list(value) if isinstance(value, Iterable) else [None]
    if all(isinstance(one, str) for one in ids):
        return frozenset(ids)
    raise PlanningError(f"{owner}: {name} must be ids, is {str(value)[:80]!r}")


def _parameters(owner: str, value: Any) -> dict[str, Attribute]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise PlanningError(f"{owner}: parameters are no JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise PlanningError(f"{owner}: parameters must be an object, is {str(value)[:80]!r}")
    found: dict[str, Attribute] = {}
    for name, one in value.items():
        if isinstance(one, list):
            found[str(name)] = tuple(one)
        elif isinstance(one, float) and one.is_integer():
            found[str(name)] = int(one)
        elif isinstance(one, int | str | tuple):
            found[str(name)] = one
        else:
            raise PlanningError(f"{owner}: parameter {str(name)[:80]!r} must be a number, a text or a list of them")
    return found
