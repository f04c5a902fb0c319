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
from solvers.schedule import BreakPolicy, Drive, Timing


@dataclass(frozen=True, slots=True)
class RouteView:
    """A candidate route as rules see it: ``stops`` in sequence (reloads left out), their trips, their times.

    ``drive`` has the depot, the end and the matrices of the vehicle.
    """

    vehicle: Vehicle
    stops: Sequence[Order]
    trips: Sequence[int]
    timing: Timing
    drive: Drive


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
    transport_minor: int = 0
    departures: tuple[tuple[int, int], ...] = ()
    """Per trip: when it leaves the depot, and with how many parcels for delivery."""


PairExcess = Callable[[Rule, Vehicle, Order], int]
RouteExcess = Callable[[Rule, RouteView], int]
PlanExcess = Callable[[Rule, Sequence[RouteSummary], PlanningProblem], int]
DataChange = Callable[[Rule, PlanningProblem], PlanningProblem]
Native = Callable[[Rule, Vehicle], Vehicle | None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a type: what it holds and in which unit; without a default it must be given.

    ``kind``: ``integer`` (from 0), ``text``, ``texts`` or ``integers``; ``choices``: the texts that are allowed;
    ``least``: the smallest integer allowed.
    """

    kind: str
    words: str
    default: Attribute | None = None
    choices: tuple[str, ...] = ()
    least: int = 0


@dataclass(frozen=True, slots=True)
class RuleType:
    """A registered constraint type.

    Attributes:
        pair, route, plan, data: how the excess is measured; exactly one is given, by what it depends on: vehicle and
            order only, one route with its sequence and times, or the whole plan. ``data`` has no excess: the rule
            changes what the problem says (travel and service times in bad weather) before anything is searched.
        native: for a hard rule over everybody: the vehicle or the order with a limit that every engine knows, so that
            no engine has to search against it; None where it cannot be said so.
        orders_have, vehicles_have: attributes that the type reads.
        authority: who usually sets such a rule; a row that names none gets it.
        prefers_slack: leaving earlier than needed may lessen the excess, so the evaluator weighs departures.
        ends: until when service of an order may begin (second) without excess, None: any time; the evaluator then tries
            the latest departure that makes nobody late.
        departures: moments at which the rule would have a route leave; the evaluator tries them.
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
    data: DataChange | None = None
    native: Native | None = None
    orders_have: tuple[str, ...] = ()
    vehicles_have: tuple[str, ...] = ()
    authority: str = "policy"
    prefers_slack: bool = False
    departures: Callable[[Rule], tuple[int, ...]] | None = None
    ends: Callable[[Rule, Order], int] | None = None

    @property
    def scope(self) -> str:
        """``pair``, ``route``, ``plan`` or ``data``."""
        return "pair" if self.pair else "route" if self.route else "plan" if self.plan else "data"

    @property
    def pyvrp(self) -> str:
        """How the PyVRP core is told: ``exact``, ``approximated`` or ``deferred`` to the rich engine."""
        if self.data:
            return "approximated"
        if self.pair:
            return "exact where soft, approximated where hard (a dear arrival)"
        return "exact where hard and for everybody, else deferred" if self.native else "deferred"


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


def numbers(rule: Rule, name: str) -> tuple[int, ...]:
    """A parameter of integers."""
    value = rule.parameters.get(name, ())
    if not isinstance(value, tuple) or not all(isinstance(one, int) for one in value):
        raise PlanningError(f"rule {rule.rule_id!r}: parameter {name!r} must be a list of integers, is {value!r}")
    return value  # type: ignore[return-value]


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
