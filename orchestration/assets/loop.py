"""What outcomes teach beside the predictors: parameters of travel, doors, offers and carriers."""

import dagster as dg

from orchestration import settings
from orchestration.assets.common import BY_MONTH, LAKE_POOL, SERVICE_DAYS, date_range, markdown_table, open_lake


@dg.asset(
    group_name="learning",
    deps=[["raw", "orders"], ["raw", "delivery_events"], ["raw", "weather"], ["raw", "travel_observations"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_MONTH,
    kinds={"pandas"},
    pool=LAKE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "posteriors_hold",
            asset="learned_parameters",
            blocking=True,
            description="Values are finite, probabilities in 0..1, factors between a quarter and four.",
        ),
        dg.AssetCheckSpec(
            "outcomes_are_fresh",
            asset="learned_parameters",
            description="The newest outcome that the newest date's decisions can use is at most 24 hours old.",
        ),
    ],
)
def learned_parameters(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Posteriors of travel time, time at the door, acceptance, reliability and efficacy, as of a date's cut-off."""
    from datetime import timedelta

    from orchestration.loop.parameters import ages, learn_day

    first, last = date_range(context)
    day, frames = first, []
    with open_lake() as lake:
        while day <= last:
            frames.append(learn_day(lake, settings.source(), day))
            day += timedelta(days=1)
        used = ages(lake, settings.source())
    newest = frames[-1]
    share = newest["family"] == "beta"
    wrong = int((~newest["value"].between(0.2, 5.0) & ~share).sum() + (~newest["value"].between(0, 1) & share).sum())
    known = newest["newest_outcome"].dropna()
    age_h = (newest["as_of"].iloc[0] - known.max()).total_seconds() / 3_600 if len(known) else None
    summary = [
        (str(kind), len(part), int(part["evidence"].max()), str(part["feeds"].iloc[0]), float(part["value"].iloc[0]))
        for kind, part in newest.groupby("kind")
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(len(one) for one in frames),
            "dates": f"{first} to {last}",
            "parameters": markdown_table(["kind", "rows", "outcomes", "feeds", "overall"], summary),
            "age of the newest outcome, hours": age_h if age_h is None else round(age_h, 2),
            **{name: value for name, value in used.items() if value is not None},
        },
        check_results=[
            dg.AssetCheckResult(check_name="posteriors_hold", passed=wrong == 0, metadata={"rows out of range": wrong}),
            dg.AssetCheckResult(
                check_name="outcomes_are_fresh",
                passed=age_h is None or age_h <= 24,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"hours": age_h},
            ),
        ],
    )
