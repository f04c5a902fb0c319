"""Snapshots of the lake that are attached, so that one which is asked often is attached once."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

KEPT = 2
"""So many stay attached after their last reader: a day's plan asks one snapshot sixteen times."""


@dataclass
class _Attached:
    """A snapshot under the name it is attached as, and how many read it now."""

    name: str
    readers: int = 0


class Snapshots:
    """The attached snapshots of one DuckDB; may be shared by threads.

    ``statement``: gives the SQL that attaches a snapshot (its number) under a name.
    """

    def __init__(self, statement: Callable[[str, int], str]) -> None:
        self._statement = statement
        self._numbers = itertools.count()
        self._attached: dict[int, _Attached] = {}
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, connection: duckdb.DuckDBPyConnection, snapshot: int) -> Iterator[None]:
        """Let unqualified names of ``connection`` mean a snapshot.

        Raises:
            duckdb.Error: there is no such snapshot.
        """
        one = self._take(connection, snapshot)
        try:
            connection.execute(f"USE {one.name}")
            yield
        finally:
            with contextlib.suppress(duckdb.Error):
                connection.execute("USE memory")  # what is in use cannot be detached
            self._give_back(connection, one)

    def forget(self) -> None:
        """The database they were attached to is gone."""
        with self._lock:
            self._attached.clear()

    def _take(self, connection: duckdb.DuckDBPyConnection, snapshot: int) -> _Attached:
        with self._lock:
            one = self._attached.pop(snapshot, None)
            if one is None:
                one = _Attached(f"at_{snapshot}_{next(self._numbers)}")
                connection.execute(self._statement(one.name, snapshot))
            self._attached[snapshot] = one  # the one asked for last is the last
            one.readers += 1
            return one

    def _give_back(self, connection: duckdb.DuckDBPyConnection, one: _Attached) -> None:
        with self._lock:
            one.readers -= 1
            idle = [number for number, other in self._attached.items() if not other.readers]
            for number in idle[: max(0, len(self._attached) - KEPT)]:
                with contextlib.suppress(duckdb.Error):
                    connection.execute(f"DETACH {self._attached[number].name}")
                del self._attached[number]
