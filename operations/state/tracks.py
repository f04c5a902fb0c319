"""Where a vehicle was: of each minute its newest position, so that a day of messages is a few hundred of them.

What is kept is a function of the set of positions: the newest of a minute is the same in whatever order they come, and
however often. A position of older minutes that comes late is put in its place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from operations.state.entities import VehicleState, placed
from operations.state.events import Event

MINUTE_S = 60
NOWHERE = VehicleState("")


def _minute(event: Event) -> int:
    return event.at_s // MINUTE_S


def _newer(one: Event, other: Event) -> bool:
    """Whether ``one`` holds of two positions: the later, then by name, then by content."""
    if one.moment != other.moment:
        return one.moment > other.moment
    return repr(one) > repr(other)


@dataclass(frozen=True, slots=True)
class Track:
    """The positions of one vehicle. Frozen.

    ``closed``: the newest of each minute before the last one, in order; ``newest``: of all. ``before`` and ``after``:
    what is believed of where the vehicle is, without and with the newest.
    """

    closed: tuple[Event, ...] = ()
    newest: Event | None = None
    before: VehicleState = field(default=NOWHERE)
    after: VehicleState = field(default=NOWHERE)

    def positions(self) -> Iterator[Event]:
        """Oldest first."""
        yield from self.closed
        if self.newest is not None:
            yield self.newest

    def with_position(self, event: Event) -> Track:
        """The track with one more position; itself where that changes nothing."""
        newest = self.newest
        if newest is None:
            return Track((), event, NOWHERE, placed(NOWHERE, event))
        if _minute(event) > _minute(newest):
            return Track((*self.closed, newest), event, self.after, placed(self.after, event))
        if _minute(event) == _minute(newest):
            if not _newer(event, newest):
                return self
            return Track(self.closed, event, self.before, placed(self.before, event))
        at = bisect_left(self.closed, _minute(event), key=_minute)
        there = at < len(self.closed) and _minute(self.closed[at]) == _minute(event)
        if there and not _newer(event, self.closed[at]):
            return self
        closed = (*self.closed[:at], event, *self.closed[at + there :])
        before = NOWHERE
        for one in closed:
            before = placed(before, one)
        return Track(closed, newest, before, placed(before, newest))

    def seen(self, vehicle: VehicleState) -> VehicleState:
        """``vehicle`` where this track says that it is."""
        at = self.after
        return replace(vehicle, lat=at.lat, lon=at.lon, position_s=at.position_s, impossible=at.impossible)
