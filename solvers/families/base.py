"""What a constraint family is made of: types that declare themselves and measure an excess.

A rule (an instance, a row of data) names a type. The search asks the type how far a candidate exceeds the rule; the
verifier asks code of its own (``solvers.proof``), so that a mistake here cannot prove itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import PlanningError
from solvers.problem import Attribute, Order, PlanningProblem, Rule, Vehicle
from solvers.schedule import BreakPolicy, Timing


@dataclass(frozen=True, slots=True)
class RouteView:
    """A candidate route as rules see it: ``stops`` in sequence (reloads left out), their trips, their times."""

    vehicle: Vehicle
    stops: Sequence[Order]
    trips: Sequence[int]
    timing: Timing


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """What rules over the whole plan need of one route."""

    vehicle: Vehicle
    order_ids: frozenset[str]
    stops: int
    parcels: int
    start_s: int
    duration_s: int
    distance_m: int


PairExcess = Callable[[Rule, Vehicle, Order], int]
RouteExcess = Callable[[Rule, RouteView], int]
PlanExcess = Callable[[Rule, Sequence[RouteSummary], PlanningProblem], int]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a type: what it holds and in which unit; without a default it must be given."""

    kind: str
    words: str
    default: Attribute | None = None


@dataclass(frozen=True, slots=True)
class RuleType:
    """A registered constraint type.

    Attributes:
        pair, route, plan: how the excess is measured; exactly one is given, by what it depends on: vehicle and order
            only, one route with its sequence and times, or the whole plan.
        monotone: more stops on a route never lessen the excess, so a partial route in excess need not be completed.
        breaks: rests that the schedule has to hold.
        relax: the parameter that a relaxation moves by the excess, and in which direction (+1, -1).
    """

    code: str
    family: str
    words: str
    unit: str
    parameters: dict[str, Parameter] = field(default_factory=dict)
    pair: PairExcess | None = None
    route: RouteExcess | None = None
    plan: PlanExcess | None = None
    monotone: bool = True
    breaks: Callable[[Rule], tuple[BreakPolicy, ...]] | None = None
    relax: tuple[str, int] | None = None
    hard_only: bool = False

    @property
    def scope(self) -> str:
        """``pair``, ``route`` or ``plan``."""
        return "pair" if self.pair else "route" if self.route else "plan"


def applies_to_vehicle(rule: Rule, vehicle: Vehicle) -> bool:
    """Whether ``rule`` concerns ``vehicle``."""
    if rule.vehicles and vehicle.vehicle_id not in rule.vehicles:
        return False
    return not rule.fleets or vehicle.fleet_id in rule.fleets


def concerned(rule: Rule, stops: Sequence[Order]) -> list[Order]:
    """The stops that ``rule`` speaks of."""
    return [order for order in stops if not rule.orders or order.order_id in rule.orders]


def number(rule: Rule, name: str, default: int | None = None) -> int:
    """An integer parameter."""
    value = rule.parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanningError(f"rule {rule.rule_id!r}: parameter {name!r} must be an integer, is {value!r}")
    return value


def text(rule: Rule, name: str, default: str | None = None) -> str:
    """A text parameter."""
    value = rule.parameters.get(name, default)
    if not isinstance(value, str):
        raise PlanningError(f"rule {rule.rule_id!r}: parameter {name!r} must be text, is {value!r}")
    return value


def many(value: Any) -> tuple[Any, ...]:
    """An attribute as several: ``None`` is none, one is one."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple | list | frozenset | set) else (value,)


def whole(value: Any, default: int = 0) -> int:
    """An attribute as an integer; text and nothing count as ``default``."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def over(value: int, limit: int) -> int:
    """How far ``value`` is above ``limit``."""
    return value - limit if value > limit else 0
