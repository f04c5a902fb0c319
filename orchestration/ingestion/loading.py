"""Loading: each table of a source in one transaction, and an account of every row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from domain.tables import RAW_TABLES, Table
from orchestration.ingestion.canonical import Mapped, map_rows
from orchestration.ingestion.files import BrokenRow
from orchestration.ingestion.handover import Handover
from orchestration.ingestion.landing import Load
from orchestration.ingestion.mapping import Mapping, TableMapping
from orchestration.ingestion.reading import Source, read_inputs
from orchestration.ingestion.report import Counts, IngestReport
from orchestration.ingestion.safety import tables_of
from orchestration.ingestion.validation import JUDGED, Verdict, validate, warm_up
from orchestration.lake import Lake

REFERENCES = {"depot_id": "depots", "fleet_id": "fleets"}
"""Columns that must name a row of another table, where the source has any."""
UNREADABLE = "row_is_readable"


def begin_reading(mapping: Mapping, data_dir: Path) -> Future[Source]:
    """Begin to read a source and to import what judges its rows, while the caller opens the lake."""
    reader = ThreadPoolExecutor(1, "reading")
    begun = reader.submit(read_inputs, mapping, Path(data_dir))
    warm_up()
    reader.shutdown(wait=False)
    return begun


def ingest(
    lake: Lake,
    mapping: Mapping,
    data_dir: Path,
    ingest_time: datetime | None = None,
    progress: Callable[[str], None] | None = None,
    leave_out: frozenset[Path] = frozenset(),
    begun: Future[Source] | None = None,
) -> IngestReport:
    """Load the files of a source that the lake has not seen.

    A file is known by its content. One that was seen under the same path with other content, and shares keys with that,
    is a correction: its rows become new versions, keys that are gone are retracted, the old versions stay readable as
    of before.
    ``leave_out``: files that are not ready to be read; ``begun``: what ``begin_reading`` of the same folder gave.

    Raises:
        InputError, MappingError: a file or column is missing, or the mapping asks for what it may not.
    """
    moment = ingest_time or datetime.now(UTC)
    warm_up()
    source = begun.result() if begun else read_inputs(mapping, Path(data_dir), leave_out)
    report = IngestReport(mapping.name)
    landing = Handover(lake, report, progress)
    try:
        readers = _first_readers(mapping)
        for table in RAW_TABLES:  # references first
            dates = _dates(lake, mapping, table)
            for part in mapping.tables.get(table.name, ()):
                unreadable = [
                    row
                    for name, rows in source.broken.items()
                    if readers.get(name) == (table.name, mapping.tables[table.name].index(part))
                    for row in rows
                ]
                mapped = map_rows(source.connection, mapping, table, part)
                landing.wait()  # judging this part asks the lake what the one before brought
                landing.begin(table, _judge_part(lake, mapping, table, part, mapped, source, unreadable, moment, dates))
        landing.wait()
    finally:
        landing.close()
        source.connection.close()
    return report


def _first_readers(mapping: Mapping) -> dict[str, tuple[str, int]]:
    """Input -> the part (table, number) that first reads it, itself or through views.

    That part accounts for lines of the input that are no rows: each is kept aside once.
    """
    reads: dict[str, set[str]] = {name: {name} for name in mapping.inputs}
    for name, query in mapping.views.items():
        reads[name] = set().union(*(reads.get(one, set()) for one in tables_of(query)))
    first: dict[str, tuple[str, int]] = {}
    for table in RAW_TABLES:
        for number, part in enumerate(mapping.tables.get(table.name, ())):
            for name in reads[part.input]:
                first.setdefault(name, (table.name, number))
    return first


def _dates(lake: Lake, mapping: Mapping, table: Table) -> frozenset[Any] | None:
    """Service dates a table holds, asked where several parts fill it: the first must not make the next one late."""
    if len(mapping.tables.get(table.name, ())) < 2 or "service_date" not in table.column_names:
        return None
    found = lake.query_arrow(
        f"select distinct service_date from {table.qualified_name} where source = ?", [mapping.name]
    )
    return frozenset(found.column(0).to_pylist())


def _part_files(mapping: Mapping, table: Table, part: TableMapping, source: Source) -> dict[str, str]:
    """Files behind an input, and their ids; a view stands on all inputs. Each part of a table loads a file once."""
    number = mapping.tables[table.name].index(part)
    suffix = f".{number}" if number else ""
    if part.input in mapping.inputs:
        return {path: digest + suffix for path, digest in source.files.get(part.input, [])}
    parts = [one for files in source.files.values() for one in files]
    digest = hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()[:16]
    return {part.input: digest + suffix}


def _lineage(replaces: dict[str, Any]) -> dict[str, str]:
    """File id -> the first file of those that correct each other; ``replaces``: oldest first."""
    first: dict[str, str] = {}
    for file_id, old in replaces.items():
        first[file_id] = first.get(old, old) if isinstance(old, str) else file_id
    return first


def _part_of(file_id: str) -> str:
    """The part of the mapping that a file id belongs to; another part's rows are not this one's to correct."""
    return file_id.partition(".")[2]


def _judge_part(
    lake: Lake,
    mapping: Mapping,
    table: Table,
    part: TableMapping,
    mapped: Mapped,
    source: Source,
    unreadable: list[BrokenRow],
    moment: datetime,
    dates: frozenset[Any] | None,
) -> Load | Counts:
    """Rows of one part that are ready to land; the account alone, where the lake knows all of its files."""
    connection = source.connection
    files = _part_files(mapping, table, part, source)
    seen = lake.query(
        "select path, file_id, max(replaces_file_id) as replaces from control.ingested_files "
        "where source = ? and table_name = ? group by path, file_id order by max(ingest_time), file_id",
        [mapping.name, table.name],
    )
    known_ids = set(seen["file_id"])
    new_files = {path: digest for path, digest in files.items() if digest not in known_ids}
    read = _count(connection, "_mapped")
    if not new_files:
        rows = read + len(unreadable)
        return Counts(rows_read=rows, rows_known=rows)
    through_view = part.input in mapping.views
    _keep_new(connection, files, new_files, through_view=through_view)
    verdict = validate(connection, table, mapped, _references(lake, mapping, table), _region(lake, mapping, table))
    stated = "ingest_time" in part.columns
    return Load(
        mapping=mapping.name,
        table=table,
        moment=moment,
        stated=stated,
        good=_good_rows(connection, mapping, table, mapped.columns, verdict, moment, through_view),
        bad=_bad_rows(connection, part, verdict, unreadable, new_files, through_view),
        files=new_files,
        replaced={
            path: [
                old
                for old_path, old in zip(seen["path"], seen["file_id"], strict=True)
                if old_path == path and _part_of(old) == _part_of(digest)
            ]
            for path, digest in new_files.items()
        },
        counts=Counts(rows_read=read + len(unreadable), rows_known=read - _count(connection, "_mapped")),
        repeated=_repeated(connection),
        bad_keys=_bad_keys(connection, table, verdict),
        dates_before=dates,
        lineage=_lineage(dict(zip(seen["file_id"], seen["replaces"], strict=True))),
    )


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    found = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(found[0]) if found else 0


def _keep_new(
    connection: duckdb.DuckDBPyConnection, files: dict[str, str], new_files: dict[str, str], *, through_view: bool
) -> None:
    """Drop the mapped rows of files that the lake knows; ``_files`` gives the id of each of the others."""
    connection.execute(
        "create or replace temp table _files as select unnest(?) as path, unnest(?) as file_id",
        [list(new_files), list(new_files.values())],
    )
    if not through_view and len(new_files) < len(files):
        connection.execute("delete from _mapped where _file not in (select path from _files)")


def _references(lake: Lake, mapping: Mapping, table: Table) -> dict[str, tuple[str, list[str]]]:
    found: dict[str, tuple[str, list[str]]] = {}
    for column, other in REFERENCES.items():
        if column in table.column_names and table.name != other and other in mapping.tables:
            ids = lake.query(f"select distinct {column} as id from raw.{other} where source = ?", [mapping.name])["id"]
            found[column] = (other[:-1], [str(one) for one in ids])
    return found


def _region(lake: Lake, mapping: Mapping, table: Table) -> dict[str, float] | None:
    """The rectangle of the source's depots."""
    if "depots" not in mapping.tables or table.name == "depots":
        return None
    found = lake.query(
        "select min(lat) as lat_min, max(lat) as lat_max, min(lon) as lon_min, max(lon) as lon_max "
        "from raw.depots where source = ?",
        [mapping.name],
    )
    if found["lat_min"].isna().all():
        return None
    return {str(name): float(value) for name, value in found.iloc[0].items()}


