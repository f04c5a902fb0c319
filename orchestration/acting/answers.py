"""Customers' answers into the lake: delivery events, and the order as the answer changes it, by key.

The newest answer of an order holds. It becomes a new version of the order (append-only, known from now on), so that the
next plan, the features and the live day see it as they see any correction of a shipper. What can no longer be done
stays an event and changes nothing; the reason is told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

from domain.tables import DELIVERY_EVENTS, ORDERS
from operations.answers import EVENTS, AnswerAction, AnswerError, Change, change_of
from operations.interventions.book import HANDED_OVER
from orchestration.acting.lockers import known_lockers, taken
from orchestration.lake import Lake
from orchestration.messaging.answers import Answer, AnswerStore
from orchestration.planning.inputs import depot_timezone

FILE = "customer-answers"


@dataclass(frozen=True)
class TakenIn:
    """What became of answers: ``events`` are new in the lake, ``changed`` orders, ``refused`` order -> why."""

    events: int = 0
    changed: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)


def answers_to_lake(lake: Lake, answers: AnswerStore, source: str, now: datetime) -> TakenIn:
    """Add answers that the lake does not have and change their orders, in one transaction.

    Their words stay outside the lake. Doing it again adds nothing.
    """
    known = set(
        lake.query(
            f"select event_id from {DELIVERY_EVENTS.qualified_name} where source = ? and file_id = ?", [source, FILE]
        )["event_id"]
    )
    fresh = [one for one in answers.everything(source) if one.answer_id not in known]
    orders = _orders(lake, source, {one.order_id for one in fresh})
    fresh = [one for one in fresh if one.order_id in orders]
    if not fresh:
        return TakenIn()
    newest = {one.order_id: one for one in fresh}
    zone = depot_timezone(lake, source)
    lockers = known_lockers(lake, source).set_index("locker_id").to_dict("index")
    over = _concluded(lake, source, set(newest), now)
    versions, refused = [], {}
    room: dict[Any, Counter[str]] = {}
    for order_id, one in newest.items():
        try:
            change = change_of(one.action, one.choice, zone.key)
            day = orders[order_id]["service_date"]
            if change.locker_id is not None and day not in room:
                room[day] = taken(lake, source, day)
            _allowed(orders[order_id], change, one, over.get(order_id), lockers, room.get(day, Counter()), now, zone)
        except AnswerError as error:
            refused[order_id] = str(error)
            continue
        if change.locker_id is not None:
            room[day][change.locker_id] += _parcels(orders[order_id])
        versions.append(_version(orders[order_id], change, one, lockers, now))
    rows = [_event(one, orders[one.order_id]["service_date"], now) for one in fresh]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        Lake.replace_in(connection, DELIVERY_EVENTS, {}, pd.DataFrame(rows))
        if versions:
            Lake.replace_in(connection, ORDERS, {}, pd.DataFrame(versions))

    lake.write(write, "customers' answers")
    return TakenIn(len(rows), len(versions), refused)


def _orders(lake: Lake, source: str, order_ids: set[str]) -> dict[str, dict[str, Any]]:
    """The newest version of each order that no answer has changed: a later answer takes the place of an earlier."""
    rows = lake.query(
        """
        select * from raw.orders where source = ? and file_id <> ? and order_id in (select unnest(?::varchar[]))
        qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1 and not retracted
        """,
        [source, FILE, sorted(order_ids)],
    )
    rows["service_date"] = pd.to_datetime(rows["service_date"]).dt.date
    return {str(one["order_id"]): one for one in rows.to_dict("records")}


def _concluded(lake: Lake, source: str, order_ids: set[str], now: datetime) -> dict[str, datetime]:
    rows = lake.query(
        """
        select order_id, min(event_time) as at from raw.delivery_events
        where source = ? and ingest_time <= ? and not retracted and order_id in (select unnest(?::varchar[]))
            and event_type in ('delivered', 'partially_delivered', 'diverted', 'cancelled') group by 1
        """,
        [source, now, sorted(order_ids)],
    )
    return {one.order_id: one.at.to_pydatetime() for one in rows.itertuples()}


def _allowed(
    order: Mapping[str, Any],
    change: Change,
    answer: Answer,
    over: datetime | None,
    lockers: Mapping[Any, Mapping[str, Any]],
    room: Counter[str],
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Check again what the page checked: the world may have moved on since.

    Raises:
        AnswerError: says why the answer can no longer be done.
    """
    if over is not None and over <= answer.event_time:
        raise AnswerError("closed", "the order was done before the answer")
    if change.promise is not None and (
        change.promise[0] <= now or change.promise[0].date() < now.astimezone(zone).date()
    ):
        raise AnswerError("gone", "the chosen window is over")
    needs = frozenset(str(order["required_certifications"] or "").split("+"))
    if (change.attributes or {}).get("destination") and needs & HANDED_OVER:
        raise AnswerError("law", "the law wants the goods handed to a person")
    if change.locker_id is not None:
        locker = lockers.get(change.locker_id)
        if locker is None:
            raise AnswerError("gone", f"there is no locker {change.locker_id[:40]!r}")
        capacity = locker["capacity_parcels"]
        if not pd.isna(capacity) and room[change.locker_id] + _parcels(order) > capacity:
            raise AnswerError("gone", f"locker {change.locker_id} is full")


def _parcels(order: Mapping[str, Any]) -> int:
    return 1 if pd.isna(order["parcels"]) else int(order["parcels"])


def _version(
    order: Mapping[str, Any],
    change: Change,
    answer: Answer,
    lockers: Mapping[Any, Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    attributes = json.loads(order["attributes"]) if isinstance(order["attributes"], str) else {}
    version = {**order, "event_time": answer.event_time, "ingest_time": now, "file_id": FILE}
    if change.promise is not None:
        version |= {"service_date": change.service_date, "window_start": change.promise[0]}
        version["window_end"] = change.promise[1]
    if change.locker_id is not None:
        version |= {name: lockers[change.locker_id][name] for name in ("lat", "lon")}
        version |= {"window_start": None, "window_end": None}  # a locker is open all day: nobody waits
    version["attributes"] = json.dumps({**attributes, **(change.attributes or {}), "answer": answer.action})
    return version


def _event(one: Answer, day: Any, now: datetime) -> dict[str, Any]:
    return {
        "event_id": one.answer_id,
        "service_date": day,
        "event_type": EVENTS[AnswerAction(one.action)],
        "order_id": one.order_id,
        "event_time": one.event_time,
        "source": one.source,
        "file_id": FILE,
        "ingest_time": now,
        "retracted": False,
    }
