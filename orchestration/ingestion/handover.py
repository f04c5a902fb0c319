"""Rows that were judged go to the lake while the next ones are mapped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from domain.tables import Table
from orchestration.ingestion.landing import Load, land
from orchestration.ingestion.report import BrokenRule, Counts, IngestReport
from orchestration.lake import Lake


@dataclass
class Handover:
    """Lands one part while the next is mapped: two databases, two cores. Parts land one after another.

    Nothing begins to land after a part that could not.
    """

    lake: Lake
    report: IngestReport
    progress: Callable[[str], None] | None
    table: str | None = None
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "landing"))
    pending: Future[tuple[Counts, set[str], list[BrokenRule]]] | None = None

    def begin(self, table: Table, judged: Load | Counts) -> None:
        """Land a part beside what comes next; ``Counts``: nothing of it is new. The one before has landed."""
        self.table = table.name
        if isinstance(judged, Counts):
            self._tell(judged, set(), [])
        else:
            self.pending = self.worker.submit(_land_part, self.lake, judged)

    def wait(self) -> None:
        """Until nothing is on its way to the lake; raises what went wrong there."""
        if self.pending is not None:
            pending, self.pending = self.pending, None
            self._tell(*pending.result())

    def close(self) -> None:
        self.worker.shutdown(wait=True)

    def _tell(self, counts: Counts, stale: set[str], broken: list[BrokenRule]) -> None:
        report, name = self.report, str(self.table)
        report.tables.setdefault(name, Counts()).add(counts)
        report.stale_dates = sorted({*report.stale_dates, *stale})
        report.broken.extend(broken)
        if self.progress:
            self.progress(
                f"{name}: {counts.rows_read:,} rows read, {counts.rows_landed:,} landed, "
                f"{counts.rows_quarantined:,} quarantined"
            )


def _land_part(lake: Lake, load: Load) -> tuple[Counts, set[str], list[BrokenRule]]:
    counts, stale = lake.write(
        lambda connection: land(connection, load), f"ingest {load.mapping} into {load.table.qualified_name}"
    )
    return counts, stale, _broken_rules(load.table, load)


def _broken_rules(table: Table, load: Load) -> list[BrokenRule]:
    bad = load.bad.to_pandas()
    found = []
    for rule, rows in bad.groupby("rule", sort=False):
        first = rows.sort_values(["path", "row_number"]).iloc[0]
        field = first["field"] if isinstance(first["field"], str) else None
        found.append(
            BrokenRule(
                table.name,
                str(rule),
                field,
                str(first["message"]),
                len(rows),
                str(first["path"]),
                int(first["row_number"]),
            )
        )
    return found