def _repeated(connection: duckdb.DuckDBPyConnection) -> int:
    return _count(connection, f"{JUDGED} where _repeated")


def _own_file(through_view: bool, prefix: str = "") -> str:
    """Join condition of a judged row and its file; all rows of a view belong to the one that stands for it."""
    return "true" if through_view else f"_files.path = {prefix}_file"


def _good_rows(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    columns: tuple[str, ...],
    verdict: Verdict,
    moment: datetime,
    through_view: bool,
) -> Any:
    """What may land, as an Arrow table with the columns of the lake's table that are given."""
    own = {"source": "?", "retracted": "false", "file_id": "file_id"}
    if "ingest_time" not in columns:
        own["ingest_time"] = "?"
    constants = {"source": mapping.name, "ingest_time": moment}
    selected, values = [], []
    for name in table.column_names:
        if name not in columns and name not in own:
            continue
        selected.append(f"cast({own.get(name, name)} as {table.column(name).type.sql}) as {name}")
        if own.get(name) == "?":
            values.append(constants[name])
    return connection.execute(
        f"select {', '.join(selected)} from {JUDGED} join _files on {_own_file(through_view)} where {verdict.is_good}",
        values,
    ).to_arrow_table()


def _bad_keys(connection: duckdb.DuckDBPyConnection, table: Table, verdict: Verdict) -> Any:
    """Keys of the rows that are kept aside: they are not gone from their file."""
    key = ", ".join(name for name in table.key if name != "source")
    return connection.execute(f"select distinct {key} from {JUDGED} where {verdict.is_bad}").to_arrow_table()


