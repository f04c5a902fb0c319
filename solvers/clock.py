"""When a leg that is begun at some moment ends, where its seconds depend on the time of day; nobody overtakes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from solvers.problem import IntegerMatrix, Travel


def arrival_s(travel: Travel, here: int, there: int, leaving_s: int) -> int:
    """Arrival at ``there`` when leaving ``here`` at ``leaving_s``; never falls as ``leaving_s`` rises (FIFO).

    The least non-decreasing minorant of leaving + seconds (Malandraki and Daskin 1992, Transportation Science 26(3)):
    where leaving later would mean arriving sooner, the driver is as soon as the one who leaves later.
    """
    table = travel.by_start_s
    if table is None:
        return leaving_s + int(travel.duration_s[here, there])
    starts = travel.starts_s
    bucket = max(0, bisect_right(starts, leaving_s) - 1)
    seconds = int(table[bucket, here, there])
    if travel.smooth and starts[0] <= leaving_s and bucket + 1 < len(starts):
        begun, span = starts[bucket], starts[bucket + 1] - starts[bucket]
        seconds += (int(table[bucket + 1, here, there]) - seconds) * (leaving_s - begun) // span
    best = leaving_s + seconds
    for later in range(bucket + 1, len(starts)):
        if starts[later] >= best:
            break
        best = min(best, max(leaving_s, starts[later]) + int(table[later, here, there]))
    return best


def mean_duration_s(starts_s: tuple[int, ...], by_start_s: IntegerMatrix, end_s: int = 86_400) -> IntegerMatrix:
    """Mean seconds of each leg over the day, buckets weighed by their length: for engines without a clock."""
    lengths: npt.NDArray[np.float64] = np.diff([*starts_s, max(end_s, starts_s[-1] + 1)]).astype(np.float64)
    return np.rint(np.tensordot(lengths / lengths.sum(), by_start_s, axes=1)).astype(np.int64)


def durations_at(travel: Travel, leaving_s: int) -> IntegerMatrix:
    """Seconds of every leg begun at ``leaving_s``, as ``arrival_s`` has them one by one; shape (n, n)."""
    table = travel.by_start_s
    if table is None:
        return travel.duration_s
    starts = travel.starts_s
    bucket = max(0, bisect_right(starts, leaving_s) - 1)
    seconds = table[bucket]
    if travel.smooth and starts[0] <= leaving_s and bucket + 1 < len(starts):
        begun, span = starts[bucket], starts[bucket + 1] - starts[bucket]
        seconds = seconds + (table[bucket + 1] - seconds) * (leaving_s - begun) // span
    for later in range(bucket + 1, len(starts)):
        seconds = np.minimum(seconds, max(leaving_s, starts[later]) - leaving_s + table[later])
    return np.asarray(seconds)


def driven_s(normal: IntegerMatrix, leaving_s: int, spans: Sequence[tuple[int | None, int]]) -> IntegerMatrix:
    """Seconds that ``normal`` seconds of driving take from ``leaving_s``, speeds changing on the way.

    ``spans`` are (until which second, percent of the normal speed) in sequence; the last one has no end (None). What is
    left of a leg when a span ends is driven at the next speed (Ichoua, Gendreau, Potvin 2003, EJOR 144(2)).
    """
    work = normal.astype(np.int64) * 100
    total = np.zeros_like(work)
    clock = leaving_s
    for until, speed in spans:
        if until is not None and until <= clock:
            continue
        room = int(work.max(initial=0)) if until is None else (until - clock) * speed
        used = np.minimum(work, room)
        total += np.where(work > room, 0 if until is None else until - clock, -(-used // speed))
        work = work - used
        clock = clock if until is None else until
    return np.asarray(total)
