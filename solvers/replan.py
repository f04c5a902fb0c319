"""Re-planning primitives: what may no longer change, a warm start, and what one more order would cost.

Dispatch calls these functions while the day moves. None of them looks at a clock or a network: the caller says when it
is (``now_s``) and what stands (``plan``); the answer is a value.

- ``locks_of`` turns a plan and a moment into locks, at one of three levels;
- ``replan`` searches on from a plan under locks; ``repair`` does so in a fraction of a second, without a child process;
- ``Quoter`` (``quotes`` for a single one) tells which vehicle could take an order, when, and at what price;
- ``with_order`` and ``without_orders`` change the problem between two of these calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.errors import PlanningError
from solvers.engines import RELOAD, Sequences, insertion
from solvers.evaluator import Evaluation, Evaluator
from solvers.explainer import sequences_of
from solvers.families import RouteSummary
from solvers.plan import Plan, Route
from solvers.planner import Progress, SolveSettings, assemble, stops_of
from solvers.planner import plan as search
from solvers.problem import LARGEST, Lock, Order, PlanningProblem, Vehicle, Window

__all__ = ["Quote", "Quoter", "locks_of", "quotes", "repair", "replan", "with_order", "without_orders"]

RELAXED = {"nothing": "all", "times": "sequence", "times_and_sequence": "vehicle", "all": None}
"""What may give -> the level of the lock that holds the rest (``solvers.problem.Lock``)."""
EXACT = 6
"""Feasible places of the shortest detours that are priced exactly, of one vehicle."""
FAR, FAR_MINOR = 2, 200
"""Detours dearer than this many times the last of the quotes in hand, and so much more, are not tried."""

Stops = list[Order | None]


# --- locks and warm starts


def locks_of(
    plan: Plan, *, now_s: int, loaded: Iterable[str] = (), relax: str = "times", frozen_s: int = 0
) -> tuple[Lock, ...]:
    """Locks for a plan that is under way at ``now_s``.

    A route that has left keeps its departure. What it has begun (or begins within ``frozen_s`` seconds from now) and
    the leg it drives to its next stop are history: they are held with ``level="all"``. The stops after those are
    held as ``relax`` says: ``nothing``: as history is; ``times``: vehicle and sequence stay; ``times_and_sequence``:
    the vehicle stays; ``all``: they are free, but for orders in ``loaded``, which a van that has left cannot hand
    over. Routes that have not left hold their orders by ``relax`` too, their departure is free unless it is
    ``nothing``.

    Args:
        plan: what stands.
        now_s: seconds after local midnight.
        loaded: ids of orders that are aboard already, whatever ``relax`` says.
        relax: one of ``nothing``, ``times``, ``times_and_sequence``, ``all``.
        frozen_s: how long from now nothing of a route is changed any more.

    Raises:
        PlanningError: ``relax`` is none of these.
    """
    if relax not in RELAXED:
        raise PlanningError(f"relax must be one of {', '.join(RELAXED)}, is {relax!r}")
    aboard = frozenset(loaded)
    return tuple(lock for route in plan.routes for lock in _locks(route, now_s + frozen_s, aboard, RELAXED[relax]))


def _locks(route: Route, until_s: int, aboard: frozenset[str], level: str | None) -> Iterator[Lock]:
    ids = [visit.order_id for visit in route.visits]
    gone = route.start_s <= until_s
    # the stop that is driven to is given already: turning back on the road is not planned
    begun = next((n for n, v in enumerate(route.visits) if v.arrival_s > until_s), len(ids) - 1) + 1 if gone else 0
    rest = ids[begun:]
    if level == "all" or (level == "sequence" and not gone):
        yield Lock(route.vehicle_id, tuple(ids), level, route.start_s if level == "all" else None)
        return
    if level == "sequence":
        # the departure is history, so the head holds its times; what follows may be late but not overtaken
        yield Lock(route.vehicle_id, tuple(ids), "sequence", route.start_s)
        return
    if begun:
        yield Lock(route.vehicle_id, tuple(ids[:begun]), "all", route.start_s)
    kept = tuple(one for one in rest if level == "vehicle" or one in aboard)
    if kept:
        yield Lock(route.vehicle_id, kept, "vehicle")


def with_order(problem: PlanningProblem, *orders: Order) -> PlanningProblem:
    """``problem`` with more orders (both of a pair together); their locations must be in the travel matrices.

    Raises:
        PlanningError: names the field that cannot be right.
    """
    return replace(problem, orders=(*problem.orders, *orders))


def without_orders(problem: PlanningProblem, gone: Iterable[str]) -> PlanningProblem:
    """``problem`` without cancelled orders, their pairs, and what rules and locks say of them."""
    lost = set(gone)
    lost |= {o.order_id for o in problem.orders if o.pickup_of in lost}
    lost |= {o.pickup_of for o in problem.orders if o.order_id in lost and o.pickup_of}
    rules = tuple(
        replace(rule, orders=rule.orders - lost) for rule in problem.rules if not rule.orders or rule.orders - lost
    )
    locks = tuple(replace(lock, orders=tuple(o for o in lock.orders if o not in lost)) for lock in problem.locks)
    return replace(
        problem,
        orders=tuple(o for o in problem.orders if o.order_id not in lost),
        rules=rules,
        locks=tuple(lock for lock in locks if lock.orders),
    )


def replan(
    problem: PlanningProblem,
    plan: Plan,
    settings: SolveSettings | None = None,
    *,
    locks: Sequence[Lock] | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Search on from ``plan``, under ``locks`` (else those of the problem), for as long as ``settings`` say.

    Orders of ``problem`` that ``plan`` does not know are inserted; orders that are gone are left out.
    """
    problem = problem if locks is None else replace(problem, locks=tuple(locks))
    return search(problem, settings, progress, initial=_known(problem, plan))


