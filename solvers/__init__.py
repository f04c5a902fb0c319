"""Drivers 1 and 2: from a planning problem to a plan that is proven and explained.

``plan(problem) -> Plan``, ``verify(problem, plan) -> list[Violation]``, ``explain(problem, plan)`` gives reasons.
Knows the vocabulary only: no framework, no lake, no clock but the solver's own limit.
"""

from solvers.explainer import explain
from solvers.plan import Plan, Route, Unserved, Visit
from solvers.planner import SolveSettings, plan
from solvers.problem import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window
from solvers.verifier import Violation, verify

__all__ = [
    "Depot",
    "Load",
    "Order",
    "Plan",
    "PlanningProblem",
    "Route",
    "SolveSettings",
    "Tariff",
    "Travel",
    "Unserved",
    "Vehicle",
    "Violation",
    "Visit",
    "Window",
    "explain",
    "plan",
    "verify",
]
