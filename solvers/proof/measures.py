"""The excess of every registered type, measured on what a plan publishes. Shares nothing with ``solvers.families``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from solvers.plan import Plan, Route, Visit
from solvers.problem import Order, PlanningProblem, Rule, Vehicle


@dataclass(frozen=True)
class Facts:
    """A plan with its problem, indexed."""

    problem: PlanningProblem
    routes: tuple[tuple[Route, Vehicle, tuple[tuple[Visit, Order], ...]], ...]

    def of(self, rule: Rule) -> Iterator[tuple[Route, Vehicle, tuple[tuple[Visit, Order], ...]]]:
        """Routes of the vehicles that ``rule`` concerns."""
        for route, vehicle, visits in self.routes:
            named = not rule.vehicles or vehicle.vehicle_id in rule.vehicles
            if named and (not rule.fleets or vehicle.fleet_id in rule.fleets):
                yield route, vehicle, visits

    @property
    def served(self) -> set[str]:
        return {visit.order_id for _, _, visits in self.routes for visit, _ in visits}


def facts_of(problem: PlanningProblem, plan: Plan) -> Facts:
    """Index ``plan``; visits of unknown orders and vehicles are left out (the verifier reports them)."""
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    return Facts(
        problem,
        tuple(
            (
                route,
                vehicles[route.vehicle_id],
                tuple((visit, orders[visit.order_id]) for visit in route.visits if visit.order_id in orders),
            )
            for route in plan.routes
            if route.vehicle_id in vehicles
        ),
    )


Measure = Callable[[Rule, Facts], int]


def _parameter(rule: Rule, name: str, default: Any = None) -> Any:
    return rule.parameters.get(name, default)


def _codes(value: Any) -> set[Any]:
    if value is None:
        return set()
    return set(value) if isinstance(value, tuple | list | set | frozenset) else {value}


def _integer(value: Any, default: int = 0) -> int:
    return value if type(value) is int else default


def _in_scope(rule: Rule, order: Order) -> bool:
    return len(rule.orders) == 0 or order.order_id in rule.orders


def _visits(rule: Rule, facts: Facts) -> Iterator[tuple[Route, Vehicle, Visit, Order]]:
    for route, vehicle, visits in facts.of(rule):
        for visit, order in visits:
            if _in_scope(rule, order):
                yield route, vehicle, visit, order


def _trips(visits: tuple[tuple[Visit, Order], ...]) -> list[list[tuple[Visit, Order]]]:
    numbers = sorted({visit.trip for visit, _ in visits})
    return [[one for one in visits if one[0].trip == number] for number in numbers]


# --- vehicle and order


def _numeric(default: str, sign: int) -> Measure:
    """``sign`` 1: the vehicle's number is above the order's; -1: it is below."""

    def measure(rule: Rule, facts: Facts) -> int:
        name = _parameter(rule, "attribute", default)
        total = 0
        for _, vehicle, _, order in _visits(rule, facts):
            if order.attributes.get(name) is not None:
                gap = sign * (_integer(vehicle.attributes.get(name)) - _integer(order.attributes[name]))
                total += max(0, gap)
        return total

    return measure


def _codes_held(default: str) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name = _parameter(rule, "attribute", default)
        return sum(
            sum(1 for code in _listed(order.attributes.get(name)) if code not in _codes(vehicle.attributes.get(name)))
            for _, vehicle, _, order in _visits(rule, facts)
        )

    return measure


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple | list) else [value]


def _code_allowed(default: str) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name = _parameter(rule, "attribute", default)
        total = 0
        for _, vehicle, _, order in _visits(rule, facts):
            allowed = _codes(order.attributes.get(name))
            if allowed and allowed.isdisjoint(_codes(vehicle.attributes.get(name))):
                total += 1
        return total

    return measure


def _zone_closed(rule: Rule, facts: Facts) -> int:
    closed = _codes(_parameter(rule, "zones"))
    return sum(
        len((_codes(order.attributes.get("zone")) & closed) - _codes(vehicle.attributes.get("zone_permits")))
        for _, vehicle, _, order in _visits(rule, facts)
    )


def _territory(rule: Rule, facts: Facts) -> int:
    strangers = 0
    for _, vehicle, _, order in _visits(rule, facts):
        own, zones = _codes(vehicle.attributes.get("territory")), _codes(order.attributes.get("zone"))
        strangers += bool(own and zones and own.isdisjoint(zones))
    return strangers


def _forbidden(rule: Rule, facts: Facts) -> int:
    return len(list(_visits(rule, facts)))


def _only(rule: Rule, facts: Facts) -> int:
    allowed = _codes(_parameter(rule, "allowed"))
    return sum(1 for _, v, _, _ in _visits(rule, facts) if not {v.vehicle_id, v.fleet_id} & allowed)


def _item(rule: Rule, facts: Facts) -> int:
    name, limit = _parameter(rule, "attribute"), _parameter(rule, "limit")
    return sum(max(0, _integer(order.attributes.get(name)) - limit) for _, _, _, order in _visits(rule, facts))


def _goods(rule: Rule, facts: Facts) -> int:
    name = _parameter(rule, "attribute", "goods")
    return sum(
        len(_codes(order.attributes.get(name)) - _codes(vehicle.attributes.get(name)))
        for _, vehicle, _, order in _visits(rule, facts)
    )


def _usual(rule: Rule, facts: Facts) -> int:
    name = _parameter(rule, "attribute", "usual_driver")
    return sum(
        1
        for _, vehicle, _, order in _visits(rule, facts)
        if order.attributes.get(name) is not None and order.attributes[name] != vehicle.driver_id
    )


# --- one route


def _driving(route: Route, vehicle: Vehicle, visits: tuple[tuple[Visit, Order], ...], facts: Facts) -> int:
    travel = facts.problem.profiles[vehicle.profile] if vehicle.profile else facts.problem.travel
    place = {depot.depot_id: depot.location for depot in facts.problem.depots}
    way = [place[vehicle.depot_id]]
    for first, second in pairwise([None, *visits]):
        if first is not None and second is not None and second[0].trip != first[0].trip:
            way.append(place[vehicle.depot_id])
        if second is not None:
            way.append(second[1].location)
    if not vehicle.open_end:
        way.append(place[vehicle.end_depot_id or vehicle.depot_id])
    return sum(int(travel.duration_s[a, b]) for a, b in pairwise(way))


def _by_route(amount: Callable[..., int], parameter: str, default: int | None = None) -> Measure:
    """``amount`` of each route above the limit in ``parameter``."""

    def measure(rule: Rule, facts: Facts) -> int:
        limit = _parameter(rule, parameter, default)
        return sum(max(0, amount(route, vehicle, visits, facts) - limit) for route, vehicle, visits in facts.of(rule))

    return measure


def _span(route: Route, *_: object) -> int:
    return route.end_s - route.start_s


def _on_duty(route: Route, *_: object) -> int:
    return route.end_s - route.start_s - sum(one.end_s - one.start_s for one in route.breaks)


def _fmcsa(rule: Rule, facts: Facts) -> int:
    return _by_route(_driving, "daily_driving_s", 39_600)(rule, facts) + _by_route(_span, "window_s", 50_400)(
        rule, facts
    )


def _nothing(rule: Rule, facts: Facts) -> int:
    """Rests are judged by ``proof.rests``; there is no amount of them."""
    return 0


def _daily_rest(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, vehicle, _ in facts.of(rule):
        ended = vehicle.attributes.get("last_shift_end_s")
        if type(ended) is int:
            rested = route.start_s + _parameter(rule, "day_s", 86_400) - ended
            total += max(0, _parameter(rule, "rest_s", 39_600) - rested)
    return total


def _segregation(rule: Rule, facts: Facts) -> int:
    name, total = _parameter(rule, "attribute", "goods"), 0
    for _, _, visits in facts.of(rule):
        for trip in _trips(tuple(one for one in visits if _in_scope(rule, one[1]))):
            aboard = set().union(*(_codes(order.attributes.get(name)) for _, order in trip))
            total += sum(set(pair.split("|", 1)) <= aboard for pair in _listed(_parameter(rule, "pairs")))
    return total


def _alone(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(order.order_id in rule.orders for _, order in trip)
        for _, _, visits in facts.of(rule)
        for trip in _trips(visits)
        if len(trip) > 1
    )


def _apart(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        count = sum(_in_scope(rule, order) for _, order in visits)
        total += count * (count - 1) // 2
    return total


def _compartments(rule: Rule, facts: Facts) -> int:
    name, prefix = _parameter(rule, "attribute", "goods"), _parameter(rule, "prefix", "compartment_")
    measure, total = _parameter(rule, "amount", "amount"), 0
    for _, vehicle, visits in facts.of(rule):
        for trip in _trips(tuple(one for one in visits if _in_scope(rule, one[1]))):
            for code in set().union(*(_codes(order.attributes.get(name)) for _, order in trip)):
                used = sum(
                    _integer(order.attributes.get(measure), 1) * _listed(order.attributes.get(name)).count(code)
                    for _, order in trip
                )
                total += max(0, used - _integer(vehicle.attributes.get(f"{prefix}{code}")))
    return total


def _trip_sum(default: str | None, by_vehicle: bool = False) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        name, total = _parameter(rule, "attribute", default), 0
        for _, vehicle, visits in facts.of(rule):
            limit = _integer(vehicle.attributes.get(name)) if by_vehicle else _parameter(rule, "limit")
            for trip in _trips(visits):
                amount = sum(_integer(order.attributes.get(name)) for _, order in trip if _in_scope(rule, order))
                total += max(0, amount - limit)
        return total

    return measure


def _trip_count(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, sum(_in_scope(rule, order) for _, order in trip) - _parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
        for trip in _trips(visits)
    )


def _distinct(rule: Rule, facts: Facts) -> int:
    name, total = _parameter(rule, "attribute"), 0
    for _, _, visits in facts.of(rule):
        values = set().union(*(_codes(o.attributes.get(name)) for _, o in visits if _in_scope(rule, o)))
        total += max(0, len(values) - _parameter(rule, "limit"))
    return total


def _ids(visits: tuple[tuple[Visit, Order], ...]) -> list[str]:
    return [order.order_id for _, order in visits]


def _precedence(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        ids = _ids(visits)
        for earlier, later in combinations(_listed(_parameter(rule, "sequence")), 2):
            total += earlier in ids and later in ids and ids.index(earlier) > ids.index(later)
    return total


def _consecutive(rule: Rule, facts: Facts) -> int:
    total = 0
    for _, _, visits in facts.of(rule):
        ids = _ids(visits)
        present = [one for one in _listed(_parameter(rule, "sequence")) if one in ids]
        total += sum(ids.index(b) - ids.index(a) != 1 for a, b in pairwise(present))
    return total


def _first(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(one not in rule.orders for one in _ids(visits)[:n])
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(_ids(visits))
        if order_id in rule.orders
    )


def _last(rule: Rule, facts: Facts) -> int:
    return sum(
        sum(one in rule.orders for one in _ids(visits)[:n])
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(_ids(visits))
        if order_id not in rule.orders
    )


def _early(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, n - _parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
        for n, order_id in enumerate(_ids(visits), start=1)
        if order_id in rule.orders
    )


def _falling(rule: Rule, facts: Facts) -> int:
    name = _parameter(rule, "attribute")
    return sum(
        _integer(b[1].attributes.get(name)) > _integer(a[1].attributes.get(name))
        for _, _, visits in facts.of(rule)
        for trip in _trips(tuple(one for one in visits if _in_scope(rule, one[1])))
        for a, b in pairwise(trip)
    )


def _lifo(rule: Rule, facts: Facts) -> int:
    """For each delivery: loads picked up after it that are still aboard."""
    total = 0
    for _, _, visits in facts.of(rule):
        scope = [order for _, order in visits if _in_scope(rule, order)]
        at = {order.order_id: n for n, order in enumerate(scope)}
        spans = [(at[o.order_id], at[o.pickup_of]) for o in scope if o.pickup_of and o.pickup_of in at]
        total += sum(a1 < a2 < b1 < b2 for a1, b1 in spans for a2, b2 in spans)
    return total


def _ride(rule: Rule, facts: Facts) -> int:
    total = 0
    for route, _, visits in facts.of(rule):
        gone = [route.start_s] + [one.departure_s for one in route.reloads]
        picked = {order.pickup_of: visit.departure_s for visit, order in visits if order.pickup_of}
        for visit, order in visits:
            if order.kind == "delivery" and _in_scope(rule, order):
                aboard = visit.arrival_s - picked.get(order.order_id, gone[visit.trip] if visit.trip < len(gone) else 0)
                total += max(0, aboard - _parameter(rule, "limit_s"))
    return total


def _gaps(rule: Rule, facts: Facts) -> Iterator[int]:
    for _, _, visits in facts.of(rule):
        at = {order.order_id: visit.service_start_s for visit, order in visits}
        present = [at[one] for one in _listed(_parameter(rule, "sequence")) if one in at]
        yield from (abs(b - a) for a, b in pairwise(present))


def _close(rule: Rule, facts: Facts) -> int:
    return sum(max(0, gap - _parameter(rule, "limit_s")) for gap in _gaps(rule, facts))


def _spaced(rule: Rule, facts: Facts) -> int:
    return sum(max(0, _parameter(rule, "limit_s") - gap) for gap in _gaps(rule, facts))


def _stops(route: Route, *_: object) -> int:
    return len(route.visits)


def _stops_most(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, sum(_in_scope(rule, order) for _, order in visits) - _parameter(rule, "limit"))
        for _, _, visits in facts.of(rule)
    )


def _stops_least(rule: Rule, facts: Facts) -> int:
    return sum(max(0, _parameter(rule, "limit") - len(visits)) for _, _, visits in facts.of(rule))


def _long_legs(rule: Rule, facts: Facts) -> int:
    return sum(
        max(0, visit.leg_s - _parameter(rule, "limit_s")) for _, _, visits in facts.of(rule) for visit, _ in visits
    )


def _spread(rule: Rule, facts: Facts) -> int:
    name, total = _parameter(rule, "attribute"), 0
    for _, _, visits in facts.of(rule):
        values = [_integer(o.attributes[name]) for _, o in visits if _in_scope(rule, o) and name in o.attributes]
        if values:
            total += max(0, max(values) - min(values) - _parameter(rule, "limit"))
    return total


# --- times


def _by_visit(late: Callable[[Visit, Rule], int]) -> Measure:
    def measure(rule: Rule, facts: Facts) -> int:
        return sum(late(visit, rule) for _, _, visit, _ in _visits(rule, facts))

    return measure


def _outside(visit: Visit, rule: Rule) -> int:
    start, end = _parameter(rule, "start_s"), _parameter(rule, "end_s")
    return max(0, start - visit.service_start_s) + max(0, visit.service_start_s - end)


def _is_outside(visit: Visit, rule: Rule) -> int:
    return int(visit.service_start_s < _parameter(rule, "start_s") or visit.service_start_s > _parameter(rule, "end_s"))


def _late(visit: Visit, rule: Rule) -> int:
    return max(0, visit.service_start_s - _parameter(rule, "end_s"))


def _done_late(visit: Visit, rule: Rule) -> int:
    return max(0, visit.departure_s - _parameter(rule, "end_s"))


def _waited(route: Route, *_: object) -> int:
    return sum(visit.service_start_s - visit.arrival_s for visit in route.visits)


def _ends(route: Route, *_: object) -> int:
    return route.end_s


def _too_early(rule: Rule, facts: Facts) -> int:
    return sum(max(0, _parameter(rule, "start_s") - route.start_s) for route, _, _ in facts.of(rule))


def _waves(rule: Rule, facts: Facts) -> int:
    slot = _parameter(rule, "slot_s", 1_800)
    starts = [route.start_s // slot for route, _, _ in facts.of(rule)]
    return sum(max(0, starts.count(one) - _parameter(rule, "limit")) for one in set(starts))


# --- the whole plan


def _groups(rule: Rule, facts: Facts) -> list[int]:
    """How many of the rule's orders each route serves, routes with none left out; of all vehicles."""
    counts = [sum(order.order_id in rule.orders for _, order in visits) for _, _, visits in facts.routes]
    return [one for one in counts if one]


