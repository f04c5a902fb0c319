"""The day as interventions change it: orders with promise and destination, routes with crew and sequence.

``apply`` returns the new day and what to put back; ``undo`` puts it back. Both are pure, and applying the same key
twice changes nothing. What the law forbids, what lies in the past and what was not agreed to is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from domain.codes import InterventionAction as Action
from domain.errors import InputError
from operations.interventions.catalogue import Intervention, Permission

DOOR, LOCKER, SAFE_PLACE = "door", "locker", "safe_place"
HANDED_OVER = frozenset({"age_check", "id_check", "adr", "medicine"})
"""Certifications whose goods the law wants handed to a person: no locker, no safe place."""


class RefusedError(InputError):
    """An intervention that may not or cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class OrderState:
    """What is promised and known of an order."""

    order_id: str
    service_date: date
    promise: tuple[datetime, datetime] | None = None
    zone_id: str | None = None
    needs: frozenset[str] = frozenset()
    destination: str = DOOR
    place: str | None = None
    address_note: str | None = None
    confirmed: bool = False
    attempts: int = 1
    done: bool = False


@dataclass(frozen=True, slots=True)
class RouteState:
    """Who drives a route and what is still on it, in sequence; ``started`` orders cannot be taken off."""

    route_id: str
    fleet_id: str
    vehicle_id: str
    driver_id: str | None
    order_ids: tuple[str, ...] = ()
    holds: frozenset[str] = frozenset()
    started: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Book:
    """The day's orders and routes, and the keys of interventions in force with what they replaced."""

    orders: Mapping[str, OrderState]
    routes: Mapping[str, RouteState]
    applied: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def order(self, order_id: str) -> OrderState:
        """An order that is still open.

        Raises:
            RefusedError: unknown or done.
        """
        found = self.orders.get(order_id)
        if found is None:
            raise RefusedError(f"order {order_id!r} is not of this day")
        if found.done:
            raise RefusedError(f"order {order_id!r} is done")
        return found

    def route(self, route_id: object) -> RouteState:
        """A route of the day.

        Raises:
            RefusedError: there is none.
        """
        found = self.routes.get(str(route_id))
        if found is None:
            raise RefusedError(f"there is no route {route_id!r}")
        return found

    def route_of(self, order_id: str) -> RouteState:
        """The route an order is on.

        Raises:
            RefusedError: it is on none.
        """
        for route in self.routes.values():
            if order_id in route.order_ids:
                return route
        raise RefusedError(f"order {order_id!r} is on no route")


def apply(book: Book, one: Intervention) -> Book:
    """The day after an intervention.

    Raises:
        RefusedError: not agreed to, too late, against the law, or about what is not there.
    """
    if one.key in book.applied:
        return book
    if one.spec.permission is not Permission.AUTO and not one.agreed_by:
        who = "a dispatcher" if one.spec.permission is Permission.APPROVE else "the customer"
        raise RefusedError(f"{one.action} needs {who} to agree")
    orders, routes = CHANGES[one.action](book, one)
    before = (
        {name: book.orders[name] for name in orders},
        {name: book.routes.get(name) for name in routes},
        {name: (orders.get(name), routes.get(name)) for name in (*orders, *routes)},
    )
    return Book(
        {**book.orders, **orders},
        {**book.routes, **routes},
        {**book.applied, one.key: before},
    )


def undo(book: Book, key: str) -> Book:
    """The day without an intervention in force.

    Raises:
        RefusedError: it is not in force, or something it changed was changed again since.
    """
    if key not in book.applied:
        raise RefusedError(f"intervention {key!r} is not in force")
    orders, routes, after = book.applied[key]
    for name in orders:
        if book.orders[name] != after[name][0]:
            raise RefusedError(f"order {name!r} was changed since; undo that first")
    for name in routes:
        if book.routes.get(name) != after[name][1]:
            raise RefusedError(f"route {name!r} was changed since; undo that first")
    kept = {name: route for name, route in {**book.routes, **routes}.items() if route is not None}
    return Book({**book.orders, **orders}, kept, {name: one for name, one in book.applied.items() if name != key})


Changed = tuple[dict[str, OrderState], dict[str, RouteState]]


def _confirm(book: Book, one: Intervention) -> Changed:
    return {name: replace(book.order(name), confirmed=True) for name in one.order_ids}, {}