def repair(
    problem: PlanningProblem,
    plan: Plan,
    *,
    locks: Sequence[Lock] | None = None,
    seconds: float = 0.8,
    seed: int = 0,
    iterations: int | None = None,
) -> Plan:
    """A quick local repair in this process: insert what is open, then ruin and recreate until the time is over.

    With ``iterations`` it is the same on every run. Never worse than inserting alone.
    """
    started = time.monotonic()
    problem = problem if locks is None else replace(problem, locks=tuple(locks))
    evaluator = Evaluator(problem)
    sequences = insertion.improve(
        problem,
        _known(problem, plan),
        seed=seed,
        iterations=1_000_000 if iterations is None else iterations,
        deadline=float("inf") if iterations is not None else started + seconds,
        evaluator=evaluator,
    )
    spent = time.monotonic() - started
    return assemble(problem, sequences, engine="repair", seed=seed, solver_s=spent, evaluator=evaluator)


def _known(problem: PlanningProblem, plan: Plan) -> Sequences:
    """Sequences of ``plan`` without orders and vehicles that ``problem`` does not have."""
    orders = {order.order_id for order in problem.orders}
    vehicles = {vehicle.vehicle_id for vehicle in problem.vehicles}
    return {
        key: [one for one in ids if one == RELOAD or one in orders]
        for key, ids in sequences_of(plan).items()
        if key in vehicles
    }


# --- quotes


@dataclass(frozen=True, slots=True)
class Quote:
    """An offer to serve one more order: by whom, when, at what price. Feasible by the exact evaluator.

    Attributes:
        price_minor: what the whole plan costs more (transport, expected failure, soft rules of routes and plan).
        arrival_s, service_start_s: at the order; for a pair, at its delivery.
        slot: the window of the order that service falls in; None where it has none.
        position: index among the route's visits.
        sequence: the route's new sequence, reloads as ``""``; ``Quoter.accept`` takes it over.
        delays_s: orders of the route that are served later than planned, and by how much.
    """

    order_id: str
    vehicle_id: str
    price_minor: int
    arrival_s: int
    service_start_s: int
    slot: Window | None
    position: int
    trip: int
    sequence: tuple[str, ...]
    delays_s: tuple[tuple[str, int], ...]


