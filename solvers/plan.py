"""What planning gives: routes with exact times, what is left and why, and what all of it costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a route; times in seconds after local midnight, the leg is the one that leads here."""

    order_id: str
    arrival_s: int
    service_start_s: int
    departure_s: int
    leg_m: int
    leg_s: int


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

    @property
    def duration_s(self) -> int:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Unserved:
    """An order on no route: the code of the binding rule, and the rule in words."""

    order_id: str
    reason: str
    explanation: str
    penalty_minor: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Routes and unserved orders; the three costs add up to ``cost_minor``."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    transport_minor: int
    failure_minor: int
    penalty_minor: int
    engine: str
    seed: int
    solver_s: float

    @property
    def cost_minor(self) -> int:
        return self.transport_minor + self.failure_minor + self.penalty_minor

    @property
    def served(self) -> int:
        return sum(len(route.visits) for route in self.routes)
