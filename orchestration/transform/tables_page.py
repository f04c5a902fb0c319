"""The text of ``docs/tables.md``, from ``domain.tables``."""

from __future__ import annotations

from domain.tables import TABLES, Column, Table

SCHEMAS = {
    "raw": "Facts as they were ingested. Several rows of a key are versions, by `ingest_time`.",
    "control": "The account of ingestion.",
    "prediction": "What the models said, as of when.",
    "plan": "Published plans.",
    "operation": "The day, its costs and its KPIs.",
    "learned": "What outcomes taught beside the models, and who used it.",
}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _rules(column: Column) -> str:
    words = ["required"] if column.required else []
    if column.allowed:
        words.append("one of " + ", ".join(f"`{one}`" for one in column.allowed))
    if column.minimum is not None and column.maximum is not None:
        words.append(f"{column.minimum:g} to {column.maximum:g}")
    elif column.minimum is not None:
        words.append(f"at least {column.minimum:g}")
    return ", ".join(words)


def _section(table: Table) -> list[str]:
    lines = [f"### `{table.qualified_name}`", "", f"{table.meaning}. One row: {table.grain}.", ""]
    lines.append(f"Key: {', '.join(f'`{name}`' for name in table.key)}.")
    if table.partition_by:
        lines[-1] += f" Replaced by {', '.join(f'`{name}`' for name in table.partition_by)}."
    lines += [f"Rule: {rule.meaning} (`{rule.name}`)." for rule in table.rules]
    lines += ["", "| column | type | meaning | rules |", "|---|---|---|---|"]
    lines += [
        f"| `{column.name}` | {column.type} | {_cell(column.meaning)} | {_cell(_rules(column))} |"
        for column in table.columns
    ]
    return [*lines, ""]


def page() -> str:
    """The data dictionary as Markdown."""
    lines = [
        "# Tables",
        "",
        "Derived from `domain/tables/` by `python -m orchestration.derived`; do not edit. The lake's",
        "DDL, the dbt sources and the Great Expectations suites come from the same place. Units are in the names",
        "(`_s` seconds, `_m` metres, `_g` grams, `_ml` millilitres, `_minor` minor units of money); times are UTC.",
        "",
    ]
    for schema in dict.fromkeys(table.schema for table in TABLES.values()):
        lines += [f"## {schema}", "", *([SCHEMAS[schema], ""] if schema in SCHEMAS else [])]
        for table in TABLES.values():
            if table.schema == schema:
                lines += _section(table)
    return "\n".join(lines).rstrip() + "\n"
