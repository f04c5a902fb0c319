"""Folds and decides on one thread; answers only when what it took in is on disk."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from operations.decide import Decision, step
from operations.freshness import OutcomeAges
from operations.state import Day, DayState, Event, digest, fold, start, why_refused
from orchestration.live.journal import Journal, dump

TAKEN, KNOWN, REFUSED = "taken", "known", "refused"
MOST_WAITING = 5_000
"""Events that may wait; beyond them a client is told to come back."""
BATCH = 256
"""Events of one transaction."""
KEPT_LATENCIES = 10_000
AT_ONCE = 2_000
"""Events of a journal that are folded together at a start."""


class OverloadedError(Exception):
    """Too much is waiting; nothing of the request was taken."""


class StoppedError(Exception):
    """The engine has stopped, or could not write; nothing of the request is known to be taken."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one event."""

    event_id: str
    result: str
    reason: str = ""


@dataclass
class Request:
    events: Sequence[Event]
    came: float
    done: Future[list[Result]] = field(default_factory=Future)


Listener = Callable[[Decision], None]


class Engine:
    """One day's state. ``submit`` from any thread; ``close`` lets what waits be finished first."""

    def __init__(self, day: Day, journal: Journal, *, wall_clock: Callable[[], int] | None = None) -> None:
        """``wall_clock`` gives the second of the day at which events are seen; None: the events say."""
        self.journal, self.wall_clock = journal, wall_clock
        self.ages = OutcomeAges()
        self.state = restored(day, journal, self.ages)
        self.listeners: list[Listener] = []
        self.latencies_s: deque[float] = deque(maxlen=KEPT_LATENCIES)
        self.taken = self.known = self.refused = self.decided = self.overloaded = 0
        self.waiting = 0
        self.quarantined = journal.quarantined()
        """Events of the day that were refused, each counted once."""
        self.failed = ""
        self._queue: queue.Queue[Request | None] = queue.Queue()
        self._lock = threading.Lock()
        self._oldest: deque[float] = deque()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[Event]) -> Future[list[Result]]:
        """Results in the order of ``events``, once they are on disk.

        Raises:
            OverloadedError: too many events wait already.
            StoppedError: the engine does not run any more.
        """
        if self.failed or not self._thread.is_alive():
            raise StoppedError(self.failed or "stopped")
        with self._lock:
            if self.waiting + len(events) > MOST_WAITING:
                self.overloaded += 1
                raise OverloadedError
            self.waiting += len(events)
            request = Request(events, time.monotonic())
            self._oldest.append(request.came)
        self._queue.put(request)
        return request.done

    def lag_s(self) -> float:
        """How long the oldest request that waits has been waiting."""
        with self._lock:
            return time.monotonic() - self._oldest[0] if self._oldest else 0.0

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            requests: list[Request] = []
            size = 0
            one = self._queue.get()
            while one is not None:
                requests.append(one)
                size += len(one.events)
                if size >= BATCH:
                    break
                try:
                    one = self._queue.get_nowait()
                except queue.Empty:
                    break
            ending = one is None
            if not requests:
                continue
            try:
                self._take(requests)
            except Exception as error:
                # what is in memory may be ahead of the disk: better to stop than to answer from it
                self.failed = f"{type(error).__name__}: {error}"
                for request in requests:
                    request.done.set_exception(StoppedError(self.failed))
                self._refuse_the_rest()
                return
        self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        self.failed = self.failed or "stopped"
        while True:
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return
            if one is not None:
                one.done.set_exception(StoppedError(self.failed))

    def _take(self, requests: list[Request]) -> None:
        state, written, results = self.state, list[tuple[Event, Sequence[Decision]]](), list[list[Result]]()
        new, aside = dict[str, Event](), list[tuple[Event, str]]()
        for request in requests:
            own = []
            for event in request.events:
                # names are looked up on disk: what is kept in memory must not grow with the day's messages
                before = new.get(event.event_id) or self.journal.event(event.event_id)
                if before is not None:
                    same = replace(event, seen_s=before.seen_s) == before
                    reason = "" if same else "another event of this name was taken before"
                    own.append(Result(event.event_id, REFUSED if reason else KNOWN, reason))
                    continue
                seen = replace(event, seen_s=self._seen(state, event))
                if reason := why_refused(seen):
                    # on disk and not in memory; its name stays free for the event as it should have been
                    aside.append((seen, reason))
                    own.append(Result(event.event_id, REFUSED, reason))
                    continue
                state, decisions = step(state, seen)
                own.append(Result(event.event_id, TAKEN))
                new[event.event_id] = seen
                written.append((seen, decisions))
            results.append(own)
        if written or aside:
            self.quarantined += self.journal.record(written, aside)
        self.state = state
        now = time.monotonic()
        for request, own in zip(requests, results, strict=True):
            self.latencies_s.append(now - request.came)
            self.taken += sum(one.result == TAKEN for one in own)
            self.known += sum(one.result == KNOWN for one in own)
            self.refused += sum(one.result == REFUSED for one in own)
        with self._lock:
            self.waiting -= sum(len(request.events) for request in requests)
            for _ in requests:
                self._oldest.popleft()
        for request, own in zip(requests, results, strict=True):
            request.done.set_result(own)
        for event, decisions in written:
            self.ages.see(event, decisions)
            self.decided += len(decisions)
            for decision in decisions:
                for listener in list(self.listeners):
                    listener(decision)

    def _seen(self, state: DayState, event: Event) -> int:
        """When we came to know it: our clock never runs backwards, so that a replay sees what we saw."""
        now = self.wall_clock() if self.wall_clock is not None else event.seen_s
        return max(state.clock_s, now)


