"""A plan in VROOM's words: summary, routes with their steps, unassigned tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from solvers.plan import Plan, Route
from solvers.problem import PICKUP, Vehicle

if TYPE_CHECKING:
    from solvers.formats.instance import Instance


def write(instance: Instance, plan: Plan) -> str:
    """VROOM's output; ``explanation`` of an unassigned task is ours."""
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in instance.problem.vehicles}
    given = {str(one["id"]): one for one in instance.raw["vehicles"]}
    routes = [_route(instance, route, vehicles[route.vehicle_id], given[route.vehicle_id]) for route in plan.routes]
    unassigned = []
    for one in plan.unserved:
        task = instance.extra["tasks"][one.order_id]
        row = {"id": task["task"]["id"], "type": task["type"], **_where(task["task"])}
        unassigned.append({**row, "explanation": one.explanation} if one.explanation else row)
    sums = {
        key: sum(route[key] for route in routes)
        for key in ("cost", "setup", "service", "duration", "waiting_time", "priority", "distance")
    }
    dimensions = max((len(route["delivery"]) for route in routes), default=0)
    content = {
        "code": 0,
        "summary": {
            **sums,
            "routes": len(routes),
            "unassigned": len(unassigned),
            "delivery": [sum(route["delivery"][d] for route in routes) for d in range(dimensions)],
            "pickup": [sum(route["pickup"][d] for route in routes) for d in range(dimensions)],
            "violations": [],
            "computing_times": {"loading": 0, "solving": round(plan.solver_s * 1_000), "routing": 0},
        },
        "unassigned": unassigned,
        "routes": routes,
    }
    return json.dumps(content, indent=1) + "\n"


def _where(task: dict[str, Any]) -> dict[str, Any]:
    return {key: task[key] for key in ("location", "location_index", "description") if key in task}


class _Walk:
    """Steps of one route with what they add up to."""

    def __init__(self, instance: Instance, vehicle: Vehicle, load: list[int]) -> None:
        self.metres = instance.extra["metres"][vehicle.profile or next(iter(instance.extra["metres"]))]
        self.load = load
        self.steps: list[dict[str, Any]] = []
        self.duration = self.distance = 0

    def leg(self, here: int, place: int, seconds: int) -> None:
        """Drive; a place that is nowhere has no distance."""
        size = len(self.metres)
        self.duration += seconds
        if here < size and place < size:
            self.distance += int(self.metres[here, place])

    def step(self, kind: str, arrival: int, service: int, waiting: int, more: dict[str, Any], setup: int = 0) -> None:
        """Add a step."""
        self.steps.append(
            {
                "type": kind,
                "arrival": arrival,
                "duration": self.duration,
                "setup": setup,
                "service": service,
                "waiting_time": waiting,
                "load": list(self.load),
                "distance": self.distance,
                "violations": [],
                **more,
            }
        )


def _place(instance: Instance, row: int) -> dict[str, Any]:
    location = instance.extra["places"].get(row)
    found: dict[str, Any] = {} if location is None else {"location": location}
    if "matrices" in instance.raw or "matrix" in instance.raw:
        found["location_index"] = row
    return found


def _route(instance: Instance, route: Route, vehicle: Vehicle, given: dict[str, Any]) -> dict[str, Any]:
    problem = instance.problem
    orders = {order.order_id: order for order in problem.orders}
    visited = [orders[visit.order_id] for visit in route.visits]
    dimensions = max((len(order.load.more) for order in visited), default=0)
    paired = {order.pickup_of for order in problem.orders if order.pickup_of}
    brought = [o for o in visited if o.kind != PICKUP and o.order_id not in paired]
    walk = _Walk(instance, vehicle, [sum(o.load.more[d] for o in brought) for d in range(dimensions)])
    totals = {key: [0] * dimensions for key in ("delivery", "pickup")}
    start = problem.depot(vehicle.depot_id).location
    end = problem.end_location(vehicle)
    travel = problem.travel_of(vehicle)
    if "start" in given or "start_index" in given:
        walk.step("start", route.start_s, 0, 0, _place(instance, start))
    here, waited, served, setup_total, priority = start, 0, 0, 0, 0
    for number, (visit, order) in enumerate(zip(route.visits, visited, strict=True)):
        _breaks(route, number, walk, given)
        walk.leg(here, order.location, visit.leg_s)
        task = instance.extra["tasks"][order.order_id]
        kind = "pickup" if order.kind == PICKUP else "delivery"
        sign = 1 if kind == "pickup" else -1
        for d, amount in enumerate(order.load.more):
            walk.load[d] += sign * amount
            totals[kind][d] += amount
        setup = int(task["task"].get("setup", 0))
        waiting = visit.service_start_s - visit.arrival_s
        more = {"id": task["task"]["id"], **_where(task["task"])}
        if task["type"] == "job":
            more["job"] = task["task"]["id"]
        walk.step(task["type"], visit.arrival_s, order.service_s - setup, waiting, more, setup)
        waited += waiting
        served += order.service_s - setup
        setup_total += setup
        priority += int(task.get("shipment", task["task"]).get("priority", 0)) if task["type"] != "delivery" else 0
        here = order.location
    _breaks(route, len(visited), walk, given)
    if end is not None:
        walk.leg(here, end, int(travel.duration_s[here, end]))
        walk.step("end", route.end_s, 0, 0, _place(instance, end))
    cost = route.cost_minor / instance.scale
    return {
        "vehicle": given["id"],
        "cost": round(cost),
        "setup": setup_total,
        "service": served + sum(b.end_s - b.start_s for b in route.breaks),
        "duration": walk.duration,
        "waiting_time": waited,
        "priority": priority,
        "distance": walk.distance,
        "delivery": totals["delivery"],
        "pickup": totals["pickup"],
        "steps": walk.steps,
        "violations": [],
        **({"description": given["description"]} if "description" in given else {}),
    }


def _breaks(route: Route, position: int, walk: _Walk, given: dict[str, Any]) -> None:
    known = given.get("breaks", [])
    taken = sorted((one for one in route.breaks), key=lambda one: one.start_s)
    for number, one in enumerate(taken):
        if one.position == position:
            more = {"id": known[number]["id"]} if number < len(known) and "id" in known[number] else {}
            walk.step("break", one.start_s, one.end_s - one.start_s, 0, more)
