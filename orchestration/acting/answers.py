"""Customers' answers into the lake as delivery events, by key; and orders onto their pages."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from domain.tables import DELIVERY_EVENTS
from operations.answers import EVENTS, AnswerAction
from orchestration.lake import Lake
from orchestration.messaging.answers import AnswerStore

FILE = "customer-answers"


def answers_to_lake(lake: Lake, answers: AnswerStore, source: str, now: datetime) -> int:
    """Add answers that the lake does not have; return how many. Their words stay outside the lake."""
    known = set(
        lake.query(
            f"select event_id from {DELIVERY_EVENTS.qualified_name} where source = ? and file_id = ?", [source, FILE]
        )["event_id"]
    )
    dates = lake.query(
        "select order_id, max(service_date) as day from raw.orders where source = ? group by 1", [source]
    )
    day_of = dict(zip(dates["order_id"], dates["day"], strict=True))
    rows = [
        {
            "event_id": one.answer_id,
            "service_date": pd.Timestamp(day_of[one.order_id]).date(),
            "event_type": EVENTS[AnswerAction(one.action)],
            "order_id": one.order_id,
            "event_time": one.event_time,
            "source": source,
            "file_id": FILE,
            "ingest_time": now,
            "retracted": False,
        }
        for one in answers.everything(source)
        if one.answer_id not in known and one.order_id in day_of
    ]
    if rows:
        lake.append(DELIVERY_EVENTS, pd.DataFrame(rows))
    return len(rows)
