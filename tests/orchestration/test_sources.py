"""Sources beyond files that lie there: a database's query, a folder that is watched, and the sets that ship."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from domain.errors import InputError, MappingError
from orchestration.ingestion import diagnose, ingest, load_mapping, watch
from orchestration.ingestion.watching import Settling
from orchestration.lake import Lake, LakeSettings
from tests.data import real_data

QUERY = """
name: erp
title: orders of an ERP
licence: none
timezone: Europe/Amsterdam
inputs:
  orders: {database: ERP_URL, query: "select id, day, kg, created from orders where kg is not null"}
tables:
  orders:
    input: orders
    columns: {order_id: id, service_date: day, kind: "'delivery'", mass_g: {value: kg, unit: kg}, event_time: created}
"""
FILES = QUERY.replace(
    'orders: {database: ERP_URL, query: "select id, day, kg, created from orders where kg is not null"}',
    'orders: {path: "*.csv"}',
)


@pytest.fixture
def lake(tmp_path):
    with Lake.open(tmp_path / "home", LakeSettings("sqlite", str(tmp_path / "home" / "lake"))) as lake:
        yield lake


def database(url):
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop table if exists orders"))
        connection.execute(sqlalchemy.text("create table orders (id text, day text, kg float, created text)"))
        rows = [("a", 1.5), ("b", -1.0), ("c", None)]
        for name, kg in rows:
            connection.execute(
                sqlalchemy.text("insert into orders values (:id, '2026-01-02', :kg, '2026-01-01 10:00')"),
                {"id": name, "kg": kg},
            )
    return engine


def check_query(lake, path, monkeypatch, url, engine):
    monkeypatch.setenv("ERP_URL", url)
    mapping = load_mapping(path)
    counts = ingest(lake, mapping, path.parent).total
    assert (counts.rows_read, counts.rows_landed, counts.rows_quarantined) == (2, 1, 1)
    assert ingest(lake, mapping, path.parent).total.rows_known == 2
    kept = lake.query("select * from control.quarantine").iloc[0]
    assert (kept["rule"], kept["path"]) == ("mass_g_in_range", "query:orders")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("update orders set kg = 2 where id = 'a'"))
        connection.execute(sqlalchemy.text("update orders set kg = 3 where id = 'b'"))
    assert ingest(lake, mapping, path.parent).total.rows_landed == 2
    newest = lake.query(
        "select order_id, mass_g from raw.orders qualify row_number() over (partition by order_id order by "
        "ingest_time desc) = 1 order by 1"
    )
    assert newest.to_numpy().tolist() == [["a", 2_000], ["b", 3_000]]


def test_a_query_is_a_source(lake, tmp_path, monkeypatch):
    path = tmp_path / "erp.yml"
    path.write_text(QUERY)
    url = f"sqlite:///{tmp_path / 'erp.sqlite'}"
    check_query(lake, path, monkeypatch, url, database(url))


@pytest.mark.slow
def test_a_query_of_a_real_postgresql_reads_and_cannot_write(lake, tmp_path, monkeypatch):
    from orchestration.lake.embedded import start_embedded

    path = tmp_path / "erp.yml"
    path.write_text(QUERY)
    _, address = start_embedded(tmp_path / "server")
    socket = address.partition("host=")[2].split()[0]
    url = f"postgresql://postgres@/postgres?host={socket}"
    engine = database(url.replace("postgresql://", "postgresql+psycopg://"))
    check_query(lake, path, monkeypatch, url, engine)
    # a function that writes passes for a select: the server refuses it
    path.write_text(
        QUERY.replace("select id, day, kg, created from orders where kg is not null", "select setval('s', 9)")
    )
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("create sequence s"))
    with pytest.raises(InputError, match="read-only"):
        ingest(lake, load_mapping(path), path.parent)


def test_a_query_that_fails_is_told_without_the_password(lake, tmp_path, monkeypatch):
    path = tmp_path / "erp.yml"
    path.write_text(QUERY)
    mapping = load_mapping(path)
    monkeypatch.delenv("ERP_URL", raising=False)
    with pytest.raises(InputError, match="set the environment variable ERP_URL"):
        ingest(lake, mapping, tmp_path)
    for url in ("postgresql://me:s3cret@127.0.0.1:1/x", "nonsense://s3cret", f"sqlite:///{tmp_path}/none.sqlite"):
        monkeypatch.setenv("ERP_URL", url)
        assert diagnose(mapping, tmp_path)
        with pytest.raises(InputError, match=r"inputs\.orders") as caught:
            ingest(lake, mapping, tmp_path)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    ["delete from orders", "select 1; drop table orders", "select * into t from orders", "update orders set kg = 1"],
)
def test_a_statement_that_writes_is_refused(tmp_path, query):
    path = tmp_path / "erp.yml"
    path.write_text(QUERY.replace("select id, day, kg, created from orders where kg is not null", query))
    with pytest.raises(MappingError, match=r"inputs\.orders\.query"):
        load_mapping(path)


def row(name, kg=1):
    return f"{name},2026-01-02,{kg},2026-01-01 10:00\n"


def test_a_watched_folder_loads_what_has_settled_and_waits_for_what_is_being_written(lake, tmp_path):
    path, folder, stop = tmp_path / "erp.yml", tmp_path / "files", threading.Event()
    path.write_text(FILES)
    folder.mkdir()
    mapping, waited, loads = load_mapping(path), [], []

    def load(unsettled):
        loads.append({one.name for one in folder.glob("*.csv") if one not in unsettled})

    def until(condition, seconds=100):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it did not happen: {loads}"
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, args=(mapping, folder, load, stop, 0.5, waited.append))
    watcher.start()
    try:
        until(lambda: waited)
        assert "there is no file '*.csv'" in waited[0]
        (folder / "one.csv").write_text("id,day,kg,created\n" + row("a"))
        until(lambda: loads == [{"one.csv"}])
        with (folder / "two.csv").open("w") as half:
            half.write("id,day,kg,created\n" + row("b"))
            half.flush()
            (folder / "three.csv").write_text("id,day,kg,created\n" + row("c"))
            until(lambda: {"one.csv", "three.csv"} in loads)
            time.sleep(1.5)  # longer than it takes to settle: but it is still open
            assert not any("two.csv" in files for files in loads)
            half.write(row("d"))
        until(lambda: {"one.csv", "two.csv", "three.csv"} in loads)
    finally:
        stop.set()
        watcher.join()
    total = ingest(lake, mapping, folder, leave_out=frozenset({folder / "two.csv"})).total
    assert total.rows_landed == 2
    assert set(lake.query("select order_id from raw.orders")["order_id"]) == {"a", "c"}


def test_a_file_that_changes_is_not_settled(tmp_path):
    now = [1_000.0]
    settling, path = Settling(2.0, clock=lambda: now[0]), tmp_path / "one.csv"
    path.write_text("a")
    os.utime(path, (now[0], now[0]))
    assert settling.look([path]).unsettled
    now[0] += 3
    assert settling.look([path]).settled
    path.write_text("ab")
    os.utime(path, (now[0], now[0]))
    assert settling.look([path, tmp_path / "gone.csv"]).unsettled == {path}
    now[0] += 1.9
    assert not settling.look([path]).settled
    now[0] += 0.2
    assert settling.look([path]).settled


EXPECTED = {
    "bosnia": (2_935, 0),
    "lade": (16_323, 0),
    "scms": (20_648, 31),
    "olist": (45_373, 14),
}
"""Source -> rows read and kept aside. Olist: orders without a moment of purchase, or delivered before it; SCMS:
shipments that were delivered before they were ordered, or recorded before they were delivered."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_set_that_ships_is_read_whole_and_again_is_known(lake, name):
    folder = real_data(name)
    report = ingest(lake, load_mapping(name), folder)
    total = report.total
    assert total.rows_read == total.rows_landed + total.rows_quarantined + total.rows_known
    assert (total.rows_read, total.rows_quarantined) == EXPECTED[name]
    assert report.stale_dates == []
    again = ingest(lake, load_mapping(name), folder).total
    assert (again.rows_read, again.rows_known) == (total.rows_read, total.rows_read)


def test_the_command_tells_its_account_as_json(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (tmp_path / "erp.yml").write_text(FILES)
    (folder / "one.csv").write_text("id,day,kg,created\n" + row("a") + row("b", "heavy"))
    executable = Path(sys.executable).with_name("fivefold")
    done = subprocess.run(
        [executable, "--home", tmp_path / "home", "ingest", tmp_path / "erp.yml", "--data", folder, "--json"],
        env={**os.environ, "FIVEFOLD_CATALOG": "sqlite"},
        capture_output=True,
        text=True,
        check=True,
    )
    account = json.loads(done.stdout)
    assert (account["rows_read"], account["rows_landed"], account["rows_quarantined"]) == (2, 1, 1)
    assert account["quarantined"][0]["rule"] == "mass_g_is_integer"
