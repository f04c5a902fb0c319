"""What the scores of a running day say: the one reader of ``prediction.stop_scores`` for people, pages and messages."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

import pandas as pd

from domain.codes import CONCLUDING_EVENTS, EventType, ScoreMoment
from domain.errors import LakeError
from orchestration.lake import Lake

TOLD = 3
"""Factors kept of each chance."""
OVER = tuple(str(one) for one in (*sorted(CONCLUDING_EVENTS), EventType.CANCELLED))
QUANTILES = ("eta_p05", "eta_p10", "eta_p50", "eta_p90", "eta_p95")


@dataclass(frozen=True, slots=True)
class NewestScore:
    """The newest score of a stop at a moment: what it said, when and why it was made, what moved it most.

    Times are None where the stop had been arrived at, ``p_failed`` where the plan predicted none.
    """

    order_id: str
    route_id: str
    moment: ScoreMoment
    as_of: datetime
    stops_before: int
    eta_p05: datetime | None
    eta_p10: datetime | None
    eta_p50: datetime | None
    eta_p90: datetime | None
    eta_p95: datetime | None
    p_late: float
    p_failed: float | None
    p_vehicle_issue: float
    p_weather_or_road: float
    p_exception: float
    factors: tuple[tuple[str, float], ...]

    def at(self, zone: tzinfo | None) -> NewestScore:
        """The same with times as the clocks of a zone show them."""
        times = {name: getattr(self, name) for name in ("as_of", *QUANTILES)}
        return replace(self, **{name: one and one.astimezone(zone) for name, one in times.items()})

    def summary(self) -> dict[str, Any]:
        """As JSON tells it."""
        return {**asdict(self), "moment": str(self.moment), "factors": [list(one) for one in self.factors]}


def newest_scores(lake: Lake, source: str, day: date, now: datetime, most: int | None = None) -> list[NewestScore]:
    """The newest score at ``now`` of every stop that was open by then, those most at risk first; ``most``: so many."""
    rows = lake.query(
        f"""
        select s.order_id, s.route_id, s.moment, s.as_of, s.stops_before, {", ".join(QUANTILES)}, s.p_late,
            s.p_failed, s.p_vehicle_issue, s.p_weather_or_road, s.p_exception, s.factors
        from prediction.stop_scores s
        where s.source = ? and s.service_date = ? and s.as_of <= ? and not exists (
            select 1 from raw.delivery_events e where e.source = s.source and e.service_date = s.service_date
            and e.order_id = s.order_id and e.ingest_time <= ? and not e.retracted
            and e.event_type in {OVER})
        qualify row_number() over (partition by s.order_id order by s.as_of desc, s.moment) = 1
        order by s.p_exception desc, s.order_id {"" if most is None else "limit ?"}
        """,
        [source, day, now, now, *([] if most is None else [most])],
    )
    return [_score(one) for one in rows.to_dict("records")]


def score_history(lake: Lake, source: str, day: date, now: datetime) -> dict[str, list[NewestScore]]:
    """Every score up to ``now`` by order, oldest first: what was known at each moment of the day."""
    rows = lake.query(
        f"""
        select order_id, route_id, moment, as_of, stops_before, {", ".join(QUANTILES)}, p_late, p_failed,
            p_vehicle_issue, p_weather_or_road, p_exception, factors
        from prediction.stop_scores where source = ? and service_date = ? and as_of <= ?
        order by order_id, as_of, moment desc
        """,
        [source, day, now],
    )
    out: dict[str, list[NewestScore]] = {}
    for one in rows.to_dict("records"):
        out.setdefault(str(one["order_id"]), []).append(_score(one))
    return out


def _score(one: dict[str, Any]) -> NewestScore:
    told = json.loads(one["factors"])
    times = {name: None if pd.isna(one[name]) else one[name].to_pydatetime() for name in QUANTILES}
    return NewestScore(
        order_id=str(one["order_id"]),
        route_id=str(one["route_id"]),
        moment=ScoreMoment(one["moment"]),
        as_of=one["as_of"].to_pydatetime(),
        stops_before=int(one["stops_before"]),
        **times,
        p_late=float(one["p_late"]),
        p_failed=None if pd.isna(one["p_failed"]) else float(one["p_failed"]),
        p_vehicle_issue=float(one["p_vehicle_issue"]),
        p_weather_or_road=float(one["p_weather_or_road"]),
        p_exception=float(one["p_exception"]),
        factors=tuple((str(name), float(share)) for name, share in [*told["late"], *told["failed"]][:TOLD]),
    )


class ScoresOfDay:
    """Newest scores, in the zone of the clock, for a page that asks often.

    The lake is read once in ``every_s`` seconds, by one thread at a time.

    A lake that cannot be read leaves what was known before: the page of the day must not fail with it.
    """

    def __init__(
        self, home: Path, source: str, day: date, clock: Callable[[], datetime], every_s: float = 15.0
    ) -> None:
        self.home, self.source, self.day, self.clock, self.every_s = home, source, day, clock, every_s
        self._lock = threading.Lock()
        self._read_at = -float("inf")
        self._known: list[NewestScore] = []

    def __call__(self) -> list[NewestScore]:
        with self._lock:
            if time.monotonic() >= self._read_at + self.every_s:
                try:
                    with Lake.open(self.home) as lake:
                        now = self.clock()
                        found = newest_scores(lake, self.source, self.day, now)
                        self._known = [one.at(now.tzinfo) for one in found]
                except LakeError:
                    pass  # what was known stands, with the moment it is of
                self._read_at = time.monotonic()
            return self._known


__all__ = ["NewestScore", "ScoresOfDay", "newest_scores", "score_history"]
