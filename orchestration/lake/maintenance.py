"""Keeping a lake small: merging files, expiring snapshots, deleting what no snapshot needs and what crashes left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestration.lake import catalog
from orchestration.lake.lake import Lake
from orchestration.lake.settings import SQLITE

FLUSH = "CALL ducklake_flush_inlined_data('lake')"
"""Rows of small writes lie in the catalogue: into files with them."""


@dataclass(frozen=True)
class Change:
    """Data files the newest snapshot stands on, and Parquet files on disk (0 for S3), before and after."""

    in_use_before: int
    in_use_after: int
    on_disk_before: int
    on_disk_after: int


def compact(lake: Lake) -> Change:
    """Merge small neighbouring files and rewrite those of which much is deleted.

    Old snapshots keep their files until ``clean_up``.
    """
    # DuckLake 1.0 cannot rewrite beside numbers that it holds in a SQLite catalogue (it keeps them there as text)
    flush = [FLUSH] if lake.settings.catalog == SQLITE else []
    return _measured(
        lake, *flush, "CALL ducklake_rewrite_data_files('lake')", "CALL ducklake_merge_adjacent_files('lake')"
    )


def clean_up(lake: Lake, keep_days: float = 30, grace_hours: float = 24) -> Change:
    """Expire snapshots older than ``keep_days`` and delete files that none needs.

    Orphans, files that a writer left behind when it was killed, go too. ``grace_hours``: younger files stay, for
    somebody may be about to commit them or still be reading them.
    """
    grace = f"now() - interval '{int(grace_hours * 3_600)} seconds'"
    return _measured(
        lake,
        f"CALL ducklake_expire_snapshots('lake', older_than => now() - interval '{int(keep_days * 86_400)} seconds')",
        f"CALL ducklake_cleanup_old_files('lake', older_than => {grace})",
        f"CALL ducklake_delete_orphaned_files('lake', older_than => {grace})",
    )


def purge(lake: Lake) -> Change:
    """Take what has been updated or deleted out of every file at once, and all older snapshots with it.

    DuckLake marks a changed row as deleted and leaves it in its Parquet file: such files are written anew, whatever
    share of them is deleted. A catalogue in SQLite is compacted, for its free pages keep what files held at least and
    at most; PostgreSQL's own vacuum does that. Nobody may be reading an older snapshot meanwhile.
    """
    change = _measured(
        lake,
        FLUSH,
        "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
    )
    catalog.compact(lake.settings, lake.home)
    return change


def files_in_use(lake: Lake) -> int:
    """Number of data files that the newest snapshot stands on."""
    return int(lake.query("select coalesce(sum(file_count), 0) as n from ducklake_table_info('lake')")["n"].iloc[0])


def files_on_disk(lake: Lake) -> int:
    """Number of Parquet files in the lake's folder; 0 where it is not a folder."""
    if "://" in lake.settings.data_path:
        return 0
    return sum(1 for path in Path(lake.settings.data_path).rglob("*.parquet") if path.is_file())


def _measured(lake: Lake, *statements: str) -> Change:
    in_use, on_disk = files_in_use(lake), files_on_disk(lake)
    lake.maintain(*statements)
    return Change(in_use, files_in_use(lake), on_disk, files_on_disk(lake))
