"""Decisions of a live day into the outbox, from where they go to the lake: at least once, by key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from operations.state import Day
from operations.state.events import SAID, STANDING
from operations.state.standing import OFFERED
from orchestration.live.journal import Journal
from orchestration.live.said import TABLE as ANSWERS
from orchestration.live.said import answer_row
from orchestration.messaging.store import DecisionRow, OutboxStore

TABLE = "operation.dispatch_decisions"
BATCH = 1_000


class DecisionOutbox:
    """Hands over what the journal has and the outbox has not. A process that starts again hands over again: by key."""

    def __init__(self, store: OutboxStore, journal: Journal, day: Day, source: str, midnight: datetime) -> None:
        self.store, self.journal, self.day, self.source, self.midnight = store, journal, day, source, midnight
        self.number = 0

    def deliver(self) -> int:
        """Record new decisions; return how many were handed over, with what people said."""
        count = 0
        while made := self.journal.decisions(self.number, BATCH):
            self.store.record([], [row for one in made for row in (self._row(one), *self._answers(one))])
            self.number = made[-1]["number"]
            count += len(made)
        return count

    def _row(self, decision: dict[str, Any]) -> DecisionRow:
        moment = (self.midnight + timedelta(seconds=decision["decided_s"])).isoformat()
        key = f"{self.source}/{self.day.service_date}/{decision['decision_id']}"
        orders = decision["order_ids"]
        row = {
            "decision_id": key,
            "source": self.source,
            "service_date": self.day.service_date.isoformat(),
            "kind": decision["kind"],
            "order_id": orders[0] if orders else None,
            "orders": json.dumps(orders),
            "vehicle_id": decision["vehicle_id"] or None,
            "fleet_id": decision["fleet_id"] or None,
            "price_minor": decision["price_minor"],
            "currency": self.day.problem.currency,
            "why": decision["reason"],
            "alternatives": json.dumps(decision["alternatives"]),
            "decided_at": moment,
            "as_of": moment,
            "lake_snapshot": None,
        }
        return DecisionRow(TABLE, key, row)

    def _answers(self, decision: dict[str, Any]) -> list[DecisionRow]:
        """What people said with it, of matters and of standing answers; that one is offered is nobody's word yet."""
        moment = self.midnight + timedelta(seconds=decision["decided_s"])
        rows = []
        for event in decision["events"]:
            facts = event["facts"]
            if event["kind"] == SAID:
                said = "yes" if facts["yes"] else "no"
            elif event["kind"] == STANDING and facts["status"] != OFFERED:
                said = facts["status"]
            else:
                continue
            key = f"{self.source}/{self.day.service_date}/{event['event_id']}"
            date, currency = self.day.service_date, self.day.problem.currency
            row = answer_row(key, self.source, date, said, facts, moment, currency)
            plain = {name: one.isoformat() if hasattr(one, "isoformat") else one for name, one in row.items()}
            rows.append(DecisionRow(ANSWERS, key, plain))
        return rows
