"""A route that a person has agreed to, carried out as it was planned: whether it still can be, and at which price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operations.dispatch.ahead import ahead, here, to_do
from operations.dispatch.repair import (
    HANDOVER,
    HANDOVER_S,
    OVERRUN_S,
    aboard_broken,
    first_use_minor,
    flat_minor,
    no_room,
    why_not,
)
from operations.dispatch.whole_routes import weigh
from operations.state.fold import DayState
from operations.state.proposals import Item
from solvers.problem import Order


@dataclass(frozen=True, slots=True)
class Planned:
    """A vehicle's whole route with what it was to get; ``handover``: the stop that is new with it."""

    route: tuple[str, ...]
    price_minor: int
    handover: Order | None = None


def as_planned(state: DayState, vehicle_id: str, items: Sequence[Item]) -> Planned | None:
    """The route of ``items``, proposed for one vehicle in this order; None where it cannot be driven any more.

    It can while the vehicle still does what it did then, in that sequence, and may take all of them.
    """
    if not items or vehicle_id not in state.day.vehicles:
        return None
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    known = {name: one.order for name in (item.order_id for item in items) if (one := state.orders.get(name))}
    orders = {name: order for name, order in known.items() if order is not None}
    proposed = {item.order_id for item in items}
    # what of it was decided otherwise meanwhile is left out
    now = {one.order_id: one for one in to_do(state, vehicle)}
    rest = [one for one in max((item.route for item in items), key=len) if one not in vehicle.visited]
    rest = [one for one in rest if one in proposed or one in now or one.startswith(HANDOVER)]
    if set(orders) != proposed or [one for one in rest if one in now] != list(now):
        return None
    new = [one for one in rest if one.startswith(HANDOVER) and one not in now]
    handover = _handover(state, new[0], list(orders.values())) if new else None
    if len(new) > 1 or (new and handover is None) or not set(orders) <= set(rest):
        return None
    if any(why_not(state, vehicle_id, one) for one in orders.values()):
        return None
    stops = [now.get(one) or orders.get(one) or handover for one in rest]
    way = [one for one in stops if one is not None]
    after = ahead(state, vehicle, way)
    if no_room(state, base, vehicle, list(orders.values())) or after.end_s > base.end_s + OVERRUN_S:
        return None
    rules = weigh(state, vehicle_id, way)
    if rules.barred:
        return None
    flat = first_use_minor(state, vehicle_id) + sum(flat_minor(state, base, one) for one in orders.values())
    price = after.cost_minor - ahead(state, vehicle).cost_minor + flat + rules.charged_minor
    return Planned((*vehicle.visited, *rest), price, handover)


def _handover(state: DayState, name: str, orders: Sequence[Order]) -> Order | None:
    """The stop at the vehicle that has broken down with all of ``orders`` that are aboard one; None: it is another."""
    sources = {goods.vehicle_id for one in orders if (goods := aboard_broken(state, one)) is not None}
    source = name.split("/")[1]
    if sources != {source}:
        return None
    return Order(name, here(state, state.vehicles[source])[0], service_s=HANDOVER_S, kind="pickup")
