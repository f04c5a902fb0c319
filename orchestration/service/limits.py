"""A rate limit in memory: so many requests a minute for each caller, and for all together."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CALLERS = 10_000


class RateLimit:
    """Token buckets: ``a_minute`` on average, as many at once; the callers seen longest ago are forgotten first."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._clock = float(a_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, caller: str) -> bool:
        """Take one token of ``caller``; False if there is none."""
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.pop(caller, (self._size, now))
            tokens = min(self._size, tokens + (now - since) * self._size / 60)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            return allowed
