"""What was done, or is planned: the quantities that contracts price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.errors import InputError
from solvers.plan import Plan, Route
from solvers.problem import Order, PlanningProblem, Vehicle


@dataclass(frozen=True, slots=True)
class VisitWork:
    """One stop.

    Attributes:
        start_s: when service started, seconds after local midnight.
        failed: an attempt that did not deliver and that the contract pays for as such.
        on_time: None: nothing was promised.
    """

    order_id: str
    start_s: int = 0
    zone: str = ""
    service: str = ""
    mass_g: int = 0
    parcels: int = 1
    waiting_s: int = 0
    failed: bool = False
    on_time: bool | None = None

    def __post_init__(self) -> None:
        for name in ("mass_g", "parcels", "waiting_s"):
            if getattr(self, name) < 0:
                raise InputError(f"stop {self.order_id[:80]!r}: {name} must not be negative, is {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class RouteWork:
    """One route with its stops in order."""

    route_id: str
    distance_m: int
    duration_s: int
    start_s: int = 0
    vehicle_class: str = ""
    visits: tuple[VisitWork, ...] = ()

    def __post_init__(self) -> None:
        for name in ("distance_m", "duration_s"):
            if getattr(self, name) < 0:
                raise InputError(f"route {self.route_id[:80]!r}: {name} must not be negative, is {getattr(self, name)}")


def work_of_plan(problem: PlanningProblem, plan: Plan) -> dict[str, list[RouteWork]]:
    """Fleet -> the work of its planned routes. Zone, service and class are attributes of orders and vehicles."""
    orders = {one.order_id: one for one in problem.orders}
    vehicles = {one.vehicle_id: one for one in problem.vehicles}
    found: dict[str, list[RouteWork]] = {}
    for route in plan.routes:
        found.setdefault(route.fleet_id, []).append(_route(route, orders.__getitem__, vehicles))
    return found


def _route(route: Route, order_of: Callable[[str], Order], vehicles: Mapping[str, Vehicle]) -> RouteWork:
    visits = []
    for visit in route.visits:
        order = order_of(visit.order_id)
        visits.append(
            VisitWork(
                order.order_id,
                visit.service_start_s,
                str(order.attributes.get("zone", "")),
                str(order.attributes.get("service", "")),
                order.load.mass_g,
                order.load.parcels,
            )
        )
    kind = str(vehicles[route.vehicle_id].attributes.get("vehicle_class", ""))
    return RouteWork(route.vehicle_id, route.distance_m, route.duration_s, route.start_s, kind, tuple(visits))
