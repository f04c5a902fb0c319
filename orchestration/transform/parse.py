"""Parse the dbt project (``python -m orchestration.transform.parse``): references and tests are checked."""

from __future__ import annotations

import os
import subprocess
import sys

from orchestration.transform.run import DBT_PROJECT, dbt_command


def parse() -> int:
    """Write ``target/manifest.json``; returns dbt's exit code."""
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    return subprocess.run(dbt_command("parse", "--quiet"), env=environment, cwd=DBT_PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(parse())
