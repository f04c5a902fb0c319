"""What an operation knows of a day that is being played: its plan, what it decided, and the events that arrived."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from domain.codes import EventType

if TYPE_CHECKING:
    from simulation.live import LiveEvent

CONCLUDING = frozenset(
    one.value
    for one in (
        EventType.DELIVERED,
        EventType.ATTEMPT_FAILED,
        EventType.PARTIALLY_DELIVERED,
        EventType.DIVERTED,
        EventType.CANCELLED,
        EventType.RESCHEDULED,
    )
)


class DayView:
    """Belief, not truth: folded from the plan, accepted decisions and events in the order in which they became known.

    A late scan leaves a served stop open here, as it does on a real dispatcher's screen. Handlers read it; only the
    live day writes to it.

    Attributes:
        service_date: the date being played.
        now: UTC moment of the newest knowledge.
        events: how many events are known.
        outcomes: order id -> newest concluding event type known.
    """

    __slots__ = ("_last", "_open", "_route", "events", "now", "outcomes", "service_date")

    def __init__(self, service_date: date, routes: Iterable[tuple[str, Iterable[str]]], now: datetime) -> None:
        """``routes``: route id with its order ids in sequence."""
        self.service_date, self.now, self.events = service_date, now, 0
        self.outcomes: dict[str, str] = {}
        self._open: dict[str, dict[str, None]] = {route: dict.fromkeys(orders) for route, orders in routes}
        self._route: dict[str, str] = {order: route for route, orders in self._open.items() for order in orders}
        self._last: dict[str, LiveEvent] = {}

    def routes(self) -> tuple[str, ...]:
        """Ids of all routes, planned ones first."""
        return tuple(self._open)

    def open_orders(self, route_id: str) -> tuple[str, ...]:
        """Orders of a route without a known outcome, in sequence; the first may be on its way."""
        return tuple(self._open.get(route_id, ()))

    def route_of(self, order_id: str) -> str | None:
        """The route an order is on, open or not."""
        return self._route.get(order_id)

    def last_event(self, route_id: str) -> LiveEvent | None:
        """The newest known event of a route."""
        return self._last.get(route_id)

    def _learn(self, event: LiveEvent) -> None:
        self.now = event.ingest_time
        self.events += 1
        route, order = event.route_id, event.order_id
        if route is not None:
            self._last[route] = event
        if order is not None and event.event_type in CONCLUDING:
            self.outcomes[order] = event.event_type
            own = self._open.get(self._route.get(order, ""))
            if own is not None:
                own.pop(order, None)

    def _resequenced(self, route_id: str, queue: Iterable[str]) -> None:
        """An accepted decision gave ``route_id`` this sequence; what its driver already took up stays in front."""
        ahead = [one for one in queue if one not in self.outcomes or self._route.get(one) != route_id]
        moved = set(ahead)
        for one in ahead:
            before = self._route.get(one)
            if before is not None and before != route_id:
                self._open[before].pop(one, None)
            self._route[one] = route_id
        kept = [one for one in self._open.get(route_id, ()) if one not in moved]
        self._open[route_id] = dict.fromkeys([*kept, *ahead])