def _same_vehicle(rule: Rule, facts: Facts) -> int:
    return max(0, len(_groups(rule, facts)) - 1)


def _different_vehicles(rule: Rule, facts: Facts) -> int:
    return sum(one - 1 for one in _groups(rule, facts))


def _all_or_none(rule: Rule, facts: Facts) -> int:
    served = len(facts.served & rule.orders)
    return 0 if served == 0 else len(rule.orders) - served


def _requires(rule: Rule, facts: Facts) -> int:
    return len(_codes(_parameter(rule, "needed")) - facts.served) if facts.served & rule.orders else 0


def _volume(rule: Rule, visits: tuple[tuple[Visit, Order], ...], route: Route) -> int:
    match _parameter(rule, "measure", "orders"):
        case "orders":
            return sum(_in_scope(rule, order) for _, order in visits)
        case "parcels":
            return sum(order.load.parcels for _, order in visits)
        case "distance_m":
            return route.distance_m
        case "duration_s":
            return route.end_s - route.start_s
    return 0


def _own(rule: Rule, facts: Facts) -> list[int]:
    return [_volume(rule, visits, route) for route, _, visits in facts.of(rule)]


def _volume_most(rule: Rule, facts: Facts) -> int:
    return max(0, sum(_own(rule, facts)) - _parameter(rule, "limit"))


