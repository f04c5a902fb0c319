"""The loop as assets: ingestion, features, prediction, planning, learning."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from orchestration import settings
from orchestration.sources import data_folder

SERVICE_DAYS = dg.DailyPartitionsDefinition(
    start_date=settings.FIRST_DAY.isoformat(), timezone="Europe/Amsterdam", end_offset=400
)
BY_MONTH = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)
"""The one backfill policy: a month a run, because a run's start costs more than a day's rows."""
RETRY_CRASHES = dg.RetryPolicy(max_retries=1, delay=5)


def _range(context: dg.AssetExecutionContext) -> tuple[date, date]:
    keys = sorted(context.partition_keys)
    return date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])


def _lake() -> Any:
    from orchestration.lake import Lake

    return Lake.open(settings.home())


@dg.asset(
    group_name="ingestion",
    kinds={"duckdb"},
    retry_policy=RETRY_CRASHES,
    check_specs=[dg.AssetCheckSpec("every_row_accounted_for", asset="raw_facts", blocking=True)],
)
def raw_facts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """New files of the source, validated; bad rows are in quarantine with their rule."""
    from orchestration.ingestion import ingest, load_mapping

    mapping = load_mapping(settings.source())
    with _lake() as lake:
        report = ingest(lake, mapping, data_folder(mapping.name, None, settings.home()), progress=context.log.info)
    counts = report.summary()
    table = "\n".join(
        ["| table | read | landed | quarantined | known |", "|---|--:|--:|--:|--:|"]
        + [
            f"| {name} | {one['rows_read']:,} | {one['rows_landed']:,} | {one['rows_quarantined']:,} |"
            f" {one['rows_known']:,} |"
            for name, one in counts["tables"].items()
        ]
    )
    total = report.total
    return dg.MaterializeResult(
        metadata={
            "rows": dg.MetadataValue.md(table),
            "landed": total.rows_landed,
            "quarantined": total.rows_quarantined,
            "stale_dates": counts["stale_dates"],
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_row_accounted_for",
                passed=total.rows_read == total.rows_landed + total.rows_quarantined + total.rows_known,
                metadata={"read": total.rows_read, "quarantined": total.rows_quarantined},
            )
        ],
    )


@dg.asset(group_name="features", deps=[raw_facts], partitions_def=SERVICE_DAYS, backfill_policy=BY_MONTH, kinds={"dbt"})
def features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Stops, outcomes and features as of each stop's planning cut-off, built and tested by dbt."""
    from orchestration.transform import build_features

    first, last = _range(context)
    with _lake() as lake:
        build_features(lake, first, last)
        rows = lake.query(
            "select count(*) as n from marts.feat_exception where service_date between ? and ?", [first, last]
        )
    return dg.MaterializeResult(metadata={"stops": int(rows["n"].iloc[0]), "dates": f"{first} to {last}"})


def _model_asset(task: str, meaning: str) -> dg.AssetsDefinition:
    @dg.asset(name=f"{task}_model", group_name="learning", deps=[features], description=meaning, kinds={"lightgbm"})
    def model() -> dg.MaterializeResult:
        from orchestration.learning import train_task

        with _lake() as lake:
            newest = lake.query(
                "select max(label_time) as t from marts.fct_outcomes where source = ?", [settings.source()]
            )["t"].iloc[0]
            found = train_task(lake, settings.home(), settings.source(), task, newest.to_pydatetime())
        return dg.MaterializeResult(
            metadata={
                "version": found["version"],
                "rows": found["rows"],
                **{name: value for name, value in found["metrics"].items() if value is not None},
            }
        )

    return model


failed_model = _model_asset("failed", "Probability that the first attempt fails (LightGBM, no class weights).")
late_model = _model_asset("late", "Probability that service starts after the promised window.")
eta_model = _model_asset("eta", "Quantiles of actual minus planned arrival, conformalised.")


@dg.asset(
    group_name="prediction",
    deps=[failed_model, late_model, eta_model],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_MONTH,
)
def predictions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Probabilities and quantiles of every stop, as of its cut-off."""
    from orchestration.learning import predict_day

    first, last = _range(context)
    with _lake() as lake:
        frame = predict_day(lake, settings.home(), settings.source(), first, last)
    return dg.MaterializeResult(
        metadata={
            "rows": len(frame),
            **{
                f"mean_{task}": float(part["probability"].mean())
                for task, part in frame.groupby("task")
                if part["probability"].notna().any()
            },
        }
    )


@dg.asset(
    group_name="planning",
    deps=[predictions],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_MONTH,
    kinds={"python"},
    check_specs=[dg.AssetCheckSpec("verified", asset="daily_plan", blocking=True)],
)
def daily_plan(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Routes of a service date for every depot and fleet, verified before they are published."""
    from orchestration.planning import plan_day, publish

    first, last = _range(context)
    lines, problems = [], []
    with _lake() as lake:
        for key in sorted(context.partition_keys):
            day = date.fromisoformat(key)
            planned = plan_day(lake, settings.source(), day, seconds=10, progress=context.log.info)
            problems += [f"{key}: {one}" for one in planned.violations[:5]]
            if planned.verified:
                publish(lake, planned)
                planned.write_csv(settings.home() / "reports" / f"plan-{settings.source()}-{key}.csv")
            one = planned.metadata
            lines.append(
                f"| {key} | {one['served']} | {one['unserved']} | {one['vehicles']} | {one['km']:.1f} | "
                f"{one['cost_minor'] / 100:,.2f} {one['currency']} | {one['solver_s']:.1f} |"
            )
    table = "\n".join(
        ["| date | served | unserved | routes | km | cost | solver s |", "|---|--:|--:|--:|--:|--:|--:|", *lines]
    )
    return dg.MaterializeResult(
        metadata={
            "plans": dg.MetadataValue.md(table),
            "dates": f"{first} to {last}",
            "planned_at": datetime.now(UTC).isoformat(),
        },
        check_results=[
            dg.AssetCheckResult(check_name="verified", passed=not problems, metadata={"violations": problems})
        ],
    )


ASSETS = [raw_facts, features, failed_model, late_model, eta_model, predictions, daily_plan]
