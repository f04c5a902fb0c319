"""The code location as a data team meets it."""

import os
import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import pytest

from domain.tables import DEPOTS, ORDERS, RAW_TABLES, STALE_PARTITIONS
from orchestration import settings
from orchestration.assets.common import BY_QUARTER, SERVICE_DAYS, Workspace, markdown_table
from orchestration.cli.ui import _partitions_of
from orchestration.definitions import account_yesterday, defs, landing_folder, late_rows, plan_tomorrow
from orchestration.lake import Lake
from orchestration.sensors import RANGE_END, RANGE_START, spans

GROUPS = {
    "ingestion",
    "features",
    "prediction",
    "planning",
    "learning",
    "evaluation",
    "operation",
    "acting",
    "dispatch",
}


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def test_every_asset_has_a_group_and_says_what_it_is(graph):
    for node in graph.asset_nodes:
        assert node.group_name in GROUPS
        assert node.description, f"{node.key.to_user_string()} has no description"


def test_checks_of_the_features_have_a_name_and_words_for_people(graph):
    tests = [key for key in graph.asset_check_keys if key.name.startswith(key.asset_key.path[-1])]
    assert len(tests) >= 10
    for key in tests:
        assert key.name in (f"{key.asset_key.path[-1]}_sound", f"{key.asset_key.path[-1]}_never_null")
        assert "nothing required is missing" in graph.get_check_spec(key).description.lower()


def test_every_raw_table_is_an_asset(graph):
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {f"raw/{table.name}" for table in RAW_TABLES} <= keys


def test_the_loop_is_closed_from_raw_to_plan(graph):
    above = graph.get_ancestor_asset_keys(dg.AssetKey("daily_plan"))
    for name in ("predictions", "feat_exception", "feat_eta", "failed_model", "fct_outcomes"):
        assert dg.AssetKey(name) in above
    assert dg.AssetKey(["raw", "delivery_events"]) in above


def test_partitioned_assets_share_one_policy(graph):
    for node in graph.asset_nodes:
        if node.partitions_def is not None:
            assert node.partitions_def == SERVICE_DAYS
            assert node.backfill_policy == BY_QUARTER


def test_checks_that_must_stop_a_bad_partition_block(graph):
    blocking = {
        (key.asset_key.to_user_string(), key.name)
        for key in graph.asset_check_keys
        if graph.get_check_spec(key).blocking
    }
    assert ("daily_plan", "verified") in blocking
    assert ("predictions", "in_range") in blocking
    assert {(f"raw/{table.name}", "every_row_accounted_for") for table in RAW_TABLES} <= blocking


def test_the_nightly_schedule_plans_tomorrow_across_a_change_of_clocks():
    # clocks go forward in Amsterdam on 2026-03-29
    evening = datetime(2026, 3, 28, 20, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))
    context = dg.build_schedule_context(scheduled_execution_time=evening)
    request = plan_tomorrow(context)
    assert request.partition_key == "2026-03-29"
    assert request.tags["dagster/priority"] == "10"
    morning = dg.build_schedule_context(scheduled_execution_time=evening + timedelta(hours=30))
    assert account_yesterday(morning).partition_key == "2026-03-29"


def written(path, text, seconds_ago):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = time.time() - seconds_ago
    os.utime(path, (moment, moment))


def test_the_sensor_asks_for_one_load_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_HOME", str(tmp_path))
    monkeypatch.setenv("FIVEFOLD_SOURCE", "shop")
    folder = tmp_path / "landing" / "shop"
    with dg.instance_for_test() as instance:

        def look(cursor=None):
            return landing_folder(dg.build_sensor_context(instance=instance, cursor=cursor))

        assert isinstance(look(), dg.SkipReason)
        written(folder / "orders.csv", "a\n1\n", 60)
        first = look()
        assert len(first.run_requests) == 1
        assert isinstance(look(first.cursor), dg.SkipReason)
        written(folder / "moved_in_and_older.csv", "a\n2\n", 900)
        second = look(first.cursor)
        assert second.run_requests[0].run_key != first.run_requests[0].run_key
        written(folder / "half.csv", "a\n", 0)
        assert "half.csv" in look(second.cursor).skip_message


