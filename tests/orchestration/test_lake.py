"""Partitions are replaced whole, whoever else writes, and a crash leaves the last good state."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import psutil
import pytest

from domain.errors import LakeError
from domain.tables import STALE_PARTITIONS
from orchestration.lake import Lake, LakeSettings
from orchestration.lake.maintenance import clean_up, compact

ROOT = Path(__file__).resolve().parents[2]

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(25)]
ROWS = 200


def day_rows(writer: int, day: date) -> pd.DataFrame:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {"source": "s", "table_name": str(writer), "service_date": day, "ingest_time": moment, "rows": range(ROWS)}
    )


def open_lake(home, catalog):
    return Lake.open(home, LakeSettings(catalog, str(home / "lake")))


READS, ROUNDS = 10, 20
"""How often, at least, both readers look while others write, and in how many rounds of writing at most."""


def write_days(home, catalog, writer, reads):
    """Replace every date, and again until the readers have seen enough of it, however fast the writers are."""
    with open_lake(home, catalog) as lake:
        for _ in range(ROUNDS):
            for day in DAYS:
                lake.replace(STALE_PARTITIONS, {"service_date": [day]}, day_rows(writer, day))
            if all(one.value > READS for one in reads):
                return


def read_days(home, catalog, stop, bad, reads):
    with open_lake(home, catalog) as lake:
        while not stop.wait(0.03):  # a reader that never rests takes the processor from the writers
            found = lake.query(
                "select service_date, count(*) as n, count(distinct table_name) as writers "
                "from control.stale_partitions group by 1"
            )
            bad.value += int(((found["n"] != ROWS) | (found["writers"] != 1)).sum())
            reads.value += len(found) > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("catalog", ["embedded", "sqlite"])
def test_eight_writers_and_two_readers(tmp_path, catalog):
    open_lake(tmp_path, catalog).close()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["orchestration.lake", "pandas"])  # imported once, not in each of ten processes
    stop, bad, reads = context.Event(), context.Value("i", 0), [context.Value("i", 0) for _ in range(2)]
    readers = [context.Process(target=read_days, args=(tmp_path, catalog, stop, bad, one)) for one in reads]
    writers = [context.Process(target=write_days, args=(tmp_path, catalog, n, reads)) for n in range(8)]
    for one in (*readers, *writers):
        one.start()
    for one in writers:
        one.join()
    stop.set()
    for one in readers:
        one.join()
    assert [one.exitcode for one in (*writers, *readers)] == [0] * 10
    assert bad.value == 0 and all(one.value > READS for one in reads)
    with open_lake(tmp_path, catalog) as lake:
        assert len(lake.query("select * from control.stale_partitions")) == ROWS * len(DAYS)


def test_threads_of_the_database_are_a_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_DATABASE_THREADS", "3")
    with open_lake(tmp_path, "sqlite") as lake:
        assert lake.query("select current_setting('threads') as n")["n"][0] == 3
    for wrong in ("many", "0", "-1", "1.5"):
        monkeypatch.setenv("FIVEFOLD_DATABASE_THREADS", wrong)
        with pytest.raises(LakeError, match="FIVEFOLD_DATABASE_THREADS"):
            open_lake(tmp_path, "sqlite")


def test_extensions_that_nobody_signed_or_installed_are_refused(tmp_path):
    (tmp_path / "planted.duckdb_extension").write_bytes(b"no extension")
    with open_lake(tmp_path, "sqlite") as lake, lake.connect() as connection:
        with pytest.raises(duckdb.Error, match="while database is running"):
            connection.execute("set allow_unsigned_extensions = true")
        with pytest.raises(duckdb.Error):
            connection.execute(f"load '{tmp_path / 'planted.duckdb_extension'}'")


def test_reads_as_of_a_snapshot_and_rolls_back(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        first = lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))

        def fail(connection):
            Lake.replace_in(connection, STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(2, DAYS[0])[:1])
            raise RuntimeError("killed here")

        with pytest.raises(RuntimeError):
            lake.write(fail)
        assert len(lake.query("select * from control.stale_partitions")) == ROWS
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(3, DAYS[0])[:5])
        assert len(lake.query("select * from control.stale_partitions")) == 5
        assert len(lake.query("select * from control.stale_partitions", snapshot=first)) == ROWS


def test_small_files_are_merged_and_old_snapshots_expire_with_their_files(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        for day in DAYS[:8]:
            first = lake.append(STALE_PARTITIONS, day_rows(1, day))
        change = compact(lake)
        assert change.in_use_before == 8 and change.in_use_after < 8
        count = "select count(*) as n from control.stale_partitions"
        assert lake.query(count)["n"][0] == lake.query(count, snapshot=first)["n"][0] == 8 * ROWS
        orphan = next((tmp_path / "lake").rglob("*.parquet")).with_name("ducklake-left-by-a-crash.parquet")
        orphan.write_bytes(b"half a file")
        clean_up(lake)  # all of it is too young
        assert orphan.exists()
        change = clean_up(lake, keep_days=0, grace_hours=0)
        assert not orphan.exists()
        assert change.on_disk_after == change.in_use_after < change.on_disk_before
        assert lake.query(count)["n"][0] == 8 * ROWS
        with pytest.raises(LakeError):
            lake.query(count, snapshot=first)


def test_a_snapshot_is_found_by_its_time_and_an_unknown_one_is_named(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        first = lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))
        between = datetime.now(UTC)
        lake.append(STALE_PARTITIONS, day_rows(1, DAYS[1]))
        assert lake.snapshot_at(between) == first
        with pytest.raises(LakeError, match="no snapshot of 2001"):
            lake.snapshot_at(datetime(2001, 1, 1, tzinfo=UTC))
        with pytest.raises(LakeError, match="99999"):
            lake.query("select 1", snapshot=99_999)
        assert len(lake.query("select * from control.stale_partitions")) == 2 * ROWS


def test_a_commit_whose_answer_is_lost_is_not_done_twice(tmp_path, monkeypatch):
    with open_lake(tmp_path, "sqlite") as lake:
        real, lost = lake.connect, [True]

        class Cut:
            def __init__(self, connection):
                self.connection = connection

            def __getattr__(self, name):
                return getattr(self.connection, name)

            def execute(self, sql, *parameters):
                result = self.connection.execute(sql, *parameters)
                if sql == "COMMIT" and lost.pop():
                    lost.append(False)
                    raise duckdb.IOException("server closed the connection unexpectedly")
                return result

        @contextmanager
        def connect():
            with real() as connection:
                yield Cut(connection)

        monkeypatch.setattr(lake, "connect", connect)
        lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))
        assert lost == [False]
        assert len(lake.query("select * from control.stale_partitions")) == ROWS


@pytest.mark.parametrize("catalog", ["sqlite", "embedded"])
def test_a_workspace_may_be_anywhere(tmp_path, catalog):
    home = tmp_path / "my wörk's place" / ("long" * 20)
    with open_lake(home, catalog) as lake:
        assert lake.query("select 1 as one")["one"][0] == 1


def server_pid(home):
    return int((home / "catalog" / "postmaster.pid").read_text().splitlines()[0])


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def in_process(code, home):
    return subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


OPEN = """
import sys
from pathlib import Path
from orchestration.lake import Lake, LakeSettings
home = Path(sys.argv[1])
lake = Lake.open(home, LakeSettings("embedded", str(home / "lake")))
print((home / "catalog" / "postmaster.pid").read_text().splitlines()[0], flush=True)
"""
HALF_A_DATE = (
    OPEN
    + """
