"""What it costs that a fleet may say no, in a plan over all fleets. How often it does is learned in ``models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models.parameters import ACCEPTANCE_PRIOR, Beliefs
from solvers.problem import PlanningProblem


def accept_p(beliefs: Beliefs, fleet_id: str, zone: str | None = None, hour: int | None = None) -> float:
    """Probability that a fleet takes an offer; of one that was never asked, what is usual."""
    learned = beliefs.acceptance(fleet_id, zone, hour)
    return ACCEPTANCE_PRIOR.mean if learned is None else learned


def expecting(
    problem: PlanningProblem, beliefs: Beliefs, fleets: Mapping[str, bool], fallback_minor: int
) -> PlanningProblem:
    """``problem`` in which an order with a fleet that may say no costs what is expected of that.

    An order that is declined has to be brought otherwise, for ``fallback_minor`` more. The price of it is added to what
    a failed attempt with that fleet is expected to cost, so that every engine weighs it without knowing why.

    Args:
        fleets: fleets that are asked; True: for each order (its zone and hour count), False: for whole routes.
    """
    present = {one.fleet_id for one in problem.vehicles}
    orders = []
    for order in problem.orders:
        costs = dict(order.failure_cost_minor)
        common = costs.get("", 0)
        hour = (order.windows[0].start_s if order.windows else 36_000) // 3_600
        zone = str(order.attributes["zone"]) if "zone" in order.attributes else None
        for fleet_id, single in fleets.items():
            if fleet_id not in present:
                continue
            p = accept_p(beliefs, fleet_id, zone, hour) if single else accept_p(beliefs, fleet_id)
            costs[fleet_id] = costs.get(fleet_id, common) + round((1 - p) * fallback_minor)
        orders.append(replace(order, failure_cost_minor=costs))
    return replace(problem, orders=tuple(orders))
