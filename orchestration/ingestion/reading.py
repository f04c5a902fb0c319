"""Inputs become tables of a closed DuckDB: every row numbered, broken rows kept, nothing else within reach."""

from __future__ import annotations

import glob
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from domain.errors import InputError
from orchestration.ingestion.files import BrokenRow, read_files
from orchestration.ingestion.mapping import Mapping
from orchestration.ingestion.query import read_query
from orchestration.ingestion.safety import soften


@dataclass
class Source:
    """Inputs of a mapping, read; ``files`` gives path and content hash of every file of an input."""

    connection: duckdb.DuckDBPyConnection
    files: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    broken: dict[str, list[BrokenRow]] = field(default_factory=dict)


def input_files(mapping: Mapping, name: str, folder: Path, leave_out: frozenset[Path] = frozenset()) -> list[Path]:
    """Files of an input, in order of name, without those to ``leave_out``.

    Raises:
        InputError: there is none, or one lies outside the folder (through a link).
    """
    one = mapping.inputs[name]
    if one.path is None:
        return []
    root = folder.resolve()
    paths = sorted(Path(found) for found in glob.glob(str(Path(glob.escape(str(root))) / one.path), recursive=True))  # noqa: PTH207
    paths = [path for path in paths if path.is_file() and path not in leave_out]
    if not paths:
        raise InputError(f"sources/{mapping.name}.yml: inputs.{name}: there is no file {one.path!r} in {folder}")
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise InputError(f"{path} leads out of the data folder {folder}")
    return paths


def content_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def read_inputs(mapping: Mapping, folder: Path, leave_out: frozenset[Path] = frozenset()) -> Source:
    """Read the inputs into a DuckDB that can reach nothing else afterwards.

    Every input becomes a table with the columns of its files and ``_row`` (1 is the first data row of its file),
    ``_file`` (path relative to ``folder``); every view becomes a table too, so that its rows have a fixed order.

    Raises:
        InputError: a file is missing, outside the folder or unreadable, a query fails, or a view does not fit.
    """
    source = Source(duckdb.connect(":memory:"))
    connection, root = source.connection, folder.resolve()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name, one in mapping.inputs.items():
            if one.database is not None:
                source.files[name] = [read_query(connection, name, one, f"sources/{mapping.name}.yml: inputs.{name}")]
                continue
            paths = input_files(mapping, name, folder, leave_out)
            with ThreadPoolExecutor(1) as beside:
                digests = beside.map(content_hash, paths)
                if broken := read_files(connection, name, one, paths, root):
                    source.broken[name] = broken
                names = (str(path.relative_to(root)) for path in paths)
                source.files[name] = list(zip(names, digests, strict=True))
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        for name, query in mapping.views.items():
            try:
                connection.execute(f'create table "{name}" as {soften(query)}')
            except duckdb.Error as error:
                raise InputError(f"sources/{mapping.name}.yml: views.{name}: {str(error).splitlines()[0]}") from error
    except BaseException:
        connection.close()
        raise
    return source
