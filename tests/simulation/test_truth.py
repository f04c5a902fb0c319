"""Truth stays behind its wall: not in what the twin emits, not in the lake, not in reach of planners and models."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from domain.errors import InputError
from domain.tables import RAW_TABLES
from simulation import scenario_from
from simulation.landing import simulate
from simulation.truth import TRUTH_PREFIX
from tests.simulation.conftest import SMALL

DAY = date(2026, 3, 3)
ROOT = Path(__file__).resolve().parents[2]
KEYS = {"order_id", "customer_id", "service_date", "driver_id", "city"}
EVALUATION = {"orchestration/cli/simulate.py", "orchestration/cli/realism.py"}
"""Commands that read truth: they play or judge the twin."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("twin")
    list(simulate(scenario_from(SMALL), DAY, 2, place / "out", place / "truth"))
    return place / "out", place / "truth"


def columns_of(folder: Path) -> set[str]:
    return {name for path in folder.rglob("*.parquet") for name in pq.read_schema(path).names}


def test_truth_columns_are_marked_and_in_no_table_the_twin_emits(folders):
    out, truth = folders
    marked = columns_of(truth)
    assert truth.stat().st_mode & 0o077 == 0  # nobody else's to read
    assert {one for one in marked if not one.startswith(TRUTH_PREFIX)} <= KEYS
    assert len(marked) > 30
    assert not any(one.startswith(TRUTH_PREFIX) for one in columns_of(out))
    assert not any(TRUTH_PREFIX.encode() in path.read_bytes() for path in out.rglob("*") if path.is_file())


def test_no_table_of_the_lake_has_a_column_of_truth():
    assert not [
        f"{table.name}.{column.name}" for table in RAW_TABLES for column in table.columns if TRUTH_PREFIX in column.name
    ]
    for path in (*ROOT.glob("sources/*.yml"), *ROOT.glob("dbt_project/**/*.sql"), *ROOT.glob("dbt_project/**/*.yml")):
        if "target" not in path.parts:
            assert TRUTH_PREFIX not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("apart", ["out", "out/truth", "."])
def test_a_truth_folder_inside_the_tables_is_refused(tmp_path, apart):
    with pytest.raises(InputError, match="must be apart"):
        list(simulate(scenario_from(SMALL), DAY, 1, tmp_path / "out", tmp_path / apart))
    assert not (tmp_path / "out").exists()


def test_only_evaluation_reads_truth():
    """No module outside the twin, its experiments and its commands touches a played day's truth or its hidden parts."""
    hidden = re.compile(r"\.truth\b|truth_of|\.world\b|simulation\.(truth|oracle|world|doors|fates|habits|realism)\b")
    found = []
    for room in ("domain", "solvers", "models", "operations", "orchestration"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name not in EVALUATION and "simulation" in (text := path.read_text(encoding="utf-8")):
                found += [f"{name}: {hit.group()}" for hit in hidden.finditer(text)]
    assert found == []


def test_import_contracts_hold_the_wall():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    walls = [one for one in contracts if one["type"] == "forbidden" and "simulation" in one["forbidden_modules"]]
    assert any({"domain", "solvers", "models", "operations"} <= set(one["source_modules"]) for one in walls)
    behind = [one for one in contracts if "simulation.truth" in one.get("forbidden_modules", [])]
    assert any("orchestration" in one["source_modules"] for one in behind)
