"""What every command promises: cheap loading, one line for a mistake, help with an example."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIVEFOLD = str(Path(sys.executable).with_name("fivefold"))


def run(*arguments):
    return subprocess.run(
        [FIVEFOLD, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False, env=os.environ
    )


def test_loading_the_definitions_imports_nothing_heavy():
    heavy = ["great_expectations", "lightgbm", "river", "ortools", "pyvrp", "mlflow", "dbt"]
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


def test_dagsters_own_commands_need_no_setting(tmp_path):
    """As somebody who knows Dagster and not us would begin."""
    unset = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "definitions", "validate", "-w", "workspace.yaml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**unset, "FIVEFOLD_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "Validation successful" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest", "bosna"], "Did you mean 'bosnia'"),
        (["demo", "--source", "bosna"], "Did you mean 'bosnia'"),
        (["demo", "--source", "bosnia", "--data", "/nowhere"], "/nowhere"),
        (["demo", "--source", "bosnia", "--seconds", "0"], "--seconds"),
        (["plan", "demo", "yesterday"], "yesterday"),
        (["evaluate", "changshu", "--train-until", "April"], "April"),
        (["dmo"], "Did you mean 'demo'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, says):
    done = run("--home", tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_has_help_with_an_example():
    from orchestration.cli import COMMANDS

    for name in COMMANDS:
        done = run(name, "--help")
        assert done.returncode == 0
        assert "Example" in done.stdout, name
