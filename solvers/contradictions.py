"""Instances that contradict each other, or ask for what cannot be: said before anything is planned.

``contradictions(problem)`` finds what can be seen without a search: rules that no plan keeps, rules that rule each
other out, orders that no vehicle may serve, locks that a rule forbids. Each finding names the instances, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from solvers.families import REGISTRY, complete
from solvers.families.base import applies_to_vehicle, many, number
from solvers.problem import Order, PlanningProblem, Rule, Vehicle
from solvers.softened import clock_words

MOST = 200
"""Findings reported at most."""
MOST_PAIRS = 3_000_000
"""Rules x orders x vehicles up to which every pair is looked at (about a second)."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Instances that cannot all be kept.

    Attributes:
        instances: ids of rules, orders, vehicles and locks (``rule r1``, ``order o7``, ``lock of v2``).
        words: what each asks for, and why not both.
        severity: ``error``: no plan keeps them, not even one without routes; ``warning``: some orders cannot be served
            or some vehicles not used, or a rule has no effect.
    """

    instances: tuple[str, ...]
    words: str
    severity: str = "error"

    def __str__(self) -> str:
        return f"{', '.join(self.instances)}: {self.words}"


def contradictions(problem: PlanningProblem) -> tuple[Contradiction, ...]:
    """What of ``problem`` cannot all be kept, errors first; an empty tuple does not prove that a plan exists."""
    hard = [complete(rule) for rule in problem.rules if rule.hard]
    found: list[Contradiction] = []
    for source in (
        _alone(hard, problem),
        _volumes(hard),
        _sequences(hard),
        _together(hard),
        _times(hard, problem),
        _unserveable(hard, problem),
        _locks(hard, problem),
        _windows(problem),
        _roads(problem),
    ):
        for one in source:
            if len(found) >= MOST:
                break
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.severity))


def _named(*rules: Rule) -> tuple[str, ...]:
    return tuple(f"rule {rule.rule_id}" for rule in rules)


def _alone(rules: Sequence[Rule], problem: PlanningProblem) -> Iterator[Contradiction]:
    """Rules that no plan of the problem keeps."""
    parcels = sum(order.load.parcels for order in problem.orders)
    for rule in rules:
        concerned = [v for v in problem.vehicles if applies_to_vehicle(rule, v)]
        if rule.type == "min_vehicles" and number(rule, "limit") > len(concerned):
            words = f"asks for {number(rule, 'limit')} vehicles in use, it concerns {len(concerned)}"
            yield Contradiction(_named(rule), words)
        if rule.type in {"min_volume", "max_volume"}:
            already, limit = number(rule, "already"), number(rule, "limit")
            most = {"orders": len(rule.orders or problem.orders), "parcels": parcels}.get(
                str(rule.parameters["measure"])
            )
            if rule.type == "max_volume" and already > limit:
                yield Contradiction(_named(rule), f"{already} are used already, at most {limit} may be")
            if rule.type == "min_volume" and most is not None and already + most < limit:
                yield Contradiction(_named(rule), f"asks for {limit}; all orders of the day make {already + most}")
        if rule.type in {"min_share", "max_share"} and number(rule, "percent") > 100:
            yield Contradiction(_named(rule), f"asks for {number(rule, 'percent')} percent", "warning")
        if rule.type == "departure_waves" and not many(rule.parameters["waves"]):
            yield Contradiction(_named(rule), "names no wave", "warning")
        start, end = rule.parameters.get("start_s"), rule.parameters.get("end_s")
        if isinstance(start, int) and isinstance(end, int) and start > end:
            words = f"begins at {clock_words(start)}, after it ends at {clock_words(end)}"
            yield Contradiction(_named(rule), words, "warning")


def _scope_meets(one: Rule, other: Rule) -> bool:
    """Whether some route may be concerned by both."""
    vehicles = not one.vehicles or not other.vehicles or bool(one.vehicles & other.vehicles)
    return vehicles and (not one.fleets or not other.fleets or bool(one.fleets & other.fleets))


def _same_scope(one: Rule, other: Rule) -> bool:
    return (one.orders, one.vehicles, one.fleets) == (other.orders, other.vehicles, other.fleets)


BOUNDS = (
    ("min_volume", "max_volume", "limit"),
    ("min_share", "max_share", "percent"),
    ("min_vehicles", "max_vehicles", "limit"),
    ("min_stops", "max_stops", "limit"),
    ("min_duration", "max_duration", "limit_s"),
    ("min_spend", "max_spend", "limit_minor"),
)


def _volumes(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """A lower bound above an upper one of the same scope and measure."""
    for least, most, name in BOUNDS:
        for low in (one for one in rules if one.type == least):
            for high in (one for one in rules if one.type == most and _same_scope(one, low)):
                same = low.parameters.get("measure") == high.parameters.get("measure")
                if same and number(low, name) > number(high, name):
                    words = f"at least {number(low, name)} and at most {number(high, name)}"
                    of_routes = REGISTRY[least].scope == "route" or least == "min_share"
                    yield Contradiction(_named(low, high), words, "warning" if of_routes else "error")


def _sequences(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """Precedences in a circle; an order that must be first and last; first ones that must follow others."""
    before: dict[tuple[str, str], Rule] = {}
    for rule in rules:
        if rule.type in {"precedence", "consecutive"}:
            listed = [str(one) for one in many(rule.parameters["sequence"])]
            for first, second in combinations(listed, 2):
                other = before.get((second, first))
                if other is not None and (rule.type == "precedence" or other.type == "precedence"):
                    words = f"order {first} before {second}, and {second} before {first}: they cannot ride together"
                    yield Contradiction(tuple(dict.fromkeys(_named(other, rule))), words, "warning")
                    break
                if rule.type == "precedence":
                    before[first, second] = rule
    for one in (rule for rule in rules if rule.type == "served_first"):
        for other in (rule for rule in rules if rule.type == "served_last"):
            both = one.orders & other.orders
            if both:
                words = f"order {min(both)} must come first and last: it must ride alone"
                yield Contradiction(_named(one, other), words, "warning")


def _together(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """Orders that must ride together and must not."""
    for one in (rule for rule in rules if rule.type == "same_vehicle"):
        for other in rules:
            if other.type in {"different_vehicles", "orders_apart"} and not other.vehicles and not other.fleets:
                both = sorted(one.orders & other.orders)
                if len(both) > 1:
                    words = f"orders {both[0]} and {both[1]} on one vehicle, and on different ones"
                    yield Contradiction(_named(one, other), words, "warning")


def _times(rules: Sequence[Rule], problem: PlanningProblem) -> Iterator[Contradiction]:
    """Hard moments that leave no time: of one order, of one vehicle."""
    windows = [rule for rule in rules if rule.type == "window"]
    for one, other in combinations(windows, 2):
        meets = not one.orders or not other.orders or one.orders & other.orders
        late, early = (
            max(number(one, "start_s"), number(other, "start_s")),
            min(number(one, "end_s"), number(other, "end_s")),
        )
        if meets and _scope_meets(one, other) and late > early:
            yield Contradiction(_named(one, other), "windows of the same orders do not meet", "warning")
    by_id = {order.order_id: order for order in problem.orders}
    for rule in windows:
        if rule.vehicles or rule.fleets:
            continue
        for order_id in sorted(rule.orders):
            order = by_id[order_id]
            if order.windows and not any(
                w.start_s <= number(rule, "end_s") and number(rule, "start_s") <= w.end_s for w in order.windows
            ):
                words = "the order's own windows lie outside the rule's"
                yield Contradiction((*_named(rule), f"order {order_id}"), words, "warning")
    outs = [rule for rule in rules if rule.type in {"earliest_departure", "latest_departure", "latest_return"}]
    for out in (rule for rule in outs if rule.type == "earliest_departure"):
        for back in (rule for rule in outs if rule.type != "earliest_departure"):
            limit = number(back, "end_s" if back.type == "latest_return" else "start_s")
            if _scope_meets(out, back) and number(out, "start_s") > limit:
                words = f"no departure before {clock_words(number(out, 'start_s'))}, yet over by {clock_words(limit)}"
                yield Contradiction(_named(out, back), words, "warning")


def _unserveable(rules: Sequence[Rule], problem: PlanningProblem) -> Iterator[Contradiction]:
    """Orders that hard rules keep from every vehicle: a minimal set of these rules."""
    pairs = [(rule, kind.pair) for rule in rules if (kind := REGISTRY[rule.type]).pair is not None]
    if not pairs or len(pairs) * len(problem.orders) * len(problem.vehicles) > MOST_PAIRS:
        return

    def stopped(rule: Rule, measure: object, vehicle: Vehicle, order: Order) -> bool:
        if (rule.orders and order.order_id not in rule.orders) or not applies_to_vehicle(rule, vehicle):
            return False
        return bool(measure(rule, vehicle, order))  # type: ignore[operator]

    told: set[tuple[str, ...]] = set()
    for order in problem.orders:
        own = [v for v in problem.vehicles if order.depot_id in {"", v.depot_id}]
        guilty = {
            v.vehicle_id: {n for n, (rule, measure) in enumerate(pairs) if stopped(rule, measure, v, order)}
            for v in own
        }
        if not own or not all(guilty.values()):
            continue
        kept = set().union(*guilty.values())
        for one in sorted(kept, reverse=True):
            if all(reasons & (kept - {one}) for reasons in guilty.values()):
                kept.discard(one)
        names = _named(*(pairs[n][0] for n in sorted(kept)))
        if names in told:
            continue
        told.add(names)
        words = f"together they keep order {order.order_id} from all {len(own)} vehicles"
        yield Contradiction((*names, f"order {order.order_id}"), words, "warning")


def _locks(rules: Sequence[Rule], problem: PlanningProblem) -> Iterator[Contradiction]:
    """Locks that ask for what a rule forbids."""
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    for lock in problem.locks:
        vehicle, name = vehicles[lock.vehicle_id], f"lock of {lock.vehicle_id}"
        for rule in rules:
            kind = REGISTRY[rule.type]
            if kind.pair is not None and applies_to_vehicle(rule, vehicle):
                for one in lock.orders:
                    if (not rule.orders or one in rule.orders) and kind.pair(rule, vehicle, orders[one]):
                        words = f"order {one} is locked to a vehicle that may not serve it ({kind.words})"
                        yield Contradiction((*_named(rule), name), words)
                        break
            if rule.type == "precedence" and lock.level != "vehicle":
                at = [lock.orders.index(str(one)) for one in many(rule.parameters["sequence"]) if one in lock.orders]
                if at != sorted(at):
                    yield Contradiction((*_named(rule), name), "the locked sequence is not the rule's")
        if lock.level == "all" and lock.start_s is not None and lock.start_s < vehicle.start_s:
            words = f"leaves at {clock_words(lock.start_s)}, the shift begins at {clock_words(vehicle.start_s)}"
            yield Contradiction((name,), words)


def _windows(problem: PlanningProblem) -> Iterator[Contradiction]:
    """Orders whose windows no shift reaches, loads that no vehicle carries, days without vehicles."""
    if problem.orders and not problem.vehicles:
        yield Contradiction(("vehicles",), "there are orders but no vehicle", "warning")
        return
    depots = {order.depot_id for order in problem.orders}
    of_depot = {depot: [v for v in problem.vehicles if depot in {"", v.depot_id}] for depot in depots}
    begins = {depot: min((v.start_s for v in own), default=0) for depot, own in of_depot.items()}
    ends = {depot: max((v.end_s for v in own), default=0) for depot, own in of_depot.items()}
    sizes = {depot: {v.capacity.amounts() for v in own} for depot, own in of_depot.items()}
    for order in problem.orders:
        name, depot = (f"order {order.order_id}",), order.depot_id
        if not of_depot[depot]:
            yield Contradiction(name, f"no vehicle starts from depot {depot}", "warning")
            continue
        first, last = begins[depot], ends[depot]
        if order.windows and all(w.start_s > last or w.end_s < first for w in order.windows):
            words = f"its windows lie outside every shift ({clock_words(first)} to {clock_words(last)})"
            yield Contradiction(name, words, "warning")
        amounts = order.load.amounts()
        if not any(all(a <= c for a, c in zip(amounts, size, strict=False)) for size in sizes[depot]):
            yield Contradiction(name, "is larger than every vehicle", "warning")


SAMPLE = 150
"""Places whose legs are compared with detours."""
SHORTER = 0.9
SHORTER_S = 300
"""A detour is worth a warning where it takes less than this share of the leg, and so much less."""
UNEQUAL = 10


def _roads(problem: PlanningProblem) -> Iterator[Contradiction]:
    """Legs that a detour beats by far, or that take many times their way back: matrices filled in by mistake."""
    for name, travel in (("travel", problem.travel), *problem.profiles.items()):
        seconds = travel.duration_s
        if travel.size > SAMPLE:
            pick = np.linspace(0, travel.size - 1, SAMPLE).astype(np.int64)
            seconds = seconds[np.ix_(pick, pick)]
        else:
            pick = np.arange(travel.size)
        if not seconds.size:
            continue
        best, over = seconds.copy(), np.full(seconds.shape, -1)
        for k in range(len(pick)):
            through = seconds[:, [k]] + seconds[[k], :]
            over = np.where(through < best, k, over)
            best = np.minimum(best, through)
        bad = (best < SHORTER * seconds) & (best + SHORTER_S < seconds)
        if bad.any():
            a, b = np.unravel_index(int(np.argmax(np.where(bad, seconds - best, -1))), bad.shape)
            words = (
                f"the leg from place {pick[a]} to {pick[b]} takes {seconds[a, b]} s, the detour over place "
                f"{pick[over[a, b]]} {best[a, b]} s ({int(bad.sum())} such legs): quickest ways were meant?"
            )
            yield Contradiction((f"{name}.duration_s",), words, "warning")
        unequal = (seconds > UNEQUAL * seconds.T) & (seconds > seconds.T + SHORTER_S)
        if unequal.any():
            a, b = np.unravel_index(int(np.argmax(np.where(unequal, seconds - seconds.T, -1))), unequal.shape)
            words = f"place {pick[a]} to {pick[b]} takes {seconds[a, b]} s, the way back {seconds[b, a]} s"
            yield Contradiction((f"{name}.duration_s",), words, "warning")
