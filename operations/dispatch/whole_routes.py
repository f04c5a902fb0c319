"""Rules of whole routes on a running day: no decision breaks a hard one (further), what soft ones charge is weighed.

A route counts as a whole: what was done as it happened, what is still to be done as predicted, breaks included. A
change is charged what soft rules charge for the route after it beyond what they charge before it; less than 0 where it
mends something. So are parts of a tariff that only the whole route tells: overtime, hours at the wheel, steps, the
least that a route costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from operations.dispatch.ahead import drive, goes_on, to_do
from operations.dispatch.breaks import policies
from operations.dispatch.decisions import money
from operations.dispatch.done import Visited, left_s, visited
from operations.dispatch.rules import OTHERS, asked
from operations.state.day import Day
from operations.state.fold import DayState
from solvers.evaluator import transport_minor
from solvers.families import REGISTRY, CompiledRules, RouteView
from solvers.families.base import over
from solvers.problem import Order, Tariff, Vehicle
from solvers.schedule import Drive, Timing, sooner, timing

Excess = Callable[[RouteView], int]
UNBOUNDED = -(2**62)


@dataclass(frozen=True)
class _Limit:
    """A limit of a whole route, in words, and by how much a route exceeds it.

    ``price_minor``: what a unit beyond it is charged; None: it is hard. ``beyond``: why no dispatcher may allow it in
    advance; empty: he may.
    """

    words: str
    excess: Excess
    price_minor: int | None = None
    unit: str = ""
    beyond: str = ""


@dataclass(frozen=True)
class _Ruled:
    """What the routes of a vehicle are measured by, and when they may leave.

    ``bounded``: what they are charged is not below 0.
    """

    hard: tuple[_Limit, ...] = ()
    soft: tuple[_Limit, ...] = ()
    moments: tuple[int, ...] = ()
    bounded: bool = True

    def __bool__(self) -> bool:
        return bool(self.hard or self.soft)


@dataclass(frozen=True)
class _Measured:
    """By how much a route exceeds hard limits, and what soft ones charge."""

    hard: tuple[int, ...]
    soft: tuple[int, ...]
    charged_minor: int = 0


@dataclass(frozen=True)
class Weighed:
    """What rules of whole routes say of a change to one: what bars it, else what they charge for it.

    ``more``: soft limits that it exceeds more (or less) than the route does as it stands, each in words with its price.
    ``beyond``: which of them is not a dispatcher's to allow in advance; empty: none.
    """

    barred: str = ""
    charged_minor: int = 0
    more: tuple[tuple[str, int], ...] = ()
    beyond: str = ""

    def said(self, reason: str, currency: str) -> str:
        """``reason`` with what is charged, and for what."""
        return "; ".join([reason, *(f"{words}: {money(minor, currency)}" for words, minor in self.more)])


NOTHING = Weighed()


def weigh(state: DayState, vehicle_id: str, orders: Sequence[Order]) -> Weighed:
    """What rules of whole routes say of a vehicle with ``orders`` to do in place of what it has."""
    ruled = _ruled(state.day, state.day.vehicles[vehicle_id])
    if not ruled:
        return NOTHING
    had = _now(state, vehicle_id, ruled)
    has = _measured(state, vehicle_id, orders, ruled, had.hard)
    for one, before, after in zip(ruled.hard, had.hard, has.hard, strict=True):
        if after > before:
            return Weighed(one.words)
    more, beyond = list[tuple[str, int]](), ""
    for one, before, after in zip(ruled.soft, had.soft, has.soft, strict=True):
        if after != before and one.price_minor:
            units = f" {abs(after - before)} {one.unit} {'more' if after > before else 'less'}" if one.unit else ""
            more.append((one.words + units, (after - before) * one.price_minor))
            beyond = beyond or (one.beyond if after > before else "")
    return Weighed("", has.charged_minor - had.charged_minor, tuple(more), beyond)


def least_minor(state: DayState, vehicle_id: str) -> int:
    """What ``weigh`` charges at least for any change to a vehicle's route: not more than 0."""
    ruled = _ruled(state.day, state.day.vehicles[vehicle_id])
    if not ruled.soft:
        return 0
    return -_now(state, vehicle_id, ruled).charged_minor if ruled.bounded else UNBOUNDED


