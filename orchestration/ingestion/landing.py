"""Judged rows go into the lake: new versions, retractions, quarantine, the account of files; one transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd

from domain.tables import INGESTED_FILES, QUARANTINE, STALE_PARTITIONS, Table
from orchestration.ingestion.report import Counts
from orchestration.lake import Lake

UNCOMPARED = {"ingest_time", "file_id", "source"}
"""Columns that do not make a row say something new."""


@dataclass(frozen=True)
class Load:
    """Rows of one part of a mapping, judged.

    ``good``, ``bad``, ``bad_keys``: Arrow tables; ``stated``: the source says itself when it could know a row;
    ``files``: path -> id of the files that are new; ``replaced``: path -> ids of what they correct; ``repeated``: how
    many rows are there twice to the letter; ``dates_before``: service dates the table held before the whole load, where
    several parts fill it; None: as it is now; ``lineage``: file id -> the first of the files that correct each other.
    """

    mapping: str
    table: Table
    moment: datetime
    stated: bool
    good: Any
    bad: Any
    files: dict[str, str]
    replaced: dict[str, list[str]]
    counts: Counts
    repeated: int
    bad_keys: Any
    dates_before: frozenset[Any] | None
    lineage: dict[str, str]

    @property
    def key(self) -> list[str]:
        return [name for name in self.table.key if name != "source"]

    @property
    def names(self) -> list[str]:
        """Columns of the candidates, in the table's order."""
        return list(self.good.column_names)

    @property
    def corrected(self) -> list[str]:
        return [file_id for path in self.files for file_id in self.replaced.get(path, [])]


def land(connection: duckdb.DuckDBPyConnection, load: Load) -> tuple[Counts, set[str]]:
    """Write a load; return its counts and the service dates that have to be rebuilt.

    May be called again after a conflict: it changes nothing but the lake.
    """
    counts = Counts(**asdict(load.counts))
    connection.register("candidates", load.good)
    try:
        _find_latest(connection, load)
        landed, stale = _merge(connection, load)
        retracted, gone, corrected = _retract(connection, load)
    finally:
        connection.unregister("candidates")
    broken = set(load.bad.column("n").to_pylist())
    counts.rows_landed += landed
    counts.rows_known += load.good.num_rows - landed + load.repeated
    counts.rows_quarantined += len(broken)
    counts.rows_retracted += retracted
    if not counts.add_up:
        raise AssertionError(f"{load.mapping}.{load.table.name}: rows do not add up: {counts}")
    _quarantine(connection, load)
    _account(connection, load, counts, corrected)
    for day, rows in gone.items():
        stale[day] = stale.get(day, 0) + rows
    if stale:
        frame = pd.DataFrame({"service_date": list(stale), "rows": list(stale.values())})
        Lake.replace_in(
            connection,
            STALE_PARTITIONS,
            {},
            frame.assign(source=load.mapping, table_name=load.table.name, ingest_time=pd.Timestamp(load.moment)),
        )
    return counts, {str(day) for day in stale}


