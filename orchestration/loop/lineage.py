"""From an outcome to what it taught and the decisions that used it, and from an order's decisions back to outcomes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from domain.errors import InputError
from models.parameters import ACCEPTANCE, ALL, EFFICACY, RELIABILITY, RISK, SERVICE, TRAVEL, band_of, subject
from orchestration.lake import Lake
from orchestration.loop.outcomes import TENDER_ANSWERS, outcomes_at
from orchestration.planning.build import building_of
from orchestration.planning.inputs import CONCLUDING

EXAMPLES = 5


def lineage(lake: Lake, order_id: str, source: str | None = None) -> dict[str, Any]:
    """What an order's outcome taught, who used that, and what its own decisions had been based on.

    ``outcome``: what became known and when. ``taught``: parameters whose evidence it is part of, with their newest
    value. ``used_by``: plans made later with those parameters, predictions made later with models or histories that
    hold it, interventions drawn from an efficacy it moved. ``based_on``: the plan, parameters, predictions and
    interventions of the order itself, each with the outcomes behind it and the age of the newest one.

    Raises:
        InputError: no such order, or several sources have one.
    """
    found = lake.query(
        "select source, max(service_date) as service_date from raw.orders "
        "where order_id = ? and (? is null or source = ?) group by source order by source",
        [order_id, source, source],
    )
    if found.empty:
        raise InputError(f"there is no order {order_id!r}{f' of {source}' if source else ''} in the lake")
    if len(found) > 1:
        raise InputError(f"{order_id!r} is an order of {', '.join(found['source'])}: choose one with --source")
    name, day = str(found["source"].iloc[0]), pd.Timestamp(found["service_date"].iloc[0]).date()
    moments = lake.query(
        f"select min(ingest_time) filter (where event_type in {(*CONCLUDING, *TENDER_ANSWERS)}) as first, "
        "max(ingest_time) as last from raw.delivery_events where source = ? and order_id = ? and not retracted",
        [name, order_id],
    ).iloc[0]
    outcome, taught = _taught(lake, name, order_id, moments["first"], moments["last"], day)
    return {
        "order_id": order_id,
        "source": name,
        "outcome": outcome,
        "taught": taught,
        "used_by": _used_by(lake, name, order_id, outcome, taught),
        "based_on": _based_on(lake, name, order_id, day),
    }


def _taught(
    lake: Lake, source: str, order_id: str, first: Any, last: Any, day: Any
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The outcome as it is known now, and the parameters it is evidence of, as they were first learned with it.

    What was first known teaches from then on, though it was corrected later: both are looked at.
    """
    if pd.isna(first):
        return None, []
    names: dict[tuple[str, str], Any] = {}
    for moment in dict.fromkeys((first, last)):
        seen = outcomes_at(lake, source, moment.to_pydatetime(), since=day)
        visits = seen.visits[seen.visits["order_id"] == order_id]
        offers = seen.offers[seen.offers["order_id"] == order_id]
        for key, known_at in _evidence_of(visits, seen.legs[seen.legs["order_id"] == order_id], offers).items():
            names.setdefault(key, known_at)
    if not names:
        return None, []
    treated = lake.query(
        "select action from operation.interventions where source = ? and order_id = ? and assigned != 'none'",
        [source, order_id],
    )
    for action in treated["action"]:
        names[EFFICACY, subject(action=action)] = first
    told = visits.iloc[-1] if len(visits) else None
    outcome = {
        "known_at": first,
        "last_changed_at": last,
        "outcome": None if told is None else str(told["outcome"]),
        "exception_class": None if told is None or pd.isna(told["exception_class"]) else str(told["exception_class"]),
        "fleet_id": None if told is None else told["fleet_id"],
        "customer_id": None if told is None else told["customer_id"],
        "zone_id": None if told is None else told["zone_id"],
    }
    return outcome, _first_versions(lake, source, names)


