"""Values that share what they have in common: a mapping and a log that are cheap to change a little.

A day has thousands of orders and a hundred thousand events, an event changes one of each. Copying all of it for every
event would cost more than deciding; both classes here behave as plain frozen values.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, ValuesView
from typing import Any, Generic, TypeVar, overload

from operations.state.events import Event

K = TypeVar("K")
V = TypeVar("V")
_ABSENT: Any = object()
MARK_EVERY = 16
MOST_RECENT = 256
"""Changes that lie over a shared table before they are merged into a new one."""


class Table(Mapping[K, V], Generic[K, V]):
    """A frozen mapping; ``changed`` gives another that shares all but the newest changes."""

    __slots__ = ("_old", "_recent", "_size")

    def __init__(self, old: Mapping[K, V] | None = None) -> None:
        self._old: dict[K, V] = dict(old or {})
        self._recent: dict[K, V] = {}
        self._size = len(self._old)

    def changed(self, changes: Mapping[K, V]) -> Table[K, V]:
        """The mapping with ``changes``; itself where there are none."""
        if not changes:
            return self
        other: Table[K, V] = Table.__new__(Table)
        other._old, other._recent = self._old, {**self._recent, **changes}
        other._size = self._size + sum(key not in self for key in changes)
        if len(other._recent) > MOST_RECENT:
            other._old, other._recent = {**other._old, **other._recent}, {}
        return other

    def __getitem__(self, key: K) -> V:
        return self._recent[key] if key in self._recent else self._old[key]

    def get(self, key: K, default: Any = None) -> Any:
        # the one of Mapping raises and catches an error for each key that is absent
        found = self._recent.get(key, _ABSENT)
        return self._old.get(key, default) if found is _ABSENT else found

    def __contains__(self, key: object) -> bool:
        return key in self._recent or key in self._old

    def __iter__(self) -> Iterator[K]:
        yield from self._old
        yield from (key for key in self._recent if key not in self._old)

    def __len__(self) -> int:
        return self._size

    def values(self) -> ValuesView[V]:
        return ({**self._old, **self._recent} if self._recent else self._old).values()

    def __repr__(self) -> str:
        return f"Table({dict(self)!r})"


class Log(Sequence[Event]):
    """The events of one entity in the order in which they happened. Frozen; appending shares what was there.

    Logs that grew from each other share one list, and each sees only its own length of it. Who is not the longest
    copies before it appends, so that two futures of one state never see each other.

    What an entity was after every ``MARK_EVERY``-th event is kept beside them by who worked it out: an event that comes
    late costs a replay from the last mark before its place, and not of the whole day.
    """

    __slots__ = ("_corrected", "_events", "_length", "_marks")
    _appending = threading.Lock()

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self._events = list(events)
        self._length = len(self._events)
        self._corrected = any(one.corrects for one in self._events)
        self._marks: dict[int, Any] = {}

    @property
    def corrected(self) -> bool:
        """Whether an event here takes the place of another: then the newest is not all that changes."""
        return self._corrected

    def appended(self, event: Event) -> Log:
        """The log with one event more, which happened after all that is here."""
        other: Log = Log.__new__(Log)
        with self._appending:
            if len(self._events) == self._length:
                other._events, other._marks = self._events, self._marks
            else:
                other._events, other._marks = self._events[: self._length], self._marks_to(self._length)
            other._events.append(event)
        other._length, other._corrected = self._length + 1, self._corrected or bool(event.corrects)
        return other

    def placed(self, event: Event) -> Log:
        """The log with ``event`` in its place; itself where it is there already.

        Of two events of one name and other content, the smaller by content holds, whichever came first.
        """
        same = next((one for one in self if one.event_id == event.event_id), None)
        if same is not None and repr(same) <= repr(event):
            return self
        changed = [one for one in self if one is not same]
        at = bisect_right(changed, event.moment, key=lambda one: one.moment)
        changed.insert(at, event)
        other = Log(changed)
        if same is None:
            other._marks = self._marks_to(at)
        return other

    def mark(self, length: int, value: object) -> None:
        """Keep what the entity is after the first ``length`` events."""
        if length % MARK_EVERY == 0:
            self._marks[length] = value

    def marked(self) -> tuple[int, Any]:
        """The last mark: after how many events, and what the entity was; 0 and None where there is none."""
        length = max((one for one in list(self._marks) if one <= self._length), default=0)
        return length, self._marks.get(length)

    def _marks_to(self, length: int) -> dict[int, Any]:
        # the list is made at once: another future may put a mark into the shared one meanwhile
        return {one: value for one, value in list(self._marks.items()) if one <= length}

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        if isinstance(index, slice):
            return self._events[: self._length][index]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._events[index if index >= 0 else self._length + index]

    def __iter__(self) -> Iterator[Event]:
        events = self._events
        return (events[n] for n in range(self._length))

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Log({list(self)!r})"


def _equal(one: Event, other: object) -> bool:
    return one == other
