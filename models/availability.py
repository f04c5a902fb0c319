"""What may be used at a decision: every feature says when it was known, and one known later is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from domain.errors import InputError

CANARY_AUC = 0.97
"""A single feature that tells the outcome this well is taken for a leak: no real signal of the field comes near."""
CANARY_ROWS = 200
"""With fewer known outcomes a single feature may tell them well by chance."""


def check_available(rows: pd.DataFrame, names: Sequence[str], known_at: Mapping[str, pd.Series] | None = None) -> None:
    """Refuse features that are not there, or (``known_at``) were only known after the decision.

    Raises:
        InputError: names the feature, and how many rows it would leak into.
    """
    for name in names:
        if name not in rows.columns:
            raise InputError(f"feature {name!r} is not in the rows; they have {', '.join(map(str, rows.columns[:30]))}")
        moments = (known_at or {}).get(name)
        if moments is None:
            continue
        later = (pd.to_datetime(moments, utc=True) > rows["decision_time"]) & rows[name].notna()
        if later.any():
            raise InputError(
                f"feature {name!r} is known only after the decision in {int(later.sum())} of {len(rows)} rows; "
                "it would leak the outcome"
            )


def check_canaries(rows: pd.DataFrame, names: Sequence[str], label: str = "label") -> None:
    """Refuse a feature that alone tells a 0/1 outcome (or nearly equals a duration): it was written after the fact.

    The second line of defence, for sources that say a column is known in time when it is not.

    Raises:
        InputError: names the feature and the rule.
    """
    from models.metrics import roc_auc

    y = pd.to_numeric(rows[label], errors="coerce").to_numpy(float)
    known = np.isfinite(y)
    binary = len(np.unique(y[known])) == 2
    for name in names:
        column = rows[name]
        x = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
        category = not np.isfinite(x).any()
        if category:
            x = _target_means(column, y)
        both = known & np.isfinite(x)
        if both.sum() < CANARY_ROWS:
            continue
        if binary:
            area = roc_auc(y[both], x[both])
            # a mean that leaves the row itself out is lower for a rare positive: only the right way round tells
            told = None if area is None else area if category else max(area, 1 - area)
            if told is not None and told > CANARY_AUC:
                raise InputError(
                    f"feature {name!r} alone tells the outcome (AUC {told:.3f}); it looks like a column "
                    "written after the fact. Leave it out, or say in the mapping when it is known (`available`)"
                )
        elif len(np.unique(x[both])) > 20 and abs(np.corrcoef(x[both], y[both])[0, 1]) > 0.995:
            raise InputError(
                f"feature {name!r} is the outcome itself (correlation above 0.995); it is known only afterwards"
            )


def planted_canary(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Plant a column written after the fact twice and say how each was refused: by its clock, and by what it tells.

    Raises:
        InputError: one was not refused; the scores cannot be trusted.
    """
    name = "planted_after_the_fact"
    planted = rows.assign(**{name: rows["label"]})
    told: dict[str, str] = {}
    checks: dict[str, Callable[[], None]] = {
        "known_at": lambda: check_available(planted, [*names, name], {name: rows["label_time"]}),
        "tells_the_outcome": lambda: check_canaries(planted, [name]),
    }
    for how, check in checks.items():
        try:
            check()
        except InputError as error:
            told[how] = f"refused: {error}"
            continue
        known = pd.to_datetime(rows["label_time"], utc=True) > rows["decision_time"]
        if (how == "known_at" and not known.any()) or rows["label"].nunique() < 2 or len(rows) < CANARY_ROWS:
            told[how] = "not tried: too little is known to tell"
            continue
        raise InputError(f"a column planted after the fact was not refused ({how}): do not trust these scores")
    return told


def _target_means(column: pd.Series, y: np.ndarray) -> np.ndarray:
    """Mean outcome of each value of a category, leaving the row itself out."""
    codes, values = pd.factorize(column)
    good = (codes >= 0) & np.isfinite(y)
    total = np.bincount(codes[good], weights=y[good], minlength=len(values))
    count = np.bincount(codes[good], minlength=len(values))
    out = np.full(len(y), np.nan)
    rest = np.maximum(count[codes[good]] - 1, 0)
    out[good] = np.where(rest > 4, (total[codes[good]] - y[good]) / np.maximum(rest, 1), np.nan)
    return out
