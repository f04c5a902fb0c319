"""The shape of a route."""

from __future__ import annotations

import numpy as np

from solvers.problem import Rule, Travel, Vehicle
from solvers.proof.facts import Facts, Measure, by_route, codes, in_scope, integer, parameter, span, visits_of


def _stops_most(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, sum(in_scope(rule, order) for _, order in visits) - parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
    )


def _stops_least(rule: Rule, facts: Facts) -> int:
    return sum(max(0, parameter(rule, "limit") - len(visits)) for _, _, visits in facts.of(rule))


def _long_legs(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, visit.leg_s - parameter(rule, "limit_s")) for _, _, visits in facts.of(rule) for visit, _ in visits
    )


def _spread(rule: Rule, facts: Facts) -> int:
    name, total = parameter(rule, "attribute"), 0
    for _, _, visits in facts.of(rule):
        values = [integer(o.attributes[name]) for _, o in visits if in_scope(rule, o) and name in o.attributes]
        if values:
            total += max(0, max(values) - min(values) - parameter(rule, "limit"))
    return total


def _unfamiliar(rule: Rule, facts: Facts) -> int:
    name, strange = parameter(rule, "attribute", "zone"), 0
    for _, vehicle, _, order in visits_of(rule, facts):
        zones, known = codes(order.attributes.get(name)), codes(vehicle.attributes.get("known_zones"))
        strange += len(zones) > 0 and len(known) > 0 and zones.isdisjoint(known)
    return strange


def _little(rule: Rule, facts: Facts) -> int:
    loads = {"mass_g": 0, "volume_ml": 1, "parcels": 2}
    dimension = loads[parameter(rule, "dimension", "parcels")]
    return sum(
        max(0, parameter(rule, "limit") - sum(order.load.amounts()[dimension] for _, order in visits))
        for _, _, visits in facts.of(rule)
        if visits
    )


def _matrix(vehicle: Vehicle, facts: Facts) -> Travel:
    return facts.problem.profiles[vehicle.profile] if vehicle.profile else facts.problem.travel


def _radius(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, vehicle, visits in facts.of(rule):
        row = _matrix(vehicle, facts).duration_s[facts.roads.place[vehicle.depot_id]]
        away = [int(row[order.location]) for _, order in visits if in_scope(rule, order)]
        total += max([0, *(one - parameter(rule, "limit_s") for one in away)])
    return total


def _diameter(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, vehicle, visits in facts.of(rule):
        places = [order.location for _, order in visits if in_scope(rule, order)]
        if places:
            total += max(
                0, int(_matrix(vehicle, facts).distance_m[np.ix_(places, places)].max()) - parameter(rule, "limit_m")
            )
    return total


MEASURES: dict[str, Measure] = {
    "max_stops": _stops_most,
    "min_stops": _stops_least,
    "max_distance": by_route(lambda route, *_: route.distance_m, "limit_m"),
    "max_duration": by_route(span, "limit_s"),
    "max_trips": by_route(lambda route, *_: len(route.reloads) + 1, "limit"),
    "max_leg": _long_legs,
    "compactness": _spread,
    "familiarity": _unfamiliar,
    "min_load": _little,
    "max_radius": _radius,
    "max_diameter": _diameter,
}
