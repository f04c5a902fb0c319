"""What is decided and foreseen while a date is under way, in micro-batches."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from domain.codes import ScoreMoment
from operations.freshness import TARGET_MIN
from orchestration import settings
from orchestration.assets.common import BY_QUARTER, LAKE_POOL, SERVICE_DAYS, Workspace, markdown_table


@dg.asset(
    group_name="dispatch",
    deps=["daily_plan", ["raw", "delivery_events"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"python"},
    pool=LAKE_POOL,
)
def dispatch_decisions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Who serves which order now, at which price and instead of what: events since the last batch, decided once."""
    from orchestration.live.batch import decide_batch

    ages: list[float | None] = []
    header = ["date", "events", "taken", "refused", "decisions", "waiting", "newest outcome, min p95", "served live"]
    rows = []
    for key in sorted(context.partition_keys):
        done = decide_batch(settings.home(), settings.source(), date.fromisoformat(key))
        ages.append(done.newest_outcome_age_min_p95)
        old = "" if ages[-1] is None else f"{ages[-1]:g}"
        served = "yes" if done.served else ""
        rows.append((key, done.events, done.taken, done.refused, done.decisions, done.waiting, old, served))
    known = [one for one in ages if one is not None]
    metadata: dict[str, Any] = {
        "batches": markdown_table(header, rows),
        "target_newest_outcome_age_min_p95": TARGET_MIN,
    }
    if known:
        metadata["newest_outcome_age_min_p95"] = max(known)  # the worst date
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    group_name="dispatch",
    deps=["daily_plan", "dispatch_decisions", ["raw", "delivery_events"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"python"},
    pool=LAKE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "scores_in_range", asset="stop_scores", description="Chances in 0..1, quantiles of arrival in order."
        )
    ],
)
def stop_scores(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Arrival, lateness, failure and the route's hazards of every stop, again whenever that is due in the day."""
    from orchestration.scoring import score_day, wrong_scores

    rows, wrong = [], 0
    with workspace.lake() as lake:
        for key in sorted(context.partition_keys):
            day = date.fromisoformat(key)
            done = score_day(lake, settings.source(), day, datetime.now(UTC), settings.home())
            rows.append((key, done.routes, done.rows, *(done.moments.get(name, 0) for name in ScoreMoment)))
            wrong += wrong_scores(lake, settings.source(), day)
    return dg.MaterializeResult(
        metadata={"moments": markdown_table(["date", "routes", "rows", *ScoreMoment], rows)},
        check_results=[
            dg.AssetCheckResult(check_name="scores_in_range", passed=wrong == 0, metadata={"rows out of range": wrong})
        ],
    )
