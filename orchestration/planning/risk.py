"""Risk in the plan: what a failed attempt and a late start are expected to cost, as the solver's money.

An order's risk of failure is the predictor's, times what its customer's answer leaves of it. Its risk of being late is
no number of the order alone: it depends on where the plan puts it. So the solver gets the spread of its arrival and
the price of a late start, and buys slack, another sequence or another vehicle where that is cheaper
(``expected_lateness``).
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from operations.answers import remaining
from orchestration.planning.inputs import DayInputs
from solvers.problem import Attribute, Rule

LATE_COST_MINOR = 1_000
"""What a start after the promise costs: a contact (4.50), a message, goodwill. An input: FIVEFOLD_LATE_COST; below
500 the plan does not look at it (prices are whole minor units a permille)."""
RISKY = 0.15
"""Predicted chance of being late from which an order's lateness is priced: each of them costs the search time."""
WIDEST_S, USUAL_S = 7_200, 900
P10_TO_P90 = 2.563
"""Standard deviations between the quantiles of a normal."""


def risk_of_failure(day: DayInputs) -> dict[str, float]:
    """Probability that each order's attempt fails: as predicted, times what its customer's answer leaves of it."""
    predicted = day.predictions[day.predictions["task"] == "failed"].set_index("order_id")["probability"]
    answered = {
        str(one.order_id): remaining(json.loads(one.attributes))
        for one in day.orders.itertuples()
        if isinstance(one.attributes, str) and '"answer"' in one.attributes
    }
    return {str(name): float(p) * answered.get(str(name), 1.0) for name, p in predicted.dropna().items()}


def at_risk_of_lateness(day: DayInputs) -> dict[str, dict[str, Attribute]]:
    """Orders with a promise that are predicted to be late, with the spread of their arrival for the rule below."""
    beliefs = day.predictions
    late = beliefs[beliefs["task"] == "late"].set_index("order_id")["probability"]
    promised = set(day.orders.loc[day.orders["window_end"].notna(), "order_id"])
    names = [name for name, p in late.items() if p >= RISKY and name in promised]
    eta = beliefs[beliefs["task"] == "eta"].set_index("order_id")
    return {str(name): {"eta_spread_s": spread_s(eta, name)} for name in names}


def spread_s(eta: pd.DataFrame, order_id: Any) -> int:
    """Standard deviation of an order's arrival, from the predicted quantiles (``eta``: one row an order id)."""
    if order_id not in eta.index:
        return USUAL_S
    low, high = eta.loc[order_id, "p10_s"], eta.loc[order_id, "p90_s"]
    if pd.isna(low) or pd.isna(high):
        return USUAL_S
    return int(min(max(1.0, (float(high) - float(low)) / P10_TO_P90), WIDEST_S))


def lateness_rules(orders: dict[str, dict[str, Attribute]], late_cost_minor: int) -> tuple[Rule, ...]:
    """The expected number of late starts among ``orders``, each at ``late_cost_minor``."""
    price = round(late_cost_minor / 1_000)
    if not orders or price < 1:
        return ()
    parameters: dict[str, Attribute] = {"spread_s": 0, "spread_permille": 0}
    scope: frozenset[str] = frozenset(orders)
    return (
        Rule("late-risk", "expected_lateness", scope, frozenset(), frozenset(), parameters, False, price, "promise"),
    )
