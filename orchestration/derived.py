"""Write every file that is derived from code; ``--check`` fails and names those that are out of date.

The dbt sources and the page of tables come from ``domain.tables``, the page of constraint types from the registry of
``solvers.families``, the JSON Schemas of problems and plans from their types.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from orchestration.sources import PROJECT
from orchestration.transform.sources import sources_yaml
from orchestration.transform.tables_page import page as tables_page
from solvers.families.catalogue import page as constraints_page
from solvers.formats import plan_json


def _schema(name: str) -> str:
    return json.dumps(plan_json.schemas()[name], indent=2) + "\n"


DERIVED: dict[Path, Callable[[], str]] = {
    PROJECT / "dbt_project" / "models" / "staging" / "sources.yml": sources_yaml,
    PROJECT / "docs" / "tables.md": tables_page,
    PROJECT / "docs" / "constraints.md": constraints_page,
    **{PROJECT / "docs" / "schemas" / name: partial(_schema, name) for name in plan_json.schemas()},
}
"""File -> what makes its text."""


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with ``--check``."""
    stale = [path for path, text in DERIVED.items() if not path.is_file() or path.read_text(encoding="utf-8") != text()]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(PROJECT)} is out of date: run python -m orchestration.derived\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DERIVED[path](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
