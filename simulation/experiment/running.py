"""Decisions of the running day, taken from events as they become known and from nothing else.

===============  ====================================================================================================
driver           on
===============  ====================================================================================================
orchestration    orders of declined routes, dead vans, missing drivers and declined offers go where they cost least,
                 whatever the fleet; couriers are asked where that is dearest
exceptions       routes are projected while they run; a stop that will be late is pulled forward where that pays
communication    who will be late is told, by ``operations.communication.decide``
===============  ====================================================================================================

Off: nothing is done; what is left on a dead van fails. In the unintegrated arm exceptions project by the plan's times
and the delay so far, and so does communication, apart from each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from operations.communication import Told, decide
from operations.watch import pace as pace_of
from simulation.actions import Action
from simulation.experiment import kernels
from simulation.experiment.arms import Arm
from simulation.experiment.belief import Belief
from simulation.experiment.evening import RULES, WHO, Evening, late_sighting, projected
from simulation.experiment.planning import DayPlan, Known, route_id
from simulation.experiment.settings import DECLINED_MINOR, Settings
from simulation.view import CONCLUDING, DayView
from simulation.world import World

LOOK_EVERY_S = 2_400
NEAR_LATE_S = 1_800
"""A route is projected once one of its stops is expected so near the end of its promise, or after it."""
RISKY = 0.5
WORTH_MINOR = 60.0
NO_SHOW_WAIT_S = 3_000
PARTS = (1, 2, 3)
TRANSFER_S = 600.0
FETCHED_AFTER_S = 1_800.0
LONGEST_LEG = 3.0


@dataclass
class OnRoad:
    """A route as known: where it was last, since when it is free, and how its work compares with what was believed."""

    row: int
    place: int
    clock: float
    left: float
    started: bool = False
    actual: float = 0.0
    believed: float = 0.0
    looked: float = -1e9
    arrived: float = -1.0
    out: bool = False


@dataclass
class Operation:
    """The dispatcher's desk of one day."""

    world: World
    known: Known
    plan: DayPlan
    belief: Belief
    arm: Arm
    settings: Settings
    evening: Evening
    routes: dict[str, OnRoad] = field(default_factory=dict)
    told_late: dict[int, float] = field(default_factory=dict)
    messages: int = 0
    moved: int = 0
    missing: dict[str, float] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
    refused_offers: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        people = self.world.drivers
        self.ids = [people[one].vehicle_id for one in self.known.vehicle]
        self.row_of = {route_id(self.known, name): row for row, name in enumerate(self.ids)}
        self.origin = self.known.origin.to_pydatetime()
        self.depot = len(self.known)
        for name, row in self.row_of.items():
            start = float(self.plan.starts[row])
            self.routes[name] = OnRoad(row, self.depot, start, start)
        on = self.arm.on
        self.watches = on("exceptions") or on("communication")

    # -- helpers

    def second(self, moment: datetime) -> float:
        """Seconds from local midnight."""
        return (moment - self.origin).total_seconds()

    def number(self, order_id: str) -> int:
        """The number of an order."""
        return int(order_id[len(self.known.prefix) :])

    def name(self, number: int) -> str:
        """The id of an order."""
        return f"{self.known.prefix}{number:06d}"

    def open_of(self, view: DayView, name: str) -> np.ndarray:
        """Open orders of a route, in sequence; those the van has gone past are served, their scans are late."""
        numbers = [self.number(one) for one in view.open_orders(name)]
        return np.array([one for one in numbers if one not in self.passed], dtype=np.int64)

    def pace(self, row: int) -> float:
        """Believed pace of a vehicle."""
        return float(self.plan.arrays.prices[self.known.fleet[row], kernels.PACE])

    # -- events

    def handle(self, view: DayView, event: Any) -> list[list[list[Action]]]:
        """Decisions, each as alternatives (lists of actions) in order of preference: the first not refused holds."""
        kind, road = event.event_type, self.routes.get(event.route_id or "")
        now = self.second(event.ingest_time)
        out: list[list[list[Action]]] = []
        if road is not None:
            if kind == "arrived":
                ahead = view.open_orders(event.route_id)
                if event.order_id in ahead:
                    self.passed.update(self.number(one) for one in ahead[: ahead.index(event.order_id)])
            self._follow(road, event)
        if self.arm.on("orchestration"):
            out += self._rescue_for(view, event, road, now)
        # a customer may put an order off before the van has left: nothing to project yet
        on_road = kind in CONCLUDING and road is not None and road.started
        if self.watches and on_road and road is not None and now - road.looked >= LOOK_EVERY_S:
            road.looked = now
            out += [[[one]] for one in self._look(view, event.route_id, road, event.ingest_time)]
        return out

    def _follow(self, road: OnRoad, event: Any) -> None:
        kind, at = event.event_type, self.second(event.event_time)
        if kind == "route_started":
            road.started, road.clock, road.left = True, at, at
        elif kind == "arrived" and at >= road.clock:
            order = self.number(event.order_id)
            hour = min(29, max(0, int(road.clock // 3_600)))
            arrays = self.plan.arrays
            leg = float(arrays.seconds[road.place, order] * arrays.hour_factor[hour] * self.pace(road.row))
            # much longer than a leg can take: a stop in between whose scan is late, or a repair; no sign of pace
            if at - road.clock <= LONGEST_LEG * leg + 120.0:
                road.actual += at - road.clock
                road.believed += leg
            road.arrived = max(at, float(arrays.opens[order]))
        elif kind in CONCLUDING and event.order_id is not None and at >= road.clock:
            order = self.number(event.order_id)
            if road.arrived > 0:
                road.actual += at - road.arrived
                road.believed += self.plan.arrays.door_s[order] * self.pace(road.row)
                road.place, road.clock, road.arrived = order, at, -1.0

    # -- orchestration

    def _rescue_for(self, view: DayView, event: Any, road: OnRoad | None, now: float) -> list[list[list[Action]]]:
        kind = event.event_type
        if kind == "driver_no_show" and event.route_id in self.routes:
            self.missing[event.route_id] = now
        if kind == "route_started":
            self.missing.pop(event.route_id, None)
        if kind == "vehicle_fault" and road is not None:
            return self._rescue(view, event.route_id, now, event.ingest_time, aboard=True)
        if kind == "tender_declined" and event.order_id is not None:
            holder = view.route_of(event.order_id)
            number = self.number(event.order_id)
            if holder is not None and number not in self.refused_offers and event.order_id not in view.outcomes:
                self.refused_offers[number] = True
                orders = np.array([number], dtype=np.int64)
                found = self._place(view, holder, orders, now, event.ingest_time, self.depot)
                return [[found]] if found else []
        for name, since in list(self.missing.items()):
            if now - since >= NO_SHOW_WAIT_S:
                del self.missing[name]
                return self._rescue(view, name, now, event.ingest_time, aboard=False)
        return []

    def _rescue(self, view: DayView, name: str, now: float, at: datetime, *, aboard: bool) -> list[list[list[Action]]]:
        orders, road = self.open_of(view, name), self.routes[name]
        tries = []
        # a scan that is late leaves served stops open here: then the first ones cannot be moved any more
        for skip in range(min(3, len(orders))):
            found = self._place(view, name, orders[skip:], now, at, road.place if aboard else self.depot)
            if found:
                tries.append(found)
        return [tries] if tries else []

    def _place(
        self, view: DayView, source: str, orders: np.ndarray, now: float, at: datetime, fetch: int
    ) -> list[Action]:
        """Where ``orders`` cost least: whole or in parts, on other vans; couriers where that is dearest."""
        best_cost: float = np.inf
        best: list[Action] = []
        for parts in PARTS:
            if parts > len(orders):
                break
            total, actions = 0.0, []
            taken: dict[int, np.ndarray] = {}
            for chunk in np.array_split(self._near_first(orders, fetch), parts):
                cost, row = self._cheapest(view, source, chunk, now, fetch, taken)
                total += cost
                if row >= 0:
                    taken[row] = np.concatenate([taken.get(row, np.empty(0, dtype=np.int64)), chunk])
                    names = tuple(self.name(one) for one in chunk.tolist())
                    actions.append(Action("move_to_other_fleet", at, names, vehicle_id=self.ids[row]))
                else:
                    actions.append(Action("tender_to_gig", at, tuple(self.name(one) for one in chunk.tolist())))
            if total < best_cost:
                best_cost, best = total, actions
        if best_cost >= self.settings.failure_minor * len(orders):
            return []
        return best

    def _near_first(self, orders: np.ndarray, place: int) -> np.ndarray:
        left, out = orders.tolist(), []
        while left:
            nearest = min(left, key=lambda one: self.plan.arrays.seconds[place, one])
            left.remove(nearest)
            out.append(nearest)
            place = nearest
        return np.array(out, dtype=np.int64)

    def _cheapest(
        self, view: DayView, source: str, chunk: np.ndarray, now: float, fetch: int, taken: dict[int, np.ndarray]
    ) -> tuple[float, int]:
        """Least extra cost of appending ``chunk`` to a vehicle's work, and the vehicle (-1: couriers)."""
        arrays, known = self.plan.arrays, self.known
        best, chosen = self._couriers_minor(chunk), -1
        for name, road in self.routes.items():
            row = road.row
            if name == source or road.out or known.fleet[row] == 2 or not self._may(row, chunk):
                continue
            open_now = self.open_of(view, name)
            if row in taken:
                open_now = np.concatenate([open_now, taken[row]])
            used = self.plan.lengths[row] > 0 or row in taken
            if used and not len(open_now):
                continue  # it is on its way home, or there
            load = known.loads[np.concatenate([open_now, chunk])].sum(axis=0)
            if (load > arrays.capacity[row]).any():
                continue
            price, pace = arrays.prices[known.fleet[row]], self.pace(row)
            waits = not road.started and road.clock - FETCHED_AFTER_S > now
            clock = max(road.clock, now) if used else max(road.clock, now + 1_200.0)
            _, clock, driven, place = kernels.walk(
                arrays, open_now, 0, len(open_now), road.place, clock, pace, arrays.limits[row]
            )
            before = clock
            if used and not waits:
                clock += arrays.seconds[place, fetch] * pace + TRANSFER_S
                driven += arrays.metres[place, fetch]
                place = fetch
            extra, clock, more, _ = kernels.walk(arrays, chunk, 0, len(chunk), place, clock, pace, arrays.limits[row])
            extra += price[kernels.PER_HOUR] * (clock - before) / 3_600 + price[kernels.PER_STOP] * len(chunk)
            extra += price[kernels.PER_KM] * more / 1_000 + (0.0 if used else price[kernels.PER_ROUTE])
            if extra < best:
                best, chosen = extra, row
        return float(best), chosen

    def _may(self, row: int, chunk: np.ndarray) -> bool:
        return bool(self.known.certified[row] or not self.known.needs[chunk].any())

    def _couriers_minor(self, chunk: np.ndarray) -> float:
        """Expected cost of asking couriers, declined offers included."""
        price = self.plan.arrays.prices[2]
        km = self.belief.circuity * self.plan.km_out[chunk]
        no = self.belief.declines(self.plan.km_out[chunk])
        pay = price[kernels.PER_STOP] + price[kernels.PER_KM] * 2 * km
        lost = self.settings.failure_minor
        return float(((1 - no) * pay + no * lost).sum()) + DECLINED_MINOR * float(self.known.needs[chunk].sum())

    # -- exceptions and communication

    def _look(self, view: DayView, name: str, road: OnRoad, at: datetime) -> Iterable[Action]:
        """Project the open stops of a route; pull forward what will be late, tell who will be."""
        sequence = self.open_of(view, name)
        arrays = self.plan.arrays
        if not len(sequence) or not arrays.bound[sequence].any():
            return []
        pace, now = self.pace(road.row), self.second(at)
        speed = pace_of(road.actual, road.believed) if self.arm.shared else 1.0
        clock = max(road.clock, now - 900.0)
        _, begin = kernels.schedule(arrays, sequence, len(sequence), road.place, clock, pace * speed)
        closes = np.where(self.known.bound[sequence], self.known.closes[sequence], np.inf)
        if (begin < closes - NEAR_LATE_S).all():
            return []
        if self.arm.shared:
            paths = projected(
                self.plan, self.belief, sequence, road.place, clock, pace, max(0, int(now)), speed, road.believed
            )
            risk = paths.p_after(closes)
            low, high = paths.quantiles([0.1, 0.9])
        else:
            # what a desk of its own sees: the plan's times and how far the route is behind
            behind = (
                max(0.0, clock - float(np.nan_to_num(self.plan.begin[road.place], nan=clock)))
                if (road.place < self.depot)
                else 0.0
            )
            begin = np.nan_to_num(self.plan.begin[sequence], nan=43_200.0) + behind
            risk = np.where(begin > closes, 0.9, 0.1)
            low, high = begin - 1_800.0, begin + 1_800.0
        actions: list[Action] = []
        if self.arm.on("exceptions") and risk.max() >= RISKY:
            actions += self._pull_forward(name, sequence, road, clock, pace * speed, risk, at)
        if self.arm.on("communication") and not actions:
            actions += self._tell(sequence, risk, low, high, at, now)
        return actions

    def _pull_forward(
        self, name: str, sequence: np.ndarray, road: OnRoad, clock: float, pace: float, risk: np.ndarray, at: datetime
    ) -> list[Action]:
        """Move the stop most at risk to the earlier place that costs least, where that is worth it."""
        arrays, row = self.plan.arrays, road.row
        hourly = max(float(arrays.prices[self.known.fleet[row], kernels.PER_HOUR]), 1_000.0) / 3_600
        # the stop that is being driven to cannot be moved
        worst = int(np.argmax(risk[1:])) + 1 if len(sequence) > 2 else 0
        if worst < 2 or risk[worst] < RISKY:
            return []

        def price(order: np.ndarray) -> float:
            cost, end, _, _ = kernels.walk(arrays, order, 0, len(order), road.place, clock, pace, arrays.limits[row])
            return float(cost + hourly * end)

        now_minor, best, chosen = price(sequence), np.inf, None
        rest = np.delete(sequence, worst)
        for place in range(1, worst):
            moved = np.insert(rest, place, sequence[worst])
            cost = price(moved)
            if cost < best:
                best, chosen = cost, moved
        if chosen is None or best > now_minor - WORTH_MINOR:
            return []
        ahead = tuple(self.name(one) for one in chosen[1:].tolist())
        return [Action("resequence", at, ahead, route_id=name)]

    def _tell(
        self, sequence: np.ndarray, risk: np.ndarray, low: np.ndarray, high: np.ndarray, at: datetime, now: float
    ) -> list[Action]:
        names = []
        for place, number in enumerate(sequence.tolist()):
            if not self.known.bound[number]:
                continue
            span = (max(now, float(low[place])), max(now, float(high[place])))
            seen = late_sighting(self.known, number, at, span, float(risk[place]))
            memory = self.evening.told.get(number, Told())
            self.evening.told[number], notice, _ = decide(memory, seen, WHO, RULES)
            if notice is None:
                continue
            self.messages += 1
            names.append(self.name(number))
            if notice.delay:
                self.told_late.setdefault(number, now)
        return [Action("message", at, tuple(names))] if names else []


def changed_moves(before: DayPlan, after: DayPlan, known: Known, ids: list[str], at: datetime) -> list[Action]:
    """Moves and new sequences that turn the plan ``before`` into ``after``, before anything is loaded."""
    old = {one: row for row in range(len(before.lengths)) for one in before.sequence(row).tolist()}
    actions = []
    for row in range(len(after.lengths)):
        sequence = after.sequence(row).tolist()
        came = [one for one in sequence if old.get(one) != row]
        if came:
            names = tuple(f"{known.prefix}{one:06d}" for one in came)
            actions.append(Action("move_to_other_fleet", at, names, vehicle_id=ids[row]))
            whole = tuple(f"{known.prefix}{one:06d}" for one in sequence)
            actions.append(Action("resequence", at, whole, route_id=route_id(known, ids[row])))
    return actions


def at_second(known: Known, second: float) -> datetime:
    """A moment of the day."""
    moment: datetime = known.origin.to_pydatetime() + timedelta(seconds=second)
    return moment
