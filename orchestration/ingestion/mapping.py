"""The mapping of a source: which files, which columns, which units. One YAML file in ``sources/``."""

from __future__ import annotations

import codecs
import difflib
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from domain.errors import MappingError
from domain.tables import RAW_TABLES, Table
from orchestration.ingestion.safety import check_expression, check_query, check_statement
from orchestration.sources import MAPPINGS, source_names

ORIGIN_COLUMNS = {"source", "file_id", "retracted"}
UNITS: dict[str, dict[str, float]] = {
    "_g": {"g": 1, "kg": 1_000, "t": 1_000_000},
    "_ml": {"ml": 1, "l": 1_000, "cm3": 1, "m3": 1_000_000},
    "_m": {"m": 1, "km": 1_000, "mi": 1_609.344},
    "_s": {"s": 1, "min": 60, "h": 3_600},
    "_minor": {"minor": 1, "major": 100},
}
"""Suffix of a canonical column -> unit of the file -> factor."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is not an IANA time zone") from error
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """Files of one layout, or a database query.

    ``encoding`` of a CSV may be a list: every line is read in the first one that it is valid in.
    """

    path: str | None = None
    format: Literal["csv", "jsonl", "parquet"] = "csv"
    encoding: tuple[str, ...] = ("utf-8",)
    delimiter: str = ","
    database: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Input:
        if (self.path is None) == (self.database is None):
            raise ValueError("give either path (files) or database with query")
        if self.database is not None and not self.query:
            raise ValueError("database needs a query")
        return self

    @field_validator("encoding", mode="before")
    @classmethod
    def _known_encodings(cls, value: Any) -> Any:
        names = tuple(value) if isinstance(value, list | tuple) else (value,)
        for name in names:
            try:
                codecs.lookup(str(name))
            except LookupError as error:
                raise ValueError(f"{name!r} is not a known encoding") from error
        return names

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError(f"{value!r} leads out of the data folder")
        return value


class Value(_Strict):
    """How a canonical column comes from the file: an SQL expression, with its unit, time format or time zone."""

    value: str
    unit: str | None = None
    format: str | None = None
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else _zone(value)

    @field_validator("format")
    @classmethod
    def _quoted(cls, value: str | None) -> str | None:
        if value is not None and "'" in value:
            raise ValueError("a time format holds no quotes")
        return value


class Rule(_Strict):
    """A rule of the source's own: rows for which ``condition`` is false go to quarantine."""

    name: str
    condition: str
    field: str | None = None
    message: str


class TableMapping(_Strict):
    """How rows of one input become rows of one table."""

    input: str
    where: str | None = None
    columns: dict[str, Value]
    rules: tuple[Rule, ...] = ()

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {"value": str(one)} if not isinstance(one, dict) else one for name, one in value.items()}
        return value


class Features(_Strict):
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Split(_Strict):
    """Train until a date, or leave one value of ``folds_by`` out at a time."""

    train_until: date | None = None
    folds_by: str | None = None


class Moment(_Strict):
    """When a decision is made: a timestamp column of the order, moved by so many hours; never before it is known."""

    at: str
    hours: float = 0.0


class EvaluationTask(_Strict):
    """A prediction task on this source: what is predicted, from what, when, and how past and future are split.

    ``milestones`` (ETA): name -> event at which the time to ``to_event`` is predicted; an event is a type, or
    ``type@suffix`` for stops whose id ends in ``-suffix``. ``available``: column -> milestone it is known from; every
    other column is known with the order. ``entities``: ``a``, ``a*b`` (a pair), ``a*b>a`` (shrunk to a parent).
    ``outcomes``: further numbers learned with the label; ``duration_s`` is the time from decision to conclusion.
    """

    name: str
    task: Literal["failed", "late", "eta"]
    features: Features = Features()
    entities: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    split: Split = Split()
    decide: Moment | None = None
    where: str | None = None
    plan: str | None = None
    scale: str | None = None
    load: str | None = None
    cold_start: str | None = None
    milestones: dict[str, str] = {}
    available: dict[str, str] = {}
    from_event: str | None = None
    to_event: str | None = None
    half_lives_days: tuple[float, ...] = (7.0, 30.0, 120.0)
    recency_days: float = 180.0
    refit_days: int = 7


