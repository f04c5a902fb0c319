"""What is decided while a date is under way, in micro-batches."""

from datetime import date

import dagster as dg

from orchestration import settings
from orchestration.assets.common import BY_QUARTER, LAKE_POOL, SERVICE_DAYS, markdown_table


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
