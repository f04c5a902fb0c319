"""Rows of an input become rows of a table: expressions, units, times, and a mark where a value cannot be that."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import duckdb

from domain.errors import MappingError
from domain.tables import Column, ColumnType, Table
from orchestration.ingestion.mapping import Mapping, TableMapping, Value, unit_factor
from orchestration.ingestion.rules import RowRule, flag_rule
from orchestration.ingestion.safety import tolerant
from orchestration.ingestion.zones import in_zone

MAPPED = "_mapped"
LARGEST_NUMBER = "1e15"
NATIVE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DOUBLE")


@dataclass(frozen=True)
class Mapped:
    """The temporary table ``_mapped``: canonical columns, ``_n`` (row of the input's table), ``_row`` and ``_file``

    (where the row stands), and one boolean column a rule of the mapping (true = fine).
    """

    columns: tuple[str, ...]
    rules: tuple[RowRule, ...]


def map_rows(connection: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, part: TableMapping) -> Mapped:
    """Evaluate the expressions of one part of a mapping on its input.

    Raises:
        MappingError: an expression cannot be evaluated; names the column.
    """
    where = f"sources/{mapping.name}.yml: {table.name}"
    there = {row[0] for row in connection.execute(f'describe "{part.input}"').fetchall()}
    row = "cast(_row as bigint)" if "_row" in there else "rowid + 1"
    file = "_file" if "_file" in there else f"'{part.input}'"
    raw = [f"rowid as _n, {row} as _row, {file} as _file"]
    given_texts, local_times = ["*"], ["*"]
    typed, rules = ["_n, _row, _file"], []
    kinds = _kinds(connection, part, where)
    for name, value in part.columns.items():
        column = table.column(name)
        expression, attempts = tolerant(value.value)
        raw.append(f"({expression}) as {name}")
        # each step of a conversion is a column of its own, so that the database works it out once a value
        given_texts.append(f"{_as_text(name)} as {_given(name)}")
        if local := _local_time(column, value, kinds[name]):
            local_times.append(f"{local} as {_local(name)}")
        converted = _typed(mapping, column, value, kinds[name], f"{where}.{name}")
        typed.append(f"{converted} as {name}")
        if conversion := _conversion_flag(column, kinds[name]):
            typed.append(f"({_given(name)} is null or {converted} is not null) as _type_{name}")
            rules.append(flag_rule(f"{name}_is_{column.type}", name, conversion, f"_type_{name}"))
        for number, attempt in enumerate(attempts):
            flag = f"_cast_{name}_{number}"
            raw.append(f"({_as_text(f'({attempt.operand})')} is null or ({attempt.converted}) is not null) as {flag}")
            typed.append(flag)
            rules.append(
                flag_rule(f"{name}_is_{column.type}", name, f"{attempt.operand} is not a {attempt.kind}", flag)
            )
    for number, rule in enumerate(part.rules):
        raw.append(f"coalesce(({tolerant(rule.condition)[0]}), true) as _rule_{number}")
        typed.append(f"_rule_{number}")
        rules.append(flag_rule(rule.name, rule.field, rule.message, f"_rule_{number}"))
    condition = tolerant(part.where)[0] if part.where else "true"
    query = f'select {", ".join(raw)} from "{part.input}" where {condition}'
    for step in (given_texts, local_times, typed):
        query = f"select {', '.join(step)} from ({query})"
    sql = f"create or replace temp table {MAPPED} as {query}"
    try:
        connection.execute(sql)
    except duckdb.Error as error:
        raise MappingError(f"{where}: {str(error).splitlines()[0]}") from error
    return Mapped(tuple(part.columns), tuple(rules))


def _kinds(connection: duckdb.DuckDBPyConnection, part: TableMapping, where: str) -> dict[str, str]:
    """DuckDB type of every expression of a part; a missing column is named with the nearest one that exists."""
    checks = {
        **{name: value.value for name, value in part.columns.items()},
        **{f"rules.{rule.name}": rule.condition for rule in part.rules},
        **({"where": part.where} if part.where else {}),
    }
    selected = ", ".join(f"({tolerant(text)[0]}) as c{number}" for number, text in enumerate(checks.values()))
    try:
        found = connection.execute(f'describe select {selected} from "{part.input}"').fetchall()
    except duckdb.Error as error:
        for name, text in checks.items():
            try:
                connection.execute(f'describe select ({tolerant(text)[0]}) from "{part.input}"')
            except duckdb.Error as own:
                raise MappingError(f"{where}.{name}: {_missing_column(connection, part, own)}") from own
        raise MappingError(f"{where}: {str(error).splitlines()[0]}") from error
    return {name: row[1] for name, row in zip(checks, found, strict=True)}


def _missing_column(connection: duckdb.DuckDBPyConnection, part: TableMapping, error: duckdb.Error) -> str:
    text = str(error).splitlines()[0]
    found = re.search(r'Referenced column "([^"]+)"', text)
    if not found:
        return text
    described = connection.execute(f'describe "{part.input}"').fetchall()
    columns = [row[0] for row in described if not row[0].startswith("_")]
    # the column that was meant is most likely one that nothing else reads
    used = " ".join(value.value for value in part.columns.values())
    free = [column for column in columns if column not in used]
    near = difflib.get_close_matches(found.group(1), free or columns, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"column {found.group(1)!r} is not in {part.input}; it has {', '.join(columns[:12])}.{hint}"


def _as_text(sql: str) -> str:
    return f"nullif(trim(cast({sql} as varchar)), '')"


def _given(name: str) -> str:
    """The column that holds a value's text, null where nothing is given."""
    return f"_given_{name}"


def _local(name: str) -> str:
    """The column that holds a moment's local time, null where it states its own offset."""
    return f"_local_{name}"


def _conversion_flag(column: Column, kind: str) -> str | None:
    """Words for a value that cannot become the column's type; None where every value can."""
    kept = {
        ColumnType.DATE: ("DATE",),
        ColumnType.TIMESTAMP: ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"),
        ColumnType.BOOLEAN: ("BOOLEAN",),
        ColumnType.INTEGER: NATIVE_NUMBERS[:-2],
        ColumnType.TEXT: (kind,),
        ColumnType.JSON: (kind,),
    }.get(column.type, NATIVE_NUMBERS[:-2])
    return None if kind in kept else f"the value is not a {column.type}"


def _typed(mapping: Mapping, column: Column, value: Value, kind: str, where: str) -> str:
    """SQL of the column's type from the raw expression, which has the column's name; null where it cannot be."""
    name, text = column.name, _given(column.name)
    match column.type:
        case ColumnType.TEXT | ColumnType.JSON:
            return text
        case ColumnType.BOOLEAN:
            return name if kind == "BOOLEAN" else f"try_cast({text} as boolean)"
        case ColumnType.NUMBER | ColumnType.INTEGER:
            return _number(column, value, kind, where)
        case ColumnType.DATE:
            if kind == "DATE":
                return name
            return f"cast({_parsed(text, value)} as date)" if value.format else f"try_cast({text} as date)"
        case _:
            return _moment(name, value, kind, value.timezone or mapping.timezone)


def _number(column: Column, value: Value, kind: str, where: str) -> str:
    factor = 1.0 if value.unit is None else unit_factor(column.name, value.unit, where)
    native = kind in NATIVE_NUMBERS
    number = f"cast({column.name} as double)" if native else f"try_cast({_given(column.name)} as double)"
    scaled = number if factor == 1.0 else f"{number} * {factor!r}"
    finite = f"case when isfinite({number}) and abs({number}) < {LARGEST_NUMBER} then {scaled} end"
    return finite if column.type is ColumnType.NUMBER else f"cast(round({finite}) as bigint)"


def _local_time(column: Column, value: Value, kind: str) -> str | None:
    """SQL of a moment as the clocks of its zone show it; None where the value says more than that."""
    if column.type is not ColumnType.TIMESTAMP or kind == "TIMESTAMP WITH TIME ZONE" or _states_offset(value):
        return None
    if value.format:
        return _parsed(_given(column.name), value)
    if kind in ("TIMESTAMP", "DATE"):
        return f"cast({column.name} as timestamp)"
    return f"try_cast({_given(column.name)} as timestamp)"


def _states_offset(value: Value) -> bool:
    return value.format is not None and "%z" in value.format.lower()


def _moment(name: str, value: Value, kind: str, zone: str) -> str:
    """A moment in UTC. A text that states its own offset keeps it; everything else is local time."""
    text, local = _given(name), in_zone(_local(name), zone)
    if _states_offset(value):
        return f"cast({_parsed(text, value)} as timestamptz)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return name
    if value.format or kind in ("TIMESTAMP", "DATE"):
        return local
    # a day and an hour are 13 characters: "2025-01-02" ends like an offset
    offset = f"strlen({text}) > 12 and regexp_matches({text}, '(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
    return f"case when {offset} then try_cast({text} as timestamptz) else {local} end"


def _parsed(text: str, value: Value) -> str:
    return f"try_strptime({text}, '{value.format}')"