def _evidence_of(visits: pd.DataFrame, legs: pd.DataFrame, offers: pd.DataFrame) -> dict[tuple[str, str], Any]:
    """Kind and subject of the parameters that an order's rows are evidence of -> when that was known."""
    names: dict[tuple[str, str], Any] = {}
    for one in visits.itertuples():
        building = "unknown" if one.building is None or pd.isna(one.building) else one.building
        for part in (ALL, subject(building=building)):
            names[SERVICE, part] = one.known_at
        names[RISK, subject(tenant=one.tenant_id)] = one.known_at
        for part in (subject(fleet=one.fleet_id), subject(fleet=one.fleet_id, depot=one.from_depot)):
            names[RELIABILITY, part] = one.known_at
    for leg in legs.itertuples():
        weather = "wet" if leg.wet else "dry"
        pair = f"zones={leg.from_zone}>{leg.to_zone}"
        band = int(band_of(pd.Series([leg.base_m]).to_numpy(float))[0])
        parts = (ALL, f"band={band}", f"hour={leg.hour}|weather={weather}", f"to={leg.to_zone}", pair)
        for part in (*parts, f"{pair}|hour={leg.hour}|weather={weather}"):
            names[TRAVEL, part] = leg.known_at
    for one in offers.itertuples():
        for part in (
            subject(fleet=one.fleet), subject(fleet=one.fleet, hour=one.hour), subject(fleet=one.fleet, zone=one.zone)
        ):  # fmt: skip
            names[ACCEPTANCE, part] = one.known_at
    return names


def _first_versions(lake: Lake, source: str, names: dict[tuple[str, str], Any]) -> list[dict[str, Any]]:
    """The parameters of ``names`` as they were first learned after each was known."""
    known = lake.query(
        """
        select kind, subject, service_date, as_of, value, sd, evidence, feeds, lake_snapshot from learned.parameters
        where source = ? and as_of >= ? order by as_of
        """,
        [source, min(names.values())],
    )
    taught = []
    for (kind, part), when in names.items():
        versions = known[(known["kind"] == kind) & (known["subject"] == part) & (known["as_of"] >= when)]
        if versions.empty:
            continue
        first = versions.iloc[0]
        taught.append(
            {
                "kind": kind,
                "subject": part,
                "feeds": str(first["feeds"]),
                "known_at": when,
                "first_as_of": first["as_of"],
                "lake_snapshot": int(first["lake_snapshot"]),
                "value": float(first["value"]),
                "sd": float(first["sd"]),
                "evidence": int(first["evidence"]),
                "versions_since": len(versions),
            }
        )
    return taught


def _used_by(
    lake: Lake, source: str, order_id: str, outcome: dict[str, Any] | None, taught: list[dict[str, Any]]
) -> dict[str, Any]:
    if outcome is None:
        return {"plans": [], "predictions": {}, "interventions": {}}
    uses = lake.query(
        "select plan_id, kind, subject, parameter_as_of, as_of from learned.uses where source = ? and as_of >= ?",
        [source, outcome["known_at"]],
    )
    mine = pd.DataFrame(taught, columns=["kind", "subject", "first_as_of"])
    joined = uses.merge(mine, on=["kind", "subject"])
    joined = joined[joined["parameter_as_of"] >= joined["first_as_of"]] if len(joined) else joined
    plans = [
        {"plan_id": str(plan), "as_of": part["as_of"].iloc[0], "parameters": len(part)}
        for plan, part in joined.groupby("plan_id")
    ]
    rows = lake.query(
        """
        with mine as (
            select customer_id, zone_id from raw.orders where source = ? and order_id = ?
            order by ingest_time desc limit 1
        ), others as (
            select order_id, any_value(customer_id) as customer_id, any_value(zone_id) as zone_id
            from raw.orders where source = ? group by order_id
        )
        select task, model_version, count(*) as predictions,
            count(*) filter (where others.customer_id = mine.customer_id) as same_customer,
            count(*) filter (where others.zone_id = mine.zone_id) as same_zone,
            min(order_id) filter (where others.customer_id = mine.customer_id or others.zone_id = mine.zone_id)
                as example
        from prediction.predictions join others using (order_id), mine
        where source = ? and as_of >= ? group by task, model_version order by task, model_version
        """,
        [source, order_id, source, source, outcome["known_at"]],
    )
    drawn = lake.query(
        """
        select action, count(*) as decisions, min(decided_at) as first from operation.interventions
        where source = ? and decided_at > ? and assigned != 'none' and action in (
            select action from operation.interventions where source = ? and order_id = ? and assigned != 'none'
        ) group by action
        """,
        [source, outcome["known_at"], source, order_id],
    )
    return {
        "plans": plans,
        "predictions": rows.assign(example=rows["example"].astype(object).where(rows["example"].notna(), None)).to_dict(
            "records"
        ),
        "interventions": drawn.to_dict("records"),
    }


