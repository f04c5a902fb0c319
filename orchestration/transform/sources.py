"""Write ``dbt_project/models/staging/sources.yml`` from ``domain.tables``; ``--check`` fails if it is out of date."""

from __future__ import annotations

import sys

import yaml

from domain.tables import RAW_TABLES
from orchestration.sources import PROJECT

PATH = PROJECT / "dbt_project" / "models" / "staging" / "sources.yml"


def sources_yaml() -> str:
    """The dbt sources as YAML."""
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
                        "columns": [
                            {"name": column.name, "description": column.meaning, "data_type": column.type.sql}
                            for column in table.columns
                        ],
                    }
                    for table in RAW_TABLES
                ],
            }
        ]
    }
    return (
        "# Derived from domain/tables.py by `python -m orchestration.transform.sources`; do not edit.\n"
        + yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    )


def main() -> int:
    """Write, or compare with ``--check``."""
    if "--check" in sys.argv[1:]:
        if not PATH.is_file() or PATH.read_text(encoding="utf-8") != sources_yaml():
            sys.stderr.write(f"{PATH} is out of date: run python -m orchestration.transform.sources\n")
            return 1
        return 0
    PATH.write_text(sources_yaml(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
