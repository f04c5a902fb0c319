"""Predictions of every stop, as of its cut-off."""

import dagster as dg

from orchestration import settings
from orchestration.assets.common import BY_QUARTER, LAKE_POOL, SERVICE_DAYS, Workspace, date_range, markdown_table


@dg.asset(
    group_name="prediction",
    deps=["feat_exception", "fct_outcomes"],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"numpy"},
    pool=LAKE_POOL,
)
def entity_state(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Decayed counters of customers, zones, slots, shippers, depots, carriers, drivers, vehicles, lanes and weather."""
    from orchestration.entity_state import snapshot_days

    first, last = date_range(context)
    with workspace.lake() as lake:
        found = snapshot_days(lake, settings.source(), first, last)
    kinds = sorted(found.get("entities", {}).items())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": found["rows"],
            "snapshots": found["dates"],
            "dates": f"{first} to {last}",
            "changed": markdown_table(["entity", "rows"], kinds),
        }
    )


@dg.asset(
    group_name="prediction",
    deps=["feat_exception", "feat_eta", "entity_state", "failed_model", "late_model", "eta_model"],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"lightgbm"},
    pool=LAKE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "in_range", asset="predictions", blocking=True, description="Probabilities in 0..1, quantiles in order."
        )
    ],
)
def predictions(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Chance of a failed or late stop and quantiles of its arrival, by models that knew nothing later."""
    from orchestration.predicting import predict_days

    first, last = date_range(context)
    with workspace.lake() as lake:
        frame = predict_days(lake, settings.home(), settings.source(), first, last)
    chances = frame["probability"].dropna()
    eta = frame[frame["p50_s"].notna()]
    bad = int((~chances.between(0, 1)).sum())
    bad += int(((eta["p10_s"] > eta["p50_s"]) | (eta["p50_s"] > eta["p90_s"])).sum())
    summary = [
        (
            str(task),
            str(version),
            len(part),
            float(part["probability"].mean()) if part["probability"].notna().any() else None,
            float((part["p90_s"] - part["p10_s"]).mean()) if part["p50_s"].notna().any() else None,
        )
        for (task, version), part in frame.groupby(["task", "model_version"])
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(frame),
            "dates": f"{first} to {last}",
            "predictions": markdown_table(["task", "model", "stops", "mean chance", "mean width s"], summary),
        },
        check_results=[
            dg.AssetCheckResult(check_name="in_range", passed=bad == 0, metadata={"rows out of range": bad})
        ],
    )
