"""The code location: assets, jobs, the nightly schedule and the sensors."""

from datetime import timedelta

import dagster as dg

from orchestration import settings
from orchestration.assets import ASSETS, RESOURCES
from orchestration.assets.common import SERVICE_DAYS
from orchestration.assets.learning import DRIFT_TAG
from orchestration.sensors import landing_sensor, late_rows_sensor, running_day_sensor

NIGHTLY_TAGS = {"dagster/priority": "10", "fivefold/kind": "nightly"}
"""The queue takes the nightly plan first; ``dagster.yaml`` keeps backfills from taking every place."""

PARAMETERS = dg.AssetSelection.assets("learned_parameters")
"""Of the learning group the one asset that is learned for every service date, before it is planned."""

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.groups("features", "prediction", "planning", "acting") | PARAMETERS,
    partitions_def=SERVICE_DAYS,
    tags=NIGHTLY_TAGS,
    executor_def=dg.in_process_executor,
    description="Features, learned parameters, predictions and plan of a date; what is done and told about it.",
)
account = dg.define_asset_job(
    "account",
    selection=dg.AssetSelection.groups("features", "operation"),
    partitions_def=SERVICE_DAYS,
    tags={"fivefold/kind": "account"},
    executor_def=dg.in_process_executor,
    description="Outcomes of a service date into features, the ledger and the KPIs.",
)
learn = dg.define_asset_job(
    "learn",
    selection=dg.AssetSelection.groups("learning") - PARAMETERS,
    executor_def=dg.in_process_executor,
    description="Train and register the predictors on all outcomes known.",
)
load = dg.define_asset_job(
    "load",
    selection=dg.AssetSelection.groups("ingestion"),
    executor_def=dg.in_process_executor,
    description="Load new files of the source.",
)

dispatch = dg.define_asset_job(
    "dispatch",
    selection=dg.AssetSelection.groups("dispatch"),
    partitions_def=SERVICE_DAYS,
    tags={"dagster/priority": "5", "fivefold/kind": "dispatch"},
    executor_def=dg.in_process_executor,
    description="A micro-batch of a day under way: what became known is decided.",
)


@dg.schedule(job=nightly, cron_schedule="30 20 * * *", execution_timezone=settings.timezone())
def plan_tomorrow(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 20:30 in the depot's zone, half an hour after the cut-off: plan the next service date."""
    tomorrow = (context.scheduled_execution_time + timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=tomorrow, partition_key=tomorrow, tags=NIGHTLY_TAGS)


@dg.schedule(job=account, cron_schedule="0 4 * * *", execution_timezone=settings.timezone())
def account_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 4:00, when late scans are in: account for the service date that ended."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=yesterday, partition_key=yesterday)


@dg.schedule(job=learn, cron_schedule="0 5 * * 1", execution_timezone=settings.timezone())
def learn_weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Mondays at 5:00: a full fit on every outcome known."""
    return dg.RunRequest(run_key=context.scheduled_execution_time.date().isoformat())


@dg.asset_sensor(
    asset_key=dg.AssetKey("drift_alarms"),
    job=learn,
    name="retrain_on_drift",
    description="An alarm of drift asks for a retrain; the new models are challengers until outcomes prove them.",
)
def retrain_on_drift(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest | dg.SkipReason:
    """One run of ``learn`` for each newest alarm."""
    told = event.asset_materialization
    newest = str(told.metadata["newest alarm"].value) if told is not None else ""
    if not newest:
        return dg.SkipReason("no loss rose last week")
    return dg.RunRequest(run_key=newest, tags={DRIFT_TAG: "drift"})


landing_folder = landing_sensor(load)
late_rows = late_rows_sensor(account)
running_day = running_day_sensor(dispatch)

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[nightly, account, learn, load, dispatch],
    schedules=[plan_tomorrow, account_yesterday, learn_weekly],
    sensors=[landing_folder, late_rows, running_day, retrain_on_drift],
    resources=RESOURCES,
)
