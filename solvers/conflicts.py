"""Conflicts: the minimal set of constraints that keeps an order out, and the cheapest ways to let it in.

The minimal set is an irreducible infeasible subset found by deletion (Chinneck and Dravnieks 1991, ORSA Journal on
Computing 3(2)): drop each constraint for good where the order, with all orders that are served now, still cannot be
served without it. What remains is needed in whole.

A relaxation is found by pricing every constraint that is for sale and planning anew; what the cheapest plan exceeds is
what would have to give. It is certified: the problem with exactly so much given is planned, and the proof finds
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from solvers.engines import RELOAD, Sequences, insertion
from solvers.evaluator import Evaluation, Evaluator
from solvers.explainer import sequences_of
from solvers.families import RouteSummary
from solvers.plan import Plan, Relaxation, Unserved
from solvers.problem import AUTHORITIES, Order, PlanningProblem, Travel, Vehicle
from solvers.proof import excess
from solvers.softened import Item, Prices, build, items_of, relaxed
from solvers.verifier import verify

MUST = 10**12
"""Penalty of an order that has to be served while a conflict is looked for."""
SMALL = 6
"""Up to so many orders (on vehicles with one trip) every plan is tried: answers are then exact."""
NEAR_VEHICLES = 4
"""Larger days: the vehicles with the cheapest ways to take the order are looked at."""
ROUNDS = 3
STEPS = 25
"""Ruin and recreate, so many times so long, before a larger day counts as infeasible."""


class OutOfTimeError(Exception):
    """The time for an explanation is over, and whether there is a plan is not known."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why an order cannot be served: a minimal set of constraints, and relaxations, the cheapest first."""

    order_id: str
    items: tuple[Item, ...]
    relaxations: tuple[Relaxation, ...]
    excesses: tuple[dict[str, int], ...] = ()
    """For each relaxation: the items that give, and by how many units."""


@dataclass
class _Case:
    """One order among the vehicles that could take it, and the orders these serve."""

    problem: PlanningProblem
    order_id: str
    initial: Sequences
    cost_without: int
    deadline: float
    items: Mapping[str, Item] = field(default_factory=dict)
    known: dict[frozenset[str], bool] = field(default_factory=dict)


def explain_conflict(
    problem: PlanningProblem,
    plan: Plan,
    order_id: str,
    *,
    prices: Prices | None = None,
    most: int = 3,
    seconds: float = 5.0,
    seed: int = 0,
) -> Conflict:
    """Why ``order_id`` is not served by ``plan``, and what would let it in.

    Args:
        most: relaxations looked for.
        seconds: time after which no further search is begun; where even the minimal set is not found by then, the
            answer is empty.

    Raises:
        KeyError: the problem has no such order.
    """
    case = _case(problem, plan, order_id, time.monotonic() + seconds)
    case.items = items_of(case.problem, prices)
    try:
        if _feasible(case, frozenset(case.items), seed):
            return Conflict(order_id, (), _dearer(case, orders_penalty(problem, order_id), seed), ({},))
        conflict = _minimal(case, seed)
    except OutOfTimeError:
        return Conflict(order_id, (), ())
    ranked = _ranked(case, most, seed)
    return Conflict(
        order_id,
        tuple(case.items[key] for key in conflict),
        tuple(one for one, _ in ranked),
        tuple(given for _, given in ranked),
    )


def _ranked(case: _Case, most: int, seed: int) -> list[tuple[Relaxation, dict[str, int]]]:
    """Up to ``most`` relaxations, the cheapest first: after each, those without one of what it gives are looked for."""
    ranked: list[tuple[Relaxation, dict[str, int]]] = []
    tried: set[frozenset[str]] = set()
    waiting: list[frozenset[str]] = [frozenset()]
    while waiting and len(ranked) < most and time.monotonic() < case.deadline:
        kept = waiting.pop(0)
        if kept in tried:
            continue
        tried.add(kept)
        try:
            found = _cheapest(case, kept, seed)
        except OutOfTimeError:
            break
        if found is None:
            continue
        if all(found[1] != one for _, one in ranked):
            ranked.append(found)
        waiting.extend(kept | {key} for key in found[1])
    return sorted(ranked, key=lambda one: (not one[0].certified, one[0].price_minor, one[0].what))


