"""How often a fleet says yes, learned from its answers: by fleet, price a kilometre, hour and zone.

Few answers of a cell say little; it is drawn towards the level above it by ``STRENGTH`` answers' worth (the mean
of a Beta-binomial posterior; Gelman et al., Bayesian Data Analysis, 5.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from solvers.problem import Order, PlanningProblem

PRIOR_P = 0.7
"""Before anybody has answered anything."""
STRENGTH = 8.0
HOUR_BAND = 3
"""Hours of one band."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One offer that was answered. ``zone`` may be empty; price in minor units, distance from the depot in metres."""

    fleet_id: str
    zone: str
    hour: int
    price_minor: int
    distance_m: int
    accepted: bool


@dataclass
class Acceptance:
    """Learned acceptance. ``learn`` answers one by one, ``p`` is what to expect of the next.

    >>> belief = Acceptance()
    >>> for _ in range(40):
    ...     belief.learn(Asked("gig", "", 10, 900, 3_000, accepted=False))
    >>> belief.p("gig", "", 10, 900, 3_000) < 0.15 < belief.p("other", "", 10, 900, 3_000)
    True
    """

    prior_p: float = PRIOR_P
    counts: dict[tuple[object, ...], tuple[int, int]] = field(default_factory=dict)

    def learn(self, asked: Asked) -> None:
        """Take one answer in."""
        for key in _levels(asked.fleet_id, asked.zone, asked.hour, asked.price_minor, asked.distance_m):
            yes, all_ = self.counts.get(key, (0, 0))
            self.counts[key] = (yes + asked.accepted, all_ + 1)

    def p(self, fleet_id: str, zone: str, hour: int, price_minor: int, distance_m: int) -> float:
        """Probability that an offer is taken; strictly between 0 and 1."""
        belief = self.prior_p
        for key in _levels(fleet_id, zone, hour, price_minor, distance_m):
            yes, all_ = self.counts.get(key, (0, 0))
            belief = (yes + STRENGTH * belief) / (all_ + STRENGTH)
        return belief


def _levels(fleet: str, zone: str, hour: int, price_minor: int, distance_m: int) -> Iterator[tuple[object, ...]]:
    per_km = price_minor * 1_000 // max(1_000, distance_m)
    band = min(16, per_km.bit_length())  # twice the price a kilometre is the next band
    yield (fleet,)
    yield (fleet, "price", band)
    yield (fleet, "price", band, "hour", hour // HOUR_BAND)
    if zone:
        yield (fleet, "price", band, "hour", hour // HOUR_BAND, "zone", zone)


def order_price_minor(problem: PlanningProblem, order: Order, fleet_id: str) -> tuple[int, int]:
    """What one order there and back costs with a fleet's tariff (its route price left aside), and its distance."""
    vehicle = next(one for one in problem.vehicles if one.fleet_id == fleet_id)
    depot = problem.depot(order.depot_id or vehicle.depot_id).location
    metres = int(problem.travel_of(vehicle).distance_m[depot, order.location])
    tariff = vehicle.tariff
    price = tariff.per_stop_minor + tariff.per_parcel_minor * order.load.parcels + tariff.per_km_minor * metres // 1_000
    return price, metres


def expecting(
    problem: PlanningProblem, belief: Acceptance, fleets: dict[str, bool], fallback_minor: int
) -> PlanningProblem:
    """``problem`` in which an order with a fleet that may say no costs what is expected of that.

    An order that is declined has to be brought otherwise, for ``fallback_minor`` more. The price of it is added to what
    a failed attempt with that fleet is expected to cost, so that every engine weighs it without knowing why.

    Args:
        fleets: fleets that are asked; True: for each order, False: for whole routes.
    """
    present = {one.fleet_id for one in problem.vehicles}
    orders = []
    for order in problem.orders:
        costs = dict(order.failure_cost_minor)
        common = costs.get("", 0)
        hour = (order.windows[0].start_s if order.windows else 36_000) // 3_600
        zone = str(order.attributes.get("zone", ""))
        for fleet_id, single in fleets.items():
            if fleet_id not in present:
                continue
            price, metres = order_price_minor(problem, order, fleet_id)
            p = belief.p(fleet_id, zone, hour, price, metres) if single else belief.p(fleet_id, "", 18, 0, 0)
            costs[fleet_id] = costs.get(fleet_id, common) + round((1 - p) * fallback_minor)
        orders.append(replace(order, failure_cost_minor=costs))
    return replace(problem, orders=tuple(orders))
