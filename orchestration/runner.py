"""The demo's way round the loop, every step a Dagster run recorded in the workspace."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

from domain.errors import FivefoldError
from orchestration import settings
from orchestration.dagster_home import prepare_dagster_home
from orchestration.progress import Steps

DEMO_STEPS = 9


def run_demo(home: Path, steps: Steps) -> dict[str, Any]:
    """Play the city's history, ingest it, learn from it, plan the next day, play that day, and account for it.

    Raises:
        FivefoldError: a run failed; the UI shows its log.
    """
    os.environ.update(FIVEFOLD_HOME=str(home), FIVEFOLD_SOURCE="demo", DAGSTER_HOME=str(prepare_dagster_home(home)))
    from simulation import City, load_scenario
    from simulation.landing import write_landing, write_tables

    city, landing = City(load_scenario()), home / "landing" / "demo"
    first, day = settings.FIRST_DAY, settings.planned_day()
    steps(f"the city plays {settings.HISTORY_DAYS} days from {first}")
    write_landing(city, landing, first, settings.HISTORY_DAYS)
    write_tables(landing, day.isoformat(), city.day_before(day))
    materialise(["ingestion"], None, steps, "ingest and validate (Great Expectations)")
    materialise(["features"], (first, day), steps, "features as of each cut-off (dbt)")
    materialise(["learning"], None, steps, "train the predictors (LightGBM, River)")
    materialise(["prediction"], (day, day), steps, f"predict {day}")
    materialise(["planning"], (day, day), steps, f"plan {day} for all fleets")
    return _play_and_account(home, city, day, landing, steps)


def materialise(groups: list[str], days: tuple[date, date] | None, steps: Steps, title: str) -> None:
    """Run the assets of ``groups`` for a range of service dates as one Dagster run, recorded in the workspace.

    Raises:
        FivefoldError: a step failed or a blocking check did not pass; the message is the first reason.
    """
    import dagster as dg

    from orchestration.assets import ASSETS, RESOURCES

    steps(title)
    tags = {"fivefold/kind": "demo"}
    if days is not None:
        tags["dagster/asset_partition_range_start"] = days[0].isoformat()
        tags["dagster/asset_partition_range_end"] = days[1].isoformat()
    result = dg.materialize(
        ASSETS,
        selection=dg.AssetSelection.groups(*groups),
        instance=dg.DagsterInstance.get(),
        resources=RESOURCES,
        tags=tags,
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        raise_on_error=False,
    )
    if not result.success:
        raise FivefoldError(f"{title}: {_reason(result)}")


def _reason(result: Any) -> str:
    """The innermost message of the first step that failed, else the first check that did not pass."""
    for event in result.all_events:
        if event.is_step_failure and (error := event.event_specific_data.error):
            while error.cause:
                error = error.cause
            return error.message.strip()
    checks = [one for one in result.get_asset_check_evaluations() if not one.passed]
    if checks:
        return f"check {checks[0].check_name} of {checks[0].asset_key.to_user_string()} did not pass"
    return "the run failed"


def _play_and_account(home: Path, city: Any, day: Any, landing: Path, steps: Steps) -> dict[str, Any]:
    from orchestration.lake import Lake
    from simulation.landing import write_tables

    with Lake.open(home) as lake:
        stops = lake.query(
            "select stops.*, routes.vehicle_id, routes.driver_id, routes.fleet_id, routes.depot_id, routes.starts_at "
            "from plan.plan_stops as stops join plan.routes as routes using (plan_id, route_id) "
            "where stops.source = 'demo' and stops.service_date = ?",
            [day],
        )
    steps(f"the city runs {day} by the plan")
    write_tables(landing, f"{day.isoformat()}-played", {"delivery_events": city.play(day, stops)})
    materialise(["ingestion"], None, steps, "ingest the outcomes")
    materialise(["features"], (day, day), steps, "outcomes into features")
    with Lake.open(home) as lake:
        plans = lake.query("select * from plan.plans where source = 'demo' and service_date = ?", [day])
        fleets = lake.query(
            "select fleet_kind, count(*) as routes, cast(sum(stops) as bigint) as stops, "
            "cast(sum(cost_minor) as bigint) as cost_minor "
            "from plan.routes where source = 'demo' and service_date = ? group by 1 order by 1",
            [day],
        )
        outcome = lake.query(
            "select count(*) as attempts, count(*) filter (where outcome = 'delivered') as delivered, "
            "count(*) filter (where late) as late from marts.fct_outcomes where source = 'demo' and service_date = ?",
            [day],
        ).iloc[0]
        eta = lake.query(
            "select avg(cast(outcomes.arrived_at between stops.eta_p10 and stops.eta_p90 as integer)) as coverage "
            "from plan.plan_stops as stops join marts.fct_outcomes as outcomes using (source, order_id) "
            "where stops.source = 'demo' and stops.service_date = ? and stops.eta_p10 is not null",
            [day],
        ).iloc[0]
    delivered = int(outcome["delivered"])
    transport = int(plans["transport_minor"].sum())
    return {
        "date": day.isoformat(),
        "served": int(plans["served"].sum()),
        "unserved": int(plans["unserved"].sum()),
        "cost_minor": int(plans["cost_minor"].sum()),
        "verified": bool(plans["verified"].all()),
        "fleets": fleets.to_dict("records"),
        "attempts": int(outcome["attempts"]),
        "delivered": delivered,
        "first_attempt_rate": delivered / max(1, int(outcome["attempts"])),
        "late": int(outcome["late"]),
        "eta_coverage_80": None if eta["coverage"] != eta["coverage"] else float(eta["coverage"]),
        "transport_per_delivery_minor": round(transport / max(1, delivered)),
        "plan": str(home / "reports" / f"plan-demo-{day}.csv"),
        "report": str(home / "reports" / f"report-demo-{day}.html"),
    }
