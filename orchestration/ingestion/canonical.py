"""Rows of an input become rows of a table: expressions, units, times, and a mark where a value cannot be that."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from domain.errors import MappingError
from domain.tables import Column, ColumnType, Table
from orchestration.ingestion.mapping import Mapping, TableMapping, Value, unit_factor


@dataclass(frozen=True)
class Mapped:
    """``frame``: canonical columns, ``_row``, ``_file`` and one boolean column a check (true = fine).

    ``checks``: name of the boolean column -> (rule, field, message).
    """

    frame: pd.DataFrame
    checks: dict[str, tuple[str, str | None, str]]


def map_rows(connection: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, part: TableMapping) -> Mapped:
    """Evaluate the expressions of one part of a mapping on its input.

    Raises:
        MappingError: an expression cannot be evaluated; names the column.
    """
    where = f"sources/{mapping.name}.yml: {table.name}"
    numbered = f'(select *, row_number() over () as _line from "{part.input}")'
    has = {row[0] for row in connection.execute(f'describe "{part.input}"').fetchall()}
    row, file = ("_row" if "_row" in has else "_line"), ("_file" if "_file" in has else f"'{part.input}'")
    selected = [f"cast({row} as bigint) as _row", f"{file} as _file"]
    checks: dict[str, tuple[str, str | None, str]] = {}
    for name, value in part.columns.items():
        column = table.column(name)
        _evaluate(connection, part, value.value, f"{where}.{name}")
        typed = _typed(connection, mapping, part, column, value, f"{where}.{name}")
        selected.append(f"{typed} as {name}")
        if column.type not in (ColumnType.TEXT, ColumnType.JSON):
            text = f"nullif(trim(cast(({value.value}) as varchar)), '')"
            selected.append(f"({text} is null or {typed} is not null) as _type_{name}")
            checks[f"_type_{name}"] = (f"{name}_is_{column.type}", name, f"the value is not a {column.type}")
    for number, rule in enumerate(part.rules):
        _evaluate(connection, part, rule.condition, f"{where}.rules.{rule.name}")
        selected.append(f"coalesce(({rule.condition}), true) as _rule_{number}")
        checks[f"_rule_{number}"] = (rule.name, rule.field, rule.message)
    sql = f"select {', '.join(selected)} from {numbered} where {part.where or 'true'}"
    try:
        frame = connection.execute(sql).to_arrow_table().to_pandas()
    except duckdb.Error as error:
        raise MappingError(f"{where}: {str(error).splitlines()[0]}") from error
    for check in checks:
        frame[check] = frame[check].astype(bool)
    return Mapped(frame, checks)


def _evaluate(connection: duckdb.DuckDBPyConnection, part: TableMapping, expression: str, where: str) -> None:
    """Try an expression on no rows: a missing column is named with the nearest one that exists."""
    try:
        connection.execute(f'select ({expression}) from "{part.input}" limit 0')
    except duckdb.Error as error:
        raise MappingError(f"{where}: {_missing_column(connection, part, error)}") from error


def _missing_column(connection: duckdb.DuckDBPyConnection, part: TableMapping, error: duckdb.Error) -> str:
    import difflib
    import re

    text = str(error).splitlines()[0]
    found = re.search(r'Referenced column "([^"]+)"', text)
    if not found:
        return text
    columns = [
        row[0] for row in connection.execute(f'describe "{part.input}"').fetchall() if not row[0].startswith("_")
    ]
    # the column that was meant is most likely one that nothing else reads
    used = " ".join(value.value for value in part.columns.values())
    free = [column for column in columns if column not in used]
    near = difflib.get_close_matches(found.group(1), free or columns, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"column {found.group(1)!r} is not in {part.input}; it has {', '.join(columns[:12])}.{hint}"


def _typed(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    part: TableMapping,
    column: Column,
    value: Value,
    where: str,
) -> str:
    expression = f"({value.value})"
    text = f"nullif(trim(cast({expression} as varchar)), '')"
    if column.type in (ColumnType.TEXT, ColumnType.JSON):
        return text
    if column.type in (ColumnType.NUMBER, ColumnType.INTEGER):
        factor = 1.0 if value.unit is None else unit_factor(column.name, value.unit, where)
        number = f"try_cast({text} as double)"
        finite = f"case when isfinite({number}) and abs({number}) < 1e15 then {number} * {factor!r} end"
        return finite if column.type is ColumnType.NUMBER else f"cast(round({finite}) as bigint)"
    if column.type is ColumnType.BOOLEAN:
        return f"try_cast({text} as boolean)"
    parsed = f"try_strptime({text}, '{value.format}')" if value.format else None
    if column.type is ColumnType.DATE:
        return f"cast({parsed} as date)" if parsed else f"try_cast({text} as date)"
    kind = connection.execute(f'select typeof({expression}) from "{part.input}" limit 1').fetchone()
    if parsed is None and kind is not None and kind[0] == "TIMESTAMP WITH TIME ZONE":
        return expression
    local = parsed or f"try_cast({text} as timestamp)"
    return f"({local} at time zone '{mapping.timezone}')"