def _volume_least(rule: Rule, facts: Facts) -> int:
    return max(0, _parameter(rule, "limit") - sum(_own(rule, facts)))


def _share(rule: Rule, facts: Facts) -> tuple[int, int]:
    everybody = sum(_volume(rule, visits, route) for route, _, visits in facts.routes)
    return sum(_own(rule, facts)), everybody * _parameter(rule, "percent") // 100


def _share_most(rule: Rule, facts: Facts) -> int:
    own, share = _share(rule, facts)
    return max(0, own - share)


def _share_least(rule: Rule, facts: Facts) -> int:
    own, share = _share(rule, facts)
    return max(0, share - own)


def _balance(rule: Rule, facts: Facts) -> int:
    own = _own(rule, facts) or [0]
    return max(0, max(own) - min(own) - _parameter(rule, "limit"))


def _vehicles_most(rule: Rule, facts: Facts) -> int:
    return max(0, len(list(facts.of(rule))) - _parameter(rule, "limit"))


def _vehicles_least(rule: Rule, facts: Facts) -> int:
    return max(0, _parameter(rule, "limit") - len(list(facts.of(rule))))


def _priority(rule: Rule, facts: Facts) -> int:
    return len(rule.orders - facts.served)


def _fallback(rule: Rule, facts: Facts) -> int:
    fleets = _codes(_parameter(rule, "fallback"))
    return sum(
        order.order_id in rule.orders
        for _, vehicle, visits in facts.routes
        if vehicle.fleet_id in fleets
        for _, order in visits
    )


