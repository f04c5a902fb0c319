"""A played day gone through again from its log and the day's files alone: neither the referee nor a solver is asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.pickup_days import APPROACH_S, QUARTER_S, PickupDay, Visit, pieces_of


def check(day: PickupDay, log: Sequence[Sequence[Visit]]) -> list[str]:
    """What is broken, in words: lost or doubled orders, stacks, loads, times, ports, orders not yet created."""
    broken: list[str] = []
    pieces = pieces_of(day.orders, min(day.capacity))
    picked: dict[int, int] = {}
    dropped: dict[int, int] = {}
    for vehicle, visits in enumerate(log):
        stack: list[int] = []
        place, free_s = day.start[vehicle], 0
        for visit in visits:
            where = f"vehicle {vehicle} at place {visit.place}, {visit.arrive_s} s"
            if visit.arrive_s < free_s + day.seconds[place, visit.place]:
                broken.append(f"{where}: faster than the road")
            handled = 0
            for n in visit.off:
                handled += pieces[n].size
                if not stack or stack.pop() != n:
                    broken.append(f"{where}: piece {n} is not on top")
                if day.orders[pieces[n].order].drop != visit.place:
                    broken.append(f"{where}: piece {n} belongs elsewhere")
                if n in dropped:
                    broken.append(f"{where}: piece {n} is delivered twice")
                dropped[n] = visit.arrive_s
            for n in visit.on:
                handled += pieces[n].size
                order = day.orders[pieces[n].order]
                if order.pick != visit.place:
                    broken.append(f"{where}: piece {n} does not lie here")
                if order.created_s > visit.arrive_s:
                    broken.append(f"{where}: piece {n} is not ordered before {order.created_s} s")
                if n in picked:
                    broken.append(f"{where}: piece {n} is picked up twice")
                picked[n] = visit.arrive_s
                stack.append(n)
                if sum(pieces[m].size for m in stack) > day.capacity[vehicle]:
                    broken.append(f"{where}: more than it can carry")
            if visit.begin_s < visit.arrive_s or visit.leave_s != visit.begin_s + APPROACH_S + QUARTER_S * handled:
                broken.append(f"{where}: the visit does not last what it must")
            place, free_s = visit.place, visit.leave_s
        if stack:
            broken.append(f"vehicle {vehicle}: {len(stack)} pieces stay on board")
    broken += [f"order {day.orders[one.order].order_id} is lost" for n, one in enumerate(pieces) if n not in dropped]
    return broken + _queues(day, log)


def _queues(day: PickupDay, log: Sequence[Sequence[Visit]]) -> list[str]:
    """Ports are never more than a factory has, and nobody is served before one who came earlier."""
    broken: list[str] = []
    by_place: dict[int, list[Visit]] = {}
    for visits in log:
        for visit in visits:
            by_place.setdefault(visit.place, []).append(visit)
    for place, visits in by_place.items():
        changes = sorted([(one.begin_s, 1) for one in visits] + [(one.leave_s, -1) for one in visits])
        busy = most = 0
        for _, change in changes:
            busy += change
            most = max(most, busy)
        if most > day.ports[place]:
            broken.append(f"place {place}: {most} vehicles at {day.ports[place]} ports")
        came = sorted(visits, key=lambda one: (one.arrive_s, one.begin_s))
        if any(a.begin_s > b.begin_s for a, b in pairwise(came) if a.arrive_s < b.arrive_s):
            broken.append(f"place {place}: somebody is served before one who came earlier")
    return broken
