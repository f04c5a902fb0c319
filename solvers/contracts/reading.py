"""Contracts from plain data (a YAML or JSON file), refused where they contradict themselves.

Money is written in minor units, factors and shares in basis points, times of day as ``"HH:MM"``, dates as ISO.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from solvers.contracts.terms import (
    HOW,
    MONTHLY,
    ROUTE_UNITS,
    UNITS,
    WHOLE_BP,
    Contract,
    ContractError,
    MonthRule,
    Rule,
    Tier,
    Version,
    When,
)

CONTRACT_FIELDS = ("contract_id", "fleet_id", "currency", "versions")
VERSION_FIELDS = ("valid_from", "valid_to", "rules", "monthly")
RULE_FIELDS = ("rule_id", "how", "unit", "amount_minor", "factor_bp", "free", "tiers", "when")
MONTH_FIELDS = (
    "rule_id",
    "kind",
    "volume",
    "amount_minor",
    "tiers",
    "retroactive",
    "target_bp",
    "amount_bp",
    "cap_bp",
    "base_index",
)
WHEN_FIELDS = (
    "zones",
    "services",
    "vehicle_classes",
    "weekdays",
    "from",
    "to",
    "mass_from_g",
    "mass_to_g",
    "failed",
)
NEEDED = {
    "minimum_volume": ("volume", "amount_minor"),
    "volume_tier": ("tiers",),
    "sla_penalty": ("target_bp", "amount_bp"),
    "fuel_index": ("base_index", "amount_bp"),
}


def read_contract(data: Any) -> Contract:
    """A contract of a mapping with ``contract_id``, ``fleet_id``, ``currency`` and ``versions``.

    Raises:
        ContractError: names the contract, the version, the rule and the field, and what would be right.
    """
    top = _mapping(data, "contract", CONTRACT_FIELDS)
    contract_id = _text(top, "contract_id", "contract")
    where = f"contract {contract_id!r}"
    currency = _text(top, "currency", where)
    if len(currency) != 3 or not currency.isalpha() or currency != currency.upper():
        raise ContractError(f"{where}: currency must be an ISO 4217 code such as EUR, is {currency!r}")
    versions = tuple(_version(one, f"{where}, version {n}") for n, one in enumerate(_list(top, "versions", where), 1))
    if not versions:
        raise ContractError(f"{where}: needs at least one version")
    ordered = sorted(versions, key=lambda one: one.valid_from)
    for first, second in pairwise(ordered):
        if first.valid_to is None or first.valid_to >= second.valid_from:
            raise ContractError(
                f"{where}: the versions from {first.valid_from} and from {second.valid_from} both hold on "
                f"{second.valid_from}; end the first on {second.valid_from - timedelta(days=1)}"
            )
    return Contract(contract_id, _text(top, "fleet_id", where), currency, tuple(ordered))


def _version(data: Any, where: str) -> Version:
    fields = _mapping(data, where, VERSION_FIELDS)
    begin = _date(fields, "valid_from", where)
    end = _date(fields, "valid_to", where) if fields.get("valid_to") is not None else None
    if begin is None:
        raise ContractError(f"{where}: valid_from is missing")
    if end is not None and end < begin:
        raise ContractError(f"{where}: valid_to {end} is before valid_from {begin}")
    rules = tuple(_rule(one, where) for one in _list(fields, "rules", where))
    monthly = tuple(_month_rule(one, where) for one in _list(fields, "monthly", where))
    names = [one.rule_id for one in rules] + [one.rule_id for one in monthly]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise ContractError(f"{where}: rule {twice[0]!r} is there twice")
    for kind in ("minimum_volume", "volume_tier", "sla_penalty", "fuel_index"):
        same = [one.rule_id for one in monthly if one.kind == kind]
        if len(same) > 1:
            raise ContractError(f"{where}: rules {same[0]!r} and {same[1]!r} are both {kind}; a month has one")
    return Version(begin, end, rules, monthly)


def _rule(data: Any, where: str) -> Rule:
    fields = _mapping(data, f"{where}, a rule", RULE_FIELDS)
    rule_id = _text(fields, "rule_id", where)
    where = f"{where}, rule {rule_id!r}"
    how, unit = _one_of(fields, "how", HOW, where), _one_of(fields, "unit", UNITS, where)
    when = _when(fields.get("when"), where)
    if unit in ROUTE_UNITS and when.of_stop:
        raise ContractError(f"{where}: a rule per {unit} cannot look at zone, service, mass or outcome of a stop")
    if how == "multiply":
        if unit not in ("stop", "route"):
            raise ContractError(f"{where}: a rule that multiplies has the unit stop or route, not {unit}")
        if "amount_minor" in fields or "tiers" in fields:
            raise ContractError(f"{where}: a rule that multiplies has a factor_bp and no amount")
        factor = _whole(fields, "factor_bp", where)
        return Rule(rule_id, how, unit, factor_bp=factor, when=when)
    if "factor_bp" in fields:
        raise ContractError(f"{where}: factor_bp belongs to rules that multiply")
    tiers = _tiers(fields, where)
    if tiers and unit in ("route", "failed_attempt", "waiting_minute"):
        raise ContractError(f"{where}: tiers are for stop, parcel, km, hour and overtime_hour, not {unit}")
    free = _whole(fields, "free", where, 0)
    if tiers and free:
        raise ContractError(f"{where}: free units and tiers together: make the free units a tier of price 0")
    return Rule(rule_id, how, unit, _whole(fields, "amount_minor", where), WHOLE_BP, free, tiers, when)


def _month_rule(data: Any, where: str) -> MonthRule:
    fields = _mapping(data, f"{where}, a monthly rule", MONTH_FIELDS)
    rule_id = _text(fields, "rule_id", where)
    where = f"{where}, rule {rule_id!r}"
    kind = _one_of(fields, "kind", MONTHLY, where)
    if missing := [name for name in NEEDED[kind] if name not in fields]:
        raise ContractError(f"{where}: {kind} needs {missing[0]}")
    rule = MonthRule(
        rule_id,
        kind,
        _whole(fields, "volume", where, 0),
        _whole(fields, "amount_minor", where, 0),
        _tiers(fields, where),
        bool(fields.get("retroactive", False)),
        _whole(fields, "target_bp", where, 0),
        _whole(fields, "amount_bp", where, 0),
        _whole(fields, "cap_bp", where, WHOLE_BP),
        _whole(fields, "base_index", where, 0),
    )
    if kind == "fuel_index" and rule.base_index == 0:
        raise ContractError(f"{where}: base_index must be above 0")
    if kind == "volume_tier" and not rule.tiers:
        raise ContractError(f"{where}: volume_tier needs at least one tier")
    for name in ("target_bp", "cap_bp"):
        if getattr(rule, name) > WHOLE_BP:
            raise ContractError(f"{where}: {name} is a share in basis points, 10000 at most")
    return rule


def _when(data: Any, where: str) -> When:
    if data is None:
        return When()
    fields = _mapping(data, f"{where}, when", WHEN_FIELDS)
    weekdays = frozenset(_list(fields, "weekdays", where))
    if wrong := [one for one in weekdays if not isinstance(one, int) or not 1 <= one <= 7]:
        raise ContractError(f"{where}: weekdays are 1 (Monday) to 7, not {wrong[0]!r}")
    begin, end = _clock(fields, "from", where), _clock(fields, "to", where)
    low, high = _optional(fields, "mass_from_g", where), _optional(fields, "mass_to_g", where)
    if low is not None and high is not None and low >= high:
        raise ContractError(f"{where}: no mass is at least {low} g and below {high} g")
    if begin is not None and begin == end:
        raise ContractError(f"{where}: from and to are the same time; leave both out for the whole day")
    failed = fields.get("failed")
    if failed is not None and not isinstance(failed, bool):
        raise ContractError(f"{where}: failed must be true or false, is {failed!r}")
    return When(
        _names(fields, "zones", where),
        _names(fields, "services", where),
        _names(fields, "vehicle_classes", where),
        weekdays,
        begin,
        end,
        low,
        high,
        failed,
    )


def _tiers(fields: Mapping[str, Any], where: str) -> tuple[Tier, ...]:
    tiers = []
    for one in _list(fields, "tiers", where):
        own = _mapping(one, f"{where}, a tier", ("above", "amount_minor"))
        tiers.append(Tier(_whole(own, "above", where), _whole(own, "amount_minor", where)))
    for first, second in pairwise(tiers):
        if second.above <= first.above:
            raise ContractError(f"{where}: tiers must rise; {second.above} follows {first.above}")
    return tuple(tiers)


def _mapping(data: Any, where: str, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ContractError(f"{where}: must be a mapping of fields, is {type(data).__name__}")
    for name in data:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise ContractError(f"{where}: there is no field {str(name)[:60]!r}{hint}")
    return data


def _list(fields: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list | tuple):
        raise ContractError(f"{where}: {name} must be a list")
    return list(value)


def _names(fields: Mapping[str, Any], name: str, where: str) -> frozenset[str]:
    values = _list(fields, name, where)
    if name in fields and not values:
        raise ContractError(f"{where}: {name} is empty, so the rule would hold everywhere; name some or leave it out")
    return frozenset(str(one) for one in values)


def _text(fields: Mapping[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ContractError(f"{where}: {name} must be a text, is {value!r}")
    return value


def _one_of(fields: Mapping[str, Any], name: str, known: Iterable[str], where: str) -> str:
    value = fields.get(name)
    if value not in tuple(known):
        raise ContractError(f"{where}: {name} must be one of {', '.join(known)}, is {value!r}")
    return str(value)


def _whole(fields: Mapping[str, Any], name: str, where: str, default: int | None = None) -> int:
    value = fields.get(name, default)
    if value is None:
        raise ContractError(f"{where}: {name} is missing")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ContractError(f"{where}: {name} must be a whole number, is {value!r}")
    if value < 0:
        raise ContractError(f"{where}: {name} must not be negative, is {value}; a discount is a factor below 10000")
    if value > 10**12:
        raise ContractError(f"{where}: {name} is beyond any price: {value}")
    return value


def _optional(fields: Mapping[str, Any], name: str, where: str) -> int | None:
    return None if fields.get(name) is None else _whole(fields, name, where)


def _date(fields: Mapping[str, Any], name: str, where: str) -> date | None:
    value = fields.get(name)
    if isinstance(value, date):
        return value
    try:
        return None if value is None else date.fromisoformat(str(value))
    except ValueError:
        raise ContractError(f"{where}: {name} must be a date such as 2026-01-31, is {value!r}") from None


def _clock(fields: Mapping[str, Any], name: str, where: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    parts = str(value).split(":")
    if len(parts) == 2 and all(one.isdigit() for one in parts) and int(parts[0]) <= 24 and int(parts[1]) < 60:
        return 3_600 * int(parts[0]) + 60 * int(parts[1])
    raise ContractError(f'{where}: {name} must be a time of day in quotes such as "17:30", is {value!r}')
