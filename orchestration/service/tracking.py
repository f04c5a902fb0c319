"""What the pages show of each order: a small read model that planning and the live day refresh."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from operations.answers import Locker, Tracked
from orchestration.messaging.sqlite import SqliteStore
from orchestration.messaging.store import from_us, to_us

SCHEMA = """
create table if not exists tracked (
    source text not null, order_id text not null, status text not null, content text not null,
    updated_at integer not null, primary key (source, order_id)
) strict
"""


class TrackingStore(SqliteStore):
    """Orders as their pages show them; the newest ``updated_at`` holds."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "service" / "tracking.sqlite", SCHEMA)

    def put(self, orders: Iterable[Tracked], now: datetime) -> None:
        """Refresh orders in one transaction; what is older than what is there changes nothing."""
        with self._transaction() as database:
            for one in orders:
                moment = one.updated_at or now
                content = {
                    "promise": _span(one.promise),
                    "interval": _span(one.interval),
                    "reason": one.reason,
                    "needs": sorted(one.needs),
                    "stops_before": one.stops_before,
                    "courier_m": one.courier_m,
                    "timezone": one.timezone,
                    "locker": None if one.locker is None else asdict(one.locker),
                }
                database.execute(
                    "insert into tracked values (?, ?, ?, ?, ?) on conflict (source, order_id) do update set "
                    "status = excluded.status, content = excluded.content, updated_at = excluded.updated_at "
                    "where excluded.updated_at >= tracked.updated_at",
                    (one.source, one.order_id, one.status, json.dumps(content), to_us(moment.astimezone(UTC))),
                )

    def get(self, source: str, order_id: str) -> Tracked | None:
        """What is known of an order."""
        row = self._row("select * from tracked where source = ? and order_id = ?", (source, order_id))
        if row is None:
            return None
        content = json.loads(row["content"])
        return Tracked(
            source,
            order_id,
            row["status"],
            _moments(content["promise"]),
            _moments(content["interval"]),
            content["reason"],
            frozenset(content["needs"]),
            content["stops_before"],
            content["courier_m"],
            content["timezone"],
            from_us(row["updated_at"]),
            Locker(**content["locker"]) if content.get("locker") else None,
        )


def _span(span: tuple[datetime, datetime] | None) -> list[str] | None:
    return None if span is None else [one.isoformat() for one in span]


def _moments(span: list[str] | None) -> tuple[datetime, datetime] | None:
    return None if span is None else (datetime.fromisoformat(span[0]), datetime.fromisoformat(span[1]))
