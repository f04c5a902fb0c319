"""Files as rows: CSV, JSON lines and Parquet into one table of text or typed columns; broken lines are kept."""

from __future__ import annotations

import codecs
import csv
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from domain.errors import InputError
from orchestration.ingestion.mapping import Input

RESERVED = ("_row", "_file")
PATH = "_path"
LONGEST_LINE_BYTES = 16_000_000


@dataclass(frozen=True)
class BrokenRow:
    """A row that is not even a row: too many columns, an unclosed quote, no JSON.

    ``row_number``: its place in ``file``; 1 is the first data row.
    """

    file: str
    row_number: int
    content: str
    message: str


def read_files(
    connection: duckdb.DuckDBPyConnection, name: str, one: Input, paths: Sequence[Path], root: Path
) -> list[BrokenRow]:
    """Make the table ``name`` of all files of an input, with ``_row`` and ``_file``; return the lines that are no rows.

    Files of one layout are read together, on all cores.

    Raises:
        InputError: a file cannot be read at all, or lacks a column that the input's first file has.
    """
    read = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}[one.format]
    broken: list[BrokenRow] = []
    with tempfile.TemporaryDirectory() as scratch:
        sources = [File(path, str(path.relative_to(root))) for path in paths]
        for number, group in enumerate(read(connection, one, sources, Path(scratch))):
            _add(connection, name, group, first=number == 0)
            broken.extend(row for file in group for row in file.broken)
    return broken


@dataclass
class File:
    """``path``: what is read, perhaps a copy; ``name``: the file as people know it; ``broken``: its lost lines."""

    path: Path
    name: str
    broken: list[BrokenRow] = field(default_factory=list)


def _load(connection: duckdb.DuckDBPyConnection, files: list[File], reader: str, kind: str, *parameters: str) -> None:
    """Rows of ``files`` as the temporary table ``incoming``, in order of file and row, with ``_path``."""
    paths = [str(file.path) for file in files]
    sql = f"create or replace temp table incoming as select * from {reader}"
    try:
        connection.execute(sql, [paths, *parameters])
    except duckdb.Error as error:
        for file in files:  # say which one it is
            try:
                connection.execute(sql, [[str(file.path)], *parameters])
            except duckdb.Error as own:
                raise InputError(f"{file.name}: cannot be read as {kind}: {str(own).splitlines()[0]}") from own
        raise InputError(
            f"{files[0].name} and others cannot be read together as {kind}: {str(error).splitlines()[0]}"
        ) from error


def _add(connection: duckdb.DuckDBPyConnection, name: str, files: list[File], *, first: bool) -> None:
    """Number the rows of ``incoming`` as they stand in their files (broken ones count); add them to the input."""
    have = [row[0] for row in connection.execute("describe incoming").fetchall() if row[0] != PATH]
    if clash := [column for column in have if column.lower() in RESERVED]:
        raise InputError(f"{files[0].name}: a column may not be called {clash[0]!r}")
    columns = have
    if not first:
        described = connection.execute(f'describe "{name}"').fetchall()
        columns = [row[0] for row in described if row[0] not in RESERVED]
        known = {column.lower() for column in have}
        if missing := [column for column in columns if column.lower() not in known]:
            raise InputError(f"{files[0].name}: the column {missing[0]!r} is missing; other files of {name!r} have it")
    connection.execute(
        "create or replace temp table _origins as select unnest(?) as path, unnest(?) as name",
        [[str(file.path) for file in files], [file.name for file in files]],
    )
    selected = ", ".join(f'i."{column}"' for column in columns)
    query = (
        f"select {selected}, cast(i.rowid - s.first + 1 as bigint) as _row, o.name as _file from incoming as i "
        f"join (select {PATH}, min(rowid) as first from incoming group by {PATH}) as s using ({PATH}) "
        f"join _origins as o on o.path = {PATH}"
    )
    connection.execute(f'create table "{name}" as {query}' if first else f'insert into "{name}" {query}')
    connection.execute("drop table incoming")
    for file in files:
        if file.broken:
            # the k-th good row stands after as many broken ones as lie before it
            steps = [row.row_number - place for place, row in enumerate(file.broken)]
            connection.execute(
                f'update "{name}" set _row = _row + len(list_filter({steps}, lambda s: s <= _row)) where _file = ?',
                [file.name],
            )


def _parquet(
    connection: duckdb.DuckDBPyConnection, one: Input, files: list[File], scratch: Path
) -> Iterator[list[File]]:
    _load(connection, files, f"read_parquet(?, union_by_name = true, filename = '{PATH}')", "parquet")
    yield files


