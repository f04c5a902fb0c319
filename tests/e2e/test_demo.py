"""The whole loop as a newcomer meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIVEFOLD = str(Path(sys.executable).with_name("fivefold"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_plans_a_verified_day_and_learns_from_it(tmp_path):
    done = subprocess.run(
        [FIVEFOLD, "demo", "--home", str(tmp_path), "--json"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    result = json.loads(done.stdout)
    assert result["verified"]
    assert result["served"] > 300
    assert result["attempts"] == result["served"]
    assert {one["fleet_kind"] for one in result["fleets"]} >= {"captive"}
    lines = Path(result["plan"]).read_text().splitlines()
    assert lines[0].startswith("route_id,vehicle_id,sequence,order_id,arrival")
    assert len(lines) == result["served"] + 1


def test_loading_the_definitions_imports_nothing_heavy():
    heavy = ["great_expectations", "lightgbm", "river", "ortools", "pyvrp", "mlflow"]
    code = f"import sys, orchestration.definitions; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr[-2_000:]


def test_a_wrong_source_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [FIVEFOLD, "ingest", "bosna", "--home", str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert "Did you mean 'bosnia'" in done.stderr
    assert "Traceback" not in done.stderr
