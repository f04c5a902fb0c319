"""Compiled planning for the experiment: a day of 500 orders in a tenth of a second.

Two ways to plan. ``sweep`` is the field's usual way: assign by place, then sequence. ``improve`` decides everything at
once by ruin and recreate (Schrimpf et al. 2000, J. Comput. Phys. 159) under a falling threshold (Dueck and Scheuer
1990, same journal 90), with capacities and certifications as hard rules and everything else priced. Routes are
priced as ``solvers.tariffs`` prices them, before rounding; tests compare.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

PER_ROUTE, PER_STOP, PER_KM, PER_HOUR, PER_OVERTIME, PACE = range(6)
LATE_HOUR, LATE_ONCE, UNSERVED, OVERTIME_AFTER_S = range(4)
LAST_HOUR = 29
TRIES = 3
"""Positions of a route that get an exact price: those with the least detour."""
CLASH_S = 3_600.0
FAR_S = 900.0
"""A route whose least detour is so much longer than another's is not priced."""
HOUR = 1 / 3_600
# ``np.int64(0)`` below: of a plain 0, numba compiles whatever it is handed to once more, for 0 alone


class Arrays(NamedTuple):
    """A day as believed: n orders, one depot (place n), V vehicles, F fleets. Seconds from local midnight.

    Attributes:
        seconds, metres: (n + 1, n + 1) legs in ordinary traffic.
        hour_factor: (30,) on legs by local hour of departure.
        door_s, opens, closes: (n,); ``bound``: whether the promise is the order's own.
        loads: (n, 3) parcels, grams, millilitres. ``needs``: a certified driver.
        risk_minor: (n, 30) expected cost of a failure by hour of service.
        allowed: (n, F). ``turned_down``: (n, F) expected cost of an offer that is declined.
        fleet, starts, limits, certified: (V,); ``capacity``: (V, 3).
        prices: (F, 6) per route, stop, km, hour, overtime hour; pace on legs and doors.
        knobs: lateness an hour, lateness once, unserved (minor units), seconds before overtime.
    """

    seconds: Any
    metres: Any
    hour_factor: Any
    door_s: Any
    opens: Any
    closes: Any
    bound: Any
    loads: Any
    needs: Any
    risk_minor: Any
    allowed: Any
    turned_down: Any
    fleet: Any
    starts: Any
    limits: Any
    certified: Any
    capacity: Any
    prices: Any
    knobs: Any


@numba.njit(cache=True)
def walk(day, sequence, first, length, place, clock, pace, limit):  # type: ignore[no-untyped-def]
    """Serve ``sequence[first:length]`` from ``place`` at ``clock``: cost of lateness and risk, clock, metres, place.

    What would begin after ``limit`` counts as unserved.
    """
    cost, driven = 0.0, 0.0
    for at in range(first, length):
        order = sequence[at]
        hour = min(LAST_HOUR, max(0, int(clock * HOUR)))
        clock += day.seconds[place, order] * day.hour_factor[hour] * pace
        driven += day.metres[place, order]
        begin = max(clock, day.opens[order])
        if begin > limit:
            cost += day.knobs[UNSERVED]
        elif begin > day.closes[order] and day.bound[order]:
            cost += day.knobs[LATE_ONCE] + day.knobs[LATE_HOUR] * (begin - day.closes[order]) / 3600.0
        cost += day.risk_minor[order, min(LAST_HOUR, int(begin * HOUR))]
        clock = begin + day.door_s[order] * pace
        place = order
    return cost, clock, driven, place


@numba.njit(cache=True)
def route_cost(day, sequence, length, vehicle):  # type: ignore[no-untyped-def]
    """What a route costs: transport, lateness, risk of failure and of being declined."""
    if length == 0:
        return 0.0
    depot, fleet = day.seconds.shape[0] - 1, day.fleet[vehicle]
    price = day.prices[fleet]
    start = day.starts[vehicle]
    zero, limit = np.int64(0), day.limits[vehicle]
    cost, clock, driven, place = walk(day, sequence, zero, length, depot, float(start), price[PACE], limit)
    hour = min(LAST_HOUR, int(clock * HOUR))
    clock += day.seconds[place, depot] * day.hour_factor[hour] * price[PACE]
    driven += day.metres[place, depot]
    for at in range(length):
        cost += day.turned_down[sequence[at], fleet]
    duration = clock - start
    overtime = max(0.0, duration - day.knobs[OVERTIME_AFTER_S])
    return (
        cost
        + price[PER_ROUTE]
        + price[PER_STOP] * length
        + price[PER_KM] * driven / 1000.0
        + price[PER_HOUR] * duration / 3600.0
        + price[PER_OVERTIME] * overtime / 3600.0
    )


