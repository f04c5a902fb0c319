"""dbt, run for a range of service dates on the lake; its sources are derived from ``domain.tables``."""

from orchestration.transform.run import build_features

__all__ = ["build_features"]
