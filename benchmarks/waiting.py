"""``fivefold bench waiting``: orders of the day that may wait, by sampled futures, beside two fixed rules.

``at_once`` dispatches each when it becomes known; ``last_chance`` lets all that may wait do so until one must go.

Customers, streets, fleets, tariffs and the night's plan are the twin's. A share of its orders becomes known during the
day, by a Poisson process, with hours to bring each; some own vans stand in reserve, couriers are asked one by one. All
arms meet the same orders and the same answers (drawn by order, fleet and how often it was asked). Vans drive as the
matrices say. What is expected to come is counted from four weeks of other days; places are those of the morning.
"""

from __future__ import annotations

import heapq
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.fabric import numbers
from benchmarks.fabric_day import _offers
from benchmarks.fabric_world import FIRST_DAY, GIG, LATE_MINOR_PER_MIN, OWN, PER_DAY, World, interval, rough_city
from models.parameters import Beliefs
from operations.decide import step
from operations.dispatch.ahead import drive
from operations.dispatch.takeover import LOADING_S
from operations.state import Coming, Day, DayState, Event, Prices, start
from operations.state.entities import FINAL, IDLE
from orchestration.cli.options import fivefold_command
from solvers.problem import Order, Window

SHARE, SLACK_S = 0.4, 3 * 3_600
FIRST_S, LAST_S, END_S = 9 * 3_600, 16 * 3_600, 21 * 3_600
HISTORY_DAYS, TICK_S, ANSWER_S = 28, 60, 120
ARMS = ("futures", "at_once", "last_chance")


@dataclass(frozen=True)
class Case:
    """A day, and the orders that become known in it."""

    day: Day
    arriving: tuple[tuple[int, Order], ...]


