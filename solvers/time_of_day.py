"""Travel by time of day from speeds by hour: what a leg takes when it is begun at each start, nobody overtaking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from domain.errors import PlanningError
from solvers.clock import driven_s, mean_duration_s
from solvers.problem import Travel

DAY_S = 86_400
TYPICAL_PERCENT = {
    0: 115,
    6 * 3_600: 100,
    7 * 3_600: 80,
    9 * 3_600: 95,
    15 * 3_600: 85,
    18 * 3_600: 95,
    20 * 3_600: 110,
}
"""Speeds of a European town in percent of its mean, where nothing is observed."""


def by_time_of_day(travel: Travel, percent: Mapping[int, int] | None = None, *, grid_s: int = 1_800) -> Travel:
    """``travel`` with legs at ``percent`` of their speed from each second of the day on.

    Seconds are what a leg's normal seconds take at the speeds met on the way (Ichoua, Gendreau, Potvin 2003, EJOR
    144(2)): whoever leaves later arrives later. Tables hold at the starts of ``percent`` and every ``grid_s`` seconds
    between the first and the last of them; between two starts seconds change linearly.

    Raises:
        PlanningError: a percentage is below 1, or a start is outside the day.
    """
    percent = TYPICAL_PERCENT if percent is None else percent
    for start, speed in percent.items():
        if not 0 <= start < DAY_S:
            raise PlanningError(f"speeds by time of day: start {start} is outside the day")
        if speed < 1:
            raise PlanningError(f"speeds by time of day: {speed} percent at {start} must be at least 1")
    if not percent:
        return travel
    changes = sorted(percent)
    # the night before the first change is like the last
    spans = [*zip(changes, [percent[changes[-1]], *(percent[one] for one in changes[:-1])], strict=True)]
    spans_to_the_end = [*spans, (None, percent[changes[-1]])]
    grid = range(changes[0], changes[-1] + 1, grid_s)
    starts = tuple(sorted({0, *changes, *grid}))
    table = np.stack([driven_s(travel.duration_s, one, spans_to_the_end) for one in starts])
    return replace(travel, duration_s=mean_duration_s(starts, table), starts_s=starts, by_start_s=table, smooth=True)