def charged_now(state: DayState, vehicle_id: str) -> int:
    """What soft rules charge for a vehicle's whole route as it stands."""
    ruled = _ruled(state.day, state.day.vehicles[vehicle_id])
    return _now(state, vehicle_id, ruled).charged_minor if ruled.soft else 0


def _now(state: DayState, vehicle_id: str, ruled: _Ruled) -> _Measured:
    """How the route measures as it stands."""
    key = ("whole", vehicle_id)
    if key not in state.memo:
        state.memo[key] = _measured(state, vehicle_id, to_do(state, state.vehicles[vehicle_id]), ruled)
    found: _Measured = state.memo[key]
    return found


def _measured(
    state: DayState, vehicle_id: str, orders: Sequence[Order], ruled: _Ruled, had: tuple[int, ...] | None = None
) -> _Measured:
    """How a route measures. Of several departures the cheapest counts that breaks no hard limit further than ``had``
    (None: as little as can be); a vehicle that stands idle exceeds nothing."""
    if not orders and not state.vehicles[vehicle_id].left:
        return _Measured((0,) * len(ruled.hard), (0,) * len(ruled.soft))
    options = list[tuple[int, int, _Measured]]()
    for view in _views(state, vehicle_id, orders, ruled):
        hard = tuple(one.excess(view) for one in ruled.hard)
        soft = tuple(one.excess(view) for one in ruled.soft)
        charged = sum(units * (one.price_minor or 0) for units, one in zip(soft, ruled.soft, strict=True))
        broken = sum(over(after, before) for after, before in zip(hard, had or (0,) * len(hard), strict=True))
        cost = charged + transport_minor(_plain(view.vehicle), view.stops, view.timing)
        options.append((broken, cost, _Measured(hard, soft, charged)))
    return min(options, key=lambda one: one[:2])[2]


def _rules(day: Day) -> CompiledRules:
    """Rules of vehicles, orders and routes as the night's search asks them."""

    def compiled() -> CompiledRules:
        measured = tuple(one for one in day.problem.rules if REGISTRY[one.type].scope != "data")
        return CompiledRules(replace(day.problem, rules=measured))

    return day.worked_out("compiled", compiled)


def _ruled(day: Day, vehicle: Vehicle) -> _Ruled:
    known: dict[str, _Ruled] = day.worked_out("whole_routes", dict)
    if vehicle.vehicle_id not in known:
        limits = list(_limits(day, vehicle))
        plain = _plain(vehicle) is vehicle
        known[vehicle.vehicle_id] = _Ruled(
            tuple(one for one in limits if one.price_minor is None),
            tuple(one for one in limits if one.price_minor is not None),
            _rules(day).departures(vehicle) or (),
            plain or not vehicle.tariff.piecewise,
        )
    return known[vehicle.vehicle_id]


def _limits(day: Day, vehicle: Vehicle) -> Iterator[_Limit]:
    longest, farthest = vehicle.max_duration_s, vehicle.max_distance_m
    if longest is not None:
        yield _Limit(
            "it would be out longer than it may be", lambda view: over(view.timing.end_s - view.timing.start_s, longest)
        )
    if farthest is not None:
        yield _Limit("it would drive farther than it may", lambda view: over(view.timing.distance_m, farthest))
    plain = _plain(vehicle)
    if plain is not vehicle:
        yield _Limit("overtime, hours and steps of its tariff", partial(_beyond_plain, vehicle, plain), 1)
    for rule, kind in _rules(day).of_route(vehicle):
        if kind.route is not None and (rule.hard or rule.price_minor):
            words = f"{kind.words} (rule {rule.rule_id}, {rule.authority})"
            price = None if rule.hard else rule.price_minor
            beyond = asked(rule, kind) if rule.authority in OTHERS else ""
            yield _Limit(words, partial(kind.route, rule), price, kind.unit, beyond)