def _csv(connection: duckdb.DuckDBPyConnection, one: Input, files: list[File], scratch: Path) -> Iterator[list[File]]:
    layouts: dict[tuple[str, ...], list[File]] = {}
    for number, file in enumerate(files):
        file.path = as_utf8(file.path, one.encoding, scratch / f"{number}.csv")
        layouts.setdefault(tuple(_header(file.path, one.delimiter, file.name)), []).append(file)
    for header, group in layouts.items():
        columns = ", ".join("'" + column.replace("'", "''") + "': 'VARCHAR'" for column in header)
        # nothing is guessed: the header names the columns, every value is text, every line that does not fit is kept
        reader = (
            f"read_csv(?, delim = ?, auto_detect = false, columns = {{{columns}}}, header = true, "
            f"null_padding = false, quote = '\"', escape = '\"', ignore_errors = true, store_rejects = true, "
            f"rejects_limit = 0, max_line_size = {LONGEST_LINE_BYTES}, filename = '{PATH}')"
        )
        _load(connection, group, reader, "csv", one.delimiter)
        lost = connection.execute(
            "select s.file_path, e.line, any_value(e.csv_line), any_value(e.error_message) from reject_errors as e "
            "join (select distinct scan_id, file_id, file_path from reject_scans) as s using (scan_id, file_id) "
            "group by all order by 1, 2"
        ).fetchall()
        by_path = {str(file.path): file for file in group}
        for path, line, content, message in lost:
            file = by_path[path]
            text = str(content).strip("\r\n")
            file.broken.append(BrokenRow(file.name, int(line) - 1, text, str(message).splitlines()[0]))
        connection.execute("drop table if exists reject_errors")
        connection.execute("drop table if exists reject_scans")
        yield group


def _header(path: Path, delimiter: str, relative: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as handle:
        names = next(csv.reader(handle, delimiter=delimiter), [])
    if not names or names == [""]:
        raise InputError(f"{relative}: the file is empty; it must begin with a line of column names")
    folded = [name.strip().lower() for name in names]
    for number, name in enumerate(folded):
        if not name:
            raise InputError(f"{relative}: column {number + 1} of the first line has no name")
        if name in folded[:number]:
            raise InputError(f"{relative}: the column {names[number]!r} is there twice")
    return names


def as_utf8(path: Path, encodings: tuple[str, ...], copy: Path) -> Path:
    """The file itself where it is plain UTF-8 with one kind of line end; else a copy that is.

    A line is read in the first encoding that it is valid in; where it is valid in none, its undecodable bytes are
    marked, so that the rows they stand in can be found.
    """
    data = path.read_bytes()
    plain = data.removeprefix(codecs.BOM_UTF8)
    windows_ends = plain.count(b"\r\n")
    mixed_ends = 0 < windows_ends < plain.count(b"\n") or (b"\n" in plain and plain.count(b"\r") > windows_ends)
    utf8_first = codecs.lookup(encodings[0]).name == "utf-8"
    if utf8_first and len(plain) == len(data) and not mixed_ends and _is_utf8(plain):
        return path
    if codecs.lookup(encodings[0]).name.startswith(("utf-16", "utf-32")):
        text = data.decode(encodings[0], errors="replace")
    elif utf8_first and _is_utf8(plain):
        text = plain.decode("utf-8")
    else:
        text = "".join(_decode(line, encodings) for line in plain.splitlines(keepends=True))
    if mixed_ends or "\r\n" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    copy.write_text(text, encoding="utf-8", newline="")
    return copy


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode(line: bytes, encodings: tuple[str, ...]) -> str:
    for name in encodings:
        try:
            return line.decode(name)
        except UnicodeDecodeError:
            continue
    return line.decode(encodings[0], errors="replace")


def _json_lines(
    connection: duckdb.DuckDBPyConnection, one: Input, files: list[File], scratch: Path
) -> Iterator[list[File]]:
    reader = f"read_json(?, format = 'newline_delimited', sample_size = -1, union_by_name = true, filename = '{PATH}')"
    try:
        connection.execute(f"create temp table incoming as select * from {reader}", [[str(f.path) for f in files]])
    except duckdb.Error:
        for number, file in enumerate(files):
            good, file.broken = _sound_lines(file.path, file.name)
            file.path = scratch / f"{number}.jsonl"
            file.path.write_text(good, encoding="utf-8")
        _load(connection, files, reader, "jsonl")
    columns = []
    for name, kind, *_ in connection.execute("describe incoming").fetchall():
        if kind == "JSON":  # values of several kinds: their text
            columns.append(f'"{name}" ->> \'$\' as "{name}"')
        elif kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
            columns.append(f'cast(to_json("{name}") as varchar) as "{name}"')
        else:
            columns.append(f'"{name}"')
    connection.execute(f"create or replace temp table incoming as select {', '.join(columns)} from incoming")
    yield files


def _sound_lines(path: Path, relative: str) -> tuple[str, list[BrokenRow]]:
    good, broken = io.StringIO(), []
    lines = (line for line in path.read_bytes().split(b"\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8", errors="replace")
        try:
            if not isinstance(json.loads(text), dict):
                raise ValueError("not an object")
        except ValueError as error:
            broken.append(BrokenRow(relative, number, text, f"the line is not a JSON object: {error}"))
            continue
        good.write(text + "\n")
    return good.getvalue(), broken
