"""Assets: thin functions that move rows between the lake and the rooms that decide."""

import warnings

import dagster as dg

# backfill policies are marked beta by Dagster; a warning in every process would hide the ones that matter
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from orchestration.assets.acting import actions  # noqa: E402
from orchestration.assets.common import Workspace  # noqa: E402
from orchestration.assets.dispatch import dispatch_decisions, stop_scores  # noqa: E402
from orchestration.assets.features import dbt_resource, feature_models  # noqa: E402
from orchestration.assets.ingestion import raw_tables  # noqa: E402
from orchestration.assets.learning import eta_model, failed_model, late_model, prediction_evaluation  # noqa: E402
from orchestration.assets.loop import (  # noqa: E402
    drift_alarms,
    driver_evidence,
    learned_parameters,
    loop_trajectory,
    scorecards,
)
from orchestration.assets.operation import cost_ledger, daily_kpis  # noqa: E402
from orchestration.assets.planning import daily_plan  # noqa: E402
from orchestration.assets.prediction import entity_state, predictions  # noqa: E402

ASSETS = [
    raw_tables,
    feature_models,
    failed_model,
    late_model,
    eta_model,
    learned_parameters,
    prediction_evaluation,
    entity_state,
    predictions,
    daily_plan,
    actions,
    dispatch_decisions,
    stop_scores,
    cost_ledger,
    daily_kpis,
    drift_alarms,
    driver_evidence,
    scorecards,
    loop_trajectory,
]
RESOURCES = {"dbt": dbt_resource(), "workspace": Workspace()}
