"""What one more stop is worth: on its route today, and on the month's commitments."""

from __future__ import annotations

import math
from datetime import date

from solvers.contracts.month import tier_credit_minor
from solvers.contracts.pricing import price_route, total_minor
from solvers.contracts.terms import WHOLE_BP, Contract, ContractError, Rule, Version
from solvers.contracts.work import RouteWork
from solvers.problem import Tariff
from solvers.tariffs import divide_half_up


def insertion_minor(
    contract: Contract,
    day: date,
    before: RouteWork | None,
    after: RouteWork,
    *,
    month_stops: float | None = None,
    month_sd: float = 0.0,
) -> int:
    """What it costs more that a route becomes ``after`` (``before`` None: the route is new).

    Args:
        contract: priced by the version that holds on ``day``.
        month_stops: stops expected of the whole month without the new ones; None leaves commitments out.
        month_sd: standard deviation of that expectation.

    Raises:
        ContractError: no version holds on ``day``.
    """
    version = contract.on(day)
    name = contract.contract_id
    now = total_minor(price_route(name, version, day, after))
    then = total_minor(price_route(name, version, day, before)) if before is not None else 0
    more = len(after.visits) - (len(before.visits) if before is not None else 0)
    worth = 0 if month_stops is None else commitment_minor(version, month_stops, month_sd) * more
    return now - then - worth


def commitment_minor(version: Version, month_stops: float, month_sd: float = 0.0) -> int:
    """What one more stop saves in shortfall fees and earns in volume credits, expected over the month's end.

    The month's total is taken as normal around ``month_stops``: a stop saves the fee with the probability that the
    minimum is missed, and earns the credits it is expected to move.
    """
    worth = 0.0
    for rule in version.monthly:
        if rule.kind == "minimum_volume":
            worth += rule.amount_minor * _below(rule.volume - 0.5, month_stops, month_sd)
        elif rule.kind == "volume_tier":
            points = [0.0] if month_sd <= 0 else [-1.5, -0.75, 0.0, 0.75, 1.5]
            weights = [math.exp(-(one**2) / 2) for one in points]
            gains = []
            for one in points:
                stops = max(0, round(month_stops + one * month_sd))
                gains.append(tier_credit_minor(rule, stops + 1) - tier_credit_minor(rule, stops))
            worth += sum(w * g for w, g in zip(weights, gains, strict=True)) / sum(weights)
    return math.floor(worth + 0.5)


def _below(limit: float, mean: float, sd: float) -> float:
    if sd <= 0:
        return float(mean < limit)
    return 0.5 * (1 + math.erf((limit - mean) / (sd * math.sqrt(2))))


def tariff_of(version: Version, day: date, vehicle_class: str = "") -> Tariff:
    """The route part of a contract as the solvers' tariff: what a route, its kilometres and its hours cost.

    Rules by the hour of the route's start are taken where they hold all day; what stops cost is a price of each order
    (``price_route`` of a route of that stop alone, its route part left out).

    Raises:
        ContractError: which of two bases is dearest depends on the route, which a tariff cannot say.
    """
    rules = [
        rule
        for rule in version.rules
        if not rule.of_stop
        and rule.when.from_s is None
        and rule.when.to_s is None
        and (not rule.when.weekdays or day.isoweekday() in rule.when.weekdays)
        and (not rule.when.vehicle_classes or vehicle_class in rule.when.vehicle_classes)
    ]
    factor = WHOLE_BP
    for rule in rules:
        if rule.how == "multiply":
            factor = divide_half_up(factor * rule.factor_bp, WHOLE_BP)

    def price(amount: int) -> int:
        return divide_half_up(amount * factor, WHOLE_BP)

    charged = [rule for rule in rules if rule.how == "add"]
    bases = [rule for rule in rules if rule.how == "base"]
    if len({rule.unit for rule in bases}) > 1:
        raise ContractError(f"rules {bases[0].rule_id!r} and {bases[1].rule_id!r}: bases of a route in different units")
    if bases:
        charged.append(max(bases, key=lambda one: one.amount_minor))

    def of(unit: str) -> list[Rule]:
        return [rule for rule in charged if rule.unit == unit]

    def steps(unit: str, per: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        own = of(unit)
        edges = sorted(
            {tier.above * per for rule in own for tier in rule.tiers} | {r.free * per for r in own if r.free}
        )

        def at(edge: int) -> int:
            return sum(_price_at(rule, edge, per) for rule in own)

        return price(at(0)), tuple((edge, price(at(edge))) for edge in edges)

    per_km, km_steps = steps("km", 1_000)
    per_hour, hour_steps = steps("hour", 3_600)
    overtime = of("overtime_hour")
    return Tariff(
        per_route_minor=price(sum(rule.amount_minor for rule in of("route"))),
        per_km_minor=per_km,
        per_hour_minor=per_hour,
        overtime_per_hour_minor=price(sum(rule.amount_minor for rule in overtime)),
        overtime_after_s=min((rule.free for rule in overtime), default=None),
        km_steps=km_steps,
        hour_steps=hour_steps,
    )


def _price_at(rule: Rule, edge: int, per: int) -> int:
    """Price of the unit that begins at ``edge``."""
    if rule.free * per > edge:
        return 0
    return next((tier.amount_minor for tier in reversed(rule.tiers) if tier.above * per <= edge), rule.amount_minor)