MEASURES: dict[str, Measure] = {
    "access_height": _numeric("height_mm", 1),
    "access_width": _numeric("width_mm", 1),
    "access_length": _numeric("length_mm", 1),
    "access_mass": _numeric("gross_mass_kg", 1),
    "access_axle_load": _numeric("axle_load_kg", 1),
    "emission_class": _numeric("emission_class", -1),
    "crew_size": _numeric("crew", -1),
    "equipment": _codes_held("equipment"),
    "permit": _codes_held("permits"),
    "proof_of_delivery": _codes_held("proof"),
    "driver_skill": _codes_held("skills"),
    "vehicle_class": _code_allowed("vehicle_class"),
    "powertrain": _code_allowed("powertrain"),
    "zone_closed": _zone_closed,
    "territory": _territory,
    "vehicle_forbidden": _forbidden,
    "vehicle_only": _only,
    "item_limit": _item,
    "goods_allowed": _goods,
    "usual_driver": _usual,
    "eu561": _by_route(_driving, "daily_driving_s", 32_400),
    "fmcsa": _fmcsa,
    "working_time_break": _nothing,
    "meal_break": _nothing,
    "max_driving": _by_route(_driving, "limit_s"),
    "max_working": _by_route(_on_duty, "limit_s"),
    "daily_rest": _daily_rest,
    "goods_segregation": _segregation,
    "rides_alone": _alone,
    "orders_apart": _apart,
    "compartments": _compartments,
    "cash_limit": _trip_sum("cash_minor"),
    "value_limit": _trip_sum("value_minor"),
    "hazard_points": _trip_sum("hazard_points"),
    "attribute_limit": _trip_sum(None),
    "attribute_capacity": _trip_sum(None, by_vehicle=True),
    "count_limit": _trip_count,
    "distinct_limit": _distinct,
    "precedence": _precedence,
    "consecutive": _consecutive,
    "served_first": _first,
    "served_last": _last,
    "early_position": _early,
    "attribute_order": _falling,
    "lifo": _lifo,
    "max_ride": _ride,
    "close_in_time": _close,
    "spaced_in_time": _spaced,
    "same_vehicle": _same_vehicle,
    "different_vehicles": _different_vehicles,
    "all_or_none": _all_or_none,
    "requires": _requires,
    "max_stops": _stops_most,
    "min_stops": _stops_least,
    "max_distance": _by_route(lambda route, *_: route.distance_m, "limit_m"),
    "max_duration": _by_route(_span, "limit_s"),
    "max_trips": _by_route(lambda route, *_: len(route.reloads) + 1, "limit"),
    "max_leg": _long_legs,
    "compactness": _spread,
    "window": _by_visit(_outside),
    "window_missed": _by_visit(_is_outside),
    "lateness": _by_visit(_late),
    "done_by": _by_visit(_done_late),
    "max_waiting": _by_route(_waited, "limit_s"),
    "latest_return": _by_route(_ends, "end_s"),
    "earliest_departure": _too_early,
    "dock_wave": _waves,
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
"""Registered type -> its measure. A test holds that these are exactly the types of ``solvers.families``."""