def restored(day: Day, journal: Journal, ages: OutcomeAges | None = None) -> DayState:
    """The state that a journal leads to. Decisions are taken as they were made.

    ``ages``: is fed with how old the outcomes were that the decisions knew.
    """
    state, events = start(day), list[Event]()
    for event, decisions in journal.entries():
        events.append(event)
        if ages is not None:
            ages.see(event, decisions)
        events += [one for decision in decisions for one in decision.events]
        if len(events) >= AT_ONCE:
            state, events = fold(state, *events), []
    return fold(state, *events)


@dataclass(frozen=True, slots=True)
class Replay:
    """A day decided again from its journal.

    ``first_difference``: the first event whose decisions are not the same; ``then`` and ``now``: what was decided on
    it, and what is (by another version of the code, say).
    """

    events: int
    decisions: int
    identical: bool
    first_difference: str
    digest: str
    then: tuple[str, ...] = ()
    now: tuple[str, ...] = ()


def replay(day: Day, journal: Journal) -> Replay:
    """Decide every event of a journal again and compare, byte by byte, with what was decided then."""
    state, events, decided, difference = start(day), 0, 0, ""
    then: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    for event, before in journal.entries():
        state, made = step(state, event)
        events, decided = events + 1, decided + len(made)
        if not difference and [dump(one) for one in made] != [dump(one) for one in before]:
            difference = event.event_id
            then, now = _in_words(before), _in_words(made)
    same = not difference and digest(restored(day, journal)) == digest(state)
    return Replay(events, decided, same, difference or ("" if same else "the state"), digest(state), then, now)


def _in_words(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Decisions in a line each."""
    return tuple(
        " ".join(
            filter(None, (one.kind, *one.order_ids, one.vehicle_id, one.fleet_id, str(one.price_minor), one.reason))
        )
        for one in decisions
    )


def metrics(engine: Engine) -> str:
    """What Prometheus reads (text exposition format 0.0.4)."""
    ordered = sorted(engine.latencies_s)

    def quantile(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    lines: list[str] = []

    def metric(name: str, kind: str, text: str, *values: tuple[str, Any]) -> None:
        lines.extend((f"# HELP fivefold_live_{name} {text}", f"# TYPE fivefold_live_{name} {kind}"))
        lines.extend(f"fivefold_live_{name}{label} {value}" for label, value in values)

    results = [(f'{{result="{name}"}}', getattr(engine, name)) for name in (TAKEN, KNOWN, REFUSED)]
    metric("events_total", "counter", "Events by what became of them", *results)
    metric("decisions_total", "counter", "Decisions made", ("", engine.decided))
    metric("overloaded_total", "counter", "Requests told to come back", ("", engine.overloaded))
    desk = engine.state.desk
    waits = sum(one.status == "open" for one in engine.state.proposals.values())
    metric("proposals_waiting", "gauge", "Proposals that wait for a person", ("", waits))
    alone = len({one.cause_id for one in engine.state.standing.uses})
    metric("standing_answered_total", "counter", "Causes that standing answers have answered", ("", alone))
    metric("touches_total", "counter", "Answers and overrides by people", ("", desk.touches))
    metric(
        "touch_seconds_total", "counter", "How long people looked at what they answered", ("", desk.handled_ms / 1e3)
    )
    old = engine.ages.quantile_min(0.95)
    if old is not None:
        text = "Age of the newest outcome that decisions knew"
        metric("newest_outcome_age_minutes", "gauge", text, ('{quantile="0.95"}', old))
    metric("waiting", "gauge", "Events that wait", ("", engine.waiting))
    metric("lag_seconds", "gauge", "How long the oldest request has waited", ("", round(engine.lag_s(), 4)))
    shares = [(f'{{quantile="{share}"}}', round(quantile(share), 6)) for share in (0.5, 0.95, 0.99)]
    metric("latency_seconds", "summary", "From request to answer", *shares)
    return "\n".join(lines) + "\n"
