"""The whole plan: volumes, shares, balance, priorities."""

from __future__ import annotations

from solvers.plan import Route, Visit
from solvers.problem import Order, Rule
from solvers.proof.facts import Facts, Measure, codes, in_scope, parameter


def _volume(rule: Rule, visits: tuple[tuple[Visit, Order], ...], route: Route) -> int:
    match parameter(rule, "measure", "orders"):
        case "orders":
            return sum(in_scope(rule, order) for _, order in visits)
        case "parcels":
            return sum(order.load.parcels for _, order in visits)
        case "distance_m":
            return route.distance_m
        case "duration_s":
            return route.end_s - route.start_s
    return 0


def own_volumes(rule: Rule, facts: Facts) -> list[int]:
    return [_volume(rule, visits, route) for route, _, visits in facts.of(rule)]


def _volume_most(rule: Rule, facts: Facts) -> int:
    return max(0, parameter(rule, "already", 0) + sum(own_volumes(rule, facts)) - parameter(rule, "limit"))


def _volume_least(rule: Rule, facts: Facts) -> int:
    return max(0, parameter(rule, "limit") - parameter(rule, "already", 0) - sum(own_volumes(rule, facts)))


def _share(rule: Rule, facts: Facts) -> tuple[int, int]:
    everybody = sum(_volume(rule, visits, route) for route, _, visits in facts.routes)
    return sum(own_volumes(rule, facts)), everybody * parameter(rule, "percent") // 100


def _share_most(rule: Rule, facts: Facts) -> int:
    own, share = _share(rule, facts)
    return max(0, own - share)


def _share_least(rule: Rule, facts: Facts) -> int:
    own, share = _share(rule, facts)
    return max(0, share - own)


def _balance(rule: Rule, facts: Facts) -> int:
    own = own_volumes(rule, facts) or [0]
    return max(0, max(own) - min(own) - parameter(rule, "limit"))


def _vehicles_most(rule: Rule, facts: Facts) -> int:
    return max(0, len(list(facts.of(rule))) - parameter(rule, "limit"))


def _vehicles_least(rule: Rule, facts: Facts) -> int:
    return max(0, parameter(rule, "limit") - len(list(facts.of(rule))))


def _priority(rule: Rule, facts: Facts) -> int:
    return len(rule.orders - facts.served)


def _fallback(rule: Rule, facts: Facts) -> int:
    fleets = codes(parameter(rule, "fallback"))
    return sum(
        order.order_id in rule.orders
        for _, vehicle, visits in facts.routes
        if vehicle.fleet_id in fleets
        for _, order in visits
    )


MEASURES: dict[str, Measure] = {
    "max_volume": _volume_most,
    "min_volume": _volume_least,
    "max_share": _share_most,
    "min_share": _share_least,
    "balance": _balance,
    "max_vehicles": _vehicles_most,
    "min_vehicles": _vehicles_least,
    "priority": _priority,
    "fallback_fleet": _fallback,
}
