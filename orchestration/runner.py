"""The demo's way round the loop, every step a Dagster run recorded in the workspace."""

from __future__ import annotations

import os
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from domain.errors import FivefoldError
from orchestration import settings
from orchestration.dagster_home import prepare_dagster_home
from orchestration.progress import Steps

DEMO_STEPS = 11
MORNING = timedelta(hours=9)
"""Until when the demo's messages go: quiet hours are over, the first doors are still to come."""


def run_demo(home: Path, steps: Steps) -> dict[str, Any]:
    """Play the city's history, ingest it, learn from it, plan the next day, act, tell, play that day, account for it.

    Raises:
        FivefoldError: a run failed; the UI shows its log.
    """
    os.environ.update(FIVEFOLD_HOME=str(home), FIVEFOLD_SOURCE="demo", DAGSTER_HOME=str(prepare_dagster_home(home)))
    from simulation import City, load_scenario
    from simulation.landing import write_landing, write_tables

    city, landing = City(load_scenario()), home / "landing" / "demo"
    first, day = settings.FIRST_DAY, settings.planned_day()
    steps(f"a month of history: the city plays {settings.HISTORY_DAYS} days from {first}")
    write_landing(city, landing, first, settings.HISTORY_DAYS, progress=lambda one: steps.detail(str(one)))
    write_tables(landing, day.isoformat(), city.day_before(day))
    materialise("load", ["ingestion"], None, steps, "ingest and validate (Great Expectations)")
    materialise("account", ["features"], (first, day), steps, "features as of each cut-off (dbt)")
    materialise("learn", ["learning"], None, steps, "train the predictors (LightGBM, River)")
    materialise("nightly", ["learning", "prediction"], (day, day), steps, f"learn what outcomes teach, predict {day}")
    materialise("nightly", ["planning"], (day, day), steps, f"plan {day} for all fleets")
    told = _act_and_tell(home, city, day, steps)
    return {**_play_and_account(home, city, first, day, landing, steps), **told}


def _act_and_tell(home: Path, city: Any, day: date, steps: Steps) -> dict[str, Any]:
    """The evening: what is done about risks, and what customers are told; messages go when they are due in the city."""
    from orchestration.acting.relay import tell_until
    from orchestration.lake import Lake
    from orchestration.messaging.office import open_office
    from orchestration.messaging.people import Person
    from simulation import address_book

    with open_office(home) as office:
        if not office.people.everyone("demo"):
            office.people.add(Person("demo", **one) for one in address_book(city))
    materialise("nightly", ["acting"], (day, day), steps, f"act on the risks of {day}, tell customers")
    with Lake.open(home) as lake, open_office(home) as office:
        messages = tell_until(lake, office, datetime.combine(day, time(), ZoneInfo(settings.timezone())) + MORNING)
        done = lake.query(
            "select action, count(*) filter (where assigned = 'treated' and state != 'waiting') as treated, "
            "count(*) filter (where state = 'waiting') as waiting, "
            "count(*) filter (where assigned = 'holdout') as held_out from operation.interventions "
            "where source = 'demo' and service_date = ? and assigned != 'none' group by 1 order by 1",
            [day],
        )
    return {"messages": messages, "interventions": done.to_dict("records"), "outbox": str(home / "outbox" / "sent")}


def materialise(job: str, groups: list[str], days: tuple[date, date] | None, steps: Steps, title: str) -> None:
    """Run the assets of ``groups`` by a job of the code location for a range of service dates, in this process.

    The run is recorded in the workspace as any other.

    Raises:
        FivefoldError: a step failed or a blocking check did not pass; the message is the first reason.
    """
    import dagster as dg

    from orchestration.definitions import defs

    steps(title)
    tags = {"fivefold/kind": "demo", "fivefold/step": title}
    if days is not None:
        tags["dagster/asset_partition_range_start"] = days[0].isoformat()
        tags["dagster/asset_partition_range_end"] = days[1].isoformat()
    of_job = defs.resolve_job_def(job)
    keys = dg.AssetSelection.groups(*groups).resolve(defs.resolve_asset_graph())
    keys &= of_job.asset_layer.executable_asset_keys
    result = of_job.execute_in_process(
        instance=dg.DagsterInstance.get(),
        asset_selection=sorted(keys),
        tags=tags,
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        raise_on_error=False,
    )
    if not result.success:
        raise FivefoldError(f"{title}: {_reason(result)}")


def _reason(result: Any) -> str:
    """The first check that stopped the run, else the innermost message of the first step that failed."""
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.severity.value == "ERROR":
            return f"check {check.check_name} of {check.asset_key.to_user_string()} did not pass"
    for event in result.all_events:
        if event.is_step_failure and (error := event.event_specific_data.error):
            while error.cause:
                error = error.cause
            return error.message.strip()
    return "the run failed"


