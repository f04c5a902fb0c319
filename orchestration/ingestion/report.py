"""The account of a load: what became of every row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Counts:
    """rows_read = rows_landed + rows_quarantined + rows_known, always."""

    rows_read: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_known: int = 0
    rows_retracted: int = 0

    def add(self, other: Counts) -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def add_up(self) -> bool:
        return self.rows_read == self.rows_landed + self.rows_quarantined + self.rows_known


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows of a load break, and the first of them."""

    table: str
    rule: str
    field: str | None
    message: str
    rows: int
    file: str
    row: int

    def __str__(self) -> str:
        first = f"the first is row {self.row} of {self.file}"
        return f"{self.table}: {self.rows:,} rows: {self.message} [{self.rule}]; {first}"


@dataclass
class IngestReport:
    """What became of the rows of a load, by table."""

    source: str
    tables: dict[str, Counts] = field(default_factory=dict)
    stale_dates: list[str] = field(default_factory=list)
    broken: list[BrokenRule] = field(default_factory=list)

    @property
    def total(self) -> Counts:
        total = Counts()
        for counts in self.tables.values():
            total.add(counts)
        return total

    def summary(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "source": self.source,
            **asdict(self.total),
            "stale_dates": self.stale_dates,
            "tables": {name: asdict(counts) for name, counts in self.tables.items()},
            "quarantined": [asdict(rule) for rule in self.broken],
        }