def _fix_address(book: Book, one: Intervention) -> Changed:
    note = str(one.arguments.get("note") or "").strip()
    if not note:
        raise RefusedError("fix_address needs the note that the customer gave")
    return {name: replace(book.order(name), address_note=note[:500]) for name in one.order_ids}, {}


def _elsewhere(destination: str) -> Callable[[Book, Intervention], Changed]:
    def change(book: Book, one: Intervention) -> Changed:
        changed = {}
        for name in one.order_ids:
            order = book.order(name)
            if order.needs & HANDED_OVER:
                raise RefusedError(
                    f"order {name!r}: the law wants it handed to a person ({', '.join(sorted(order.needs))})"
                )
            changed[name] = replace(order, destination=destination, place=one.arguments.get("place"))
        return changed, {}

    return change


def _reschedule(book: Book, one: Intervention) -> Changed:
    window = _window(one)
    if window[0] <= one.decided_at:
        raise RefusedError(f"{one.action}: the new window begins in the past")
    day = one.arguments.get("service_date") or window[0].date()
    changed = {name: replace(book.order(name), promise=window, service_date=day) for name in one.order_ids}
    routes: dict[str, RouteState] = {}
    for name, order in changed.items():
        if order.service_date != book.orders[name].service_date:
            routes = {**routes, **_taken_off(Book(book.orders, {**book.routes, **routes}), name)}
    return changed, routes


def _add_slack(book: Book, one: Intervention) -> Changed:
    slack = int(one.arguments.get("slack_s", 0))
    if slack <= 0:
        raise RefusedError("add_slack needs slack_s above 0")
    changed = {}
    for name in one.order_ids:
        order = book.order(name)
        if order.promise is None:
            raise RefusedError(f"order {name!r} has no promise to add slack to")
        changed[name] = replace(order, promise=(order.promise[0], order.promise[1] + timedelta(seconds=slack)))
    return changed, {}


def _defer_zone(book: Book, one: Intervention) -> Changed:
    zone, days = one.arguments.get("zone_id"), int(one.arguments.get("days", 1))
    names = [name for name, order in book.orders.items() if zone and order.zone_id == zone and not order.done]
    if not names or days < 1:
        raise RefusedError(f"defer_zone: no open order is in zone {zone!r}, or days is below 1")
    later, changed, routes = timedelta(days=days), {}, dict(book.routes)
    for name in names:
        order = book.order(name)
        promise = None if order.promise is None else (order.promise[0] + later, order.promise[1] + later)
        changed[name] = replace(order, promise=promise, service_date=order.service_date + later)
        routes |= _taken_off(Book(book.orders, routes), name)
    return changed, {name: route for name, route in routes.items() if route != book.routes[name]}


def _resequence(book: Book, one: Intervention) -> Changed:
    route = book.route(one.route_id)
    wanted = tuple(one.order_ids)
    ahead = tuple(name for name in route.order_ids if name in route.started)
    if sorted(wanted) != sorted(set(route.order_ids) - route.started):
        raise RefusedError(f"resequence: route {route.route_id} must keep exactly its open orders")
    return {}, {route.route_id: replace(route, order_ids=(*ahead, *wanted))}


def _pull_forward(book: Book, one: Intervention) -> Changed:
    (name,) = one.order_ids or ("",)
    route = book.route_of(book.order(name).order_id)
    if name in route.started:
        raise RefusedError(f"order {name!r} is being served")
    ahead = [other for other in route.order_ids if other in route.started]
    rest = [other for other in route.order_ids if other not in route.started and other != name]
    position = min(max(0, int(one.arguments.get("position", 0))), len(rest))
    order_ids = (*ahead, *rest[:position], name, *rest[position:])
    return {}, {route.route_id: replace(route, order_ids=order_ids)}


