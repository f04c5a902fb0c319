"""What somebody who knew the truth could have done: the yardstick for a policy, for evaluation only.

The door oracle takes, for every stop, the cheapest single action whose counterfactual outcome is no failure. It cannot
change routes, hours or the weather, so it is a bound for interventions at the door, not for everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from domain.codes import FAILURE_REASONS
from domain.errors import InputError
from simulation.actions import DOOR_ACTIONS
from simulation.doors import OUTCOMES
from simulation.play import DayResult

FAILURES = frozenset(FAILURE_REASONS)
_FAILED = np.array([one in FAILURES for one in OUTCOMES])


@dataclass(frozen=True)
class DayScore:
    """Stops of a day: how many, how many failed, started late (after the window), and were driven to."""

    stops: int
    failed: int
    late: int
    visited: int


def day_score(played: DayResult) -> DayScore:
    """Counts of a played day, first attempts only."""
    log = played.log
    first = log.attempt == 1
    late = log.went & (log.start_s > played.setup.orders.window_end_s[log.order])
    return DayScore(
        stops=int(first.sum()),
        failed=int(_FAILED[log.code[first]].sum()),
        late=int(late[first].sum()),
        visited=int(log.went[first].sum()),
    )


@dataclass(frozen=True)
class OracleShare:
    """Failed first attempts without any door action, as it went, and with the best single action at each stop.

    ``share`` is how much of what the oracle could prevent was prevented: 1 as good as the oracle, 0 as good as doing
    nothing, below 0 worse; None where nothing could be prevented.
    """

    stops: int
    failed_without: int
    failed_actual: int
    failed_oracle: int
    share: float | None


def share_of_oracle(truth_orders: pd.DataFrame) -> OracleShare:
    """Compare what happened with doing nothing and with the oracle, from the frame ``orders`` of ``Truth``.

    Raises:
        InputError: the frame is not that of truth.
    """
    needed = ["truth_outcome", "truth_outcome_none", *(f"truth_outcome_{one}" for one in DOOR_ACTIONS)]
    missing = [name for name in needed if name not in truth_orders.columns]
    if missing:
        raise InputError(f"truth of orders: column {missing[0]!r} is missing")
    failed = {name: truth_orders[name].isin(FAILURES) for name in needed}
    best = failed["truth_outcome_none"].copy()
    for one in DOOR_ACTIONS:
        best &= failed[f"truth_outcome_{one}"]
    without, actual, oracle = (int(one.sum()) for one in (failed["truth_outcome_none"], failed["truth_outcome"], best))
    share = None if without == oracle else (without - actual) / (without - oracle)
    return OracleShare(len(truth_orders), without, actual, oracle, share)


def best_actions(truth_orders: pd.DataFrame, cost_minor: dict[str, int]) -> pd.Series:
    """The cheapest action that prevents each failure, None where nothing is wrong or nothing helps.

    ``cost_minor`` prices actions; those it does not name are not to be had.

    Raises:
        InputError: an action that does not exist.
    """
    for name in cost_minor:
        if name not in DOOR_ACTIONS:
            raise InputError(f"oracle: there is no door action {name!r}; there are {', '.join(DOOR_ACTIONS)}")
    chosen = pd.Series([None] * len(truth_orders), index=truth_orders.index, dtype=object)
    left = truth_orders["truth_outcome_none"].isin(FAILURES)
    for name in sorted(cost_minor, key=lambda one: (cost_minor[one], one)):
        helps = left & ~truth_orders[f"truth_outcome_{name}"].isin(FAILURES)
        chosen[helps] = name
        left &= ~helps
    return chosen
