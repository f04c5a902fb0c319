"""What the assets share: partitions, policies, the lake, dates of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG
from pydantic import PrivateAttr

from orchestration import settings

if TYPE_CHECKING:
    from orchestration.lake import Lake

SERVICE_DAYS = dg.DailyPartitionsDefinition(
    start_date=settings.first_partition().isoformat(), timezone=settings.timezone(), end_offset=400
)
"""A partition is a service date in the depots' zone; the future is there because tomorrow is planned today."""
BY_QUARTER = dg.BackfillPolicy.multi_run(max_partitions_per_run=92)
"""The one backfill policy: a quarter a run, because a run's start costs more than a day's rows."""
# No step has a retry policy: Dagster would retry mistakes with it too. A run whose process died is retried once by the
# daemon (``run_retries`` of dagster.yaml).
LAKE_POOL = "lake_writers"
"""Pool of the steps that write much: a limit set in the UI keeps backfills from starving the nightly plan."""


def date_range(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """First and last service date of the run."""
    keys = sorted(context.partition_keys)
    return date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])


def open_lake(one_date: bool = False) -> Lake:
    """The workspace's lake; a context manager.

    ``one_date``: for the rows of one service date, over which several threads of the database would only wait for each
    other: a small query then takes half the processor time.
    """
    from orchestration.lake import Lake, LakeSettings

    chosen = LakeSettings.from_environment(settings.home())
    return Lake.open(settings.home(), replace(chosen, threads=chosen.threads or 1) if one_date else chosen)


# Dagster's class is generic over what a step is handed; here that is the resource itself
class Workspace(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The workspace of a run: its lake is opened with the first step that needs it and stays open for the others."""

    _lake: Any = PrivateAttr(default=None)
    _one_date: bool = PrivateAttr(default=False)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Called by Dagster when the run begins."""
        run = context.dagster_run
        self._one_date = run is not None and PARTITION_NAME_TAG in run.tags

    @contextlib.contextmanager
    def lake(self) -> Iterator[Lake]:
        """The lake, open until the run ends."""
        if self._lake is None:
            self._lake = open_lake(self._one_date)
        yield self._lake

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Called by Dagster when the run has ended, whichever way."""
        if self._lake is not None:
            self._lake.close()
            self._lake = None


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.MarkdownMetadataValue:
    """A table in the UI; numbers with thousands separators stand right."""

    def text(value: Any) -> str:
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: ""}[value]
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, float):
            return f"{value:,.3f}"
        return str(value).replace("|", "\\|").replace("<", "&lt;")

    numeric = [bool(rows) and isinstance(rows[0][n], int | float) for n in range(len(header))]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join("--:" if one else "---" for one in numeric) + "|"]
    lines += ["| " + " | ".join(text(value) for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """An image in the UI."""
    import base64

    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def import_beside(*modules: str) -> None:
    """Begin to import what later steps of the run need, while this one waits for a child process.

    What cannot be imported is told by the step that needs it.
    """
    import importlib
    import threading

    def load() -> None:
        for name in modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)

    threading.Thread(target=load, name="imports").start()  # no daemon: the program may not end inside an import


@contextlib.contextmanager
def import_hidden(package: str) -> Iterator[None]:
    """Within, ``package`` cannot be imported: for what does without it where it is not there."""
    loaded = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == package}
    sys.modules[package] = None  # type: ignore[assignment]  # Python's own sign for a module that is not to be found
    try:
        yield
    finally:
        del sys.modules[package]
        sys.modules.update(loaded)