@numba.njit(cache=True)
def _trace(day, routes, lengths, vehicle, trace):  # type: ignore[no-untyped-def]
    """Note for each stop of a route what was known when it was left: clock, cost so far, metres so far."""
    place, clock = day.seconds.shape[0] - 1, float(day.starts[vehicle])
    pace, limit = day.prices[day.fleet[vehicle], PACE], day.limits[vehicle]
    total, driven = 0.0, 0.0
    for at in range(lengths[vehicle]):
        cost, clock, metres, place = walk(day, routes[vehicle], at, at + 1, place, clock, pace, limit)
        total += cost + day.turned_down[place, day.fleet[vehicle]]
        driven += metres
        trace[vehicle, at, 0], trace[vehicle, at, 1], trace[vehicle, at, 2] = clock, total, driven


@numba.njit(cache=True)
def _cost_with(day, routes, lengths, vehicle, order, at, trace):  # type: ignore[no-untyped-def]
    """``route_cost`` with ``order`` put in at position ``at``; what comes before it is read from the trace.

    Where a wait swallows the delay, so is what comes after.
    """
    own, length, fleet = routes[vehicle], lengths[vehicle], day.fleet[vehicle]
    price, start, depot = day.prices[fleet], day.starts[vehicle], day.seconds.shape[0] - 1
    pace, limit = price[PACE], day.limits[vehicle]
    place, clock, cost, driven = depot, float(start), 0.0, 0.0
    if at > 0:
        place, clock = own[at - 1], trace[vehicle, at - 1, 0]
        cost, driven = trace[vehicle, at - 1, 1], trace[vehicle, at - 1, 2]
    for position in range(at, length + 1):
        stop = order if position == at else own[position - 1]
        hour = min(LAST_HOUR, max(0, int(clock * HOUR)))
        clock += day.seconds[place, stop] * day.hour_factor[hour] * pace
        driven += day.metres[place, stop]
        begin = max(clock, day.opens[stop])
        if begin > limit:
            cost += day.knobs[UNSERVED]
        elif begin > day.closes[stop] and day.bound[stop]:
            cost += day.knobs[LATE_ONCE] + day.knobs[LATE_HOUR] * (begin - day.closes[stop]) / 3600.0
        cost += day.risk_minor[stop, min(LAST_HOUR, int(begin * HOUR))] + day.turned_down[stop, fleet]
        clock = begin + day.door_s[stop] * pace
        place = stop
        if position > at and clock == trace[vehicle, position - 1, 0]:
            cost += trace[vehicle, length - 1, 1] - trace[vehicle, position - 1, 1]
            driven += trace[vehicle, length - 1, 2] - trace[vehicle, position - 1, 2]
            clock, place = trace[vehicle, length - 1, 0], own[length - 1]
            break
    hour = min(LAST_HOUR, int(clock * HOUR))
    clock += day.seconds[place, depot] * day.hour_factor[hour] * pace
    driven += day.metres[place, depot]
    duration = clock - start
    return (
        cost
        + price[PER_ROUTE]
        + price[PER_STOP] * (length + 1)
        + price[PER_KM] * driven / 1000.0
        + price[PER_HOUR] * duration / 3600.0
        + price[PER_OVERTIME] * max(0.0, duration - day.knobs[OVERTIME_AFTER_S]) / 3600.0
    )


@numba.njit(cache=True)
def fits(day, order, vehicle, used):  # type: ignore[no-untyped-def]
    """The hard rules: who may have it, certification, capacity."""
    if not day.allowed[order, day.fleet[vehicle]] or (day.needs[order] and not day.certified[vehicle]):
        return False
    for dimension in range(3):
        if used[vehicle, dimension] + day.loads[order, dimension] > day.capacity[vehicle, dimension]:
            return False
    return True


@numba.njit(cache=True)
def _detour(day, order, row, length, position):  # type: ignore[no-untyped-def]
    """Extra seconds of driving; more where the promises of its neighbours clash with its own."""
    depot = day.seconds.shape[0] - 1
    before = depot if position == 0 else row[position - 1]
    after = depot if position == length else row[position]
    extra = day.seconds[before, order] + day.seconds[order, after]
    if length > 0:
        extra -= day.seconds[before, after]
    if day.bound[order]:
        if position < length and day.bound[after] and day.opens[order] > day.closes[after]:
            extra += CLASH_S
        if position > 0 and day.bound[before] and day.closes[order] < day.opens[before]:
            extra += CLASH_S
    return extra