class Mapping(_Strict):
    """A source."""

    name: str
    title: str
    licence: str
    timezone: str
    inputs: dict[str, Input]
    views: dict[str, str] = {}
    tables: dict[str, tuple[TableMapping, ...]]
    evaluation: tuple[EvaluationTask, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    @field_validator("tables", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: one if isinstance(one, list | tuple) else [one] for name, one in value.items()}
        return value


def load_mapping(name: str | Path) -> Mapping:
    """Read and check a mapping by the name of a shipped one or by path.

    Raises:
        MappingError: names the file, the key and, for a typo, the nearest valid name.
    """
    path = Path(name) if str(name).endswith((".yml", ".yaml")) else MAPPINGS / f"{name}.yml"
    if not path.is_file():
        near = difflib.get_close_matches(str(name), source_names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(source_names())}."
        raise MappingError(f"there is no source {str(name)!r}.{hint}")
    where = f"sources/{path.name}"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"{where}: not valid YAML: {error}") from error
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        raise MappingError(f"{where}: {_first_problem(error)}") from error
    _check(mapping, where)
    return mapping


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = {
            name
            for model in (Mapping, Input, Value, Rule, TableMapping, EvaluationTask, Features, Split, Moment)
            for name in model.model_fields
        }
        near = difflib.get_close_matches(str(first["loc"][-1]), sorted(known), n=1)
        return f"{place}: unknown key." + (f" Did you mean {near[0]!r}?" if near else "")
    return f"{place}: {first['msg']}"


def table_called(name: str) -> Table | None:
    """The raw table of that short name."""
    return next((table for table in RAW_TABLES if table.name == name), None)


def _check(mapping: Mapping, where: str) -> None:
    origins = set(mapping.inputs) | set(mapping.views)
    for name in origins:
        if not name.isidentifier():
            raise MappingError(f"{where}: {name!r} cannot name an input or a view: letters, digits and _ only")
    for name, one in mapping.inputs.items():
        if one.query is not None:
            check_statement(one.query, where=f"{where}: inputs.{name}.query")
    for name, query in mapping.views.items():
        check_query(query, allowed_tables=origins - {name}, where=f"{where}: views.{name}")
    for table_name, parts in mapping.tables.items():
        table = table_called(table_name)
        if table is None:
            near = difflib.get_close_matches(table_name, [one.name for one in RAW_TABLES], n=1)
            raise MappingError(
                f"{where}: tables.{table_name}: there is no such table."
                + (f" Did you mean {near[0]!r}?" if near else "")
            )
        for part in parts:
            _check_part(part, table, origins, f"{where}: {table_name}")


def _check_part(part: TableMapping, table: Table, origins: set[str], where: str) -> None:
    if part.input not in origins:
        raise MappingError(f"{where}: input {part.input!r} is not declared; there are {', '.join(sorted(origins))}")
    valid = set(table.column_names) - ORIGIN_COLUMNS
    for name, value in part.columns.items():
        if name not in valid:
            near = difflib.get_close_matches(name, sorted(valid), n=1)
            raise MappingError(
                f"{where}.{name}: {table.qualified_name} has no such column."
                + (f" Did you mean {near[0]!r}?" if near else "")
            )
        check_expression(value.value, where=f"{where}.{name}")
        if value.unit is not None:
            unit_factor(name, value.unit, where=f"{where}.{name}")
    for rule in part.rules:
        check_expression(rule.condition, where=f"{where}.rules.{rule.name}")
    if part.where is not None:
        check_expression(part.where, where=f"{where}.where")
    missing = [
        c.name
        for c in table.columns
        if c.required and c.name not in part.columns and c.name not in ORIGIN_COLUMNS | {"ingest_time"}
    ]
    if missing:
        raise MappingError(
            f"{where}: the required column {missing[0]!r} is not mapped ({table.column(missing[0]).meaning})"
        )


def unit_factor(column: str, unit: str, where: str) -> float:
    """Factor from ``unit`` to the unit that the column's name ends in.

    Raises:
        MappingError: the column has no unit, or not that one.
    """
    suffix = next((one for one in sorted(UNITS, key=len, reverse=True) if column.endswith(one)), None)
    if suffix is None:
        raise MappingError(f"{where}: the column has no unit, so {unit!r} cannot be converted")
    if unit not in UNITS[suffix]:
        raise MappingError(f"{where}: unit {unit!r} does not fit; known are {', '.join(UNITS[suffix])}")
    return UNITS[suffix][unit]
