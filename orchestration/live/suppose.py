"""What if: a zone closed, a van lost, more orders. Decided on the state as it is now, which is a value and stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.errors import InputError
from operations.decide import Decision, step
from operations.dispatch.ahead import ahead
from operations.dispatch.nobodys import unplaced
from operations.dispatch.whole_routes import charged_now
from operations.state import Approvals, DayState, Event, why_refused
from operations.state.entities import BROKEN
from orchestration.live.view import brief, open_orders, zone_of

MOST_ADDED = 100


def what_if(state: DayState, events: list[Event]) -> dict[str, Any]:
    """What would be decided if these events came now, nobody asked first, and how the day would then stand."""
    begun = replace(state, day=replace(state.day, approvals=Approvals()))
    after, made, refused = begun, list[Decision](), []
    for event in events:
        seen = replace(event, seen_s=max(after.clock_s, event.at_s))
        after, decisions = step(after, seen)
        made += decisions
        if reason := why_refused(seen):
            refused.append({"event_id": event.event_id, "reason": reason})
    return {
        "decisions": [brief(one) for one in made],
        "cost_minor": sum(one.price_minor for one in made),
        "before": standing(begun),
        "after": standing(after),
        "unplaced": unplaced(after),
        "refused": refused,
    }


def standing(state: DayState) -> dict[str, Any]:
    """How a day stands: what its routes cost from here on, stops that will be late, orders nobody will serve.

    ``rules_minor`` is what soft rules of whole routes charge, what was done so far included.
    """
    going = [name for name, one in state.vehicles.items() if name in state.day.vehicles and one.status != BROKEN]
    ways = [ahead(state, state.vehicles[name]) for name in going]
    tenders = [one for one in state.tenders.values() if one.status in ("open", "accepted") and one.order_id]
    asked = {one.order_id for one in tenders}
    return {
        "routes_minor": sum(one.cost_minor for one in ways),
        "rules_minor": sum(charged_now(state, name) for name in going),
        "stops": sum(len(one.stops) for one in ways),
        "late": sum(stop.late_s > 0 for one in ways for stop in one.stops),
        "asked": len(asked),
        "asked_minor": sum(min(t.price_minor for t in tenders if t.order_id == name) for name in asked),
        "unplaced": len(unplaced(state)),
    }


def supposed(state: DayState, wish: dict[str, Any]) -> list[Event]:
    """Events of a wish: ``{"close_zone": zone, "lose_van": vehicle, "add_orders": count}``, each of them optional.

    A closed zone's open orders are not served today; added orders are like those of the day, evenly chosen.

    Raises:
        InputError: an unknown field, zone or vehicle, or too many orders.
    """
    if unknown := sorted(set(wish) - {"close_zone", "lose_van", "add_orders"}):
        raise InputError(
            f"what if: there is no field {str(unknown[0])[:40]!r}; there are close_zone, lose_van, add_orders"
        )
    now = max(state.clock_s, 0)
    orders, events = open_orders(state), list[Event]()
    if zone := wish.get("close_zone"):
        inside = [one for one in orders if zone_of(state, one) == zone]
        if not inside:
            raise InputError(f"what if: zone {str(zone)[:40]!r} has no open order")
        events += [Event(f"what-if-closed-{one.order_id}", "cancelled", now, now, one.order_id) for one in inside]
    if van := wish.get("lose_van"):
        if van not in state.day.vehicles:
            raise InputError(f"what if: there is no vehicle {str(van)[:40]!r}")
        events.append(Event("what-if-lost", "vehicle_fault", now, now, vehicle_id=str(van)))
    count = wish.get("add_orders", 0)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_ADDED:
        raise InputError(f"what if: add_orders is a whole number from 0 to {MOST_ADDED}")
    for number in range(count if orders else 0):
        like = orders[number * len(orders) // count]
        facts: dict[str, int | str] = {
            "location": like.location,
            "depot_id": like.depot_id,
            "service_s": like.service_s,
            "mass_g": like.load.mass_g,
            "volume_ml": like.load.volume_ml,
            "parcels": like.load.parcels,
            "penalty_minor": like.penalty_minor,
        }
        if like.windows:
            facts |= {"window_start_s": like.windows[-1].start_s, "window_end_s": like.windows[-1].end_s}
        events.append(
            Event(f"what-if-new-{number + 1}", "order_created", now, now, f"what-if-{number + 1}", facts=facts)
        )
    return events
