"""Loading: each table of a source in one transaction, and an account of every row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain.tables import INGESTED_FILES, QUARANTINE, RAW_TABLES, STALE_PARTITIONS, Table
from orchestration.ingestion.canonical import Mapped, map_rows
from orchestration.ingestion.mapping import Mapping, TableMapping
from orchestration.ingestion.reading import Source, read_inputs
from orchestration.ingestion.validation import validate
from orchestration.lake import Lake

REFERENCES = {"depot_id": "depots", "fleet_id": "fleets"}
"""Columns that must name a row of another table, where the source has any."""


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


@dataclass
class IngestReport:
    """What became of the rows of a load, by table."""

    source: str
    tables: dict[str, Counts] = field(default_factory=dict)
    stale_dates: list[str] = field(default_factory=list)

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
        }


def ingest(
    lake: Lake,
    mapping: Mapping,
    data_dir: Path,
    ingest_time: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> IngestReport:
    """Load the files of a source that the lake has not seen.

    A file is known by its content. A file that was seen under the same path with other content is a correction: its
    rows become new versions, keys that are gone are retracted, the old versions stay readable as of before.

    Raises:
        InputError, MappingError: a file or column is missing, or the mapping asks for what it may not.
    """
    moment = ingest_time or datetime.now(UTC)
    source = read_inputs(mapping, Path(data_dir))
    report = IngestReport(mapping.name)
    try:
        for table in RAW_TABLES:  # references first
            for part in mapping.tables.get(table.name, ()):
                counts, stale = _load_part(lake, mapping, table, part, source, moment)
                report.tables.setdefault(table.name, Counts()).add(counts)
                report.stale_dates = sorted({*report.stale_dates, *stale})
                if progress:
                    progress(
                        f"{table.name}: {counts.rows_read:,} rows read, {counts.rows_landed:,} landed, "
                        f"{counts.rows_quarantined:,} quarantined"
                    )
    finally:
        source.connection.close()
    return report


def _part_files(mapping: Mapping, table: Table, part: TableMapping, source: Source) -> list[tuple[str, str]]:
    """Files behind an input, and their ids; a view stands on all inputs. Each part of a table loads a file once."""
    number = mapping.tables[table.name].index(part)
    suffix = f".{number}" if number else ""
    if part.input in mapping.inputs:
        return [(path, digest + suffix) for path, digest in source.files.get(part.input, [])]
    parts = [one for files in source.files.values() for one in files]
    digest = hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()[:16]
    return [(part.input, digest + suffix)]


def _part_of(file_id: str) -> str:
    """The part of the mapping that a file id belongs to; another part's rows are not this one's to correct."""
    return file_id.partition(".")[2]


def _load_part(
    lake: Lake, mapping: Mapping, table: Table, part: TableMapping, source: Source, moment: datetime
) -> tuple[Counts, set[str]]:
    files = dict(_part_files(mapping, table, part, source))
    seen = lake.query(
        "select distinct path, file_id from control.ingested_files where source = ? and table_name = ?",
        [mapping.name, table.name],
    )
    seen_pairs = set(zip(seen["path"], seen["file_id"], strict=True))
    known_ids = set(seen["file_id"])
    mapped = map_rows(source.connection, mapping, table, part)
    frame = mapped.frame
    if "_file" not in frame.columns or part.input in mapping.views:
        frame["_file"] = part.input
    frame["file_id"] = frame["_file"].map(files)
    new = frame[~frame["file_id"].isin(known_ids)]
    counts = Counts(rows_read=len(frame), rows_known=len(frame) - len(new))
    new_files = {path: digest for path, digest in files.items() if digest not in known_ids}
    broken_rows = list(source.broken.get(part.input, [])) if new_files else []
    counts.rows_read += len(broken_rows)
    if not new_files:
        return counts, set()
    good, bad = _judge(lake, mapping, table, Mapped(new.reset_index(drop=True), mapped.checks))
    replaced = {
        path: [old for old_path, old in seen_pairs if old_path == path and _part_of(old) == _part_of(digest)]
        for path, digest in new_files.items()
    }

    def write(connection: duckdb.DuckDBPyConnection) -> tuple[Counts, set[str]]:
        return _write(
            connection, mapping, table, part, source, moment, good, bad, broken_rows, new_files, replaced, counts
        )

    return lake.write(write)


def _judge(lake: Lake, mapping: Mapping, table: Table, mapped: Mapped) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Good rows, and (row, rule) pairs of the bad ones. Rows that are there twice to the letter count once as known."""
    frame, checks = mapped.frame, dict(mapped.checks)
    content = [name for name in table.column_names if name in frame.columns and name != "file_id"]
    frame["_repeated"] = frame.duplicated(content)
    for column, other in REFERENCES.items():
        if column in frame.columns and table.name != other:
            valid = lake.query(f"select distinct {column} from raw.{other} where source = ?", [mapping.name])[column]
            if len(valid):
                frame[f"_ref_{column}"] = frame[column].isna() | frame[column].isin(set(valid))
                checks[f"_ref_{column}"] = (f"{column}_is_known", column, f"there is no such {other[:-1]}")
    if {"lat", "lon"} <= set(frame.columns):
        frame["_place"] = ~((frame["lat"] == 0) & (frame["lon"] == 0))
        checks["_place"] = ("position_is_real", "lat", "latitude and longitude are both 0")
    single = frame[~frame["_repeated"]].reset_index(drop=True)
    broken = validate(table, single, checks)
    good = single[~single.index.isin(set(broken["_index"]))]
    bad = broken.merge(single, left_on="_index", right_index=True)
    bad.attrs["repeated"] = int(frame["_repeated"].sum())
    return good, bad


