"""Run dbt as a child process: its imports and state stay out of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import FivefoldError
from orchestration.sources import PROJECT

if TYPE_CHECKING:
    from orchestration.lake import Lake

DBT_PROJECT = PROJECT / "dbt_project"
TAIL_LINES = 30
PARSE = "partial_parse.msgpack"
RUNS_KEPT = 10
"""Runs whose compiled SQL and logs stay, for a person who looks why a model failed."""
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
"""Unit tests try the SQL on made-up rows: they belong to the project's own tests, not to a run on data."""


NOT_WRITTEN = ("--no-write-json",)
"""A run's own copy of the manifest is read by nobody and takes a second to write; what ran is in Dagster's log."""


def dbt_command(*arguments: str) -> list[str]:
    """The dbt of this environment, on this project."""
    return [
        str(Path(sys.executable).with_name("dbt")),
        *arguments,
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(DBT_PROJECT),
    ]


def range_arguments(first: date, last: date) -> list[str]:
    """Arguments that limit a build to the service dates ``first`` to ``last``, both included."""
    return ["--event-time-start", first.isoformat(), "--event-time-end", (last + timedelta(days=1)).isoformat()]


def target_folder(lake: Lake) -> Path:
    """Where dbt keeps what it compiles for this lake; begins with the parse of the project, which all lakes share."""
    folder = lake.home / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    shared = DBT_PROJECT / "target" / PARSE
    if shared.exists() and not (folder / PARSE).exists():
        shutil.copy(shared, folder / PARSE)
    return folder


def dbt_environment(lake: Lake) -> dict[str, str]:
    """The environment of a dbt process on this lake."""
    own = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_TARGET_PATH": str(target_folder(lake))}
    return {**os.environ, **lake.dbt_environment(), **own}


def keep_parse(lake: Lake, run_folder: Path) -> None:
    """Take a run's parse of the project over for the next run on this lake, and let go of all but the newest runs."""
    parsed = run_folder / PARSE
    if parsed.exists():
        draft = target_folder(lake) / f"{PARSE}.tmp"
        shutil.copy(parsed, draft)
        draft.replace(target_folder(lake) / PARSE)
    runs = sorted(target_folder(lake).glob("dbt-*"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in runs[RUNS_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def one_build(lake: Lake) -> Iterator[None]:
    """Let one process build features at a time: two that fill the same empty dates would both land."""
    from orchestration.lake.catalog import one_writer

    with one_writer(lake.settings, lake.home, "features"):
        yield


def build_features(lake: Lake, first: date, last: date) -> None:
    """Build and test staging, intermediate and marts for a range of service dates.

    Raises:
        FivefoldError: dbt failed; the message ends with what it printed last.
    """
    command = dbt_command("build", "--quiet", *NOT_WRITTEN, *WITHOUT_UNIT_TESTS, *range_arguments(first, last))
    with one_build(lake):
        done = subprocess.run(
            command,
            env=dbt_environment(lake),
            cwd=DBT_PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL_LINES:])
        raise FivefoldError(f"dbt could not build the features of {first} to {last}:\n{tail}")
