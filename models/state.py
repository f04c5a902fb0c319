"""State of entities: decayed counters of outcomes and of open work; one class to replay history and to score live.

Both doors run the same compiled kernels on the same table, so a feature of the batch equals the live one bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import InputError

DAY_S = 86_400.0
HALF_LIVES_DAYS = (7.0, 30.0, 120.0)
PRIOR_WEIGHT = 4.0
"""Observations that the parent's rate counts for in the rate of an entity."""

ALL, NOBODY = 0, 1
"""Rows of the table: the sum over everything, and the row of an entity that was never seen (never written)."""
UPDATED, OPENED, OPEN, OPENS, LOAD, FIRST = 0, 1, 2, 3, 4, 5
"""Columns of the table: time of the newest outcome, time of the newest open, open work, decayed opens, load of the
open work, first block."""

END, LEARN, BEGIN, ASK, LATE_END, LATE_LEARN = 0, 1, 2, 3, 4, 5
"""Kinds of events in the order they are taken in at one moment; the late ones claim to be as old as their decision."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Entity:
    """Whose history counts: the columns that name it, and the entity its rates shrink to (``None``: everything)."""

    name: str
    columns: tuple[str, ...]
    parent: str | None = None


def as_entities(names: Sequence[str | Entity]) -> tuple[Entity, ...]:
    """Entities from columns (``a`` or ``a*b`` for a pair, ``a*b>a`` with its parent) or entities.

    Raises:
        InputError: a parent that is not declared before its child.
    """
    out: list[Entity] = []
    for name in names:
        one = name
        if isinstance(one, str):
            path, _, parent = one.partition(">")
            one = Entity(path, tuple(path.split("*")), parent or None)
        if one.parent is not None and one.parent not in {e.name for e in out}:
            raise InputError(f"entity {one.name!r} names the parent {one.parent!r}, which must be declared before it")
        out.append(one)
    return tuple(out)


@numba.njit(cache=True)
def _close(table: Floats, rows: Ints, load: float) -> None:
    """Work has ended; what came of it may be learned later."""
    for number in range(len(rows)):
        one = table[rows[number]]
        if rows[number] != NOBODY and one[OPEN] > 0.0:
            one[OPEN] -= 1.0
            one[LOAD] = one[LOAD] - load if one[OPEN] > 0.0 else 0.0


@numba.njit(cache=True)
def _learn(table: Floats, rows: Ints, outcomes: Floats, at_s: float, halves: Floats) -> None:
    """Take in outcomes of the entities; a late one gets the weight it would have had by now."""
    width = 3 + 2 * len(halves)
    for number in range(len(rows)):
        row = rows[number]
        if row == NOBODY:
            continue
        one = table[row]
        newer = at_s >= one[UPDATED]
        gap = abs(at_s - one[UPDATED]) / DAY_S
        for h in range(len(halves)):
            fade = 0.5 ** (gap / halves[h])
            for k in range(len(outcomes)):
                place = FIRST + k * width + 3 + 2 * h
                weight = 1.0
                if newer:
                    one[place] *= fade
                    one[place + 1] *= fade
                else:
                    weight = fade
                if not np.isnan(outcomes[k]):
                    one[place] += weight
                    one[place + 1] += weight * outcomes[k]
        for k in range(len(outcomes)):
            if not np.isnan(outcomes[k]):
                place = FIRST + k * width
                one[place] += 1.0
                one[place + 1] += outcomes[k]
                if newer:
                    one[place + 2] = outcomes[k]
        if newer:
            one[UPDATED] = at_s


@numba.njit(cache=True)
def _open(table: Floats, rows: Ints, at_s: float, half_days: float, load: float) -> None:
    """Note work that has begun and whose outcome is not known yet."""
    for number in range(len(rows)):
        row = rows[number]
        if row == NOBODY:
            continue
        one = table[row]
        one[OPEN] += 1.0
        one[LOAD] += load
        gap = abs(at_s - one[OPENED]) / DAY_S
        fade = 0.5 ** (gap / half_days)
        if at_s >= one[OPENED]:
            one[OPENS] = one[OPENS] * fade + 1.0
            one[OPENED] = at_s
        else:
            one[OPENS] += fade


@numba.njit(cache=True)
def _features(
    table: Floats, rows: Ints, parents: Ints, outcomes: int, at_s: float, halves: Floats, weight: float, out: Floats
) -> None:
    """Write the features of the entities at a moment; ``rows[-1]`` is the row of everything."""
    count = len(halves)
    width = 3 + 2 * count
    entities = len(rows) - 1
    rates = np.empty((entities + 1, outcomes, count + 1))
    position = 0
    for step in range(entities + 1):
        e = entities if step == 0 else step - 1
        one = table[rows[e]]
        age = max(0.0, at_s - one[UPDATED]) / DAY_S
        up = parents[e] if step > 0 else -1
        for k in range(outcomes):
            place = FIRST + k * width
            for h in range(count + 1):
                if h == count:
                    n, s = one[place], one[place + 1]
                else:
                    fade = 0.5 ** (age / halves[h])
                    n, s = one[place + 3 + 2 * h] * fade, one[place + 4 + 2 * h] * fade
                if step == 0:
                    rates[e, k, h] = s / n if n > 0.0 else np.nan
                else:
                    prior = rates[up, k, h]
                    # nothing known above: the entity's own mean, or nothing
                    if np.isnan(prior):
                        rates[e, k, h] = s / n if n > 0.0 else np.nan
                    else:
                        rates[e, k, h] = (s + weight * prior) / (n + weight)
        if step == 0:
            continue
        since = (at_s - one[OPENED]) / DAY_S
        out[position] = one[FIRST]
        out[position + 1] = one[OPEN]
        out[position + 2] = age if np.isfinite(age) else np.nan
        out[position + 3] = one[OPENS] * 0.5 ** (max(0.0, since) / halves[0]) if np.isfinite(since) else 0.0
        out[position + 4] = one[LOAD]
        position += 5
        for h in range(count):
            out[position + h] = one[FIRST + 3 + 2 * h] * 0.5 ** (age / halves[h])
        position += count
        for k in range(outcomes):
            place = FIRST + k * width
            for h in range(count + 1):
                out[position + h] = rates[e, k, h]
            out[position + count + 1] = one[place + 2] if one[place] > 0.0 else np.nan
            position += count + 2


@numba.njit(cache=True)
def _replay(
    table: Floats,
    rows: Ints,
    parents: Ints,
    outcomes: Floats,
    loads: Floats,
    kinds: Ints,
    who: Ints,
    times: Floats,
    halves: Floats,
    weight: float,
    limit_s: float,
    out: Floats,
) -> None:
    for number in range(len(who)):
        index, at_s = who[number], times[number]
        kind = kinds[number]
        if kind == ASK:
            _features(table, rows[index], parents, outcomes.shape[1], min(at_s, limit_s), halves, weight, out[index])
        elif at_s > limit_s:
            continue
        elif kind == BEGIN:
            _open(table, rows[index], at_s, halves[0], loads[index])
        elif kind in (END, LATE_END):
            _close(table, rows[index], loads[index])
        else:
            _learn(table, rows[index], outcomes[index], at_s, halves)


class EntityState:
    """Counts, decayed rates shrunk to the parent, open work and the last outcome of every entity.

    ``open`` notes that work began, ``learn`` takes its outcomes when they become known, ``features`` asks at a
    decision. Times are seconds since an epoch. ``outcomes`` names what is learned of each (the label first); a NaN
    outcome is passed over. An outcome that comes late is weighted as if it had come in time.

    >>> state = EntityState(["customer_id"])
    >>> state.learn(("anna",), [1.0], 0.0)
    >>> dict(zip(state.names, state.features(("anna",), 0.0)))["customer_id__count"]
    1.0
    """

    def __init__(
        self,
        entities: Sequence[str | Entity],
        outcomes: Sequence[str] = ("label",),
        half_lives_days: Sequence[float] = HALF_LIVES_DAYS,
        prior_weight: float = PRIOR_WEIGHT,
    ) -> None:
        self.entities = as_entities(entities)
        self.outcomes = tuple(outcomes)
        self.half_lives_days = tuple(float(one) for one in half_lives_days)
        self.prior_weight = float(prior_weight)
        self._halves = np.array(self.half_lives_days)
        names = [one.name for one in self.entities]
        self._parents = np.array(
            [len(names) if one.parent is None else names.index(one.parent) for one in self.entities], dtype=np.int64
        )
        self._codes: list[dict[Any, int]] = [{} for _ in self.entities]
        self._table = self._empty(64)
        self._used = 2
        self._rows = np.empty(len(self.entities) + 1, dtype=np.int64)
        self._rows[-1] = ALL

    def _empty(self, size: int) -> Floats:
        table = np.zeros((size, FIRST + len(self.outcomes) * (3 + 2 * len(self._halves))))
        table[:, [UPDATED, OPENED]] = -np.inf
        return table

    @property
    def names(self) -> list[str]:
        """Names of the features, in the order ``features`` gives them."""
        halves = [f"{half:g}d" for half in self.half_lives_days]
        per = ["count", "open", "days_since", "opens", "load", *(f"weight_{half}" for half in halves)]
        for outcome in self.outcomes:
            stem = "" if outcome == self.outcomes[0] else f"{outcome}_"
            per += [*(f"{stem}rate_{half}" for half in halves), f"{stem}rate", f"{stem}last"]
        return [f"{entity.name}__{one}" for entity in self.entities for one in per]

    def _find(self, values: Sequence[Any], add: bool) -> Ints:
        for number, value in enumerate(values):
            if value is None or (isinstance(value, float) and math.isnan(value)):
                self._rows[number] = NOBODY
                continue
            code = self._codes[number].get(value)
            if code is None:
                if not add:
                    self._rows[number] = NOBODY
                    continue
                code = self._add(number, value)
            self._rows[number] = code
        return self._rows

    def _add(self, number: int, value: Any) -> int:
        if self._used == len(self._table):
            self._table = np.vstack([self._table, self._empty(self._used)])
        self._codes[number][value] = self._used
        self._used += 1
        return self._used - 1

    def note(self, number: int, value: Any) -> None:
        """Know an entity (the ``number``-th kind) by name without having learned anything of it."""
        if value not in self._codes[number]:
            self._add(number, value)

    def features(self, values: Sequence[Any], at_s: float, out: Floats | None = None) -> Floats:
        """What is known of the entities at ``at_s``; nothing is changed. Unseen ones have their parent's rates."""
        if out is None:
            out = np.empty(len(self.names))
        rows = self._find(values, add=False)
        _features(self._table, rows, self._parents, len(self.outcomes), at_s, self._halves, self.prior_weight, out)
        return out

    def open(self, values: Sequence[Any], at_s: float, load: float = 0.0) -> None:
        """Note that work (of some ``load``) on these entities has begun."""
        rows = self._find(values, add=True)
        _open(self._table, rows, at_s, self._halves[0], load if np.isfinite(load) else 0.0)

    def close(self, values: Sequence[Any], load: float = 0.0) -> None:
        """Note that work on these entities has ended, whether or not its outcome may be learned yet."""
        _close(self._table, self._find(values, add=False), load if np.isfinite(load) else 0.0)

    def learn(self, values: Sequence[Any], outcomes: Sequence[float], known_s: float) -> None:
        """Take in outcomes of the entities."""
        found = np.asarray(outcomes, dtype=float)
        found = np.where(np.isfinite(found), found, np.nan)
        if np.isnan(found).all() or not np.isfinite(known_s):
            return
        rows = self._find(values, add=True)
        _learn(self._table, rows, found, known_s, self._halves)

    def to_arrays(self) -> dict[str, Any]:
        """The whole state: the table and, per entity, its values in the order of their rows (texts only)."""
        return {
            "table": self._table[: self._used].copy(),
            "values": [[[str(value), code] for value, code in codes.items()] for codes in self._codes],
        }

    def from_arrays(self, arrays: dict[str, Any]) -> None:
        """Put back what ``to_arrays`` gave."""
        table = np.asarray(arrays["table"], dtype=float)
        self._table, self._used = table.copy(), len(table)
        self._codes = [{value: int(code) for value, code in pairs} for pairs in arrays["values"]]


