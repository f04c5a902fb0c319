"""What the dispatcher's page shows: the day in numbers, what waits for a person, routes, places. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from operations.decide import Decision
from operations.dispatch.ahead import ahead
from operations.dispatch.nobodys import held, tendered, unplaced
from operations.dispatch.standing import would_offer
from operations.state import DayState, ProposalState, StandingAnswer
from operations.state.entities import FINAL
from orchestration.live.engine import Engine
from solvers.problem import Order

ZONE_RESOLUTION = 7
"""Of H3, where an order names no zone: hexagons of about 5 square kilometres."""


def brief(decision: Decision) -> dict[str, Any]:
    """A decision as a person reads it."""
    return {
        "decision_id": decision.decision_id,
        "kind": decision.kind,
        "orders": list(decision.order_ids),
        "vehicle_id": decision.vehicle_id,
        "fleet_id": decision.fleet_id,
        "price_minor": decision.price_minor,
        "reason": decision.reason,
        "alternatives": [{"what": one.what, "price_minor": one.price_minor} for one in decision.alternatives],
    }


def overview(engine: Engine) -> dict[str, Any]:
    """The day in numbers, each vehicle with what it has left and how late it is, and what waits for a person."""
    state = engine.state
    statuses: dict[str, int] = {}
    for order in state.orders.values():
        statuses[order.status] = statuses.get(order.status, 0) + 1
    vehicles = []
    for name in sorted(state.vehicles):
        vehicle = state.vehicles[name]
        if name not in state.day.vehicles:
            continue
        route = ahead(state, vehicle)
        vehicles.append(
            {
                "vehicle_id": name,
                "fleet_id": state.day.vehicles[name].fleet_id,
                "status": vehicle.status,
                "version": vehicle.version,
                "done": len(vehicle.visited),
                "left": len(route.stops),
                "late": sum(stop.late_s > 0 for stop in route.stops),
                "ends_s": route.end_s,
                "next": route.stops[0].order_id if route.stops else "",
                "impossible": vehicle.impossible,
                "at_e6": [round(vehicle.lat * 1e6), round(vehicle.lon * 1e6)]
                if vehicle.lat is not None and vehicle.lon is not None
                else None,
            }
        )
    return {
        "service_date": state.day.service_date.isoformat(),
        "clock_s": state.clock_s,
        "currency": state.day.problem.currency,
        "orders": statuses,
        **_unserved(state),
        "unknown": state.unknown_orders,
        "unknown_vehicles": sorted(name for name in state.vehicles if name not in state.day.vehicles),
        "refused": engine.quarantined,
        "vehicles": vehicles,
        "offers": [one.fleet_id for one in state.day.offers],
        "queue": queue(state),
        "desk": desk(state),
        "standing": standing(state),
        "lag_s": round(engine.lag_s(), 3),
        "outcomes": {"newest_s": engine.ages.newest_s, **engine.ages.summary()},
    }


def _unserved(state: DayState) -> dict[str, Any]:
    """Orders on no route: what waits for what may come (until when, and why), what fleets have or are asked for, the
    rest. What waits for a person is in the queue."""
    waiting = [{"order_id": one.order_id, "until_s": one.held_until_s, "why": one.held_why} for one in held(state)]
    return {"held": waiting, "tendered": tendered(state), "unplaced": unplaced(state)}


def desk(state: DayState) -> dict[str, Any]:
    """How often and how long people had to look: touches, minutes, touches per 100 orders."""
    touches, count = state.desk.touches, max(1, len(state.orders))
    minutes = round(state.desk.handled_ms / 60_000, 2)
    return {"touches": touches, "touch_minutes": minutes, "touches_per_100_orders": round(100 * touches / count, 2)}


def standing(state: DayState) -> dict[str, Any]:
    """Standing answers: those in force with what they have done today, and those that are offered to people."""
    known, today = state.standing, state.day.service_date
    if state.day.approvals.standing_after is None:
        return {"in_force": [], "offered": [], "answered": 0}
    sorts = sorted({one.sort for one in known.answers.values()})
    force = [one for sort in sorts if (one := known.in_force(sort, today)) is not None]
    offered = [one for sort in sorts if (one := known.offered(sort)) is not None]
    return {
        "in_force": [
            {
                **_standing(one, state.day.problem.currency),
                "causes_today": len(known.causes(one.sort)),
                "spent_minor_today": sum(use.price_minor for use in known.uses if use.sort == one.sort),
            }
            for one in force
        ],
        "offered": [_standing(one, state.day.problem.currency) for one in offered],
        "answered": len({one.cause_id for one in known.uses}),
    }


def _standing(one: StandingAnswer, currency: str) -> dict[str, Any]:
    return {
        "standing": one.standing_id,
        "sort": one.sort.name,
        "limit_minor": one.limit_minor,
        "a_day": one.a_day,
        "late_s": one.late_s,
        "currency": currency,
        "until": one.until.isoformat(),
        "by": one.by,
        "after": one.after,
    }


def queue(state: DayState) -> list[dict[str, Any]]:
    """Proposals that wait for a person, those that end soonest first."""
    waiting = [one for one in state.proposals.values() if one.status == "open" and one.open_items]
    return [_proposal(state, one) for one in sorted(waiting, key=lambda one: (one.until_s, one.proposal_id))]


def _proposal(state: DayState, proposal: ProposalState) -> dict[str, Any]:
    return {
        "proposal": proposal.proposal_id,
        "because": _because(state, proposal),
        "until_s": proposal.until_s,
        "price_minor": sum(one.price_minor for one in proposal.open_items),
        "late_s": max((one.late_s for one in proposal.open_items), default=0),
        "routes": _proposed_routes(state, proposal),
        # what a yes for good would let be done from now on
        "would_stand": [_standing(one, state.day.problem.currency) for one in would_offer(state, proposal)],
        "items": [
            {
                "kind": one.kind,
                "order_id": one.order_id,
                "vehicle_id": one.vehicle_id,
                "fleet_id": one.fleet_id,
                "price_minor": one.price_minor,
                "late_s": one.late_s,
                "reason": one.reason,
                "alternatives": [{"what": what, "price_minor": price} for what, price in one.alternatives],
            }
            for one in proposal.open_items
        ],
    }


def _proposed_routes(state: DayState, proposal: ProposalState) -> dict[str, list[str]]:
    """What each vehicle would have to do with all that is proposed for it, in its sequence."""
    found: dict[str, tuple[str, ...]] = {}
    for one in proposal.open_items:
        if len(one.route) > len(found.get(one.vehicle_id, ())):
            found[one.vehicle_id] = one.route
    been = {name: set(state.vehicles[name].visited) for name in found if name in state.vehicles}
    gone = set(proposal.overridden)
    return {
        name: [one for one in route if one not in been.get(name, ()) and one not in gone]
        for name, route in found.items()
    }


def _because(state: DayState, proposal: ProposalState) -> str:
    """The cause in words: which vehicle is broken, late or gone, or what happened; else the event's name.

    What is proposed anew after an answer is still because of the vehicle that has the orders.
    """
    orders = {one.order_id for one in proposal.open_items}
    whose = [
        f"{name} {one.status}"
        for name, one in state.vehicles.items()
        if one.stopped_by and (one.stopped_by == proposal.proposal_id or orders & set(one.remaining))
    ]
    return ", ".join(sorted(whose)) or proposal.cause.replace("_", " ") or proposal.proposal_id


def routes(state: DayState, names: Iterable[str]) -> list[dict[str, Any]]:
    """What vehicles still do, stop by stop: order, predicted arrival, lateness in seconds."""
    found = []
    for name in names:
        vehicle = state.vehicles.get(name)
        if vehicle is None or name not in state.day.vehicles:
            continue
        stops = ahead(state, vehicle).stops
        found.append(
            {
                "vehicle_id": name,
                "version": vehicle.version,
                "done": list(vehicle.visited),
                "stops": [[one.order_id, one.arrival_s, one.late_s] for one in stops],
            }
        )
    return found


def places(state: DayState) -> dict[str, Any]:
    """Where depots and orders are (millionths of a degree; none where the day has no positions), windows and zones."""
    day = state.day
    return {
        "depots": [[one.depot_id, _place(state, one.location)] for one in day.problem.depots],
        "orders": [
            [
                one.order_id,
                _place(state, one.order.location),
                [[window.start_s, window.end_s] for window in one.order.windows],
                zone_of(state, one.order),
                one.status,
            ]
            for one in state.orders.values()
            if one.order is not None
        ],
    }


def zone_of(state: DayState, order: Order) -> str:
    """The zone an order names, else the H3 cell it lies in; empty where neither is known."""
    if zone := order.attributes.get("zone"):
        return str(zone)
    place = _place(state, order.location)
    if place is None:
        return ""
    import h3

    return str(h3.latlng_to_cell(place[0] / 1e6, place[1] / 1e6, ZONE_RESOLUTION))


def _place(state: DayState, row: int) -> tuple[int, int] | None:
    known = state.day.places
    return known[row] if row < len(known) else None


def open_orders(state: DayState) -> list[Order]:
    """Orders that are not concluded and are described, by name."""
    found = [one.order for one in state.orders.values() if one.order is not None and one.status not in FINAL]
    return sorted(found, key=lambda one: one.order_id)
