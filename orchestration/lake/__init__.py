"""The lake: DuckLake, Parquet files with a SQL catalogue. Tables come from ``domain.tables``.

Every write is one transaction that either replaces its partitions or leaves the last good state; conflicts between
writers are retried. Nothing here knows what the rows mean.
"""

from orchestration.lake.lake import Lake
from orchestration.lake.settings import LakeSettings

__all__ = ["Lake", "LakeSettings"]
