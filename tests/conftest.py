"""Where tests put their files."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    # there is a worker a processor: threads of their own would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("FIVEFOLD_DATABASE_THREADS", "1")

# Speed is never asserted in tests: a busy machine must not turn a property red. CI draws the same examples every time.
settings.register_profile("fivefold", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("fivefold")


LONGEST_FIRST = (
    "e2e/test_demo.py",
    "simulation/experiment/test_kernels.py",
    "orchestration/acting/test_answers.py",
    "orchestration/test_lake.py",
    "e2e/test_bosnia.py",
    "orchestration/loop/test_backfill.py",
    "orchestration/test_ingestion_bad_input.py",
    "orchestration/acting/test_acting.py",
    "orchestration/test_features.py",
    "orchestration/test_planning.py",
    "solvers/test_compiled.py",
)
"""Files that take long by themselves: begun last, one of them would run alone while the other processors wait.

Machine code that other files use too is made by one of these while the others do something else: files that need the
same at the same time would both make it.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the order within a file stays."""
    tests = Path(__file__).parent
    places = {tests / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """As root, use a folder of this run's own.

    The embedded PostgreSQL then runs as another user, who must be able to reach it; the folder that pytest runs share
    is closed to others again whenever one of them starts.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not config.option.basetemp:
        config.option.basetemp = tempfile.mkdtemp(prefix="fivefold-tests-")
        config.add_cleanup(lambda: shutil.rmtree(Path(config.option.basetemp), ignore_errors=True))
