"""The dbt project as assets: each model a node, each test a check; built for a range of service dates."""

import importlib.metadata
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.libraries import DagsterLibraryRegistry
from packaging import version

from orchestration.assets.common import (
    BY_QUARTER,
    LAKE_POOL,
    SERVICE_DAYS,
    Workspace,
    date_range,
    import_beside,
    import_hidden,
)
from orchestration.transform.manifest import ensure_manifest
from orchestration.transform.run import (
    DBT_PROJECT,
    NOT_WRITTEN,
    WITHOUT_UNIT_TESTS,
    dbt_environment,
    keep_parse,
    one_build,
    range_arguments,
)

with import_hidden("dbt"):
    # dbt runs as a process of its own. Where it cannot be imported, dagster_dbt uses a few types that it brings along:
    # importing dbt for the names of its states takes more processor time than Dagster itself
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
DagsterLibraryRegistry.register("dbt-core", importlib.metadata.version("dbt-core"), is_dagster_package=False)


class Translator(DagsterDbtTranslator):
    """Models are named by themselves; all of them are the features group."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return "features"

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """As dagster_dbt makes it, with the test's own description, which it looks for elsewhere."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=manifest["nodes"][unique_id]["description"])


class ProjectDbt(DbtCliResource):
    """dbt of this environment, started once a run.

    The base class asks the program for its version, twice, and makes an adapter of its own to fetch metadata of
    columns, which nothing here asks for: together more processor time than building a day's features.
    """

    @property
    def _cli_version(self) -> version.Version:
        return version.parse(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_resource() -> ProjectDbt:
    """dbt of this environment, on this project."""
    executable = Path(sys.executable).with_name("dbt")
    return ProjectDbt(project_dir=str(DBT_PROJECT), profiles_dir=str(DBT_PROJECT), dbt_executable=str(executable))


PLANNING = ("orchestration.loop.parameters", "orchestration.learning", "lightgbm", "orchestration.planning.service",
            "numba.np.npyimpl", "pyvrp", "ortools.sat.python.cp_model", "orchestration.report",
            "matplotlib.figure")  # fmt: skip
"""What the rest of the night imports: seconds of processor time that dbt, a process of its own, leaves free."""


@dbt_assets(
    name="dbt",
    manifest=ensure_manifest(),
    dagster_dbt_translator=Translator(),
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    pool=LAKE_POOL,
)
def feature_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, workspace: Workspace) -> Iterator[Any]:
    """Staging, intermediate and marts as of each stop's planning cut-off."""
    with workspace.lake() as lake:
        # the catalogue's address is known only once the lake is open, and dbt reads it from its environment
        os.environ.update(
            {key: value for key, value in dbt_environment(lake).items() if key.startswith(("FIVEFOLD_", "DBT_"))}
        )
        command = ["build", *NOT_WRITTEN, *WITHOUT_UNIT_TESTS, *range_arguments(*date_range(context))]
        with one_build(lake):
            invocation = dbt.cli(command, context=context)
            if dg.AssetKey("daily_plan") in context.job_def.asset_layer.executable_asset_keys:
                import_beside(*PLANNING)
            yield from invocation.stream()
            keep_parse(lake, invocation.target_path)
