"""Where the lake's catalogue and files are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from domain.errors import LakeError

EMBEDDED, SQLITE = "embedded", "sqlite"


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """``catalog`` is ``embedded``, ``sqlite`` or a ``postgresql://`` URL; ``data_path`` a folder or S3 prefix."""

    catalog: str
    data_path: str

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
