"""The dbt manifest: parsed when it is missing or older than the project, never otherwise."""

from __future__ import annotations

import fcntl
from pathlib import Path

from domain.errors import FivefoldError
from orchestration.transform.parse import parse
from orchestration.transform.run import DBT_PROJECT

SOURCES = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests", "seeds", "snapshots")


def ensure_manifest() -> Path:
    """Path of an up-to-date ``target/manifest.json``; processes that start together parse once.

    Raises:
        FivefoldError: the dbt project cannot be parsed.
    """
    manifest = DBT_PROJECT / "target" / "manifest.json"
    if not _stale(manifest):
        return manifest
    manifest.parent.mkdir(exist_ok=True)
    with (manifest.parent / "parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _stale(manifest):
            if parse() != 0:
                raise FivefoldError(f"dbt could not parse {DBT_PROJECT}; `make lint` shows why")
            manifest.touch()  # dbt leaves the file alone when a partial parse finds nothing new
    return manifest


def _stale(manifest: Path) -> bool:
    if not manifest.exists():
        return True
    written = manifest.stat().st_mtime
    for name in SOURCES:
        path = DBT_PROJECT / name
        files = path.rglob("*") if path.is_dir() else [path]
        if any(one.is_file() and one.stat().st_mtime > written for one in files):
            return True
    return False
