"""The live day in micro-batches: the same journal and the same core, without a service. What runs every few minutes.

Events come from the lake and from people who answer; each is decided once, by its name in the journal. While a live
service serves the day, the batch leaves it alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from domain.errors import InputError
from operations.state import Event
from operations.state.events import LATEST_S, TICK
from orchestration.lake import Lake
from orchestration.live.begin import begin_day, day_folder, events_of
from orchestration.live.dayfile import midnight_of, read_day, write_day
from orchestration.live.engine import BATCH, REFUSED, TAKEN, Engine
from orchestration.live.journal import Journal, event_of
from orchestration.live.outbox import DecisionOutbox
from orchestration.live.rules import day_rules, kept_or_refused
from orchestration.live.view import queue, standing

MOST_ANSWERS = 10_000


@dataclass(frozen=True)
class Batch:
    """What one batch did. ``served``: a live service has the day, nothing was done."""

    events: int = 0
    taken: int = 0
    refused: int = 0
    decisions: int = 0
    waiting: int = 0
    """Proposals that wait for a person."""
    served: bool = False
    newest_outcome_age_min_p95: float | None = None
    """Age of the newest outcome that the day's decisions knew, in minutes: 95 of 100 knew a newer one."""
    standing: Mapping[str, Any] = field(default_factory=dict)
    """Standing answers in force with what they have done today, and those that are offered."""

    def summary(self) -> dict[str, object]:
        return asdict(self)


def _passed(clock_s: int, midnight: datetime) -> list[Event]:
    """That time has passed since the newest event, on a day that is under way: offers and proposals have their ends."""
    now_s = int(time.time() - midnight.timestamp())
    if not clock_s < now_s <= LATEST_S:
        return []
    return [Event(f"tick-{now_s}-batch", TICK, now_s, now_s)]


def decide_batch(home: Path, source: str, service_date: date, given: Mapping[str, Any] | None = None) -> Batch:
    """Decide what became known of a date since the last batch; decisions go to the lake by the outbox.

    A process that dies anywhere is repeated by the next batch: events by name, decisions by key. ``given``: rules of
    the day that is begun where there is none (``orchestration.live.rules``), before the settings.

    Raises:
        InputError: no plan of the date is published, or its day began with other rules than those that are given.
    """
    from orchestration.acting.relay import relay
    from orchestration.messaging.store import OutboxStore

    folder = day_folder(home, source, service_date)
    with Lake.open(home) as lake:
        try:
            journal = Journal(folder)
        except InputError:
            return Batch(served=True)
        with journal, OutboxStore(home / "outbox") as store:
            if not (folder / "day.json").exists():
                write_day(folder, *begin_day(lake, source, service_date, day_rules(given)))
            day, midnight = read_day(folder), midnight_of(folder)
            kept_or_refused(day, given or {})
            engine = Engine(day, journal)
            before = journal.counts()[1]
            known = journal.names()
            events = [one for one in events_of(lake, source, service_date, midnight) if one.event_id not in known]
            # an answer counts from when it was given, not from when this batch runs
            given_so_far = [event_of(row) for _, row in journal.answers(most=MOST_ANSWERS)]
            events = sorted([*given_so_far, *events], key=lambda one: one.seen_s) if given_so_far else events
            results = []
            for first in range(0, len(events), BATCH):
                results += engine.submit(events[first : first + BATCH]).result()
            engine.submit(_passed(engine.state.clock_s, midnight)).result()
            engine.close()
            DecisionOutbox(store, journal, day, source, midnight).deliver()
            relay(lake, store)
            count = {name: sum(one.result == name for one in results) for name in (TAKEN, REFUSED)}
            made, old = journal.counts()[1] - before, engine.ages.quantile_min(0.95)
            told, waits = standing(engine.state), len(queue(engine.state))
            return Batch(len(events), count[TAKEN], count[REFUSED], made, waits, False, old, told)
