"""Frozen dataclasses to JSON, back, and to JSON Schema, by their type hints: one description, three uses."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

from solvers.formats.instance import FormatError

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Plain lists, objects, numbers and texts; fields that hold their default are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: to_json(getattr(value, one.name))
            for one in dataclasses.fields(value)
            if not _is_default(one, getattr(value, one.name))
        }
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [to_json(one) for one in value]
    if isinstance(value, Mapping):
        return {key: to_json(one) for key, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _is_default(one: dataclasses.Field[Any], value: Any) -> bool:
    if one.default is not dataclasses.MISSING:
        return bool(type(value) is type(one.default) and value == one.default)
    if one.default_factory is not dataclasses.MISSING:
        return bool(value == one.default_factory())
    return False


def from_json(kind: type[T], content: Any, where: str) -> T:
    """A dataclass from JSON.

    Raises:
        FormatError: names the field by its path (``orders[3].load.mass_g``) and what it must hold.
    """
    if not isinstance(content, dict):
        raise FormatError(f"{where}: must be an object, is {_named(content)}")
    fields = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if strange := sorted(content.keys() - fields.keys()):
        raise FormatError(f"{where}: there is no field {strange[0][:60]!r} (it has: {', '.join(fields)})")
    hints = typing.get_type_hints(kind)
    values = {}
    for name, one in fields.items():
        if name in content:
            values[name] = _value(hints[name], content[name], f"{where}.{name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise FormatError(f"{where}: the field {name!r} is missing")
    return kind(**values)


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"{value!r}"[:60])


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value, where)
    if origin in {types.UnionType, typing.Union}:
        return _one_of(inner, value, where)
    if origin is tuple:
        return tuple(_value(_item(inner, n), one, f"{where}[{n}]") for n, one in enumerate(_list(value, where)))
    if origin is frozenset:
        return frozenset(_value(inner[0], one, f"{where}[{n}]") for n, one in enumerate(_list(value, where)))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise FormatError(f"{where}: must be an object, is {_named(value)}")
        return {key: _value(inner[1], one, f"{where}.{key[:40]}") for key, one in value.items()}
    if origin is np.ndarray:
        return _matrix(value, where)
    expected = {int: "a whole number", str: "a text", bool: "true or false", float: "a number"}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise FormatError(f"{where}: must be {expected.get(hint, str(hint))}, is {_named(value)}")
    return value


def _item(inner: tuple[Any, ...], n: int) -> Any:
    return inner[0] if len(inner) == 2 and inner[1] is Ellipsis else inner[min(n, len(inner) - 1)]


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{where}: must be a list, is {_named(value)}")
    return value


def _one_of(inner: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in inner:
        return None
    errors = []
    for hint in inner:
        if hint is type(None):
            continue
        try:
            return _value(hint, value, where)
        except FormatError as error:
            errors.append(str(error))
    raise FormatError(errors[-1] if len(errors) == 1 else f"{where}: is {_named(value)}, which it may not be")


def _matrix(value: Any, where: str) -> Any:
    rows = _list(value, where)
    for n, row in enumerate(rows):
        if isinstance(row, list) and row and isinstance(row[0], list):
            break
        for m, one in enumerate(_list(row, f"{where}[{n}]")):
            if isinstance(one, bool) or not isinstance(one, int):
                raise FormatError(f"{where}[{n}][{m}]: must be a whole number, is {_named(one)}")
    try:
        return np.array(rows, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{where}: rows must have the same length and hold whole numbers below 2^63") from error


def schema(kind: Any, title: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a dataclass; descriptions are its docstrings'."""
    found: dict[str, Any] = {}
    root = _schema_of(kind, found)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **root,
        "$defs": dict(sorted(found.items())),
    }


def _schema_of(hint: Any, found: dict[str, Any]) -> dict[str, Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in found:
            found[hint.__name__] = {}
            found[hint.__name__] = _object(hint, found)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin in {types.UnionType, typing.Union}:
        return {"anyOf": [_schema_of(one, found) for one in inner]}
    if origin in {tuple, frozenset}:
        return {"type": "array", "items": _schema_of(inner[0], found)}
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema_of(inner[1], found)}
    if origin is np.ndarray:
        return {"type": "array", "items": {"type": "array"}}
    names = {int: "integer", str: "string", bool: "boolean", float: "number", type(None): "null"}
    return {"type": names[hint]}


def _object(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {one.name: _schema_of(hints[one.name], found) for one in fields},
        "required": [one.name for one in fields if one.default is missing and one.default_factory is missing],
        "additionalProperties": False,
    }
