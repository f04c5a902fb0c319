"""SQL that creates the tables of ``domain.tables`` in the lake."""

from __future__ import annotations

from collections.abc import Iterable

from domain.tables import Table


def create_statements(tables: Iterable[Table]) -> list[str]:
    """``create schema`` and ``create table`` for every table; each can be run again without harm."""
    tables = list(tables)
    statements = [f"create schema if not exists {schema}" for schema in sorted({table.schema for table in tables})]
    for table in tables:
        columns = ", ".join(
            f"{column.name} {column.type.sql}{' not null' if column.required else ''}" for column in table.columns
        )
        statements.append(f"create table if not exists {table.qualified_name} ({columns})")
    return statements


def partition_statements(tables: Iterable[Table]) -> list[str]:
    """``set partitioned by`` for partitioned tables (months of their date, so that files stay few)."""
    return [
        f"alter table {table.qualified_name} set partitioned by "
        f"({', '.join(f'year({column}), month({column})' for column in table.partition_by)})"
        for table in tables
        if table.partition_by
    ]
