"""What is left in a battery along a route, in exact fractions of a watt-hour."""

from __future__ import annotations

import math
from fractions import Fraction

from solvers.problem import Rule
from solvers.proof.facts import Facts, Measure, integer, parameter


def _missing(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, vehicle, visits in facts.of(rule):
        has = vehicle.attributes
        battery = integer(has.get("battery_wh"))
        if battery == 0 or not visits:
            continue
        per_metre = Fraction(integer(has.get("wh_per_km")), 1_000)
        level = Fraction(min(battery, integer(has.get("start_wh"), battery)))
        lowest, legs, trip = level, iter(facts.roads.way(route, vehicle, visits)), 0

        def charge(level: Fraction, watts: int, seconds: int, full: int = battery) -> Fraction:
            # chargers count in thousandths of a watt-hour, rounded down
            return min(Fraction(full), level + Fraction(watts * seconds * 1_000 // 3_600, 1_000))

        for visit, order in visits:
            if visit.trip != trip:
                level -= per_metre * next(legs)[0]
                lowest = min(lowest, level)
                reload = route.reloads[trip]
                level = charge(level, integer(has.get("depot_charge_w")), reload.departure_s - reload.arrival_s)
                trip = visit.trip
            level -= per_metre * next(legs)[0]
            lowest = min(lowest, level)
            level -= integer(has.get("wh_per_stop"))
            lowest = min(lowest, level)
            level = charge(level, integer(order.attributes.get("charge_w")), facts.roads.service_s(order))
        for metres, _ in legs:
            level -= per_metre * metres
            lowest = min(lowest, level)
        total += max(0, math.ceil(parameter(rule, "reserve_wh", 0) - lowest))
    return total


def _stops(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, sum(integer(o.attributes.get("charge_w")) > 0 for _, o in visits) - parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
    )


MEASURES: dict[str, Measure] = {"energy_range": _missing, "max_charging_stops": _stops}