def seconds(times: pd.Series) -> Floats:
    """Seconds since 1970 of moments; NaN where missing."""
    moments = pd.to_datetime(times, utc=True)
    return np.asarray((moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=float)


def entity_values(rows: pd.DataFrame, entities: Sequence[str | Entity]) -> list[npt.NDArray[Any]]:
    """Per entity the value of every row as text; None where a column of it is missing.

    Raises:
        InputError: a column is not in the rows.
    """
    out = []
    for entity in as_entities(entities):
        if missing := [name for name in entity.columns if name not in rows.columns]:
            raise InputError(f"entity {entity.name!r}: the rows have no column {missing[0]!r}")
        known = rows[list(entity.columns)].notna().all(axis=1).to_numpy()
        text = rows[entity.columns[0]].astype(str)
        for name in entity.columns[1:]:
            text = text + "|" + rows[name].astype(str)
        values = text.to_numpy(object).copy()
        values[~known] = None
        out.append(values)
    return out


def replay(
    rows: pd.DataFrame,
    entities: Sequence[str | Entity],
    *,
    outcomes: Sequence[str] = ("label",),
    load: str | None = None,
    freeze_after: pd.Timestamp | None = None,
    half_lives_days: Sequence[float] = HALF_LIVES_DAYS,
    prior_weight: float = PRIOR_WEIGHT,
) -> pd.DataFrame:
    """Features of every row at its ``decision_time``, from labels with ``label_time`` up to then and no later.

    ``rows`` needs decision_time, label_time, the outcomes and the entity columns; ``ended_time`` (else label_time) is
    when work stops counting as open, and ``load`` names how much it is. Work decided at the same moment is seen as
    open; an outcome never counts for its own decision, whatever the clocks say. ``freeze_after`` keeps the state as it
    was at that moment: the frozen arm of an experiment.
    """
    state = EntityState(entities, outcomes, half_lives_days, prior_weight)
    if not state.entities or rows.empty:
        return pd.DataFrame(index=rows.index)
    codes = np.full((len(rows), len(state.entities) + 1), ALL, dtype=np.int64)
    offset = 2
    for number, texts in enumerate(entity_values(rows, state.entities)):
        found, uniques = pd.factorize(texts)
        codes[:, number] = np.where(found < 0, NOBODY, found + offset)
        offset += len(uniques)
    values = rows[list(state.outcomes)].to_numpy(float, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    ended = rows["ended_time"] if "ended_time" in rows.columns else rows["label_time"]
    kinds, who, times = timeline(seconds(rows["decision_time"]), seconds(rows["label_time"]), seconds(ended))
    learns = (kinds == LEARN) | (kinds == LATE_LEARN)
    keep = ~learns | ~np.isnan(values).all(axis=1)[who]
    loads = np.zeros(len(rows)) if load is None else rows[load].to_numpy(float, na_value=np.nan)
    loads = np.where(np.isfinite(loads), loads, 0.0)
    limit_s = np.inf if freeze_after is None else float(seconds(pd.Series([freeze_after]))[0])
    out = np.empty((len(rows), len(state.names)))
    _replay(
        state._empty(offset), codes, state._parents, values, loads, kinds[keep], who[keep], times[keep],
        state._halves, state.prior_weight, limit_s, out,
    )  # fmt: skip
    return pd.DataFrame(out, index=rows.index, columns=state.names)


def timeline(decision_s: Floats, known_s: Floats, ended_s: Floats | None = None) -> tuple[Ints, Ints, Floats]:
    """Events in the order they are taken in: kinds, rows and times.

    At one moment: work that ends, outcomes, work that begins, questions, then what claims to be known at (or before)
    the moment of its own decision. What is never known does not appear; a row without a decision time is left out.
    """
    index = np.arange(len(decision_s), dtype=np.int64)
    parts = []
    for moments, normal, late in (
        (known_s if ended_s is None else ended_s, END, LATE_END),
        (known_s, LEARN, LATE_LEARN),
    ):
        at = np.maximum(np.where(np.isfinite(moments), moments, np.inf), decision_s)
        parts.append((np.where(at > decision_s, normal, late), at))
    parts += [(np.full(len(index), BEGIN), decision_s), (np.full(len(index), ASK), decision_s)]
    kinds = np.concatenate([kind for kind, _ in parts]).astype(np.int64)
    times = np.concatenate([at for _, at in parts])
    who = np.tile(index, len(parts))
    order = np.lexsort((who, kinds, times))
    order = order[np.isfinite(times[order]) & np.isfinite(decision_s[who[order]])]
    return kinds[order], who[order], times[order]
