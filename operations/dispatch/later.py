"""Now or later: whether an order that may wait is dispatched with what is known, or waits for what may come.

What may come is drawn from history (``Coming``), a fixed number of futures seeded by the day and the event, so that a
replay draws the same. For each choice of what goes now, the cost of that is known, and the cost of the rest is that of
a later wave together with what has come by then, in the mean over the futures; the least sum is done. All choices meet
the same futures. The work of a decision is counted in looks at a place of a route, never by a clock.

Beside it a fixed rule, to be chosen by data (``Coming.policy``): all wait until one must go, then all go.

Multiple scenarios with consensus over whole sets: Bent and Van Hentenryck (2004), doi:10.1287/opre.1040.0124.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from operations.dispatch.breaks import fresh
from operations.dispatch.line import Line
from operations.dispatch.repair import OVERRUN_S, insertions
from operations.dispatch.takeover import FEWEST, LOADING_S, MOST_ROUTES, idle
from operations.dispatch.tenders import expected_minor, waterfall_minor
from operations.state.day import Coming, Day
from operations.state.entities import OPEN
from operations.state.fold import DayState
from solvers.evaluator import may_serve
from solvers.problem import DELIVERY, Order, Vehicle, Window

MOST_WAITING = 30
"""Orders at one depot that wait at most; those that must leave first are not among what is held beyond it."""
FEWEST_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Priced:
    """An order and what it costs by itself: the tender, or its penalty."""

    order: Order
    alone_minor: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What waits, and what that is expected to save against sending all of it now."""

    held: frozenset[str]
    saves_minor: int
    samples: int


NOTHING = Choice(frozenset(), 0, 0)


def hold_until_s(day: Day, order: Order) -> int:
    """Until when an order may wait: after it there is time to load a van, and for every fleet to be asked in turn."""
    coming = day.coming
    margin = coming.review_s if coming is not None else 0
    until = day.latest_dispatch_s(order) - LOADING_S
    if day.offers:
        asked = max(day.latest_dispatch_s(order, one) for one in day.offers)
        until = min(until, asked - sum(one.answer_s for one in day.offers))
    return until - margin


def now_or_later(state: DayState, event_id: str, orders: Sequence[Order], *, news: bool) -> list[Choice]:
    """For each depot which of ``orders`` (nobody's, most urgent first) wait. ``news``: something but time has changed.

    Without news what waits goes on waiting until one of it must go, and nothing begins to.
    """
    coming = state.day.coming
    if coming is None or coming.policy == "at_once" or (coming.policy == "futures" and not coming.examples):
        return []
    groups: dict[str, list[Order]] = {}
    for order in orders:
        if order.kind == DELIVERY and order.windows and state.orders[order.order_id].status == OPEN:
            groups.setdefault(order.depot_id or state.day.problem.depots[0].depot_id, []).append(order)
    if coming.policy == "last_chance":
        return [_at_last_chance(state, own) for _, own in sorted(groups.items())]
    return [_by_futures(state, coming, event_id, depot, own, news) for depot, own in sorted(groups.items())]


def _at_last_chance(state: DayState, orders: list[Order]) -> Choice:
    """All wait until one of them must go; then all go."""
    if any(hold_until_s(state.day, one) <= state.clock_s for one in orders):
        return NOTHING
    return Choice(frozenset(one.order_id for one in orders[:MOST_WAITING]), 0, 0)


def _by_futures(state: DayState, coming: Coming, event_id: str, depot: str, orders: list[Order], news: bool) -> Choice:
    day, clock = state.day, state.clock_s
    until = {one.order_id: hold_until_s(day, one) for one in orders}
    due = [one for one in orders if until[one.order_id] <= clock]
    may_wait = [one for one in orders if until[one.order_id] > clock][:MOST_WAITING]
    if not may_wait:
        return NOTHING
    if not due and not news:
        return Choice(frozenset(n for one in may_wait if state.orders[n := one.order_id].held_until_s > clock), 0, 0)
    wave_s = min(until[one.order_id] for one in may_wait)
    vans = idle_vans(state, depot)
    later = {one.order_id: Priced(one, _alone(state, one)) for one in orders}
    now, going = dict(later), set[str]()
    for one in orders:
        best = next(iter(insertions(state, one, most=1)), None)
        if best is not None and best.price_minor < later[one.order_id].alone_minor:
            now[one.order_id] = Priced(one, best.price_minor)
            if state.vehicles[best.vehicle_id].remaining:
                going.add(one.order_id)
    futures = _futures(day, coming, event_id, depot, clock, wave_s, len(orders))
    must = {one.order_id for one in due}
    everything = must | {one.order_id for one in may_wait}
    # what goes: all, what must, and what must with all that fits a route that is driven anyway
    chosen: dict[frozenset[str], float] = {}
    for names in (frozenset(everything), frozenset(must | going), frozenset(must)):
        if names not in chosen:
            spent, used = bundled(day, vans, depot, [now[n] for n in until if n in names], clock)
            waits = [later[n] for n in until if n in everything - names]
            costs = [bundled(day, vans[used:], depot, [*waits, *drawn], wave_s)[0] for drawn in futures]
            chosen[names] = spent + sum(costs) / len(costs)
    best_names = min(chosen, key=lambda names: (chosen[names], -len(names)))
    saves = chosen[frozenset(everything)] - chosen[best_names]
    return Choice(frozenset(everything - best_names), int(saves + 0.5), len(futures))


