"""What it costs that a fleet may say no, in a plan over all fleets. How often it does is learned in ``models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models.parameters import ACCEPTANCE_PRIOR, Beliefs
from solvers.problem import Order, PlanningProblem

PRICE_LEVEL = ("fleet", "price")
"""Of acceptance, where offers are known: ``models.parameters.share_parameters`` learns it by ``price_band``."""


def accept_p(
    beliefs: Beliefs, fleet_id: str, zone: str | None = None, hour: int | None = None, price: int | None = None
) -> float:
    """Probability that a fleet takes an offer (``price``: its band); of one that was never asked, what is usual."""
    learned = beliefs.acceptance(fleet_id, zone, hour, price)
    return ACCEPTANCE_PRIOR.mean if learned is None else learned


def price_band(problem: PlanningProblem, order: Order, fleet_id: str) -> int:
    """Band of what an order there pays a kilometre from the depot by a fleet's tariff: each is twice the one before."""
    vehicle = next(one for one in problem.vehicles if one.fleet_id == fleet_id)
    depot = problem.depot(order.depot_id or vehicle.depot_id).location
    metres = int(problem.travel_of(vehicle).distance_m[depot, order.location])
    tariff = vehicle.tariff
    price = tariff.per_stop_minor + tariff.per_parcel_minor * order.load.parcels + tariff.per_km_minor * metres // 1_000
    return min(16, (price * 1_000 // max(1_000, metres)).bit_length())


def expecting(
    problem: PlanningProblem, beliefs: Beliefs, fleets: Mapping[str, bool], fallback_minor: int
) -> PlanningProblem:
    """``problem`` in which an order with a fleet that may say no costs what is expected of that.

    An order that is declined has to be brought otherwise, for ``fallback_minor`` more. The price of it is added to what
    a failed attempt with that fleet is expected to cost, so that every engine weighs it without knowing why.

    Args:
        fleets: fleets that are asked; True: for each order (its zone, hour and price count), False: for whole routes.
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
            price = price_band(problem, order, fleet_id) if single else None
            p = accept_p(beliefs, fleet_id, zone, hour, price) if single else accept_p(beliefs, fleet_id)
            costs[fleet_id] = costs.get(fleet_id, common) + round((1 - p) * fallback_minor)
        orders.append(replace(order, failure_cost_minor=costs))
    return replace(problem, orders=tuple(orders))