def case_of(world: World, seed: int, slack_s: int) -> Case:
    """The twin's day with a share of its orders taken out of the morning."""
    problem = world.problem(FIRST_DAY)
    generator = np.random.default_rng([seed, 1])
    late = generator.random(len(problem.orders)) < SHARE
    morning = tuple(one for one, out in zip(problem.orders, late, strict=True) if not out)
    own = sorted(one.vehicle_id for one in problem.vehicles if one.fleet_id == OWN)
    reserve = set(own[: max(1, len(own) // 2)])
    working = tuple(one for one in problem.vehicles if one.vehicle_id not in reserve and one.fleet_id != GIG)
    made = world.solve(replace(problem, orders=morning, vehicles=working))
    served = {visit.order_id for route in made.routes for visit in route.visits}
    arriving = []
    for order, out in zip(problem.orders, late, strict=True):
        if out:
            at_s = int(generator.integers(FIRST_S, LAST_S))
            arriving.append((at_s, replace(order, windows=(Window(at_s, at_s + slack_s),))))
    vehicles = tuple(one for one in problem.vehicles if one.fleet_id != GIG)
    known = tuple(one for one in morning if one.order_id in served)
    day = Day(
        FIRST_DAY,
        replace(problem, orders=known, vehicles=vehicles),
        replace(made, unserved=()),
        tuple(replace(one, most=None) for one in _offers(world, FIRST_DAY, Beliefs(), 0)),
        Prices(late_minor_per_min=LATE_MINOR_PER_MIN),
        seed=seed,
    )
    return Case(day, tuple(sorted(arriving, key=lambda one: (one[0], one[1].order_id))))


def history(case: Case, seed: int, slack_s: int) -> Coming:
    """Rates an hour as four weeks of other days had them, places as the morning has them."""
    generator = np.random.default_rng([seed, 2])
    mean = SHARE * len(case.day.problem.orders) / (1 - SHARE)
    past = [generator.integers(FIRST_S, LAST_S, int(generator.poisson(mean))) // 3_600 for _ in range(HISTORY_DAYS)]
    counts = np.bincount(np.concatenate(past), minlength=24)
    examples = tuple(replace(one, windows=(Window(0, slack_s),)) for one in case.day.problem.orders)
    return Coming(tuple(float(one) / HISTORY_DAYS for one in counts), examples)


@dataclass
class Played:
    """What a day came to."""

    cost_minor: int = 0
    delivered: int = 0
    left: int = 0
    late_min: float = 0.0
    by_tender: int = 0
    held: int = 0
    beyond_latest: int = 0
    decisions_s: list[float] = field(default_factory=list)


class Street:
    """Plays a day: vans that start, drive and deliver, couriers that answer."""

    def __init__(self, case: Case, coming: Coming, seed: int) -> None:
        self.day, self.seed = replace(case.day, coming=coming), seed
        self.state: DayState = start(self.day)
        self.queue: list[tuple[int, int, str, Any]] = []
        self.count = 0
        self.out: dict[str, int] = {}
        self.orders = {one.order_id: one for _, one in case.arriving}
        self.first_s: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self.result = Played()
        for at_s, order in case.arriving:
            self._push(at_s, "order", order)
        for at_s in range(FIRST_S - 3_600, END_S, TICK_S):
            self._push(at_s, "tick", "")
        for name in self.day.planned:
            self.out[name] = self.day.starts[name]
            self._push(self.day.starts[name], "start", name)

    def _push(self, at_s: int, what: str, whom: Any) -> None:
        self.count += 1
        heapq.heappush(self.queue, (at_s, self.count, what, whom))

    def play(self) -> Played:
        while self.queue:
            at_s, _, what, whom = heapq.heappop(self.queue)
            getattr(self, f"_{what}")(at_s, whom)
        return self._account()

    def _take(self, name: str, kind: str, at_s: int, **fields: Any) -> None:
        begun = time.process_time()
        self.state, decisions = step(self.state, Event(name, kind, at_s, at_s, **fields))
        if kind == "order_created":
            self.result.decisions_s.append(time.process_time() - begun)
        for one in decisions:
            if one.kind == "hold":
                self.result.held += 1
            elif one.kind in ("assign", "tender", "leave"):
                for order_id in one.order_ids:
                    self.first_s.setdefault(order_id, at_s)
            for sent in one.events:
                if sent.kind == "tender_sent":
                    again = self.asked[sent.order_id] = self.asked.get(sent.order_id, -1) + 1
                    draw = zlib.crc32(f"{self.seed}/{sent.order_id}/{sent.fleet_id}/{again}".encode()) / 2**32
                    self._push(at_s + ANSWER_S, "answer", (sent.tender_id, sent.order_id, sent.fleet_id, draw))
        for vehicle in self.state.vehicles.values():
            if vehicle.status == IDLE and vehicle.vehicle_id not in self.out and vehicle.remaining:
                self.out[vehicle.vehicle_id] = at_s + LOADING_S
                self._push(at_s + LOADING_S, "start", vehicle.vehicle_id)

    def _tick(self, at_s: int, _: str) -> None:
        self._take(f"tick-{at_s}", "tick", at_s)

    def _order(self, at_s: int, order: Order) -> None:
        facts = {"location": order.location, "depot_id": order.depot_id, "service_s": order.service_s}
        facts |= {"window_start_s": order.windows[0].start_s, "window_end_s": order.windows[0].end_s}
        load = {"mass_g": order.load.mass_g, "volume_ml": order.load.volume_ml, "parcels": order.load.parcels}
        facts |= load | {"penalty_minor": order.penalty_minor}
        self._take(f"new-{order.order_id}", "order_created", at_s, order_id=order.order_id, facts=facts)

    def _answer(self, at_s: int, told: tuple[str, str, str, float]) -> None:
        tender, order, fleet, draw = told
        offer = next(one for one in self.day.offers if one.fleet_id == fleet)
        kind = "tender_accepted" if draw < offer.accept_p else "tender_declined"
        self._take(f"{kind}-{tender}", kind, at_s, order_id=order, fleet_id=fleet, tender_id=tender)

    def _start(self, at_s: int, name: str) -> None:
        self._take(f"start-{name}", "route_started", at_s, vehicle_id=name)
        self._next(at_s, name)

    def _next(self, at_s: int, name: str) -> None:
        vehicle, base = self.state.vehicles[name], self.day.vehicles[name]
        orders = [
            self.state.orders[one].order for one in vehicle.remaining if self.state.orders[one].status not in FINAL
        ]
        place = self._place(name)
        travel = self.day.problem.travel_of(base)
        if orders and orders[0] is not None:
            to = orders[0]
            begin = at_s + int(travel.duration_s[place, to.location])
            begin = max(begin, to.windows[0].start_s) if to.windows else begin
            self._push(begin + to.service_s, "done", (name, to.order_id))
            return
        home = self.day.problem.end_location(base)
        back = at_s + (int(travel.duration_s[place, home]) if home is not None else 0)
        self._push(back, "end", name)

    def _place(self, name: str) -> int:
        at = self.state.orders.get(self.state.vehicles[name].at_order)
        if at is None or at.order is None:
            return self.day.problem.depot(self.day.vehicles[name].depot_id).location
        return at.order.location

    def _done(self, at_s: int, what: tuple[str, str]) -> None:
        name, order_id = what
        self._take(f"done-{order_id}-{name}", "delivered", at_s, vehicle_id=name, order_id=order_id)
        self._next(at_s, name)

    def _end(self, at_s: int, name: str) -> None:
        if self.state.vehicles[name].remaining:
            self._next(at_s, name)  # something was added on the way home
            return
        self._take(f"end-{name}", "route_ended", at_s, vehicle_id=name)

    def _account(self) -> Played:
        """Routes as they were driven, accepted offers, what was left."""
        result, state = self.result, self.state
        for name, begun in self.out.items():
            vehicle, base = state.vehicles[name], self.day.vehicles[name]
            orders = [one for n in vehicle.visited if (one := state.orders[n].order) is not None]
            if not orders:
                continue
            place = self.day.problem.depot(base.depot_id).location
            driven = drive(self.day, base, place, begun, orders)
            # to fetch goods elsewhere is a stop of the way, and no delivery
            doors = [one for one in orders if one.order_id in self.orders or one.order_id in self.day.orders]
            flat = sum(base.tariff.per_stop_minor + base.tariff.per_parcel_minor * one.load.parcels for one in doors)
            failures = sum(one.expected_failure_minor(base.fleet_id) for one in doors)
            result.cost_minor += driven.cost_minor + base.tariff.per_route_minor + flat + failures
            result.late_min += driven.late_s / 60
            result.delivered += len(doors)
        for tender in state.tenders.values():
            if tender.status == "accepted":
                result.cost_minor += tender.price_minor
                result.by_tender += 1
                result.delivered += 1
        accepted = {one.order_id for one in state.tenders.values() if one.status == "accepted"}
        for name, order in self.orders.items():
            if state.orders[name].status != "served" and name not in accepted:
                result.left += 1
                result.cost_minor += order.penalty_minor
            # who asks more than it costs to leave the order is not asked
            asked = [one for one in self.day.offers if self.day.tender_minor(one, order, 0) < order.penalty_minor]
            chances = [self.day.latest_dispatch_s(order, one) for one in asked]
            last_s = max(chances, default=self.day.latest_dispatch_s(order) + TICK_S)
            result.beyond_latest += self.first_s.get(name, END_S) > last_s
        return result


@click.option("--seeds", default="1-20", show_default=True, help="Worlds: 1-20, or 3,5,9.")
@click.option("--orders", type=click.IntRange(20), default=PER_DAY, show_default=True, help="Orders a day.")
@click.option(
    "--hours", type=click.FloatRange(1, 8), default=3.0, show_default=True, help="To bring an order of the day."
)
@fivefold_command(
    "Orders that become known during the day and may wait: now or later by sampled futures, beside each dispatched at "
    "once and each at its last chance, on paired days of the twin's city; differences with 95 % intervals.",
    example="fivefold bench waiting --seeds 1-20 --json",
)
def command(home: Path, seeds: str, orders: int, hours: float) -> Any:
    rows, slack_s = [], int(hours * 3_600)
    for seed in numbers(seeds):
        case = case_of(World.of(rough_city(seed, orders)), seed, slack_s)
        expected = history(case, seed, slack_s)
        row: dict[str, Any] = {"seed": seed, "of_the_day": len(case.arriving)}
        for policy in ARMS:
            row[policy] = vars(Street(case, replace(expected, policy=policy), seed).play())
        rows.append(row)
        click.echo(f"world {seed}: " + ", ".join(f"{name} {row[name]['cost_minor']}" for name in ARMS), err=True)
    result = summary(rows) | {"seeds": seeds, "orders": orders, "hours": hours}

    def show() -> None:
        click.echo(" " * 13 + "".join(f"{title:>12}" for title in SHOWN.values()))
        for name in ARMS:
            click.echo(f"{name:>13}" + "".join(f"{result[name][key]:>12}" for key in SHOWN))
        for name in ARMS[1:]:
            one = result["percent"][name]
            span = f"{one['low']:+.1f} to {one['high']:+.1f}"
            click.echo(f"futures against {name}: {one['mean']:+.1f} % of the day's cost ({span})")

    return result, show


SHOWN = {
    "cost_minor": "cost, minor",
    "delivered": "delivered",
    "left": "left",
    "by_tender": "by tender",
    "held": "held back",
    "beyond_latest": "too late",
    "late_min": "late, min",
    "decision_p95_ms": "p95, ms",
}
"""What is shown of each policy; too late: asked for after their latest dispatch time."""


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Paired differences over worlds."""
    cost = {name: np.array([one[name]["cost_minor"] for one in rows], dtype=float) for name in ARMS}
    late = np.array([one["of_the_day"] for one in rows])

    def named(values: Any) -> dict[str, float]:
        return dict(zip(("mean", "low", "high"), (round(one, 3) for one in interval(values)), strict=True))

    found: dict[str, Any] = {
        "percent": {name: named(100 * (cost["futures"] / cost[name] - 1)) for name in ARMS[1:]},
        "minor_an_order_of_the_day": {name: named((cost["futures"] - cost[name]) / late) for name in ARMS[1:]},
        "orders_of_the_day": int(late.sum()),
    }
    counts = ("delivered", "left", "by_tender", "held", "beyond_latest")
    for name, values in cost.items():
        own = [one[name] for one in rows]
        spent = np.concatenate([one["decisions_s"] for one in own])
        found[name] = {
            "cost_minor": int(values.sum()),
            **{key: sum(one[key] for one in own) for key in counts},
            "late_min": round(sum(one["late_min"] for one in own), 1),
            "decision_p95_ms": round(1_000 * float(np.percentile(spent, 95)), 1),
        }
    known = {n: [{k: v for k, v in one[n].items() if k != "decisions_s"} for one in rows] for n in cost}
    found["worlds"] = [{**one, **{n: known[n][number] for n in cost}} for number, one in enumerate(rows)]
    return found
