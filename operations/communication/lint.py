"""The linter of texts: no clock time that the interval does not bear.

A point in time is a promise. When the interval is wider than 20 minutes a text must tell both of its ends or none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.errors import InputError

CLOCK = re.compile(
    r"(?<![\d:.])([01]?\d|2[0-3])[:.h]([0-5]\d)(?!\d)|(?<![\d:.])(1[0-2]|[1-9])(?: ?)([ap]\.?m\.?)", re.I
)


class TextError(InputError):
    """A text that may not be sent; the message says which rule it breaks."""


def clock_times(text: str) -> list[tuple[int, int]]:
    """Clock times in a text as (hour, minute), in order. Dates such as 30.03. are none."""
    found = []
    for match in CLOCK.finditer(text):
        if match.group(3):
            hour = int(match.group(3)) % 12 + (12 if match.group(4).lower().startswith("p") else 0)
            found.append((hour, 0))
        else:
            found.append((int(match.group(1)), int(match.group(2))))
    return found


def lint_text(text: str, spans: Sequence[tuple[datetime, datetime]], widest_point_s: int = 1_200) -> None:
    """Refuse a text that tells a time its spans do not bear.

    Args:
        text: as the customer would read it.
        spans: the interval and the promise in the customer's own zone; the only times a text may tell.
        widest_point_s: a span up to this width may be told as one point within it.

    Raises:
        TextError: a time of no span, or one end only of a span that is too wide for a point.
    """
    told = set(clock_times(text))
    ends = [((low.hour, low.minute), (high.hour, high.minute)) for low, high in spans]
    whole = {moment for low, high in ends if low in told and high in told for moment in (low, high)}
    for hour, minute in sorted(told - whole):
        bears = any(
            high - low <= timedelta(seconds=widest_point_s)
            and low <= low.replace(hour=hour, minute=minute, second=0, microsecond=0) + _wrap(low, hour, minute) <= high
            for low, high in spans
        )
        if not bears:
            raise TextError(
                f"the text tells {hour:02d}:{minute:02d} as a point in time, but its interval is wider than "
                f"{widest_point_s // 60} min: tell both ends"
            )


def _wrap(low: datetime, hour: int, minute: int) -> timedelta:
    """A time before the span's start on the clock is the next day's."""
    return timedelta(days=1) if (hour, minute) < (low.hour, low.minute) else timedelta(0)
