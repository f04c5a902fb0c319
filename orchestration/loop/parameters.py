"""Learned parameters of a service date: as its planning cut-off knew them, replaced in one transaction."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from domain import tables
from models.parameters import (
    ACCEPTANCE,
    ACCEPTANCE_LEVELS,
    ACCEPTANCE_PRIOR,
    EFFICACY,
    FEEDS,
    RELIABILITY,
    RELIABILITY_LEVELS,
    RELIABILITY_PRIOR,
    UNITS,
    risk_parameters,
    service_parameters,
    share_parameters,
    subject,
    travel_parameters,
)
from operations.interventions import Efficacy
from orchestration.acting.evening import beliefs_at
from orchestration.lake import Lake
from orchestration.loop.outcomes import Outcomes, outcomes_at
from orchestration.planning.inputs import CONCLUDING, depot_timezone, planning_as_of


def learn_day(lake: Lake, source: str, service_date: date, as_of: datetime | None = None) -> pd.DataFrame:
    """Learn from every outcome known at the date's planning cut-off; write and return rows of ``learned.parameters``.

    Raises:
        InputError: the source has no depot.
    """
    moment = as_of or planning_as_of(lake, source, service_date, depot_timezone(lake, source))
    snapshot = lake.snapshot_id()
    found = outcomes_at(lake, source, moment, snapshot)
    rows = parameters_of(found, _predicted(lake, source, moment, snapshot)).assign(
        source=source, service_date=service_date, as_of=pd.Timestamp(moment), lake_snapshot=snapshot
    )
    efficacy = _efficacy(lake, source, moment)
    if len(efficacy):
        same = {"source": source, "service_date": service_date, "as_of": pd.Timestamp(moment)}
        rows = pd.concat([rows, efficacy.assign(**same, lake_snapshot=snapshot)], ignore_index=True)
    rows = rows.reindex(columns=list(tables.PARAMETERS.column_names))
    lake.replace(tables.PARAMETERS, {"source": [source], "service_date": [service_date]}, rows)
    return rows


def parameters_of(found: Outcomes, said: pd.DataFrame | None = None) -> pd.DataFrame:
    """All parameters that visits, legs and offers teach; with ``said`` (order_id, p) the predictions' too."""
    stops = found.visits.assign(
        fleet=found.visits["fleet_id"], depot=found.visits["from_depot"], success=~found.visits["own_fault"]
    )
    parts = [
        travel_parameters(found.legs, found.as_of),
        service_parameters(found.visits, found.as_of),
        share_parameters(ACCEPTANCE, found.offers, found.as_of, ACCEPTANCE_LEVELS, ACCEPTANCE_PRIOR),
        share_parameters(RELIABILITY, stops, found.as_of, RELIABILITY_LEVELS, RELIABILITY_PRIOR),
    ]
    if said is not None and len(said):
        predicted = stops.merge(said, on="order_id").rename(columns={"tenant_id": "tenant"})
        parts.append(risk_parameters(predicted, found.as_of))
    filled = [one for one in parts if len(one)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _predicted(lake: Lake, source: str, moment: datetime, snapshot: int) -> pd.DataFrame:
    """What was predicted of each order's failure before it went out: the newest prediction known at ``moment``."""
    return lake.query(
        "select order_id, arg_max(probability, as_of) as p from prediction.predictions "
        "where source = ? and task = 'failed' and as_of <= ? group by order_id",
        [source, moment],
        snapshot=snapshot,
    )


def _efficacy(lake: Lake, source: str, moment: datetime) -> pd.DataFrame:
    """Posteriors of what interventions prevent, from the randomised holdout: those the evening policy draws from."""
    rows: list[dict[str, Any]] = []
    beliefs: dict[Any, Efficacy] = beliefs_at(lake, source, moment)
    for action, one in sorted(beliefs.items()):
        a, b = one.beta()
        rows.append(
            {
                "kind": EFFICACY,
                "subject": subject(action=action),
                "family": "beta",
                "mean": one.mean,
                "sd": float(np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))),
                "alpha": a,
                "beta": b,
                "value": one.mean,
                "unit": UNITS[EFFICACY],
                "evidence": one.treated + one.held,
                "effective": float(one.treated + one.held),
                "feeds": FEEDS[EFFICACY],
            }
        )
    return pd.DataFrame(rows)


def newest_parameters(lake: Lake, source: str, as_of: datetime | None = None) -> pd.DataFrame:
    """The newest version of a source's parameters (known at ``as_of``); no rows where nothing was learned."""
    return lake.query(
        """
        select * from learned.parameters where source = ? and as_of = (
            select max(as_of) from learned.parameters where source = ? and (? is null or as_of <= ?)
        ) qualify row_number() over (partition by kind, subject order by service_date desc) = 1
        order by kind, subject
        """,
        [source, source, as_of, as_of],
    )


def ages(lake: Lake, source: str) -> dict[str, Any]:
    """Age of the newest outcome that decisions used: p95 in hours for plans, in minutes for decisions of the day.

    An outcome of the day is as old as what it tells of, not as its report; decisions before the day's first outcome
    rest on learned parameters, whose age is that of plans.
    """
    plans = lake.query(
        """
        with used as (
            select plan_id, any_value(plans.as_of) as as_of, max(newest_outcome) as newest
            from plan.plans as plans join learned.parameters as parameters
                on parameters.source = plans.source and parameters.service_date = plans.service_date
                    and parameters.as_of <= plans.as_of
            where plans.source = ? group by plan_id
        ) select date_diff('second', newest, as_of) / 3600.0 as hours from used where newest is not null
        """,
        [source],
    )["hours"]
    online = lake.query(
        """
        with outcomes as (
            select service_date, ingest_time,
                max(event_time) over (partition by service_date order by ingest_time) as newest
            from raw.delivery_events where source = ? and list_contains(?, event_type)
        )
        select date_diff('second', newest, decided_at) / 60.0 as minutes
        from (
            select service_date, decided_at from operation.dispatch_decisions where source = ?
        ) as decisions asof join outcomes
            on decisions.service_date = outcomes.service_date and decisions.decided_at >= outcomes.ingest_time
        """,
        [source, list(CONCLUDING), source],
    )["minutes"]
    return {
        "plans": len(plans),
        "newest_outcome_age_h_p95": _p95(plans),
        "target_newest_outcome_age_h_p95": 24.0,
        "live_decisions": len(online),
        "newest_outcome_age_min_p95": _p95(online),
        "target_newest_outcome_age_min_p95": 15.0,
    }


def _p95(values: pd.Series) -> float | None:
    return round(float(values.quantile(0.95)), 2) if len(values) else None