class Quoter:
    """Insertion quotes on one plan: looked up once, asked many times (milliseconds a quote on 1,000 stops)."""

    def __init__(self, problem: PlanningProblem, plan: Plan, locks: Sequence[Lock] | None = None) -> None:
        """``locks`` instead of those of ``problem``: what they hold is not moved."""
        self.problem = problem if locks is None else replace(problem, locks=tuple(locks))
        self.evaluator = Evaluator(self.problem)
        self._stops: dict[str, Stops] = {}
        self._found: dict[str, Evaluation] = {}
        for vehicle in self.problem.vehicles:
            self._keep(vehicle, [])
        for vehicle_id, ids in _known(self.problem, plan).items():
            self._keep(self.evaluator.vehicles[vehicle_id], stops_of(self.evaluator, ids))

    def _keep(self, vehicle: Vehicle, stops: Stops) -> None:
        found = self.evaluator.evaluate(vehicle, stops)
        if found is None:
            raise PlanningError(f"the route of vehicle {vehicle.vehicle_id[:80]!r} breaks a rule of the problem")
        self._stops[vehicle.vehicle_id], self._found[vehicle.vehicle_id] = stops, found

    def quotes(
        self, order: Order, *, most: int = 5, pickup: Order | None = None, windows: Sequence[Window] = ()
    ) -> tuple[Quote, ...]:
        """The cheapest quote of each vehicle that could take ``order``, cheapest first, ``most`` at most.

        Args:
            order: it need not be in the problem; its location must be in the travel matrices.
            most: how many.
            pickup: for a pair, the pickup that goes before it on the same trip.
            windows: slots to choose from instead of the order's own windows: the cheapest quote of each slot.

        Raises:
            PlanningError: the order is on a route already, or its location is in no matrix.
        """
        if not 0 <= order.location < self.problem.travel.size:
            raise PlanningError(f"order {order.order_id[:80]!r}: location {order.location} is not in the matrices")
        if any(one is not None and one.order_id == order.order_id for stops in self._stops.values() for one in stops):
            raise PlanningError(f"order {order.order_id[:80]!r} is on a route already")
        if pickup is not None:
            self.evaluator.pairs[order.order_id] = pickup.order_id
        if windows:
            slots = (self._cheapest(replace(order, windows=(window,)), pickup, 1) for window in windows)
            found = [one for slot in slots for one in slot]
        else:
            found = self._cheapest(order, pickup, most)
        return tuple(sorted(found, key=lambda one: (one.price_minor, one.service_start_s, one.vehicle_id))[:most])

    def _cheapest(self, order: Order, pickup: Order | None, most: int) -> list[Quote]:
        """The best place on each of the ``most`` cheapest vehicles; places are tried by the money of their detour."""
        places = [
            (detour, vehicle.vehicle_id, position, reload)
            for vehicle in self.problem.vehicles
            if self.evaluator.rules.pair_price(vehicle, order) is not None
            for detour, position, reload in self._places(vehicle, self._stops[vehicle.vehicle_id], order)
        ]
        places.sort()
        best: dict[str, tuple[int, int, Stops, Evaluation]] = {}
        feasible: dict[str, int] = {}
        for detour, vehicle_id, position, reload in places:
            if feasible.get(vehicle_id, 0) >= EXACT:
                continue
            if len(best) >= most and detour > FAR * sorted(one[0] for one in best.values())[most - 1] + FAR_MINOR:
                break
            vehicle = self.evaluator.vehicles[vehicle_id]
            for candidate in _candidates(self._stops[vehicle_id], order, pickup, position, reload):
                found = self.evaluator.evaluate(vehicle, candidate)
                if found is None:
                    continue
                feasible[vehicle_id] = feasible.get(vehicle_id, 0) + 1
                price = found.cost - self._found[vehicle_id].cost + self._plan_price(vehicle, candidate, found)
                start = found.timing.services[_index(candidate, order)]
                if vehicle_id not in best or (price, start) < best[vehicle_id][:2]:
                    best[vehicle_id] = (price, start, candidate, found)
        return [
            self._quote(self.evaluator.vehicles[key], order, price, stops, found)
            for key, (price, _, stops, found) in best.items()
        ]

    def accept(self, quote: Quote, order: Order, pickup: Order | None = None) -> None:
        """Let the plan in hand be the one with ``quote`` in it, so that later quotes reckon with it."""
        vehicle = self.evaluator.vehicles[quote.vehicle_id]
        self.evaluator.orders[order.order_id] = order
        if pickup is not None:
            self.evaluator.orders[pickup.order_id] = pickup
        self._keep(vehicle, stops_of(self.evaluator, list(quote.sequence)))

    def _places(self, vehicle: Vehicle, stops: Stops, order: Order) -> Iterator[tuple[int, int, int]]:
        """Detours in money with their position; 1 and -1: on a trip of its own after or before all others.

        Places that the order or the stop after it would be reached too late at are left out at once.
        """
        drive, tariff = self.evaluator.drive(vehicle), vehicle.tariff
        places = [drive.depot, *(drive.depot if one is None else one.location for one in stops)]
        late = max((window.end_s for window in order.windows), default=LARGEST)
        gone = self._soonest(vehicle, stops)
        first = self._first_free(vehicle, stops)
        for position in range(first, len(stops) + 1):
            here, at = places[position], order.location
            there = places[position + 1] if position < len(stops) else drive.end
            metres, seconds = drive.distance(here, at), drive.duration(here, at)
            if drive.timed is None:
                reached = gone[position] + seconds
                if reached > late:
                    break
                after = stops[position] if position < len(stops) else None
                if after is not None and after.windows and there is not None:
                    start = max(reached, min((w.start_s for w in order.windows), default=0)) + order.service_s
                    if start + drive.duration(at, there) > max(window.end_s for window in after.windows):
                        continue
            if there is not None:
                metres += drive.distance(at, there) - drive.distance(here, there)
                seconds += drive.duration(at, there) - drive.duration(here, there)
            price = tariff.per_km_minor * metres // 1_000 + tariff.per_hour_minor * seconds // 3_600
            yield price + (0 if stops else tariff.per_route_minor), position, 0
        if stops and vehicle.max_trips > 1 + sum(one is None for one in stops):
            away = drive.distance(drive.depot, order.location) + drive.distance(order.location, drive.depot)
            yield tariff.per_km_minor * away // 1_000, len(stops), 1
            if first == 0:
                yield tariff.per_km_minor * away // 1_000, 0, -1

    def _soonest(self, vehicle: Vehicle, stops: Stops) -> list[int]:
        """For each position, the soonest moment at which the vehicle may leave the place before it."""
        times = self._found[vehicle.vehicle_id].timing
        fixed = self.evaluator.drive(vehicle).fixed_start_s is not None
        earlier = 0 if fixed or not stops else max(0, times.start_s - vehicle.start_s)
        gone, visit, trip = [times.start_s - earlier], 0, 0
        for one in stops:
            if one is None:
                gone.append(times.reloads[trip].departure_s - earlier)
                trip += 1
            else:
                gone.append(times.services[visit] + one.service_s - earlier)
                visit += 1
        return gone

    def _first_free(self, vehicle: Vehicle, stops: Stops) -> int:
        held = {
            one
            for lock in self.problem.locks
            if lock.vehicle_id == vehicle.vehicle_id and lock.level != "vehicle"
            for one in lock.orders
        }
        return max((n + 1 for n, one in enumerate(stops) if one is not None and one.order_id in held), default=0)

    def _plan_price(self, vehicle: Vehicle, candidate: Stops, found: Evaluation) -> int:
        """What rules over the whole plan charge more; excess over a hard one counts dearly."""
        rules = self.evaluator.rules
        if not rules.plan:
            return 0
        before = [self._summary(v, self._stops[v.vehicle_id], self._found[v.vehicle_id]) for v in self._used()]
        after = [
            self._summary(v, self._stops[v.vehicle_id], self._found[v.vehicle_id])
            for v in self._used()
            if v.vehicle_id != vehicle.vehicle_id
        ]
        after.append(self._summary(vehicle, candidate, found))
        (hard_before, priced_before), (hard_after, priced_after) = rules.plan_price(before), rules.plan_price(after)
        return (hard_after - hard_before) * 10**12 + priced_after - priced_before

    def _used(self) -> list[Vehicle]:
        return [v for v in self.problem.vehicles if self._stops[v.vehicle_id]]

    def _summary(self, vehicle: Vehicle, stops: Stops, found: Evaluation) -> RouteSummary:
        return self.evaluator.summary(vehicle, stops, found.timing)

    def _quote(self, vehicle: Vehicle, order: Order, price: int, stops: Stops, found: Evaluation) -> Quote:
        at = _index(stops, order)
        before = {
            one.order_id: service
            for one, service in zip(
                (o for o in self._stops[vehicle.vehicle_id] if o is not None),
                self._found[vehicle.vehicle_id].timing.services,
                strict=True,
            )
        }
        now = [one for one in stops if one is not None]
        delays = tuple(
            (one.order_id, service - before[one.order_id])
            for one, service in zip(now, found.timing.services, strict=True)
            if service > before.get(one.order_id, service)
        )
        service = found.timing.services[at]
        slot = next((w for w in order.windows if w.start_s <= service <= w.end_s), None)
        return Quote(
            order.order_id,
            vehicle.vehicle_id,
            price,
            found.timing.arrivals[at],
            service,
            slot,
            at,
            sum(one is None for one in stops[: stops.index(order)]),
            tuple(RELOAD if one is None else one.order_id for one in stops),
            delays,
        )


def _index(stops: Stops, order: Order) -> int:
    """Index of ``order`` among the visits."""
    return next(n for n, one in enumerate(o for o in stops if o is not None) if one.order_id == order.order_id)


def _candidates(stops: Stops, order: Order, pickup: Order | None, position: int, reload: int) -> Iterator[Stops]:
    head, tail = stops[:position], stops[position:]
    added: Stops = [order] if pickup is None else [pickup, order]
    if reload:
        yield [*head, None, *added, *tail] if reload > 0 else [*head, *added, None, *tail]
    elif pickup is None:
        yield [*head, order, *tail]
    else:
        first = max((n + 1 for n, one in enumerate(head) if one is None), default=0)
        for at in range(first, len(head) + 1):
            yield [*head[:at], pickup, *head[at:], order, *tail]


def quotes(
    problem: PlanningProblem, plan: Plan, order: Order, *, most: int = 5, pickup: Order | None = None
) -> tuple[Quote, ...]:
    """Who could take ``order`` into ``plan``, when, at what price; ``Quoter`` where more than one is asked."""
    return Quoter(problem, plan).quotes(order, most=most, pickup=pickup)
