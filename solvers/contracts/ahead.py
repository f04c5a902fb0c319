"""A month's commitments in a night's plan: what each stop of today is worth until the month is closed."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from solvers.contracts.marginal import commitment_minor
from solvers.contracts.terms import Contract
from solvers.problem import PlanningProblem


@dataclass(frozen=True, slots=True)
class MonthAhead:
    """What is expected of a fleet's month.

    Attributes:
        stops: of the month, those still to come included.
        sd: standard deviation of that.
    """

    stops: float
    sd: float


def month_ahead(day: date, done: int, usual: Sequence[int]) -> MonthAhead:
    """The month of ``day`` from its stops so far and those of recent days.

    Args:
        day: the date that is planned; it and the days after it are still to come.
        done: stops of the month before ``day``.
        usual: stops of each recent calendar day, days without any included; empty: nothing more is expected.
    """
    left = calendar.monthrange(day.year, day.month)[1] - day.day + 1
    if not usual:
        return MonthAhead(float(done), 0.0)
    mean = sum(usual) / len(usual)
    variance = sum((one - mean) ** 2 for one in usual) / max(1, len(usual) - 1)
    # the mean itself is known from so many days only: its error is the same on every day to come
    return MonthAhead(done + left * mean, math.sqrt(left * variance + left**2 * variance / len(usual)))


def worth_of(contract: Contract, day: date, month: MonthAhead) -> int:
    """What one more stop with the contract's fleet on ``day`` saves and earns by the month's end, in minor units."""
    return commitment_minor(contract.on(day), month.stops, month.sd)


def with_commitments(problem: PlanningProblem, worth_minor: Mapping[str, int]) -> PlanningProblem:
    """``problem`` in which an order that another fleet brings costs what its stop would have been worth.

    The difference to the fleet whose stop is worth most joins what an attempt with each other one is expected to cost
    beside its transport, so that every engine weighs it without knowing why. A fleet without a vehicle on the day can
    take nothing and is left aside.
    """
    present = {one.fleet_id for one in problem.vehicles}
    worth = {fleet: value for fleet, value in worth_minor.items() if value > 0 and fleet in present}
    if not worth:
        return problem
    most = max(worth.values())
    orders = []
    for order in problem.orders:
        costs = {fleet: order.expected_failure_minor(fleet) + most - worth.get(fleet, 0) for fleet in present}
        orders.append(replace(order, failure_cost_minor={**order.failure_cost_minor, **costs}))
    return replace(problem, orders=tuple(orders))
