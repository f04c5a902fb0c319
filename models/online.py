"""One online layer on top of the batch models: corrections, mixture and recalibration, learned label by label.

``predict`` changes nothing that a label decides; ``learn`` is called once a label has matured. The whole state is plain
numbers, so that a crash replays to the same bits.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.experts import BASE, EDGE, FIRST, FixedShare, OnlineLogit, logit, offset, recalibrate
from models.state import DAY_S

Floats = npt.NDArray[np.float64]
EXTRA = ("online_corrected", "online_linear")
RECENT = 20_000
RECENT_DAYS = 90.0
"""Matured labels that the recalibration looks at: at most so many, of the last days; a window of a few is noise."""
FEWEST_RECENT = 1_000
"""Fewer recent labels than this say nothing of calibration that the models' own rows do not say better."""
OFFSET_WEIGHT = 4_000.0
"""Rows that hold the recalibration where it is."""
MOST_DELAY_DAYS, DELAY_RATE = 10.0, 0.005
"""Labels that take longer than this (a running mean) say nothing of today's calibration: the raw mixture is kept."""
MOST_HARM, HARM_DECAY = 3.0, 0.9995
"""Nats by which the recalibration may have lost to the raw mixture of late before it is left out: where labels take
weeks, it corrects the drift of weeks ago."""
CORRECTION_RATE, LINEAR_RATE = 0.003, 0.01
FEW_FIRST = 0.9
"""Weight of the champion to begin with, and to return to, where rows are few: their labels are too few to tell experts
apart, and what the weaker ones say by then costs loss and ranking."""
MIX_RATE, MIX_SHARE = 0.05, 2e-4
"""Labels of a day hang together, so a small rate: at 1 the mixture jumps from expert to expert and loses to all."""


