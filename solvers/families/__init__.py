"""Constraint families: one module each, whose types are declared, compiled, checked and relaxed here.

A company adds an instance, a price or an authority as a row of data (``solvers.Rule``). To add a type: declare it in a
family's ``TYPES`` with the code that measures its excess, and its proof in ``solvers.proof``; a test compares both.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from domain.errors import PlanningError
from solvers.families import (
    access,
    chance,
    contracts,
    docks,
    driver,
    energy,
    goods,
    hours,
    protocol,
    sequence,
    shape,
    times,
    weather,
    whole_plan,
)
from solvers.families.base import (
    Parameter,
    RouteSummary,
    RouteView,
    RuleType,
    applies_to_vehicle,
)
from solvers.problem import LARGEST, Order, PlanningProblem, Rule, Vehicle
from solvers.schedule import BreakPolicy

__all__ = [
    "FAMILIES",
    "REGISTRY",
    "CompiledRules",
    "Parameter",
    "RouteSummary",
    "RouteView",
    "RuleType",
    "native",
    "refuse_malformed",
]

FAMILIES = (
    access,
    protocol,
    times,
    hours,
    docks,
    driver,
    weather,
    chance,
    goods,
    energy,
    sequence,
    shape,
    whole_plan,
    contracts,
)
"""The family modules."""

REGISTRY: dict[str, RuleType] = {one.code: one for module in FAMILIES for one in module.TYPES}
"""Every registered constraint type by its code."""


def refuse_malformed(rule: Rule) -> None:
    """Raise where ``rule`` names no registered type or its parameters are not the type's.

    Raises:
        PlanningError: names the rule and the parameter.
    """
    owner = f"rule {rule.rule_id[:80]!r}"
    found = REGISTRY.get(rule.type)
    if found is None:
        near = difflib.get_close_matches(rule.type, REGISTRY, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PlanningError(f"{owner}: there is no constraint type {rule.type[:80]!r}{hint}")
    if found.hard_only and not rule.hard:
        raise PlanningError(f"{owner}: {rule.type} can only be hard")
    if strange := sorted(set(rule.parameters) - set(found.parameters)):
        known = ", ".join(found.parameters) or "none"
        raise PlanningError(f"{owner}: {rule.type} has no parameter {strange[0][:80]!r} (it has: {known})")
    for name, parameter in found.parameters.items():
        value = rule.parameters.get(name, parameter.default)
        if value is None:
            raise PlanningError(f"{owner}: parameter {name!r} is missing ({parameter.words})")
        if wrong := _wrong(parameter, value):
            raise PlanningError(f"{owner}: parameter {name!r} must be {wrong}, is {str(value)[:80]!r}")


def _wrong(parameter: Parameter, value: object) -> str | None:
    """What ``value`` must be, where it is not."""

    def whole(one: object) -> bool:
        return isinstance(one, int) and not isinstance(one, bool) and parameter.least <= one <= LARGEST

    match parameter.kind:
        case "integer" if not whole(value):
            return f"a whole number from {parameter.least} to {LARGEST}"
        case "integers" if not isinstance(value, tuple) or not all(whole(one) for one in value):
            return f"a list of whole numbers from {parameter.least} to {LARGEST}"
        case "text" if not isinstance(value, str):
            return "text"
        case "texts" if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
            return "a list of texts"
    if parameter.choices and value not in parameter.choices:
        return f"one of {', '.join(parameter.choices)}"
    return None


def complete(rule: Rule) -> Rule:
    """``rule`` with the defaults of its type where it says nothing."""
    defaults = {
        name: parameter.default
        for name, parameter in REGISTRY[rule.type].parameters.items()
        if parameter.default is not None
    }
    return replace(rule, parameters={**defaults, **rule.parameters})


Compiled = tuple[Rule, RuleType]


def changed_by(problem: PlanningProblem, rules: Sequence[Compiled]) -> PlanningProblem:
    """``problem`` as data rules make it, without these rules; the same object where there are none."""
    if not rules:
        return problem
    done = {rule.rule_id for rule, _ in rules}
    for rule, kind in rules:
        if kind.data is not None:
            problem = kind.data(rule, problem)
    return replace(problem, rules=tuple(rule for rule in problem.rules if rule.rule_id not in done))


def native(problem: PlanningProblem) -> PlanningProblem:
    """An equal problem in which hard rules that every engine knows as limits of vehicles are such limits.

    The rules stay: a plan of the problem given back is a plan of ``problem``, and the other way round.
    """
    vehicles = list(problem.vehicles)
    for rule in problem.rules:
        kind = REGISTRY[rule.type]
        if kind.native is None or not rule.hard or rule.orders:
            continue
        full = complete(rule)
        for number, vehicle in enumerate(vehicles):
            if applies_to_vehicle(full, vehicle):
                vehicles[number] = kind.native(full, vehicle) or vehicle
    return replace(problem, vehicles=tuple(vehicles)) if vehicles != list(problem.vehicles) else problem


class CompiledRules:
    """The rules of one problem by what they depend on, ready to be asked many times."""

    def __init__(self, problem: PlanningProblem) -> None:
        every = [(complete(rule), REGISTRY[rule.type]) for rule in problem.rules]
        self.problem = changed_by(problem, [one for one in every if one[1].data is not None])
        """The problem with what data rules change; the rules left in it are those that are measured."""
        rules = [one for one in every if one[1].data is None]
        self.pair = [one for one in rules if one[1].scope == "pair"]
        self.route = [one for one in rules if one[1].scope == "route"]
        self.plan = [one for one in rules if one[1].scope == "plan"]
        self._departures: dict[str, tuple[int, ...]] = {}
        self._of_vehicle: dict[str, list[Compiled]] = {}

    def __bool__(self) -> bool:
        return bool(self.pair or self.route or self.plan)

    @property
    def beyond_pairs(self) -> bool:
        """Whether there are rules that depend on more than vehicle and order."""
        return bool(self.route or self.plan)

    def pair_price(self, vehicle: Vehicle, order: Order) -> int | None:
        """What soft rules charge for ``vehicle`` serving ``order``; None where a hard one forbids it."""
        total = 0
        for rule, kind in self.pair:
            if rule.orders and order.order_id not in rule.orders:
                continue
            if not applies_to_vehicle(rule, vehicle):
                continue
            excess = kind.pair(rule, vehicle, order) if kind.pair else 0
            if excess and rule.hard:
                return None
            total += excess * rule.price_minor
        return total

    def of_route(self, vehicle: Vehicle) -> list[Compiled]:
        """Rules over one route that concern ``vehicle``."""
        found = self._of_vehicle.get(vehicle.vehicle_id)
        if found is None:
            found = [one for one in self.route if applies_to_vehicle(one[0], vehicle)]
            self._of_vehicle[vehicle.vehicle_id] = found
        return found

    def departures(self, vehicle: Vehicle) -> tuple[int, ...] | None:
        """Moments at which ``vehicle`` should be tried to leave besides the latest; None where no rule asks for it."""
        found = self._departures.get(vehicle.vehicle_id)
        if found is None:
            rules = self.of_route(vehicle)
            moments = {m for rule, kind in rules if kind.departures for m in kind.departures(rule)}
            if any(kind.prefers_slack or kind.ends for _, kind in rules):
                moments.add(vehicle.start_s)
            found = tuple(sorted(moments))
            self._departures[vehicle.vehicle_id] = found
        return found or None

    def latest_starts(self, rules: Sequence[Compiled], stops: Sequence[Order]) -> list[int] | None:
        """Until when service of each stop may begin without excess over ``rules``; None where none of them says."""
        ending = [(rule, kind.ends) for rule, kind in rules if kind.ends is not None]
        if not ending:
            return None
        return [
            min(
                (ends(rule, order) for rule, ends in ending if not rule.orders or order.order_id in rule.orders),
                default=LARGEST,
            )
            for order in stops
        ]

    def route_price(self, rules: Sequence[Compiled], view: RouteView) -> int | None:
        """What soft ``rules`` charge for a route; None where it exceeds a hard one."""
        total = 0
        for rule, kind in rules:
            excess = kind.route(rule, view) if kind.route else 0
            if excess and rule.hard:
                return None
            total += excess * rule.price_minor
        return total

    def plan_price(self, summaries: Sequence[RouteSummary]) -> tuple[int, int]:
        """Excess over hard rules of the whole plan, and what its soft ones charge."""
        hard = total = 0
        for rule, kind in self.plan:
            excess = kind.plan(rule, summaries, self.problem) if kind.plan else 0
            if rule.hard:
                hard += excess
            else:
                total += excess * rule.price_minor
        return hard, total

    def breaks(self, vehicle: Vehicle) -> tuple[BreakPolicy, ...]:
        """Rests that the schedule of ``vehicle`` has to hold."""
        return tuple(
            policy
            for rule, kind in self.route
            if kind.breaks is not None and applies_to_vehicle(rule, vehicle)
            for policy in kind.breaks(rule)
        )
