"""What a day begins with: problem, plan, what tendered fleets offer, and what disruption is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from domain.errors import InputError
from operations.state.standing import Said, StandingAnswer
from solvers.contracts import Contract, RouteWork, VisitWork, price_day, total_minor
from solvers.plan import Plan
from solvers.problem import Order, PlanningProblem, Vehicle
from solvers.tariffs import divide_half_up

T = TypeVar("T")


@dataclass(frozen=True)
class Offer:
    """A fleet that takes single orders by tender.

    Attributes:
        contract: prices an order as a route of one stop, there and back.
        accept_p: probability that it accepts.
        answer_s: how long an offer stands.
        lead_s: from acceptance to leaving the depot.
        most: orders it can have at once, offers that stand included (couriers who are free); None: no limit.
    """

    fleet_id: str
    contract: Contract
    accept_p: float
    answer_s: int = 900
    lead_s: int = 900
    most: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.accept_p <= 1.0:
            raise InputError(f"offer of fleet {self.fleet_id!r}: accept_p must be in (0, 1], is {self.accept_p}")
        if self.answer_s <= 0 or self.lead_s < 0:
            raise InputError(f"offer of fleet {self.fleet_id!r}: answer_s must be above 0 and lead_s not below 0")


@dataclass(frozen=True)
class Prices:
    """What moves and lateness are worth, minor units.

    Attributes:
        moved_minor: an order that changes its vehicle; resequenced_minor: one that changes its place on a route.
        late_minor_per_min: a minute after the window's end.
        material_s: a delay below this changes nothing.
    """

    moved_minor: int = 150
    resequenced_minor: int = 40
    late_minor_per_min: int = 60
    material_s: int = 300


@dataclass(frozen=True)
class Approvals:
    """Which decisions wait for a person. What nobody answers in time is done as it was proposed.

    Attributes:
        kinds: of decisions that always wait (assign, tender, leave).
        above_minor: what one event calls for waits too where it costs at least so much in all; None: no price makes it
            wait. Below it is decided without asking: the authority of whoever lets the day run.
        above_bp: the same as a share of what the plan costs (of 10,000): what is material to a day grows with the day.
            Of two limits the higher holds.
        answer_s: how long a proposal waits; never beyond the order's latest dispatch time.
        standing_after: answers alike after which a standing answer is offered (``operations.state.standing``); None:
            every matter is asked about anew.
        standing_kinds: of decisions that a standing answer may cover. Leaving an order breaks a promise: not by itself.
        standing_days: how long one holds; standing_a_day: causes of a day that it answers.
        standing_band_bp: its limit, of 10,000 of the dearest of the answers alike.
        standing_most_minor: the highest limit one may have; None: what people have said yes to.
        standing_late_s: how much later than promised one may serve somebody; 0: a promise is the customer's to change.
        most_per_hour: proposals within an hour; beyond it what is proposed is done at once, for a person's attention is
            the scarcest capacity. None: no limit.
    """

    kinds: tuple[str, ...] = ()
    above_minor: int | None = None
    answer_s: int = 600
    most_per_hour: int | None = None
    above_bp: int | None = None
    standing_after: int | None = None
    standing_kinds: tuple[str, ...] = ("assign", "tender")
    standing_days: int = 28
    standing_a_day: int = 4
    standing_band_bp: int = 12_500
    standing_most_minor: int | None = None
    standing_late_s: int = 0

    def __post_init__(self) -> None:
        known = ("assign", "tender", "leave")
        if unknown := sorted({*self.kinds, *self.standing_kinds} - set(known)):
            raise InputError(f"approvals: there is no decision {unknown[0]!r}; there are {', '.join(known)}")
        if self.answer_s <= 0 or (self.most_per_hour is not None and self.most_per_hour < 0):
            raise InputError("approvals: answer_s must be above 0 and most_per_hour not below 0")
        if min(self.above_minor or 0, self.above_bp or 0) < 0:
            raise InputError("approvals: above_minor and above_bp must not be below 0")
        if self.standing_after is not None and self.standing_after < 2:
            raise InputError("approvals: standing_after must be 2 at least: one answer is no habit")
        if (
            min(self.standing_days, self.standing_a_day, self.standing_band_bp) <= 0
            or min(self.standing_most_minor or 0, self.standing_late_s) < 0
        ):
            raise InputError(
                "approvals: standing_days and standing_a_day must be above 0, standing_most_minor and standing_late_s "
                "not below 0"
            )


@dataclass(frozen=True)
class Coming:
    """What is expected to come through the day, from history. Data, so that a replay draws the same futures.

    Attributes:
        per_hour: orders that are expected to become known in each of the 24 hours of the day.
        examples: orders as they came; their windows count from the moment at which one becomes known.
        samples: futures that are drawn for a decision.
        most_looks: work of a decision, in places of routes that are looked at; fewer futures are drawn where it would
            be more. A count and not a clock: the same on every machine.
        review_s: how long before its last chance an order is no longer held.
        policy: how it is decided what waits: ``futures`` weighs what may still come, ``last_chance`` lets all wait
            until one must go (a fixed rule that looks at no example), ``at_once`` lets none wait.
    """

    per_hour: tuple[float, ...]
    examples: tuple[Order, ...]
    samples: int = 16
    most_looks: int = 40_000
    review_s: int = 300
    policy: str = "futures"

    def __post_init__(self) -> None:
        if self.policy not in WAITING:
            raise InputError(f"what is coming: there is no policy {self.policy!r}; there are {', '.join(WAITING)}")
        if len(self.per_hour) != HOURS or not all(0 <= one < 1e6 for one in self.per_hour):
            raise InputError("what is coming: per_hour needs 24 numbers that are not below 0")
        if self.samples <= 0 or self.most_looks <= 0 or self.review_s < 0:
            raise InputError("what is coming: samples and most_looks must be above 0 and review_s not below 0")

    def expected(self, from_s: int, to_s: int) -> float:
        """Orders that are expected between two seconds of the day."""
        return sum(self.per_hour[hour % HOURS] * seconds / 3_600 for hour, _, seconds in _hours(from_s, to_s))

    def moments(self, generator: np.random.Generator, from_s: int, to_s: int, share: float) -> list[int]:
        """Seconds between the two at which orders come, drawn: a Poisson process by the hour's rate times ``share``."""
        found = []
        for hour, begin, seconds in _hours(from_s, to_s):
            count = int(generator.poisson(self.per_hour[hour % HOURS] * share * seconds / 3_600))
            found += sorted(int(one) for one in generator.integers(begin, begin + seconds, count))
        return found


