"""From work to lines: each rule that applies gives one line, rounded half up on its own, as on an invoice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from solvers.contracts.terms import WHOLE_BP, Contract, Rule, Version, When
from solvers.contracts.work import RouteWork, VisitWork
from solvers.tariffs import divide_half_up, units_price

MILLI = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice. ``quantity_milli`` is in thousandths of the rule's unit.

    ``route_id`` is empty for what is owed by the month, ``order_id`` for what is owed by the route.
    """

    service_date: date
    contract_id: str
    rule_id: str
    unit: str
    route_id: str
    order_id: str
    quantity_milli: int
    unit_price_minor: int
    amount_minor: int


def total_minor(lines: Iterable[Line]) -> int:
    """What lines come to."""
    return sum(line.amount_minor for line in lines)


def price_day(contract: Contract, day: date, routes: Sequence[RouteWork]) -> list[Line]:
    """Lines of a fleet's routes of a service date.

    Raises:
        ContractError: no version of the contract holds on that date.
    """
    version = contract.on(day)
    return [line for route in routes for line in price_route(contract.contract_id, version, day, route)]


def price_route(contract_id: str, version: Version, day: date, route: RouteWork) -> list[Line]:
    """Lines of one route: its stops first, then the route. Nothing is owed for a route without stops."""
    if not route.visits:
        return []
    stop_rules = [rule for rule in version.rules if rule.of_stop]
    route_rules = [rule for rule in version.rules if not rule.of_stop]
    counted: dict[str, int] = {}
    lines = [
        Line(day, contract_id, rule.rule_id, rule.unit, route.route_id, visit.order_id, quantity, price, amount)
        for visit in route.visits
        for rule, quantity, price, amount in _charged(stop_rules, _StopScope(day, route, visit, counted))
    ]
    lines += [
        Line(day, contract_id, rule.rule_id, rule.unit, route.route_id, "", quantity, price, amount)
        for rule, quantity, price, amount in _charged(route_rules, _RouteScope(day, route))
    ]
    return lines


Charge = tuple[Rule, int, int, int]


def _charged(rules: Sequence[Rule], scope: _StopScope | _RouteScope) -> Iterator[Charge]:
    """Dearest matching base, then what is added, then what multiplies. Lines of nothing are left out."""
    matching = [rule for rule in rules if scope.matches(rule.when)]
    bases = [(rule, *scope.charge(rule)) for rule in matching if rule.how == "base"]
    charges: list[Charge] = []
    if bases:
        charges.append(max(bases, key=lambda one: one[3]))  # of equals, the one that stands first
    charges += [(rule, *scope.charge(rule)) for rule in matching if rule.how == "add"]
    scope.count([rule for rule, *_ in charges])
    charges = [one for one in charges if one[1]]
    yield from charges
    running = sum(amount for *_, amount in charges)
    for rule in matching:
        if rule.how == "multiply" and running:
            after = divide_half_up(running * rule.factor_bp, WHOLE_BP)
            if after != running:
                yield rule, MILLI, after - running, after - running
            running = after


class _StopScope:
    """One stop; ``counted`` holds how much of each tiered rule the route's earlier stops have used."""

    def __init__(self, day: date, route: RouteWork, visit: VisitWork, counted: dict[str, int]) -> None:
        self.day, self.route, self.visit, self.counted = day, route, visit, counted

    def matches(self, when: When) -> bool:
        visit = self.visit
        return (
            (not when.zones or visit.zone in when.zones)
            and (not when.services or visit.service in when.services)
            and (when.mass_from_g is None or visit.mass_g >= when.mass_from_g)
            and (when.mass_to_g is None or visit.mass_g < when.mass_to_g)
            and (when.failed is None or visit.failed == when.failed)
            and _at(when, self.day, visit.start_s, self.route.vehicle_class)
        )

    def charge(self, rule: Rule) -> tuple[int, int, int]:
        """Quantity in thousandths, unit price, amount."""
        units = self._units(rule)
        if not rule.tiers:
            return units * MILLI, rule.amount_minor, units * rule.amount_minor
        before = self.counted.get(rule.rule_id, 0)
        steps = tuple((tier.above, tier.amount_minor) for tier in rule.tiers)
        amount = units_price(before + units, rule.amount_minor, steps) - units_price(before, rule.amount_minor, steps)
        return units * MILLI, divide_half_up(amount, units) if units else 0, amount

    def count(self, charged: Sequence[Rule]) -> None:
        for rule in charged:
            if rule.tiers:
                self.counted[rule.rule_id] = self.counted.get(rule.rule_id, 0) + self._units(rule)

    def _units(self, rule: Rule) -> int:
        if rule.unit == "failed_attempt":
            return int(self.visit.failed)
        if rule.unit == "waiting_minute":
            # a minute that has begun is charged
            return max(0, -(-self.visit.waiting_s // 60) - rule.free)
        return max(0, (self.visit.parcels if rule.unit == "parcel" else 1) - rule.free)


class _RouteScope:
    """One route."""

    def __init__(self, day: date, route: RouteWork) -> None:
        self.day, self.route = day, route

    def matches(self, when: When) -> bool:
        return not when.of_stop and _at(when, self.day, self.route.start_s, self.route.vehicle_class)

    def charge(self, rule: Rule) -> tuple[int, int, int]:
        """Quantity in thousandths, unit price, amount."""
        if rule.unit == "route":
            return MILLI, rule.amount_minor, rule.amount_minor
        size, per = self._size(rule)
        steps = tuple((tier.above * per, tier.amount_minor) for tier in rule.tiers)
        amount = divide_half_up(units_price(size, rule.amount_minor, steps), per)
        price = rule.amount_minor if not steps or not size else divide_half_up(amount * per, size)
        return divide_half_up(size * MILLI, per), price, amount

    def count(self, charged: Sequence[Rule]) -> None:
        """Nothing is counted across routes."""

    def _size(self, rule: Rule) -> tuple[int, int]:
        """How much is charged, and how much of it makes a unit."""
        if rule.unit == "km":
            return max(0, self.route.distance_m - 1_000 * rule.free), 1_000
        if rule.unit == "overtime_hour":
            return max(0, self.route.duration_s - rule.free), 3_600
        return max(0, self.route.duration_s - 3_600 * rule.free), 3_600


def _at(when: When, day: date, moment_s: int, vehicle_class: str) -> bool:
    clock = moment_s % 86_400
    if when.from_s is not None and when.to_s is not None and when.from_s > when.to_s:
        inside = clock >= when.from_s or clock < when.to_s
    else:
        inside = (when.from_s is None or clock >= when.from_s) and (when.to_s is None or clock < when.to_s)
    return (
        inside
        and (not when.weekdays or day.isoweekday() in when.weekdays)
        and (not when.vehicle_classes or vehicle_class in when.vehicle_classes)
    )