def _bad_rows(
    connection: duckdb.DuckDBPyConnection,
    part: TableMapping,
    verdict: Verdict,
    unreadable: list[BrokenRow],
    new_files: dict[str, str],
    through_view: bool,
) -> Any:
    """One row a broken rule: file_id, path, row_number, rule, field, message, content (the row as it was read)."""
    connection.execute(
        "create or replace temp table _bad (n bigint, file_id varchar, path varchar, row_number bigint, rule varchar, "
        "field varchar, message varchar, content varchar)"
    )
    for rule, condition in verdict.rules:
        # a value that is no date is not missing: what it broke first says more
        same = "_bad.field = ?" if rule.name == f"{rule.field}_is_given" else "_bad.rule = ?"
        connection.execute(
            f"""
            insert into _bad
            select j._n, _files.file_id, j._file, greatest(j._row, 0), ?, ?, ?, to_json(r)
            from {JUDGED} as j join "{part.input}" as r on r.rowid = j._n join _files on {_own_file(through_view, "j.")}
            where not j._repeated and {condition}
                and not exists (select 1 from _bad where _bad.n = j._n and {same})
            """,
            [rule.name, rule.field, rule.message, rule.field if "field" in same else rule.name],
        )
    first = next(iter(new_files.values()))
    for number, row in enumerate(unreadable, start=1):
        connection.execute(
            "insert into _bad values (?, ?, ?, ?, ?, null, ?, ?)",
            [
                -number,
                first if through_view else new_files.get(row.file, first),
                row.file,
                max(row.row_number, 0),
                UNREADABLE,
                row.message,
                json.dumps({"line": row.content}),
            ],
        )
    return connection.execute("select * from _bad order by n, rule").to_arrow_table()
