"""A plan that says only who serves what in which sequence: timed and priced as it would be driven, rules kept or not.

What a dispatcher writes down need not keep every rule; ``solvers.judgement`` then says which it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.errors import PlanningError
from solvers.engines import RELOAD
from solvers.plan import Plan
from solvers.planner import assemble
from solvers.problem import LARGEST, Load, PlanningProblem
from solvers.proof import excess
from solvers.softened import build, items_of

UNBOUND = Load(LARGEST, LARGEST, LARGEST)


def drive(problem: PlanningProblem, sequences: Mapping[str, Sequence[str]]) -> Plan:
    """Times and prices of ``sequences`` (vehicle id -> order ids, ``""`` parts trips), limits and rules left aside.

    Raises:
        PlanningError: a vehicle or an order is unknown, or an order is there twice.
    """
    vehicles = {vehicle.vehicle_id for vehicle in problem.vehicles}
    orders = {order.order_id for order in problem.orders}
    seen: set[str] = set()
    for vehicle_id, ids in sequences.items():
        if vehicle_id not in vehicles:
            raise PlanningError(f"plan: the problem has no vehicle {vehicle_id[:80]!r}")
        for one in ids:
            if one == RELOAD:
                continue
            if one not in orders:
                raise PlanningError(
                    f"plan: vehicle {vehicle_id[:80]!r} visits {one[:80]!r}, the problem has no such order"
                )
            if one in seen:
                raise PlanningError(f"plan: order {one[:80]!r} is visited twice")
            seen.add(one)
    data = tuple(rule for rule in problem.rules if rule.type.startswith("weather_sp") or rule.type == "weather_service")
    free = build(replace(problem, rules=data, locks=()), items_of(replace(problem, rules=())), ())
    free = replace(
        free,
        orders=tuple(replace(one, depot_id="", pickup_of="", group="") for one in free.orders),
        vehicles=tuple(replace(one, capacity=UNBOUND, max_trips=max(99, one.max_trips)) for one in free.vehicles),
    )
    kept = {key: list(ids) for key, ids in sequences.items() if ids}
    try:
        plan = assemble(free, kept, engine="given", seed=0, solver_s=0.0, reasons=False)
    except AssertionError as error:
        raise PlanningError("plan: a route cannot be driven at all (it begins or ends with a reload)") from error
    charged = sum(excess(problem, plan, rule) * rule.price_minor for rule in problem.rules if not rule.hard)
    return replace(plan, rule_minor=charged, penalty_minor=_penalty(problem, seen))


def _penalty(problem: PlanningProblem, served: set[str]) -> int:
    """Penalties of what is left out; of alternatives the dearest, where none is served."""
    taken = {one.group for one in problem.orders if one.group and one.order_id in served}
    groups: dict[str, int] = {}
    total = 0
    for one in problem.orders:
        if one.order_id in served or (one.group and one.group in taken):
            continue
        if one.group:
            groups[one.group] = max(groups.get(one.group, 0), one.penalty_minor)
        else:
            total += one.penalty_minor
    return total + sum(groups.values())