@numba.njit(cache=True)
def best_place(day, order, routes, lengths, used, costs, trace, blink):  # type: ignore[no-untyped-def]
    """Cheapest vehicle and position of ``order``: (extra cost, vehicle, position); vehicle -1: nobody may take it."""
    best, best_vehicle, best_at = 1e18, -1, -1
    vehicles = len(lengths)
    least, tried = np.full((vehicles, TRIES), 1e18), np.full((vehicles, TRIES), -1)
    nearest = 1e18
    for vehicle in range(vehicles):
        length = lengths[vehicle]
        if length + 1 >= routes.shape[1] or not fits(day, order, vehicle, used):
            continue
        if length == 0 and _as_before(day, lengths, vehicle):
            continue
        own = routes[vehicle]
        for position in range(length + 1):
            extra = _detour(day, order, own, length, position)
            for place in range(TRIES):
                if extra < least[vehicle, place]:
                    for after in range(TRIES - 1, place, -1):
                        least[vehicle, after] = least[vehicle, after - 1]
                        tried[vehicle, after] = tried[vehicle, after - 1]
                    least[vehicle, place], tried[vehicle, place] = extra, position
                    break
        if length > 0:
            nearest = min(nearest, least[vehicle, 0])
    for vehicle in range(vehicles):
        length = lengths[vehicle]
        for number in range(TRIES):
            at = tried[vehicle, number]
            if at < 0 or (length > 0 and least[vehicle, number] > nearest + FAR_S):
                break
            if blink > 0 and np.random.random() < blink:
                continue
            extra = _cost_with(day, routes, lengths, vehicle, order, at, trace) - costs[vehicle]
            if extra < best:
                best, best_vehicle, best_at = extra, vehicle, at
    return best, best_vehicle, best_at


@numba.njit(cache=True)
def _as_before(day, lengths, vehicle):  # type: ignore[no-untyped-def]
    """Whether an unused vehicle before this one is just like it."""
    for other in range(vehicle):
        if (
            lengths[other] == 0
            and day.fleet[other] == day.fleet[vehicle]
            and day.certified[other] == day.certified[vehicle]
            and day.starts[other] == day.starts[vehicle]
            and day.capacity[other, 0] == day.capacity[vehicle, 0]
        ):
            return True
    return False


@numba.njit(cache=True)
def _load(day, order, vehicle, used, times):  # type: ignore[no-untyped-def]
    """Put an order's load on a vehicle (``times`` 1) or off it (-1)."""
    for dimension in range(used.shape[1]):
        used[vehicle, dimension] += times * day.loads[order, dimension]