def _find_latest(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    """The newest versions that the lake holds of the candidates' keys, as the temporary table ``latest``."""
    key = ", ".join(load.key)
    # what a corrected file no longer holds has to be found too
    connection.execute(
        f"create or replace temp table latest as select * from {load.table.qualified_name} where source = ? "
        f"and (({key}) in (select ({key}) from candidates) or list_contains(?, file_id)) "
        f"qualify row_number() over (partition by {key} order by ingest_time desc, file_id desc) = 1",
        [load.mapping, load.corrected],
    )


def _merge(connection: duckdb.DuckDBPyConnection, load: Load) -> tuple[int, dict[Any, int]]:
    """Insert candidates that say something new; return how many, and the dates that had rows before."""
    names, table = load.names, load.table.qualified_name
    dated = "service_date" in names
    dates: list[Any] = []
    if dated:
        dates = [
            row[0]
            for row in connection.execute(
                f"select distinct service_date from {table} where source = ? and service_date between "
                "(select min(service_date) from candidates) and (select max(service_date) from candidates)",
                [load.mapping],
            ).fetchall()
            if load.dates_before is None or row[0] in load.dates_before
        ]
    source = "candidates"
    if _count(connection, "latest"):
        on = " and ".join(f"latest.{name} = candidates.{name}" for name in load.key)
        same = " and ".join(
            f"latest.{name} is not distinct from candidates.{name}" for name in names if name not in UNCOMPARED
        )
        # what the lake already knows under this key is corrected now, whenever the source says it was known
        known_at = (
            "case when latest.source is null then candidates.ingest_time "
            "else greatest(candidates.ingest_time, cast(? as timestamptz)) end as ingest_time"
            if load.stated
            else "candidates.ingest_time"
        )
        selected = ", ".join(known_at if name == "ingest_time" else f"candidates.{name}" for name in names)
        connection.execute(
            f"create or replace temp table fresh as select {selected} from candidates left join latest on {on} "
            f"where latest.source is null or not ({same})",
            [load.moment] if load.stated else [],
        )
        source = "fresh"
    landed = _count(connection, source)
    if landed:
        columns = ", ".join(names)
        connection.execute(f"insert into {table} ({columns}) select {columns} from {source}")
    stale: dict[Any, int] = {}
    if dates:
        rows = connection.execute(
            f"select service_date, count(*) from {source} where list_contains(?, service_date) group by 1 order by 1",
            [dates],
        ).fetchall()
        stale = dict(rows)
    if dated and source == "fresh":  # what moves to another date leaves the one it had
        left = connection.execute(
            f"select latest.service_date, count(*) from fresh join latest on "
            f"{' and '.join(f'latest.{name} = fresh.{name}' for name in load.key)} "
            "where latest.service_date is distinct from fresh.service_date and not latest.retracted group by 1"
        ).fetchall()
        for day, count in left:
            stale[day] = stale.get(day, 0) + count
    return landed, stale


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    found = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(found[0]) if found else 0


def _retract(connection: duckdb.DuckDBPyConnection, load: Load) -> tuple[int, dict[Any, int], set[str]]:
    """Tombstones for keys that only an earlier content of the same file had.

    How many, how many a service date, and the lineages that are corrected: a file that shares no key with what had its
    name before is another day's export under the same name, and takes nothing of that back.
    """
    old = load.corrected
    if not old:
        return 0, {}, set()
    connection.register("bad_keys", load.bad_keys)
    on = " and ".join(f"other.{name} = latest.{name}" for name in load.key)
    connection.execute(
        "create or replace temp table lineages as select unnest(?) as file_id, unnest(?) as root",
        [old, [load.lineage.get(one, one) for one in old]],
    )
    connection.execute(
        "create or replace temp table held as select latest.*, lineages.root, "
        f"(exists (select 1 from candidates as other where {on}) "
        f"or exists (select 1 from bad_keys as other where {on})) as is_there "
        "from latest join lineages using (file_id)"
    )
    connection.unregister("bad_keys")
    corrected = {row[0] for row in connection.execute("select distinct root from held where is_there").fetchall()}
    connection.execute(
        "create or replace temp table gone as select * exclude (root, is_there) from held "
        "where not retracted and not is_there and root in (select root from held where is_there)"
    )
    count = _count(connection, "gone")
    if not count:
        return 0, {}, corrected
    columns = ", ".join(load.table.column_names)
    changed = {
        "ingest_time": "greatest(ingest_time, cast($moment as timestamptz))",
        "retracted": "true",
        "file_id": "$file_id",
    }
    values = ", ".join(changed.get(name, name) for name in load.table.column_names)
    connection.execute(
        f"insert into {load.table.qualified_name} ({columns}) select {values} from gone",
        {"moment": load.moment, "file_id": next(iter(load.files.values()))},
    )
    if "service_date" not in load.table.column_names:
        return count, {}, corrected
    dates = dict(connection.execute("select service_date, count(*) from gone group by 1").fetchall())
    return count, dates, corrected


def _quarantine(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    if not load.bad.num_rows:
        return
    connection.register("bad_rows", load.bad)
    connection.execute(
        f"""
        insert into {QUARANTINE.qualified_name}
            (source, table_name, file_id, path, row_number, rule, field, message, content, ingest_time)
        select ?, ?, file_id, path, row_number, rule, field, message, content, cast(? as timestamptz) from bad_rows
        """,
        [load.mapping, load.table.name, load.moment],
    )
    connection.unregister("bad_rows")


def _account(connection: duckdb.DuckDBPyConnection, load: Load, counts: Counts, corrected: set[str]) -> None:
    """One row a new file. The account of one file is exact; of several, rows already known are told together."""
    landed = pd.Series(load.good.column("file_id").value_counts().to_pylist()) if load.good.num_rows else []
    good = {one["values"]: one["counts"] for one in landed}
    bad = load.bad.to_pandas().drop_duplicates("n").groupby("file_id").size().to_dict()
    rows = []
    for path, file_id in load.files.items():
        kept, fine = int(bad.get(file_id, 0)), int(good.get(file_id, 0))
        rows.append(
            {
                "file_id": file_id,
                "source": load.mapping,
                "path": path,
                "table_name": load.table.name,
                "ingest_time": load.moment,
                "rows_read": fine + kept,
                "rows_landed": fine,
                "rows_quarantined": kept,
                "rows_known": 0,
                "replaces_file_id": next(
                    (old for old in reversed(load.replaced.get(path, [])) if load.lineage.get(old, old) in corrected),
                    None,
                ),
            }
        )
    if len(rows) == 1:
        rows[0].update({name: value for name, value in asdict(counts).items() if name in rows[0]})
    Lake.replace_in(connection, INGESTED_FILES, {}, pd.DataFrame(rows))
