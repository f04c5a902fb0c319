"""The code location as a data team meets it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from domain.tables import RAW_TABLES
from orchestration import settings
from orchestration.assets.common import BY_MONTH, SERVICE_DAYS, markdown_table
from orchestration.definitions import account_yesterday, defs, landing_folder, plan_tomorrow


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def test_every_asset_has_a_group_and_says_what_it_is(graph):
    for node in graph.asset_nodes:
        assert node.group_name in {"ingestion", "features", "prediction", "planning", "learning", "operation", "acting"}
        assert node.description, f"{node.key.to_user_string()} has no description"


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
            assert node.backfill_policy == BY_MONTH


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


def test_the_sensor_asks_for_one_load_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_HOME", str(tmp_path))
    monkeypatch.setenv("FIVEFOLD_SOURCE", "shop")
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance)
        assert isinstance(landing_folder(context), dg.SkipReason)
        folder = tmp_path / "landing" / "shop"
        folder.mkdir(parents=True)
        (folder / "orders.csv").write_text("a\n1\n")
        first = landing_folder(dg.build_sensor_context(instance=instance))
        assert len(first.run_requests) == 1
        again = landing_folder(dg.build_sensor_context(instance=instance, cursor=first.cursor))
        assert isinstance(again, dg.SkipReason)


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


def test_tables_in_the_ui_escape_what_data_says():
    table = markdown_table(["who", "n"], [("<b>x</b> | y", 1234)])
    assert "&lt;b>x" in table.value
    assert "\\| y" in table.value
    assert "1,234" in table.value