def _play_and_account(home: Path, city: Any, first: date, day: date, landing: Path, steps: Steps) -> dict[str, Any]:
    from orchestration.lake import Lake
    from orchestration.report import write_day_report
    from simulation.landing import write_tables

    with Lake.open(home) as lake:
        stops = lake.query(
            "select stops.*, routes.vehicle_id, routes.driver_id, routes.fleet_id, routes.depot_id, routes.starts_at "
            "from plan.plan_stops as stops join plan.routes as routes using (plan_id, route_id) "
            "where stops.source = 'demo' and stops.service_date = ?",
            [day],
        )
        actions = _asked(lake, day)
    steps(f"the city runs {day} by the plan")
    played = city.play_day(day, stops, actions)
    outcome = {"delivery_events": played.events, "invoices": played.invoices}
    write_tables(landing, f"{day.isoformat()}-played", outcome)
    materialise("load", ["ingestion"], None, steps, "ingest the outcomes")
    materialise("account", ["features"], (day, day), steps, "outcomes into features: history for the next morning")
    materialise("account", ["operation"], (first, day), steps, "cost ledger and KPIs")
    with Lake.open(home) as lake:
        page = write_day_report(lake, "demo", day, home / "reports")
        return {**summary(lake, day), "models": _scores(), "report": str(page)}


def _asked(lake: Any, day: date) -> list[Any]:
    """What reached customers before the day, as the city's people feel it: messages, and the questions in them."""
    from simulation.actions import actions_from

    asked = lake.query(
        """
        with told as (
            select order_id, min(sent_at) as decided_at from operation.notifications
            where source = 'demo' and service_date = ? and state = 'delivered' group by 1
        )
        select 'message' as action, order_id, decided_at from told
        union all
        select interventions.action, order_id, told.decided_at
        from operation.interventions as interventions join told using (order_id)
        where source = 'demo' and service_date = ? and assigned = 'treated' and state = 'asked'
        order by decided_at, order_id, action
        """,
        [day, day],
    )
    return actions_from(asked)


def summary(lake: Any, day: date) -> dict[str, Any]:
    """What the demo tells about its planned day: the plan by fleet, and what came of it."""
    from orchestration.planning import plan_file

    key = ["demo", day]
    plans = lake.query("select * from plan.plans where source = ? and service_date = ?", key)
    fleets = lake.query(
        "select fleet_kind, count(*) as routes, cast(sum(stops) as bigint) as stops, "
        "round(sum(distance_m) / 1000, 1) as km, cast(sum(cost_minor) as bigint) as cost_minor "
        "from plan.routes where source = ? and service_date = ? group by 1 order by 1",
        key,
    )
    outcome = lake.query(
        "select count(*) as attempts, count(*) filter (where outcome = 'delivered') as delivered, "
        "count(*) filter (where late) as late from marts.fct_outcomes where source = ? and service_date = ?",
        key,
    ).iloc[0]
    kpis = lake.query(
        "select kpi, numerator / denominator as ratio from operation.kpis "
        "where source = ? and service_date = ? and segment_kind = 'all' and denominator > 0 order by kpi",
        key,
    )
    return {
        "date": day.isoformat(),
        "served": int(plans["served"].sum()),
        "unserved": int(plans["unserved"].sum()),
        "cost_minor": int(plans["cost_minor"].sum()),
        "currency": str(plans["currency"].iloc[0]),
        "km": round(float(plans["distance_m"].sum()) / 1_000, 3),
        "vehicles": int(plans["routes"].sum()),
        "verified": bool(plans["verified"].all()),
        "fleets": fleets.to_dict("records"),
        "attempts": int(outcome["attempts"]),
        "delivered": int(outcome["delivered"]),
        "late": int(outcome["late"]),
        "kpis": {row.kpi: float(row.ratio) for row in kpis.itertuples()},
        "plan": str(plan_file(lake.home, "demo", day)),
    }


def _scores() -> dict[str, dict[str, float]]:
    """How well each predictor did on outcomes it had not seen, as its newest materialisation recorded it."""
    import dagster as dg

    scores: dict[str, dict[str, float]] = {}
    for task in ("failed", "late", "eta"):
        event = dg.DagsterInstance.get().get_latest_materialization_event(dg.AssetKey(f"{task}_model"))
        if event is not None and (materialisation := event.asset_materialization) is not None:
            scores[task] = {
                name: value.value
                for name, value in materialisation.metadata.items()
                if isinstance(value.value, int | float) and not isinstance(value.value, bool)
            }
    return scores