@numba.njit(cache=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    """``target[:] = source``, which takes numba seconds to compile: it makes words for shapes that differ."""
    for row in range(len(source)):
        target[row] = source[row]


@numba.njit(cache=True)
def _copy_row(source, target, row):  # type: ignore[no-untyped-def]
    """``target[row] = source[row]``, as ``_copy``."""
    for column in range(source.shape[1]):
        target[row, column] = source[row, column]


@numba.njit(cache=True)
def _insert(day, order, vehicle, at, routes, lengths, used, costs, trace):  # type: ignore[no-untyped-def]
    length = lengths[vehicle]
    for position in range(length, at, -1):
        routes[vehicle, position] = routes[vehicle, position - 1]
    routes[vehicle, at] = order
    lengths[vehicle] = length + 1
    _load(day, order, vehicle, used, 1)
    costs[vehicle] = route_cost(day, routes[vehicle], length + 1, vehicle)
    _trace(day, routes, lengths, vehicle, trace)


@numba.njit(cache=True)
def _take_out(day, order, vehicle, routes, lengths, used):  # type: ignore[no-untyped-def]
    length, found = lengths[vehicle], -1
    for position in range(length):
        if routes[vehicle, position] == order:
            found = position
            break
    for position in range(found, length - 1):
        routes[vehicle, position] = routes[vehicle, position + 1]
    lengths[vehicle] = length - 1
    _load(day, order, vehicle, used, -1)


@numba.njit(cache=True)
def _recreate(day, bank, count, routes, lengths, used, costs, trace, where, blink):  # type: ignore[no-untyped-def]
    """Insert ``bank[:count]`` in its order; how many stay out (first in the bank) because that is cheaper."""
    left = 0
    for number in range(count):
        order = bank[number]
        extra, vehicle, at = best_place(day, order, routes, lengths, used, costs, trace, blink)
        if vehicle < 0 or extra > day.knobs[UNSERVED]:
            bank[left] = order
            left += 1
            where[order] = -1
        else:
            _insert(day, order, vehicle, at, routes, lengths, used, costs, trace)
            where[order] = vehicle
    return left


@numba.njit(cache=True)
def improve(day, routes, lengths, near, iterations, largest, seed):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915
    """Ruin and recreate from ``routes`` (V, most), ``lengths`` (V,), in place; rules that the start breaks are mended.

    Args:
        near: (n, k) nearest orders of each order, nearest first.
        iterations: ruins; 0 mends and inserts what is open, nothing more.
        largest: most orders of a ruin.

    Returns:
        Cost of the plan, unserved orders included.
    """
    np.random.seed(seed)
    orders, vehicles = len(day.door_s), len(lengths)
    used, costs = np.zeros((vehicles, 3), dtype=np.int64), np.zeros(vehicles)
    where = np.full(orders, -1, dtype=np.int64)
    bank, left = np.empty(orders, dtype=np.int64), np.int64(0)
    trace = np.zeros((vehicles, routes.shape[1], 3))
    for vehicle in range(vehicles):
        kept = np.int64(0)
        for position in range(lengths[vehicle]):
            order = routes[vehicle, position]
            if fits(day, order, vehicle, used):
                routes[vehicle, kept] = order
                _load(day, order, vehicle, used, 1)
                where[order] = vehicle
                kept += 1
        lengths[vehicle] = kept
        costs[vehicle] = route_cost(day, routes[vehicle], kept, vehicle)
        _trace(day, routes, lengths, vehicle, trace)
    for order in range(orders):
        if where[order] < 0:
            bank[left] = order
            left += 1
    left = _recreate(day, bank, left, routes, lengths, used, costs, trace, where, 0.0)
    cost = costs.sum() + left * day.knobs[UNSERVED]
    best, best_routes, best_lengths = cost, routes.copy(), lengths.copy()
    temperature = 0.002 * cost / max(1, orders) * 10
    kept_routes, kept_lengths, kept_used, kept_costs = routes.copy(), lengths.copy(), used.copy(), costs.copy()
    kept_where, kept_bank, kept_left = where.copy(), bank.copy(), left
    touched = np.zeros(vehicles, dtype=np.bool_)
    for iteration in range(iterations):
        middle = np.random.randint(orders)
        size = 1 + np.random.randint(largest)
        touched[:] = False
        if where[middle] >= 0:
            bank[left] = middle
            left += 1
            _take_out(day, middle, where[middle], routes, lengths, used)
            touched[where[middle]] = True
            where[middle] = -1
        whole = np.random.random() < 0.1
        for number in range(near.shape[1]):
            order = near[middle, number]
            if size <= 0:
                break
            if where[order] >= 0 and (not whole or touched[where[order]]):
                bank[left] = order
                left += 1
                _take_out(day, order, where[order], routes, lengths, used)
                touched[where[order]] = True
                where[order] = -1
                size -= 1
        for vehicle in range(vehicles):
            if touched[vehicle]:
                costs[vehicle] = route_cost(day, routes[vehicle], lengths[vehicle], vehicle)
                _trace(day, routes, lengths, vehicle, trace)
        # a random order, or the narrowest promise first
        for number in range(left - 1, 0, -1):
            other = np.random.randint(number + 1)
            bank[number], bank[other] = bank[other], bank[number]
        if np.random.random() < 0.5:
            for number in range(1, left):
                at = number
                while at > 0 and _width(day, bank[at]) < _width(day, bank[at - 1]):
                    bank[at], bank[at - 1] = bank[at - 1], bank[at]
                    at -= 1
        left = _recreate(day, bank, left, routes, lengths, used, costs, trace, where, 0.02)
        new = costs.sum() + left * day.knobs[UNSERVED]
        slack = temperature * (1 - iteration / iterations)
        if new < cost + slack:
            cost = new
            _copy(lengths, kept_lengths)
            _copy(costs, kept_costs)
            for vehicle in range(vehicles):
                _copy_row(routes, kept_routes, vehicle)
                _copy_row(used, kept_used, vehicle)
            _copy(where, kept_where)
            _copy(bank, kept_bank)
            kept_left = left
            if new < best:
                best = new
                _copy(lengths, best_lengths)
                for vehicle in range(vehicles):
                    _copy_row(routes, best_routes, vehicle)
        else:
            for vehicle in range(vehicles):
                changed = touched[vehicle] or lengths[vehicle] != kept_lengths[vehicle]
                if changed or costs[vehicle] != kept_costs[vehicle]:
                    _copy_row(kept_routes, routes, vehicle)
                    _copy_row(kept_used, used, vehicle)
                    lengths[vehicle], costs[vehicle] = kept_lengths[vehicle], kept_costs[vehicle]
                    _trace(day, routes, lengths, vehicle, trace)
            _copy(kept_where, where)
            _copy(kept_bank, bank)
            left = kept_left
    _copy(best_lengths, lengths)
    for vehicle in range(vehicles):
        _copy_row(best_routes, routes, vehicle)
    return best


@numba.njit(cache=True)
def _width(day, order):  # type: ignore[no-untyped-def]
    return day.closes[order] - day.opens[order]


@numba.njit(cache=True)
def sequence_greedily(day, stops, count, vehicle, order_out):  # type: ignore[no-untyped-def]
    """A dispatcher's sequence: next is the stop at which work can begin first."""
    depot = day.seconds.shape[0] - 1
    pace, clock, place = day.prices[day.fleet[vehicle], PACE], float(day.starts[vehicle]), depot
    open_stop = np.ones(count, dtype=np.bool_)
    for step in range(count):
        best, chosen = 1e18, -1
        hour = min(LAST_HOUR, int(clock * HOUR))
        for number in range(count):
            if open_stop[number]:
                order = stops[number]
                begin = max(clock + day.seconds[place, order] * day.hour_factor[hour] * pace, day.opens[order])
                # of two that can begin at once, the nearer
                begin += 0.01 * day.seconds[place, order]
                if begin < best:
                    best, chosen = begin, number
        open_stop[chosen] = False
        order = stops[chosen]
        order_out[step] = order
        arrive = clock + day.seconds[place, order] * day.hour_factor[hour] * pace
        clock = max(arrive, day.opens[order]) + day.door_s[order] * pace
        place = order


@numba.njit(cache=True)
def cheaper_elsewhere(day, routes, lengths, least):  # type: ignore[no-untyped-def]
    """Orders that another fleet's vehicle with room would have served for less, by more than ``least``.

    Each is taken out of its route and put in the cheapest place of every other fleet; all rules hold, whoever was
    allowed to decide. Counts orders one at a time (not together).
    """
    vehicles = len(lengths)
    used, costs = np.zeros((vehicles, 3), dtype=np.int64), np.zeros(vehicles)
    row = np.empty(routes.shape[1] + 1, dtype=np.int64)
    trace = np.zeros((vehicles, routes.shape[1], 3))
    for vehicle in range(vehicles):
        for position in range(lengths[vehicle]):
            _load(day, routes[vehicle, position], vehicle, used, 1)
        costs[vehicle] = route_cost(day, routes[vehicle], lengths[vehicle], vehicle)
        _trace(day, routes, lengths, vehicle, trace)
    found, saved = 0, 0.0
    others = np.empty(vehicles, dtype=np.int64)
    for vehicle in range(vehicles):
        length = lengths[vehicle]
        for position in range(length):
            order = routes[vehicle, position]
            for place in range(length - 1):
                row[place] = routes[vehicle, place if place < position else place + 1]
            saving = costs[vehicle] - route_cost(day, row, length - 1, vehicle)
            _copy(lengths, others)
            for other in range(vehicles):
                if day.fleet[other] == day.fleet[vehicle]:
                    others[other] = routes.shape[1]
            extra, taker, _ = best_place(day, order, routes, others, used, costs, trace, 0.0)
            if taker >= 0 and extra < saving - least:
                found += 1
                saved += saving - extra
    return found, saved


@numba.njit(cache=True)
def schedule(day, sequence, length, place, clock, pace):  # type: ignore[no-untyped-def]
    """Believed seconds of arrival and beginning of ``sequence[:length]`` from ``place`` at ``clock``."""
    arrive, begin = np.empty(length), np.empty(length)
    for at in range(length):
        order = sequence[at]
        hour = min(LAST_HOUR, max(0, int(clock * HOUR)))
        clock += day.seconds[place, order] * day.hour_factor[hour] * pace
        arrive[at] = clock
        begin[at] = max(clock, day.opens[order])
        clock = begin[at] + day.door_s[order] * pace
        place = order
    return arrive, begin