def _write(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    part: TableMapping,
    source: Source,
    moment: datetime,
    good: pd.DataFrame,
    bad: pd.DataFrame,
    broken_rows: list[Any],
    new_files: dict[str, str],
    replaced: dict[str, list[str]],
    before: Counts,
) -> tuple[Counts, set[str]]:
    counts = Counts(**asdict(before))
    rows = good[[name for name in table.column_names if name in good.columns]].copy()
    rows["source"], rows["retracted"] = mapping.name, False
    stated = "ingest_time" in part.columns
    if not stated:
        rows["ingest_time"] = pd.Timestamp(moment)
    connection.register("candidate_rows", rows)
    names = [name for name in table.column_names if name in rows.columns]
    casts = ", ".join(f"cast({name} as {table.column(name).type.sql}) as {name}" for name in names)
    connection.execute(f"create or replace temp table candidates as select {casts} from candidate_rows")
    landed, stale = _merge(connection, mapping, table, names, stated, moment)
    retracted = _retract(connection, mapping, table, moment, new_files, replaced)
    repeated = int(bad.attrs.get("repeated", 0))
    quarantined = int(bad["_index"].nunique()) + len(broken_rows)
    counts.rows_landed += landed
    counts.rows_known += len(rows) - landed + repeated
    counts.rows_quarantined += quarantined
    counts.rows_retracted += retracted
    if counts.rows_read != counts.rows_landed + counts.rows_quarantined + counts.rows_known:
        raise AssertionError(f"{mapping.name}.{table.name}: rows do not add up: {counts}")
    _quarantine(connection, mapping, table, part, source, moment, bad, broken_rows, new_files)
    _account(connection, mapping, table, moment, good, bad, broken_rows, new_files, replaced, counts)
    if stale:
        Lake.replace_in(
            connection,
            STALE_PARTITIONS,
            {},
            pd.DataFrame(
                [
                    {
                        "source": mapping.name,
                        "table_name": table.name,
                        "service_date": day,
                        "ingest_time": moment,
                        "rows": n,
                    }
                    for day, n in stale
                ]
            ),
        )
    return counts, {str(day) for day, _ in stale}


def _merge(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    names: list[str],
    stated: bool,
    moment: datetime,
) -> tuple[int, list[tuple[Any, int]]]:
    """Insert candidates that say something new; return how many, and the dates that had rows before."""
    key = [name for name in table.key if name != "source"]
    bounds = ""
    if "service_date" in names:
        bounds = (
            " and service_date between (select min(service_date) from candidates) "
            "and (select max(service_date) from candidates)"
        )
    connection.execute(
        f"create or replace temp table latest as select * from {table.qualified_name} where source = ?{bounds} "
        f"qualify row_number() over (partition by {', '.join(key)} order by ingest_time desc, file_id desc) = 1",
        [mapping.name],
    )
    dates: list[Any] = []
    if "service_date" in names:
        dates = [row[0] for row in connection.execute("select distinct service_date from latest").fetchall()]
    on = " and ".join(f"latest.{name} = candidates.{name}" for name in key)
    ignored = {"ingest_time", "file_id", "source"}
    same = " and ".join(
        f"latest.{name} is not distinct from candidates.{name}" for name in names if name not in ignored
    )
    # what the lake already knows under this key is corrected now, whenever the source says it was known
    known_at = (
        "case when latest.source is null then candidates.ingest_time else greatest(candidates.ingest_time, ?) end"
        if stated
        else "candidates.ingest_time"
    )
    select = ", ".join(
        known_at + " as ingest_time" if name == "ingest_time" else f"candidates.{name}" for name in names
    )
    connection.execute(
        f"create or replace temp table fresh as select {select} from candidates left join latest on {on} "
        f"where latest.source is null or not ({same})",
        [moment] if stated else [],
    )
    connection.execute(f"insert into {table.qualified_name} ({', '.join(names)}) select {', '.join(names)} from fresh")
    landed = connection.execute("select count(*) from fresh").fetchone()
    stale: list[tuple[Any, int]] = []
    if dates:
        stale = connection.execute(
            "select service_date, count(*) from fresh where list_contains(?, service_date) group by 1 order by 1",
            [dates],
        ).fetchall()
    return int(landed[0]) if landed else 0, stale


