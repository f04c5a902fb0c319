"""The worker: claims what is due, sends it in threads, writes down the answers. It may be killed at any line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

from operations.outbox import Answer, Message, Verdict
from orchestration.messaging.channels.base import Address, Channel, Envelope
from orchestration.messaging.store import Kept, OutboxStore

Clock = Callable[[], datetime]
LEASE_S = 120.0
"""Longer than any channel's deadline: a message is not taken over while it is being sent."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Address and finished texts of a message, or why it cannot go."""

    address: Address = field(default_factory=Address)
    text: str = ""
    html: str = ""
    refused: str = ""


Prepare = Callable[[Message], Prepared]


def as_it_is(message: Message) -> Prepared:
    """No address book and no links: for endpoints that know their target."""
    return Prepared(Address(), message.text, message.html)


class Worker:
    """Delivers an outbox through channels by name.

    ``prepare`` looks up the address and signs the links, just before a message goes. ``in_flight`` messages are
    claimed at most, so that a kill leaves no more than these unclear.
    """

    def __init__(
        self,
        store: OutboxStore,
        channels: Mapping[str, Channel],
        *,
        prepare: Prepare = as_it_is,
        threads: int = 8,
        in_flight: int = 64,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.channels, self.prepare, self.clock = store, channels, prepare, clock
        self.threads, self.in_flight = threads, max(in_flight, threads)
        self.stopped = threading.Event()

    def run(self, *, until_empty: bool = True, idle_s: float = 1.0, most_s: float | None = None) -> dict[str, int]:
        """Deliver until nothing is due (``until_empty``), for ever, or for ``most_s``; return messages by state.

        ``until_empty`` also waits for retries whose back-off is running, unless ``most_s`` ends first.
        """
        self.store.join()
        started = time.monotonic()
        flying: dict[Future[Answer], Kept] = {}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="outbox") as pool:
            while not self.stopped.is_set() and (most_s is None or time.monotonic() - started < most_s):
                self._launch(pool, flying)
                if flying:
                    self._land(flying)
                    continue
                due = self.store.next_due()
                if due is None and until_empty:
                    break
                wait_s = idle_s if due is None else min(idle_s, max(0.0, (due - self.clock()).total_seconds()))
                self.stopped.wait(wait_s)
            while flying:
                self._land(flying)
        self._close_channels()
        return self.store.counts()

    def deliver_due(self) -> dict[str, int]:
        """Deliver what is due now and return; what must wait stays."""
        self.store.join()
        flying: dict[Future[Answer], Kept] = {}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="outbox") as pool:
            self._launch(pool, flying)
            while flying:
                self._land(flying)
                self._launch(pool, flying)
        self._close_channels()
        return self.store.counts()

    def _close_channels(self) -> None:
        for channel in self.channels.values():
            channel.close()

    def _launch(self, pool: ThreadPoolExecutor, flying: dict[Future[Answer], Kept]) -> None:
        room = self.in_flight - len(flying)
        if room < max(1, self.in_flight // 4):
            return
        for kept in self.store.claim(room, self.clock(), LEASE_S):
            if not self.store.expire(kept, self.clock()):
                flying[pool.submit(self._send, kept.message)] = kept

    def _land(self, flying: dict[Future[Answer], Kept]) -> None:
        done, _ = wait(flying, timeout=1.0, return_when=FIRST_COMPLETED)
        if done:
            self.store.settle([(flying.pop(one), one.result()) for one in done], self.clock())

    def _send(self, message: Message) -> Answer:
        channel = self.channels.get(message.channel)
        if channel is None:
            return Answer(Verdict.REJECTED, f"there is no channel {message.channel!r}")
        try:
            ready = self.prepare(message)
            if ready.refused:
                return Answer(Verdict.REJECTED, ready.refused)
            return channel.send(Envelope(message, ready.address, ready.text, ready.html, self.clock()))
        except Exception as error:  # a channel's fault must not take the worker and its other messages down
            return Answer(Verdict.UNCLEAR, f"{type(error).__name__}: {error}"[:200])
