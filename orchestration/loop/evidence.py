"""Facts about stops that the diagnostic questions are asked of, from the lake; answers with the query behind each."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from models.parameters import Beliefs
from operations.diagnosis import Answer, answers, area_of, by_driver, findings
from orchestration.lake import Lake
from orchestration.loop.outcomes import outcomes_at
from orchestration.loop.parameters import ages, newest_parameters
from orchestration.loop.scorecards import first_date, newest_known

NEW_DAYS, BEFORE_DAYS = 7, 28
TELLING = ("planned_interval", "out_for_delivery", "day_before_confirm", "next_in_n_stops", "window_offered")
EDGE = 1e-4


def facts_at(lake: Lake, source: str, as_of: datetime, days: int = NEW_DAYS + BEFORE_DAYS) -> pd.DataFrame:
    """One row a first attempt: segments and the columns of the questions, NaN where a question does not apply.

    Raises:
        InputError: no outcome in these days.
    """
    since = first_date(lake, source, as_of, days)
    found = outcomes_at(lake, source, as_of, since=since)
    visits = found.visits[found.visits["attempt"] == 1].reset_index(drop=True)
    if visits.empty:
        raise InputError(f"source {source!r} has no outcome from {since} on")
    facts = pd.DataFrame(
        {
            "order_id": visits["order_id"],
            "service_date": pd.to_datetime(visits["service_date"]).dt.date,
            "route_id": visits["route_id"].fillna("none-" + visits["order_id"]),
            "depot": visits["from_depot"],
            "fleet": visits["fleet_id"],
            "zone": visits["zone_id"],
            "area": visits["zone_id"].map(area_of),
            "tenant": visits["tenant_id"],
            "not_driven": visits["own_fault"].astype(float),
            "bad_address": (visits["exception_class"] == "failed_delivery").astype(float),
        }
    )
    beliefs = Beliefs.of(newest_parameters(lake, source, as_of))
    doors = np.array([beliefs.service_factor(one) for one in visits["building"]])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(visits["actual_s"].to_numpy(float) / (visits["declared_s"].to_numpy(float) * doors))
    facts["service_log_ratio"] = np.where(np.isfinite(ratio) & (np.abs(ratio) < 3), ratio, np.nan)
    legs = found.legs.drop_duplicates("order_id").set_index("order_id")
    legs = legs[legs["actual_s"] < legs["base_s"] * 5]
    facts["travel_log_ratio"] = facts["order_id"].map(np.log(legs["actual_s"] / legs["base_s"]))
    return _with_decisions(lake, source, facts, visits, as_of, since)


def _with_decisions(
    lake: Lake, source: str, facts: pd.DataFrame, visits: pd.DataFrame, as_of: datetime, since: Any
) -> pd.DataFrame:
    """Predictions, messages, contacts, loads and the age of what plans were based on; what is absent stays NaN."""
    said = lake.query(
        "select order_id, arg_max(probability, as_of) as p from prediction.predictions "
        "where source = ? and task = 'failed' and service_date >= ? and as_of <= ? group by order_id",
        [source, since, as_of],
    ).set_index("order_id")["p"]
    p = facts["order_id"].map(said).astype(float).clip(EDGE, 1 - EDGE)
    y = visits["failed"].astype(float)
    facts["failed_excess"] = y - p
    facts["model_loss"] = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    told = lake.query(
        f"select order_id, bool_or(state = 'delivered') as told from operation.notifications "
        f"where source = ? and service_date >= ? and trigger in {TELLING} group by order_id",
        [source, since],
    ).set_index("order_id")["told"]
    facts["not_told"] = 1 - facts["order_id"].map(told).astype(float)
    asked = lake.query(
        "select order_id, count(*) as n from raw.delivery_events where source = ? and service_date >= ? "
        "and ingest_time <= ? and event_type = 'contact_received' and not retracted group by order_id",
        [source, since, as_of],
    ).set_index("order_id")["n"]
    facts["contacts"] = facts["order_id"].map(asked).fillna(0.0).astype(float)
    limits = lake.query(
        "select vehicle_id, max(capacity_parcels) as parcels from raw.vehicles where source = ? group by vehicle_id",
        [source],
    ).set_index("vehicle_id")["parcels"]
    used = facts.groupby("route_id")["order_id"].transform("count")
    facts["empty_share"] = (1 - used / visits["vehicle_id"].map(limits).astype(float)).clip(0, 1).to_numpy(float)
    newest = lake.query(
        """
        select stops.order_id,
            date_diff('second', max(parameters.newest_outcome), any_value(stops.as_of)) / 86400.0 as d
        from plan.plan_stops as stops join learned.parameters as parameters using (source, service_date)
        where source = ? and service_date >= ? group by stops.order_id
        """,
        [source, since],
    ).set_index("order_id")["d"]
    facts["outcome_age_days"] = facts["order_id"].map(newest).astype(float)
    return facts


def evidence(lake: Lake, source: str, as_of: datetime | None = None, new_days: int = NEW_DAYS) -> dict[str, Any]:
    """Answers to all questions about the last days, findings ranked by cost, a verdict a driver.

    Every answer has the query that gives its value, on the file of facts that is written beside.

    Raises:
        InputError: the source has no outcomes.
    """
    moment = as_of or newest_known(lake, source)
    facts = facts_at(lake, source, moment, new_days + BEFORE_DAYS)
    place = lake.home / "evidence" / f"{source}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".tmp")
    facts.to_parquet(draft, index=False)
    draft.replace(place)
    first_new = max(facts["service_date"]) - timedelta(days=new_days - 1)
    asked = answers(facts, first_new)
    return {
        "source": source,
        "as_of": moment,
        "compared_from": first_new,
        "drivers": by_driver(asked),
        "findings": [_row(one, place, first_new) for one in findings(asked)],
        "answers": [_row(one, place, first_new) for one in asked if one.segment_kind == "all" or one.fault],
        "asked": len(asked),
        "ages": ages(lake, source),
        "facts": str(place),
    }


def _row(one: Answer, place: Path, first_new: Any) -> dict[str, Any]:
    where = f"service_date >= date '{first_new}'"
    if one.segment_kind != "all":
        where += f" and {one.segment_kind} = '{one.segment.replace(chr(39), chr(39) * 2)}'"
    query = f"select avg({one.question.column}) from read_parquet('{place}') where {where}"
    return {**one.row(), "query": query}