def test_late_rows_ask_for_their_dates_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_HOME", str(tmp_path))
    monkeypatch.setenv("FIVEFOLD_SOURCE", "shop")
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    landed = pd.Timestamp("2026-04-20T10:00Z")
    with Lake.open(tmp_path) as lake:
        days = [date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 9), date(2025, 1, 1)]
        rows = pd.DataFrame({"service_date": days, "ingest_time": landed, "rows": 1})
        lake.append(STALE_PARTITIONS, rows.assign(source="shop", table_name="orders"))
        lake.append(STALE_PARTITIONS, rows[:1].assign(source="another", table_name="orders"))
    with dg.instance_for_test() as instance:
        found = late_rows(dg.build_sensor_context(instance=instance))
        asked = [(one.tags[RANGE_START], one.tags[RANGE_END]) for one in found.run_requests]
        assert asked == [("2026-03-05", "2026-03-06"), ("2026-03-09", "2026-03-09")]
        again = late_rows(dg.build_sensor_context(instance=instance, cursor=found.cursor))
        assert isinstance(again, dg.SkipReason)


def test_spans_are_no_longer_than_a_run_may_be():
    days = [date(2026, 3, 2) + timedelta(days=number) for number in range(70)]
    found = spans(days)
    assert [(last - first).days + 1 for first, last in found] == [31, 31, 8]
    assert spans([]) == []


@pytest.mark.parametrize(
    ("name", "value", "call"),
    [
        ("FIVEFOLD_TIMEZONE", "Mars/Base", settings.timezone),
        ("FIVEFOLD_FIRST_DAY", "yesterday", settings.first_partition),
        ("FIVEFOLD_SOLVER_SECONDS", "-3", settings.solver_seconds),
        ("FIVEFOLD_SOLVER_SECONDS", "soon", settings.solver_seconds),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value, call):
    from domain.errors import InputError

    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name):
        call()


@pytest.mark.parametrize(("tag", "threads"), [({"dagster/partition": "2026-03-30"}, 1), ({}, None)])
def test_a_run_of_one_date_reads_the_lake_with_one_thread(tmp_path, monkeypatch, tag, threads):
    monkeypatch.setenv("FIVEFOLD_HOME", str(tmp_path))
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.delenv("FIVEFOLD_DATABASE_THREADS", raising=False)
    found = []

    @dg.op
    def look(workspace: Workspace):
        with workspace.lake() as lake:
            found.append((lake.settings.threads, int(lake.query("select current_setting('threads') as n")["n"][0])))

    dg.GraphDefinition(name="looking", node_defs=[look]).to_job(
        resource_defs={"workspace": Workspace()}
    ).execute_in_process(tags=tag)
    assert found == [(threads, threads or os.cpu_count())]


def test_tables_in_the_ui_escape_what_data_says():
    table = markdown_table(["who", "n"], [("<b>x</b> | y", 1234)])
    assert "&lt;b>x" in table.value
    assert "\\| y" in table.value
    assert "1,234" in table.value


def test_the_ui_of_a_source_begins_with_its_first_service_date(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    assert _partitions_of(tmp_path, "shop") == {}
    with Lake.open(tmp_path) as lake:
        known = {"source": "shop", "file_id": "f", "retracted": False}
        known |= {name: pd.Timestamp("2024-01-01T00:00Z") for name in ("event_time", "ingest_time")}
        days = [date(2024, 1, 9), date(2024, 1, 8)]
        orders = pd.DataFrame({"order_id": ["a", "b"], "service_date": days, "kind": "delivery"})
        lake.append(ORDERS, orders.assign(**known))
        assert _partitions_of(tmp_path, "shop") == {"FIVEFOLD_FIRST_DAY": "2024-01-08"}
        depot = pd.DataFrame({"depot_id": ["d"], "lat": 43.4, "lon": 17.6, "timezone": "Europe/Sarajevo"})
        lake.append(DEPOTS, depot.assign(**known))
    assert _partitions_of(tmp_path, "shop") == {
        "FIVEFOLD_FIRST_DAY": "2024-01-08",
        "FIVEFOLD_TIMEZONE": "Europe/Sarajevo",
    }
