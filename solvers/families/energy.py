"""Energy: what is left in the battery along a route, charged between trips and at charging stops.

Attributes of a vehicle: ``battery_wh``, ``wh_per_km``, and optionally ``start_wh`` (full where it is missing),
``wh_per_stop`` and ``depot_charge_w`` (power while it reloads). A charging stop is an order without load whose
attribute ``charge_w`` is the charger's power: what its service time gives is charged, up to a full battery.
"""

from __future__ import annotations

from collections.abc import Iterator

from solvers.families.base import Parameter, RouteView, RuleType, number, over, whole
from solvers.problem import Order, Rule


def _way(view: RouteView) -> Iterator[tuple[int, Order | None, int]]:
    """Metres to each place with what is done there: an order, or None for a reload (its seconds) or the end."""
    drive, here, trip = view.drive, view.drive.depot, 0
    reloads = view.timing.reloads
    for number_of_trip, order in zip(view.trips, view.stops, strict=True):
        while trip < number_of_trip:
            reload = reloads[trip]
            yield drive.distance(here, drive.depot), None, reload.departure_s - reload.arrival_s
            here, trip = drive.depot, trip + 1
        yield drive.distance(here, order.location), order, 0
        here = order.location
    if drive.end is not None:
        yield drive.distance(here, drive.end), None, 0


def _short_of(rule: Rule, view: RouteView) -> int:
    """Wh missing at the worst moment of the route, with ``reserve_wh`` to be left at every moment."""
    has = view.vehicle.attributes
    battery = whole(has.get("battery_wh"))
    if not battery or not view.stops:
        return 0
    left = 1_000 * min(battery, whole(has.get("start_wh"), battery))  # in thousandths: metres times Wh a km
    lowest = left
    for metres, order, idle_s in _way(view):
        left -= metres * whole(has.get("wh_per_km"))
        lowest = min(lowest, left)
        if order is not None:
            left -= 1_000 * whole(has.get("wh_per_stop"))
            lowest = min(lowest, left)
            charged = whole(order.attributes.get("charge_w")) * order.service_s * 1_000 // 3_600
        else:
            charged = whole(has.get("depot_charge_w")) * idle_s * 1_000 // 3_600
        left = min(1_000 * battery, left + charged)
    return -(-over(1_000 * number(rule, "reserve_wh"), lowest) // 1_000)


def _charging(rule: Rule, view: RouteView) -> int:
    """Charging stops of the route above ``limit``."""
    return over(sum(whole(order.attributes.get("charge_w")) > 0 for order in view.stops), number(rule, "limit"))


TYPES = (
    RuleType(
        "energy_range",
        "energy",
        "the battery does not last",
        "Wh",
        {"reserve_wh": Parameter("integer", "what must be left at every moment, Wh", 0)},
        route=_short_of,
        relax=("reserve_wh", -1),
        monotone=False,
        orders_have=("charge_w",),
        vehicles_have=("battery_wh", "start_wh", "wh_per_km", "wh_per_stop", "depot_charge_w"),
    ),
    RuleType(
        "max_charging_stops",
        "energy",
        "charging stops on a route",
        "stop",
        {"limit": Parameter("integer", "charging stops")},
        route=_charging,
        relax=("limit", 1),
        orders_have=("charge_w",),
    ),
)
