"""Rules of the operation on a running day: who may not have an order, and what no dispatcher may allow in advance.

Rules of vehicle and order are measured as the night's plan measures them, those of whole routes by
``whole_routes``. Rules of the whole plan are not measured again in the day. Where a hard rule of a route or the plan
that the law, a contract or a promise has set names an order, a person looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from operations.state.day import Day
from solvers.evaluator import may_serve
from solvers.families import REGISTRY, complete
from solvers.families.base import RuleType, applies_to_vehicle
from solvers.problem import Load, Order, Rule, Vehicle

OTHERS = ("law", "contract", "promise")
"""Authorities that are not the dispatcher's own: the law's, the shipper's, the customer's."""
ALL = Load(2**40, 2**40, 2**40)


@dataclass(frozen=True)
class _Rules:
    """Rules of a day by whom they are about: one order, or everybody."""

    pair: dict[str, list[tuple[Rule, RuleType]]]
    pair_all: list[tuple[Rule, RuleType]]
    named: dict[str, Rule]
    fleets: dict[str, list[Vehicle]]

    def of(self, order: Order) -> Iterator[tuple[Rule, RuleType]]:
        yield from self.pair.get(order.order_id, ())
        yield from self.pair_all


def _rules(day: Day) -> _Rules:
    def sorted_out() -> _Rules:
        found = _Rules({}, [], {}, {})
        for vehicle in day.problem.vehicles:
            found.fleets.setdefault(vehicle.fleet_id, []).append(vehicle)
        for rule in day.problem.rules:
            kind = REGISTRY[rule.type]
            if kind.scope == "pair":
                whole = (complete(rule), kind)
                for order_id in sorted(rule.orders):
                    found.pair.setdefault(order_id, []).append(whole)
                if not rule.orders:
                    found.pair_all.append(whole)
            elif kind.scope != "data" and rule.hard and rule.authority in OTHERS:
                for order_id in rule.orders:
                    found.named.setdefault(order_id, rule)
        return found

    return day.worked_out("rules", sorted_out)


def _exceeded(day: Day, vehicle: Vehicle, order: Order) -> Iterator[tuple[Rule, RuleType, int]]:
    """Rules of vehicle and order that are not kept, and by how much."""
    for rule, kind in _rules(day).of(order):
        if applies_to_vehicle(rule, vehicle) and kind.pair is not None and (excess := kind.pair(rule, vehicle, order)):
            yield rule, kind, excess


def forbidden(day: Day, vehicle: Vehicle, order: Order) -> str:
    """Which hard rule keeps a vehicle from an order, in words; empty where none does."""
    found = next(((rule, kind) for rule, kind, _ in _exceeded(day, vehicle, order) if rule.hard), None)
    return "" if found is None else f"{found[1].words} (rule {found[0].rule_id}, {found[0].authority})"


def charged_minor(day: Day, vehicle: Vehicle, order: Order) -> int:
    """What soft rules charge for a vehicle that serves an order."""
    return sum(excess * rule.price_minor for rule, _, excess in _exceeded(day, vehicle, order) if not rule.hard)


def fleet_barred(day: Day, fleet_id: str, order: Order) -> str:
    """Why no vehicle that is known of a fleet may have an order; empty where one may.

    Of a fleet whose vehicles nobody knows nothing is known that a rule or the law asks for.
    """
    if not order.required_certifications and not any(True for _ in _rules(day).of(order)):
        return ""
    why = ""
    for vehicle in _of_fleet(day, fleet_id):
        why = forbidden(day, vehicle, order)
        if not why and not may_serve(replace(vehicle, depot_id=order.depot_id, capacity=ALL), order):
            why = "it needs a certificate that nobody known there holds"
        if not why:
            return ""
    return why


def _of_fleet(day: Day, fleet_id: str) -> Sequence[Vehicle]:
    return _rules(day).fleets.get(fleet_id) or (Vehicle("", fleet_id, "", 0, 86_400, ALL),)


def beyond_a_dispatcher(day: Day, order: Order, vehicle_id: str, fleet_id: str) -> str:
    """Which rule of others than the dispatcher a choice for an order may break; empty: none.

    What it says is a person's to weigh each time, and with whoever set the rule: no standing answer covers it.
    """
    known = _rules(day)
    if (named := known.named.get(order.order_id)) is not None:
        return asked(named, REGISTRY[named.type])
    vehicle = day.vehicles.get(vehicle_id)
    whoever = [vehicle] if vehicle is not None else _of_fleet(day, fleet_id) if fleet_id else []
    for one in whoever:
        for rule, kind, _ in _exceeded(day, one, order):
            if rule.authority in OTHERS:
                return asked(rule, kind)
    return ""


def asked(rule: Rule, kind: RuleType) -> str:
    """Why a rule of somebody else is a person's to weigh each time."""
    return f"{kind.words} (rule {rule.rule_id}, {rule.authority}): not a dispatcher's to allow in advance"


def rules_between(day: Day, orders: Sequence[Order], vehicle: Vehicle) -> tuple[Rule, ...]:
    """Rules of vehicle and order, and of whole routes, for a problem of these orders and one vehicle."""
    names = {one.order_id for one in orders}
    found = []
    for rule in day.problem.rules:
        about, scope = rule.orders & names, REGISTRY[rule.type].scope
        if scope in ("pair", "route") and applies_to_vehicle(rule, vehicle) and (about or not rule.orders):
            found.append(replace(rule, orders=frozenset(about), vehicles=frozenset(), fleets=frozenset()))
    return tuple(found)