def _based_on(lake: Lake, source: str, order_id: str, day: Any) -> dict[str, Any]:
    plan = lake.query(
        """
        select stops.plan_id, plans.as_of, plans.lake_snapshot, stops.sequence, stops.leg_s, stops.p_failed,
            stops.p_late
        from plan.plan_stops as stops join plan.plans as plans using (plan_id)
        where stops.source = ? and stops.order_id = ?
        """,
        [source, order_id],
    ).to_dict("records")
    parameters: list[dict[str, Any]] = []
    if plan:
        rows = lake.query(
            """
            select uses.kind, uses.subject, uses.value, parameters.sd, parameters.evidence, parameters.newest_outcome,
                date_diff('second', parameters.newest_outcome, uses.as_of) / 3600.0 as newest_outcome_age_h
            from learned.uses as uses left join learned.parameters as parameters
                on uses.source = parameters.source and uses.service_date = parameters.service_date
                    and uses.kind = parameters.kind and uses.subject = parameters.subject
            where uses.source = ? and uses.plan_id = ? order by uses.kind, uses.times desc, uses.subject
            """,
            [source, plan[0]["plan_id"]],
        )
        rows = rows.astype(object).where(rows.notna(), None)
        own = _own_subjects(lake, source, order_id, plan[0]["plan_id"])
        parameters = [{**_of_order(one), "of_the_order": one["subject"] in own} for one in rows.to_dict("records")]
    predictions = lake.query(
        "select task, probability, p50_s, model_version, as_of, lake_snapshot from prediction.predictions "
        "where source = ? and order_id = ? order by task, as_of",
        [source, order_id],
    )
    acted = lake.query(
        "select action, assigned, efficacy, probability, decided_at, model_version from operation.interventions "
        "where source = ? and order_id = ? order by decided_at",
        [source, order_id],
    )
    history = []
    if plan:
        history = (
            lake.query(
                """
            select order_id, outcome, label_time, date_diff('second', label_time, ?) / 3600.0 as age_h
            from marts.fct_outcomes where source = ? and label_time <= ? and order_id in (
                select order_id from raw.orders where source = ? and customer_id = (
                    select customer_id from raw.orders where source = ? and order_id = ?
                    order by ingest_time desc limit 1
                )
            ) order by label_time desc limit 5
            """,
                [plan[0]["as_of"], source, plan[0]["as_of"], source, source, order_id],
            ).to_dict("records")
            if has_marts(lake)
            else []
        )
    ages = [one["newest_outcome_age_h"] for one in parameters if one["newest_outcome_age_h"] is not None]
    return {
        "service_date": day,
        "plan": plan[0] if plan else None,
        "parameters": parameters,
        "predictions": predictions.astype(object).where(predictions.notna(), None).to_dict("records"),
        "interventions": acted.astype(object).where(acted.notna(), None).to_dict("records"),
        "customer_outcomes_known": history,
        "newest_outcome_age_h": min(ages) if ages else None,
    }


def _own_subjects(lake: Lake, source: str, order_id: str, plan_id: str) -> set[str]:
    """Subjects of parameters that speak of the order itself: its zone, building, shipper and fleet, and of all."""
    one = lake.query(
        """
        select orders.zone_id, orders.tenant_id, orders.attributes, routes.fleet_id, routes.depot_id
        from plan.plan_stops as stops join plan.routes as routes using (plan_id, route_id)
        join raw.orders as orders on orders.source = stops.source and orders.order_id = stops.order_id
        where stops.plan_id = ? and stops.order_id = ? order by orders.ingest_time desc limit 1
        """,
        [plan_id, order_id],
    ).iloc[0]
    building = building_of(one["attributes"])
    fleet = one["fleet_id"]
    return {
        ALL,
        f"to={one['zone_id']}",
        subject(building="unknown" if building is None else building),
        subject(tenant=one["tenant_id"]),
        subject(fleet=fleet),
        subject(fleet=fleet, depot=one["depot_id"]),
        subject(fleet=fleet, zone=one["zone_id"]),
    }


def _of_order(row: dict[str, Any]) -> dict[str, Any]:
    return {key: (round(value, 4) if isinstance(value, float) else value) for key, value in row.items()}


def has_marts(lake: Lake) -> bool:
    found = lake.query(
        "select count(*) as n from information_schema.tables "
        "where table_catalog = 'lake' and table_schema = 'marts' and table_name = 'fct_outcomes'"
    )
    return int(found["n"].iloc[0]) > 0
