"""Interventions that change the plan or a promise, put into force, agreed to, undone.

Times and money of the changed sequences are worked out anew, the verifier looks at the whole plan, and only then it
replaces the old one. A change of a promise is a new version of the order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from domain.codes import InterventionAction as Action
from domain.errors import InputError
from domain.tables import DELIVERY_EVENTS, INTERVENTIONS, ORDERS, PLANS
from orchestration.acting.answers import FILE as ANSWERS
from orchestration.acting.moves import sequences
from orchestration.lake import Lake
from orchestration.planning.service import PlannedDay, plan_file, publish, replanned

FILE = "interventions"
PROMISES = frozenset({Action.ADD_SLACK, Action.DEFER_ZONE, Action.EXTRA_ATTEMPT})


def put_into_force(lake: Lake, source: str, day: date, decided: datetime) -> dict[str, str]:
    """Do what was decided about the plan and needs nobody's word; returns intervention -> what became of it.

    A process that died in between does the rest when it is started again.
    """
    rows = lake.query(
        "select * from operation.interventions where source = ? and service_date = ? and task = 'late' "
        "and state = 'to_do' order by net_value_minor desc, intervention_id",
        [source, day],
    )
    return {str(row["intervention_id"]): _force(lake, row, decided, None) for row in rows.to_dict("records")}


def find(lake: Lake, prefix: str) -> dict[str, Any]:
    """The intervention whose id begins so.

    Raises:
        InputError: none or several do.
    """
    rows = lake.query("select * from operation.interventions where starts_with(intervention_id, ?) limit 2", [prefix])
    if not prefix or len(rows) != 1:
        what = "several interventions begin" if len(rows) > 1 else "no intervention begins"
        raise InputError(f"{what} with {prefix!r}; fivefold interventions list shows them")
    return {str(name): value for name, value in rows.iloc[0].to_dict().items()}


def approve(lake: Lake, prefix: str, by: str, now: datetime) -> dict[str, Any]:
    """Agree to a decision that waits; it takes effect, or is refused with the reason.

    Raises:
        InputError: there is no such decision, it does not wait, or nobody is named.
    """
    row = find(lake, prefix)
    if row["state"] != "waiting":
        raise InputError(f"intervention {prefix!r} does not wait for anybody: it is {row['state']}")
    if not by.strip():
        raise InputError("who agrees? give --by NAME")
    outcome = _force(lake, row, now, by.strip()[:80])
    return {"intervention_id": row["intervention_id"], "action": row["action"], "state": outcome}


def undo(lake: Lake, prefix: str, by: str, now: datetime) -> dict[str, Any]:
    """Take back what is in force.

    Raises:
        InputError: it is not in force, or what it changed was changed again since.
    """
    row = find(lake, prefix)
    if row["state"] not in ("in_force", "asked"):
        raise InputError(f"intervention {prefix!r} is not in force: it is {row['state']}")
    arguments = _arguments(row)
    day, source = _day(row), str(row["source"])
    plan_now = sequences(lake, source, day)
    for name, ids in arguments.get("after", {}).items():
        if plan_now.get(name, ()) != tuple(ids):
            raise InputError(f"the route of vehicle {name!r} was changed since; undo that first")
    _restore(lake, source, arguments.get("order_ids") or [str(row["order_id"])], now)
    if before := arguments.get("before"):
        made = replanned(lake, source, day, {**plan_now, **{name: tuple(ids) for name, ids in before.items()}}, now)
        _publish(lake, made)
    _set(lake, row, "undone", by.strip()[:80] or None)
    return {"intervention_id": row["intervention_id"], "action": row["action"], "state": "undone"}


def _publish(lake: Lake, made: PlannedDay) -> None:
    """The lake's plan, and its table where there is one: a file that says otherwise would be trusted.

    The changed plan keeps the search time of the plan it stems from.
    """
    source, day = made.inputs.source, made.inputs.service_date
    searched = lake.query(
        "select depot_id, solver_s from plan.plans where source = ? and service_date = ?", [source, day]
    )
    plans = made.frames[PLANS.qualified_name]
    plans["solver_s"] = plans["depot_id"].map(searched.set_index("depot_id")["solver_s"]).fillna(plans["solver_s"])
    publish(lake, made)
    if (table := plan_file(lake.home, source, day)).is_file():
        made.write_csv(table)


def _force(lake: Lake, row: Mapping[str, Any], now: datetime, by: str | None) -> str:
    action, arguments = Action(row["action"]), _arguments(row)
    day, source = _day(row), str(row["source"])
    plan_now = sequences(lake, source, day)
    for name, ids in arguments.get("before", {}).items():
        if plan_now.get(name, ()) != tuple(ids):
            return _set(lake, row, "refused", by, f"the route of vehicle {name} was changed since it was decided")
    changed = {**plan_now, **{name: tuple(ids) for name, ids in arguments.get("after", {}).items()}}
    versions = _versions(lake, source, row, arguments, now) if action in PROMISES else []
    if action in PROMISES and not versions:
        return _set(lake, row, "refused", by, "the order is not there any more")
    gone = {str(one["order_id"]) for one in versions if one["service_date"] != day}
    made = None
    if arguments.get("after") or action is Action.ADD_SLACK:
        kept = {name: tuple(one for one in ids if one not in gone) for name, ids in changed.items()}
        try:
            made = replanned(lake, source, day, kept, now, widened=_widened(versions), without=gone)
        except InputError as error:
            return _set(lake, row, "refused", by, str(error))
        if made.violations:
            return _set(lake, row, "refused", by, f"the plan would break a rule: {made.violations[0]}")
    if versions:
        lake.append(ORDERS, pd.DataFrame(versions))
        lake.append(DELIVERY_EVENTS, pd.DataFrame([_event(one, str(row["intervention_id"])) for one in versions]))
    if made is not None:
        _publish(lake, made)
    return _set(lake, row, "in_force", by)


def _widened(versions: Sequence[Mapping[str, Any]]) -> dict[str, datetime]:
    return {str(one["order_id"]): one["window_end"] for one in versions if not pd.isna(one["window_end"])}


def _versions(
    lake: Lake, source: str, row: Mapping[str, Any], arguments: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """Orders as the action promises them anew."""
    names = arguments.get("order_ids") or [str(row["order_id"])]
    found = []
    for order in _newest(lake, source, names, ()).values():
        version = {**order, "event_time": now, "ingest_time": now, "file_id": FILE}
        if slack := arguments.get("slack_s"):
            version["window_end"] = order["window_end"] + timedelta(seconds=int(slack))
        if days := arguments.get("days"):
            later = timedelta(days=int(days))
            version["service_date"] = order["service_date"] + later
            version |= {
                name: order[name] + later for name in ("window_start", "window_end") if not pd.isna(order[name])
            }
        if on := arguments.get("service_date"):
            version |= {"service_date": date.fromisoformat(on), "window_start": None, "window_end": None}
        found.append(version)
    return found


def _newest(lake: Lake, source: str, order_ids: Sequence[str], without: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = lake.query(
        """
        select * from raw.orders where source = ? and order_id in (select unnest(?::varchar[]))
            and not list_contains(?::varchar[], file_id)
        qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1 and not retracted
        """,
        [source, sorted(order_ids), list(without)],
    )
    rows["service_date"] = pd.to_datetime(rows["service_date"]).dt.date
    return {str(one["order_id"]): one for one in rows.to_dict("records")}


def _restore(lake: Lake, source: str, order_ids: Sequence[str], now: datetime) -> None:
    """Orders as they were asked for, before answers and interventions changed them."""
    changed = _newest(lake, source, order_ids, ())
    before = _newest(lake, source, order_ids, (FILE, ANSWERS))
    rows = [
        {**before[name], "event_time": now, "ingest_time": now, "file_id": FILE}
        for name, one in changed.items()
        if one["file_id"] in (FILE, ANSWERS) and name in before
    ]
    if rows:
        lake.append(ORDERS, pd.DataFrame(rows))


def _event(version: Mapping[str, Any], intervention_id: str) -> dict[str, Any]:
    return {
        "event_id": f"{intervention_id}/{version['order_id']}",
        "service_date": version["service_date"],
        "event_type": "promise_set",
        **{name: version[name] for name in ("order_id", "event_time", "source", "file_id", "ingest_time", "retracted")},
    }


def _arguments(row: Mapping[str, Any]) -> dict[str, Any]:
    text = row.get("arguments")
    found: dict[str, Any] = json.loads(text) if isinstance(text, str) else {}
    return found


def _day(row: Mapping[str, Any]) -> date:
    return pd.Timestamp(row["service_date"]).date()


def _set(lake: Lake, row: Mapping[str, Any], state: str, by: str | None, why: str | None = None) -> str:
    changed = {**row, "state": state, "service_date": _day(row)}
    if by:
        changed["agreed_by"] = by
    if why:
        changed["why"] = f"{row['why']}; {why}"
        changed["cost_minor"] = 0
    lake.replace(INTERVENTIONS, {"intervention_id": [row["intervention_id"]]}, pd.DataFrame([changed]))
    return state if not why else f"{state}: {why}"
