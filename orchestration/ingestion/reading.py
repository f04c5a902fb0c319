"""Files become tables of a closed DuckDB: all values as text first, every row numbered, broken rows kept."""

from __future__ import annotations

import codecs
import glob
import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from domain.errors import InputError
from orchestration.ingestion.mapping import Input, Mapping

UNDECODABLE = "\ufffd"


@dataclass(frozen=True)
class BrokenRow:
    """A row that is not even a row: too many columns, an unclosed quote."""

    row_number: int
    content: str
    message: str


@dataclass
class Source:
    """Inputs of a mapping, read; ``files`` gives path and content hash of every file of an input."""

    connection: duckdb.DuckDBPyConnection
    files: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    broken: dict[str, list[BrokenRow]] = field(default_factory=dict)


def input_files(mapping: Mapping, name: str, folder: Path) -> list[Path]:
    """Files of an input, in order of name.

    Raises:
        InputError: there is none, or one lies outside the folder (through a link).
    """
    one = mapping.inputs[name]
    if one.path is None:
        return []
    root = folder.resolve()
    paths = sorted(Path(found) for found in glob.glob(str(root / one.path), recursive=True))  # noqa: PTH207
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise InputError(f"sources/{mapping.name}.yml: inputs.{name}: there is no file {one.path!r} in {folder}")
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise InputError(f"{path} leads out of the data folder {folder}")
    return paths


def content_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def read_inputs(mapping: Mapping, folder: Path, only: set[str] | None = None) -> Source:
    """Read the inputs into a DuckDB that can reach nothing else afterwards.

    Every input becomes a table with the columns of its files and ``_row`` (1 is the first data row of its file),
    ``_file`` (path relative to ``folder``).
    """
    source = Source(duckdb.connect(":memory:"))
    source.connection.execute("SET TimeZone = 'UTC'")
    for name, one in mapping.inputs.items():
        if only is not None and name not in only:
            continue
        if one.database is not None:
            _read_database(source, name, one, mapping)
            continue
        paths = input_files(mapping, name, folder)
        source.files[name] = [(str(path.relative_to(folder.resolve())), content_hash(path)) for path in paths]
        for number, path in enumerate(paths):
            _read_file(source, name, one, path, str(path.relative_to(folder.resolve())), first=number == 0)
    source.connection.execute("SET enable_external_access = false")
    source.connection.execute("SET lock_configuration = true")
    for name, query in mapping.views.items():
        try:
            source.connection.execute(f'create view "{name}" as {query}')
        except duckdb.Error as error:
            raise InputError(f"sources/{mapping.name}.yml: views.{name}: {str(error).splitlines()[0]}") from error
    return source


def _read_file(source: Source, name: str, one: Input, path: Path, relative: str, *, first: bool) -> None:
    connection = source.connection
    with tempfile.TemporaryDirectory() as scratch:
        if one.format == "parquet":
            reader, parameters = "read_parquet(?)", [str(path)]
        elif one.format == "jsonl":
            reader, parameters = "read_json(?, format='newline_delimited', ignore_errors=false)", [str(path)]
        else:
            path = _as_utf8(path, one.encoding, Path(scratch))
            reader = (
                "read_csv(?, delim=?, all_varchar=true, header=true, null_padding=false, quote='\"', "
                "ignore_errors=true, store_rejects=true, rejects_limit=0)"
            )
            parameters = [str(path), one.delimiter]
        select = (
            f"select *, row_number() over () as _row, '{relative.replace(chr(39), chr(39) * 2)}' as _file from {reader}"
        )
        try:
            verb = f'create table "{name}" as {select}' if first else f'insert into "{name}" by name {select}'
            connection.execute(verb, parameters)
        except duckdb.Error as error:
            raise InputError(f"{relative}: cannot be read as {one.format}: {str(error).splitlines()[0]}") from error
        if one.format == "csv":
            _keep_rejects(source, name)


def _keep_rejects(source: Source, name: str) -> None:
    rows = source.connection.execute(
        "select line, any_value(csv_line), any_value(error_message) from reject_errors group by line order by line"
    ).fetchall()
    if rows:
        source.broken.setdefault(name, []).extend(
            BrokenRow(int(line) - 1, str(content), str(message).splitlines()[0]) for line, content, message in rows
        )
    source.connection.execute("drop table if exists reject_errors")
    source.connection.execute("drop table if exists reject_scans")


def _as_utf8(path: Path, encoding: str, scratch: Path) -> Path:
    """The file itself where it is UTF-8 as declared; else a copy in UTF-8, undecodable bytes marked."""
    data = path.read_bytes()
    plain = data.removeprefix(codecs.BOM_UTF8)
    if codecs.lookup(encoding).name == "utf-8" and len(plain) == len(data):
        try:
            data.decode("utf-8")
            return path
        except UnicodeDecodeError:
            pass  # mixed encodings: rows with undecodable bytes are found by their mark and quarantined
    copy = scratch / "copy.csv"
    copy.write_text(plain.decode(encoding, errors="replace"), encoding="utf-8")
    return copy


def _read_database(source: Source, name: str, one: Input, mapping: Mapping) -> None:
    """Rows of a query; the connection string is named by an environment variable, never written in the mapping."""
    import os

    import pandas as pd
    import sqlalchemy

    url = os.environ.get(one.database or "")
    if not url:
        raise InputError(
            f"sources/{mapping.name}.yml: inputs.{name}: set the environment variable {one.database} "
            "to the database's SQLAlchemy URL"
        )
    try:
        with sqlalchemy.create_engine(url).connect() as connection:
            frame = pd.read_sql(sqlalchemy.text(one.query or ""), connection)
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise InputError(f"sources/{mapping.name}.yml: inputs.{name}: the query failed: {error}") from error
    digest = hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()[:16]
    source.files[name] = [(f"query:{name}", digest)]
    frame["_row"], frame["_file"] = range(1, len(frame) + 1), f"query:{name}"
    source.connection.register("query_result", frame)
    source.connection.execute(f'create table "{name}" as select * from query_result')
    source.connection.unregister("query_result")
