"""From the outbox to the lake: decisions and the state of their messages, by key, at least once and without harm."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pandas as pd

from domain.tables import TABLES
from orchestration.lake import Lake
from orchestration.messaging.office import Office
from orchestration.messaging.store import DecisionRow, OutboxStore

BATCH = 5_000
NOTIFICATIONS = "operation.notifications"


def tell_until(lake: Lake, office: Office, moment: datetime) -> dict[str, int]:
    """Deliver each message at the moment it is due, up to ``moment``, by a clock that goes from one to the next.

    For days that are played, not lived; `fivefold outbox send` goes by the real clock. Returns messages by state.
    """
    worker = office.worker()
    while (due := office.store.next_due()) is not None and due <= moment:
        worker.clock = partial(_moment, due)
        worker.deliver_due()
    relay(lake, office.store)
    return office.store.counts()


def _moment(at: datetime) -> datetime:
    return at


def relay(lake: Lake, store: OutboxStore) -> int:
    """Bring what is waiting to the lake; return how many rows.

    A process that dies after the lake has them brings them again: rows are replaced by their key.
    """
    count = 0
    while waiting := store.waiting_decisions(BATCH):
        by_table: dict[str, list[DecisionRow]] = {}
        for one in waiting:
            by_table.setdefault(one.table, []).append(one)
        for name, rows in by_table.items():
            if name not in TABLES:
                continue  # a decision of somebody else's, kept in the outbox only
            table = TABLES[name]
            (key,) = table.key
            frame = pd.DataFrame([_with_state(store, one) for one in rows])
            for column in frame.columns:
                if table.column(column).type.value == "timestamp":
                    frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
                elif table.column(column).type.value == "date":
                    frame[column] = pd.to_datetime(frame[column]).dt.date
            lake.replace(table, {key: frame[key].tolist()}, frame)
        store.in_lake(waiting)
        count += len(waiting)
    return count


def _with_state(store: OutboxStore, decision: DecisionRow) -> dict[str, object]:
    """A notification's row with what became of its message by now."""
    row = dict(decision.row)
    if decision.table == NOTIFICATIONS and row.get("state") != "held":
        kept = store.find(decision.key)
        if kept is not None:
            row["state"] = "pending" if kept.delivery.state == "sending" else str(kept.delivery.state)
            row["attempts"] = kept.delivery.attempts
            row["sent_at"] = kept.delivery.delivered_at
    return row
