"""A plugin of dbt-duckdb: dbt's own DuckDB can attach the workspace's lake (named in ``dbt_project/profiles.yml``).

The lake's address is a secret of the connection, read when dbt connects, and no part of the profile: dbt would parse
the project anew for every workspace.
"""

from __future__ import annotations

import os
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from orchestration.lake.extensions import UNSIGNED, load_extensions


class Plugin(BasePlugin):
    """``ducklake:fivefold_lake`` is the lake of ``FIVEFOLD_DBT_CATALOG`` and ``FIVEFOLD_DBT_DATA_PATH``."""

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """DuckDB takes this setting only while it starts."""
        config[UNSIGNED] = "true"

    def configure_connection(self, conn: Any) -> None:
        """Called before the profile's databases are attached."""
        load_extensions(conn)
        if threads := os.environ.get("FIVEFOLD_DBT_DATABASE_THREADS"):
            conn.execute(f"set threads = {int(threads)}")
        catalog, place = (
            os.environ[name].replace("'", "''") for name in ("FIVEFOLD_DBT_CATALOG", "FIVEFOLD_DBT_DATA_PATH")
        )
        conn.execute(
            f"create or replace secret fivefold_lake (type ducklake, metadata_path '{catalog}', data_path '{place}')"
        )
