"""What a fleet costs by contract: one engine prices a route, an insertion, a plan, a day and a month's invoice.

``terms`` are the parts of a contract, ``reading`` makes them from plain data and refuses what contradicts itself,
``pricing`` turns work into lines, ``month`` settles what is owed over a month, ``marginal`` says what one more stop is
worth before the month is over, ``reconcile`` holds a carrier's invoice against the lines.
"""

from solvers.contracts.ahead import MonthAhead, month_ahead, with_commitments, worth_of
from solvers.contracts.marginal import insertion_minor, tariff_of
from solvers.contracts.month import Month, month_lines, settle
from solvers.contracts.pricing import Line, price_day, price_route, total_minor
from solvers.contracts.reading import read_contract
from solvers.contracts.reconcile import Asked, Finding, Reconciliation, reconcile
from solvers.contracts.terms import Contract, ContractError, MonthRule, Rule, Tier, Version, When
from solvers.contracts.work import RouteWork, VisitWork, work_of_plan

__all__ = [
    "Asked",
    "Contract",
    "ContractError",
    "Finding",
    "Line",
    "Month",
    "MonthAhead",
    "MonthRule",
    "Reconciliation",
    "RouteWork",
    "Rule",
    "Tier",
    "Version",
    "VisitWork",
    "When",
    "insertion_minor",
    "month_ahead",
    "month_lines",
    "price_day",
    "price_route",
    "read_contract",
    "reconcile",
    "settle",
    "tariff_of",
    "total_minor",
    "with_commitments",
    "work_of_plan",
    "worth_of",
]
