"""What is decided and foreseen while a date is under way, in micro-batches."""

from datetime import UTC, date, datetime

import dagster as dg

from orchestration import settings
from orchestration.assets.common import BY_QUARTER, LAKE_POOL, SERVICE_DAYS, markdown_table, open_lake


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

    header, rows = ["date", "events", "taken", "refused", "decisions", "served live"], []
    for key in sorted(context.partition_keys):
        done = decide_batch(settings.home(), settings.source(), date.fromisoformat(key))
        rows.append((key, done.events, done.taken, done.refused, done.decisions, "yes" if done.served else ""))
    return dg.MaterializeResult(metadata={"batches": markdown_table(header, rows)})


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
def stop_scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Arrival, lateness, failure and the route's hazards of every stop, again whenever that is due in the day."""
    from orchestration.scoring import MOMENTS, score_day, wrong_scores

    rows, wrong = [], 0
    with open_lake() as lake:
        for key in sorted(context.partition_keys):
            day = date.fromisoformat(key)
            done = score_day(lake, settings.source(), day, datetime.now(UTC), settings.home())
            rows.append((key, done.routes, done.rows, *(done.moments.get(name, 0) for name in MOMENTS)))
            wrong += wrong_scores(lake, settings.source(), day)
    return dg.MaterializeResult(
        metadata={"moments": markdown_table(["date", "routes", "rows", *MOMENTS], rows)},
        check_results=[
            dg.AssetCheckResult(check_name="scores_in_range", passed=wrong == 0, metadata={"rows out of range": wrong})
        ],
    )