def orders_penalty(problem: PlanningProblem, order_id: str) -> int:
    """What leaving the order costs."""
    return next(order.penalty_minor for order in problem.orders if order.order_id == order_id)


def _dearer(case: _Case, penalty: int, seed: int) -> tuple[Relaxation, ...]:
    """Nothing keeps the order out but its price: what the penalty would have to be."""
    sequences = _solve(case, case.problem, seed, cheapest=True)
    if sequences is None:
        return ()
    price = _cost(Evaluator(case.problem), sequences) - case.cost_without
    words = f"it can be served for {price} minor units more; leaving it costs {penalty}"
    return (Relaxation(words, "policy", price, _certified(case, {}, sequences)),)


def with_conflicts(
    problem: PlanningProblem, plan: Plan, *, prices: Prices | None = None, seconds: float = 10.0, most: int = 3
) -> Plan:
    """``plan`` whose unserved orders name their minimal conflict and their relaxations, as far as time allows."""
    ends = time.monotonic() + seconds
    found: list[Unserved] = []
    for number, one in enumerate(plan.unserved):
        left = (ends - time.monotonic()) / (len(plan.unserved) - number)
        if left <= 0 or one.reason == "alternative_served":
            found.append(one)
            continue
        conflict = explain_conflict(problem, plan, one.order_id, prices=prices, seconds=left, most=most)
        codes = tuple(item.words for item in conflict.items)
        found.append(replace(one, conflict=codes, relaxations=conflict.relaxations))
    return replace(plan, unserved=tuple(found))


# --- the case


def _case(problem: PlanningProblem, plan: Plan, order_id: str, deadline: float) -> _Case:
    """The order, the vehicles nearest to it, what these serve: with its own small matrices."""
    orders = {order.order_id: order for order in problem.orders}
    order = orders[order_id]
    partners = {order_id}
    partners |= {one.order_id for one in problem.orders if one.pickup_of == order_id}
    partners |= {order.pickup_of} - {""}
    served = {route.vehicle_id: [visit.order_id for visit in route.visits] for route in plan.routes}
    chosen = _near(problem, served, order)
    kept_orders = [one for v in chosen for one in served.get(v.vehicle_id, [])]
    members = {*kept_orders, *partners}
    ids = {v.vehicle_id for v in chosen}
    rules = tuple(
        replace(rule, orders=rule.orders & members, vehicles=rule.vehicles & ids)
        for rule in problem.rules
        if (not rule.orders or rule.orders & members) and (not rule.vehicles or rule.vehicles & ids)
    )
    places = sorted({d.location for d in problem.depots} | {orders[one].location for one in members})
    at = {place: n for n, place in enumerate(places)}
    small = replace(
        problem,
        depots=tuple(replace(d, location=at[d.location]) for d in problem.depots),
        orders=tuple(
            replace(o, location=at[o.location], penalty_minor=MUST, required=True, group="")
            for o in problem.orders
            if o.order_id in members
        ),
        vehicles=tuple(chosen),
        travel=_part(problem.travel, places),
        profiles={name: _part(one, places) for name, one in problem.profiles.items()},
        rules=rules,
        locks=tuple(
            lock
            for one in problem.locks
            if one.vehicle_id in ids
            and (lock := replace(one, orders=tuple(o for o in one.orders if o in members))).orders
        ),
    )
    initial = {key: sequence for key, sequence in sequences_of(plan).items() if key in ids}
    return _Case(small, order_id, initial, _cost(Evaluator(small), initial), deadline)


def _near(problem: PlanningProblem, served: Mapping[str, list[str]], order: Order) -> list[Vehicle]:
    """Vehicles that could take the order, by the detour from where they are; unused ones of each fleet first."""
    place = {one.order_id: one.location for one in problem.orders}
    depots = {depot.depot_id: depot.location for depot in problem.depots}
    ranked = []
    for vehicle in problem.vehicles:
        if order.depot_id not in {"", vehicle.depot_id}:
            continue
        row = problem.travel_of(vehicle).duration_s[order.location]
        stops = [place[one] for one in served.get(vehicle.vehicle_id, []) if one in place]
        away = min(int(row[one]) for one in [depots[vehicle.depot_id], *stops])
        ranked.append((away, len(stops), vehicle.vehicle_id, vehicle))
    ranked.sort(key=lambda one: one[:3])
    if len(problem.orders) <= SMALL + 2:
        return [one[3] for one in ranked]
    return [one[3] for one in ranked[:NEAR_VEHICLES]]


