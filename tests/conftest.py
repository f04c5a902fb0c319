"""Where tests put their files."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Speed is never asserted in tests: a busy machine must not turn a property red. CI draws the same examples every time.
settings.register_profile("fivefold", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("fivefold")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """As root, use a folder of this run's own.

    The embedded PostgreSQL then runs as another user, who must be able to reach it; the folder that pytest runs share
    is closed to others again whenever one of them starts.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not config.option.basetemp:
        config.option.basetemp = tempfile.mkdtemp(prefix="fivefold-tests-")
        config.add_cleanup(lambda: shutil.rmtree(Path(config.option.basetemp), ignore_errors=True))
