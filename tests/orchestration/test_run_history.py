"""Dagster's history with connections that stay open: the same files, followed and cleared as before."""

import multiprocessing
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from orchestration import run_history
from orchestration.dagster_home import prepare_dagster_home
from orchestration.run_history import EventLog


@dg.asset
def counted() -> int:
    """An asset that needs nothing."""
    return 5


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    folder = prepare_dagster_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


def _without_our_storage(home: Path) -> None:
    text = (home / "dagster.yaml").read_text()
    begin, end = text.index("storage:"), text.index("telemetry:")
    (home / "dagster.yaml").write_text(text[:begin] + text[end:])


def test_dagsters_own_storage_reads_what_ours_wrote_and_ours_what_it_wrote(home):
    with dg.DagsterInstance.get() as ours:
        assert isinstance(ours.event_log_storage, EventLog)
        first = dg.materialize([counted], instance=ours).run_id
    _without_our_storage(home)
    with dg.DagsterInstance.get() as theirs:
        assert type(theirs.event_log_storage) is SqliteEventLogStorage
        assert [one.dagster_event_type for one in theirs.all_logs(first)][-1] == dg.DagsterEventType.RUN_SUCCESS
        second = dg.materialize([counted], instance=theirs).run_id
    prepare_dagster_home(home.parent)
    with dg.DagsterInstance.get() as ours:
        assert {one.run_id for one in ours.get_runs()} == {first, second}
        assert ours.get_latest_materialization_event(dg.AssetKey("counted")).run_id == second


def test_a_running_run_can_be_followed(home):
    # the UI is another process; an instance of its own has connections of its own, as that has
    with dg.DagsterInstance.get() as runs, dg.DagsterInstance.get() as ui:
        run_id = dg.DagsterRun(job_name="followed").run_id
        runs.report_engine_event("begins", job_name="followed", run_id=run_id)
        seen, second = [], threading.Event()

        def told(entry, _cursor):
            seen.append(entry.message)
            if "goes on" in seen:
                second.set()

        ui.watch_event_logs(run_id, None, told)
        runs.report_engine_event("goes on", job_name="followed", run_id=run_id)
        assert second.wait(20), f"only {seen} were told"
        ui.end_watch_event_logs(run_id, told)


def test_hundreds_of_runs_are_read_with_few_databases_open(home, monkeypatch):
    monkeypatch.setattr(run_history, "ENGINES_KEPT", 3)
    with dg.DagsterInstance.get() as instance:
        ids = [dg.materialize([counted], instance=instance).run_id for _ in range(5)]
        assert all(instance.all_logs(one) for one in ids * 2)
        assert len(instance.event_log_storage._engines._kept) <= 3


def test_a_history_that_was_cleared_begins_again(home):
    with dg.DagsterInstance.get() as instance:
        dg.materialize([counted], instance=instance)
        with dg.DagsterInstance.get() as other:
            other.wipe()
        run = dg.materialize([counted], instance=instance)
        assert [one.run_id for one in instance.get_runs()] == [run.run_id]
        assert instance.all_logs(run.run_id)


def _write(run_id: str, instance: dg.DagsterInstance) -> None:
    instance.report_engine_event("from a child", job_name="forked", run_id=run_id)


def test_a_forked_child_opens_connections_of_its_own(home):
    with dg.DagsterInstance.get() as instance:
        run_id = dg.materialize([counted], instance=instance).run_id
        before = len(instance.all_logs(run_id))
        child = multiprocessing.get_context("fork").Process(target=_write, args=(run_id, instance))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        instance.report_engine_event("from the parent", job_name="forked", run_id=run_id)
        assert len(instance.all_logs(run_id)) == before + 2