class OnlineLayer:
    """Experts in, one calibrated probability out.

    ``names``: the batch experts, the champion first; ``online_corrected`` (a linear correction of the champion's log
    odds by what the others say) and ``online_linear`` are made here. Without ``extra`` they are learned but not
    mixed in: where labels take weeks, both follow drift in opposite phase. ``first_weight``: the champion's weight to
    begin with (``FEW_FIRST`` where rows are few).
    """

    def __init__(
        self, names: Sequence[str], linear: int, mean: float, extra: bool = True, first_weight: float = FIRST
    ) -> None:
        self.names, self.extra, self.first_weight = tuple(names), extra, first_weight
        self.experts = (*self.names, *EXTRA)
        self.start = logit(min(max(mean, 0.005), 0.995))
        self.corrected, self.linear = OnlineLogit(CORRECTION_RATE), OnlineLogit(LINEAR_RATE)
        self.mixture = FixedShare(
            self.experts, rate=MIX_RATE, share=MIX_SHARE, first=self.names[0], first_weight=first_weight
        )
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=RECENT)
        self._line = (1.0, 0.0)
        self._night = -np.inf
        self._harm, self._delay_s = 0.0, 0.0
        self._keys = [f"x{number}" for number in range(linear)]

    @property
    def slots(self) -> int:
        """Length of ``said``: every expert, the recalibrated mixture, and when it was said."""
        return len(self.experts) + 2

    @property
    def linear_count(self) -> int:
        """How many numbers the online linear model reads."""
        return len(self._keys)

    def _inputs(self, p: Floats) -> dict[str, float]:
        base = logit(float(p[0]))
        out = {BASE: base}
        for name, value in zip(self.names[1:], p[1:].tolist(), strict=True):
            out[name] = 0.0 if math.isnan(value) else logit(value) - base
        return out

    def _linear_inputs(self, x: Floats) -> dict[str, float]:
        return {BASE: self.start, **dict(zip(self._keys, x.tolist(), strict=True))}

    def predict(self, p: Floats, x: Floats, now_s: float, said: Floats) -> tuple[float, float]:
        """Calibrated probability and raw mixture; ``said`` receives what every expert said (for ``learn``)."""
        if now_s >= self._night + DAY_S:
            self._recalibrate()
            self._night = now_s
        said[: len(p)] = p
        said[-4] = self.corrected.predict(self._inputs(p))
        said[-3] = self.linear.predict(self._linear_inputs(x))
        raw = self.mixture.pool(self._mixed(said[:-2]))
        slope, intercept = self._line
        said[-1] = now_s
        said[-2] = calibrated = float(recalibrate(np.array([raw]), slope, intercept)[0])
        late = self._delay_s > MOST_DELAY_DAYS * DAY_S
        return (raw if late or self._harm > MOST_HARM else calibrated), raw

    def _mixed(self, values: Floats) -> Floats:
        """What of the experts counts in the mixture."""
        return values if self.extra else np.append(values[: -len(EXTRA)], [np.nan] * len(EXTRA))

    def learn(self, said: Floats, x: Floats, outcome: float, raw: float, now_s: float) -> None:
        """Take in a matured label of a row; a row that was not scored teaches only the linear model."""
        self.linear.learn(self._linear_inputs(x), outcome)
        if not np.isfinite(said[0]):
            return
        self.corrected.learn(self._inputs(said[: len(self.names)]), outcome)
        self._delay_s += DELAY_RATE * (max(0.0, now_s - float(said[-1])) - self._delay_s)
        p = np.clip(said[:-1], EDGE, 1 - EDGE)
        losses = -(outcome * np.log(p) + (1 - outcome) * np.log(1 - p))
        self.mixture.learn(self._mixed(losses[:-1]))
        kept = min(max(raw, EDGE), 1 - EDGE)
        self._harm = self._harm * HARM_DECAY + float(losses[-1]) + math.log(kept if outcome > 0.5 else 1 - kept)
        self._recent.append((now_s, raw, outcome))

    def _recalibrate(self) -> None:
        recent = np.array(self._recent).reshape(-1, 3)
        if len(recent):
            recent = recent[recent[:, 0] >= recent[-1, 0] - RECENT_DAYS * DAY_S]
        if len(recent) >= FEWEST_RECENT:
            self._line = (1.0, offset(recent[:, 1], recent[:, 2], OFFSET_WEIGHT))

    def state(self) -> dict[str, Any]:
        """Everything as plain numbers and texts."""
        return {
            "names": list(self.names),
            "extra": self.extra,
            "first_weight": self.first_weight,
            "start": self.start,
            "linear_inputs": len(self._keys),
            "corrected": self.corrected.state(),
            "linear": self.linear.state(),
            "mixture": self.mixture.state(),
            "recent": [list(one) for one in self._recent],
            "line": list(self._line),
            "harm": self._harm,
            "delay_s": self._delay_s,
            "night": None if self._night == -np.inf else self._night,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> OnlineLayer:
        """A layer from what ``state`` gave."""
        first_weight = float(state.get("first_weight", FIRST))
        layer = cls(state["names"], int(state["linear_inputs"]), 0.5, bool(state["extra"]), first_weight)
        layer.start = float(state["start"])
        layer.corrected.restore(state["corrected"])
        layer.linear.restore(state["linear"])
        layer.mixture.restore(state["mixture"])
        layer._recent.extend((float(t), float(p), float(y)) for t, p, y in state["recent"])
        layer._line = (float(state["line"][0]), float(state["line"][1]))
        layer._harm, layer._delay_s = float(state["harm"]), float(state["delay_s"])
        layer._night = -np.inf if state["night"] is None else float(state["night"])
        return layer


def linear_inputs(live: pd.DataFrame, past: npt.NDArray[np.bool_]) -> Floats:
    """Rates of the state as log odds around their mean over ``past`` rows, scaled and clipped; missing is 0."""
    names = [name for name in live.columns if "rate" in name.rsplit("__", 1)[-1]]
    if not names:
        return np.zeros((len(live), 0))
    x = live[names].to_numpy(float)
    bounded = np.nanmin(x, initial=0.0) >= 0.0
    x = np.where(np.isfinite(x), x, np.nan)
    if bounded:
        chance = np.nanmax(x, axis=0, initial=0.0) <= 1.0
        clipped = np.clip(x, EDGE, 1 - EDGE)
        x = np.where(chance, np.log(clipped / (1 - clipped)), x)
    known = x[past]
    counts = np.maximum(np.isfinite(known).sum(axis=0), 1)
    mean = np.nansum(known, axis=0) / counts
    spread = np.sqrt(np.nansum((known - mean) ** 2, axis=0) / counts)
    z = np.clip((x - mean) / np.where(spread > 1e-9, spread, 1.0), -3, 3)
    return np.where(np.isfinite(z), z, 0.0)
