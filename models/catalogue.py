"""The signal catalogue: families of features, their freshness, and what a model loses without each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.metrics import log_loss, pr_auc
from models.protocol import CALENDAR, Floats, Spec, check_split, design, ordered, with_calendar
from models.state import as_entities, replay
from models.training import find_rounds, fit, parameters_for, slots_of

SHARE = 0.2


@dataclass
class Trial:
    """One split of the rows and the matrix of all features; fits on the past, scores the newest part."""

    matrix: Floats
    names: list[str]
    categories: int
    y: Floats
    past: npt.NDArray[np.bool_]
    binary: bool
    live: pd.DataFrame

    @classmethod
    def of(cls, rows: pd.DataFrame, spec: Spec, binary: bool, until: pd.Timestamp | None, later: bool = False) -> Trial:
        """``later``: score what is after ``until``; else only rows before it count and their newest fifth is scored."""
        if not binary and "milestone" in rows.columns:
            rows = rows[rows["milestone"] == rows["milestone"].iloc[-1]]
        rows = with_calendar(ordered(rows), spec.timezone)
        if until is not None and not later:
            rows = rows[rows["decision_time"] <= until].reset_index(drop=True)
        live = replay(rows, spec.entities, outcomes=("label", *spec.outcomes), load=spec.load,
                      half_lives_days=spec.half_lives_days)  # fmt: skip
        numbers = [*spec.numbers, *CALENDAR]
        plain = design(rows, numbers, spec.categories)
        cut = plain.shape[1] - len(spec.categories)
        matrix = np.column_stack([plain[:, :cut], live.to_numpy(float), plain[:, cut:]])
        if later and until is not None:
            past = (rows["decision_time"] <= until).to_numpy()
        else:
            past = np.arange(len(rows)) < len(rows) * (1 - SHARE)
        check_split(rows, ~past, until)
        return cls(
            matrix, [*numbers, *live.columns, *spec.categories], len(spec.categories), rows["label"].to_numpy(float),
            past, binary, live,
        )  # fmt: skip

    def predict(self, without: set[str], tuned: dict[str, Any]) -> Floats:
        """Predictions of the scored rows by a model that does not see ``without``."""
        keep = [n for n, name in enumerate(self.names) if name not in without]
        first = len(self.names) - self.categories
        matrix = self.matrix[:, keep]
        categories = sum(1 for n in keep if n >= first)
        slots = slots_of(len(keep) - categories, categories)
        parameters = self._parameters() | tuned
        x, y = matrix[self.past], self.y[self.past]
        model = fit(x, y, slots, parameters, find_rounds(x, y, slots, parameters))
        return np.asarray(model.predict(matrix[~self.past], num_threads=1))

    def _parameters(self) -> dict[str, Any]:
        count = int(self.past.sum())
        return parameters_for("binary" if self.binary else "quantile", count, None if self.binary else 0.5)

    def defaults(self, names: Sequence[str]) -> dict[str, Any]:
        """Parameters that are used where nothing was tuned."""
        used = self._parameters()
        return {name: used[name] for name in names}

    def loss(self, tuned: dict[str, Any]) -> float:
        """Log loss, or mean absolute error in seconds."""
        y, p = self.y[~self.past], self.predict(set(), tuned)
        return log_loss(y, p) if self.binary else float(np.abs(y - p).mean())


def catalogue(rows: pd.DataFrame, spec: Spec, binary: bool, until: pd.Timestamp | None) -> list[dict[str, Any]]:
    """One row a family: features, freshness, and the scores of a model that has all families but this one."""
    trial = Trial.of(rows, spec, binary, until, later=until is not None)
    y = trial.y[~trial.past]

    def scores(without: set[str]) -> dict[str, float | None]:
        p = trial.predict(without, {})
        if not binary:
            return {"mae_s": float(np.abs(y - p).mean())}
        return {"pr_auc": pr_auc(y, p), "log_loss": log_loss(y, p)}

    everything = scores(set())
    families: dict[str, tuple[list[str], str]] = {
        "order": ([*spec.numbers, *spec.categories], "with the order"),
        "calendar": (list(CALENDAR), "at the decision"),
    }
    for entity in as_entities(spec.entities):
        names = [name for name in trial.live.columns if name.startswith(f"{entity.name}__")]
        age = trial.live[f"{entity.name}__days_since"][~trial.past]
        fresh = "no outcome" if age.isna().all() else f"newest outcome {age.median():.1f} days old (median)"
        families[f"history of {entity.name}"] = (names, fresh)
    out: list[dict[str, Any]] = [{"family": "everything", "features": len(trial.names), "fresh": "", **everything}]
    out[0] |= {f"cost_in_{key}": None for key in everything}
    for family, (names, fresh) in families.items():
        found = scores(set(names))
        cost = {
            f"cost_in_{key}": None if found[key] is None or value is None else float(found[key]) - float(value)  # type: ignore[arg-type]
            for key, value in everything.items()
        }
        out.append({"family": f"without {family}", "features": len(names), "fresh": fresh, **found, **cost})
    return out
