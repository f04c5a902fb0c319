"""Where the lake's catalogue and files are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import LakeError

EMBEDDED, SQLITE = "embedded", "sqlite"
THREADS = "FIVEFOLD_DATABASE_THREADS"


def threads_from_environment() -> int | None:
    """Threads of DuckDB in each process (``FIVEFOLD_DATABASE_THREADS``); None: one a processor.

    Raises:
        LakeError: not a whole number above 0.
    """
    text = os.environ.get(THREADS, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise LakeError(f"{THREADS} is {text!r}; it must be a whole number above 0")
    return int(text) if text else None


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """``catalog`` is ``embedded``, ``sqlite`` or a ``postgresql://`` URL; ``data_path`` a folder or S3 prefix.

    ``threads``: of DuckDB, None for one a processor.
    """

    catalog: str
    data_path: str
    threads: int | None = field(default_factory=threads_from_environment)

    @classmethod
    def from_environment(cls, home: Path) -> LakeSettings:
        """Read ``FIVEFOLD_CATALOG`` and ``FIVEFOLD_DATA_PATH``; the defaults need no set-up."""
        return cls(
            catalog=os.environ.get("FIVEFOLD_CATALOG", EMBEDDED),
            data_path=os.environ.get("FIVEFOLD_DATA_PATH") or str(home / "lake"),
        )

    def __post_init__(self) -> None:
        if self.catalog not in (EMBEDDED, SQLITE) and not self.catalog.startswith(("postgresql://", "postgres://")):
            raise LakeError(
                f"FIVEFOLD_CATALOG is {self.catalog!r}; it must be 'embedded', 'sqlite' or a postgresql:// URL"
            )
