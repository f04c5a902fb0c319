"""Where the mappings and the files of sources are."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MAPPINGS = PROJECT / "sources"
DEMO = "demo"
FOLDERS = {"amazon_chicago": "amazon/chicago_2018-08-08"}
"""Where a source's files are not in a folder of its own name."""


def source_names() -> list[str]:
    """Names of the mappings that ship, in alphabetical order."""
    return sorted(path.stem for path in MAPPINGS.glob("*.yml"))


def data_folder(name: str, data: Path | None, home: Path) -> Path:
    """The folder with a source's files: ``data`` if given, else the first that exists of

    ``$FIVEFOLD_DATA/<name>``, ``../shared/data/<name>`` beside the checkout, ``<home>/landing/<name>``.
    """
    if data is not None:
        return data.resolve()
    landing = home / "landing" / name
    below = FOLDERS.get(name, name)
    candidates = [PROJECT.parent / "shared" / "data" / below]
    if setting := os.environ.get("FIVEFOLD_DATA"):
        candidates.insert(0, Path(setting) / below)
    if name == DEMO:
        return landing
    return next((folder for folder in candidates if folder.is_dir()), landing)