def _plain(vehicle: Vehicle) -> Vehicle:
    """A vehicle with what of its tariff is the same for every unit (``ahead`` charges that); itself where all is."""
    tariff = vehicle.tariff
    plain = Tariff(
        tariff.per_route_minor,
        tariff.per_stop_minor,
        tariff.per_parcel_minor,
        tariff.per_km_minor,
        tariff.per_hour_minor,
    )
    overtime = tariff.overtime_after_s is not None and tariff.overtime_per_hour_minor
    whole = overtime or tariff.per_driving_hour_minor or tariff.piecewise
    return replace(vehicle, tariff=plain) if whole else vehicle


def _beyond_plain(vehicle: Vehicle, plain: Vehicle, view: RouteView) -> int:
    return transport_minor(vehicle, view.stops, view.timing) - transport_minor(plain, view.stops, view.timing)


def _drive(day: Day, vehicle: Vehicle) -> Drive:
    known: dict[str, Drive] = day.worked_out("drives", dict)
    if vehicle.vehicle_id not in known:
        known[vehicle.vehicle_id] = Drive.of(day.problem, vehicle, policies(day, vehicle))
    return known[vehicle.vehicle_id]


def _views(state: DayState, vehicle_id: str, orders: Sequence[Order], ruled: _Ruled) -> list[RouteView]:
    """The whole route of a vehicle with ``orders`` still to do: one, or one for each moment at which it may leave."""
    base, vehicle = state.day.vehicles[vehicle_id], state.vehicles[vehicle_id]
    way, (place, clock, rests) = _drive(state.day, base), goes_on(state, vehicle)
    if not vehicle.left:
        # it leaves as late as costs no delay, or when rules ask for it, as in the night's plan; late already: at once
        fixed = None if way.fixed_start_s is None else clock
        open_ = replace(base, start_s=clock, end_s=10**7, max_distance_m=None, max_duration_s=None)
        planned = replace(way, vehicle=open_, fixed_start_s=fixed)
        free = [
            replace(one, required_certifications=frozenset()) if one.required_certifications else one for one in orders
        ]
        times = timing(planned, free)
        if times is not None:
            options = [times]
            if ruled.moments and fixed is None:
                moments = sorted({max(one, clock) for one in ruled.moments})
                rules = _rules(state.day)
                options += sooner(planned, free, times, moments, rules.latest_starts(rules.of_route(base), orders))
            return [RouteView(base, orders, [0] * len(orders), one, way) for one in options]
    done, start_s = list[Visited](), clock
    if vehicle.left:
        key = ("visited", vehicle_id)
        if key not in state.memo:
            state.memo[key] = visited(state, vehicle_id), left_s(state, vehicle_id, clock)
        done, start_s = state.memo[key]
    ahead = drive(state.day, base, place, clock, orders, rests)
    whole = [*(one.order for one in done), *orders]
    rows = np.array([way.depot, *(one.location for one in whole), *([] if way.end is None else [way.end])])
    travel = state.day.problem.travel_of(base)
    legs_m, legs_s = (one[rows[:-1], rows[1:]].tolist() for one in (travel.distance_m, travel.duration_s))
    home_s = legs_s[-1] if way.end is not None else 0
    times = Timing(
        start_s,
        ahead.end_s if orders else clock + home_s,
        sum(legs_m),
        sum(legs_s),
        (*(one.came_s for one in done), *(one.arrival_s for one in ahead.stops)),
        (*(one.began_s for one in done), *(one.service_start_s for one in ahead.stops)),
        tuple(zip(legs_m[: len(whole)], legs_s[: len(whole)], strict=True)),
        breaks=(*(rests.taken if rests is not None else ()), *ahead.breaks),
    )
    return [RouteView(base, whole, [0] * len(whole), times, way)]