def _swap(book: Book, one: Intervention) -> Changed:
    route = book.route(one.route_id)
    holds = frozenset(one.arguments.get("holds", route.holds))
    for name in route.order_ids:
        _lawful(book.orders[name], holds)
    vehicle = one.arguments.get("vehicle_id", route.vehicle_id)
    driver = one.arguments.get("driver_id", route.driver_id)
    busy = [other.route_id for other in book.routes.values() if other.vehicle_id == vehicle and other is not route]
    if busy:
        raise RefusedError(f"vehicle {vehicle!r} drives route {busy[0]}")
    if (vehicle, driver) == (route.vehicle_id, route.driver_id):
        raise RefusedError("swap_driver_or_vehicle needs another driver_id or vehicle_id")
    return {}, {route.route_id: replace(route, vehicle_id=vehicle, driver_id=driver, holds=holds)}


def _move(book: Book, one: Intervention) -> Changed:
    to = book.route(one.arguments.get("route_id"))
    routes = dict(book.routes)
    for name in one.order_ids:
        _lawful(book.order(name), to.holds)
        routes |= _taken_off(Book(book.orders, routes), name)
        target = routes[to.route_id]
        routes[to.route_id] = replace(target, order_ids=(*target.order_ids, name))
    return {}, {name: route for name, route in routes.items() if route != book.routes[name]}


def _new_route(book: Book, one: Intervention) -> Changed:
    """Split a route, or give orders to a courier: both open a route of their own."""
    route_id, vehicle = str(one.arguments.get("new_route_id") or ""), str(one.arguments.get("vehicle_id") or "")
    if not route_id or route_id in book.routes or not vehicle:
        raise RefusedError(f"{one.action} needs a new_route_id and a vehicle_id")
    holds = frozenset(one.arguments.get("holds", ()))
    routes = dict(book.routes)
    for name in one.order_ids:
        _lawful(book.order(name), holds)
        routes |= _taken_off(Book(book.orders, routes), name)
    fleet = str(one.arguments.get("fleet_id") or "")
    routes[route_id] = RouteState(route_id, fleet, vehicle, one.arguments.get("driver_id"), one.order_ids, holds)
    return {}, {name: route for name, route in routes.items() if route != book.routes.get(name)}


def _again(book: Book, one: Intervention) -> Changed:
    (name,) = one.order_ids or ("",)
    order = book.orders.get(name)
    if order is None or not order.done:
        raise RefusedError(f"order {name!r} has no attempt to repeat")
    route = book.route(one.route_id)
    _lawful(order, route.holds)
    again = replace(order, done=False, attempts=order.attempts + 1)
    return {name: again}, {route.route_id: replace(route, order_ids=(*route.order_ids, name))}


def _lawful(order: OrderState, holds: frozenset[str]) -> None:
    if missing := order.needs - holds:
        raise RefusedError(f"order {order.order_id!r}: the law wants a driver with {', '.join(sorted(missing))}")


def _taken_off(book: Book, name: str) -> dict[str, RouteState]:
    route = book.route_of(name)
    if name in route.started:
        raise RefusedError(f"order {name!r} is being served")
    return {route.route_id: replace(route, order_ids=tuple(one for one in route.order_ids if one != name))}


def _window(one: Intervention) -> tuple[datetime, datetime]:
    try:
        low, high = one.arguments["window"]
    except (KeyError, TypeError, ValueError):
        raise RefusedError(f"{one.action} needs a window: its begin and end") from None
    if low.tzinfo is None or high.tzinfo is None or low >= high:
        raise RefusedError(f"{one.action}: a window needs time zones and must end after it begins")
    return low, high


CHANGES: Mapping[Action, Callable[[Book, Intervention], Changed]] = {
    Action.CONFIRM_AVAILABILITY: _confirm,
    Action.CALL_CUSTOMER: _confirm,
    Action.OFFER_RESCHEDULE: _reschedule,
    Action.DIVERT_LOCKER: _elsewhere(LOCKER),
    Action.SAFE_PLACE: _elsewhere(SAFE_PLACE),
    Action.FIX_ADDRESS: _fix_address,
    Action.RESEQUENCE: _resequence,
    Action.ADD_SLACK: _add_slack,
    Action.SWAP_DRIVER_OR_VEHICLE: _swap,
    Action.MOVE_TO_OTHER_FLEET: _move,
    Action.TENDER_TO_GIG: _new_route,
    Action.SPLIT_ROUTE: _new_route,
    Action.PULL_FORWARD: _pull_forward,
    Action.DEFER_ZONE: _defer_zone,
    Action.EXTRA_ATTEMPT: _again,
}
"""What each action does to the day; every action of the vocabulary is here."""