HOURS = 24
WAITING = ("futures", "last_chance", "at_once")
"""Policies of orders that may wait."""


def _hours(from_s: int, to_s: int) -> Iterator[tuple[int, int, int]]:
    """Hours between two seconds: which, its first second from ``from_s`` on, and how many of it."""
    while from_s < to_s:
        hour = from_s // 3_600
        end = min(to_s, (hour + 1) * 3_600)
        yield hour, from_s, end - from_s
        from_s = end


@dataclass(frozen=True)
class Day:
    """The frozen beginning of a service date."""

    service_date: date
    problem: PlanningProblem
    plan: Plan
    offers: tuple[Offer, ...] = ()
    prices: Prices = field(default_factory=Prices)
    seed: int = 0
    approvals: Approvals = field(default_factory=Approvals)
    places: tuple[tuple[int, int], ...] = ()
    """Latitude and longitude in millionths of a degree, by row of the matrices: for maps, never for decisions."""
    coming: Coming | None = None
    """What may still come; None: nothing is known of it, and no order waits for it."""
    standing: tuple[StandingAnswer, ...] = ()
    """Standing answers in force."""
    said: tuple[Said, ...] = ()
    """What people said about matters of the days before, oldest first."""

    @property
    def coming_examples(self) -> tuple[Order, ...]:
        return () if self.coming is None else self.coming.examples

    @cached_property
    def _once(self) -> dict[str, Any]:
        return {}

    def worked_out(self, name: str, how: Callable[[], T]) -> T:
        """What follows from the day alone, worked out when it is first asked for."""
        if name not in self._once:
            self._once[name] = how()
        found: T = self._once[name]
        return found

    @cached_property
    def orders(self) -> Mapping[str, Order]:
        return {one.order_id: one for one in self.problem.orders}

    @cached_property
    def vehicles(self) -> Mapping[str, Vehicle]:
        return {one.vehicle_id: one for one in self.problem.vehicles}

    @cached_property
    def planned(self) -> Mapping[str, tuple[str, ...]]:
        """Vehicle -> the sequence of the plan (a day of one trip a vehicle)."""
        return {one.vehicle_id: tuple(v.order_id for v in one.visits) for one in self.plan.routes}

    @cached_property
    def planned_for(self) -> Mapping[str, str]:
        """Order -> the vehicle that the plan gives it to."""
        return {order: vehicle for vehicle, orders in self.planned.items() for order in orders}

    @cached_property
    def starts(self) -> Mapping[str, int]:
        return {one.vehicle_id: one.start_s for one in self.plan.routes}

    @cached_property
    def asks_from_minor(self) -> int | None:
        """From which price on what an event calls for waits for a person; None: no price makes it wait."""
        rule = self.approvals
        limits = [] if rule.above_minor is None else [rule.above_minor]
        if rule.above_bp is not None:
            limits.append(divide_half_up(self.plan.cost_minor * rule.above_bp, 10_000))
        return max(limits, default=None)

    def depot_of(self, order: Order) -> int:
        """Row of the depot an order is loaded at."""
        return self.problem.depot(order.depot_id or self.problem.depots[0].depot_id).location

    def tender_minor(self, offer: Offer, order: Order, start_s: int) -> int:
        """What an offer's contract asks for one order."""
        depot, travel = self.depot_of(order), self.problem.travel
        work = RouteWork(
            order.order_id,
            int(travel.distance_m[depot, order.location] + travel.distance_m[order.location, depot]),
            int(travel.duration_s[depot, order.location] + travel.duration_s[order.location, depot]) + order.service_s,
            start_s,
            visits=(
                VisitWork(
                    order.order_id,
                    start_s,
                    str(order.attributes.get("zone", "")),
                    str(order.attributes.get("service", "")),
                    order.load.mass_g,
                    order.load.parcels,
                ),
            ),
        )
        return total_minor(price_day(offer.contract, self.service_date, [work]))

    def latest_dispatch_s(self, order: Order, offer: Offer | None = None) -> int:
        """When an order must leave its depot at the latest to be in its last window, the fleet's lead included."""
        ends = max((window.end_s for window in order.windows), default=86_400)
        drive = int(self.problem.travel.duration_s[self.depot_of(order), order.location])
        return ends - drive - (offer.lead_s if offer else 0)
