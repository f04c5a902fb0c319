"""Files as rows: CSV, JSON lines and Parquet into one table of text or typed columns; broken lines are kept."""

from __future__ import annotations

import codecs
import csv
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from domain.errors import InputError
from orchestration.ingestion.mapping import Input

RESERVED = ("_row", "_file")
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


def read_file(
    connection: duckdb.DuckDBPyConnection, name: str, one: Input, path: Path, relative: str, *, first: bool
) -> list[BrokenRow]:
    """Add the rows of a file to the table ``name`` with ``_row`` and ``_file``; return the lines that are no rows.

    Raises:
        InputError: the file cannot be read at all, or lacks a column that the input's first file has.
    """
    with tempfile.TemporaryDirectory() as scratch:
        broken: list[BrokenRow] = []
        try:
            if one.format == "csv":
                broken = _csv(connection, one, path, relative, Path(scratch))
            elif one.format == "jsonl":
                broken = _json_lines(connection, path, relative, Path(scratch))
            else:
                connection.execute("create temp table incoming as select * from read_parquet(?)", [str(path)])
            _add(connection, name, relative, [row.row_number for row in broken], first=first)
        except duckdb.Error as error:
            raise InputError(f"{relative}: cannot be read as {one.format}: {str(error).splitlines()[0]}") from error
        finally:
            connection.execute("drop table if exists incoming")
    return broken


def _add(connection: duckdb.DuckDBPyConnection, name: str, relative: str, broken: list[int], *, first: bool) -> None:
    """Number the rows as they stand in the file (broken ones count) and add them to the input's table."""
    number = "row_number() over ()"
    if broken:
        # the k-th good row stands after as many broken ones as lie before it
        steps = [row - place for place, row in enumerate(sorted(broken))]
        number = f"({number} + list_sum([case when row_number() over () >= s then 1 else 0 end for s in {steps}]))"
    have = [row[0] for row in connection.execute("describe incoming").fetchall()]
    if clash := [column for column in have if column.lower() in RESERVED]:
        raise InputError(f"{relative}: a column may not be called {clash[0]!r}")
    origin = relative.replace("'", "''")
    if first:
        connection.execute(
            f"create table \"{name}\" as select *, cast({number} as bigint) as _row, '{origin}' as _file from incoming"
        )
        return
    wanted = [row[0] for row in connection.execute(f'describe "{name}"').fetchall() if row[0] not in RESERVED]
    known = {column.lower() for column in have}
    if missing := [column for column in wanted if column.lower() not in known]:
        raise InputError(f"{relative}: the column {missing[0]!r} is missing; the other files of {name!r} have it")
    columns = ", ".join(f'"{column}"' for column in wanted)
    connection.execute(f"insert into \"{name}\" select {columns}, cast({number} as bigint), '{origin}' from incoming")


def _csv(
    connection: duckdb.DuckDBPyConnection, one: Input, path: Path, relative: str, scratch: Path
) -> list[BrokenRow]:
    path = as_utf8(path, one.encoding, scratch)
    columns = _header(path, one.delimiter, relative)
    layout = ", ".join("'" + column.replace("'", "''") + "': 'VARCHAR'" for column in columns)
    # nothing is guessed: the header names the columns, every value is text, every line that does not fit is kept
    connection.execute(
        f"create temp table incoming as select * from read_csv(?, delim = ?, auto_detect = false, "
        f"columns = {{{layout}}}, header = true, null_padding = false, quote = '\"', escape = '\"', "
        f"ignore_errors = true, store_rejects = true, rejects_limit = 0, max_line_size = {LONGEST_LINE_BYTES})",
        [str(path), one.delimiter],
    )
    rows = connection.execute(
        "select line, any_value(csv_line), any_value(error_message) from reject_errors group by line order by line"
    ).fetchall()
    connection.execute("drop table if exists reject_errors")
    connection.execute("drop table if exists reject_scans")
    return [
        BrokenRow(relative, int(line) - 1, str(content).strip("\r\n"), str(message).splitlines()[0])
        for line, content, message in rows
    ]


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


def as_utf8(path: Path, encodings: tuple[str, ...], scratch: Path) -> Path:
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
    copy = scratch / "copy.csv"
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


def _json_lines(connection: duckdb.DuckDBPyConnection, path: Path, relative: str, scratch: Path) -> list[BrokenRow]:
    broken: list[BrokenRow] = []
    reader = "read_json(?, format = 'newline_delimited', sample_size = -1)"
    try:
        connection.execute(f"create temp table read_lines as select * from {reader}", [str(path)])
    except duckdb.Error:
        good, broken = _sound_lines(path, relative)
        copy = scratch / "copy.jsonl"
        copy.write_text(good, encoding="utf-8")
        connection.execute(f"create temp table read_lines as select * from {reader}", [str(copy)])
    columns = []
    for name, kind, *_ in connection.execute("describe read_lines").fetchall():
        if kind == "JSON":  # values of several kinds: their text
            columns.append(f'"{name}" ->> \'$\' as "{name}"')
        elif kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
            columns.append(f'cast(to_json("{name}") as varchar) as "{name}"')
        else:
            columns.append(f'"{name}"')
    connection.execute(f"create temp table incoming as select {', '.join(columns)} from read_lines")
    connection.execute("drop table read_lines")
    return broken


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
