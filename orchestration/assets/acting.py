"""What is done about a planned date's risks, and what its customers are told."""

from datetime import date

import dagster as dg

from orchestration import settings
from orchestration.assets.common import BY_QUARTER, LAKE_POOL, SERVICE_DAYS, Workspace, markdown_table


@dg.asset(
    group_name="acting",
    deps=["daily_plan"],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"python"},
    pool=LAKE_POOL,
)
def actions(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Interventions and messages of a planned date, recorded in one transaction; `fivefold outbox send` delivers."""
    from orchestration.acting.evening import act_on_day
    from orchestration.messaging.office import open_office
    from orchestration.service.tracking import TrackingStore

    rows = []
    with workspace.lake() as lake, open_office(settings.home()) as office:
        people = office.people.everyone(settings.source())
        for key in sorted(context.partition_keys):
            evening = act_on_day(lake, office.store, people, settings.source(), date.fromisoformat(key))
            with TrackingStore(settings.home()) as tracking:
                tracking.put(evening.tracked, evening.decided_at)
            done = evening.summary()
            rows.append(tuple(done[name] for name in ("date", "orders", "treated", "holdout", "messages", "held_back")))
    header = ["date", "orders", "treated", "held out", "messages", "held back"]
    return dg.MaterializeResult(metadata={"evenings": markdown_table(header, rows)})