def _retract(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    moment: datetime,
    new_files: dict[str, str],
    replaced: dict[str, list[str]],
) -> int:
    """Tombstones for keys that only an earlier content of the same file had."""
    old = [file_id for path in new_files for file_id in replaced.get(path, [])]
    if not old:
        return 0
    key = [name for name in table.key if name != "source"]
    on = " and ".join(f"candidates.{name} = latest.{name}" for name in key)
    columns = ", ".join(table.column_names)
    values = ", ".join(
        {"ingest_time": "cast(? as timestamptz)", "retracted": "true", "file_id": "?"}.get(name, name)
        for name in table.column_names
    )
    ordered = [
        moment if name == "ingest_time" else next(iter(new_files.values()))
        for name in table.column_names
        if name in ("ingest_time", "file_id")
    ]
    connection.execute(
        "create or replace temp table gone as select * from latest where not retracted and list_contains(?, file_id) "
        f"and not exists (select 1 from candidates where {on})",
        [old],
    )
    connection.execute(
        f"insert into {table.qualified_name} ({columns}) select {values} from gone",
        [
            one
            for name, one in zip(
                [n for n in table.column_names if n in ("ingest_time", "file_id")], ordered, strict=True
            )
        ],
    )
    found = connection.execute("select count(*) from gone").fetchone()
    return int(found[0]) if found else 0


def _quarantine(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    part: TableMapping,
    source: Source,
    moment: datetime,
    bad: pd.DataFrame,
    broken_rows: list[Any],
    new_files: dict[str, str],
) -> None:
    rows: list[dict[str, Any]] = []
    if len(bad):
        wanted = sorted({(str(file), int(row)) for file, row in zip(bad["_file"], bad["_row"], strict=True)})
        content = _original_rows(source, part, wanted)
        rows = [
            {
                "source": mapping.name,
                "table_name": table.name,
                "file_id": one.file_id,
                "path": one.file,
                "row_number": int(one.row),
                "rule": one.rule,
                "field": one.field,
                "message": one.message,
                "content": content.get((one.file, int(one.row)), "{}"),
                "ingest_time": moment,
            }
            for one in bad.rename(columns={"_file": "file", "_row": "row"}).itertuples()
        ]
    path, file_id = next(iter(new_files.items()))
    rows.extend(
        {
            "source": mapping.name,
            "table_name": table.name,
            "file_id": file_id,
            "path": path,
            "row_number": max(row.row_number, 0),
            "rule": "row_is_readable",
            "field": None,
            "message": row.message,
            "content": json.dumps({"line": row.content}),
            "ingest_time": moment,
        }
        for row in broken_rows
    )
    if rows:
        Lake.replace_in(connection, QUARANTINE, {}, pd.DataFrame(rows))


def _original_rows(source: Source, part: TableMapping, wanted: list[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The rows as they were read, as JSON."""
    rows = sorted({row for _, row in wanted})
    columns = [row[0] for row in source.connection.execute(f'describe "{part.input}"').fetchall()]
    has_row = "_row" in columns
    number = "_row" if has_row else "row_number() over ()"
    origin = "_file" if has_row else f"'{part.input}'"
    found = source.connection.execute(
        f'select {origin}, n, to_json(t) from (select *, {number} as n from "{part.input}") t '
        "where list_contains(?, n)",
        [rows],
    ).fetchall()
    return {(str(file), int(row)): str(content) for file, row, content in found}


def _account(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: Table,
    moment: datetime,
    good: pd.DataFrame,
    bad: pd.DataFrame,
    broken_rows: list[Any],
    new_files: dict[str, str],
    replaced: dict[str, list[str]],
    counts: Counts,
) -> None:
    bad_rows = bad.drop_duplicates("_index")
    rows = []
    for number, (path, file_id) in enumerate(new_files.items()):
        landed = int((good["file_id"] == file_id).sum())
        kept = int((bad_rows["file_id"] == file_id).sum()) + (len(broken_rows) if number == 0 else 0)
        rows.append(
            {
                "file_id": file_id,
                "source": mapping.name,
                "path": path,
                "table_name": table.name,
                "ingest_time": moment,
                "rows_read": landed + kept,
                "rows_landed": landed,
                "rows_quarantined": kept,
                "rows_known": 0,
                "replaces_file_id": (replaced.get(path) or [None])[-1],
            }
        )
    if len(rows) == 1:
        rows[0].update(
            rows_read=counts.rows_read,
            rows_landed=counts.rows_landed,
            rows_quarantined=counts.rows_quarantined,
            rows_known=counts.rows_known,
        )
    Lake.replace_in(connection, INGESTED_FILES, {}, pd.DataFrame(rows))