import time
def half(connection):
    connection.execute("delete from control.stale_partitions")
    connection.execute("insert into control.stale_partitions select 's', 't', date '2026-01-01', now(), 1")
    print("half", flush=True)
    time.sleep(60)
lake.write(half)
"""
)


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_server_and_the_last_one_stops_it(tmp_path):
    processes = [in_process(OPEN, tmp_path) for _ in range(4)]
    outputs = [one.communicate(timeout=120)[0] for one in processes]
    assert [one.returncode for one in processes] == [0] * 4
    assert all(text.strip().isdigit() for text in outputs)
    assert not alive(int(outputs[-1]))


@pytest.mark.slow
def test_the_server_comes_back_after_a_kill_and_a_killed_writer_leaves_nothing(tmp_path):
    with open_lake(tmp_path, "embedded") as lake:
        lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))
        writer = in_process(HALF_A_DATE, tmp_path)
        assert [writer.stdout.readline().strip() for _ in range(2)][1] == "half"
        writer.kill()
        writer.wait()
        count = "select count(*) as n from control.stale_partitions"
        assert lake.query(count)["n"][0] == ROWS
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(2, DAYS[0]))
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        assert lake.query(count)["n"][0] == ROWS
        first = server_pid(tmp_path)
        os.kill(first, signal.SIGKILL)
        lake.append(STALE_PARTITIONS, day_rows(1, DAYS[1]))
        assert lake.query(count)["n"][0] == 2 * ROWS
        assert server_pid(tmp_path) != first


@pytest.mark.slow
def test_a_process_id_that_belongs_to_something_else_stops_nobody(tmp_path):
    def opened():
        process = in_process(OPEN, tmp_path)
        return process.communicate(timeout=120)[0].strip(), process.returncode

    pid, code = opened()
    assert code == 0 and not alive(int(pid))
    # as after the restart of a container: the note is still there, and so is a process of that number
    note = ["", str(tmp_path / "catalog"), "1", "5432", str(tmp_path / "catalog"), "", " 1 2", "ready   "]
    (tmp_path / "catalog" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *note[1:]]) + "\n")
    users = tmp_path / "catalog" / ".handle_pids.json"
    users.write_text("[999999999]")  # and a user that was killed
    pid, code = opened()
    assert code == 0 and int(pid) != os.getpid() and not alive(int(pid))


def test_a_server_that_does_not_answer_is_told_without_its_password(tmp_path):
    settings = LakeSettings("postgresql://me:s3cret@127.0.0.1:1/x", str(tmp_path / "lake"))
    with pytest.raises(LakeError) as caught:
        Lake.open(tmp_path, settings)
    assert "cannot be reached" in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.slow
def test_a_server_by_its_address(tmp_path):
    with open_lake(tmp_path / "server", "embedded") as host:
        socket = host._uri.partition("host=")[2].split()[0]
        settings = LakeSettings(f"postgresql://postgres@/postgres?host={socket}", str(tmp_path / "server" / "lake"))
        with Lake.open(tmp_path / "team", settings) as lake:
            first = lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]))
            lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(2, DAYS[0])[:3])
            assert len(lake.query("select * from control.stale_partitions")) == 3
            assert len(lake.query("select * from control.stale_partitions", snapshot=first)) == ROWS
            assert len(host.query("select * from control.stale_partitions")) == 3


def test_a_moved_workspace_takes_its_files_along(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    with open_lake(first, "sqlite") as lake:
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(0, DAYS[0]))
        snapshot = lake.snapshot_id()
    first.rename(second)
    with pytest.raises(LakeError, match=r"set FIVEFOLD_DATA_PATH to .*first/lake"):
        Lake.open(second, LakeSettings("sqlite", str(tmp_path / "elsewhere")))
    for _ in range(2):  # told once, it is remembered
        with open_lake(second, "sqlite") as lake:
            assert lake.query("select count(*) as n from control.stale_partitions")["n"].iloc[0] == ROWS
            lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(1, DAYS[0]))
            writers = "select distinct table_name as writer from control.stale_partitions"
            assert lake.query(writers, snapshot=snapshot)["writer"].tolist() == ["0"]
    assert not first.exists()


def test_a_copied_workspace_opens_whoever_copied_it(tmp_path):
    """Root runs the embedded server as another user, who must own what root copied."""
    first, second = tmp_path / "first", tmp_path / "second"
    with open_lake(first, "embedded") as lake:
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(0, DAYS[0]))
    shutil.copytree(first, second, ignore=shutil.ignore_patterns(".s.PGSQL*", "postmaster.pid", ".handle_pids.json"))
    with open_lake(second, "embedded") as lake:
        assert lake.query("select count(*) as n from control.stale_partitions")["n"].iloc[0] == ROWS


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[0]]}, day_rows(0, DAYS[0]))
        with lake.connect() as connection:
            connection.execute("alter table control.stale_partitions drop column rows")
    with open_lake(tmp_path, "sqlite") as lake:
        assert lake.query("select rows from control.stale_partitions")["rows"].isna().all()
        lake.replace(STALE_PARTITIONS, {"service_date": [DAYS[1]]}, day_rows(0, DAYS[1]))
        assert lake.query("select count(rows) as n from control.stale_partitions")["n"].iloc[0] == ROWS


def test_unknown_and_missing_columns_are_named(tmp_path):
    with open_lake(tmp_path, "sqlite") as lake:
        with pytest.raises(LakeError, match="no column 'colour'"):
            lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]).assign(colour=1))
        with pytest.raises(LakeError, match="needs the column 'rows'"):
            lake.append(STALE_PARTITIONS, day_rows(1, DAYS[0]).drop(columns="rows"))
