"""The live scorer: events in, predictions out. State, models and online layer move together, in one file.

``predict(rows)`` scores decisions, ``learn(events)`` takes outcomes; both in micro-batches that give the same bits as
one by one. What came late, twice or for nothing known changes only what it should: an outcome is learned once.
"""

from __future__ import annotations

import base64
import gzip
import heapq
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import ModelError
from models.eta_online import BOUNDS, EtaLayer
from models.online import OnlineLayer
from models.state import EntityState

Floats = npt.NDArray[np.float64]
FORMAT = 5
LAST_BOUND = max(BOUNDS)
REMEMBERED = 200_000
"""Concluded decisions that are remembered, so that an outcome told twice is known as such."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something to be predicted: ``features`` in the order of the scorer, ``keys`` the values of its entities."""

    entity: str
    at_s: float
    keys: tuple[str | None, ...]
    features: tuple[float, ...]
    load: float = 0.0
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a decision and when it may be learned; ``label``: 0 or 1, or seconds."""

    entity: str
    known_s: float
    label: float
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Ended:
    """The work of a decision has ended, which may be told long before its outcome may be learned."""

    entity: str
    at_s: float
    offset: int = -1


@dataclass(slots=True)
class Counts:
    """What was done with the events so far."""

    scored: int = 0
    learned: int = 0
    twice: int = 0
    unknown: int = 0
    unusable: int = 0


@dataclass(slots=True)
class _Waiting:
    keys: tuple[str | None, ...]
    at_s: float
    load: float
    base: Floats
    said: Floats
    linear: Floats
    raw: float
    memo: Any = field(default=None)


class Scorer:
    """Live predictions of one task.

    ``boosters``: the champion first; a probability head has one or more experts, an ETA head the five quantiles.
    A model sees the decision's features, then the state's, in that order.

    ``ends``: the caller tells ``Ended`` of all work as it ends. Then each bound of an ETA is judged when its time has
    come, of open work too, and moved towards its share without waiting for labels to mature (``EtaLayer.judge``).
    Without being told, open and ended work look alike, and bounds are left to the windows of matured scores.
    """

    def __init__(
        self,
        state: EntityState,
        boosters: Sequence[Any],
        layer: OnlineLayer | EtaLayer,
        version: str,
        features: int,
        ends: bool = False,
    ) -> None:
        self.state, self.boosters, self.layer = state, list(boosters), layer
        self.version, self.features = version, features
        self.counts = Counts()
        self.offset = -1
        self._width = len(state.names)
        self._rates = [n for n, name in enumerate(state.names) if "__rate" in name and "d" in name.rsplit("_", 1)[-1]]
        self._waiting: dict[str, _Waiting] = {}
        self._done: dict[str, None] = {}
        self.ends = ends and isinstance(layer, EtaLayer)
        self._bounds: list[tuple[float, int, str, int]] = []
        self._judged: dict[str, tuple[Floats, float]] = {}  # quantiles of the models, and when it ended

    def process(self, events: Iterable[Decision | Outcome | Ended]) -> list[tuple[str, Any]]:
        """Take a batch of events in their order; returns (entity, prediction) of its decisions.

        A prediction is a probability, or quantiles in seconds at 5, 10, 50, 90 and 95 %.
        """
        batch = list(events)
        matrix, decisions = self._read(batch)
        base = self._base(matrix)
        out: list[tuple[str, Any]] = []
        for number, event in enumerate(batch):
            if event.offset >= 0:
                self.offset = max(self.offset, event.offset)
            if isinstance(event, Ended):
                self._note_end(event)
            elif isinstance(event, Outcome):
                self._learn(event)
            elif (row := decisions.get(number)) is not None:
                out.append((event.entity, self._predict(event, base[row], matrix[row])))
        return out

    def _note_end(self, event: Ended) -> None:
        self._judge(event.at_s)
        known = self._judged.get(event.entity)
        if known is not None and np.isfinite(event.at_s):
            self._judged[event.entity] = (known[0], min(known[1], event.at_s))

    def _judge(self, now_s: float) -> None:
        """Bounds whose time has come: had the work ended by then, as far as was told?"""
        while self._bounds and self._bounds[0][0] < now_s:
            bound_s, _, entity, column = heapq.heappop(self._bounds)
            raw, ended_s = self._judged[entity]
            if isinstance(self.layer, EtaLayer):
                self.layer.judge(column, raw, ended_s <= bound_s)
            if column == LAST_BOUND:
                del self._judged[entity]

    def predict(self, rows: Sequence[Decision]) -> list[tuple[str, Any]]:
        """Predictions of decisions, noted as open work."""
        return self.process(rows)

    def learn(self, events: Sequence[Outcome]) -> None:
        """Take in outcomes."""
        self.process(events)

    def _read(self, batch: list[Decision | Outcome | Ended]) -> tuple[Floats, dict[int, int]]:
        """First pass: the state moves through the events, and each decision gets its row of the matrix."""
        rows: list[Floats] = []
        decisions: dict[int, int] = {}
        for number, event in enumerate(batch):
            if isinstance(event, Decision):
                if event.entity in self._waiting or event.entity in self._done or not np.isfinite(event.at_s):
                    self.counts.twice += 1
                    continue
                self.state.open(event.keys, event.at_s, event.load)
                row = np.empty(self.features + self._width)
                row[: self.features] = event.features
                self.state.features(event.keys, event.at_s, row[self.features :])
                decisions[number] = len(rows)
                rows.append(row)
                empty = np.empty(0)
                self._waiting[event.entity] = _Waiting(event.keys, event.at_s, event.load, empty, empty, empty, 0.0)
                continue
            if isinstance(event, Ended):
                continue
            waiting = self._waiting.get(event.entity)
            if waiting is None or not np.isfinite(event.label) or not np.isfinite(event.known_s):
                continue
            if event.entity not in self._done:
                self._done[event.entity] = None
                self.state.close(waiting.keys, waiting.load)
                # an outcome that claims to be older than its decision is as old as the decision
                self.state.learn(waiting.keys, [event.label], max(event.known_s, waiting.at_s))
        matrix = np.array(rows) if rows else np.empty((0, self.features + self._width))
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix, decisions

    def _base(self, matrix: Floats) -> Floats:
        if not len(matrix):
            return np.empty((0, len(self.boosters)))
        return np.column_stack([one.predict(matrix, num_threads=1) for one in self.boosters])

    def _predict(self, event: Decision, base: Floats, row: Floats) -> Any:
        waiting = self._waiting[event.entity]
        self.counts.scored += 1
        waiting.base = base
        if isinstance(self.layer, EtaLayer):
            waiting.base = np.maximum(np.sort(base), 0.0)
            if self.ends:
                self._judge(event.at_s)
            quantiles, waiting.memo = self.layer.predict(waiting.base)
            if self.ends:
                self._judged[event.entity] = (waiting.base, np.inf)
                for column in BOUNDS:  # the quantiles are in order, so the last bound passes last
                    heapq.heappush(
                        self._bounds, (event.at_s + float(quantiles[column]), self.counts.scored, event.entity, column)
                    )
            return quantiles
        rates = row[self.features :][self._rates]
        waiting.linear = np.where(np.isfinite(rates), rates, 0.0)[: self.layer.linear_count]
        waiting.said = np.empty(self.layer.slots)
        probability, waiting.raw = self.layer.predict(base, waiting.linear, event.at_s, waiting.said)
        return probability

    def _learn(self, event: Outcome) -> None:
        if not np.isfinite(event.label) or not np.isfinite(event.known_s):
            self.counts.unusable += 1
            return
        waiting = self._waiting.pop(event.entity, None)
        if waiting is None:
            if event.entity in self._done:
                self.counts.twice += 1
            else:
                self.counts.unknown += 1
            return
        self.counts.learned += 1
        if len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
        if isinstance(self.layer, EtaLayer):
            self.layer.learn(waiting.memo, waiting.base, event.label)
        else:
            self.layer.learn(waiting.said, waiting.linear, event.label, waiting.raw, event.known_s)

    def forget_unanswered(self, before_s: float) -> int:
        """Close decisions whose outcome never came; nothing is learned of them. Returns how many."""
        gone = [entity for entity, one in self._waiting.items() if one.at_s < before_s]
        for entity in gone:
            waiting = self._waiting.pop(entity)
            self._done[entity] = None
            self.state.close(waiting.keys, waiting.load)
        return len(gone)

    def save(self, path: Path) -> None:
        """Write everything but the boosters, with the offset of the last event, in one rename."""
        arrays = self.state.to_arrays()
        content = {
            "format": FORMAT,
            "version": self.version,
            "offset": self.offset,
            "names": self.state.names,
            "table": _packed(arrays["table"]),
            "values": arrays["values"],
            "layer": self.layer.state(),
            "waiting": [
                [entity, list(w.keys), w.at_s, w.load, _packed(w.base), _packed(w.said), _packed(w.linear), w.raw,
                 None if w.memo is None else [w.memo[0], _packed(w.memo[1])]]
                for entity, w in self._waiting.items()
            ],
            "done": list(self._done),
            "bounds": [list(one) for one in self._bounds],
            "judged": [[entity, _packed(raw), ended_s] for entity, (raw, ended_s) in self._judged.items()],
            "counts": [getattr(self.counts, name) for name in Counts.__slots__],
        }  # fmt: skip
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(gzip.compress(json.dumps(content, allow_nan=True).encode(), 3, mtime=0))
        draft.replace(path)

    def restore(self, path: Path) -> int:
        """Put back what ``save`` wrote; returns the offset after which events must be replayed.

        Raises:
            ModelError: the file is damaged, or of another format, model version or feature list: replay from the start.
        """
        try:
            content = json.loads(gzip.decompress(path.read_bytes()))
        except (OSError, EOFError, ValueError, gzip.BadGzipFile) as error:
            raise ModelError(f"{path} is not a scorer's state ({error}); replay the events from the start") from error
        for name, expected in (("format", FORMAT), ("version", self.version), ("names", self.state.names)):
            if content.get(name) != expected:
                raise ModelError(
                    f"{path} was written by another {name} ({content.get(name)!s:.60}); "
                    "replay the events from the start"
                )
        self.state.from_arrays({"table": _unpacked(content["table"]), "values": content["values"]})
        self.layer = type(self.layer).restored(content["layer"])
        self._waiting = {}
        for entity, keys, at_s, load, base, said, linear, raw, memo in content["waiting"]:
            kept = None if memo is None else (memo[0], _unpacked(memo[1]))
            self._waiting[entity] = _Waiting(
                tuple(keys), at_s, load, _unpacked(base), _unpacked(said), _unpacked(linear), raw, kept
            )
        self._done = dict.fromkeys(content["done"])
        self._bounds = [(float(at), int(n), str(entity), int(column)) for at, n, entity, column in content["bounds"]]
        self._judged = {entity: (_unpacked(raw), float(ended_s)) for entity, raw, ended_s in content["judged"]}
        self.counts = Counts(*content["counts"])
        self.offset = int(content["offset"])
        return self.offset


def _packed(array: Floats) -> list[Any]:
    """Shape and the bytes of an array: the same bits when they come back."""
    return [list(array.shape), base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode()]


def _unpacked(packed: list[Any]) -> Floats:
    return np.frombuffer(base64.b64decode(packed[1]), dtype="<f8").reshape(packed[0]).copy()


__all__ = ["Counts", "Decision", "Ended", "Outcome", "Scorer"]
