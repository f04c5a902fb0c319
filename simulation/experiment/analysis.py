"""From the days of all arms to effects with intervals: one KPI, both scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from simulation.experiment import effects
from simulation.experiment.arms import ALL, DRIVERS, SETS
from simulation.experiment.resampling import DRAWS, as_rows, day_weights, estimates, holm, ratios

Floats = npt.NDArray[np.float64]
SCALES: tuple[effects.Scale, ...] = ("absolute", "log")
PAIR_NAMES = [f"{DRIVERS[i]} x {DRIVERS[j]}" for i, j in effects.PAIRS]


@dataclass(frozen=True)
class Panel:
    """A KPI of every arm, world and day, as numerator and denominator (arms x seeds x days); arm 32 may be missing."""

    name: str
    better: Literal["lower", "higher"]
    numerator: Floats
    denominator: Floats

    @property
    def seeds(self) -> int:
        return int(self.numerator.shape[1])


def analyse(panel: Panel, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Everything the experiment reports of one KPI, as plain numbers.

    ``all_minus_none`` is v(all): positive where all five drivers are better than none, whatever the KPI's direction.
    """
    shape = panel.numerator.shape
    weights = day_weights(shape[1], shape[2], draws, seed)
    kpi = ratios(panel.numerator, panel.denominator)
    drawn = ratios(panel.numerator, panel.denominator, weights)
    out: dict[str, Any] = {
        "kpi": panel.name,
        "better": panel.better,
        "arms": as_rows([str(number) for number in range(len(kpi))], estimates(lambda x: x, kpi, drawn, panel.seeds)),
    }
    for scale in SCALES:
        out[scale] = _on(scale, panel, kpi, drawn)
    return out


def _on(scale: effects.Scale, panel: Panel, kpi: Floats, drawn: Floats) -> dict[str, Any]:
    def value(x: Floats) -> Floats:
        return effects.improvement(x[..., :SETS], panel.better, scale)

    def of(name: str, labels: Sequence[str]) -> list[dict[str, Any]]:
        found = estimates(lambda x: effects.effect(name, value(x)), kpi, drawn, panel.seeds)
        return as_rows(list(labels), found)

    out: dict[str, Any] = {
        "all_minus_none": estimates(lambda x: value(x)[..., ALL], kpi, drawn, panel.seeds)[0].as_dict(),
        "S": estimates(lambda x: effects.super_additivity(value(x)), kpi, drawn, panel.seeds)[0].as_dict(),
        **{name: of(name, DRIVERS) for name in ("alone", "last", "factorial", "shapley")},
        **{name: of(name, PAIR_NAMES) for name in ("pairs", "factorial_pairs")},
    }
    for name in ("pairs", "factorial_pairs"):
        for row, p in zip(out[name], holm([row["p"] for row in out[name]]), strict=True):
            row["p_holm"] = p
    if len(kpi) > SETS:
        # the value of shared predictions: all five integrated against the same five side by side
        def integration(x: Floats) -> Floats:
            return effects.improvement(x[..., [SETS, ALL]], panel.better, scale)[..., 1]

        out["integrated_minus_unintegrated"] = estimates(integration, kpi, drawn, panel.seeds)[0].as_dict()
    return out


def difference(panel: Panel, first: int, second: int, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """KPI of arm ``first`` minus that of arm ``second`` (no sign by direction), with its interval."""
    shape = panel.numerator.shape
    weights = day_weights(shape[1], shape[2], draws, seed)
    pick = [first, second]
    kpi = ratios(panel.numerator[pick], panel.denominator[pick])
    drawn = ratios(panel.numerator[pick], panel.denominator[pick], weights)
    return estimates(lambda x: x[..., 0] - x[..., 1], kpi, drawn, shape[1])[0].as_dict()


def panel_from(name: str, better: Literal["lower", "higher"], top: Any, bottom: Any) -> Panel:
    """A panel from nested lists or arrays of arms x seeds x days."""
    return Panel(name, better, np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64))
