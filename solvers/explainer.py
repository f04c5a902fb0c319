"""Why an order is on no route: the first rule that no vehicle keeps, in words a dispatcher can act on."""

from __future__ import annotations

import time
from collections.abc import Sequence

from solvers.engines import RELOAD, Sequences
from solvers.engines.state import State
from solvers.evaluator import Evaluator, may_serve
from solvers.plan import Plan, Route, Unserved
from solvers.problem import Order, PlanningProblem, Vehicle

OUT_OF_TIME = "out_of_time"
"""The code of orders that more seconds might have served."""


def sequences_of(plan: Plan) -> Sequences:
    """The sequences of a plan's routes."""
    return {route.vehicle_id: _ids(route) for route in plan.routes}


def _ids(route: Route) -> list[str]:
    ids: list[str] = []
    trip = 0
    for visit in route.visits:
        if visit.trip != trip:
            ids.append(RELOAD)
            trip = visit.trip
        ids.append(visit.order_id)
    return ids


def explain(
    problem: PlanningProblem,
    plan: Plan,
    evaluator: Evaluator | None = None,
    deadline: float = float("inf"),
    *,
    starved: bool = False,
) -> tuple[Unserved, ...]:
    """The unserved orders of ``plan`` with their binding rule, each rule tried on all vehicles.

    ``starved``: the search had no time to change routes for what is left. Then full vehicles are no reason: the order
    is said to have run out of time. What is not examined by ``deadline`` (of ``time.monotonic``) is said to be left out
    by choice of the search, or to have run out of time.
    """
    if time.monotonic() >= deadline:
        return tuple(_left_out(one, starved) for one in plan.unserved)
    evaluator = evaluator or Evaluator(problem)
    state = State(evaluator)
    state.take_over(sequences_of(plan))
    return tuple(
        _reason(state, evaluator.orders[one.order_id], starved)
        if time.monotonic() < deadline
        else _left_out(one, starved)
        for one in plan.unserved
    )


def _left_out(one: Unserved, starved: bool) -> Unserved:
    if starved:
        words = "the search ran out of time before it could serve it, and before its rules could be examined"
        return Unserved(one.order_id, OUT_OF_TIME, words, one.penalty_minor)
    words = f"leaving it costs {one.penalty_minor}; the search found no cheaper plan that serves it"
    return Unserved(one.order_id, "left_out", words, one.penalty_minor)


def _reason(state: State, order: Order, starved: bool = False) -> Unserved:  # noqa: PLR0911 - one return a reason
    evaluator = state.evaluator

    def because(code: str, words: str) -> Unserved:
        return Unserved(order.order_id, code, words, order.penalty_minor)

    problem = evaluator.problem
    vehicles: list[Vehicle] = [v for v in problem.vehicles if order.depot_id in {"", v.depot_id}]
    if not vehicles:
        return because("no_capacity", f"no vehicle starts from depot {order.depot_id} on this day")
    if order.group and any(evaluator.orders[one].group == order.group for one in state.place):
        return because("alternative_served", f"another alternative of {order.group} is served")
    certified = [v for v in vehicles if all(c in v.certifications for c in order.required_certifications)]
    if not certified:
        codes = ", ".join(sorted(order.required_certifications))
        return because("certification", f"no driver of the day holds {codes}")
    allowed = [v for v in certified if v.vehicle_id not in order.banned_vehicles]
    if not allowed:
        return because("vehicle_ban", f"all {len(certified)} certified vehicles are banned from this customer")
    large = [v for v in allowed if may_serve(v, order)]
    if not large:
        return because("capacity", _capacity_words(order, allowed))
    kept = [v for v in large if evaluator.pair_price(v, order) is not None]
    if not kept:
        return because(*_forbidden_by(evaluator, large, order))
    in_time = [v for v in kept if _alone(evaluator, v, order)]
    if not in_time:
        return because("time_window", "no vehicle can start service inside the window and be back within its shift")
    if order.pickup_of:
        return because("pair", f"its delivery {order.pickup_of} is not served")
    best = state.best_insertion(order)
    if best is not None and best.delta <= order.penalty_minor:
        words = f"there is a place for it for {best.delta} minor units: the search ran out of time before it was used"
        return because(OUT_OF_TIME, words)
    if best is None and starved:
        return because(
            OUT_OF_TIME,
            f"no place is left on the routes of the {len(in_time)} vehicles that could serve it, and the search ran "
            "out of time before it could change these routes: more seconds may serve it",
        )
    if best is None:
        return because(
            "no_capacity",
            f"the {len(in_time)} vehicles that could serve it are full: "
            "no place on their routes keeps loads, windows and shifts",
        )
    return because(
        "dearer_than_penalty",
        f"the cheapest way to serve it adds {best.delta} minor units, leaving it costs {order.penalty_minor}",
    )


def _alone(evaluator: Evaluator, vehicle: Vehicle, order: Order) -> bool:
    """Whether ``vehicle`` could serve this order and nothing else."""
    pickup = evaluator.pairs.get(order.order_id)
    partner = evaluator.orders[order.pickup_of] if order.pickup_of else None
    stops = [order] if pickup is None else [evaluator.orders[pickup], order]
    if partner is not None:
        stops = [order, partner]
    return evaluator.evaluate(vehicle, stops) is not None


def _forbidden_by(evaluator: Evaluator, vehicles: Sequence[Vehicle], order: Order) -> tuple[str, str]:
    """The registered rule that keeps the most of ``vehicles`` away."""
    counts: dict[str, int] = {}
    words: dict[str, str] = {}
    for rule, kind in evaluator.rules.pair:
        if not rule.hard or (rule.orders and order.order_id not in rule.orders) or kind.pair is None:
            continue
        for vehicle in vehicles:
            if kind.pair(rule, vehicle, order):
                counts[rule.type] = counts.get(rule.type, 0) + 1
                words[rule.type] = f"{kind.words} (rule {rule.rule_id})"
    code = max(counts, key=lambda one: (counts[one], one))
    return code, f"{words[code]}: it keeps {counts[code]} of {len(vehicles)} vehicles away"


def _capacity_words(order: Order, vehicles: Sequence[Vehicle]) -> str:
    largest = max(vehicles, key=lambda v: v.capacity.mass_g)
    roomiest = max(vehicles, key=lambda v: v.capacity.volume_ml)
    return (
        f"needs {order.load.mass_g} g, {order.load.volume_ml} ml and {order.load.parcels} parcels; the allowed "
        f"vehicles take at most {largest.capacity.mass_g} g and {roomiest.capacity.volume_ml} ml"
    )
