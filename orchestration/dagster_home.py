"""The folder in which Dagster keeps its runs for a workspace."""

from __future__ import annotations

from pathlib import Path

from orchestration.sources import PROJECT


def prepare_dagster_home(home: Path) -> Path:
    """``<home>/dagster`` with the project's ``dagster.yaml``."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder
