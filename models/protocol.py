"""What an evaluation is about: the rows, their clocks, and the matrix that every arm reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.errors import InputError
from models.state import HALF_LIVES_DAYS, Entity

Floats = npt.NDArray[np.float64]
CALENDAR = ("weekday", "hour")


@dataclass(frozen=True, slots=True)
class Spec:
    """A prediction task on rows: features, whose history counts, what else is learned, how results are cut.

    ``outcomes`` beside the label are learned by the entities when they are known; ``segments`` and ``cluster`` name
    columns for coverage by group and for the bootstrap; ``plan`` is a column with the planned duration in
    seconds, ``scale`` one with what its residual is measured in, ``load`` one with the size of an order.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...] = ()
    entities: tuple[str | Entity, ...] = ()
    outcomes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    timezone: str = "UTC"
    plan: str | None = None
    scale: str | None = None
    load: str | None = None
    cold_start: str | None = None
    half_lives_days: tuple[float, ...] = HALF_LIVES_DAYS
    recency_days: float = 180.0
    refit_days: int = 7
    known_at: dict[str, pd.Series] = field(default_factory=dict)

    def without_history(self) -> Spec:
        """The same task without entities."""
        return replace(self, entities=(), outcomes=())


def with_calendar(rows: pd.DataFrame, timezone: str = "UTC") -> pd.DataFrame:
    """Local weekday and hour of the decision; never a running index of time, which would be a trend, not a feature."""
    moment = pd.to_datetime(rows["decision_time"], utc=True).dt.tz_convert(timezone)
    return rows.assign(weekday=moment.dt.day_of_week, hour=moment.dt.hour + moment.dt.minute / 60.0)


def ordered(rows: pd.DataFrame, label: str = "label") -> pd.DataFrame:
    """Rows with a decision time and a finite label, oldest decision first."""
    y = pd.to_numeric(rows[label], errors="coerce").to_numpy(float, na_value=np.nan)
    keep = np.isfinite(y) & rows["decision_time"].notna().to_numpy()
    rows = rows[keep].assign(**{label: y[keep]})
    return rows.sort_values("decision_time", kind="stable", ignore_index=True)


def design(rows: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str]) -> Floats:
    """The matrix of all rows: numbers, then categories as codes in order of appearance; infinities are missing."""
    columns = []
    for name in numbers:
        if rows[name].dtype == bool:
            columns.append(rows[name].to_numpy(float))
        else:
            columns.append(pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    for name in categories:
        codes, values = pd.factorize(rows[name].astype("object").where(rows[name].notna()).map(_text))
        if len(values) > MOST_LEVELS:  # the rare ones share no code: they are missing
            counts = np.bincount(codes[codes >= 0], minlength=len(values))
            common = np.zeros(len(values), bool)
            common[np.argsort(-counts, kind="stable")[:MOST_LEVELS]] = True
            codes = np.where((codes >= 0) & common[codes], codes, -1)
        columns.append(np.where(codes < 0, np.nan, codes.astype(float)))
    matrix = np.column_stack(columns) if columns else np.empty((len(rows), 0))
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def joined(rows: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.object_]:
    """One text a row of several columns; what is missing is empty (a rider who is not known yet).

    >>> joined(pd.DataFrame({"rider": ["r1", None], "day": [1, 2]}), ["rider", "day"]).tolist()
    ['r1|1', '|2']
    """
    parts = [["" if pd.isna(one) else str(one) for one in rows[name]] for name in columns]
    return np.array(["|".join(one) for one in zip(*parts, strict=True)], dtype=object)


MOST_LEVELS = 500


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]


def check_split(rows: pd.DataFrame, test: npt.NDArray[np.bool_], until: pd.Timestamp | None) -> None:
    """Refuse a split with nothing on one side.

    Raises:
        InputError: says which dates the data run over.
    """
    if test.any() and not test.all():
        return
    where = "the split" if until is None else f"{until.date()}"
    if rows.empty:
        raise InputError("there is no row with a label")
    raise InputError(
        f"there must be decisions before and after {where}; the data run from "
        f"{rows['decision_time'].min().date()} to {rows['decision_time'].max().date()}"
    )
