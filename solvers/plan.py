"""What planning gives: routes with exact times, what is left and why, and what all of it costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a route; times in seconds after local midnight, the leg is the one that leads here.

    ``trip`` counts the vehicle's departures from its depot; the first leg of a trip starts there.
    """

    order_id: str
    arrival_s: int
    service_start_s: int
    departure_s: int
    leg_m: int
    leg_s: int
    trip: int = 0


@dataclass(frozen=True, slots=True)
class Reload:
    """Between two trips: back at the depot, loaded again, gone."""

    arrival_s: int
    departure_s: int


@dataclass(frozen=True, slots=True)
class Break:
    """The driver rests on the way to visit number ``position`` (the number of visits: on the way back)."""

    position: int
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Route:
    """A vehicle's day. ``cost_minor`` is by its tariff; distances and times include the way back."""

    vehicle_id: str
    fleet_id: str
    depot_id: str
    start_s: int
    end_s: int
    visits: tuple[Visit, ...]
    distance_m: int
    cost_minor: int
    reloads: tuple[Reload, ...] = ()
    breaks: tuple[Break, ...] = ()

    @property
    def duration_s(self) -> int:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A way to serve an order after all: what would have to give, what it costs, and who may decide it.

    ``price_minor`` is what the plan costs more than without the order, its penalty saved not counted, the price of
    what gives included. ``certified``: a plan that serves the order was found and proven.
    """

    what: str
    authority: str
    price_minor: int
    certified: bool


@dataclass(frozen=True, slots=True)
class Unserved:
    """An order on no route: the code of the binding rule, and the rule in words.

    ``conflict`` is a minimal set of rules that together keep it out; ``relaxations`` the cheapest first.
    """

    order_id: str
    reason: str
    explanation: str
    penalty_minor: int
    conflict: tuple[str, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Routes and unserved orders; the four costs add up to ``cost_minor``. ``rule_minor`` prices soft rules."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    transport_minor: int
    failure_minor: int
    penalty_minor: int
    engine: str
    seed: int
    solver_s: float
    rule_minor: int = 0

    @property
    def cost_minor(self) -> int:
        return self.transport_minor + self.failure_minor + self.penalty_minor + self.rule_minor

    @property
    def served(self) -> int:
        return sum(len(route.visits) for route in self.routes)
