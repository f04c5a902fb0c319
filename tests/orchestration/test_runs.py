"""How Dagster treats our runs, by its own machinery on the settings that ship."""

import dagster as dg
import pytest
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import filter_runs_to_should_retry

from orchestration.dagster_home import prepare_dagster_home
from orchestration.definitions import NIGHTLY_TAGS, defs, plan_tomorrow


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as one:
        yield one


def retried(instance):
    return [run.run_id for run in filter_runs_to_should_retry(instance.get_runs(), instance)]


def test_a_run_that_failed_by_a_mistake_is_not_retried(instance):
    @dg.asset
    def wrong():
        raise ValueError("a mistake fails again")

    done = dg.materialize([wrong], instance=instance, raise_on_error=False)
    assert not done.success
    assert len([event for event in done.all_events if event.is_step_start]) == 1
    assert retried(instance) == []


def test_a_run_whose_process_died_is_retried_once(instance):
    @dg.asset
    def fine():
        return None

    job = dg.define_asset_job("j").resolve(asset_graph=dg.Definitions([fine]).resolve_asset_graph())
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run, "the process is gone")  # what run monitoring reports of a killed worker
    assert retried(instance) == [run.run_id]
    assert instance.run_retries_max_retries == 1


def test_no_asset_retries_by_itself():
    for assets in defs.assets:
        if isinstance(assets, dg.AssetsDefinition):
            assert assets.op.retry_policy is None


def test_backfills_leave_a_place_for_the_nightly_plan(instance):
    places = instance.get_concurrency_config().run_queue_config
    (limit,) = [one for one in places.tag_concurrency_limits if one["key"] == "dagster/backfill"]
    assert limit["limit"] < places.max_concurrent_runs
    job = defs.resolve_job_def("nightly")
    assert job.tags["dagster/priority"] == NIGHTLY_TAGS["dagster/priority"] == "10"
    assert plan_tomorrow.job.name == "nightly"


def test_telemetry_and_the_sign_up_window_are_off(instance):
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_what_people_wait_for_has_a_freshness_policy():
    graph = defs.resolve_asset_graph()
    for name in ("daily_plan", "daily_kpis", "raw/orders", "raw/delivery_events", "failed_model", "eta_model"):
        node = graph.get(dg.AssetKey(name.split("/")))
        assert node.freshness_policy is not None, name