def idle_vans(state: DayState, depot: str) -> list[Vehicle]:
    """Vehicles that stand idle at a depot, those whose route costs least first."""
    found = [
        state.day.vehicles[name]
        for name in sorted(state.vehicles)
        if name in state.day.vehicles and idle(state, state.vehicles[name])
    ]
    own = [one for one in found if one.depot_id == depot]
    return sorted(own, key=lambda one: (one.tariff.per_route_minor, one.vehicle_id))[:MOST_ROUTES]


def bundled(day: Day, vans: Sequence[Vehicle], depot: str, orders: Sequence[Priced], at_s: int) -> tuple[int, int]:
    """What ``orders`` cost that leave together at ``at_s``, and how many of ``vans`` that takes.

    One van after another takes each order where it costs least and gives back what is cheaper alone; its route is
    driven where it costs less than all of its orders alone.
    """
    total, left, used = 0, list(orders), 0
    place = day.problem.depot(depot).location
    for van in vans:
        start_s = max(van.start_s, at_s + LOADING_S)
        if len(left) < FEWEST or start_s >= van.end_s:
            break
        way, taken = _route(Line(day, van, place, start_s, (), fresh(day, van, start_s)), left)
        cost = way.priced.cost_minor + van.tariff.per_route_minor + sum(_stop_minor(van, one.order) for one in taken)
        if len(taken) < FEWEST or cost >= sum(one.alone_minor for one in taken):
            break
        names = {one.order.order_id for one in taken}
        total, used = total + cost, used + 1
        left = [one for one in left if one.order.order_id not in names]
    return total + sum(one.alone_minor for one in left), used


def _route(way: Line, orders: Sequence[Priced]) -> tuple[Line, list[Priced]]:
    """A route with all that fit, each where it costs least, without those that cost more there than alone."""
    taken = {}
    for one in orders:
        more = _with(way, one.order)
        if more is not None:
            way, taken[one.order.order_id] = more, one
    for one in list(taken.values()):
        rest = tuple(other for other in way.orders if other is not one.order)
        without = replace(way, orders=rest)
        saved = way.priced.cost_minor - without.priced.cost_minor + _stop_minor(way.vehicle, one.order)
        if saved > one.alone_minor:
            way = without
            del taken[one.order.order_id]
    return way, list(taken.values())


def _with(way: Line, order: Order) -> Line | None:
    """A line with one order more at its cheapest place; None where it does not fit."""
    van, more = way.vehicle, order.load.amounts()
    limits = van.capacity.amounts()
    fits = all(own + (more[n] if n < len(more) else 0) <= limits[n] for n, own in enumerate(way.used))
    if not fits or not may_serve(van, order) or (van.max_stops is not None and len(way.orders) >= van.max_stops):
        return None
    priced = [(way.with_order(n, order), n) for n in range(len(way.orders) + 1)]
    best, position = min(priced, key=lambda found: (found[0].cost_minor, found[1]))
    if best.end_s > van.end_s + OVERRUN_S:
        return None
    return replace(way, orders=(*way.orders[:position], order, *way.orders[position:]))


def _stop_minor(van: Vehicle, order: Order) -> int:
    """What a stop costs beside driving."""
    parcels = van.tariff.per_parcel_minor * order.load.parcels
    return van.tariff.per_stop_minor + parcels + order.expected_failure_minor(van.fleet_id)


def _alone(state: DayState, order: Order) -> int:
    tender = expected_minor(state, order)
    return order.penalty_minor if tender is None else min(tender, order.penalty_minor)


def _futures(
    day: Day, coming: Coming, event_id: str, depot: str, clock: int, until_s: int, known: int
) -> list[list[Priced]]:
    """What comes to a depot until ``until_s``, some times over: hours by their rates, orders like those of the past."""
    generator = np.random.default_rng([day.seed, zlib.crc32(event_id.encode()), zlib.crc32(depot.encode())])
    own = [n for n, one in enumerate(coming.examples) if (one.depot_id or day.problem.depots[0].depot_id) == depot]
    share = len(own) / len(coming.examples)
    expected = coming.expected(clock, until_s) * share
    # three choices; each order is looked at in all places of a route as long as that, and taken out of it once
    looks = 3 * max(1.0, (known + expected) ** 2)
    count = max(FEWEST_SAMPLES, min(coming.samples, int(coming.most_looks / looks)))
    found = []
    for _ in range(count):
        drawn = list[Priced]()
        for at_s in coming.moments(generator, clock, until_s, share) if own else ():
            number = own[int(generator.integers(len(own)))]
            drawn.append(_released(day, coming, number, at_s, len(drawn)))
        found.append(drawn[:MOST_WAITING])
    return found


def _released(day: Day, coming: Coming, number: int, at_s: int, place: int) -> Priced:
    like = coming.examples[number]
    windows = tuple(Window(at_s + one.start_s, at_s + one.end_s) for one in like.windows)
    return Priced(replace(like, order_id=f"?{place}", windows=windows), coming_alone(day)[number])


def coming_alone(day: Day) -> tuple[int, ...]:
    """What each example costs by itself; worked out once a day."""
    return day.worked_out("coming_alone", lambda: tuple(_example_alone(day, one) for one in day.coming_examples))


def _example_alone(day: Day, order: Order) -> int:
    options = [(one, day.tender_minor(one, order, 12 * 3_600)) for one in day.offers]
    options = [(one, price) for one, price in options if price < order.penalty_minor or not order.penalty_minor]
    options.sort(key=lambda one: (one[1], -one[0].accept_p, one[0].fleet_id))
    return min(waterfall_minor(options, order.penalty_minor), order.penalty_minor)
