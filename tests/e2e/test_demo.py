"""The whole loop as a newcomer meets it, and as Dagster keeps it: one demo, then its runs, checks, sensor and UI."""

import csv
import email
import email.policy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIVEFOLD = str(Path(sys.executable).with_name("fivefold"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DAY = date(2026, 3, 30)
COLUMNS = ["route_id", "vehicle_id", "sequence", "order_id", "arrival", "service_start", "departure", "leg_m", "leg_s"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def dagster(demo, monkeypatch):
    """Dagster's instance of the demo's workspace."""
    import dagster as dg

    for name, value in {
        "FIVEFOLD_HOME": demo.home,
        "FIVEFOLD_SOURCE": "demo",
        "DAGSTER_HOME": demo.home / "dagster",
        "FIVEFOLD_SOLVER_SECONDS": "1",
    }.items():
        monkeypatch.setenv(name, str(value))
    with dg.DagsterInstance.get() as instance:
        yield instance


class Quiet:
    """Steps that nobody watches."""

    def __call__(self, title):
        self.title = title


def metadata(instance, *key):
    import dagster as dg

    event = instance.get_latest_materialization_event(dg.AssetKey(list(key)))
    return event.asset_materialization.metadata


def test_the_demo_plans_a_verified_day_runs_it_and_learns_from_it(demo):
    result = demo.result
    assert result["verified"]
    assert result["served"] > 300
    assert result["attempts"] == result["served"]
    assert {one["fleet_kind"] for one in result["fleets"]} >= {"captive"}
    assert 0.5 < result["kpis"]["first_attempt_delivery_rate"] <= 1
    assert result["kpis"]["cost_per_delivery"] > 0
    assert 0.5 < result["models"]["failed"]["roc_auc"] <= 1
    with Path(result["plan"]).open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == COLUMNS
    assert len({line["order_id"] for line in lines}) == len(lines) == result["served"]
    page = Path(result["report"]).read_text()
    assert "How the day went" in page
    assert "What was done about risks, and told" in page
    assert [line for line in demo.stderr.splitlines() if "11/11" in line], demo.stderr


def test_risks_are_acted_on_and_customers_are_told_before_the_day(demo):
    result = demo.result
    treated = {one["action"]: one["treated"] for one in result["interventions"]}
    assert sum(treated.values()) > 5
    assert sum(one["held_out"] for one in result["interventions"]) > 0, "some are left alone, so that effects are known"
    assert result["messages"]["delivered"] > 200
    assert result["messages"]["dead"] == result["messages"]["pending"] == 0
    letters = list(Path(result["outbox"]).rglob("*.eml"))
    assert len(letters) == result["messages"]["delivered"]
    letter = email.message_from_bytes(letters[0].read_bytes(), policy=email.policy.default)
    assert letter["To"].endswith("@example.org")
    assert letter.get_body(("plain",)).get_content().strip()


def test_the_workspace_holds_nothing_of_the_twins_truth(demo):
    """The lake, the landing folder, models, reports and logs: no column of truth by name."""
    files = [path for path in demo.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 50
    names = [b"truth_outcome", b"truth_p_absent", b"truth_customer_rate", b"truth_travel_factor", b"truth_shock"]
    assert [(path, name) for path in files for name in names if name in path.read_bytes()] == []


def test_every_step_is_a_run_with_what_a_person_wants_to_see(dagster):
    import dagster as dg

    runs = dagster.get_runs()
    assert len(runs) == 9
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.job_name for run in runs} == {"load", "account", "learn", "nightly"}
    assert metadata(dagster, "raw", "orders")["dagster/row_count"].value > 10_000
    plan = metadata(dagster, "daily_plan")
    assert "| 2026-03-30 |" in plan["plans"].value
    assert plan["map"].value.startswith("![routes of 2026-03-30](data:image/png;base64,")
    assert plan["report"].value.endswith("/report-demo-2026-03-30.html")
    for task in ("failed", "late", "eta"):
        assert "data:image/png" in metadata(dagster, f"{task}_model")["on the newest fifth"].value
    kpis = metadata(dagster, "daily_kpis")
    assert "| 2026-03-30 |" in kpis["days"].value
    assert "| captive |" in kpis["newest day by fleet"].value
    assert "data:image/png" in kpis["trend"].value
    books = metadata(dagster, "cost_ledger")["books"].value
    assert {line.rsplit("|", 2)[1].strip() for line in books.splitlines()[2:]} == {"0.00"}


def test_the_checks_that_stop_a_bad_partition_passed(dagster):
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    blocking = [key for key in graph.asset_check_keys if graph.get_check_spec(key).blocking]
    records = dagster.event_log_storage.get_latest_asset_check_execution_by_key(blocking)
    assert set(records) == set(blocking)
    assert {record.status.value for record in records.values()} == {"SUCCEEDED"}


@pytest.fixture
def ui(demo):
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, pages = one.getsockname()[1], two.getsockname()[1]
    command = [FIVEFOLD, "--home", str(demo.home), "ui", "--port", str(port), "--reports-port", str(pages)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).status == 200:
                break
        except OSError:
            time.sleep(0.5)
    yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{pages}", process
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def ask(base, query):
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{base}/graphql", body, {"Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["data"]


def test_the_ui_shows_the_graph_the_plan_and_its_page_and_ends_with_its_servers(ui, demo):
    base, pages, process = ui
    names = ask(base, "{assetNodes { groupName assetKey { path } } }")["assetNodes"]
    assert {node["groupName"] for node in names} >= {
        "ingestion",
        "features",
        "learning",
        "prediction",
        "planning",
        "operation",
    }
    repository = 'repositorySelector: {repositoryLocationName: "fivefold", repositoryName: "__repository__"}'
    found = ask(
        base, f"{{schedulesOrError({repository}) {{ ... on Schedules {{ results {{ name cronSchedule }} }} }} }}"
    )
    assert {one["name"]: one["cronSchedule"] for one in found["schedulesOrError"]["results"]}["plan_tomorrow"] == (
        "30 20 * * *"
    )
    assert urllib.request.urlopen(f"{pages}/report-demo-{DAY}.html", timeout=10).status == 200
    if CHROMIUM:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            view = browser.new_page(viewport={"width": 1400, "height": 900})
            view.goto(f"{base}/assets/daily_plan?view=partitions&partition={DAY}", timeout=60_000)
            view.get_by_text("solver s").first.wait_for(timeout=60_000)
            view.get_by_text("[Show Markdown]").first.click()
            view.locator("img[alt='routes of 2026-03-30']").wait_for(timeout=30_000)
            browser.close()
    group = process.pid
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert base.rsplit(":", 1)[1] not in left, f"servers of {group} are still there"


def test_a_prediction_out_of_range_stops_the_plan(dagster, demo, monkeypatch):
    from domain.errors import FivefoldError
    from orchestration import predicting, runner

    honest = predicting.predict_days

    def liar(*arguments):
        return honest(*arguments).assign(probability=1.5)

    monkeypatch.setattr(predicting, "predict_days", liar)
    planned = Path(demo.result["plan"]).stat().st_mtime_ns
    with pytest.raises(FivefoldError, match="check in_range of predictions did not pass"):
        runner.materialise("nightly", ["prediction", "planning"], (DAY, DAY), Quiet(), "predict and plan")
    assert Path(demo.result["plan"]).stat().st_mtime_ns == planned


def test_a_plan_that_breaks_a_rule_is_not_published_and_nothing_is_built_on_it(dagster, demo, monkeypatch):
    import dagster as dg

    from orchestration.assets import ASSETS, RESOURCES
    from orchestration.planning import service
    from solvers import Violation

    booked = dagster.get_latest_materialization_event(dg.AssetKey("cost_ledger")).run_id
    planned = Path(demo.result["plan"]).read_bytes()
    monkeypatch.setattr(service, "verify", lambda *_: [Violation("capacity", "route r", "too heavy")])
    done = dg.materialize(
        ASSETS,
        selection=["daily_plan", "cost_ledger"],
        instance=dagster,
        resources=RESOURCES,
        partition_key=str(DAY),
        raise_on_error=False,
    )
    assert not done.success
    assert {one.check_name: one.passed for one in done.get_asset_check_evaluations()} == {"verified": False}
    assert Path(demo.result["plan"]).read_bytes() == planned
    assert dagster.get_latest_materialization_event(dg.AssetKey("cost_ledger")).run_id == booked


def test_the_sensor_loads_what_lands_and_nothing_twice(dagster, demo):
    import dagster as dg

    from orchestration.definitions import defs, landing_folder
    from simulation import City, load_scenario
    from simulation.landing import write_tables

    cursor, loaded = None, []
    for turn in range(3):
        if turn == 1:
            tomorrow = date(2026, 3, 31)
            landing = demo.home / "landing" / "demo"
            write_tables(landing, str(tomorrow), City(load_scenario()).day_before(tomorrow))
            for path in landing.glob(f"*/{tomorrow}.parquet"):
                os.utime(path, (time.time() - 60,) * 2)  # as if it had come a minute ago
        found = landing_folder(dg.build_sensor_context(instance=dagster, cursor=cursor))
        if isinstance(found, dg.SkipReason) or not found.run_requests:
            continue
        cursor = found.cursor
        if turn == 1:
            (request,) = found.run_requests
            done = defs.resolve_job_def("load").execute_in_process(instance=dagster, tags=request.tags)
            assert done.success
            loaded.append(metadata(dagster, "raw", "orders")["landed"].value)
    assert len(loaded) == 1
    assert loaded[0] > 300


def test_the_nightly_job_takes_the_partition_the_schedule_asks_for(dagster):
    import dagster as dg

    from orchestration.definitions import defs, plan_tomorrow

    evening = datetime(2026, 3, 29, 20, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))
    request = plan_tomorrow(dg.build_schedule_context(instance=dagster, scheduled_execution_time=evening))
    job = defs.resolve_job_def("nightly")
    assert request.partition_key == str(DAY)
    job.validate_partition_key(request.partition_key, selected_asset_keys=None, context=None)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} >= {
        "feat_eta",
        "predictions",
        "daily_plan",
    }


def test_planning_a_day_again_changes_nothing_but_the_plan(demo):
    done = subprocess.run(
        [FIVEFOLD, "--home", str(demo.home), "plan", "demo", str(DAY), "--seconds", "1", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    planned = json.loads(done.stdout)
    assert planned["verified"]
    assert planned["served"] + planned["unserved"] == demo.result["served"] + demo.result["unserved"]
