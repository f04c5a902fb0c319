"""A route that nobody drives any more, or many orders at once: whole new routes for vehicles that stand idle.

One order after another never pays for a van of its own. Here all that is stranded is planned at once for an idle van
by the solver's own repair, and the route is taken where it costs less than its orders would one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.errors import PlanningError
from operations.dispatch.ahead import ahead, here, to_do
from operations.dispatch.approval import spoken_for
from operations.dispatch.repair import HANDOVER, HANDOVER_S, aboard_broken, flat_minor
from operations.dispatch.rules import rules_between
from operations.dispatch.whole_routes import NOTHING as UNRULED
from operations.dispatch.whole_routes import Weighed, weigh
from operations.state.day import Day
from operations.state.entities import IDLE, VehicleState
from operations.state.fold import DayState
from solvers.plan import Plan
from solvers.problem import Depot, Order, PlanningProblem, Vehicle
from solvers.replan import repair

FEWEST, MOST = 3, 60
"""Orders from which a van of their own is looked at, and how many at once."""
MOST_VEHICLES = 2
ITERATIONS = 20
MOST_ROUTES = 3
LOADING_S = 900
"""From the decision to leaving the depot."""
NOTHING = Plan((), (), 0, 0, 0, "none", 0, 0.0)


@dataclass(frozen=True, slots=True)
class Takeover:
    """A new route: ``price_minor`` is all it costs, ``otherwise_minor`` what its orders would cost without it."""

    vehicle_id: str
    orders: tuple[str, ...]
    price_minor: int
    otherwise_minor: int
    late: Mapping[str, int] = field(default_factory=dict)
    """Orders that it serves later than promised, beyond what is material, and by how many seconds."""
    handover: Order | None = None
    rules: Weighed = UNRULED
    """What rules of whole routes charge for it."""


def takeovers(state: DayState, orders: Sequence[Order], otherwise: dict[str, int]) -> list[Takeover]:
    """New routes of idle vehicles for ``orders`` that cost less than ``otherwise``; the best saving first.

    Goods that are aboard a broken vehicle are planned from there, those at a depot from that depot; who stands
    elsewhere drives there first. What was found for a state is kept with it: an event may be looked at twice.
    """
    key = ("takeovers", tuple((one.order_id, otherwise.get(one.order_id)) for one in orders[:MOST]))
    if key not in state.memo:
        state.memo[key] = _takeovers(state, orders, otherwise)
    return list(state.memo[key])


def _takeovers(state: DayState, orders: Sequence[Order], otherwise: dict[str, int]) -> list[Takeover]:
    groups: dict[str, list[Order]] = {}
    for order in orders[:MOST]:
        goods = aboard_broken(state, order)
        depot = order.depot_id or state.day.problem.depots[0].depot_id
        groups.setdefault(goods.vehicle_id if goods is not None else f"@{depot}", []).append(order)
    found: list[Takeover] = []
    for source, own in sorted(groups.items()):
        if len(own) >= FEWEST:
            taken = {one.vehicle_id for one in found}
            found += _planned(state, own, otherwise, source, taken)
    return sorted(found, key=lambda one: (one.price_minor - one.otherwise_minor, one.vehicle_id))


def _planned(
    state: DayState, orders: list[Order], otherwise: dict[str, int], source: str, taken: set[str]
) -> list[Takeover]:
    day, now = state.day, max(0, state.clock_s)
    at_depot = source.startswith("@")
    place = day.problem.depot(source[1:]).location if at_depot else here(state, state.vehicles[source])[0]
    out = taken | spoken_for(state)
    free = [
        day.vehicles[name]
        for name in sorted(state.vehicles)
        if name in day.vehicles and name not in out and idle(state, state.vehicles[name])
    ]
    # the nearest first, then by what a route costs before anything is driven
    free.sort(key=lambda one: (_way_s(day, one, place), one.tariff.per_route_minor, one.vehicle_id))
    found, left = list[Takeover](), list(orders)
    while len(left) >= FEWEST and len(found) < MOST_ROUTES:
        tried = [_route(state, left, otherwise, one, source, place, now) for one in free[:MOST_VEHICLES]]
        best = max(
            (one for one in tried if one is not None),
            key=lambda one: (one.otherwise_minor - one.price_minor, one.vehicle_id),
            default=None,
        )
        if best is None:
            break
        found.append(best)
        left = [one for one in left if one.order_id not in best.orders]
        free = [one for one in free if one.vehicle_id != best.vehicle_id]
    return found


def _route(
    state: DayState, orders: list[Order], otherwise: dict[str, int], base: Vehicle, source: str, place: int, now: int
) -> Takeover | None:
    """A route of one vehicle for as many of ``orders`` as fit; None where it saves nothing."""
    day = state.day
    problem = _problem(day, orders, otherwise, base, place, now)
    if problem is None:
        return None
    made = repair(problem, NOTHING, seed=day.seed, iterations=ITERATIONS)
    by_id = {one.order_id: one for one in orders}
    names = tuple(visit.order_id for route in made.routes for visit in route.visits)
    handover = None
    if day.problem.depot(base.depot_id).location != place:
        handover = Order(f"{HANDOVER}{source}/{base.vehicle_id}", place, service_s=HANDOVER_S, kind="pickup")
    stops = [*([handover] if handover else []), *(by_id[name] for name in names)]
    driven = ahead(state, state.vehicles[base.vehicle_id], stops)
    flat = base.tariff.per_route_minor + sum(flat_minor(state, base, by_id[name]) for name in names)
    rules = weigh(state, base.vehicle_id, stops)
    price, before = driven.cost_minor + flat + rules.charged_minor, sum(otherwise[name] for name in names)
    if price >= before or len(names) < FEWEST or rules.barred:
        return None
    late = {stop.order_id: stop.late_s for stop in driven.stops if stop.late_s > day.prices.material_s}
    return Takeover(base.vehicle_id, names, price, before, late, handover, rules)


def _way_s(day: Day, vehicle: Vehicle, place: int) -> int:
    """Seconds from a vehicle's depot to where the goods are, handing over included; 0 where they are at that depot."""
    depot = day.problem.depot(vehicle.depot_id).location
    return 0 if depot == place else int(day.problem.travel_of(vehicle).duration_s[depot, place]) + HANDOVER_S


def idle(state: DayState, vehicle: VehicleState) -> bool:
    """Whether a vehicle stands at its depot with nothing to do."""
    return vehicle.status == IDLE and not vehicle.left and not to_do(state, vehicle)


def _problem(
    day: Day, orders: list[Order], otherwise: dict[str, int], base: Vehicle, place: int, now: int
) -> PlanningProblem | None:
    """The stranded orders as a problem of their own. What the route itself costs is weighed afterwards."""
    whole = day.problem
    start = max(base.start_s, now + LOADING_S) + _way_s(day, base, place)
    if start >= base.end_s:
        return None
    tariff = replace(base.tariff, per_route_minor=0)
    end = base.end_depot_id or base.depot_id
    vehicle = replace(base, start_s=start, depot_id="goods", end_depot_id=end, tariff=tariff)
    wanted = tuple(replace(one, penalty_minor=otherwise[one.order_id], depot_id="goods") for one in orders)
    depots = (*whole.depots, Depot("goods", place))
    try:
        rules = rules_between(day, wanted, base)
        return PlanningProblem(depots, wanted, (vehicle,), whole.travel, whole.currency, rules, profiles=whole.profiles)
    except PlanningError:
        return None  # an order that no problem can hold is looked at by itself
