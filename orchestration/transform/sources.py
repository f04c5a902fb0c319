"""The text of ``dbt_project/models/staging/sources.yml``, from ``domain.tables``.

It holds the dbt sources and the documentation of the staging models, which have the columns of their table.
"""

from __future__ import annotations

from typing import Any

import yaml

from domain.tables import RAW_TABLES, TABLES, Table

LATEST = ("orders",)
"""Tables whose staging model keeps the version known last, for the service dates of a run."""
HISTORIES = ("delivery_events", "depots", "fleets", "vehicles", "drivers")
"""Tables whose staging model keeps every version with the time it was current."""
VALIDITY = [
    {"name": "known_from", "description": "From when on this version was current"},
    {"name": "known_to", "description": "Before when it was current; null is still"},
]


def _columns(table: Table) -> list[dict[str, Any]]:
    return [
        {"name": column.name, "description": column.meaning, "data_type": column.type.sql} for column in table.columns
    ]


def _staging_models() -> list[dict[str, Any]]:
    models = []
    for name in (*LATEST, *HISTORIES):
        table = TABLES[f"raw.{name}"]
        what = "the version known last" if name in LATEST else "every version and when it was current"
        columns: list[dict[str, Any]] = [
            {"name": column.name, "description": column.meaning} for column in table.columns
        ]
        models.append(
            {
                "name": f"stg_{name}",
                "description": f"{table.meaning}: {what}.",
                "columns": columns + (VALIDITY if name in HISTORIES else []),
            }
        )
    return models


def sources_yaml() -> str:
    """The dbt sources and staging documentation as YAML."""
    content = {
        "sources": [
            {
                "name": "raw",
                "database": "lake",
                "schema": "raw",
                "description": "Facts as they were ingested; versions of a key by ingest_time.",
                "tables": [
                    {
                        "name": table.name,
                        "description": f"{table.meaning}. One row: {table.grain}.",
                        "columns": _columns(table),
                    }
                    for table in RAW_TABLES
                ],
            }
        ],
        "models": _staging_models(),
    }

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return "# Derived from domain/tables/ by `python -m orchestration.derived`; do not edit.\n" + yaml.dump(
        content, Dumper=Plain, sort_keys=False, width=110, allow_unicode=True
    )