def _part(travel: Travel, places: list[int]) -> Travel:
    pick = np.ix_(places, places)
    table = None if travel.by_start_s is None else travel.by_start_s[:, places][:, :, places]
    return replace(travel, distance_m=travel.distance_m[pick], duration_s=travel.duration_s[pick], by_start_s=table)


# --- feasibility and the minimal set


def _feasible(case: _Case, hard: frozenset[str], seed: int) -> bool:
    """Whether all orders of the case can be served while the items of ``hard`` hold."""
    for known, answer in case.known.items():
        if (answer and hard <= known) or (not answer and known <= hard):
            return answer
    problem = build(case.problem, case.items, hard)
    answer = _solve(case, problem, seed) is not None
    case.known[hard] = answer
    return answer


def _minimal(case: _Case, seed: int) -> list[str]:
    """Keys of an irreducible set, strongest authority first."""
    hard = frozenset(case.items)
    if _feasible(case, frozenset(), seed):  # else nothing that has a name keeps it out
        order = sorted(case.items.values(), key=lambda item: (_touches(case, item), -AUTHORITIES.index(item.authority)))
        block = max(1, len(order) // 4)
        left = [item.key for item in order]
        while left:
            part, rest = left[:block], left[block:]
            if not _feasible(case, hard - set(part), seed):
                hard, left = hard - set(part), rest
            elif block > 1:
                block = max(1, block // 2)
            else:
                left = rest
                block = min(4, max(1, len(left) // 4))
    else:
        hard = frozenset()
    return sorted(hard, key=lambda key: (AUTHORITIES.index(case.items[key].authority), key))


def _touches(case: _Case, item: Item) -> bool:
    """Whether the item speaks of the order itself: such are kept where there is a choice."""
    if f":{case.order_id}" in item.key:
        return True
    return item.rule is not None and case.order_id in item.rule.orders


# --- relaxations


def _cheapest(case: _Case, kept: frozenset[str], seed: int) -> tuple[Relaxation, dict[str, int]] | None:
    """The cheapest relaxation in which ``kept`` does not give; None where only what is not for sale would help."""
    priced = {key for key, item in case.items.items() if item.for_sale and key not in kept}
    hard = set(case.items) - priced
    problem = build(case.problem, case.items, hard, priced)
    sequences = _solve(case, problem, seed, cheapest=True)
    if sequences is None:
        return None
    from solvers.planner import assemble

    plan = assemble(problem, sequences, engine="relaxation", seed=seed, solver_s=0.0, reasons=False)
    given = {
        key: units
        for key in sorted(priced)
        if (rule := case.items[key].rule) is not None and (units := excess(problem, plan, rule))
    }
    if not given:
        return None
    price = plan.transport_minor + plan.failure_minor + plan.rule_minor - case.cost_without
    words = "; ".join(_give_words(case.items[key], units) for key, units in given.items())
    authority = min((case.items[key].authority for key in given), key=AUTHORITIES.index)
    return Relaxation(words, authority, price, _certified(case, given, sequences)), given


def _give_words(item: Item, units: int) -> str:
    return f"{item.words}: give {units} {item.unit}".rstrip() + f" at {item.price_minor} each"


def _certified(case: _Case, given: Mapping[str, int], sequences: Sequences) -> bool:
    """Whether the problem with exactly ``given`` relaxed can be planned with the order in, and is proven."""
    from solvers.planner import assemble

    problem = relaxed(case.problem, case.items, given)
    try:
        plan = assemble(problem, sequences, engine="relaxation", seed=0, solver_s=0.0, reasons=False)
    except AssertionError:
        again = _solve(replace_problem(case, problem), problem, 1)
        if again is None:
            return False
        plan = assemble(problem, again, engine="relaxation", seed=1, solver_s=0.0, reasons=False)
    return not plan.unserved and not verify(problem, plan)


def replace_problem(case: _Case, problem: PlanningProblem) -> _Case:
    """The case with another problem, for a re-solve."""
    return replace(case, problem=problem, known={})


# --- solving small problems


def _solve(case: _Case, problem: PlanningProblem, seed: int, *, cheapest: bool = False) -> Sequences | None:
    """Sequences that serve every order, the cheapest where asked; None where there are none (or none was found)."""
    plain = all(v.max_trips == 1 for v in problem.vehicles) and not any(o.pickup_of for o in problem.orders)
    evaluator = Evaluator(problem)
    if plain and not problem.locks and len(problem.orders) <= SMALL and len(problem.vehicles) <= 3:
        return _every(evaluator, cheapest)
    paired = any(case.order_id in {one.order_id, one.pickup_of} for one in problem.orders if one.pickup_of)
    if not paired and not _alone(evaluator, case.order_id):
        return None
    best: Sequences | None = None
    initial = case.initial
    cost = 0
    for round_ in range(ROUNDS):
        found = insertion.improve(
            problem, initial, seed=seed + round_, iterations=STEPS, deadline=case.deadline, evaluator=evaluator
        )
        served = {one for ids in found.values() for one in ids}
        complete = all(order.order_id in served for order in problem.orders)
        if complete and not _hard_excess(evaluator, found):
            now = _cost(evaluator, found)
            if best is None or now < cost:
                best, cost = found, now
            if not cheapest:
                return best
        initial = found
        if time.monotonic() > case.deadline:
            if best is None:
                raise OutOfTimeError
            break
    return best


def _alone(evaluator: Evaluator, order_id: str) -> bool:
    """Whether some vehicle could serve the order and nothing else; True where a rule may want company."""
    rules = evaluator.rules.route
    if any(rule.hard and not kind.monotone and kind.unit in {"stop", "unit"} for rule, kind in rules):
        return True
    order = evaluator.orders[order_id]
    return any(evaluator.evaluate(vehicle, [order]) is not None for vehicle in evaluator.problem.vehicles)


def _summaries(evaluator: Evaluator, sequences: Sequences) -> Iterator[tuple[Evaluation, RouteSummary]]:
    for vehicle_id, ids in sequences.items():
        vehicle = evaluator.vehicles[vehicle_id]
        stops = [None if one == RELOAD else evaluator.orders[one] for one in ids]
        found = evaluator.evaluate(vehicle, stops)
        if found is not None and ids:
            yield found, evaluator.summary(vehicle, stops, found.timing)


def _hard_excess(evaluator: Evaluator, sequences: Sequences) -> int:
    return evaluator.rules.plan_price([one for _, one in _summaries(evaluator, sequences)])[0]


def _cost(evaluator: Evaluator, sequences: Sequences) -> int:
    both = list(_summaries(evaluator, sequences))
    return sum(found.cost for found, _ in both) + evaluator.rules.plan_price([one for _, one in both])[1]


def _every(evaluator: Evaluator, cheapest: bool) -> Sequences | None:
    """Try every plan that serves all orders: each order at each place of each route."""
    orders = list(evaluator.problem.orders)
    vehicles = list(evaluator.problem.vehicles)
    known: dict[tuple[str, tuple[str, ...]], Evaluation | None] = {}
    best: Sequences | None = None
    lowest = 0

    def judged(vehicle: Vehicle, ids: tuple[str, ...]) -> Evaluation | None:
        key = (vehicle.vehicle_id, ids)
        if key not in known:
            known[key] = evaluator.evaluate(vehicle, [evaluator.orders[one] for one in ids])
        return known[key]

    for plan in _plans([order.order_id for order in orders], len(vehicles)):
        routes = [(v, ids, judged(v, ids)) for v, ids in zip(vehicles, plan, strict=True) if ids]
        found = [(v, ids, one) for v, ids, one in routes if one is not None]
        if len(found) < len(routes):
            continue
        cost = sum(one.cost for _, _, one in found)
        if evaluator.rules.plan:
            summaries = [evaluator.summary(v, [evaluator.orders[o] for o in ids], one.timing) for v, ids, one in found]
            hard, priced = evaluator.rules.plan_price(summaries)
            if hard:
                continue
            cost += priced
        if best is None or cost < lowest:
            best, lowest = {v.vehicle_id: list(ids) for v, ids, _ in found}, cost
            if not cheapest:
                return best
    return best


def _plans(ids: list[str], routes: int) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Every way to put ``ids`` in sequence on ``routes`` routes."""
    if not ids:
        yield ((),) * routes
        return
    for plan in _plans(ids[1:], routes):
        for n, route in enumerate(plan):
            for at in range(len(route) + 1):
                yield (*plan[:n], (*route[:at], ids[0], *route[at:]), *plan[n + 1 :])
