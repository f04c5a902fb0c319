"""One demo for all tests of it: the workspace in which the city's month was ingested, learned from, planned and run."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIVEFOLD = str(Path(sys.executable).with_name("fivefold"))


@dataclass(frozen=True)
class Demo:
    home: Path
    result: dict[str, Any]
    stderr: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [FIVEFOLD, "demo", "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "FIVEFOLD_SOLVER_SECONDS": "3"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return Demo(home, json.loads(done.stdout), done.stderr)
