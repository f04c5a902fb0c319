"""The dbt project as assets: each model a node, each test a check; built for a range of service dates."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from orchestration.assets.common import BY_MONTH, LAKE_POOL, SERVICE_DAYS, date_range, open_lake
from orchestration.transform.manifest import ensure_manifest
from orchestration.transform.run import DBT_PROJECT, WITHOUT_UNIT_TESTS, dbt_environment, one_build, range_arguments


class Translator(DagsterDbtTranslator):
    """Models are named by themselves; all of them are the features group."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return "features"


def dbt_resource() -> DbtCliResource:
    """dbt of this environment, on this project."""
    executable = Path(sys.executable).with_name("dbt")
    return DbtCliResource(project_dir=str(DBT_PROJECT), profiles_dir=str(DBT_PROJECT), dbt_executable=str(executable))


@dbt_assets(
    name="dbt",
    manifest=ensure_manifest(),
    dagster_dbt_translator=Translator(),
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_MONTH,
    pool=LAKE_POOL,
)
def feature_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Staging, intermediate and marts as of each stop's planning cut-off."""
    with open_lake() as lake:
        # the catalogue's address is known only once the lake is open, and dbt reads it from its environment
        os.environ.update({key: value for key, value in dbt_environment(lake).items() if key.startswith("FIVEFOLD_")})
        command = ["build", *WITHOUT_UNIT_TESTS, *range_arguments(*date_range(context))]
        with one_build(lake):
            yield from dbt.cli(command, context=context).stream()
